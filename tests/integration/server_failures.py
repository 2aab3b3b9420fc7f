# SPDX-License-Identifier: Apache-2.0
#
# Servers that die, restart, refuse or are not there: only the exchange in flight is lost, the client keeps its session where it can, and
# nobody gets a connection that is dead.

import contextlib
import os
import signal
import threading
import unittest

import psycopg
import psycopg2

from cluster import PASSWORD, Cluster
from fixture import ProxyTest
from penstock import Penstock
from pgwire import SYNC, Gone, ServerError, bind, execute, parse, query
from processes import free_port
from wait import wait_until

LOST = {"57P01", "08006", "08007", "08001"}


class KilledBackends(ProxyTest):
    pool_size = 2

    def kill_backends(self):
        self.server.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'")
        wait_until(lambda: not self.server.backends(), "the backends are gone")

    def test_an_idle_connection_that_was_killed_is_not_handed_out(self):
        wire = self.wire()
        for _ in range(10):
            self.assert_works(wire)
            self.kill_backends()
            self.assert_works(wire)

    def test_a_query_in_flight_fails_and_the_session_goes_on(self):
        wire = self.wire()
        wire.send(query("select pg_sleep(30)"))
        wait_until(lambda: self.busy_backends(), "the query runs")
        self.kill_backends()
        errors = [m.fields()["C"] for m in wire.until_ready() if m.type == "E"]
        self.assertEqual(len(errors), 1)
        self.assertIn(errors[0], LOST)
        self.assert_works(wire)
        self.assert_others_unaffected()

    def test_a_transaction_that_lost_its_server_is_failed_until_it_is_ended(self):
        table = "lost_in_transaction"
        self.server.sql(f"drop table if exists {table}; create table {table}(n int); grant all on {table} to public")
        for request, status in (("rollback", "I"), ("commit", "I"), ("end", "I"), ("abort", "I")):
            with self.subTest(request):
                wire = self.wire()
                wire.simple(f"begin; insert into {table} values (1)")
                self.kill_backends()
                error = self.refused(lambda w=wire: w.simple(f"insert into {table} values (2)"))
                self.assertEqual((error.sqlstate, wire.status), ("08006", "E"))
                for refused in (f"insert into {table} values (3)", "savepoint a", "rollback to a", "select 1"):
                    error = self.refused(lambda w=wire, sql=refused: w.simple(sql))
                    self.assertEqual((error.sqlstate, wire.status), ("25P02", "E"))
                wire.simple(request)
                self.assertEqual(wire.status, status)
                self.assert_works(wire)
        self.assertEqual(self.server.sql(f"select count(*) from {table}"), [(0,)], "something ran outside its transaction")
        self.server.sql(f"drop table {table}")
        self.assert_others_unaffected()

    def test_a_commit_is_not_taken_for_one_that_succeeded(self):
        wire = self.wire()
        wire.simple("begin")
        self.kill_backends()
        error = self.refused(lambda: wire.simple("commit"))
        self.assertEqual((error.sqlstate, wire.status), ("08006", "I"))
        self.assert_works(wire)

    def test_drivers_see_a_failed_transaction(self):
        for module in (psycopg2, psycopg):
            with self.subTest(module.__name__), contextlib.closing(self.connect_with(module)) as connection:
                cursor = connection.cursor()
                cursor.execute("select pg_backend_pid()")
                self.kill_backends()
                with self.assertRaises(module.OperationalError) as caught:
                    cursor.execute("select 1")
                self.assertEqual(self.sqlstate(caught.exception), "08006")
                with self.assertRaises(module.errors.InFailedSqlTransaction):
                    connection.cursor().execute("select 1")
                connection.rollback()
                cursor = connection.cursor()
                cursor.execute("select 41 + 1")
                self.assertEqual(cursor.fetchone(), (42,))
                connection.commit()

    def test_drivers_may_roll_back_a_lost_transaction_without_having_heard_of_it(self):
        for module in (psycopg2, psycopg):
            with self.subTest(module.__name__), contextlib.closing(self.connect_with(module)) as connection:
                connection.cursor().execute("select 1")
                self.kill_backends()
                connection.rollback()
                cursor = connection.cursor()
                cursor.execute("select 41 + 1")
                self.assertEqual(cursor.fetchone(), (42,))

    def connect_with(self, module):
        return module.connect(host="127.0.0.1", port=self.penstock.port, user="app", dbname="app", password=PASSWORD)

    @staticmethod
    def sqlstate(error):
        return getattr(error, "sqlstate", None) or error.pgcode

    def test_a_pinned_session_ends_and_says_why(self):
        wire = self.wire()
        wire.simple("create temp table mine(n int)")
        self.kill_backends()
        errors = [m.fields() for m in wire.expect_end() if m.type == "E"]
        self.assertEqual([(each["S"], each["C"]) for each in errors], [("FATAL", "08006")])
        self.assertIn("temporary_object", errors[0]["M"])

    def test_only_the_dead_servers_client_notices(self):
        held, killed = self.wire(), self.wire()
        held.simple("begin")
        mine = held.simple("select pg_backend_pid()")
        killed.simple("begin")
        victim = int(killed.simple("select pg_backend_pid()")[0][0])
        self.server.sql("select pg_terminate_backend(%s)", (victim,))
        wait_until(lambda: victim not in self.server.backends(), "the backend is gone")
        self.assertEqual(held.simple("select pg_backend_pid()"), mine)
        held.simple("commit")

    def test_prepared_statements_survive_the_server(self):
        wire = self.wire()
        wire.send(parse("select $1::int", "s"), SYNC)
        wire.expect("1Z")
        wire.simple("set work_mem = '99kB'")
        self.kill_backends()
        wire.send(bind((5,), "s"), execute(), SYNC)
        self.assertEqual(wire.expect("2DCZ")[1].row(), [b"5"])
        self.assertEqual(wire.simple("show work_mem"), [("99kB",)])


class Restart(unittest.TestCase):
    """With a PostgreSQL of its own, which is stopped and started."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster().start()
        cls.addClassCleanup(cls.cluster.stop)
        cls.server = cls.cluster.primary

    def setUp(self):
        self.penstock = Penstock(self.cluster, {"pool": {"pool_size": 3, "connection_borrow_timeout": "3s",
                                                         "server_retry_longest": "500ms"}}).start()
        self.addCleanup(self.penstock.stop)

    def test_sessions_survive_a_restart(self):
        for how in (signal.SIGINT, signal.SIGQUIT):
            wire = self.penstock.wire()
            wire.simple("set app.tenant = 'kept'")
            self.assertEqual(wire.simple("show app.tenant"), [("kept",)])
            self.server.restart(how)
            wait_until(lambda w=wire: self.works(w), "the session works again")
            self.assertEqual(wire.simple("show app.tenant"), [("kept",)])
            wire.close()

    def test_a_server_killed_within_a_transaction_takes_the_transaction_only(self):
        wire = self.penstock.wire()
        wire.simple("create table killed(n int)")
        wire.simple("begin; insert into killed values (1)")
        backend = int(wire.simple("select pg_backend_pid()")[0][0])
        wire.send(query("select pg_sleep(30)"))
        os.kill(backend, signal.SIGKILL)  # the server ends all its connections and recovers
        errors = [m.fields()["C"] for m in wire.until_ready() if m.type == "E"]
        self.assertEqual((errors, wire.status), (["08006"], "E"))
        wire.simple("rollback")
        wait_until(lambda: self.works(wire), "the session works again")
        self.assertEqual(wire.simple("select count(*) from killed"), [("0",)])

    def works(self, wire):
        try:
            return wire.simple("select 1") == [("1",)]
        except ServerError:
            return False

    def test_while_the_server_is_down_one_clear_sentence_and_then_it_works(self):
        wire = self.penstock.wire()
        wire.simple("select 1")
        self.server.stop()
        try:
            with self.assertRaises(ServerError) as caught:
                wire.simple("select 1")
            self.assertIn(caught.exception.sqlstate, LOST | {"57P03"})
            self.assertEqual(self.penstock.http("/health")[0], 200)
        finally:
            self.server.start()
        wait_until(lambda: self.works(wire), "the session works again")

    def test_many_clients_during_a_restart_all_get_answers(self):
        outcomes, stop = [], threading.Event()

        def work():
            with contextlib.closing(self.penstock.wire()) as wire:
                while not stop.is_set():
                    try:
                        self.assertEqual(wire.simple("select 41 + 1"), [("42",)])
                        outcomes.append("answer")
                    except ServerError as error:
                        outcomes.append(error.sqlstate)

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(outcomes) > 200, "work is going on")
        self.server.restart(signal.SIGQUIT)
        before = outcomes.count("answer")
        wait_until(lambda: outcomes.count("answer") > before + 200, "work goes on after the restart")
        stop.set()
        for thread in threads:
            thread.join(20)
            self.assertFalse(thread.is_alive(), "a client is stuck")
        self.assertLessEqual(set(outcomes), {"answer", "57P01", "57P02", "57P03"} | LOST)


class NoServer(unittest.TestCase):
    def test_a_server_that_is_not_there(self):
        port = free_port()
        with Penstock(nodes=[f"127.0.0.1:{port}"], settings={"pool": {"connection_borrow_timeout": "1s"}}) as penstock:
            with self.assertRaises((ServerError, psycopg2.OperationalError)) as caught:
                penstock.wire().simple("select 1")
            self.assertIn(caught.exception.sqlstate, LOST | {"57P03"})
            penstock.wait_for_log(str(port))
            self.assertEqual(penstock.http("/health")[0], 200)

    def test_it_begins_to_work_when_the_server_comes(self):
        cluster = Cluster().start()
        self.addCleanup(cluster.stop)
        cluster.primary.stop()
        settings = {"pool": {"connection_borrow_timeout": "20s", "server_retry_longest": "500ms"}}
        with Penstock(cluster, settings) as penstock:
            answers = []

            def ask():
                with contextlib.closing(penstock.connect()) as connection:
                    cursor = connection.cursor()
                    cursor.execute("select 42")
                    answers.append(cursor.fetchone()[0])
            thread = threading.Thread(target=ask)
            thread.start()
            penstock.wait_for_log("(?i)(connect|refused)")
            cluster.primary.start()
            thread.join(30)
            self.assertEqual(answers, [42])


class RefusingServer(unittest.TestCase):
    """PostgreSQL allows fewer connections than the pool."""

    def test_the_pool_lives_with_what_it_gets(self):
        cluster = Cluster(max_connections=8).start()  # three of them are the superuser's
        self.addCleanup(cluster.stop)
        with Penstock(cluster, {"pool": {"pool_size": 20, "connection_borrow_timeout": "20s"}}) as penstock:
            failures = []

            def work():
                try:
                    with contextlib.closing(penstock.wire(timeout=40)) as wire:
                        for _ in range(5):
                            wire.simple("select pg_sleep(0.01)")
                except Exception as error:
                    failures.append(error)
            threads = [threading.Thread(target=work) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            self.assertEqual(failures, [])

    def test_the_password_is_not_in_the_message(self):
        cluster = Cluster().start()
        self.addCleanup(cluster.stop)
        users = [{"name": "app", "password": PASSWORD, "server_user": "nobody_there"}]
        with Penstock(cluster, {"user": users, "pool": {"connection_borrow_timeout": "1s"}}) as penstock:
            with self.assertRaises(ServerError) as caught:
                penstock.wire().simple("select 1")
            self.assertNotIn(PASSWORD, str(caught.exception.fields))


if __name__ == "__main__":
    unittest.main()
