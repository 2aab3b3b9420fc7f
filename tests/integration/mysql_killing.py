# SPDX-License-Identifier: Apache-2.0
#
# KILL by the number that a client was given: it ends the right session, or what that runs, and never what the next borrower of the
# same server connection runs. What a client that vanished left running is ended in the same way.

import contextlib
import random
import threading
import unittest

import pymysql

from mysql_fixture import each_product, rows, value
from mysql_penstock import MySqlPenstock
from wait import wait_until

SLEEP = "select sleep(60) from (select 1 union all select 2) two"  # MySQL tells of an interruption only where rows follow
UNKNOWN, NOT_OWNER, INTERRUPTED, NOT_SUPPORTED = 1094, 1095, 1317, 1235


class KillingTest:
    @classmethod
    def make_target(cls):
        between = MySqlPenstock(cls.cluster, pool_size=2).start()
        cls.addClassCleanup(between.stop)
        return between

    def open(self, **options):
        connection = self.target.connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def asleep(self, user="app"):
        return self.server.sql("select id from information_schema.processlist where info = %s and user = %s", (SLEEP, user))

    def wait_until_asleep(self, count=1):
        wait_until(lambda: len(self.asleep()) == count, f"{count} statements sleep")

    def in_background(self, work):
        """Starts it in a thread; the function returned waits and gives the exception it ended with, or None."""
        raised = []

        def run():
            try:
                work()
            except Exception as error:
                raised.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        self.addCleanup(thread.join)

        def end():
            thread.join()
            return raised[0] if raised else None
        return end

    def assert_fails(self, number, work):
        with self.assertRaises(pymysql.err.MySQLError) as caught:
            work()
        self.assertEqual(caught.exception.args[0], number)


@each_product
class Killing(KillingTest):
    def test_a_statement_is_ended_and_its_session_goes_on(self):
        victim, killer = self.open(), self.open()
        rows(victim, "set @mine = 5")
        for form in ("kill query {}", "KILL QUERY '{}'", "/* now */ kill query {};"):
            end = self.in_background(lambda: rows(victim, SLEEP))
            self.wait_until_asleep()
            rows(killer, form.format(victim.thread_id()))
            self.assertEqual(end().args[0], INTERRUPTED)
            self.assertEqual(value(victim, "select @mine"), 5)
            self.assertEqual(self.asleep(), [])

    def test_a_session_is_ended_with_what_it_runs(self):
        for how in ("sql", "command"):
            victim, killer = self.open(), self.open()
            end = self.in_background(lambda: rows(victim, SLEEP))
            self.wait_until_asleep()
            killer.kill(victim.thread_id()) if how == "command" else rows(killer, f"kill {victim.thread_id()}")
            self.assertEqual(end().args[0], 2013)
            wait_until(lambda: not self.asleep(), "the server has ended it", 3)
            self.assert_fails(UNKNOWN, lambda: rows(killer, f"kill {victim.thread_id()}"))
            self.assertEqual(value(killer, "select 1"), 1)

    def test_an_idle_session_is_ended_and_its_transaction_rolled_back(self):
        self.server.sql("create table app.killed(x int)")
        victim, killer = self.open(), self.open()
        victim.begin()
        rows(victim, "insert into killed values (1)")
        rows(killer, f"kill connection {victim.thread_id()}")
        self.assert_fails(2013, lambda: rows(victim, "select 1"))
        rows(killer, "set lock_wait_timeout = 10")
        rows(killer, "delete from killed")  # waits for whoever has a row of it
        self.assertEqual(value(killer, "select row_count()"), 0)
        rows(killer, "drop table killed")  # and this for whoever has a transaction with it

    def test_an_idle_session_has_no_statement_to_end(self):
        idle, killer = self.open(), self.open()
        rows(killer, f"kill query {idle.thread_id()}")
        self.assertEqual(value(idle, "select 1"), 1)

    def test_oneself(self):
        connection = self.open()
        self.assert_fails(INTERRUPTED, lambda: rows(connection, f"kill query {connection.thread_id()}"))
        self.assert_fails(INTERRUPTED, lambda: rows(connection, "kill query connection_id()"))
        self.assertEqual(value(connection, "select 1"), 1)
        self.assert_fails(INTERRUPTED, lambda: rows(connection, f"kill {connection.thread_id()}"))
        self.assert_fails(2013, lambda: rows(connection, "select 1"))

    def test_others_and_nobody(self):
        mine, other = self.open(), self.open(user="other")
        self.assert_fails(NOT_OWNER, lambda: rows(other, f"kill {mine.thread_id()}"))
        self.assert_fails(NOT_OWNER, lambda: rows(other, f"kill query {mine.thread_id()}"))
        self.assert_fails(NOT_OWNER, lambda: other.kill(mine.thread_id()))
        for nobody in (0, 99999, 2**22 + 1, 2**31 + 5, 2**32 - 1, 2**40, 10**18):
            self.assert_fails(UNKNOWN, lambda nobody=nobody: rows(mine, f"kill {nobody}"))
        self.assertEqual(value(mine, "select 1"), 1)

    def test_numbers_of_the_server_mean_nothing(self):
        mine = self.open()
        rows(mine, "select 1")
        own = [number for number in self.server.sessions() if number != mine.thread_id()]
        before = self.server.sessions()
        for number in own:
            with contextlib.suppress(pymysql.err.MySQLError):
                rows(mine, f"kill query {number}")
        self.assertEqual(self.server.sessions(), before)

    def test_other_forms_are_refused(self):
        mine = self.open()
        for form in ("kill", "kill @x", "kill 1 + 1", "kill user app", "kill hard 5", "kill query id 5", "kill -1", "kill 1.5"):
            self.assert_fails(NOT_SUPPORTED, lambda form=form: rows(mine, form))
        self.assertEqual(value(mine, "select 1"), 1)

    def test_what_counts_rows_counts_none(self):
        idle, killer = self.open(), self.open()
        rows(killer, "select 1 union all select 2")
        rows(killer, f"kill query {idle.thread_id()}")
        self.assertEqual(value(killer, "select row_count()"), 0)
        self.assertEqual(rows(killer, "show warnings"), [])

    def test_inside_a_transaction(self):
        victim, killer = self.open(), self.open()
        killer.begin()
        number = value(killer, "select 1")
        end = self.in_background(lambda: rows(victim, SLEEP))
        self.wait_until_asleep()
        rows(killer, f"kill query {victim.thread_id()}")
        self.assertEqual(end().args[0], INTERRUPTED)
        self.assertEqual(value(killer, "select 1"), number)
        killer.rollback()

    def test_a_session_that_waits_for_a_connection(self):
        blockers = [self.open() for _ in range(2)]
        for each in blockers:
            each.begin()
            rows(each, "select 1")
        victim = self.open()
        end = self.in_background(lambda: rows(victim, "select 2"))
        wait_until(lambda: sum(n for name, n in self.target.metrics().items() if name.startswith("penstock_waiting_clients")),
                   "it waits")
        rows(self.open(), f"kill query {victim.thread_id()}")
        self.assertEqual(end().args[0], INTERRUPTED)
        for each in blockers:
            each.rollback()
        self.assertEqual(value(victim, "select 3"), 3)

    def test_a_kill_that_comes_late_never_hits_the_next_borrower(self):
        """One client's statements are killed just as they end; others run short ones on the same two connections."""
        failures, stop = [], threading.Event()

        def bystander():
            with contextlib.closing(self.target.connect()) as connection:
                while not stop.is_set():
                    try:
                        rows(connection, "select sleep(0.002) from (select 1 union all select 2) two")
                    except Exception as error:
                        failures.append(error)
        threads = [threading.Thread(target=bystander) for _ in range(2)]
        for each in threads:
            each.start()
        try:
            victim, killer, idle = self.open(), self.open(), self.direct()
            for _ in range(150):
                end = self.in_background(lambda: rows(victim, "select sleep(0.003) from (select 1 union all select 2) two"))
                rows(idle, f"select sleep({random.random() / 100})")  # at any moment of it
                rows(killer, f"kill query {victim.thread_id()}")
                end()
        finally:
            stop.set()
            for each in threads:
                each.join()
        self.assertEqual(failures, [])
        self.target.assert_alive()


@each_product
class Vanishing(KillingTest):
    def test_what_a_vanished_client_runs_is_ended(self):
        vanished = self.open()
        rows(vanished, "create temporary table mine(x int)")
        end = self.in_background(lambda: rows(vanished, SLEEP))
        self.wait_until_asleep()
        vanished._sock.shutdown(2)
        self.assertIsNotNone(end())
        wait_until(lambda: not self.asleep(), "the server has ended it", 20)
        for _ in range(4):
            self.assert_fails(1146, lambda: rows(self.open(), "select * from mine"))

    def test_at_once_inside_a_transaction(self):
        self.server.sql("create table app.vanished(x int)")
        vanished = self.open()
        vanished.begin()
        rows(vanished, "insert into vanished values (1)")
        end = self.in_background(lambda: rows(vanished, SLEEP))
        self.wait_until_asleep()
        vanished._sock.shutdown(2)
        self.assertIsNotNone(end())
        wait_until(lambda: not self.asleep(), "the server has ended it", 4)
        later = self.open()
        self.assertEqual(value(later, "select count(*) from vanished"), 0)
        rows(later, "drop table vanished")  # would wait for a transaction that is still open

    def test_a_drain_does_not_wait_for_it(self):
        own = MySqlPenstock(self.cluster, {"drain_timeout": "20s"}, pool_size=2).start()
        self.addCleanup(own.discard)
        connection = own.connect()
        end = self.in_background(lambda: rows(connection, SLEEP))
        self.wait_until_asleep()
        connection._sock.shutdown(2)
        end()
        own.stop(seconds=15)
        wait_until(lambda: not self.asleep(), "the server has ended it", 4)


if __name__ == "__main__":
    unittest.main()
