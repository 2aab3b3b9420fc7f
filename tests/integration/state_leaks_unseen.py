# SPDX-License-Identifier: Apache-2.0
#
# State that no text shows plainly: left by code that nobody looks into, by values that are computed or bound, by start-up parameters, by
# RESET where none is seen. One client leaves it, the next one gets the same server connection, and what both find is what they find on
# direct connections.

import struct
import unittest

from cluster import PASSWORD
from fixture import ProxyTest
from pgwire import SYNC, ServerError, bind, execute, extended, frame, parse, query, rows_of
from wait import wait_until

SEED = "0.5"


def bound(text, *values):
    """By the unnamed statement."""
    def send(wire):
        wire.send(extended(text, values))
        rows_of(wire.until_ready())
    return send


def named(text, *values):
    def send(wire):
        wire.send(parse(text, "mine"), SYNC)
        rows_of(wire.until_ready())
        wire.send(bind(values, "mine"), execute(), SYNC)
        rows_of(wire.until_ready())
    return send


def long_bind(text, value):
    """One that passes through in pieces."""
    return bound(text, value, "x" * 40000)


def setseed_by_number(wire):
    argument = struct.pack("!d", float(SEED))
    wire.send(frame("F", struct.pack("!ihhhi", 1599, 1, 1, 1, len(argument)) + argument + struct.pack("!h", 1)))
    rows_of(wire.until_ready())


class Unseen(ProxyTest):
    pool_size = 1
    settings = {"pool": {"connection_borrow_timeout": "10s"}}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for text in ("create extension if not exists dblink", "grant execute on all functions in schema public to app",
                     "grant execute on function pg_backup_start(text, boolean) to app", "alter role app replication",
                     "create schema if not exists app authorization app", "create role boss superuser", "grant boss to app",
                     "create procedure app.sow() language sql begin atomic select setseed(0.5); end",
                     "create procedure app.forget() language plpgsql as $$ begin execute 'reset all'; end $$"):
            cls.server.sql(text)

    def dblink(self):
        return f"public.dblink_connect('c', $$host=127.0.0.1 port={self.server.port} user=app password='{PASSWORD}' dbname=app$$)"

    def answer(self, wire, act):
        try:
            return act(wire) if callable(act) else wire.simple(act)
        except ServerError as error:
            return f"error {error.sqlstate}"

    def next_one_finds(self, connect, options, acts, question):
        """What each act of the first client answers, and the question of the second one, which may have to wait until the first leaves."""
        first, second = connect(**({"options": options} if options else {})), connect()
        answers = [self.answer(first, act) for act in acts]
        second.send(query(question))
        first.close()
        answers.append(self.answer(second, lambda wire: rows_of(wire.until_ready())))
        second.close()
        return answers

    def alike(self, acts, question, options=None):
        with self.subTest(acts=[act if isinstance(act, str) else act.__qualname__ for act in acts], options=options):
            direct, pooled = (self.next_one_finds(connect, options, acts, question) for connect in (self.direct_wire, self.wire))
            self.assertEqual(pooled, direct)

    # ---- code that nobody looks into ----

    def test_connections_of_dblink_are_nobody_elses(self):
        block = f"do $x$ begin perform {self.dblink()}; end $x$"
        for acts in ([block], [block, "discard all"], ["begin", block, "commit"], ["begin", block, "rollback"],
                     [f"select {self.dblink()}".replace("dblink_connect", 'U&"dblink\\005fconnect"')]):
            self.alike(acts, "select public.dblink_get_connections()")

    def test_a_seed_is_nobody_elses(self):
        probe = self.direct_wire()
        probe.simple(f"select setseed({SEED})")
        question = f"select random() = '{probe.simple('select random()')[0][0]}'::float8"
        for acts in (["do $$ begin perform setseed(0.5); end $$"], ["do $$ begin perform setseed(0.5); end $$", "discard all"],
                     ["call app.sow()"], [setseed_by_number], [bound("select set_config($1, $2, false)", "seed", SEED)],
                     ["begin", bound("select set_config($1, $2, true)", "seed", SEED), "commit"],
                     [named("select set_config($1, $2, true)", "seed", SEED)],
                     ["select set_config('seed', '0.5', true)"]):
            self.alike(acts, question)
        for options in ("-c seed=0.5", "-c Seed=0.5"):
            for acts in (["select 1"], ["discard all"], ["begin; select 1; commit", "reset all"], [question], ["discard all", question]):
                self.alike(acts, question, options)

    def test_a_backup_is_nobody_elses(self):
        self.alike(["select pg_backup_start('x', true) is not null"], "select pg_backup_start('y', true) is not null")

    def test_a_temporary_slot_ends_with_its_client(self):
        self.server.sql("select pg_create_physical_replication_slot('lasting', true)")
        self.addCleanup(self.server.sql, "select pg_drop_replication_slot('lasting')")
        for text in ("select pg_create_physical_replication_slot('fleeting', true, true) is not null",
                     "select pg_copy_physical_replication_slot('lasting', 'fleeting', true) is not null"):
            with self.subTest(text=text):
                client = self.wire()
                client.simple(text)
                client.close()
                wait_until(lambda: self.server.sql("select slot_name from pg_replication_slots") == [("lasting",)], "the slot is gone")

    def test_what_is_sent_last_behind_such_code_still_runs(self):
        self.server.sql("create table if not exists public.sent(x int); grant all on public.sent to public")
        client = self.wire()
        client.simple("do $$ begin end $$")
        client.send(query("select pg_sleep(0.3); insert into public.sent values (1)"))
        client.close()
        wait_until(lambda: self.server.sql("select x from public.sent") == [(1,)], "it has run")

    def test_a_statement_behind_such_code_ends_with_its_client(self):
        client = self.wire()
        client.simple("do $$ begin end $$")
        client.simple("begin")
        client.send(query("select pg_sleep(300)"))
        wait_until(lambda: self.server.sql("select 1 from pg_stat_activity where state = 'active' and query like '%sleep(300)%' and pid <> pg_backend_pid()"), "it runs")
        client.close()
        self.wait_for_no_lease()

    # ---- pg_temp in a search path that no text shows ----

    def test_a_table_that_became_temporary_unseen_is_nobody_elses(self):
        table = ["create table secret(x text)", "insert into secret values ('of the first')"]
        question = "select * from pg_temp.secret"
        value = "pg_temp, public"
        setters = [
            "select set_config('search_path', 'pg_'||'temp, public', false)",
            "select set_config('search_path', (select 'pg_'||'temp, public'), false)",
            "select set_config('search_path', $$pg_temp, public$$, false)",
            "select set_config('search_path', 'pg_'\n'temp, public', false)",
            "select set_config('search_path', E'pg\\137temp, public', false)",
            "select set_config('search_'||'path', 'pg_temp, public', false)",
            bound("select set_config('search_path', $1, false)", value), named("select set_config('search_path', $1, false)", value),
            bound("select set_config('search_path', $1::text, false)", value), bound("select set_config($1, $2, false)", "search_path", value),
            long_bind("select set_config('search_path', $1, length($2) = 0)", value),
            "set search_path to $$pg_temp$$, public", "set search_path to 'pg_'\n'temp', public", "set search_path to 'pg_' -- more\n'temp'",
            "set search_path to E'pg\\137temp', public", "set schema $$pg_temp$$", "set search_path to pg_temp, public",
            "select 1; set search_path to $x$pg_temp$x$; select 2",
        ]
        for setter in setters:
            self.alike([setter, *table], question)
            self.alike([setter, "drop table if exists nothing", *table], question)
        prepared = "prepare mine as select set_config('search_path', $1, false)"
        self.alike([prepared, "execute mine('pg_temp, public')", *table], question)
        for setter in ("select set_config('search_path', 'pg_'||'temp, public', true)", "set local search_path to $$pg_temp$$, public",
                       bound("select set_config('search_path', $1, true)", value), named("select set_config('search_path', $1, true)", value),
                       bound("select set_config($1, $2, true)", "search_path", value)):
            self.alike(["begin", setter, *table, "commit"], question)
        for options in ("-c search_path=pg_temp,public", "-c Search_Path=PG_TEMP,public"):
            self.alike(table, question, options)
            self.alike(["discard all", *table], question, options)
            self.alike(["set search_path to public", "reset search_path", *table], question, options)

    def test_a_search_path_without_it_pins_nothing(self):
        session = self.wire()
        for act in (bound("select set_config('search_path', $1, false)", "public"), named("select set_config('search_path', $1, true)", "public"),
                    "select set_config('search_path', 'pub'||'lic', false)", "set search_path to $$public$$",
                    "select set_config('search_path', 'pg_'||'temp, public', false)", "set search_path to pg_temp, public", "set search_path to public"):
            self.answer(session, act)
            self.assertIsNotNone(self.answer(session, "select 1"))
        wait_until(lambda: self.penstock.console("show pins") == [], "the pin is over")
        self.assert_others_unaffected()

    # ---- a role of the start, and none ----

    def test_no_role_is_a_value(self):
        who = "select current_user, current_setting('role'), current_setting('is_superuser')"
        for none in ("set role none", "set role 'none'", 'set role "none"', "set session role to none", "select set_config('role', 'none', false)",
                     bound("set role none")):
            self.alike([none, who, "begin", who, "commit", "reset role", who], who, "-c role=boss")
            self.alike([none, "set work_mem = '99kB'", who, none, who, "discard all", who], who, "-c role=boss")
            self.alike(["set role boss", none, who, "set role boss", who, none, who], who)
            self.alike(["begin", none, who, "rollback", who, "begin", none, "commit", who], who, "-c role=boss")

    def test_no_role_follows_the_session(self):
        for connect in (self.direct_wire, self.wire):
            first, second = connect(options="-c role=boss"), connect()
            first.simple("set role none")
            second.simple("set role boss")
            self.assertEqual(first.simple("select current_user"), [("app",)])
            self.assertEqual(second.simple("select current_user"), [("boss",)])
            first.simple("reset role")
            second.simple("set role none")
            self.assertEqual(first.simple("select current_user"), [("boss",)])
            self.assertEqual(second.simple("select current_user"), [("app",)])
            first.close()
            second.close()

    # ---- values of the start, and RESET where none is seen ----

    def test_what_code_resets_goes_back_to_the_start(self):
        options = "-c app.tenant=7 -c work_mem=99kB -c TimeZone=Asia/Tokyo -c application_name=it\\ is"
        look = ("select nullif(current_setting('app.tenant', true), ''), current_setting('work_mem'), current_setting('timezone'), "
                "current_setting('application_name')")
        reset = "do $$ begin execute 'reset all'; end $$"
        for acts in ([reset, look], [reset, "begin", look, "commit", look], ["begin", reset, look, "rollback", look], ["begin; " + reset, look],
                     [bound(reset), look], ["do $$ begin execute 'reset app.tenant'; end $$", look], ["call app.forget()", look],
                     ["do $$ begin execute 'set work_mem = 4096'; end $$", look, "reset work_mem", look],
                     ["set app.tenant = '8'", "do $$ begin end $$", look, reset, look], ["set work_mem = '1MB'", "call app.forget()", look],
                     ["set app.tenant = ''", "do $$ begin end $$", look],
                     [reset, "discard all", look], ["begin", "set local work_mem = '1MB'", "do $$ begin end $$", look, "commit", look],
                     ["begin", "savepoint a", reset, "rollback to a", look, "commit", look], ["do $$ begin execute 'reset all'; perform 1/0; end $$", look]):
            self.alike(acts, look, options)


if __name__ == "__main__":
    unittest.main()
