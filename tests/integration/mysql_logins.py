# SPDX-License-Identifier: Apache-2.0
#
# How Penstock reaches servers of MySQL and MariaDB and clients reach it: Unix sockets on both sides, RSA keys where there is no TLS, what
# servers are shown of it, and the account of the health checks where users' passwords are hashes.

import hashlib
import pathlib
import subprocess
import unittest

import pymysql

import processes
from mysql_fixture import each_product, rows, value
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from penstock import run_once
from wait import wait_until


class LoginTest:
    def start(self, settings=None, cluster=None, listen=None):
        between = MySqlPenstock(self.cluster, settings)
        self.addCleanup(between.discard)
        between.settings["cluster"][0] |= cluster or {}
        between.settings["listen"] |= listen or {}
        between.write_settings()
        return between.start()

    def open(self, between, **options):
        connection = between.connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection


@each_product
class UnixSockets(LoginTest):
    def test_servers_over_a_unix_socket(self):
        for mode in ("prefer", "disable", "require"):
            between = self.start(cluster={"nodes": [f"unix:{self.server.socket}"], "sslmode": mode})
            connection = self.open(between)
            self.assertEqual(value(connection, "select 40 + 2"), 42)
            hosts = self.server.sql("select distinct host from information_schema.processlist where user = 'app'")
            self.assertEqual(hosts, [("localhost",)])
            wait_until(lambda between=between: between.http("/ready")[0] == 200, "the server has been probed over it")
            between.stop()

    def test_a_statement_is_killed_over_it(self):
        between = self.start(cluster={"nodes": [f"unix:{self.server.socket}"]})
        victim, killer = self.open(between), self.open(between)
        victim._execute_command(3, "select sleep(60) from (select 1 union all select 2) two")
        wait_until(lambda: self.server.sql("select 1 from information_schema.processlist where info like 'select sleep(60)%'"), "it runs")
        rows(killer, f"kill query {victim.thread_id()}")
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            victim._read_query_result()
        self.assertEqual(caught.exception.args[0], 1317)

    def test_clients_over_a_unix_socket(self):
        between = MySqlPenstock(self.cluster)
        self.addCleanup(between.discard)
        path = between.folder / "mysql.sock"
        between.settings["listen"]["mysql"].insert(0, f"unix:{path}")  # it listens before the port does
        between.settings["tls"] = {"certificate": str(self.cluster.certificate), "key": str(self.cluster.key), "require_tls": True}
        between.write_settings()
        between.start()
        connection = pymysql.connect(unix_socket=str(path), user="app", password=PASSWORD, database="app")
        self.addCleanup(connection.close)
        self.assertEqual(value(connection, "select 40 + 2"), 42)
        with self.assertRaises(pymysql.err.OperationalError):
            self.open(between, ssl_disabled=True)
        status, said, _ = run_once("check", between.config)
        self.assertEqual(status, 0, said)


@each_product
class WithoutTls(LoginTest):
    def test_the_servers_key_is_fetched_where_that_is_wanted(self):
        self.assert_works(self.start(cluster={"sslmode": "disable", "fetch_public_key": True}))

    def test_or_known_beforehand(self):
        key = pathlib.Path(self.server.data) / "public_key.pem"
        if not key.exists():
            key = self.cluster.folder / "any_key.pem"
            key.write_text(any_key())  # the methods that MariaDB's users have need none
        self.assert_works(self.start(cluster={"sslmode": "disable", "public_key": str(key)}))

    def assert_works(self, between):
        self.server.sql("flush privileges")  # forgets whose password has been proved
        connection = self.open(between)
        self.assertEqual(value(connection, "select current_user()"), "app@%")
        self.assertEqual(rows(connection, "show session status like 'Ssl_cipher'")[0][1], "")

    def test_a_file_that_is_no_key_is_told_at_start(self):
        between = MySqlPenstock(self.cluster, {})
        self.addCleanup(between.discard)
        between.settings["cluster"][0]["public_key"] = str(between.config)
        between.write_settings()
        status, out, err = run_once("--config", between.config)
        self.assertNotEqual(status, 0)
        self.assertIn("public_key of cluster", out + err)


def any_key():
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubout"], input=made, capture_output=True, check=True).stdout.decode()


@each_product
class Introductions(LoginTest):
    def test_servers_see_who_we_are(self):
        for name, program in (("", "penstock"), ("the shop", "the shop")):
            between = self.start(cluster={"application_name": name} if name else {})
            connection = self.open(between, program_name="somebody else's")
            rows(connection, "select 1")
            shown = dict(self.server.sql("select attr_name, attr_value from performance_schema.session_connect_attrs a "
                                         "join information_schema.processlist p on p.id = a.processlist_id where p.user = 'app'"))
            self.assertEqual((shown["_proxy_name"], shown["program_name"]), ("penstock", program))
            self.assertNotIn("_proxy_client_address", shown)
            between.stop()

    def test_hashes_are_not_taken_for_the_password_of_the_probes(self):
        once = hashlib.sha1(PASSWORD.encode()).digest()
        hashed = "*" + hashlib.sha1(once).hexdigest().upper()
        between = MySqlPenstock(self.cluster)
        self.addCleanup(between.discard)
        for key in ("monitor_user", "monitor_password"):
            del between.settings["cluster"][0][key]
        between.settings["user"] = [{"name": "app", "password": hashed},
                                    {"name": "app2", "password": "$A$005$" + "s" * 20 + "h" * 43},
                                    {"name": "other", "password": PASSWORD}]
        between.write_settings()
        between.start()
        wait_until(lambda: processes.is_listening(between.admin_port), "the admin port is open")
        wait_until(lambda: between.http("/ready")[0] == 200, "the server has been probed")
        wait_until(lambda: self.server.sql("select 1 from information_schema.processlist where user = 'other'"), "by the one in clear")
        self.assertEqual(value(self.open(between, user="other"), "select current_user()"), "other@%")


if __name__ == "__main__":
    unittest.main()
