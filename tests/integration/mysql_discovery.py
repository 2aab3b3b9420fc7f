# SPDX-License-Identifier: Apache-2.0
#
# `discovery = "aurora"` in front of MySQL and MariaDB that are no Aurora: the question is understood, there is no such table, and nothing
# changes but a line in the log. What rows of the table would say is in the unit tests.

import contextlib
import unittest

from mysql_fixture import each_product
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from wait import wait_until


@each_product
class Discovery:
    replicas = 1

    def test_a_server_that_is_no_aurora_keeps_its_nodes(self):
        nodes = [f"127.0.0.1:{node.port}" for node in [self.server, *self.cluster.replicas]]
        cluster = {"name": "main", "engine": "mysql", "nodes": nodes, "monitor_user": "monitor", "monitor_password": PASSWORD,
                   "probe_interval": "100ms", "discovery": "aurora", "aurora_endpoint": "127.0.0.1:{server_id}", "discovery_interval": "50ms"}
        with MySqlPenstock(self.cluster, {"cluster": [cluster]}) as penstock:
            wait_until(lambda: "members of the cluster cannot be had" in penstock.log(), "the log tells why there is no list")
            line = next(line for line in penstock.log().splitlines() if "members of the cluster cannot be had" in line)
            self.assertIn("unknown table 'replica_host_status' in information_schema", line.lower())
            with contextlib.closing(penstock.connect()) as connection, connection.cursor() as cursor:
                cursor.execute("select 1")
            self.assertEqual({row["node"]: (row["role"], row["state"]) for row in penstock.nodes()},
                             dict(zip(nodes, [("primary", "up"), ("replica", "up")])))
            self.assertEqual(penstock.log().count("members of the cluster cannot be had"), 1)


if __name__ == "__main__":
    unittest.main()
