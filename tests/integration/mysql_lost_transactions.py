# SPDX-License-Identifier: Apache-2.0
#
# MySQL and MariaDB: a server that is lost in a transaction takes the transaction with it and nothing else. The client is told once, and goes
# on outside of any transaction, as behind a deadlock.

import threading
import unittest

import pymysql

from mysql_fixture import each_product, rows, value
from mysql_penstock import MySqlPenstock
from wait import wait_until

GONE, UNKNOWN = 2006, 2013


@each_product
class LostTransactions:
    through = MySqlPenstock.between

    def setUp(self):
        super().setUp()
        self.watcher = self.direct(user="root")
        rows(self.watcher, "drop table if exists app.lost")
        rows(self.watcher, "create table app.lost(n int)")
        self.client = self.target.connect()
        self.addCleanup(lambda: self.client.open and self.client.close())

    def servers(self):
        return [number for (number,) in rows(self.watcher, "select id from information_schema.processlist where user = 'app' and "
                                                           "command not in ('Quit', 'Killed')")]

    def kill_servers(self):
        for number in self.servers():
            try:
                rows(self.watcher, f"kill {number}")
            except pymysql.err.OperationalError as error:
                self.assertEqual(error.args[0], 1094)  # it has ended by itself
        wait_until(lambda: not self.servers(), "the server has closed them")

    def begin(self):
        self.client.begin()
        rows(self.client, "insert into lost values (1)")

    def assert_error(self, codes, act):
        with self.assertRaises(pymysql.err.MySQLError) as caught:
            act()
        self.assertIn(caught.exception.args[0], codes)

    def assert_goes_on(self):
        rows(self.client, "insert into lost values (7)")
        self.assertEqual(rows(self.watcher, "select n from app.lost"), [(7,)], "of the transaction nothing is left, and this is committed")

    def test_between_statements_the_next_one_tells(self):
        for act in (lambda: rows(self.client, "insert into lost values (2)"), self.client.commit, self.client.begin):
            with self.subTest(act):
                rows(self.watcher, "delete from app.lost")
                self.begin()
                self.kill_servers()
                self.assert_error({GONE}, act)
                self.assert_goes_on()

    def test_who_rolls_back_is_told_nothing(self):
        self.begin()
        self.kill_servers()
        self.client.rollback()
        self.assert_goes_on()

    def test_amid_a_statement(self):
        self.begin()
        faults = []

        def work():
            try:
                rows(self.client, "update lost set n = 2 where sleep(30) = 0")
            except pymysql.err.MySQLError as error:
                faults.append(error.args[0])

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        wait_until(lambda: value(self.watcher, "select count(*) from information_schema.processlist where state = 'User sleep'") == 1,
                   "it runs")
        self.kill_servers()
        thread.join(20)
        self.assertEqual(len(faults), 1)
        self.assertIn(faults[0], {GONE, 1053, 1317, 1927})
        self.client.rollback()
        self.assert_goes_on()

    def test_autocommit_stays_off(self):
        self.client.autocommit(False)
        rows(self.client, "insert into lost values (1)")
        self.kill_servers()
        self.assert_error({GONE}, lambda: rows(self.client, "insert into lost values (2)"))
        rows(self.client, "insert into lost values (3)")
        self.assertEqual(rows(self.watcher, "select n from app.lost"), [])
        self.client.commit()
        self.assertEqual(rows(self.watcher, "select n from app.lost"), [(3,)])

    def test_what_was_set_stays_set(self):
        rows(self.client, "set sql_mode = 'ANSI_QUOTES', @mine = 5")
        self.begin()
        rows(self.client, "set time_zone = '+03:00'")
        self.kill_servers()
        self.assert_error({GONE}, lambda: rows(self.client, "select 1"))
        self.assertEqual(rows(self.client, "select @@sql_mode, @mine, @@time_zone"), [("ANSI_QUOTES", 5, "+03:00")])

    def test_what_pins_is_lost_with_the_session(self):
        rows(self.client, "create temporary table mine(n int)")
        self.begin()
        self.kill_servers()
        self.assert_error({0, GONE, UNKNOWN}, lambda: rows(self.client, "select 1"))
        self.assert_error({0, GONE, UNKNOWN}, lambda: rows(self.client, "select 1"))


if __name__ == "__main__":
    unittest.main()
