# SPDX-License-Identifier: Apache-2.0
#
# A real Patroni cluster with etcd: Penstock is told of one node, finds the others, follows a switchover, uses a node that is added, and
# leaves one that is stopped. Clients see no wrong answer, and errors only for what a switchover itself cuts off.

import contextlib
import threading
import unittest

import psycopg2

from cluster import PASSWORD
from patroni_cluster import PatroniCluster
from penstock import Penstock
from wait import wait_until

CLIENTS = 4
CUT_OFF = {"08006", "08007", "57P01"}  # did not run, nobody knows, or the server's own word that it stops


class Client(threading.Thread):
    """Adds to a number of its own and reads it, over and over, until told to end."""

    def __init__(self, connection, number):
        super().__init__(daemon=True)
        self.connection, self.number = connection, number
        self.least = self.most = self.done = 0  # a write may have been done or not
        self.codes, self.crash = [], None
        self.end = threading.Event()

    def run(self):
        try:
            with contextlib.closing(self.connection), self.connection.cursor() as cursor:
                while not self.end.is_set():
                    self.once(cursor)
                    self.done += 1
        except BaseException as crash:  # the test tells of it
            self.crash = crash

    def once(self, cursor):
        try:
            cursor.execute("update counted set n = n + 1 where client = %s", (self.number,))
            self.least, self.most = self.least + 1, self.most + 1
        except psycopg2.Error as error:
            self.codes.append(error.pgcode)
            self.most += 1
        cursor.execute("select n from counted where client = %s", (self.number,))
        found = cursor.fetchone()[0]
        if not self.least <= found <= self.most:
            raise AssertionError(f"{found} is not from {self.least} to {self.most}")
        self.least = self.most = found


class RealPatroni(unittest.TestCase):
    def start(self, nodes, urls):
        cluster = {"name": "main", "nodes": nodes, "monitor_user": "lookup", "monitor_password": PASSWORD, "probe_interval": "200ms",
                   "discovery": "patroni", "patroni_urls": urls, "discovery_interval": "500ms", "read_write_split": True}
        self.penstock = Penstock(nodes=nodes, settings={"cluster": [cluster], "pool": {"connection_borrow_timeout": "60s"}}).start()
        self.addCleanup(self.penstock.stop)

    def states(self):
        """{port: (role, state)} by SHOW NODES."""
        return {int(row["node"].rpartition(":")[2]): (row["role"], row["state"]) for row in self.penstock.nodes()}

    def wait_for(self, expected, what):
        try:
            wait_until(lambda: self.states() == expected, what, 60, 0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}; nodes: {self.states()}; log:\n{self.penstock.log()[-3000:]}") from late

    def test_a_cluster_that_changes(self):
        patroni = PatroniCluster()
        self.addCleanup(patroni.stop)
        first = patroni.start().nodes[0]
        second = patroni.add()
        first.sql("create table counted (client int primary key, n int not null); alter table counted owner to app", database="app")
        first.sql(f"insert into counted select each, 0 from generate_series(1, {CLIENTS}) each", database="app")
        self.start([f"127.0.0.1:{first.port}"], [first.url, second.url])
        self.wait_for({first.port: ("primary", "up"), second.port: ("replica", "up")}, "the second node is found")
        clients = [Client(self.penstock.connect(), 1 + number) for number in range(CLIENTS)]
        for client in clients:
            client.start()
            self.addCleanup(client.end.set)

        third = patroni.add()
        self.wait_for({first.port: ("primary", "up"), second.port: ("replica", "up"), third.port: ("replica", "up")}, "the third node is found")
        serves = "select count(*) from pg_stat_activity where usename = 'app'"
        wait_until(lambda: third.sql(serves)[0][0] > 0, "it serves reads")
        self.assertEqual([client.codes for client in clients], [[]] * CLIENTS, "a node that comes is not noticed")

        third.stop()
        patroni.switch_over(second)
        self.wait_for({first.port: ("replica", "up"), second.port: ("primary", "up"), third.port: ("unknown", "left")},
                      "the switchover is followed, and the third node left")
        done = [client.done for client in clients]
        wait_until(lambda: all(client.crash or client.done > before + 5 for client, before in zip(clients, done)), "everybody works on")
        for client in clients:
            client.end.set()
        for client in clients:
            client.join(60)
            self.assertFalse(client.is_alive(), "a client is stuck")
            self.assertIsNone(client.crash)
            self.assertLessEqual(len(client.codes), 1, "one write at most was cut off")
            self.assertLessEqual(set(client.codes), CUT_OFF)
        found = second.sql("select client, n from counted order by client", database="app")
        self.assertEqual(found, [(client.number, client.least) for client in clients])


if __name__ == "__main__":
    unittest.main()
