# SPDX-License-Identifier: Apache-2.0
#
# Errors that Penstock answers with by itself are in the client's diagnostics as a server's own are: every way to ask for them gives what a
# direct connection gives behind a SIGNAL of the same code, state and text, whatever other sessions have left on the server meanwhile.

import struct
import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import USUAL, Error, read_error
from mysql_pair import normal
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import wait_until

DETAILS = ("get diagnostics @n = number", "get diagnostics condition 1 @c = mysql_errno, @s = returned_sqlstate, @m = message_text",
           "select @n, @c, @s, @m")
ASKS = (("show warnings",), ("show errors",), ("show warnings limit 1",), ("show count(*) errors",), ("show count(*) warnings",),
        ("select @@error_count",), ("select @@warning_count, @@error_count",), ("select @@error_count + 0 as n",), ("show warnings; show errors",),
        ("show warnings", "show warnings"), ("show errors", "show count(*) errors", "show warnings"), DETAILS)
LONGEST_SIGNAL = 128


class Base:
    settings = {}

    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"workers": 1, "pool": {"connection_borrow_timeout": "100ms"} | cls.settings}, pool_size=1).start()

    def setUp(self):
        self.server.connect().close()  # so that the server knows the password's hash

    def open(self, port=None, capabilities=USUAL):
        session = Wire(port or self.target.port, timeout=30).log_in("app", "app", PASSWORD, capabilities | m.MULTI_STATEMENTS)
        self.addCleanup(session.close)
        return session

    def another_session_passes(self):
        other = self.open()
        for text in ("select cast('x' as signed)", "selec", "select 1/0 union select 2/0"):
            other.query(text)
        other.close()

    def same(self, asks, session, direct):
        ours, theirs = ([normal(wire.query(text), self.is_mariadb, wire is direct) for text in asks] for wire in (session, direct))
        self.assertEqual(ours, theirs)

    def check(self, cause, asks=ASKS):
        """cause(session) gives the error that the session got."""
        for ask in asks:
            for meets_others in (False, True):
                with self.subTest(ask=ask, meets_others=meets_others):
                    session, direct = self.open(), self.open(self.server.port)
                    session.query("select 1/0")
                    error = cause(session)
                    self.assertIsInstance(error, Error)
                    self.assertIsInstance(direct.query(f"signal sqlstate '{error.sqlstate}' set mysql_errno = {error.code}, message_text = "
                                                       f"_utf8mb4 X'{error.text.encode()[:LONGEST_SIGNAL].hex()}'")[-1], Error)
                    if meets_others:
                        self.another_session_passes()
                    self.same(ask, session, direct)
                    session.close()
                    direct.close()
        session = self.open()
        cause(session)
        self.assertEqual(session.query("select @@error_count")[-1].rows, [(b"1",)])
        session.close()
        session = self.open()
        error = cause(session)
        self.assertEqual(session.query("show warnings")[-1].rows, [(b"Error", str(error.code).encode(), error.text.encode())])
        self.assertEqual(session.query("select row_count()")[-1].rows, [(b"-1",)])
        self.assertEqual(session.query("select 7")[-1].rows, [(b"7",)])
        self.assertEqual(session.query("show warnings")[-1].rows, [], "another statement has succeeded")
        session.close()


def command(session, what, body=b""):
    session.command(what, body)
    return read_error(session.packet())


@each_product
class OwnErrors(Base):
    def test_no_connection_in_time(self):
        def cause(session):
            holder = self.open()
            holder.query("begin")
            error = session.query("select 1")[-1]
            holder.query("commit")
            holder.close()
            self.assertEqual(error.code, 9501)
            return error
        self.check(cause)

    def test_commands_that_are_refused(self):
        self.check(lambda session: session.query("kill 4294967290")[-1])
        self.check(lambda session: session.query("kill (select 1)")[-1], ASKS[:2])
        self.check(lambda session: command(session, 0x7f), ASKS[:2])
        self.check(lambda session: command(session, m.EXECUTE, struct.pack("<IBI", 999, 0, 1)), ASKS[:2])

    def test_in_a_transaction_with_warnings_of_its_own(self):
        for ask in ASKS:
            with self.subTest(ask=ask):
                session, direct = self.open(), self.open(self.server.port)
                for wire in (session, direct):
                    wire.query("begin")
                    wire.query("select 1/0, cast('x' as signed)")
                error = session.query("kill 4294967290")[-1]
                direct.query(f"signal sqlstate '{error.sqlstate}' set mysql_errno = {error.code}, message_text = '{error.text}'")
                self.same(ask, session, direct)
                self.assertEqual(*(wire.query("commit")[-1].status & ~m.SESSION_STATE_CHANGED for wire in (session, direct)))
                session.close()
                direct.close()


@each_product
class Refusals(Base):
    settings = {"pin_policy": "reject"}

    def test_what_would_pin(self):
        self.check(lambda session: session.query("create temporary table mine(x int)")[-1], [ask for ask in ASKS[3:8]])
        self.check(lambda session: session.prepare("select get_lock('a', 1)"), [ask for ask in ASKS[3:8]])


@each_product
class Rates(Base):
    @classmethod
    def through(cls, cluster):
        users = [{"name": "app", "password": PASSWORD, "max_transactions_per_second": 1}]
        return MySqlPenstock(cluster, {"workers": 1, "user": users}, pool_size=1).start()

    def test_too_many_in_a_second(self):
        session = self.open()
        error = wait_until(lambda: (lambda last: last if isinstance(last, Error) else None)(session.query("select 1")[-1]), "it is refused")
        self.assertEqual(error.code, 1226)
        shown = wait_until(lambda: (lambda last: None if isinstance(last, Error) else last)(session.query("show warnings")[-1]), "there is room")
        self.assertEqual(shown.rows, [(b"Error", b"1226", error.text.encode())])


if __name__ == "__main__":
    unittest.main()
