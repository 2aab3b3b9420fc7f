# SPDX-License-Identifier: Apache-2.0
#
# docs/pinning.md, row by row, on a real server: what is said to be virtualised pins nothing, what is said to end ends when it does and
# not before, and what is said to last until a reset lasts until DISCARD ALL. Every row of the table is walked here or names its test.

import unittest

from fixture import ProxyTest
from pgwire import SYNC, close, extended
from pinning import carried, check_rows, elsewhere, ends, lasts
from wait import wait_until

LIMIT = 64 * 1024


def prepared(text, values=(), name=""):
    return lambda session: session.prepared(text, values, name)


def message(text):
    def send(session):
        session.send(extended(text))
        session.until_ready()
    return send


TABLE = {
    "a text over 16 KB": [carried("select '" + "x" * 20000 + "'"), lasts(message("select '" + "x" * 2 * LIMIT + "'"), reason="large_statement")],
    "the extended protocol, named prepared statements": [carried(prepared("select $1::int", ("1",), "mine"), prepared("select 1"))],
    "`SET`, `RESET`, `set_config()`, custom settings": [
        carried("set work_mem = '99kB'", "reset work_mem", "select set_config('app.tenant', 'x', false)", "set app.tenant = 'y'")],
    "`SET LOCAL`, `SET TRANSACTION`": [carried("begin; set transaction read only; set local work_mem = '99kB'; commit")],
    "`SET SESSION CHARACTERISTICS`": [carried("set session characteristics as transaction read write")],
    "`SET ROLE`, `SET SESSION AUTHORIZATION`": [carried("set role none", "reset role", "set session authorization default")],
    "a setting whose name cannot be told (`set_config($1, ...)`, `UPDATE pg_settings`)": [
        lasts(prepared("select set_config($1, 'x', false)", ("app.tenant",)), reason="unknown_setting")],
    "a setting that only a superuser may set, changed by one who has logged in as another": [elsewhere("foreign_settings.py")],
    "`SET temp_buffers`": [lasts("set temp_buffers = '5MB'", reason="unknown_setting")],
    "`PREPARE`, `EXECUTE` as SQL": [
        carried("prepare mine as select 1", "execute mine", "begin", "prepare other as select 2", "rollback", "execute other", "deallocate mine"),
        carried(prepared("prepare mine as select 1"), prepared("execute mine"), prepared("select 1", (), "ours"), "execute ours")],
    "`PREPARE` among other statements in one text": [
        ends("prepare mine as select 1; select 2", "deallocate mine", "sql_prepare", ["execute mine"]),
        ends("prepare mine as select 1; select 2", "deallocate all", "sql_prepare"),
        ends("select 1; prepare mine as select 1", lambda session: (session.send(close("mine"), SYNC), session.until_ready()), "sql_prepare"),
        ends(["prepare mine as select 1; prepare other as select 2", "deallocate mine"], "deallocate other", "sql_prepare")],
    "`DEALLOCATE`, `DISCARD`": [carried(prepared("select 1", (), "mine"), "deallocate mine", "discard plans", "discard temp", "deallocate all")],
    "temporary table, view or sequence; `SELECT INTO TEMP`": [
        ends("create temp table mine(x int)", "drop table mine", "temporary_object", ["insert into mine values (1)"]),
        ends("create temp view mine as select 1", "drop view mine", "temporary_object"),
        ends("create temp sequence mine", "drop sequence mine", "temporary_object"),
        ends("select 1 as x into temp mine", "discard temp", "temporary_object"),
        ends(["create temp table a(x int)", "create temp table b(x int)", "drop table a"], "drop table b", "temporary_object"),
        ends("create temp table mine(x int)", prepared("drop table mine"), "temporary_object"),
        ends(["begin", "create temp table mine(x int)"], "rollback", "temporary_object", None),
        carried("begin; create temp table mine(x int) on commit drop; commit")],
    "names in `pg_temp`": [ends("create function pg_temp.f() returns int language sql return 1", "drop function pg_temp.f()", "temporary_object")],
    "`DECLARE` of a cursor": [carried("begin; declare c cursor for select 1; fetch c; commit")],
    "`DECLARE ... WITH HOLD`": [
        ends(["begin", "declare c cursor with hold for select 1", "commit"], "close c", "hold_cursor", ["fetch c"]),
        ends(["begin", "declare c cursor with hold for select 1", "declare d cursor with hold for select 1", "commit", "close c"], "close all",
             "hold_cursor")],
    "`LISTEN`": [ends(["listen news", "listen more", "unlisten news"], "unlisten more", "listen"), ends("listen news", "unlisten *", "listen")],
    "`NOTIFY`, `UNLISTEN`": [carried("notify news", "unlisten *")],
    "`LOAD`": [lasts("load '$libdir/plugins/none'", reason="load")],
    "`nextval()`, `setval()`, `currval()`, `lastval()`": [
        ends(["create sequence if not exists counted", "select nextval('counted')"], "discard sequences", "sequence", ["select currval('counted')"])],
    "session advisory locks": [
        ends("select pg_advisory_lock(42)", "select pg_advisory_unlock(42)", "advisory_lock"),
        ends(["select pg_advisory_lock(42)", "select pg_advisory_lock(42)", "select pg_advisory_unlock(42)"], "select pg_advisory_unlock(42)",
             "advisory_lock"),
        ends("select pg_try_advisory_lock_shared(1, 2)", "select pg_advisory_unlock_all()", "advisory_lock"),
        ends(prepared("select pg_advisory_lock($1::int)", ("7",), "lock"), prepared("select pg_advisory_unlock($1::int)", ("7",), "unlock"),
             "advisory_lock")],
    "advisory locks of a transaction": [carried("begin; select pg_advisory_xact_lock(1); commit")],
    "`setseed()`, `SET seed`": [lasts("select setseed(0.5)", reason="setseed"), lasts("set seed = 0.5", reason="setseed")],
    "`dblink_connect()`": [lasts("select dblink_connect('x')", reason="dblink")],
    "`DO`, `CALL`": [lasts("do $$ begin end $$", reason="opaque")],
    "`PREPARE TRANSACTION`": [carried("begin", "prepare transaction 'x'", "rollback prepared 'x'")],
    "`pg_export_snapshot()`, large object descriptors": [carried("begin; select pg_export_snapshot(); select lo_creat(-1); commit")],
    "state that functions, triggers and views leave behind": [elsewhere("state_leak.py")],
    "an open transaction, COPY, a pipeline without its Sync": [elsewhere("pooling.py"), elsewhere("copying.py"), elsewhere("pipelines.py")],
}


class PinningTable(ProxyTest):
    settings = {"clients": {"max_inspected_statement": LIMIT}}

    def pins_of(self, number):
        return {row["reason"] for row in self.penstock.console("show pins") if row["application_name"] == f"row-{number}"}

    def run_all(self, session, statements):
        for statement in [statements] if isinstance(statements, str) or callable(statements) else statements:
            try:
                statement(session) if callable(statement) else session.simple(statement)
            except Exception as error:  # what a server refuses counts as what it may have done: LOAD of what there is not
                if "FATAL" in str(error) or isinstance(error, (OSError, AssertionError)):
                    raise

    def is_free(self, number):
        """No server connection is held for it."""
        return not any(row["link"] for row in self.penstock.console("show extended clients") if row["application_name"] == f"row-{number}")

    def walk(self, number, case):
        session = self.wire(application_name=f"row-{number}")
        try:
            if isinstance(case, carried):
                for statement in case.statements:
                    self.run_all(session, statement)
                    self.assertEqual(self.pins_of(number), set(), statement)
                wait_until(lambda: self.is_free(number), "its connection is back in the pool")
                return
            self.run_all(session, case.begin if isinstance(case, ends) else case.statements)
            self.assertEqual(self.pins_of(number), {case.reason})
            others = case.in_between if isinstance(case, ends) else ()
            if others is not None:
                self.run_all(session, [*others, "select 1", "begin", "select 1", "commit"])
            self.assertEqual(self.pins_of(number), {case.reason}, "it has ended too early")
            self.run_all(session, case.end if isinstance(case, ends) else "discard all")
            wait_until(lambda: self.pins_of(number) == set(), "the pin ends")
            wait_until(lambda: self.is_free(number), "its connection is back in the pool")
            self.assert_works(session)
        finally:
            session.close()

    def test_every_row_is_walked(self):
        check_rows(self, "PostgreSQL", TABLE)

    def test_rows(self):
        number = 0
        for what, cases in TABLE.items():
            for case in cases:
                if not isinstance(case, elsewhere):
                    number += 1
                    with self.subTest(what=what, case=number):
                        self.walk(number, case)


if __name__ == "__main__":
    unittest.main()
