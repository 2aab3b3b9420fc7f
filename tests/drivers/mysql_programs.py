# SPDX-License-Identifier: Apache-2.0
#
# The MySQL drivers of other languages: mysql2, mariadb and mysqljs of npm, MariaDB Connector/J and Connector/C, Go's driver, PHP and Ruby, each on
# both products. Each is a small program that is given DATABASE_URL and prints a line "ok <what>" or "not ok <what>: <why>" for each
# thing it does.

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile
import unittest

from mysql_driver import each_driver

HERE = pathlib.Path(__file__).resolve().parent
JDBC = "/usr/share/java/mariadb-java-client.jar"


@each_driver
class OtherLanguages:
    asked_for = {"opaque": "call p(1, @out)", "temporary_object": "create temporary table", "state_change": "drop temporary table",
                 "user_variable": "call p(1, @out)"}
    direct = ("test_mysqljs",)
    def start_program(self, arguments, **environment):
        return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=240, cwd=HERE,
                              env={**os.environ, "DATABASE_URL": self.target.url(), **environment})

    def run_program(self, arguments, least, **environment):
        done = self.start_program(arguments, **environment)
        lines = done.stdout.splitlines()
        for line in lines:
            with self.subTest(line.split(":")[0]):
                self.assertFalse(line.startswith("not ok"), line)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(sum(line.startswith("ok ") for line in lines), least, done.stdout + done.stderr)

    def test_node_mysql2(self):
        self.run_program(["node", "node/mysql2.js"], 21)

    def test_node_mariadb(self):
        self.run_program(["node", "node/mariadb.js"], 15)

    def test_mariadb_jdbc(self):
        self.run_program(["java", "-cp", JDBC, "java/MariaDbJdbc.java"], 39)

    def test_connector_c(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "connector_c"
            flags = subprocess.run(["mariadb_config", "--cflags", "--libs"], capture_output=True, text=True, check=True).stdout
            subprocess.run(["g++", "-std=c++20", HERE / "c/connector_c.cpp", "-o", program, *shlex.split(flags)], check=True)
            self.run_program([program], 23, SHARES_CONNECTIONS="1")

    def test_go(self):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "penstock-go"
        self.run_program([shutil.which("go") or "go", "run", "go/go_mysql.go"], 12, GO111MODULE="off", GOPATH="/usr/share/gocode",
                         GOCACHE=str(cache), GOFLAGS="")

    def test_php(self):
        self.run_program(["php", "php/pdo_mysqli.php"], 22)

    def test_ruby(self):
        with tempfile.TemporaryDirectory() as folder:
            self.run_program(["ruby", "ruby/ruby_mysql2.rb"], 11, TMPDIR=folder)

    def test_mysqljs(self):
        """It knows no login that MySQL 9 has; there it must be refused as a direct connection is."""
        if self.is_mariadb:
            return self.run_program(["node", "node/mysqljs.js"], 10)
        done = self.start_program(["node", "node/mysqljs.js"])
        self.assertIn("ER_NOT_SUPPORTED_AUTH_MODE", done.stdout + done.stderr)
        return None


if __name__ == "__main__":
    unittest.main()
