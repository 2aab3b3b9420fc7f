# SPDX-License-Identifier: Apache-2.0
#
# What is taken for a plain read is run on a real standby: it must never refuse it as a write, and nothing may stay in the session.

import unittest

import psycopg2
from cluster import PASSWORD
from fixture import shared_cluster
from random_statements import Statements, judge

ROUNDS = 3000

SCHEMA = """
    create table t (a int, b text); insert into t values (1, 'x'), (2, null); create table u (a int, c text); insert into u values (1, 'y');
    create sequence s;
    create function reads(int) returns bigint stable language sql as 'select count(*) from t where a = $1';
    create function pure(int) returns int immutable language sql as 'select $1 + 1';
    create function writes(int) returns bigint language sql as 'insert into t values ($1); select 1::bigint';
    create function twofold(int) returns int immutable language sql as 'select $1';
    create function twofold(text) returns text language sql as 'insert into t values (1); select $1';
    create aggregate total(int) (sfunc = int4pl, stype = int);
    create function add_and_write(int, int) returns int language sql as 'insert into t values (1); select $1 + $2';
    create aggregate writing_total(int) (sfunc = add_and_write, stype = int);
    create schema other; create function other.reads(int) returns bigint language sql as 'insert into t values ($1); select 1::bigint';
"""

HARMLESS = ["now()", "random()", "clock_timestamp()", "lower(b)", "length(b)", "reads(1)", "public.reads(1)", "pure(2)", "gen_random_uuid()",
            "abs(-1)", "current_setting('work_mem')", "total(a)", "count(*)", "pg_catalog.upper('a')", "(select max(a) from t)"]
HARMFUL = ["nextval('s')", "setval('s', 5)", "currval('s')", "lastval()", "setseed(0.5)", "set_config('work_mem', '1MB', false)",
           "pg_advisory_lock(5)", "pg_try_advisory_lock(6)", "writes(1)", "twofold('x')", "twofold(1)", "other.reads(1)", "txid_current()",
           "writing_total(a)", "pg_notify('a', 'b')", "unknown_function(1)", "lo_create(0)", "pg_export_snapshot()", "query_to_xml('select nextval(''s'')', true, true, '')"]
TAILS = ["for update", "for share", "for no key update skip locked", "limit 5", "offset 0", "fetch first row only", "into x", "for key share of t"]
OTHERS = ["insert into t values (3)", "update t set b = 'z'", "delete from t", "create temp table x (a int)", "select 1 into temp x", "set work_mem = '1MB'",
          "prepare p as select 1", "listen a", "declare c cursor with hold for select 1", "with w as (delete from t returning a) select * from w",
          "explain analyze delete from t", "begin", "truncate t", "copy t to stdout", "do 'begin end'", "lock table t", "vacuum t", "select 2",
          "values (1, 2)", "table t", "explain analyze select 1", "select * from pg_stat_activity limit 1"]

STATE = """select (select json_agg(s order by name) from (select name, setting from pg_settings where source = 'session') s),
    (select json_agg(mode) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'), (select json_agg(name) from pg_prepared_statements),
    (select json_agg(name) from pg_cursors where is_holdable), (select json_agg(c) from pg_listening_channels() c), pg_my_temp_schema()::int, session_user, current_user"""


class ReadsOnAStandby(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster(replicas=1)
        cls.cluster.primary.sql(SCHEMA, user="app")
        cls.cluster.wait_for_replicas()
        cls.replica = cls.cluster.replicas[0]

    def judge(self, statements, *schemas):
        named = {"schema": schemas[0]} if schemas else {}
        return judge(statements, engine="postgresql", host="127.0.0.1", address="127.0.0.1", port=self.replica.port, user="app",
                     password=PASSWORD, database="app", **named)

    def test_functions_are_judged_by_the_servers_own_catalogue(self):
        for calls, expected in ((HARMLESS, True), (HARMFUL, False)):
            texts = [f"select {call} from t" for call in calls]
            for text, (_, is_read, _) in zip(texts, self.judge(texts, "public")):
                self.assertEqual(is_read, expected, text)

    def test_a_search_path_that_is_not_known_counts_all_schemas(self):
        self.assertEqual([is_read for _, is_read, _ in self.judge(["select reads(1)"], "public")], [True])
        self.assertEqual([is_read for _, is_read, _ in self.judge(["select reads(1)"])], [False])

    def test_no_read_is_refused_or_leaves_anything_behind(self):
        values = ["1", "'x'", "null", "a", "b", "$$for update$$", "'into'", "current_user", "array[1]"]
        texts = Statements(4, HARMLESS * 3 + HARMFUL, values, TAILS, OTHERS).many(ROUNDS)
        judged = self.judge(texts, "public")
        connection = self.replica.connect(options="-c statement_timeout=10s")
        self.addCleanup(connection.close)
        reads = done = 0
        with connection.cursor() as cursor:
            cursor.execute(STATE)
            before = cursor.fetchall()
            for text, (_, is_read, _) in zip(texts, judged):
                if not is_read:
                    continue
                reads += 1
                try:
                    cursor.execute(text.replace("%", "%%"))
                    done += 1
                except psycopg2.Error as error:  # types do not fit, and so on; but it was not refused for what it does
                    self.assertNotIn(error.pgcode, ("25006", "25001", "0A000", "55000", "57014"), (text, str(error)))
                cursor.execute(STATE)
                self.assertEqual(cursor.fetchall(), before, text)
        self.assertGreater(reads, ROUNDS // 10)
        self.assertGreater(ROUNDS - reads, ROUNDS // 10)
        self.assertGreater(done, reads // 10)


if __name__ == "__main__":
    unittest.main()
