# SPDX-License-Identifier: Apache-2.0
#
# A real Patroni cluster with etcd: Penstock is told of one node, finds the others, follows a switchover, uses a node that is added, and
# leaves one that is stopped. Clients see no wrong answer, and errors only for what a switchover itself cuts off.

import unittest

import psycopg2

from busy_clients import BusyClient, finish_all, start_all
from cluster import PASSWORD
from patroni_cluster import PatroniCluster
from penstock import Penstock
from wait import wait_until

CLIENTS = 4
CUT_OFF = {"08006", "08007", "57P01"}  # did not run, nobody knows, or the server's own word that it stops


class Client(BusyClient):
    """Adds to a number of its own and reads it."""

    def __init__(self, connection, number):
        super().__init__(connection)
        self.number = number
        self.least = self.most = 0  # a write may have been done or not
        self.codes = []

    def once(self):
        with self.connection.cursor() as cursor:
            self.count(cursor)

    def count(self, cursor):
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
        clients = start_all(self, [Client(self.penstock.connect(), 1 + number) for number in range(CLIENTS)])

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
        finish_all(self, clients, 60)
        for client in clients:
            self.assertLessEqual(len(client.codes), 1, "one write at most was cut off")
            self.assertLessEqual(set(client.codes), CUT_OFF)
        found = second.sql("select client, n from counted order by client", database="app")
        self.assertEqual(found, [(client.number, client.least) for client in clients])


if __name__ == "__main__":
    unittest.main()
