# SPDX-License-Identifier: Apache-2.0
#
# COM_CHANGE_USER: a client that becomes somebody else on the connection that it has. Its proof is asked for as at a login, nothing of
# what it was before is left, neither for itself nor on the server connection that it used, and a wrong password ends the connection.

import contextlib
import unittest

import MySQLdb

from mysql_fixture import each_product
from mysql_packets import CHANGE_USER, Gone, ServerError
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire, proof
from wait import wait_until


def rows(connection, statement):
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall()) if cursor.description else None


@each_product
class ChangeUser:
    @classmethod
    def make_target(cls):
        settings = {"tls": {"certificate": str(cls.cluster.certificate), "key": str(cls.cluster.key)},
                    "user": [{"name": "app", "password": PASSWORD}, {"name": "other", "password": PASSWORD, "max_user_client_connections": 2},
                             {"name": "lookup", "password": "another one"}]}
        between = MySqlPenstock(cls.cluster, settings, pool_size=1).start()
        cls.addClassCleanup(between.stop)
        return between

    def open(self, **options):
        connection = MySQLdb.connect(**{"host": "127.0.0.1", "port": self.target.port, "user": "app", "password": PASSWORD, "database": "app",
                                        "autocommit": True} | options)
        self.addCleanup(self.close, connection)
        return connection

    def close(self, connection):
        with contextlib.suppress(MySQLdb.Error):
            connection.close()

    def assert_fails(self, number, work):
        with self.assertRaises(MySQLdb.Error) as caught:
            work()
        self.assertEqual(caught.exception.args[0], number)

    def test_the_user_the_schema_and_the_server_connection_are_others(self):
        connection = self.open()
        number = connection.thread_id()
        connection.change_user("other", PASSWORD, "other")
        self.assertEqual(rows(connection, "select current_user(), database()"), [("other@%", "other")])
        self.assertEqual(rows(connection, "select connection_id()"), [(number,)])
        connection.change_user("app", PASSWORD, "app")
        self.assertEqual(rows(connection, "select current_user(), database()"), [("app@%", "app")])

    def test_nothing_is_left_of_what_it_was(self):
        for user in ("other", "app"):
            connection = self.open()
            rows(connection, "set @mine = 1, session sql_mode = 'ANSI_QUOTES'")
            rows(connection, "create temporary table mine(x int)")
            rows(connection, "select get_lock('mine', 1)")
            rows(connection, "begin")
            rows(connection, "create temporary table yours(x int)")
            connection.change_user(user, PASSWORD, "app")
            self.assertNotEqual(rows(connection, "select @@session.sql_mode"), [("ANSI_QUOTES",)])
            self.assertEqual(rows(connection, "select @mine, is_free_lock('mine')"), [(None, 1)])
            self.assert_fails(1146, lambda: rows(connection, "select * from mine"))
            later = self.open()  # on the one server connection of its first user
            self.assertEqual(rows(later, "select @mine"), [(None,)])
            self.assert_fails(1146, lambda: rows(later, "select * from mine"))

    def test_its_transaction_is_rolled_back(self):
        self.server.sql("create table app.changed(x int)")
        connection = self.open()
        rows(connection, "begin")
        rows(connection, "insert into changed values (1)")
        connection.change_user("other", PASSWORD, "app")
        self.assertEqual(rows(connection, "select count(*) from changed"), [(0,)])
        self.assertEqual(rows(self.open(), "select count(*) from changed"), [(0,)])
        rows(connection, "drop table changed")

    def test_a_wrong_password_ends_the_connection(self):
        for user, password in (("other", "wrong"), ("nobody", PASSWORD), ("lookup", PASSWORD)):
            connection = self.open()
            self.assert_fails(1045, lambda: connection.change_user(user, password, "app"))
            with self.assertRaises(MySQLdb.Error):
                rows(connection, "select 1")
        self.assertEqual(rows(self.open(), "select current_user()"), [("app@%",)])

    def test_a_schema_that_is_not_there(self):
        connection = self.open()
        with self.assertRaises(MySQLdb.Error) as caught:
            connection.change_user("other", PASSWORD, "nowhere")
        self.assertIn(caught.exception.args[0], (1044, 1049))
        with self.assertRaises(MySQLdb.Error):
            rows(connection, "select 1")

    def test_limits_count_who_a_client_is_now(self):
        first, second, third = self.open(), self.open(), self.open()
        for each in (first, second):
            each.change_user("other", PASSWORD, "app")
        self.assert_fails(1040, lambda: third.change_user("other", PASSWORD, "app"))
        first.change_user("app", PASSWORD, "app")
        self.open().change_user("other", PASSWORD, "app")
        self.assertEqual(rows(second, "select current_user()"), [("other@%",)])

    def test_whoever_it_is_now_may_kill_it(self):
        changed, old_friend = self.open(), self.open()
        changed.change_user("other", PASSWORD, "app")
        self.assert_fails(1095, lambda: rows(old_friend, f"kill {changed.thread_id()}"))
        rows(self.open(user="other"), f"kill {changed.thread_id()}")
        with self.assertRaises(MySQLdb.Error):
            rows(changed, "select 1")

    def test_again_and_again(self):
        connection = self.open()
        for turn in range(50):
            user = ("app", "other")[turn % 2]
            connection.change_user(user, PASSWORD, user)
            self.assertEqual(rows(connection, "select current_user(), database()"), [(f"{user}@%", user)])
        sessions = self.target.http("/stats")[0]
        self.assertEqual(sessions, 200)

    def test_encrypted_and_compressed(self):
        for options in ({"ssl": {"ca": str(self.cluster.authority.certificate)}}, {"compress": True}):
            connection = self.open(**options)
            connection.change_user("other", PASSWORD, "other")
            self.assertEqual(rows(connection, "select current_user(), length(repeat('x', 100000))"), [("other@%", 100000)])
            self.assert_fails(1045, lambda: connection.change_user("app", "wrong", "app"))

    def wire(self, **options):
        wire = Wire(self.target.port)
        self.addCleanup(wire.close)
        wire.log_in("app", "app", PASSWORD, **options)
        return wire

    def test_prepared_statements_are_forgotten(self):
        wire = self.wire()
        prepared = wire.prepare("select 1")
        self.change(wire, "app")
        with self.assertRaises(ServerError) as caught:
            wire.rows("select nowhere")
        self.assertEqual(caught.exception.error.code, 1054)
        self.assertEqual(wire.execute(prepared.id)[0].code, 1243)

    def change(self, wire, user, rest=b"\x2d\0", plugin=None):
        plugin = plugin or wire.greeting.plugin
        answer = proof(plugin, PASSWORD.encode(), wire.greeting.scramble)
        wire.command(CHANGE_USER, user.encode() + b"\0" + bytes([len(answer)]) + answer + b"app\0" + rest)
        return wire.authenticate(PASSWORD.encode())

    def test_what_may_be_left_out(self):
        wire = self.wire()
        for turn, rest in enumerate((b"", b"\x2d\0", b"\x2d\0" + wire.greeting.plugin + b"\0", b"\x2d\0caching_sha2_password\0",
                                     b"\x2d\0mysql_native_password\0", b"\x2d\0made_up\0")):
            user = ("app", "other")[turn % 2]
            self.change(wire, user, rest, rest[2:-1] if rest[2:3] in (b"c", b"m") and b"made" not in rest else None)
            self.assertEqual(wire.value("select current_user()"), f"{user}@%".encode())

    def test_malformed_ones_end_the_connection(self):
        for body in (b"", b"app", b"app\0", b"app\0\xff", b"x" * 500 + b"\0\0\0", b"app\0\0" + b"y" * 400 + b"\0",
                     b"app\0\0app\0\x2d\0mysql_native_password\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff"):
            wire = self.wire(attributes={})
            wire.command(CHANGE_USER, body)
            with self.assertRaises((ServerError, Gone)):
                wire.authenticate(PASSWORD.encode())
            self.assertEqual(wire.expect_end(), b"")
            self.target.assert_alive()
        self.assertEqual(rows(self.open(), "select 1"), [(1,)])

    def test_a_client_that_leaves_in_the_middle(self):
        for _ in range(5):
            wire = self.wire()
            wire.query("begin")
            wire.command(CHANGE_USER, b"other\0\0app\0")
            wire.close()
        wait_until(lambda: rows(self.open(), "select 1") == [(1,)], "its connection is free")
        self.target.assert_alive()


if __name__ == "__main__":
    unittest.main()
