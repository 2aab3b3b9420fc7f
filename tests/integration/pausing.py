# SPDX-License-Identifier: Apache-2.0
#
# PAUSE, RESUME and RECONNECT on the console: what waits, what is closed and when, what is answered, and what ends a wait.

import contextlib
import json
import signal
import threading
import time
import unittest

import psycopg2

import processes
from cluster import PASSWORD
from fixture import ProxyTest, shared_cluster
from penstock import Penstock
from pgwire import Gone, ServerError, Wire, cancel_request, query
from wait import patience, stays_true, wait_until


class Paused(ProxyTest):
    """Nothing is paused when a test ends."""

    settings = {"database": [{"name": "*", "cluster": "main"}, {"name": "shop", "cluster": "main", "server_database": "app"}]}

    def tearDown(self):
        for command in ("RESUME", "RESUME app", "RESUME shop"):
            with contextlib.suppress(psycopg2.Error):
                self.penstock.order(command)

    def refusal(self, command, user="app"):
        """(SQLSTATE, text) of the error that a console command gives."""
        with self.assertRaises(psycopg2.Error) as refused:
            self.penstock.order(command, user)
        return refused.exception.pgcode, str(refused.exception).strip()

    def asks(self, wire, text="select 1"):
        wire.send(query(text))
        return wire

    def is_answered(self, wire):
        messages = wire.until_ready()
        return [m.type for m in messages if m.type in "DE"] == ["D"]

    def waiting(self):
        return sum(int(row["cl_waiting"]) for row in self.penstock.console("SHOW POOLS"))

    def cancel(self, wire):
        with contextlib.closing(self.penstock.raw()) as messenger, contextlib.suppress(Gone):
            messenger.send(cancel_request(wire.process_id, wire.cancel_key))
            messenger.receive_exactly(1)


class Pausing(Paused):
    def test_new_work_waits_and_goes_on_with_resume(self):
        wires = [self.wire() for _ in range(8)]
        for wire in wires:
            self.assert_works(wire)
        self.assertEqual(self.penstock.order("PAUSE"), "PAUSE")
        self.assertEqual(self.server.backends(), [], "no server connection is left when PAUSE is answered")
        for wire in wires:
            self.asks(wire)
        wait_until(lambda: self.waiting() == 8, "all wait")
        stays_true(lambda: self.server.backends() == [], "nothing is opened", 0.3)
        self.assertEqual(self.penstock.order("RESUME"), "RESUME")
        self.assertTrue(all(self.is_answered(wire) for wire in wires))

    def test_it_is_answered_when_the_last_transaction_has_ended(self):
        busy, idle, operator = self.wire(), self.wire(), self.wire(database="pgbouncer")
        busy.simple("begin")
        self.assert_works(idle)
        self.asks(operator, "PAUSE app;")
        wait_until(lambda: len(self.server.backends()) == 1, "idle connections are closed at once")
        self.asks(idle)
        self.assertEqual(busy.simple("select 7"), [("7",)], "a transaction under way goes on")
        operator.socket.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            operator.next()
        operator.socket.settimeout(patience(20))
        busy.simple("commit")
        self.assertEqual(operator.expect("C Z")[0].text(), "PAUSE")
        self.assertEqual(self.server.backends(), [])
        self.asks(busy)
        self.penstock.order("RESUME app")
        self.assertTrue(self.is_answered(busy))
        self.assertTrue(self.is_answered(idle))

    def test_one_database_is_paused_and_the_others_go_on(self):
        self.server.sql("drop database if exists other_app")
        self.server.sql("create database other_app owner app")
        self.penstock.order("PAUSE app")
        with contextlib.closing(self.penstock.wire(database="other_app")) as other:
            self.assert_works(other)
        shown = {row["name"]: row["paused"] for row in self.penstock.console("SHOW DATABASES")}
        self.assertEqual(shown["other_app"], 0)
        self.assertEqual(shown["shop"], 1, "it has the same connections")
        self.penstock.order("RESUME app")

    def test_it_is_shown(self):
        self.assert_works(self.wire())
        self.penstock.order("PAUSE")
        self.assertEqual({row["paused"] for row in self.penstock.console("SHOW DATABASES")}, {1})
        self.assertIn(("paused", "yes"), {(row["key"], row["value"]) for row in self.penstock.console("SHOW STATE")})
        self.assertEqual([row["paused"] for row in self.penstock.console("SHOW EXTENDED POOLS") if row["user"] == "app"], [1])
        stats = json.loads(self.penstock.http("/stats")[1])
        self.assertEqual({row["paused"] for row in stats["databases"]}, {1})
        self.assertEqual({row["paused"] for row in stats["pools"] if row["user"] == "app"}, {1})
        self.assertEqual(self.penstock.http("/ready"), (200, "ready\nall databases are paused\n"))
        self.assertEqual(set(self.penstock.counted("penstock_pool_paused", "user").values()), {1})
        self.penstock.order("RESUME")
        self.assertEqual(self.penstock.http("/ready"), (200, "ready\n"))

    def test_who_logs_in_meanwhile_waits_and_is_let_in(self):
        self.penstock.order("PAUSE")
        made = []

        def log_in():
            with contextlib.closing(self.penstock.wire(search_path=f"pg_catalog,made_{time.time_ns()}")) as wire:
                made.append(wire.simple("select 6 * 7"))
        client = threading.Thread(target=log_in)
        client.start()
        wait_until(lambda: self.waiting() == 1 or made, "it waits")
        self.assertEqual(made, [])
        self.penstock.order("RESUME")
        client.join()
        self.assertEqual(made, [[("42",)]])

    def test_a_session_that_is_pinned_keeps_its_connection_until_it_leaves(self):
        pinned, operator = self.wire(), self.wire(database="pgbouncer")
        pinned.simple("create temporary table mine (n int)")
        self.asks(operator, "PAUSE")
        wait_until(lambda: self.penstock.http("/ready")[1] != "ready\n", "the pause has begun")
        pinned.simple("insert into mine values (1)")
        pinned.close()
        self.assertEqual(operator.expect("C Z")[0].text(), "PAUSE")

    def test_a_cancelled_wait_for_a_connection_ends_and_the_session_goes_on(self):
        wire = self.wire()
        self.assert_works(wire)
        self.penstock.order("PAUSE")
        self.asks(wire)
        wait_until(lambda: self.waiting() == 1, "it waits")
        self.cancel(wire)
        self.assertEqual([m.fields()["C"] for m in wire.until_ready() if m.type == "E"], ["57014"])
        self.asks(wire)
        self.penstock.order("RESUME")
        self.assertTrue(self.is_answered(wire))

    def test_a_reload_keeps_it(self):
        wire = self.wire()
        self.assert_works(wire)
        self.penstock.order("PAUSE app")
        self.penstock.order("RELOAD")
        self.asks(wire)
        wait_until(lambda: self.waiting() == 1, "it waits")
        stays_true(lambda: self.server.backends() == [], "nothing is opened", 0.3)
        self.penstock.order("RESUME app")
        self.assertTrue(self.is_answered(wire))


class PauseThatIsGivenUp(Paused):
    """Whoever gave the order did not see it done, so it is none."""

    def begin(self):
        self.busy = self.wire()
        self.busy.simple("begin; select 1")
        operator = self.wire(database="pgbouncer")
        self.asks(operator, "PAUSE")
        wait_until(lambda: self.penstock.http("/ready")[1] != "ready\n", "the pause has begun")
        return operator

    def assert_taken_back(self):
        wait_until(lambda: self.penstock.http("/ready")[1] == "ready\n", "it is taken back")
        self.assert_others_unaffected()

    def test_a_cancel_request_takes_it_back(self):
        operator = self.begin()
        self.cancel(operator)
        self.assertEqual([m.fields()["C"] for m in operator.until_ready() if m.type == "E"], ["57014"])
        self.assert_taken_back()
        self.busy.simple("commit")
        self.assertEqual(self.penstock.order("PAUSE"), "PAUSE")

    def test_a_wrong_key_does_not(self):
        operator = self.begin()
        operator.cancel_key = bytes(len(operator.cancel_key))
        self.cancel(operator)
        stays_true(lambda: self.penstock.http("/ready")[1] != "ready\n", "it is paused", 0.3)
        self.busy.simple("commit")
        self.assertEqual(operator.expect("C Z")[0].text(), "PAUSE")

    def test_the_operators_leaving_takes_it_back(self):
        self.begin().close()
        self.assert_taken_back()

    def test_resume_ends_it_with_an_error_to_who_waits(self):
        operator = self.begin()
        self.penstock.order("RESUME")
        self.assertEqual([m.fields()["C"] for m in operator.until_ready() if m.type == "E"], ["55000"])
        self.assert_taken_back()


class Answers(Paused):
    settings = {"database": [{"name": "app", "cluster": "main"}, {"name": "shop", "cluster": "main", "server_database": "app"}]}

    def test_what_cannot_be_done_is_refused_in_pgbouncers_words(self):
        self.assertEqual(self.refusal("RESUME"), ("55000", "pooler is not paused/suspended"))
        self.assertEqual(self.refusal("RESUME app"), ("55000", "database app is not paused"))
        for verb in ("PAUSE", "RESUME", "RECONNECT"):
            self.assertEqual(self.refusal(f"{verb} nowhere"), ("3D000", "no such database: nowhere"))
            self.assertEqual(self.refusal(f"{verb} app", "other")[0], "42501")
            self.assertEqual(self.refusal(f"{verb} app shop")[0], "42601")
        self.assertEqual(self.refusal("PAUSE pgbouncer"), ("55000", "cannot pause admin db: pgbouncer"))
        self.penstock.order("PAUSE")
        self.assertEqual(self.refusal("PAUSE"), ("55000", "already suspended/paused"))

    def test_a_database_that_is_paused_can_be_paused_again(self):
        self.assertEqual(self.penstock.order('pause "app";'), "PAUSE")
        self.assertEqual(self.penstock.order("PAUSE app"), "PAUSE")
        self.assertEqual(self.penstock.order("RESUME app"), "RESUME")
        self.assert_others_unaffected()


class Reconnecting(Paused):
    def test_each_connection_is_closed_when_it_is_released_next(self):
        busy, idle = self.wire(), self.wire()
        busy.simple("begin")
        held = busy.simple("select pg_backend_pid()")
        before = idle.simple("select pg_backend_pid()")
        self.assertNotEqual(held, before)
        self.assertEqual(self.penstock.order("RECONNECT app"), "RECONNECT")
        wait_until(lambda: idle.simple("select pg_backend_pid()") != before, "its worker has heard of it")
        self.assertEqual(busy.simple("select pg_backend_pid()"), held)
        busy.simple("commit")
        wait_until(lambda: int(held[0][0]) not in self.server.backends(), "it is closed")
        self.assert_works(busy)


class Patience(Paused):
    settings = {"pool": {"connection_borrow_timeout": f"{int(patience(500))}ms"}}  # the first connection is opened within it

    def test_who_waits_longer_than_the_borrow_timeout_gets_a_clear_error(self):
        wire = self.wire()
        self.assert_works(wire)
        self.penstock.order("PAUSE app")
        self.refused(lambda: wire.simple("select 1"), "57P03", "the database is paused")
        self.penstock.order("RESUME app")
        self.assert_works(wire)


class ConsoleAlone(unittest.TestCase):
    def test_an_address_of_its_own_gives_the_console_and_nothing_else(self):
        port = processes.free_port()
        penstock = Penstock(shared_cluster(), {"admin": {"console": [f"127.0.0.1:{port}"]}})
        penstock.console_port = port
        with penstock:
            self.assertIn("Penstock", penstock.console("SHOW VERSION")[0]["version"])
            with contextlib.closing(Wire(port)) as client, self.assertRaises(ServerError) as refused:
                client.log_in("app", "app", PASSWORD)
            self.assertEqual(refused.exception.sqlstate, "3D000")
            with contextlib.closing(Wire(port)) as client, self.assertRaises(ServerError) as refused:
                client.log_in("app", "pgbouncer", "wrong")
            self.assertEqual(refused.exception.sqlstate, "28P01")


class Ending(unittest.TestCase):
    def test_a_paused_process_drains_in_time(self):
        penstock = Penstock(shared_cluster(), {"drain_timeout": "3s"}).start()
        self.addCleanup(penstock.discard)
        wires = [penstock.wire() for _ in range(3)]
        for wire in wires:
            self.addCleanup(wire.close)
            wire.simple("select 1")
        penstock.order("PAUSE")
        operator = penstock.wire(database="pgbouncer")
        self.addCleanup(operator.close)
        for wire in wires[:2]:
            wire.send(query("select 1"))
        began = time.monotonic()
        penstock.stop(signal.SIGTERM)
        self.assertLess(time.monotonic() - began, patience(6))
        for wire in wires:
            self.assertIn("57P01", [m.fields()["C"] for m in wire.expect_end() if m.type == "E"])


if __name__ == "__main__":
    unittest.main()
