# SPDX-License-Identifier: Apache-2.0
#
# The servers that the tests of MySQL stand on are what they are taken for: the right products, with replication, encryption, a user for
# each way of logging in, and LOAD DATA LOCAL. Where MySQL could not be fetched its half of these tests is named as skipped.

import contextlib
import pathlib
import signal
import tempfile
import unittest

import pymysql

from mysql_fixture import MySqlTest, each_product, rows, value
from mysql_products import PASSWORD


@each_product
class Environment:
    replicas = 1

    @property
    def replica(self):
        return self.cluster.replicas[0]

    def test_it_is_the_product_and_version_meant(self):
        version = self.server.sql("select version()")[0][0]
        self.assertTrue(version.startswith("10.11.") if self.is_mariadb else version.startswith("9."), version)
        self.assertEqual("MariaDB" in version, self.is_mariadb)

    def test_a_write_reaches_the_replica(self):
        self.server.sql("create table replicated(x int primary key)", database="app")
        for number in range(20):
            self.server.sql("insert into replicated values (%s)", (number,), database="app")
        self.cluster.wait_until_replicated()
        self.assertEqual(self.replica.sql("select count(*), sum(x) from app.replicated"), [(20, 190)])
        self.server.sql("drop table app.replicated")

    def test_a_replica_takes_no_writes_of_an_application(self):
        with contextlib.closing(self.replica.connect()) as connection, self.assertRaises(pymysql.err.OperationalError) as caught:
            connection.cursor().execute("create table refused(x int)")
        self.assertEqual(caught.exception.args[0], 1290)

    def test_each_user_logs_in_by_the_plugin_meant(self):
        for user, (plugin, _) in self.cluster.product.users.items():
            with self.subTest(user):
                self.assertEqual(self.server.sql("select plugin from mysql.user where user = %s", (user,)), [(plugin,)])
                connection = self.direct(user=user, password="" if user == "empty_user" else PASSWORD, **self.options_of(user))
                self.assertEqual(value(connection, "select current_user()"), f"{user}@%")

    def options_of(self, user):
        if user != "cert_user":
            return {}
        certificate, key = self.cluster.authority.issue("cert_user")
        return {"ssl": {"ca": str(self.cluster.authority.certificate), "cert": str(certificate), "key": str(key)}}

    def test_a_wrong_password_is_refused(self):
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            self.server.connect(password="wrong")
        self.assertEqual(caught.exception.args[0], 1045)

    def test_a_user_who_must_encrypt_is_refused_in_the_clear(self):
        with self.assertRaises(pymysql.err.OperationalError) as caught:
            self.server.connect(user="tls_user", ssl=None, ssl_disabled=True)
        self.assertEqual(caught.exception.args[0], 1045)

    def test_connections_are_encrypted_with_our_certificate(self):
        self.assertNotEqual(rows(self.direct(), "show session status like 'Ssl_cipher'")[0][1], "")
        self.assertEqual(rows(self.direct(ssl=None, ssl_disabled=True, user="empty_user", password=""),
                              "show session status like 'Ssl_cipher'")[0][1], "")

    def test_local_files_are_loaded(self):
        connection = self.direct(local_infile=True)
        with tempfile.TemporaryDirectory() as folder, connection.cursor() as cursor:
            path = pathlib.Path(folder) / "rows"
            path.write_text("1\tone\n2\ttwo\n")
            cursor.execute("create temporary table loaded(x int, y text)")
            cursor.execute("load data local infile %s into table loaded", (str(path),))
            self.assertEqual(rows(connection, "select * from loaded order by x"), [(1, "one"), (2, "two")])

    def test_packets_above_16_mib_pass(self):
        self.assertEqual(value(self.direct(), "select length(%s)", ("x" * (17 << 20),)), 17 << 20)

    def test_the_session_tells_of_its_changes(self):
        for name in ("session_track_schema", "session_track_system_variables", "session_track_state_change"):
            self.assertEqual(len(self.server.sql(f"show variables like '{name}'")), 1)

    def test_connection_attributes_are_seen(self):
        connection = self.direct(program_name="environment-test")
        seen = self.server.sql("select attr_value from performance_schema.session_connect_attrs where processlist_id = %s and "
                               "attr_name = 'program_name'", (connection.thread_id(),))
        self.assertEqual(seen, [("environment-test",)])


@each_product
class Failures:
    """A cluster of its own: these stop servers."""

    replicas = 2

    def test_a_crash_of_the_primary_and_a_promotion(self):
        old, new, other = self.server, *self.cluster.replicas
        old.sql("create table kept(x int primary key)", database="app")
        old.sql("insert into kept values (1)", database="app")
        self.cluster.wait_until_replicated()
        old.stop(signal.SIGKILL)
        new.promote()
        for statement in self.cluster.product.stop_replication:
            other.sql(statement)
        other.follow(new)
        new.sql("insert into kept values (2)", database="app")
        new.wait_until_replicated()
        self.assertEqual(other.sql("select x from app.kept order by x"), [(1,), (2,)])
        old.start()
        old.follow(new)
        new.wait_until_replicated()
        self.assertEqual(old.sql("select x from app.kept order by x"), [(1,), (2,)])


class TheFixtureItself(MySqlTest):
    def test_the_tests_ran_on_two_products(self):
        self.assertEqual({name for name in globals() if name.startswith("EnvironmentOn")}, {"EnvironmentOnMySql", "EnvironmentOnMariaDb"})


if __name__ == "__main__":
    unittest.main()
