# SPDX-License-Identifier: Apache-2.0
#
# What is taken for a plain read is run on a real replica of MySQL (super_read_only) and of MariaDB (read_only): it must never be refused
# as a write, and nothing may stay in the session.

import unittest

import pymysql
from mysql_fixture import each_product, rows
from mysql_products import PASSWORD
from random_statements import Statements, judge

ROUNDS = 3000

SCHEMA = ["create table t (a int, b text)", "insert into t values (1, 'x'), (2, null)", "create table u (a int, c text)", "insert into u values (1, 'y')",
          "create function counted(x int) returns int reads sql data return (select count(*) from t where a = x)",
          "create function pure_one(x int) returns int no sql deterministic return x + 1",
          "create function writes(x int) returns int modifies sql data begin insert into t values (x, null); return 1; end",
          "create function keeps(x int) returns int begin set @kept = x; return 1; end"]

HARMLESS = ["now()", "rand()", "lower(b)", "length(b)", "counted(1)", "app.counted(1)", "COUNTED (1)", "pure_one(2)", "uuid()", "abs(-1)", "count(*)", "max(a)",
            "database()", "concat('a', b)", "cast('1' as signed)", "if(a, 1, 2)", "replace('abc', 'b', 'c')", "insert('abc', 1, 1, 'x')", "sleep(0)"]
HARMFUL = ["get_lock('l', 0)", "release_lock('l')", "last_insert_id(5)", "found_rows()", "row_count()", "writes(1)", "keeps(1)", "app.keeps(1)", "`keeps`(2)",
           "@x := 5", "unknown_function(1)", "connection_id()", "@@read_only", "master_pos_wait('f', 4, 1)", "version()"]
ON_MARIADB = ["nextval(s)", "lastval(s)", "next value for s", "setval(s, 5)"]
TAILS = ["for update", "for share", "lock in share mode", "limit 5", "limit 1 offset 0", "into @x", "into outfile 'never'", "/*!50000 for update */",
         "/*!99999 into @x */", "/*! limit 1 */", "# for update"]
OTHERS = ["insert into t values (3, null)", "update t set b = 'z'", "delete from t", "create temporary table x (a int)", "set @x = 1", "do get_lock('l', 0)",
          "prepare p from 'select 1'", "handler t open", "with w as (select 1) delete from t", "explain analyze delete from t", "begin", "truncate t",
          "lock tables t read", "flush tables", "call p()", "show tables", "show create table t", "select 2", "desc t", "select sql_calc_found_rows 1",
          "show warnings", "(select 1)", "/*!50000 set @x = 1 */", "/*!50000 show */ create table x (a int)", "analyze table t", "checksum table t"]

REFUSED = (1290, 1792, 1836, 1223, 1100, 1227)

# What changes by itself, or by looking.
UNSTEADY = ("timestamp", "pseudo", "rand_seed", "last_insert_id", "identity", "gtid", "error_count", "warning_count", "in_transaction", "last_gtid",
            "skip_parallel", "statement_id")


@each_product
class ReadsOnReplicas:
    replicas = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.replica = cls.cluster.replicas[0]
        if getattr(cls.cluster, "has_reads_schema", False):
            return
        cls.cluster.has_reads_schema = True
        cls.server.sql("set global log_bin_trust_function_creators = 1")
        for statement in SCHEMA + (["create sequence s"] if cls.product_name == "mariadb" else []):
            cls.server.sql(statement, database="app")
        cls.cluster.wait_until_replicated()

    def judge(self, statements):
        return judge(statements, engine="mysql", host="localhost", address="127.0.0.1", port=self.replica.port, user="app",
                     password=PASSWORD, database="app", schema="app")

    def harmful(self):
        return HARMFUL + (ON_MARIADB if self.is_mariadb else [])

    def state(self, connection):
        variables = rows(connection, "show session variables")
        own = rows(connection, "select @x, @kept, is_used_lock('l')")
        return [each for each in variables if not each[0].startswith(UNSTEADY)], own

    def test_functions_are_judged_by_the_servers_own_catalogue(self):
        for calls, expected in ((HARMLESS, True), (self.harmful(), False)):
            texts = [f"select {call} from t" for call in calls]
            for text, (_, is_read, _) in zip(texts, self.judge(texts)):
                self.assertEqual(is_read, expected, text)

    def test_no_read_is_refused_or_leaves_anything_behind(self):
        values = ["1", "'x'", "null", "a", "b", "\"for update\"", "'into'", "current_user", "0x1f", "'it\\'s'"]
        texts = Statements(5, HARMLESS * 3 + self.harmful(), values, TAILS, OTHERS).many(ROUNDS)
        judged = self.judge(texts)
        connection = self.direct(self.replica, database="app", client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        before = self.state(connection)
        reads = done = 0
        for text, (_, is_read, _) in zip(texts, judged):
            if not is_read:
                continue
            reads += 1
            try:
                with connection.cursor() as cursor:
                    cursor.execute(text)
                    while cursor.nextset():
                        pass
                done += 1
            except pymysql.Error as error:  # types do not fit, and so on; but it was not refused for what it does
                self.assertNotIn(error.args[0], REFUSED, (text, str(error)))
            if reads % 10 == 0:
                self.assertEqual(self.state(connection), before, text)
        self.assertEqual(self.state(connection), before)
        self.assertGreater(reads, ROUNDS // 10)
        self.assertGreater(ROUNDS - reads, ROUNDS // 10)
        self.assertGreater(done, reads // 10)


if __name__ == "__main__":
    unittest.main()
