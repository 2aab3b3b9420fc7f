# SPDX-License-Identifier: Apache-2.0
#
# The control plane's own client against real servers: logging in by every TLS mode, asking with bound parameters, probing primaries and
# replicas, and looking users up. `mysql_control` (tests/tools) is the part of Penstock under test.

import json
import pathlib
import signal
import subprocess
import unittest

import penstock
from mysql_fixture import each_product
from mysql_products import PASSWORD

TOOL = pathlib.Path(penstock.program()).parent / "tests/tools/mysql_control"


def call(verb, parameters=(), **named):
    pairs = [f"{name}={value}" for name, value in named.items()] + [f"parameter={value}" for value in parameters]
    done = subprocess.run([TOOL, verb, *pairs], capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout)


@each_product
class ControlPlane:
    replicas = 1

    @property
    def replica(self):
        return self.cluster.replicas[0]

    def call(self, verb, node=None, parameters=(), **named):
        node = node or self.server
        return call(verb, parameters, **({"host": "localhost", "address": "127.0.0.1", "port": node.port, "user": "monitor",
                                          "password": PASSWORD, "tls": "prefer", "ca": self.cluster.authority.certificate} | named))

    def ask(self, text, parameters=(), **named):
        return self.call("ask", parameters=parameters, text=text, **named)

    def rows(self, text, parameters=(), **named):
        answer = self.ask(text, parameters, **named)
        self.assertEqual(answer["fault"], "")
        return answer["rows"]

    # ---- probing ----

    def test_a_probe_tells_primary_from_replica(self):
        for node, is_replica in ((self.server, False), (self.replica, True)):
            seen = self.call("probe", node)
            self.assertEqual((seen["how"], seen["replica"], seen["max_connections"]), ("answered", is_replica, 200))
            self.assertEqual(seen["text"].startswith("5.5.5-10.11.") if self.is_mariadb else seen["text"].startswith("9."), True, seen)
            self.assertEqual(seen["version"] // 10000, 10 if self.is_mariadb else 9)
            self.assertEqual(seen["writes_with"] != "", not self.is_mariadb)

    def test_a_probe_needs_no_privilege(self):
        self.assertEqual(self.call("probe", self.replica, user="other")["replica"], True)
        self.assertEqual(self.call("probe", self.server, user="other")["replica"], False)

    def test_a_probe_says_that_replication_stopped(self):
        self.assertEqual(self.call("probe", self.replica)["says"], "read_only")
        self.replica.sql("stop slave" if self.is_mariadb else "stop replica")
        try:
            self.assertEqual(self.call("probe", self.replica)["says"], "read_only and its replication stopped")
        finally:
            self.replica.sql("start slave" if self.is_mariadb else "start replica")

    def test_a_probe_follows_read_only(self):
        for statement in self.cluster.product.read_only:
            self.server.sql(statement)
        try:
            self.assertEqual(self.call("probe")["replica"], True)
        finally:
            for statement in self.cluster.product.writable:
                self.server.sql(statement)
        self.assertEqual(self.call("probe")["replica"], False)

    def test_a_refusal_is_a_sign_of_life_and_silence_is_not(self):
        self.assertEqual(self.call("probe", password="wrong")["how"], "refused")
        self.replica.stop(signal.SIGKILL)
        try:
            seen = self.call("probe", self.replica)
            self.assertEqual(seen["how"], "failed")
            self.assertIn("connecting to localhost", seen["fault"])
        finally:
            self.replica.start()

    # ---- asking ----

    def test_parameters_are_bound_and_values_come_as_text(self):
        strange = "o'b\"é\\ -- ; drop"
        text = ("select ?, cast(-5 as signed), cast(18446744073709551615 as unsigned), 1.5e0, cast(2.25 as decimal(5,2)), "
                "cast('2026-01-02 03:04:05' as datetime), cast('-25:10:11' as time), cast('2026-01-02' as date), null, repeat('x', 300)")
        self.assertEqual(self.rows(text, [strange]), [[strange, "-5", "18446744073709551615", "1.5", "2.25", "2026-01-02 03:04:05",
                                                       "-25:10:11", "2026-01-02", None, "x" * 300]])
        self.assertEqual(self.rows(text.replace("?", "'a'"))[0][1:6], ["-5", "18446744073709551615", "1.5", "2.25", "2026-01-02 03:04:05"])

    def test_statements_and_connections_are_not_leaked(self):
        def prepared():
            return self.server.sql("show global status like 'Prepared_stmt_count'")[0][1]
        before = prepared()
        counted = self.rows("select variable_value from performance_schema.global_status where variable_name = ?",
                            ["Prepared_stmt_count"], times=300, user="root", host=self.server.socket, password="")
        self.assertEqual(int(counted[0][0]), int(before) + 1)
        aborted = "show global status like 'Aborted_clients'"
        before = self.server.sql(aborted)
        self.rows("select 1")
        self.assertEqual(self.server.sql(aborted), before)

    def test_a_slow_answer_is_given_up(self):
        self.assertIn("no answer from localhost", self.ask("select sleep(20)", patience=300)["fault"])

    def test_a_large_answer_is_given_up(self):
        self.assertIn("larger than expected", self.ask("select repeat('x', 2000000)")["fault"])

    def test_the_server_says_what_it_refuses(self):
        self.assertEqual(self.ask("selec")["number"], 1064)
        self.assertEqual(self.ask("select 1; select 2")["number"], 1064, "several statements in one text")
        self.assertIn(self.ask("load data local infile '/etc/passwd' into table t", user="app", database="app")["number"], (3948, 4166, 1148))

    # ---- logging in ----

    def test_tls_is_as_the_mode_says(self):
        version = "show session status like 'ssl_version'"
        for mode in ("prefer", "require", "verify-ca", "verify-full"):
            self.assertEqual(self.rows(version, tls=mode)[0][1][:4], "TLSv", mode)
        if self.is_mariadb:  # MySQL's method asks for TLS where it does not know the password yet
            self.assertEqual(self.rows(version, tls="disable")[0][1], "")
            self.assertEqual(self.rows(version, tls="allow")[0][1], "")
        self.assertEqual(self.rows(version, tls="allow", user="tls_user")[0][1][:4], "TLSv")

    def test_a_certificate_is_for_the_name_and_not_for_the_address(self):
        answer = self.ask("select 1", tls="verify-full", host="db.example")
        self.assertIn("hostname mismatch", answer["fault"])
        self.assertEqual(self.rows("select 1", tls="verify-ca", host="db.example"), [["1"]])

    def test_a_unix_socket_needs_no_tls(self):
        for mode in ("prefer", "disable"):
            self.assertEqual(self.rows("select 1", host=self.server.socket, tls=mode), [["1"]])

    # ---- looking users up ----

    def test_a_user_is_known_by_the_secret_that_the_server_stores(self):
        text = "SELECT authentication_string, plugin FROM mysql.user WHERE user = ?"
        verdict = self.call("judge", parameters=["app"], text=text, user="lookup")
        self.assertEqual((verdict["how"], verdict["form"]), ("found", "native" if self.is_mariadb else "sha2"), verdict)
        if self.is_mariadb:
            verdict = self.call("judge", parameters=["ed25519_user"], text=text, user="lookup")
            self.assertEqual((verdict["how"], verdict["form"]), ("found", "ed25519"), verdict)
        for nobody in ("nobody", "empty_user", "root"):
            self.assertEqual(self.call("judge", parameters=[nobody], text=text, user="lookup")["how"], "absent", nobody)
        self.assertEqual(self.call("judge", parameters=["app"], text=text, user="other")["how"], "unavailable")

    def test_a_locked_account_stays_out(self):
        if self.is_mariadb:
            text = ("SELECT user, json_value(priv, '$.authentication_string') AS authentication_string, "
                    "json_value(priv, '$.plugin') AS plugin, json_exists(priv, '$.account_locked') "
                    "AND json_value(priv, '$.account_locked') = '1' AS account_locked FROM mysql.global_priv WHERE user = ?")
        else:
            text = "SELECT user, authentication_string, plugin, account_locked, password_expired FROM mysql.user WHERE user = ?"
        def verdict():
            return self.call("judge", parameters=["other"], text=text, user="lookup")["how"]
        self.assertEqual(verdict(), "found")
        self.server.sql("alter user other account lock")
        try:
            self.assertEqual(verdict(), "absent")
        finally:
            self.server.sql("alter user other account unlock")
        if not self.is_mariadb:
            self.server.sql("alter user other password expire")
            try:
                self.assertEqual(verdict(), "absent")
            finally:
                self.server.sql(f"alter user other identified by '{PASSWORD}'")


if __name__ == "__main__":
    unittest.main()
