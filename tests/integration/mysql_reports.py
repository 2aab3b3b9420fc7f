# SPDX-License-Identifier: Apache-2.0
#
# What Penstock tells of its pools of MySQL and MariaDB: pools that differ only in what their clients have agreed on are one to whoever
# looks, and what Penstock says to servers on its own behalf is no transaction of anybody's.

import json
import unittest

from pymysql.constants import CLIENT

from mysql_fixture import each_product, rows
from mysql_penstock import MySqlPenstock
from wait import wait_until


@each_product
class Reports:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"workers": 1}).start()

    def open(self, **options):
        connection = self.target.connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection

    def stats(self, table, database="app"):
        """That table's rows about the database, as the admin port gives them."""
        return [row for row in json.loads(self.target.http("/stats")[1])[table] if row["database"] == database]

    def counted(self, name):
        return sum(value for sample, value in self.target.metrics().items() if sample.startswith(name + "{") and 'database="app"' in sample)

    def test_clients_that_agreed_on_different_things_are_in_one_pool(self):
        for flags in (0, CLIENT.FOUND_ROWS, CLIENT.IGNORE_SPACE, CLIENT.FOUND_ROWS | CLIENT.IGNORE_SPACE):
            self.assertEqual(rows(self.open(client_flag=flags), "select 1"), [(1,)])
        pools = [row for row in self.stats("pools") if row["user"] == "app"]
        self.assertEqual(len(pools), 1, pools)
        self.assertEqual(pools[0]["sv_idle"], 4)
        self.assertEqual(pools[0]["cl_active"], 4)
        text = self.target.http("/metrics")[1]
        names = [line.rpartition(" ")[0] for line in text.splitlines() if line and not line.startswith("#")]
        self.assertEqual(len(names), len(set(names)), "a sample is given twice")
        self.assertEqual(self.counted("penstock_database_connections_setup_succeeded_total"), 4)

    def test_what_goes_in_front_of_statements_counts_as_nothing(self):
        changing, *others = [self.open(database="other") for _ in range(3)]
        for each in (changing, *others):
            rows(each, "select 1")
        names = ("penstock_transactions_total", "penstock_query_requests_total", "penstock_query_response_latency_seconds_count")
        before = [self.counted_of_other(name) for name in names]
        for number in range(10):
            rows(changing, f"set @mine = {number}, sort_buffer_size = {40000 + number}")
            for other in others:  # they take the connection that was used last
                self.assertEqual(rows(other, "select 1"), [(1,)])
        wait_until(lambda: self.counted_of_other("penstock_catch_ups_total") >= 19, "the connection was brought to other states")
        self.assertEqual([self.counted_of_other(name) - then for name, then in zip(names, before)], [30, 30, 30])

    def counted_of_other(self, name):
        return sum(value for sample, value in self.target.metrics().items() if sample.startswith(name + "{") and 'database="other"' in sample)


if __name__ == "__main__":
    unittest.main()
