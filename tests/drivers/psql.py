# SPDX-License-Identifier: Apache-2.0
#
# psql and pg_dump, PostgreSQL's own programs (libpq), through Penstock by DATABASE_URL.

import subprocess
import unittest

from cluster import binaries
from fixture import ProxyTest


class Psql(ProxyTest):
    pool_size = 2

    def run_program(self, name, *arguments, stdin=None, status=0):
        done = subprocess.run([binaries() / name, *arguments], input=stdin, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + (done.stderr if status else "")

    def psql(self, script, *options, status=0):
        return self.run_program("psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", *options, self.penstock.url(), stdin=script, status=status)

    def test_queries_and_transactions(self):
        out = self.psql("create table p(x int);\nbegin; insert into p values (1); commit;\nbegin; insert into p values (2); rollback;\n"
                        "select count(*) from p;\ndrop table p;\n")
        self.assertEqual(out, "1\n")

    def test_its_catalog_commands(self):
        self.assertIn("app", self.psql("\\l\n"))
        self.psql("\\d\n\\dn\n\\du\n\\df pg_catalog.lower\n\\conninfo\n")

    def test_copy(self):
        self.assertEqual(self.psql("create temp table c(x int, y text);\n\\copy c from stdin\n1\tone\n2\ttwo\n\\.\n"
                                   "\\copy c to stdout\nselect sum(x) from c;\n"), "1\tone\n2\ttwo\n3\n")

    def test_errors(self):
        self.assertIn("division by zero", self.psql("select 1/0;\n", status=3))

    def test_session_settings_and_variables(self):
        self.assertEqual(self.psql("set work_mem = '99kB';\nselect 1;\nshow work_mem;\n\\set x 5\nselect :x;\n"), "1\n99kB\n5\n")

    def test_prepared_by_the_extended_protocol(self):
        self.assertEqual(self.psql("prepare s as select $1::int + 1;\nexecute s(41);\n"), "42\n")

    def test_encrypted_if_offered_is_the_default_and_works(self):
        self.assertEqual(self.psql("select 1;\n"), "1\n")

    def test_dump_and_restore(self):
        self.psql("create table dumped(x int primary key, y text);\ninsert into dumped select n, 'row ' || n from generate_series(1, 500) n;\n")
        dump = self.run_program("pg_dump", "-t", "dumped", "--no-owner", self.penstock.url())
        self.psql("drop table dumped;\n")
        self.psql(dump)
        self.assertEqual(self.psql("select count(*) from dumped;\n"), "500\n")
        self.psql("drop table dumped;\n")

    def test_pgbench(self):
        url = self.penstock.url()
        self.run_program("pgbench", "-i", "-s", "1", "-q", url)
        for mode in ("simple", "extended", "prepared"):
            out = self.run_program("pgbench", "-M", mode, "-c", "8", "-j", "8", "-t", "50", url)
            self.assertIn("number of transactions actually processed: 400/400", out)
            self.assertIn("number of failed transactions: 0", out)


if __name__ == "__main__":
    unittest.main()
