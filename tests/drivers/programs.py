# SPDX-License-Identifier: Apache-2.0
#
# The drivers of other languages: node-postgres and postgres.js, JDBC, Go's lib/pq. Each is a small program that is given DATABASE_URL and
# prints a line "ok <what>" or "not ok <what>: <why>" for each thing it does; all of them do the same list of things.

import os
import pathlib
import shutil
import subprocess
import unittest

from fixture import ProxyTest

HERE = pathlib.Path(__file__).resolve().parent
JDBC = "/usr/share/java/postgresql.jar"


class Programs(ProxyTest):
    pool_size = 4

    def run_program(self, arguments, least, **environment):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=240, cwd=HERE,
                              env={**os.environ, "DATABASE_URL": self.penstock.url(), **environment})
        lines = done.stdout.splitlines()
        for line in lines:
            with self.subTest(line.split(":")[0]):
                self.assertFalse(line.startswith("not ok"), line)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertGreaterEqual(sum(line.startswith("ok ") for line in lines), least, done.stdout + done.stderr)

    def test_node_postgres(self):
        self.run_program(["node", "node/node_postgres.js"], 11)

    def test_postgres_js(self):
        self.run_program(["node", "node/postgres_js.js"], 10)

    def test_jdbc(self):
        self.run_program(["java", "-cp", JDBC, "java/Jdbc.java"], 10)

    def test_go(self):
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "penstock-go"
        self.run_program([shutil.which("go") or "go", "run", "go/lib_pq.go"], 9, GO111MODULE="off", GOPATH="/usr/share/gocode",
                         GOCACHE=str(cache), GOFLAGS="")


if __name__ == "__main__":
    unittest.main()
