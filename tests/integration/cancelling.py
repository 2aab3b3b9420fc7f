# SPDX-License-Identifier: Apache-2.0
#
# Cancel requests: they end the query of the client whose key they carry, and never the next borrower's.

import contextlib
import threading
import unittest

from fixture import ProxyTest, sqlstate_of
from pgwire import PROTOCOL_3_2, SSL_REQUEST, Gone, cancel_request, query
from wait import stays_true, wait_until

SLEEP = "select pg_sleep(30)"


class Cancelling(ProxyTest):
    pool_size = 2

    def request_cancel(self, process_id, key):
        wire = self.raw()
        wire.send(cancel_request(process_id, key))
        with contextlib.suppress(Gone):
            wire.receive_exactly(1)
        wire.close()

    def wait_until_asleep(self, count=1):
        wait_until(lambda: self.server.sql("select count(*) from pg_stat_activity where query = %s and state = 'active'",
                                           (SLEEP,)) == [(count,)], f"{count} clients sleep")

    def test_a_query_is_cancelled(self):
        wire = self.wire()
        wire.send(query(SLEEP))
        self.wait_until_asleep()
        self.request_cancel(wire.process_id, wire.cancel_key)
        error, _ = self.error_and_ready(wire)
        self.assertEqual(error.fields()["C"], "57014")
        self.assert_works(wire)

    def error_and_ready(self, wire):
        messages = wire.until_ready()
        return [m for m in messages if m.type == "E"][0], wire.status

    def test_libpq_cancels(self):
        connection = self.connect()
        timer = threading.Thread(target=lambda: (self.wait_until_asleep(), connection.cancel()))
        timer.start()
        self.assertEqual(sqlstate_of(lambda: connection.cursor().execute(SLEEP)), "57014")
        timer.join()
        connection.cursor().execute("select 1")

    def test_long_keys_of_protocol_3_2(self):
        wire = self.wire(version=PROTOCOL_3_2)
        wire.send(query(SLEEP))
        self.wait_until_asleep()
        self.request_cancel(wire.process_id, wire.cancel_key[:4])
        self.request_cancel(wire.process_id, wire.cancel_key[:-1] + bytes([wire.cancel_key[-1] ^ 1]))
        stays_true(lambda: self.busy_backends(), "a wrong key cancels nothing", 0.3)
        self.request_cancel(wire.process_id, wire.cancel_key)
        self.assertEqual(self.error_and_ready(wire)[0].fields()["C"], "57014")

    def test_only_the_named_client_is_cancelled(self):
        one, two = self.wire(), self.wire()
        one.send(query(SLEEP))
        two.send(query(SLEEP))
        self.wait_until_asleep(2)
        self.request_cancel(one.process_id, one.cancel_key)
        self.assertEqual(self.error_and_ready(one)[0].fields()["C"], "57014")
        self.assertEqual(len(self.busy_backends()), 1)
        self.request_cancel(two.process_id, two.cancel_key)
        self.assertEqual(self.error_and_ready(two)[0].fields()["C"], "57014")

    def test_wrong_keys_do_nothing_and_say_nothing(self):
        wire = self.wire()
        wire.send(query(SLEEP))
        self.wait_until_asleep()
        wrong = bytes([wire.cancel_key[0] ^ 1]) + wire.cancel_key[1:]
        for process_id, key in ((wire.process_id, wrong), (wire.process_id + 1, wire.cancel_key), (0, b"\0\0\0\0"),
                                (wire.process_id, b""), (wire.process_id, b"x" * 256), (wire.process_id, b"x" * 300)):
            self.request_cancel(process_id, key)
        stays_true(lambda: self.busy_backends(), "the query is still running", 0.3)
        self.request_cancel(wire.process_id, wire.cancel_key)
        self.error_and_ready(wire)

    def test_a_cancel_of_an_idle_client_hits_nobody(self):
        idle = self.wire()
        idle.simple("select 1")
        busy = [self.wire() for _ in range(2)]
        for wire in busy:
            wire.send(query("select pg_sleep(0.4)"))
        for _ in range(10):
            self.request_cancel(idle.process_id, idle.cancel_key)
        for wire in busy:
            self.assertEqual([m.type for m in wire.until_ready()], list("TDC"))

    def test_a_cancel_that_comes_late_never_hits_the_next_borrower(self):
        """One client cancels just as its queries end; all others run short queries on the same two connections."""
        failures, stop = [], threading.Event()

        def bystander(number):
            with contextlib.closing(self.penstock.wire()) as wire:
                while not stop.is_set():
                    try:
                        wire.simple(f"select {number} from pg_sleep(0.002)")
                    except Exception as error:
                        failures.append(error)

        threads = [threading.Thread(target=bystander, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        try:
            wire = self.wire()
            for _ in range(60):
                wire.send(query("select pg_sleep(0.003)"))
                canceller = self.raw()
                canceller.send(cancel_request(wire.process_id, wire.cancel_key))
                wire.until_ready()
                canceller.close()
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual([str(error) for error in failures], [])

    def test_a_client_that_waits_for_a_connection_can_cancel(self):
        holders = [self.wire() for _ in range(2)]
        for holder in holders:
            holder.simple("begin")
        waiter = self.wire()
        waiter.send(query("select 'never needed'"))
        wait_until(lambda: any(int(row["cl_waiting"]) for row in self.penstock.console("SHOW POOLS")), "a client waits")
        self.request_cancel(waiter.process_id, waiter.cancel_key)
        self.assertEqual(self.error_and_ready(waiter)[0].fields()["C"], "57014")
        for holder in holders:
            holder.simple("commit")
        self.assert_works(waiter)

    def test_a_cancel_request_after_asking_for_tls(self):
        wire = self.wire()
        wire.send(query(SLEEP))
        self.wait_until_asleep()
        canceller = self.raw()
        canceller.send(SSL_REQUEST)
        self.assertEqual(canceller.receive_exactly(1), b"N")
        canceller.send(cancel_request(wire.process_id, wire.cancel_key))
        self.assertEqual(self.error_and_ready(wire)[0].fields()["C"], "57014")


if __name__ == "__main__":
    unittest.main()
