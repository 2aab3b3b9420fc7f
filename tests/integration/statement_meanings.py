# SPDX-License-Identifier: Apache-2.0
#
# What the text of a named statement means is decided when it is prepared: which table a name stands for, which function is called, and how
# a literal is read. Clients share a server connection and the statements it knows, but each finds its own meaning. The steps of sessions a
# and b are played on direct connections, where each has its own server, and through one pooled connection.

import itertools
import unittest

from fixture import ProxyTest
from pgwire import SYNC, ServerError, bind, close, execute, parse

_names = itertools.count()


def parsed(wire, name, text):
    wire.send(parse(text, name), SYNC)
    wire.expect("1 Z")


def executed(wire, name, before=b""):
    wire.send(before, bind((), name), execute(), SYNC)
    return [m.row() if m.type == "D" else m.fields()["C"] for m in wire.until_ready() if m.type in "DE"]


def named(text):
    """As a named statement that was not there before."""
    def run(wire):
        name = f"s{next(_names)}"
        return executed(wire, name, parse(text, name))
    return run


def prepares(name, text):
    return lambda wire: parsed(wire, name, text)


def runs(name):
    return lambda wire: executed(wire, name)


def pipelined(before, text):
    """The simple query and the named statement in one piece."""
    def run(wire):
        name = f"s{next(_names)}"
        wire.send(parse(before), bind(), execute(), parse(text, name), bind((), name), execute(), SYNC)
        return [m.row() if m.type == "D" else m.fields()["C"] for m in wire.until_ready() if m.type in "DE"]
    return run


SELECT = "select x from t"
DELETE = "delete from t where x = 'permanent' returning 'deleted ' || tableoid::regclass"
TEMPORARY = "create temp table t as select * from public.t"
HAS_SCHEMA = [("a", "create temp table zz(y int)"), ("a", "drop table zz")]  # the server has a schema for temporary objects from here on
EQUALS = "select count(*) from (values (null::int)) v(x) where x = null"
NULLS = "select array_to_string('{NULL}'::text[], ',', 'is null')"
ZONE = "select '2020-01-01 00:00 IST'::timestamptz at time zone 'UTC'"
XML = "select 'abc'::xml"
MONEY = "select '1,50'::money"
OCTETS = "select '\\x01'::bytea::text"
DIGITS = "select 0.1::float4::float8::text"
SPAN = "select make_interval(1, 2)::text"
QUOTE = "select E'a\\'b'"
MOMENT = "select 'now'::timestamptz > (select max(at) from public.moments)"
OVERLOAD = "select public.f(1)"

CASES = {
    "a temporary table hides another": HAS_SCHEMA + [
        ("a", named(SELECT)), ("b", TEMPORARY), ("b", "insert into pg_temp.t values ('temporary')"), ("b", named(SELECT)),
        ("b", "drop table pg_temp.t"), ("a", named(SELECT))],
    "rows are deleted from it": HAS_SCHEMA + [
        ("a", named(DELETE)), ("a", "insert into public.t values ('permanent')"), ("b", TEMPORARY), ("b", named(DELETE)),
        ("b", "select x from public.t"), ("b", "discard all"), ("a", named(SELECT))],
    "also if it goes with the transaction": HAS_SCHEMA + [
        ("a", named(DELETE)), ("a", "insert into public.t values ('permanent')"), ("b", "begin"),
        ("b", "create temp table t on commit drop as select * from public.t"), ("b", named(DELETE)), ("b", "commit"), ("b", "select x from public.t")],
    "and if it is made in the same batch": HAS_SCHEMA + [
        ("a", named(DELETE)), ("a", "insert into public.t values ('permanent')"), ("b", pipelined(TEMPORARY, DELETE)), ("b", "select x from public.t")],
    "and in a DO block": HAS_SCHEMA + [
        ("a", named(DELETE)), ("a", "insert into public.t values ('permanent')"),
        ("b", f"do $$ begin execute '{TEMPORARY}'; end $$"), ("b", named(DELETE)), ("b", "select x from public.t")],
    "and for a statement prepared before": HAS_SCHEMA + [
        ("b", prepares("early", DELETE)), ("b", TEMPORARY), ("b", runs("early")), ("b", "select x from public.t")],
    "and for one of SQL": HAS_SCHEMA + [
        ("b", f"prepare early as {DELETE}"), ("b", "execute early"), ("b", "insert into public.t values ('permanent')"), ("b", TEMPORARY),
        ("b", "execute early"), ("b", "select x from public.t")],
    "but not if it is the session's second": HAS_SCHEMA + [
        ("b", "create temp table first(y int)"), ("b", prepares("early", DELETE)), ("b", TEMPORARY), ("b", runs("early")),
        ("b", "select x from public.t")],
    "a temporary table is gone": HAS_SCHEMA + [
        ("b", TEMPORARY), ("b", "delete from t"), ("b", prepares("kept", SELECT)), ("b", runs("kept")), ("b", "drop table pg_temp.t"), ("b", runs("kept")),
        ("a", named(SELECT))],
    "a table in the user's own schema": [
        ("a", named(SELECT)), ("b", "create table app.t as select 'in app'::text as x"), ("b", named(SELECT)), ("a", named(SELECT))],
    "a table that is renamed": [
        ("b", "create table app.other as select 'in app'::text as x"), ("a", named(SELECT)), ("b", "alter table app.other rename to t"),
        ("b", named(SELECT)), ("a", named(SELECT))],
    "a table that SELECT INTO makes": [
        ("a", named(SELECT)), ("b", "select 'in app'::text as x into app.t"), ("b", named(SELECT)), ("a", named(SELECT))],
    "a table that is taken back": [
        ("a", named(SELECT)), ("b", "begin"), ("b", "create table app.t as select 'in app'::text as x"), ("b", named(SELECT)), ("b", "rollback"),
        ("b", named(SELECT)), ("a", named(SELECT))],
    "a function that fits better": [
        ("a", named(OVERLOAD)), ("b", "create function public.f(int) returns text language sql as $$select 'int'$$"), ("b", named(OVERLOAD)),
        ("a", named(OVERLOAD))],
    "the moment": [
        ("a", named(MOMENT)), ("a", "insert into public.moments values (clock_timestamp())"), ("b", named(MOMENT)), ("a", named(MOMENT))],
    "transform_null_equals": [("a", "set transform_null_equals = on"), ("a", named(EQUALS)), ("b", named(EQUALS)), ("a", named(EQUALS))],
    "array_nulls": [("a", "set array_nulls = off"), ("a", named(NULLS)), ("b", named(NULLS)), ("a", named(NULLS))],
    "array_nulls, of the transaction": [
        ("a", "begin"), ("a", "set local array_nulls = off"), ("a", named(NULLS)), ("a", "commit"), ("a", named(NULLS)), ("b", named(NULLS))],
    "array_nulls, by a call": [
        ("a", "begin"), ("a", "select set_config('array_nulls', 'off', true)"), ("a", named(NULLS)), ("a", "commit"), ("b", named(NULLS))],
    "array_nulls, in the same batch": [
        ("b", named(NULLS)), ("a", pipelined("set array_nulls = off", NULLS)), ("b", named(NULLS)), ("a", "reset array_nulls"), ("a", named(NULLS))],
    "array_nulls, taken back": [
        ("a", "begin"), ("a", "set array_nulls = off"), ("a", named(NULLS)), ("a", "rollback"), ("a", named(NULLS)), ("b", named(NULLS))],
    "timezone_abbreviations": [("a", "set timezone_abbreviations = 'India'"), ("a", named(ZONE)), ("b", named(ZONE)), ("a", named(ZONE))],
    "xmloption": [("a", named(XML)), ("b", "set xmloption = document"), ("b", named(XML)), ("a", named(XML))],
    "backslash_quote": [("a", "set backslash_quote = on"), ("a", named(QUOTE)), ("b", "set backslash_quote = off"), ("b", named(QUOTE))],
    "bytea_output": [("a", named(OCTETS)), ("b", "set bytea_output = escape"), ("b", named(OCTETS)), ("a", named(OCTETS))],
    "extra_float_digits": [("a", named(DIGITS)), ("b", "set extra_float_digits = -10"), ("b", named(DIGITS)), ("a", named(DIGITS))],
    "intervalstyle": [("a", named(SPAN)), ("b", "set intervalstyle = iso_8601"), ("b", named(SPAN)), ("a", named(SPAN))],
}


class StatementMeanings(ProxyTest):
    pool_size = 1

    def setUp(self):
        super().setUp()
        self.server.sql("grant create on schema public to public; create schema if not exists app authorization app;"
                        "drop table if exists public.t, public.moments; drop function if exists public.f(bigint), public.f(int)")
        self.prepare_tables()

    def prepare_tables(self):
        self.server.sql("drop table if exists app.t, app.other, public.t, public.moments; drop function if exists public.f(bigint), public.f(int);"
                        "create table public.t(x text); insert into public.t values ('permanent'); create table public.moments(at timestamptz);"
                        "insert into public.moments values (clock_timestamp());"
                        "create function public.f(bigint) returns text language sql as $$select 'bigint'$$;"
                        "grant all on public.t, public.moments to public")

    def answers(self, steps, connect):
        """What each step answers, on connections made by connect()."""
        self.prepare_tables()
        sessions, answers = {name: connect() for name in "ab"}, []
        for who, step in steps:
            session = sessions[who]
            try:
                answer = step(session) if callable(step) else session.simple(step)
            except ServerError as error:
                answer = error.sqlstate
            answers.append((who, step if isinstance(step, str) else step.__name__, answer))
        for who in "ba":  # b may be pinned, and a waits for it then
            sessions[who].simple("rollback")
            sessions[who].simple("discard all")
            sessions[who].close()
        return answers

    def test_each_client_finds_its_own_meaning(self):
        for name, steps in CASES.items():
            with self.subTest(name):
                self.assertEqual(self.answers(steps, self.wire), self.answers(steps, self.direct_wire))

    def prepared_on_server(self, wire):
        return int(wire.simple("select count(*) from pg_prepared_statements")[0][0])

    def test_what_is_shared_with_nobody_ends_with_its_name(self):
        session = self.wire()
        before = self.prepared_on_server(session)
        for _ in range(20):
            executed(session, "moment", parse(MOMENT, "moment"))
            session.send(close("moment"), SYNC)
            session.expect("3 Z")
        self.assertLessEqual(self.prepared_on_server(session), before + 1)

    def test_texts_that_mean_the_same_are_shared(self):
        sessions = [self.wire() for _ in range(3)]
        before = self.prepared_on_server(sessions[0])
        for session in sessions:
            executed(session, "same", parse("select now(), 'shared'", "same"))
        self.assertEqual(self.prepared_on_server(sessions[0]), before + 1)


class FewStatements(ProxyTest):
    pool_size = 1
    settings = {"clients": {"server_statement_limit": 5}}

    def test_they_count_as_the_servers(self):
        session = self.wire()
        for number in range(20):
            executed(session, f"moment{number}", parse(f"select 'now'::timestamptz, {number}", f"moment{number}"))
        self.assertLessEqual(int(session.simple("select count(*) from pg_prepared_statements")[0][0]), 5)
        self.assertEqual(len(executed(session, "moment0")), 1)


if __name__ == "__main__":
    unittest.main()
