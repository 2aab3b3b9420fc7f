# SPDX-License-Identifier: Apache-2.0
#
# Reads of MySQL and MariaDB on replicas: proved reads go there and nothing else does, each session reads what it has written, and a
# replica that refuses or dies is not noticed. Where a row comes from tells a view over a function that gives the server's number.

import contextlib
import signal
import threading
import time
import unittest

import pymysql

import mysql_packets as m
from mysql_fixture import MySqlTest, each_product, rows, value
from mysql_packets import Error, ServerError
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import stays_true, wait_until

DELAY = 2
REPLICAS = {2, 3}  # server_id
WHERE = "select server from place"

SCHEMA = (
    "create table t (id int primary key auto_increment, n int)",
    "insert into t (n) values " + ",".join("(0)" for _ in range(100)),
    "create function server_number() returns int no sql return @@global.server_id",
    "create view place as select server_number() as server",
    "create function bump() returns int modifies sql data begin update t set n = n + 1 where id = 1; return (select n from t where id = 1); end",
    "create view bumping_openly as select bump() as n",
    "create function slyly() returns int no sql return bump()",
    "create view bumping as select slyly() as n",
    "create function doubled(x int) returns int no sql deterministic return 2 * x",
)

HOLD = {"mysql": ("stop replica sql_thread",), "mariadb": ("stop slave sql_thread",)}
LET_GO = {"mysql": ("start replica sql_thread",), "mariadb": ("start slave sql_thread",)}


class Split:
    """A primary, two replicas, and Penstock with the split on."""

    replicas = 2
    split = {}
    has_roles = False  # the settings say which nodes are replicas

    @classmethod
    def through(cls, cluster):
        if not getattr(cluster, "has_split_schema", False):
            cluster.has_split_schema = True
            for statement in SCHEMA:
                cluster.primary.sql(statement, database="app")
            cluster.wait_until_replicated()
        nodes = [f"127.0.0.1:{node.port}" for node in cluster.nodes()]
        if cls.has_roles:
            nodes = [{"address": address, "role": "replica" if place else "primary"} for place, address in enumerate(nodes)]
        settings = {"cluster": [{
            "name": "main", "engine": "mysql", "nodes": nodes, "monitor_user": "monitor",
            "monitor_password": PASSWORD, "probe_interval": "200ms", "read_write_split": True, **cls.split}]}
        penstock = MySqlPenstock(cluster, settings | cls.settings_of(cluster), pool_size=30).start()
        wait_until(lambda: cls.reads_on_replicas(penstock), "the roles are known")
        return penstock

    @classmethod
    def settings_of(cls, cluster):
        """Those besides the cluster's."""
        return {}

    @classmethod
    def reads_on_replicas(cls, penstock):
        with contextlib.closing(penstock.connect()) as connection:
            return value(connection, WHERE) in REPLICAS

    def connect(self, **options):
        connection = self.target.connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def is_on_replica(self, connection, statement=WHERE):
        return value(connection, statement) in REPLICAS

    def on_replicas(self, statements):
        for replica in self.cluster.replicas:
            for statement in statements:
                replica.sql(statement)

    def routed(self, before, route, reason):
        return self.target.routes().get((route, reason), 0) - before.get((route, reason), 0)


@each_product
class Routes(Split):
    def test_reads_are_shared_by_the_replicas_and_writes_go_to_the_primary(self):
        before = self.target.routes()
        connection = self.connect()
        self.assertEqual({value(connection, WHERE) for _ in range(20)}, REPLICAS)
        rows(connection, "update t set n = n + 1 where id = 2")
        self.assertGreaterEqual(self.routed(before, "replica", "read"), 20)
        self.assertEqual(self.routed(before, "primary", "write"), 1)

    def test_what_is_no_proved_read_goes_to_the_primary(self):
        for text in ("select server from place for update", "select server from place where @@server_id > 0",
                     "select server from place where get_lock('l', 0) >= 0", "select server from place where connection_id() > 0",
                     "select server from place where last_insert_id() >= 0", "select server from place where doubled(2) = 4",
                     "select server from place where (@x := 1) = 1", "/* penstock: primary */ select server from place",
                     "select sql_calc_found_rows server from place", "select server_number()",
                     "select server from place where app.doubled(1) = 2", "select server from place /*!50000 for update */",
                     "select server from place, performance_schema.global_variables limit 1"):
            with self.subTest(text):
                connection = self.connect()
                with contextlib.suppress(pymysql.err.OperationalError):
                    self.assertEqual(value(connection, text), 1)
        self.assertTrue(self.is_on_replica(self.connect()))

    def test_several_statements_go_where_the_strictest_has_to(self):
        connection = self.connect(client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)
        for text, expected in (("select server from place; select 2", REPLICAS), ("select server from place; update t set n = 1 where id = 4", {1}),
                               ("select server from place; set @x = 1", {1})):
            with connection.cursor() as cursor:
                wait_until(lambda: self.is_on_replica(connection), "reads go to replicas again")
                cursor.execute(text)
                self.assertIn(cursor.fetchone()[0], expected, text)
                while cursor.nextset():
                    pass

    def test_a_transaction_stays_on_the_primary(self):
        connection = self.connect()
        for begin in ("begin", "start transaction read write", "set autocommit = 0"):
            rows(connection, begin)
            self.assertFalse(self.is_on_replica(connection))
            self.assertFalse(self.is_on_replica(connection))
            rows(connection, "commit")
            rows(connection, "set autocommit = 1")
            wait_until(lambda: self.is_on_replica(connection), "reads go to replicas again")

    def test_locked_tables_and_pins_keep_the_primary(self):
        for keep, end in (("lock tables place read, t read", "unlock tables"), ("create temporary table mine (n int)", "drop temporary table mine"),
                          ("select get_lock('mine', 1)", "select release_lock('mine')")):
            with self.subTest(keep):
                connection = self.connect()
                rows(connection, keep)
                with contextlib.suppress(pymysql.err.OperationalError):  # under LOCK TABLES the function's view needs more locks
                    stays_true(lambda: not self.is_on_replica(connection), "reads stay on the primary", 0.3)
                rows(connection, end)

    def test_prepared_statements_read_on_replicas(self):
        wire = self.wire()
        read = wire.prepare("select server from place where ? = 1")
        write = wire.prepare("update t set n = ? where id = 5")
        for number in range(1, 6):
            self.assertIn(self.executed(wire, read), REPLICAS)
        self.assertEqual(wire.execute(write.id, ["7"])[0].affected, 1)
        wait_until(lambda: self.executed(wire, read) in REPLICAS, "reads go to replicas again")
        self.assertEqual(wire.execute(read.id, ["1"], flags=1)[0].rows, [])  # with a cursor
        self.assertEqual(int.from_bytes(wire.fetch(read.id, 5, read.columns).rows[0][0], "little"), 1)
        wire.close_statement(read.id)
        self.assertIsNotNone(wire.ping())

    @staticmethod
    def executed(wire, statement):
        """The number that it gives."""
        result = wire.execute(statement.id, ["1"])[0]
        assert not isinstance(result, Error), result
        return int.from_bytes(result.rows[0][0], "little")

    def wire(self):
        wire = Wire(self.target.port)
        self.addCleanup(wire.close)
        wire.log_in("app", "app", PASSWORD)
        return wire

    def test_settings_and_user_variables_follow_to_the_replica(self):
        connection = self.connect()
        rows(connection, "set time_zone = '+05:00'")
        rows(connection, "set @mine = 'kept', @number = 7")
        for _ in range(6):
            self.assertEqual(rows(connection, "select server > 1, @mine, @number, from_unixtime(0) from place"),
                             [(1, "kept", 7, __import__("datetime").datetime(1970, 1, 1, 5))])

    def test_what_a_replica_has_answered_is_known_to_the_statement_behind_it(self):
        connection = self.connect()
        self.assertEqual(len(rows(connection, "select id from t limit 3")), 3)
        self.assertEqual(value(connection, "select found_rows()"), 3)
        rows(connection, "select server from place")
        self.assertEqual(value(connection, "select row_count()"), -1)
        rows(connection, "insert into t (n) values (5)")
        number = value(connection, "select last_insert_id()")
        wait_until(lambda: self.is_on_replica(connection), "reads go to replicas again")
        self.assertEqual(value(connection, "select last_insert_id()"), number)
        wait_until(lambda: self.is_on_replica(connection, "select server, cast('x' as signed) from place"), "reads go to replicas again")
        self.assertEqual([row[1] for row in rows(connection, "show warnings")], [1292])
        rows(connection, "select server, cast('x' as signed) from place")
        self.assertEqual(value(connection, "select @@warning_count"), 1)

    def test_no_session_meets_anothers_state_on_a_replica(self):
        first, second = self.connect(), self.connect()
        for number in range(20):
            rows(first, f"set @a = {number}, time_zone = '+0{number % 10}:00'")
            self.assertEqual(rows(first, "select server > 1, @a from place"), [(1, number)])
            self.assertEqual(rows(second, "select server > 1, @a, from_unixtime(0) from place")[0][:2], (1, None))
            self.assertEqual(rows(second, "select hour(from_unixtime(0))"), [(0,)])

    def test_a_refused_write_is_moved_to_the_primary_unseen(self):
        connection = self.connect()
        before = self.target.routes()
        first = value(connection, "select n from bumping")
        self.assertEqual(value(connection, "select n from bumping"), first + 1)
        self.assertEqual(value(self.direct(), "select n from t where id = 1"), first + 1)
        wait_until(lambda: self.routed(before, "primary", "healed") == 1, "it is counted")
        self.assertGreaterEqual(self.routed(before, "primary", "refused_before"), 1)

    def test_a_refused_execution_is_moved_to_the_primary_unseen(self):
        wire = self.wire()
        wait_until(lambda: wire.query(WHERE)[0].rows[0][0].decode() != "1", "reads go to replicas")
        made = wire.prepare("select n from bumping where ? = 1")
        first = self.executed(wire, made)
        self.assertEqual(self.executed(wire, made), first + 1)

    def test_two_reads_in_one_go(self):
        wire = self.wire()
        wire.query("select 1")
        for text in ("select server from place", "select 2", "update t set n = 9 where id = 6", "select n from t where id = 6"):
            wire.command(m.QUERY, (b"\0\1" if wire.capabilities & m.QUERY_ATTRIBUTES else b"") + text.encode())
        found = []
        for _ in range(4):
            wire.sequence = 1
            found.append(wire.results()[0])
        self.assertEqual(found[3].rows, [(b"9",)])


@each_product
class CarelessReplicas(Split):
    has_roles = True

    def test_a_replica_refuses_writes_whatever_the_account_may_do(self):
        """Not read_only, as a careless operator leaves it: the connection itself is."""
        replica = self.cluster.replicas[0]
        for statement in self.cluster.product.writable:
            replica.sql(statement)
        self.addCleanup(lambda: [replica.sql(statement) for statement in self.cluster.product.read_only])
        connection = self.connect()
        first = value(self.direct(), "select n from t where id = 1")
        for number in range(1, 9):
            self.assertEqual(value(connection, f"select n as n{number // 4} from bumping"), first + number)
        self.cluster.wait_until_replicated()
        self.assertEqual(replica.sql("select n from app.t where id = 1"), [(first + 8,)])


@each_product
class OwnWrites(Split):
    def setUp(self):
        self.on_replicas(self.cluster.product.delay(DELAY))
        self.addCleanup(lambda: self.on_replicas(self.cluster.product.delay(0)))

    def test_each_session_reads_its_own_writes_while_replicas_lag(self):
        stale, failures, reads, on_replica = [], [], [0], [0]
        until = time.monotonic() + 6 * DELAY

        def work(row):
            try:
                with contextlib.closing(self.target.connect()) as connection:
                    written = 0
                    while time.monotonic() < until:
                        written += 1
                        rows(connection, f"update t set n = {written} where id = {row}")
                        quiet_until = time.monotonic() + (DELAY * 1.8 if row % 2 else 0.05)
                        while time.monotonic() < quiet_until:
                            n, server = rows(connection, f"select n, server from t, place where id = {row}")[0]
                            reads[0] += 1
                            on_replica[0] += server in REPLICAS
                            if n != written:
                                stale.append((row, n, written))
            except Exception as error:  # told below
                failures.append(error)

        workers = [threading.Thread(target=work, args=(row,)) for row in range(10, 18)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        print(f"{type(self).__name__}: reads {reads[0]}, on replicas {on_replica[0]}, stale {len(stale)}", flush=True)
        self.assertEqual((failures, stale), ([], []))
        if not self.split:
            self.assertGreater(on_replica[0], 0, "reads never came back to the replicas")
        connection = self.connect()
        wait_until(lambda: self.is_on_replica(connection), "reads go to replicas again")

    def test_what_a_view_has_written_counts_as_written(self):
        """It is read on the primary for an earlier write, which the replicas have before they have what the view writes."""
        connection = self.connect()
        wait_until(lambda: value(connection, "select server from place left join bumping_openly on true") == 1, "the views are known")
        rows(connection, "update t set n = 0 where id = 1")
        until = time.monotonic() + 0.75 * DELAY
        while time.monotonic() < until:
            self.assertEqual(value(connection, "select n from t where id = 1"), 0)
        self.assertEqual(value(connection, "select n from bumping_openly"), 1)
        until += 1.5 * DELAY
        while time.monotonic() < until:
            self.assertEqual(value(connection, "select n from t where id = 1"), 1)

    def test_a_stopped_replica_serves_no_reads_of_what_it_lacks(self):
        self.on_replicas(HOLD[self.product_name])
        connection, other = self.connect(), self.connect(user="other")
        wanted = value(self.direct(), "select n from t where id = 51") + 1
        rows(connection, f"update t set n = {wanted} where id = 51")
        self.assertTrue(self.is_on_replica(other))
        stays_true(lambda: rows(connection, "select n, server from t, place where id = 51") == [(wanted, 1)], "the primary serves", 1.5 * DELAY)
        self.on_replicas(LET_GO[self.product_name])
        wait_until(lambda: self.is_on_replica(connection), "reads go to replicas again")
        self.assertEqual(value(connection, "select n from t where id = 51"), wanted)

    def test_others_need_not_wait(self):
        writer, reader = self.connect(), self.connect()
        rows(writer, "update t set n = n + 1 where id = 50")
        self.assertTrue(self.is_on_replica(reader))
        self.assertFalse(self.is_on_replica(writer))


@each_product
class UserScope(OwnWrites):
    split = {"read_consistency": "user"}

    def test_others_need_not_wait(self):
        writer, reader, stranger = self.connect(), self.connect(), self.connect(user="other")
        rows(writer, "update t set n = n + 1 where id = 50")
        self.assertFalse(self.is_on_replica(reader))
        self.assertTrue(self.is_on_replica(stranger))


@each_product
class Lag(Split):
    split = {"max_replica_lag": "500ms"}

    def test_replicas_further_behind_serve_nobody(self):
        self.on_replicas(self.cluster.product.delay(3 * DELAY))
        self.addCleanup(lambda: self.on_replicas(self.cluster.product.delay(0)))
        self.direct().query("update app.t set n = n + 1 where id = 60")
        written = time.monotonic()
        reader = self.connect()
        wait_until(lambda: time.monotonic() > written + 0.5, "the replicas lag")  # until then they are fresh enough
        before = self.target.routes()
        stays_true(lambda: not self.is_on_replica(reader), "the primary serves", DELAY)
        self.assertGreater(self.routed(before, "primary", "replica_lag"), 0)
        wait_until(lambda: self.is_on_replica(reader), "reads go to replicas again", 10 * DELAY)


@each_product
class LostReplicas(Split):
    def revive(self, replica):
        replica.start()
        for statement in self.cluster.product.read_only:
            replica.sql(statement)

    def test_reads_go_on_when_replicas_end(self):
        connection = self.connect()
        for replica, how in zip(self.cluster.replicas, (signal.SIGKILL, signal.SIGTERM)):
            replica.stop(how)
            self.addCleanup(self.revive, replica)
            for _ in range(50):
                value(connection, WHERE)
        self.assertFalse(self.is_on_replica(connection))

    def test_a_read_under_way_goes_on_elsewhere(self):
        connection, failures, found = self.connect(), [], []

        def read():
            try:
                found.extend(rows(connection, "select server, sleep(2) from place"))
            except pymysql.Error as error:
                failures.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        replica = wait_until(lambda: next((each for each in self.cluster.replicas if self.sleeps_on(each)), None), "the read runs")
        replica.stop(signal.SIGKILL)
        self.addCleanup(self.revive, replica)
        reader.join()
        self.assertEqual(failures, [])
        self.assertNotEqual(found[0][0], replica.server_id)
        wait_until(lambda: self.target.routes().get(("primary", "replica_lost"), 0) >= 1, "it is counted")

    @staticmethod
    def sleeps_on(node):
        return node.sql("select count(*) from information_schema.processlist where user = 'app' and info like '%sleep%'")[0][0] > 0


class WithoutPositions(Split, MySqlTest):
    """MySQL without GTIDs: a window counts. (MariaDB numbers its transactions wherever it has a binary log.) Its cluster is of no use to
    others then."""

    product_name = "mysql"
    replicas = 1
    split = {"write_window": "3s"}

    def setUp(self):
        for mode in ("on_permissive", "off_permissive"):
            self.cluster.primary.sql(f"set global gtid_mode = {mode}")

    def test_a_write_keeps_its_sessions_reads_for_the_window(self):
        connection = self.connect()
        started = time.monotonic()
        rows(connection, "set time_zone = '+00:00'")  # no write
        self.assertTrue(self.is_on_replica(connection))
        rows(connection, "update t set n = 3 where id = 70")
        wait_until(lambda: self.is_on_replica(connection), "the window ends")
        self.assertGreater(time.monotonic() - started, 3)


if __name__ == "__main__":
    unittest.main()
