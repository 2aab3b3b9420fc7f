# SPDX-License-Identifier: Apache-2.0
#
# Planned switchovers under load: PAUSE or DRAIN NODE, promotion, RESUME, with writers and readers that see no error, and everything that was
# acknowledged is on the new primary, once. Without either: which errors there are then, and that they say the truth.

import contextlib
import signal
import threading
import time
import unittest

import psycopg2
import pymysql

from cluster import PASSWORD, Cluster
from mysql_cluster import MySqlCluster
from mysql_fixture import MySqlTest, each_product
from mysql_penstock import MySqlPenstock
from penstock import Penstock
from wait import wait_until

ALONE = {"probe_interval": "100ms", "probe_timeout": "1s", "probe_failures": 2}
FAST = {**ALONE, "read_write_split": True}
WRITERS, READERS = 6, 4
ERRORS = (psycopg2.Error, pymysql.err.Error)


def address(node):
    return f"127.0.0.1:{node.port}"


def code_of(error):
    """The SQLSTATE of PostgreSQL, the number of MySQL."""
    return getattr(error, "pgcode", None) or error.args[0]


class Load:
    """Clients that write (by autocommit and in transactions, in turn) and read all the time, each on a connection of its own."""

    def __init__(self, connect, writers=WRITERS, readers=READERS):
        self.connect = connect
        self.over = threading.Event()
        self.written = []       # acknowledged
        self.attempted = {}     # told an error, and its code: may have been written
        self.errors = []
        self.longest = 0.0      # seconds, of an answer
        self.rounds = [0] * (writers + readers)
        steps = [self.write] * writers + [self.read] * readers
        self.threads = [threading.Thread(target=self.run, args=(number, step)) for number, step in enumerate(steps)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        self.wait_for_rounds()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def wait_for_rounds(self, more=20):
        """Until every client has had so many answers from now on."""
        wanted = [count + more for count in self.rounds]
        wait_until(lambda: all(count >= least for count, least in zip(self.rounds, wanted)), "every client is served", 60)

    def run(self, number, step):
        connection = self.connect()
        while not self.over.is_set():
            began = time.monotonic()
            try:
                step(connection, number)
            except ERRORS as error:
                self.errors.append((code_of(error), str(error).strip()))
                connection = self.recover(connection)
            self.longest = max(self.longest, time.monotonic() - began)
            self.rounds[number] += 1
        connection.close()

    def recover(self, connection):
        """A client's own way: roll back, and connect anew where that fails."""
        with contextlib.suppress(*ERRORS):
            with connection.cursor() as cursor:
                cursor.execute("rollback")
            return connection
        with contextlib.suppress(*ERRORS):
            connection.close()
        while not self.over.is_set():
            with contextlib.suppress(*ERRORS):
                return self.connect()
        return connection

    def write(self, connection, number):
        row = number * 1_000_000 + self.rounds[number]
        with connection.cursor() as cursor:
            try:
                if self.rounds[number] % 2:
                    cursor.execute(f"insert into written values ({row})")
                else:
                    cursor.execute("begin")
                    cursor.execute("update counted set n = n + 1 where id = %s", (number,))
                    cursor.execute(f"insert into written values ({row})")
                    cursor.execute("commit")
            except ERRORS as error:
                self.attempted[row] = code_of(error)
                raise
        self.written.append(row)

    def read(self, connection, _):
        with connection.cursor() as cursor:
            cursor.execute("select count(*) from counted")
            assert cursor.fetchall()[0][0] == WRITERS, "a row of the table is gone"


TABLES = ("create table written (id int primary key)", "create table counted (id int primary key, n int)",
          "insert into counted values " + ", ".join(f"({number}, 0)" for number in range(WRITERS)))


class Switchovers:
    """For either engine; a class gives start_cluster(), promote(), demote(), rows(node, statement) and the Penstock in front."""

    settings = {}

    def setUp(self):
        self.start_cluster()
        wait_until(lambda: [row["role"] for row in self.penstock.nodes()] == ["primary", "replica"], "the roles are known")

    def cluster_settings(self, **more):
        return {"cluster": [{"name": "main", "nodes": [address(node) for node in (self.old, self.new)], "monitor_password": PASSWORD,
                             **FAST, **more}], **self.settings}

    def assert_all_is_there(self, load, node):
        found = [row[0] for row in self.rows(node, "select id from written")]
        self.assertEqual(set(load.written) - set(found), set(), "acknowledged and lost")
        self.assertEqual(set(found) - set(load.written) - set(load.attempted), set(), "written, and nobody was told")
        self.assertEqual({row for row, code in load.attempted.items() if code in self.did_not_run} & set(found), set(), "it ran after all")
        counted = sum(row[0] for row in self.rows(node, "select n from counted"))
        in_transactions = [row for row in found if row % 1_000_000 % 2 == 0]
        self.assertEqual(counted, len(in_transactions), "a transaction is there in part, or twice")

    def tell(self, how, load):
        print(f"{type(self).__name__}: {how}: {len(load.errors)} errors of {sum(load.rounds)} requests, longest answer {load.longest:.2f} s")

    def test_pause_promote_resume(self):
        with Load(self.penstock.connect) as load:
            self.assertEqual(self.penstock.order("PAUSE app"), "PAUSE")
            self.demote(self.old)
            self.promote(self.new)
            self.wait_until_written_to(self.new)
            self.assertEqual(self.penstock.order("RESUME app"), "RESUME")
            load.wait_for_rounds()
        self.tell("PAUSE, promote, RESUME", load)
        self.assertEqual(load.errors, [])
        self.assert_all_is_there(load, self.new)

    def test_drain_the_primary_and_promote(self):
        with Load(self.penstock.connect) as load:
            self.assertEqual(self.penstock.order(f"DRAIN NODE {address(self.old)}"), "DRAIN NODE")
            self.demote(self.old)
            self.promote(self.new)
            load.wait_for_rounds()
        self.tell("DRAIN NODE of the primary, promote", load)
        self.assertEqual(load.errors, [])
        self.assert_all_is_there(load, self.new)
        self.assertEqual(self.penstock.order(f"UNDRAIN NODE {address(self.old)}"), "UNDRAIN NODE")

    def test_promote_without_a_word(self):
        """The new primary is recognised, what is not under way at that moment waits for it, and errors tell the truth."""
        with Load(self.penstock.connect) as load:
            self.demote(self.old)
            self.promote(self.new)
            self.wait_until_written_to(self.new)
            load.wait_for_rounds(5)  # what was under way until then has had its answer
            before = len(load.errors)
            load.wait_for_rounds()
        self.tell("no word, promote", load)
        self.assertEqual(load.errors[before:], [])
        self.assert_all_is_there(load, self.new)
        self.assertEqual({code for code, _ in load.errors} - set(self.expected_errors), set(), load.errors)
        if self.refused_writes_are_sent_again:
            self.assertEqual([row for row in load.attempted if row % 2], [], "writes outside of transactions")
        if self.most_errors is not None:
            self.assertLessEqual(len(load.errors), self.most_errors)

    def wait_until_written_to(self, node):
        """It is the only one: until the former one was probed again as well, writes go there."""
        wait_until(lambda: {row["node"] for row in self.penstock.nodes() if row["role"] == "primary" and row["state"] == "up"} ==
                   {address(node)}, "the new primary is known, and the former one to be none")


class PostgreSql(Switchovers, unittest.TestCase):
    # The server's own words at a fast shutdown, a request that was lost and did not run, one whose outcome is unknown, and a
    # transaction that has failed with its connection.
    expected_errors = ("57P01", "08006", "08007", "25P02")
    did_not_run = ("08006",)
    refused_writes_are_sent_again = False
    most_errors = WRITERS + READERS  # one for each session that had something under way

    def start_cluster(self):
        self.cluster = Cluster(replicas=1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.primary, self.cluster.replicas[0]
        self.old.sql("; ".join(TABLES) + "; grant all on written, counted to public")
        self.cluster.wait_for_replicas()
        self.penstock = Penstock(self.cluster, self.cluster_settings(monitor_user="lookup")).start()
        self.addCleanup(self.penstock.stop)

    def rows(self, node, statement):
        return node.sql(statement)

    def demote(self, node):
        """Fast shutdown: what was committed is sent to the replica before the end."""
        node.stop(signal.SIGINT)

    def promote(self, node):
        self.assertTrue(node.sql("select pg_promote()")[0][0])


@each_product
class MySql(Switchovers):
    # The old primary refuses writes from the moment on in which it is read-only, and every write of a transaction is answered so until a
    # probe has told.
    expected_errors = did_not_run = (1290, 1792)
    refused_writes_are_sent_again = True
    most_errors = None

    @classmethod
    def setUpClass(cls):
        """Each test has a cluster of its own."""

    def start_cluster(self):
        self.cluster = MySqlCluster(self.product_name, 1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.nodes()
        for statement in TABLES:
            self.old.sql(statement, database="app")
        self.cluster.wait_until_replicated()
        self.penstock = MySqlPenstock(self.cluster, self.cluster_settings(engine="mysql", monitor_user="monitor"), pool_size=20).start()
        self.addCleanup(self.penstock.stop)

    def rows(self, node, statement):
        return node.sql(statement, database="app")

    def demote(self, node):
        """It takes no more writes, and the replica has all that it took."""
        for statement in self.cluster.product.read_only:
            node.sql(statement)
        node.wait_until_replicated()

    def promote(self, node):
        node.promote()

    def test_a_write_waits_for_the_next_primary(self):
        with contextlib.closing(self.penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("insert into written values (1)")
            self.demote(self.old)
            done = []
            writer = threading.Thread(target=lambda: done.append(cursor.execute("insert into written values (2)")), daemon=True)
            writer.start()
            wait_until(lambda: {row["role"] for row in self.penstock.nodes()} == {"replica"}, "it is known that nobody is the primary")
            self.assertEqual(done, [])
            self.promote(self.new)
            writer.join(30)
            self.assertEqual(done, [1])
        self.assertEqual(sorted(self.rows(self.new, "select id from written")), [(1,), (2,)])

    def test_what_is_read_only_on_purpose_says_so(self):
        with MySqlPenstock(self.cluster, {"cluster": [{
                "name": "main", "engine": "mysql", "nodes": [address(self.old)], "monitor_user": "monitor", "monitor_password": PASSWORD,
                **ALONE}]}) as penstock, contextlib.closing(penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("insert into written values (1)")
            for statement in self.cluster.product.read_only:
                self.old.sql(statement)
            for _ in range(3):
                with self.assertRaises(pymysql.err.MySQLError) as refused:
                    cursor.execute("insert into written values (2)")
                self.assertEqual(refused.exception.args[0], 1290)
            cursor.execute("show warnings")
            self.assertEqual([row[1] for row in cursor.fetchall()], [1290], "it is the server's own answer")
            for statement in self.cluster.product.writable:
                self.old.sql(statement)
            cursor.execute("insert into written values (3)")
        self.assertEqual(sorted(self.rows(self.old, "select id from written")), [(1,), (3,)])


class RollingRestarts:
    """Every replica is restarted in turn while clients read. A class gives start_cluster(), sessions(node) and restart(node)."""

    def setUp(self):
        self.start_cluster()
        wait_until(lambda: sorted(row["role"] for row in self.penstock.nodes()) == ["primary", "replica", "replica"], "the roles are known")

    def state_of(self, node):
        return {row["node"]: row["state"] for row in self.penstock.nodes()}[address(node)]

    def restart_all(self, around, expected_errors=()):
        with Load(self.penstock.connect, 0, 8) as load:
            for node in self.cluster.replicas:
                with around(node):
                    self.restart(node)
                    load.wait_for_rounds()
                wait_until(lambda node=node: self.state_of(node) == "up", "it is back")
                wait_until(lambda node=node: self.sessions(node), "it is read from again", 60)
                load.wait_for_rounds()
        print(f"{type(self).__name__}: rolling restart: {len(load.errors)} errors of {sum(load.rounds)} reads, "
              f"longest answer {load.longest:.2f} s")
        self.assertEqual({code for code, _ in load.errors} - set(expected_errors), set(), load.errors)
        self.assertLessEqual(len(load.errors), 8 * len(self.cluster.replicas) if expected_errors else 0)

    def test_drained_one_after_the_other(self):
        @contextlib.contextmanager
        def drained(node):
            self.assertEqual(self.penstock.order(f"DRAIN NODE {address(node)}"), "DRAIN NODE")
            self.assert_left(node)
            self.assertEqual(self.state_of(node), "drained")
            yield
            self.assertEqual(self.sessions(node), [])
            self.penstock.order(f"UNDRAIN NODE {address(node)}")
        self.restart_all(drained)

    def test_without_a_word(self):
        self.restart_all(lambda node: contextlib.nullcontext(), self.at_a_restart())

    def test_who_reads_there_alone_is_read_for_elsewhere(self):
        """With every replica drained reads go to the primary."""
        with Load(self.penstock.connect, 0, 4) as load:
            for node in self.cluster.replicas:
                self.penstock.order(f"DRAIN NODE {address(node)}")
            load.wait_for_rounds()
            for node in self.cluster.replicas:
                self.assert_left(node)
        self.assertEqual(load.errors, [])


class RollingPostgreSql(RollingRestarts, unittest.TestCase):
    def at_a_restart(self):
        return ()

    def start_cluster(self):
        self.cluster = Cluster(replicas=2).start()
        self.addCleanup(self.cluster.stop)
        self.cluster.primary.sql("; ".join(TABLES) + "; grant all on written, counted to public")
        self.cluster.wait_for_replicas()
        self.penstock = Penstock(self.cluster, {"cluster": [{
            "name": "main", "nodes": [address(node) for node in (self.cluster.primary, *self.cluster.replicas)], "monitor_user": "lookup",
            "monitor_password": PASSWORD, **FAST}]}).start()
        self.addCleanup(self.penstock.stop)

    def sessions(self, node):
        return node.backends()

    def assert_left(self, node):
        self.assertEqual(self.sessions(node), [], "nothing is left there when DRAIN NODE is answered")

    def restart(self, node):
        node.restart(signal.SIGINT)


@each_product
class RollingMySql(RollingRestarts):
    def at_a_restart(self):
        """MySQL ends what runs as KILL QUERY does, but then ends. MariaDB says 1927."""
        return ()

    @classmethod
    def setUpClass(cls):
        """Each test has a cluster of its own."""

    def start_cluster(self):
        self.cluster = MySqlCluster(self.product_name, 2).start()
        self.addCleanup(self.cluster.stop)
        for statement in TABLES:
            self.cluster.primary.sql(statement, database="app")
        self.cluster.wait_until_replicated()
        self.penstock = MySqlPenstock(self.cluster, {"cluster": [{
            "name": "main", "engine": "mysql", "nodes": [address(node) for node in self.cluster.nodes()], "monitor_user": "monitor",
            "monitor_password": PASSWORD, **FAST}]}, pool_size=20).start()
        self.addCleanup(self.penstock.stop)

    def sessions(self, node):
        return node.sessions()

    def assert_left(self, node):
        """The server closes a connection before it strikes it off its list."""
        wait_until(lambda: not self.sessions(node), "the server has struck off what was closed", 2)

    def restart(self, node):
        node.restart(signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
