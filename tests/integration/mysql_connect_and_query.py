# SPDX-License-Identifier: Apache-2.0
#
# MySQL and MariaDB through Penstock: logging in, queries, many sessions on few connections, state that follows its session, errors, and
# one process that serves PostgreSQL as well.

import contextlib
import threading
import unittest

import pymysql

import fixture
from mysql_fixture import each_product, rows, value
from mysql_penstock import MySqlPenstock
from penstock import Penstock


@each_product
class ConnectAndQuery:
    through = MySqlPenstock.between

    def open(self, **options):
        connection = self.target.connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def test_the_server_is_taken_for_what_it_is(self):
        connection = self.open()
        self.assertEqual(value(connection, "select version()"), value(self.direct(), "select version()"))
        self.assertEqual("MariaDB" in connection.get_server_info(), self.is_mariadb)
        self.assertEqual(value(connection, "select database()"), "app")

    def test_answers_are_those_of_the_server(self):
        connection = self.open()
        self.assertEqual(rows(connection, "select 1, 'two', null, 2.5"), rows(self.direct(), "select 1, 'two', null, 2.5"))
        with self.assertRaises(pymysql.err.ProgrammingError) as caught:
            rows(connection, "select * from app.there_is_no_such_table")
        self.assertEqual(caught.exception.args[0], 1146)
        self.assertEqual(value(connection, "select 3"), 3)

    def test_a_wrong_password_is_refused(self):
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            self.open(password="wrong")
        self.assertEqual(caught.exception.args[0], 1045)

    def test_the_name_of_the_console_is_a_schema_like_any_other(self):
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            self.open(database="pgbouncer", read_timeout=10)
        self.assertIn(caught.exception.args[0], (1044, 1049))

    def test_many_sessions_share_few_connections(self):
        sessions = [self.open() for _ in range(40)]
        answers = []
        threads = [threading.Thread(target=lambda each=each: answers.append(value(each, "select sleep(0.02)"))) for each in sessions]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(answers, [0] * 40)
        self.assertLessEqual(len(self.server_sessions()), 5)

    def server_sessions(self):
        return self.server.sql("select id from information_schema.processlist where user = 'app'")

    def test_state_follows_its_session(self):
        one, other = self.open(), self.open()
        rows(one, "set session sql_mode = 'ANSI_QUOTES', @mine = 5")
        rows(one, "use other")
        blockers = [self.open() for _ in range(4)]
        for each in blockers:
            each.begin()
            rows(each, "select 1")
        # All but one server connection are taken, so both sessions use the same one in turn.
        for _ in range(3):
            self.assertEqual(rows(one, "select @@session.sql_mode, @mine, database()"), [("ANSI_QUOTES", 5, "other")])
            self.assertNotEqual(rows(other, "select @@session.sql_mode, @mine, database()")[0][0], "ANSI_QUOTES")
            self.assertEqual(rows(other, "select @mine, database()"), [(None, "app")])

    def test_transactions_are_kept_apart(self):
        self.server.sql("create or replace table app.kept_apart(x int)" if self.is_mariadb else
                        "create table if not exists app.kept_apart(x int)")
        writer, reader = self.open(), self.open()
        writer.begin()
        rows(writer, "insert into kept_apart values (1)")
        self.assertEqual(value(reader, "select count(*) from kept_apart"), 0)
        writer.rollback()
        self.assertEqual(value(writer, "select count(*) from kept_apart"), 0)
        writer.begin()
        rows(writer, "insert into kept_apart values (2)")
        writer.commit()
        self.assertEqual(value(reader, "select count(*) from kept_apart"), 1)
        self.server.sql("drop table app.kept_apart")

    def test_a_client_that_left_in_a_transaction_leaves_nothing(self):
        self.server.sql("create table app.left_behind(x int)")
        left = self.open()
        left.begin()
        rows(left, "insert into left_behind values (1)")
        left._force_close()
        later = self.open()
        self.assertEqual(value(later, "select count(*) from left_behind"), 0)
        rows(later, "insert into left_behind values (2)")
        self.assertEqual(self.server.sql("select x from app.left_behind"), [(2,)])
        self.server.sql("drop table app.left_behind")


@each_product
class BothEngines:
    def test_one_process_serves_both(self):
        postgresql = fixture.shared_cluster()
        with contextlib.ExitStack() as stack:
            both = MySqlPenstock(self.cluster)
            other = Penstock(postgresql)
            self.addCleanup(other.discard)
            both.settings["listen"]["postgresql"] = [f"127.0.0.1:{other.port}"]
            both.settings["cluster"].append(other.settings["cluster"][0] | {"name": "pg"})
            both.settings["database"].append({"name": "*", "cluster": "pg"})
            both.write_settings()
            stack.enter_context(both)
            through_mysql = both.connect()
            stack.callback(through_mysql.close)
            self.assertEqual(value(through_mysql, "select 40 + 2"), 42)
            through_postgresql = other.connect()
            stack.callback(through_postgresql.close)
            with through_postgresql.cursor() as cursor:
                cursor.execute("select 40 + 2")
                self.assertEqual(cursor.fetchone(), (42,))


if __name__ == "__main__":
    unittest.main()
