# SPDX-License-Identifier: Apache-2.0
#
# Which node is written to when several take writes: PostgreSQL's later timeline, MySQL's larger set of transactions, and never a primary
# that was replaced, nor a node of another cluster. Servers are promoted here as an operator would do it behind Penstock's back.

import contextlib
import signal
import unittest

import pymysql

from cluster import PASSWORD, Cluster
from mysql_cluster import MySqlCluster
from mysql_fixture import MySqlTest, each_product
from mysql_fixture import value as mysql_value
from mysql_penstock import MySqlPenstock
from penstock import Penstock
from pgwire import ServerError, query
from processes import frozen
from wait import patience, stays_true, wait_until

FAST = {"probe_interval": "100ms", "probe_timeout": f"{int(patience(1))}s", "probe_failures": 2}


def address(node):
    return f"127.0.0.1:{node.port}"


def states(penstock):
    """{address: (state, reason)}."""
    return {row["node"]: (row["state"], row["reason"]) for row in penstock.nodes()}


class PostgreSql(unittest.TestCase):
    """A primary and a replica of its own for each test."""

    def setUp(self):
        self.cluster = Cluster(replicas=1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.primary, self.cluster.replicas[0]
        self.old.sql("create table t(n int); grant all on t to public")
        self.cluster.wait_for_replicas()

    def start(self, nodes=None):
        penstock = Penstock(self.cluster, {"cluster": [{
            "name": "main", "nodes": [address(node) for node in nodes or (self.old, self.new)], "monitor_user": "lookup",
            "monitor_password": PASSWORD, **FAST}]}).start()
        self.addCleanup(penstock.stop)
        return penstock

    def promote(self, node):
        self.assertTrue(node.sql("select pg_promote()")[0][0])

    def write(self, penstock):
        """Writes a row through Penstock; gives the port of the server that took it."""
        with contextlib.closing(penstock.wire()) as wire:
            return int(wire.simple("insert into t values (1) returning inet_server_port()")[0][0])

    def writes_to(self, penstock, node):
        with contextlib.suppress(ServerError):
            return self.write(penstock) == node.port
        return False

    def test_a_replica_that_is_promoted_beside_its_primary_is_the_primary(self):
        penstock = self.start()
        wire = penstock.wire()
        self.addCleanup(wire.close)
        self.assertEqual(self.write(penstock), self.old.port)
        self.promote(self.new)
        wait_until(lambda: self.write(penstock) == self.new.port, "the promoted one is written to")
        before = self.old.sql("select count(*) from t")
        for _ in range(20):
            self.assertEqual(wire.simple("insert into t values (2) returning inet_server_port()"), [(str(self.new.port),)])
        self.assertEqual(self.old.sql("select count(*) from t"), before)
        self.assertEqual(states(penstock)[address(self.old)],
                         ("quarantined", f"it takes writes, but {address(self.new)} has gone on from what it has"))
        self.assertEqual(self.write(self.start()), self.new.port, "so does a Penstock that has seen nothing of it")

    def test_a_primary_that_returns_is_not_written_to(self):
        penstock = self.start()
        self.write(penstock)
        self.old.stop(signal.SIGQUIT)
        self.promote(self.new)
        wait_until(lambda: self.write(penstock) == self.new.port, "the promoted one is written to")
        self.old.start()
        wait_until(lambda: states(penstock)[address(self.old)][0] == "quarantined", "the old one is known")
        self.assertEqual({self.write(penstock) for _ in range(20)}, {self.new.port})
        self.new.stop(signal.SIGQUIT)
        wait_until(lambda: states(penstock)[address(self.new)][0] == "down", "the new one is down")
        before = self.old.sql("select count(*) from t")
        self.penstock_refuses(penstock)
        self.assertEqual(self.old.sql("select count(*) from t"), before)
        self.new.start()
        wait_until(lambda: self.writes_to(penstock, self.new), "it is written to again")

    def test_what_a_frozen_primary_has_under_way_is_lost_once_it_is_replaced(self):
        penstock = self.start()
        busy, waiting = penstock.wire(), penstock.wire()
        for wire in (busy, waiting):
            self.addCleanup(wire.close)
            wire.simple("begin; insert into t values (3)")
        with frozen(self.old.process.pid):
            busy.send(query("commit"))
            self.promote(self.new)
            self.assertEqual([m.fields()["C"] for m in busy.until_ready() if m.type == "E"], ["08007"])
            wait_until(lambda: not any(row["port"] == self.old.port and row["link"] for row in penstock.console("SHOW SERVERS")),
                       "each worker knows of it")  # what is sent before is in doubt
            with self.assertRaises(ServerError) as lost:
                waiting.simple("commit")
            self.assertEqual(lost.exception.sqlstate, "08006")
            self.assertEqual(busy.simple("insert into t values (4) returning inet_server_port()"), [(str(self.new.port),)])
        for wire in (busy, waiting):
            self.assertEqual(wire.simple("insert into t values (5) returning inet_server_port()"), [(str(self.new.port),)])

    def penstock_refuses(self, penstock):
        penstock.settings["pool"] = {"connection_borrow_timeout": "300ms"}
        penstock.reload()
        penstock.wait_for_log("reloaded")
        with self.assertRaises(ServerError) as refused:
            self.write(penstock)
        self.assertEqual(refused.exception.sqlstate, "57P03")

    def test_two_writers_on_one_timeline_are_held(self):
        self.old.stop(signal.SIGINT)
        (self.new.data / "standby.signal").unlink()
        self.new.restart()
        self.old.start()
        penstock = self.start()
        penstock.wait_for_log("each has what another one lacks")
        self.penstock_refuses(penstock)
        self.old.stop(signal.SIGINT)
        wait_until(lambda: self.writes_to(penstock, self.new), "one of them is left")

    def test_a_node_of_another_cluster_is_not_used(self):
        stranger = Cluster(replicas=1).start()
        self.addCleanup(stranger.stop)
        self.promote(stranger.replicas[0])
        for each in (stranger.primary, stranger.replicas[0]):
            each.sql("create table if not exists t(n int); grant all on t to public")
        penstock = self.start([self.old, self.new])
        self.assertEqual(self.write(penstock), self.old.port)
        penstock.stop()
        penstock = self.start([self.old, self.new, stranger.replicas[0]])
        wait_until(lambda: states(penstock)[address(stranger.replicas[0])][0] == "quarantined", "the stranger is known")
        self.assertIn("belongs to another cluster", states(penstock)[address(stranger.replicas[0])][1])
        self.assertEqual({self.write(penstock) for _ in range(20)}, {self.old.port})
        self.assertEqual(stranger.replicas[0].sql("select count(*) from t"), [(0,)])


class Writers:
    """A primary and a replica of its own for each test."""

    @classmethod
    def setUpClass(cls):
        """No cluster that others use."""

    def setUp(self):
        self.cluster = MySqlCluster(self.product_name, 1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.nodes()
        self.old.sql("create table t (n int)", database="app")
        self.cluster.wait_until_replicated()
        self.penstock = MySqlPenstock(self.cluster, {"cluster": [{
            "name": "main", "engine": "mysql", "nodes": [address(node) for node in (self.old, self.new)], "monitor_user": "monitor",
            "monitor_password": PASSWORD, **FAST}]}).start()
        self.addCleanup(self.penstock.stop)

    def write(self):
        """Writes a row through Penstock; gives the number of the server that took it."""
        with contextlib.closing(self.penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("insert into t values (1)")
            return mysql_value(connection, "select @@server_id")


@each_product
class Returning(Writers):
    def test_a_primary_that_returns_is_not_written_to(self):
        self.assertEqual(self.write(), 1)
        self.old.stop(signal.SIGKILL)
        self.new.promote()
        wait_until(lambda: self.writes_to(2), "the promoted one is written to")
        self.old.start()
        wait_until(lambda: states(self.penstock)[address(self.old)][0] == "quarantined", "the old one is known")
        self.assertEqual({self.write() for _ in range(20)}, {2})
        self.old.sql("set global read_only = on")
        wait_until(lambda: states(self.penstock)[address(self.old)][0] == "up", "a replica it may be")
        self.assertEqual({self.write() for _ in range(20)}, {2})

    def writes_to(self, server):
        with contextlib.suppress(pymysql.err.OperationalError):
            return self.write() == server
        return False


class TwoWriters(Writers, MySqlTest):
    product_name = "mysql"

    def test_made_writable_by_mistake_the_replica_is_still_none_that_is_written_to(self):
        self.assertEqual(self.write(), 1)
        for statement in self.cluster.product.writable:
            self.new.sql(statement)
        stays_true(lambda: self.write() == 1, "the primary is written to", 1)

    def test_the_one_that_has_what_the_other_lacks_is_the_primary(self):
        self.assertEqual(self.write(), 1)
        self.cluster.wait_until_replicated()
        self.new.promote()
        self.new.sql("insert into t values (5)", database="app")
        wait_until(lambda: states(self.penstock)[address(self.old)][0] == "quarantined", "the old one is known")
        self.assertEqual({self.write() for _ in range(20)}, {2})

    def test_two_with_transactions_of_their_own_are_held(self):
        self.assertEqual(self.write(), 1)
        self.new.sql("stop replica")
        self.old.sql("insert into t values (5)", database="app")
        self.new.promote()
        self.new.sql("insert into t values (6)", database="app")
        self.penstock.wait_for_log("each has what another one lacks")
        self.old.sql("set global read_only = on")
        wait_until(lambda: self.write() == 2, "one of them is left")


if __name__ == "__main__":
    unittest.main()
