# SPDX-License-Identifier: Apache-2.0
#
# Who has a say in where requests of MySQL and MariaDB go: transactions that read only, comments, the session's user variable, rules, and
# listeners for reading. A transaction that reads goes to a replica once another one that begins like it was seen to do nothing else, so
# tests wait for that; each has a statement of its own to begin with.

import contextlib
import json
import signal
import unittest

import pymysql

import processes
from mysql_fixture import each_product, rows, value
from mysql_packets import RESET_CONNECTION, SESSION_STATE_CHANGED, Error, Ok
from mysql_products import PASSWORD
from mysql_read_write_split import REPLICAS, WHERE, Split
from mysql_wire import Wire
from wait import wait_until

BEGIN = "start transaction read only"


class Routes(Split):
    def where(self, connection, name="place"):
        """Which server serves a read; statements with different names begin transactions that have nothing in common."""
        return value(connection, f"select server as {name} from place, t where id = 99")

    def wire(self, port=None):
        wire = Wire(port or self.target.port)
        self.addCleanup(wire.close)
        wire.log_in("app", "app", PASSWORD, tls=port is not None and self.product_name == "mysql")
        return wire

    def reads_in_block(self, connection, name, begin=BEGIN, end="commit"):
        """Where two reads of one transaction are served, which has to be the same place."""
        if begin:
            rows(connection, begin)
        first, second = self.where(connection, name), self.where(connection, name)
        rows(connection, end)
        self.assertEqual(first, second)
        return first in REPLICAS

    def begin_on_replica(self, connection, name, begin=BEGIN):
        """The connection is left in a transaction that has read on a replica."""
        wait_until(lambda: self.reads_in_block(connection, name, begin), "such transactions are on replicas")
        rows(connection, begin)
        self.assertIn(self.where(connection, name), REPLICAS)


@each_product
class Transactions(Routes):
    def test_one_that_reads_is_on_a_replica(self):
        connection = self.connect()
        wait_until(lambda: self.reads_in_block(connection, "usual"), "such transactions are on replicas")
        for end in ("commit", "rollback", "commit and no chain"):
            for _ in range(5):
                self.assertTrue(self.reads_in_block(connection, "usual", end=end))

    def test_the_sessions_default_counts(self):
        connection = self.connect()
        rows(connection, "set session transaction read only")
        for begin in ("begin", "begin work", "start transaction"):
            wait_until(lambda: self.reads_in_block(connection, "by_default", begin), begin)
        rows(connection, "set session transaction read write")
        for _ in range(3):
            self.assertFalse(self.reads_in_block(connection, "by_default", "begin"))

    def test_without_autocommit_a_session_that_reads_is_on_a_replica(self):
        """As Connector/J does: setReadOnly, setAutoCommit(false), ..., commit, and back."""
        connection = self.connect()
        rows(connection, "set session transaction read only")
        rows(connection, "set autocommit = 0")
        wait_until(lambda: self.reads_in_block(connection, "unsaid", None), "such transactions are on replicas")
        self.assertTrue(self.reads_in_block(connection, "unsaid", None, "rollback"))
        self.assertIn(self.where(connection, "unsaid"), REPLICAS)
        rows(connection, "set autocommit = 1")
        rows(connection, "set session transaction read write")
        rows(connection, "update t set n = 5 where id = 20")
        self.assertEqual(value(connection, "select n from t where id = 20"), 5)

    def test_others_are_on_the_primary(self):
        connection = self.connect()
        for begin in ("begin", "start transaction", "start transaction read write", "start transaction with consistent snapshot",
                      "start transaction read only, with consistent snapshot"):
            for _ in range(3):
                self.assertFalse(self.reads_in_block(connection, "others", begin), begin)
        rows(connection, "set session transaction isolation level serializable")
        for _ in range(3):
            self.assertFalse(self.reads_in_block(connection, "others"))

    def test_it_sees_one_snapshot(self):
        reader, writer = self.connect(), self.connect()
        self.begin_on_replica(reader, "one_snapshot")
        read = "select n, server from t, place where id = 21"
        before = rows(reader, read)
        rows(writer, "update t set n = n + 1 where id = 21")
        self.cluster.wait_until_replicated()
        self.assertEqual(rows(reader, read), before)
        rows(reader, "commit")

    def test_it_reads_what_its_session_has_written(self):
        connection = self.connect()
        for number in range(20):
            rows(connection, f"update t set n = {number} where id = 22")
            rows(connection, BEGIN)
            self.assertEqual(value(connection, "select n from t where id = 22"), number)
            rows(connection, "commit")

    def test_writes_get_the_servers_own_refusal(self):
        connection = self.connect()
        self.begin_on_replica(connection, "refusing")
        for text in ("insert into t (n) values (1)", "update t set n = 1 where id = 23", "delete from t where id = 23",
                     "create temporary table x (n int)", "select n from bumping"):
            with self.assertRaises(pymysql.err.MySQLError) as refused:
                rows(connection, text)
            self.assertIn(refused.exception.args[0], (1290, 1792), text)
            self.assertIn(self.where(connection, "refusing"), REPLICAS, "it goes on")
        rows(connection, "savepoint a")
        rows(connection, "rollback to a")
        rows(connection, "commit")
        self.assertEqual(rows(connection, "update t set n = 1 where id = 23"), [])

    def test_where_statements_have_snapshots_of_their_own_it_is_moved(self):
        connection = self.connect()
        rows(connection, "set session transaction isolation level read committed")
        for text in ("select doubled(2)", "select get_lock('moved', 0)", "select id from t where id = 24 for share"
                     if self.product_name == "mysql" else "select id from t where id = 24 lock in share mode"):
            rows(connection, BEGIN)
            self.assertIn(self.where(connection, "moved"), REPLICAS)
            self.assertEqual(len(rows(connection, text)), 1)
            self.assertEqual(self.where(connection, "moved"), 1)
            with self.assertRaises(pymysql.err.MySQLError) as refused:
                rows(connection, "update t set n = 1 where id = 24")
            self.assertEqual(refused.exception.args[0], 1792)
            rows(connection, "commit")
            connection = self.connect()
            rows(connection, "set session transaction isolation level read committed")

    def test_where_they_share_one_it_cannot_go_on_and_the_next_is_on_the_primary(self):
        connection = self.connect()
        self.begin_on_replica(connection, "given_up")
        with self.assertRaises(pymysql.err.MySQLError) as given_up:
            rows(connection, "select doubled(2)")
        self.assertEqual(given_up.exception.args[0], 1213)
        rows(connection, BEGIN)
        self.assertEqual(self.where(connection, "given_up"), 1)
        self.assertEqual(value(connection, "select doubled(2)"), 4)
        rows(connection, "commit")

    def test_those_that_do_more_than_read_are_never_moved(self):
        connection = self.connect()
        for _ in range(6):
            rows(connection, BEGIN)
            self.assertEqual(self.where(connection, "more_than_read"), 1)
            self.assertEqual(value(connection, "select get_lock('more', 0)"), 1)
            rows(connection, "commit")
            rows(connection, "select release_lock('more')")

    def test_the_servers_own_isolation_counts(self):
        name = "transaction_isolation" if self.product_name == "mysql" else "tx_isolation"
        for node in self.cluster.replicas:
            node.sql(f"set global {name} = 'SERIALIZABLE'")
            self.addCleanup(node.sql, f"set global {name} = 'REPEATABLE-READ'")
        connection = self.connect(user="other")  # whose connections are opened now
        for _ in range(6):
            self.assertFalse(self.reads_in_block(connection, "serializable"))

    def test_answers_are_a_servers(self):
        texts = (BEGIN, BEGIN, "select n from t where id = 25", "commit", BEGIN, "rollback", BEGIN, "begin", "commit", BEGIN, "commit and chain", "select n from t where id = 25",
                 "rollback and no chain", "commit", BEGIN, "begin", "rollback", "set autocommit = 0", BEGIN, "select n from t where id = 25", "commit",
                 "set autocommit = 1", "select cast('x' as signed)", BEGIN, "show warnings", "commit", "select id from t limit 3", BEGIN,
                 "select found_rows()", "rollback", "insert into t (n) values (25)", BEGIN, "select row_count()", "select last_insert_id() > 0", "commit",
                 "set session transaction read only", "begin", "select n from t where id = 25", "commit", "set session transaction read write",
                 BEGIN, "insert into t (n) values (1)", "select nothing", "create table if not exists made (n int)", "select n from made", "drop table made")
        direct, between = self.wire(self.server.port), self.wire()
        expected = [(text, self.facts(direct, text)) for text in texts]
        for _ in range(6):
            self.assertEqual([(text, self.facts(between, text)) for text in texts], expected)

    @staticmethod
    def facts(wire, text):
        result = wire.query(text)[0]
        if isinstance(result, Error):
            return "error" if result.code in (1290, 1792) else (result.code, result.sqlstate)
        if isinstance(result, Ok):
            return result.affected, result.status & ~SESSION_STATE_CHANGED, result.warnings, result.info
        return result.rows, result.status & 0x2003

    def test_who_has_only_begun_holds_no_server(self):
        connection = self.connect()
        borrowed = lambda: sum(amount for name, amount in self.target.metrics().items() if "connections_borrowed_total" in name)
        before = borrowed()
        for _ in range(5):
            rows(connection, BEGIN)
            connection.ping()
        self.assertEqual(borrowed(), before)

    def test_a_reset_and_an_end_leave_nothing_behind(self):
        for _ in range(10):
            connection = self.connect()
            rows(connection, BEGIN)
            wire = self.wire()
            wire.query(BEGIN)
            wire.command(RESET_CONNECTION)
            self.assertEqual(wire.read_ok(wire.packet()).status & 0x2001, 0)
            connection.close()
            other = self.connect()
            rows(other, "update t set n = n + 1 where id = 26")

    def test_a_transaction_whose_replica_ends_is_lost_and_the_next_goes_on(self):
        connection = self.connect()
        self.begin_on_replica(connection, "lost")
        replica = next(node for node in self.cluster.replicas if node.server_id == self.where(connection, "lost"))
        replica.stop(signal.SIGKILL)

        def revive():
            replica.start()
            for statement in self.cluster.product.read_only:
                replica.sql(statement)
        self.addCleanup(revive)
        with self.assertRaises(pymysql.err.MySQLError):
            self.where(connection, "lost")
        connection = self.connect()
        for _ in range(20):
            self.reads_in_block(connection, "lost")

    def test_prepared_statements(self):
        wire = self.wire()
        read = wire.prepare("select server as prepared from place where ? = 1")

        def block():
            wire.query(BEGIN)
            found = [int.from_bytes(wire.execute(read.id, ["1"])[0].rows[0][0], "little") for _ in range(3)]
            wire.query("commit")
            self.assertEqual(len(set(found)), 1)
            return found[0] in REPLICAS
        wait_until(block, "such transactions are on replicas")
        self.assertTrue(block())


@each_product
class Wishes(Routes):
    @classmethod
    def settings_of(cls, cluster):
        node = f"127.0.0.1:{cluster.replicas[1].port}"
        return {"rule": [{"name": "reports", "application_name": "report*", "route": "primary"},
                         {"name": "second", "user": "other", "statement": "select server*", "route": "node=" + node}]}

    def test_the_sessions_variable(self):
        connection = self.connect()
        before = self.target.routes()
        rows(connection, "set @penstock_route = 'primary'")
        for _ in range(5):
            self.assertFalse(self.is_on_replica(connection))
        self.assertEqual(self.routed(before, "primary", "primary_setting"), 5)
        self.assertEqual(value(connection, "select @penstock_route"), "primary")
        self.assertTrue(self.is_on_replica(connection, "/* penstock: replica */ " + WHERE), "the comment is closer")
        rows(connection, "set @penstock_route = 'Replica'")
        self.assertTrue(self.is_on_replica(connection))
        self.assertGreaterEqual(self.routed(before, "replica", "replica_setting"), 1)
        for none in ("'auto'", "null"):
            rows(connection, "set @penstock_route = 'primary'")
            rows(connection, f"set @penstock_route = {none}")
            self.assertTrue(self.is_on_replica(connection), none)

    def test_a_route_that_there_is_not(self):
        connection = self.connect()
        rows(connection, "set @penstock_route = 'primary'")
        with self.assertRaises(pymysql.err.MySQLError) as wrong:
            rows(connection, "set @penstock_route = 'somewhere'")
        self.assertEqual(wrong.exception.args[0], 1231)
        self.assertIn("'primary', 'replica', 'auto'", wrong.exception.args[1])
        self.assertEqual(value(connection, "select @penstock_route"), "primary")
        self.assertFalse(self.is_on_replica(connection))

    def test_other_sessions_do_not_meet_it(self):
        mine, theirs = self.connect(), self.connect()
        for _ in range(5):
            rows(mine, "set @penstock_route = 'primary'")
            self.assertFalse(self.is_on_replica(mine))
            self.assertTrue(self.is_on_replica(theirs))
            self.assertIsNone(value(theirs, "select @penstock_route"))

    def test_rules_know_a_program_by_its_name(self):
        self.assertFalse(self.is_on_replica(self.connect(program_name="report 7")))
        self.assertTrue(self.is_on_replica(self.connect(program_name="web")))
        second, node = self.connect(user="other"), self.cluster.replicas[1].server_id
        self.assertEqual({value(second, WHERE) for _ in range(10)}, {node})

    def test_a_programs_name_is_reported(self):
        connection = self.connect(program_name="seen")
        rows(connection, "select get_lock('seen', 0)")
        wait_until(lambda: [pin for pin in json.loads(self.target.http("/pins")[1])["pins"] if pin["application_name"] == "seen"],
                   "its pin is listed")


@each_product
class Listeners(Routes):
    split = {"read_write_split": False}

    @classmethod
    def settings_of(cls, cluster):
        cls.read_port = processes.free_port()
        return {"listen": {"mysql_read_only": [f"127.0.0.1:{cls.read_port}"]}}

    @classmethod
    def reads_on_replicas(cls, penstock):
        try:
            with contextlib.closing(cls.reader_of(penstock)) as connection:
                return value(connection, WHERE) in REPLICAS
        except pymysql.err.MySQLError:
            return False

    @classmethod
    def reader_of(cls, penstock):
        return pymysql.connect(host="127.0.0.1", port=cls.read_port, user="app", password=PASSWORD, database="app", autocommit=True)

    def reader(self):
        connection = self.reader_of(self.target)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def test_everything_goes_to_replicas(self):
        connection = self.reader()
        self.assertEqual({value(connection, WHERE) for _ in range(20)}, REPLICAS)
        self.assertIn(value(connection, "/* penstock: primary */ " + WHERE), REPLICAS)
        self.assertIn(value(connection, "select server_number()"), REPLICAS)
        for begin in ("begin", BEGIN):
            rows(connection, begin)
            self.assertIn(value(connection, WHERE), REPLICAS)
            rows(connection, "commit")
        self.assertFalse(self.is_on_replica(self.connect()), "the other address is the primary's")

    def test_writes_get_the_servers_own_refusal(self):
        for text in ("update t set n = 1 where id = 30", "select n from bumping", "select n from bumping", "create table made (n int)",
                     "insert into t (n) values (1)"):
            connection = self.reader()
            rows(connection, "set session transaction read write")
            with self.assertRaises(pymysql.err.MySQLError) as refused:
                rows(connection, text)
            self.assertIn(refused.exception.args[0], (1290, 1792), text)
            self.assertIn(value(connection, WHERE), REPLICAS)

    def test_its_url_is_printed(self):
        self.assertIn(f"READ_ONLY_DATABASE_URL=mysql://app:****@127.0.0.1:{self.read_port}/", self.target.log())


@each_product
class ListenersWithoutReplicas(Listeners):
    split = {"read_write_split": False, "read_only_fallback": False}

    def test_without_a_replica(self):
        connection = self.reader()
        for replica in self.cluster.replicas:
            replica.stop(signal.SIGKILL)

        def refused():
            try:
                value(connection, WHERE)
            except pymysql.err.MySQLError as error:
                return error.args == (2003, "no replica can serve this request")
            return False
        wait_until(refused, "both are known to be down", 20)
        for replica in self.cluster.replicas:
            replica.start()
            for statement in self.cluster.product.read_only:
                replica.sql(statement)
        wait_until(lambda: not refused(), "reads go to replicas again", 30)
        self.assertIn(value(connection, WHERE), REPLICAS)


if __name__ == "__main__":
    unittest.main()
