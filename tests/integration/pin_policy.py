# SPDX-License-Identifier: Apache-2.0
#
# pin_policy, session_pinning_filters, pin_notice, and what sequences tell: a statement that would pin is refused before it runs, or pins
# nothing and leaves nothing to anybody; a client is told; nobody is told what another session drew from a sequence.

import unittest

from fixture import ProxyTest
from pgwire import SYNC, bind, execute, parse, query


class Reject(ProxyTest):
    settings = {"pool": {"pin_policy": "reject"}}

    def pins(self):
        return self.penstock.console("show pins")

    def test_a_statement_that_would_pin_does_not_run(self):
        session = self.wire()
        error = self.refused(lambda: session.simple("create table kept(x int); create temp table mine(x int)"), "0A000", "temporary_object")
        self.assertIn("ON COMMIT DROP", error.fields["M"])
        self.assertEqual(self.server.sql("select to_regclass('kept')"), [(None,)])
        self.refused(lambda: session.prepared("listen news"), "0A000", "listen")
        self.refused(lambda: session.prepared("select pg_advisory_lock($1::int)", ("1",), name="lock"), "0A000", "advisory_lock")
        self.assertEqual(self.pins(), [])
        self.assert_works(session)

    def test_a_transaction_fails_as_with_any_error(self):
        for send in (lambda wire: wire.simple("listen news"), lambda wire: wire.prepared("listen news")):
            session = self.wire()
            session.simple("begin")
            self.refused(lambda: send(session), "0A000", "listen")
            self.refused(lambda: session.simple("select 1"), "25P02")
            session.simple("rollback")
            self.assert_works(session)

    def test_in_a_pipeline_each_gets_its_own_answer(self):
        session = self.wire()
        session.send(query("select 1"), query("listen news"), query("select 2"))
        self.assertEqual("".join(message.type for message in session.until_ready()), "TDC")
        self.assertEqual("".join(message.type for message in session.until_ready()), "E")
        self.assertEqual("".join(message.type for message in session.until_ready()), "TDC")

    def test_what_pins_nothing_runs(self):
        session = self.wire()
        session.simple("set work_mem = '99kB'; begin; create temp table mine(x int) on commit drop; commit")
        self.assert_works(session)


class LogOnly(ProxyTest):
    settings = {"pool": {"pin_policy": "log_only"}}
    pool_size = 1

    def test_nothing_is_kept_and_nothing_is_left(self):
        session, other = self.wire(), self.wire()
        before = self.counted()
        session.simple("create temp table mine as select 1 as x")
        self.assertEqual(self.penstock.console("show pins"), [])
        self.assert_works(other)  # there is one connection
        self.refused(lambda: other.simple("select x from mine"), "42P01")
        self.refused(lambda: session.simple("select x from mine"), "42P01")
        self.assertEqual(self.counted(), before + 1)

    def counted(self):
        return sum(number for name, number in self.penstock.metrics().items() if name.startswith("penstock_pins_total"))

    def test_a_transaction_keeps_what_it_made(self):
        session, other = self.wire(), self.wire()
        session.simple("begin")
        session.simple("create temp table mine as select 1 as x")
        self.assertEqual(session.simple("select x from mine"), [("1",)])
        session.simple("commit")
        self.refused(lambda: other.simple("select x from mine"), "42P01")


class Filters(ProxyTest):
    settings = {"pool": {"session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"]}}
    pool_size = 1

    def test_variables_do_not_pin_and_others_do(self):
        session, other = self.wire(application_name="till"), self.wire()
        session.prepared("select set_config($1, 'mine', false)", ("app.tenant",))
        self.assertEqual(self.penstock.console("show pins"), [])
        self.assertEqual(other.simple("select coalesce(current_setting('app.tenant', true), '')"), [("",)])
        session.simple("select pg_advisory_lock(1)")
        self.assertEqual([row["reason"] for row in self.penstock.console("show pins")], ["advisory_lock"])


class Notice(ProxyTest):
    settings = {"pool": {"pin_notice": True}}

    def types(self, session):
        """Of the messages up to ReadyForQuery, notices included."""
        messages = []
        while not messages or messages[-1].type != "Z":
            messages.append(session.receive())
        messages.pop()
        return "".join(message.type for message in messages), b"".join(message.body for message in messages if message.type == "N")

    def test_a_client_is_told_once_in_front_of_its_ready(self):
        session = self.wire()
        session.send(query("listen news"))
        types, text = self.types(session)
        self.assertEqual(types, "CN")
        self.assertIn(b"listen", text)
        self.assertIn(b"UNLISTEN", text)
        session.send(query("listen news"))
        self.assertEqual(self.types(session)[0], "C")
        session.send(parse("select pg_advisory_lock(1)"), bind(), execute(), SYNC)
        types, text = self.types(session)
        self.assertEqual(types, "12DCN")
        self.assertIn(b"advisory_lock", text)

    def test_nobody_else_is(self):
        session = self.wire()
        session.send(query("select 1"))
        self.assertEqual(self.types(session)[0], "TDC")


class Sequences(ProxyTest):
    pool_size = 1
    settings = {"workers": 1}

    def setUp(self):
        super().setUp()
        self.server.sql("drop sequence if exists counted cascade", user="app")
        self.server.sql("drop table if exists drawn", user="app")
        self.server.sql("create sequence counted", user="app")
        self.addCleanup(self.server.sql, "drop table if exists drawn", user="app")

    def draw(self):
        """Somebody draws a value and leaves it in the only connection, unpinned: by the default of a column."""
        other = self.wire()
        other.simple("create table if not exists drawn(x int default nextval('counted'), y int)")
        other.simple("insert into drawn(y) values (1)")
        other.close()

    def test_nobody_is_told_what_another_drew(self):
        for ask in (lambda wire: wire.simple("select lastval()"), lambda wire: wire.prepared("select currval('counted')"),
                    lambda wire: wire.prepared("select currval($1::regclass)", ("counted",), name="asked")):
            self.draw()
            session = self.wire()
            self.refused(lambda: ask(session), "55000")
            session.close()

    def test_in_a_transaction_it_is_refused_or_told_right(self):
        self.draw()
        session = self.wire()
        session.simple("begin")
        self.refused(lambda: session.simple("select lastval()"), "55000")
        session.simple("rollback")
        session.simple("begin")
        session.simple("insert into drawn(y) values (2)")
        mine = session.simple("select max(x) from drawn where y = 2")
        self.assertEqual(session.simple("select lastval()"), mine)
        session.simple("commit")
        self.assertEqual(session.simple("select currval('counted')"), mine)

    def test_who_draws_by_name_is_told(self):
        session = self.wire()
        drawn = session.simple("select nextval('counted')")
        self.assertEqual(session.simple("select currval('counted')"), drawn)
        self.assertEqual(session.simple("select lastval()"), drawn)


if __name__ == "__main__":
    unittest.main()
