# SPDX-License-Identifier: Apache-2.0
#
# Clients that are slow, idle, gone or stuck: none of them can hold a server connection, or Penstock, for ever.

import contextlib
import unittest

import processes
from fixture import ProxyTest
from pgwire import Gone, query, startup
from wait import stays_true, wait_until


class Vanishing(ProxyTest):
    pool_size = 2

    def test_a_client_that_vanishes_during_a_long_query_frees_its_server(self):
        for leave in ("close", "reset"):
            wire = self.wire()
            wire.send(query("select pg_sleep(60)"))
            wait_until(lambda: self.busy_backends(), "the query runs")
            getattr(wire, leave)()
            wait_until(lambda: not self.busy_backends(), "the query is given up", 10)
        self.assert_others_unaffected()

    def test_a_client_that_vanishes_while_waiting_leaves_the_queue(self):
        holders = [self.wire() for _ in range(2)]
        for holder in holders:
            holder.simple("begin")
        waiter, next_one = self.wire(), self.wire()
        waiter.send(query("create table must_not_exist(x int)"))
        wait_until(lambda: self.waiting() == 1, "one waits")
        waiter.close()
        wait_until(lambda: self.waiting() == 0, "nobody waits", 10)
        holders[0].simple("commit")
        self.assert_works(next_one)
        self.assertEqual(self.server.sql("select to_regclass('must_not_exist')"), [(None,)])
        holders[1].simple("commit")

    def waiting(self):
        return sum(int(row["cl_waiting"]) for row in self.penstock.console("SHOW POOLS") if row["user"] == "app")

    def test_clients_that_come_and_go_leave_no_descriptors(self):
        self.assert_works(self.wire())
        settled = processes.open_descriptors(self.penstock.pid)
        for number in range(200):
            wire = self.penstock.raw()
            if number % 3 == 1:
                wire.send(startup({"user": "app", "database": "app"})[:10 + number % 20])
            elif number % 3 == 2:
                wire.log_in("app", "app", "correct horse")
                wire.send(query("select 1"))
            (wire.reset if number % 2 else wire.close)()
        wait_until(lambda: processes.open_descriptors(self.penstock.pid) <= settled + 2, "all descriptors are closed")
        self.assert_others_unaffected()

    def test_half_a_login_holds_nobody_up(self):
        stuck = [self.raw() for _ in range(50)]
        for number, wire in enumerate(stuck):
            wire.send(startup({"user": "app", "database": "app"})[:number % 20 + 1])
        self.assert_others_unaffected()


class Timeouts(ProxyTest):
    pool_size = 2
    settings = {"clients": {"client_login_timeout": "1s", "idle_client_timeout": "1s", "idle_transaction_timeout": "1s",
                            "client_write_timeout": "1s"}}

    def assert_told_and_closed(self, wire, sqlstate, seconds=8):
        wire.socket.settimeout(seconds)
        errors = [m for m in wire.expect_end() if m.type == "E"]
        self.assertEqual([m.fields()["C"] for m in errors], [sqlstate])
        self.assertEqual(errors[0].fields()["S"], "FATAL")

    def test_login_takes_too_long(self):
        wire = self.raw()
        wire.send(startup({"user": "app", "database": "app"}))
        wire.expect("R")
        self.assert_told_and_closed(wire, "57014")

    def test_a_connection_that_says_nothing(self):
        wire = self.raw()
        wire.socket.settimeout(8)
        wire.expect_end()

    def test_an_idle_client(self):
        self.assert_told_and_closed(self.wire(), "57P05")

    def test_an_idle_transaction_and_its_server(self):
        wire = self.wire()
        wire.simple("begin; create table half_done(x int)")
        self.assert_told_and_closed(wire, "25P03")
        self.wait_for_no_lease()
        self.assertEqual(self.server.sql("select to_regclass('half_done')"), [(None,)])
        self.assert_others_unaffected()

    def test_a_running_query_is_not_idle(self):
        wire = self.wire()
        wire.simple("select pg_sleep(2.5)")
        wire.simple("begin")
        wire.simple("select pg_sleep(2.5)")
        wire.simple("commit")

    def test_a_client_that_does_not_take_its_rows(self):
        wire = self.wire(receive_buffer=4096)
        wire.send(query("select repeat('x', 1000) from generate_series(1, 100000)"))
        wait_until(lambda: self.busy_backends(), "the server is stuck behind the client")
        wait_until(lambda: not self.busy_backends(), "the server is free again", 10)
        with contextlib.suppress(Gone):
            while True:
                wire.receive_exactly(4096)
        self.assert_others_unaffected()

    def test_a_client_that_reads_slowly_but_does_is_left_alone(self):
        wire = self.wire(receive_buffer=4096)
        wire.send(query("select repeat('x', 1000) from generate_series(1, 3000)"))
        wire.expect("T")
        rows = 0

        def read_some():
            nonlocal rows
            for _ in range(120):
                if wire.next().type == "D":
                    rows += 1
            return True
        stays_true(read_some, "rows come in", 0.4)
        while wire.next().type != "Z":
            rows += 1
        self.assertGreaterEqual(rows, 3000)


if __name__ == "__main__":
    unittest.main()
