# SPDX-License-Identifier: Apache-2.0
#
# The command line clients: mariadb and mariadb-dump of Debian against both products, and where MySQL is there its own mysql, mysqldump,
# mysqladmin and mysqlslap too.

import pathlib
import subprocess
import tempfile
import unittest

from mysql_driver import DriverTest, each_driver
from mysql_products import MariaDb, MySql, PASSWORD


class Checks:
    """What every client is asked. `maker` is the product whose client it is, `client_options` and `dump_options` what its programs want besides."""

    options = ()
    client_options = ()
    asked_for = {"opaque": "call p(1, @b)", "temporary_object": "create temporary table", "sql_prepare": "prepare", "state_change": "deallocate prepare",
                 "user_variable": "call p(1, @b), and set @OLD_TIME_ZONE=@@TIME_ZONE of dumps",
                 "unknown_setting": "what mariadb-dump sets at a server of MySQL"}

    def run_program(self, program, *arguments, stdin=None, status=0):
        done = subprocess.run([program, "--no-defaults", "-h", "127.0.0.1", "-P", str(self.target.port), "-u", "app",
                               f"--password={PASSWORD}", *self.options, *arguments],
                              input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + (done.stderr if status else "")

    def sql(self, script, *options, status=0):
        return self.run_program(self.maker.client, "-N", "-B", *self.client_options, *options, "app", stdin=script, status=status)

    def test_queries_and_transactions(self):
        out = self.sql("drop table if exists p; create table p(x int);\nbegin; insert into p values (1); commit;\nbegin; "
                       "insert into p values (2); rollback;\nselect count(*) from p;\ndrop table p;\n")
        self.assertEqual(out, "1\n")

    def test_its_own_commands(self):
        out = self.sql("use other\nselect database();\nuse app\nselect database();\nstatus\ndelimiter //\nselect 5; select 6//\n")
        self.assertTrue(out.startswith("other\napp\n") and out.endswith("5\n6\n"), out)

    def test_errors(self):
        self.assertIn("ERROR 1146 (42S02)", self.sql("select * from nowhere;\n", status=1))
        self.assertEqual(self.sql("select * from nowhere; select 1;\n", "--force"), "1\n")

    def test_warnings(self):
        self.assertIn("Truncated incorrect INTEGER value", self.sql("select cast('12x' as signed);\nshow warnings;\n"))

    def test_session_settings_and_variables(self):
        self.assertEqual(self.sql("set @x = 5, sql_mode = 'ANSI_QUOTES';\nselect 1;\nselect @x, @@sql_mode;\n"), "1\n5\tANSI_QUOTES\n")

    def test_prepared_in_sql(self):
        self.assertEqual(self.sql("prepare s from 'select ? + 1';\nset @a = 41;\nexecute s using @a;\ndeallocate prepare s;\n"), "42\n")

    def test_procedures_and_their_results(self):
        self.assertEqual(self.sql("delimiter //\ncreate procedure client_p(in a int, out b int) begin select a; set b = a + 1; end//\n"
                                  "delimiter ;\ncall client_p(1, @b);\nselect @b;\ndrop procedure client_p;\n"), "1\n2\n")

    def test_local_files(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows"
            path.write_text("1\tone\n2\ttwo\n")
            out = self.sql(f"create temporary table l(x int, y text);\nload data local infile '{path}' into table l;\n"
                           "select sum(x) from l;\n", "--local-infile=1")
        self.assertEqual(out, "3\n")

    def test_encrypted_and_compressed(self):
        self.options = self.encrypted()
        self.assertIn("TLS", self.sql("show session status like 'Ssl_version';\n"))
        with self.assert_compressed(100000):
            self.assertEqual(len(self.sql("select repeat('x', 100000);\n", "--compress")), 100001)

    def test_a_wrong_password(self):
        self.options = ("--password=wrong",)
        self.assertIn("ERROR 1045 (28000)", self.sql("select 1;\n", status=1))

    def test_rows_as_they_come(self):
        out = self.sql("with recursive n(x) as (select 0 union all select x + 1 from n where x < 999) select x from n;\n", "--quick")
        self.assertEqual(sum(map(int, out.split())), 499500)

    def test_dump_and_restore(self):
        self.sql("drop table if exists dumped; create table dumped(x int primary key, y text);\ninsert into dumped with recursive n(x) as "
                 "(select 0 union all select x + 1 from n where x < 499) select x, concat('row ', x) from n;\n")
        dump = self.run_program(self.maker.dump, *self.dump_options, "--single-transaction", "app", "dumped")
        self.sql("drop table dumped;\n")
        self.sql(dump)
        self.assertEqual(self.sql("select count(*), sum(x) from dumped;\ndrop table dumped;\n"), "500\t124750\n")


@each_driver
class ClientOfMariaDb(Checks):
    dump_options = ("--no-tablespaces",)

    @property
    def maker(self):
        return MariaDb()

    def encrypted(self):
        return (f"--ssl-ca={self.cluster.authority.certificate}", "--ssl-verify-server-cert")


class ClientOfMySql(Checks, DriverTest):
    """Against its own product; towards MariaDB it knows no login that MariaDB has."""

    product_name = "mysql"
    client_options = ("--commands=ON",)
    dump_options = ("--no-tablespaces", "--set-gtid-purged=OFF", "--column-statistics=0")

    @property
    def maker(self):
        return MySql()

    def encrypted(self):
        return (f"--ssl-ca={self.cluster.authority.certificate}", "--ssl-mode=VERIFY_IDENTITY")

    def test_zstd_compression(self):
        with self.assert_compressed(100000):
            self.assertEqual(len(self.sql("select repeat('x', 100000);\n", "--compression-algorithms=zstd")), 100001)

    def test_query_attributes(self):
        self.server.sql("install component 'file://component_query_attributes'")
        self.addCleanup(self.server.sql, "uninstall component 'file://component_query_attributes'")
        out = self.sql("query_attributes a 1 b two\nselect mysql_query_attribute_string('a'), mysql_query_attribute_string('b');\n")
        self.assertEqual(out, "1\ttwo\n")

    def test_administration(self):
        self.assertIn("mysqld is alive", self.run_program(self.maker.folder / "usr/bin/mysqladmin", "ping"))

    def test_load(self):
        out = self.run_program(self.maker.folder / "usr/bin/mysqlslap", "--query=select 1; select 2", "--delimiter=;",
                               "--concurrency=10", "--iterations=2", "--number-of-queries=200", "--create-schema=app")
        self.assertIn("Number of clients running queries: 10", out)


if __name__ == "__main__":
    unittest.main()
