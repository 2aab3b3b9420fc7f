# SPDX-License-Identifier: Apache-2.0
#
# What tests with MySQL and MariaDB stand on: one cluster of each per file of tests, each class of tests run against both, and connections
# that are closed when the test ends.

import sys
import unittest

import mysql_fetch
from mysql_cluster import MySqlCluster
from mysql_products import PRODUCTS, product
from wait import wait_until

_clusters = {}


def shared_mysql(product_name, replicas=0):
    """The cluster of that product in this process, started at the first call, stopped at exit."""
    key = (product_name, replicas)
    if key not in _clusters:
        _clusters[key] = MySqlCluster(product_name, replicas).start()
    return _clusters[key]


def until_transactions_are(server, expected, what, column="trx_id"):
    """Waits until that column of InnoDB's list of transactions is what is expected. InnoDB shows the same list again to whoever asks less than 0.1 s
    after anybody has ("Persistence and Consistency of InnoDB Transaction and Locking Information", MySQL's manual): asked more often it never changes."""
    wait_until(lambda: [row[0] for row in server.sql(f"select {column} from information_schema.innodb_trx")] == expected, what, every=0.15)


def each_product(tests, base=None):
    """Class decorator: the tests of that plain class run once on MySQL and once on MariaDB, as <name>OnMySql and <name>OnMariaDb."""
    for name, kind in PRODUCTS.items():
        title = f"{tests.__name__}On{kind.__name__}"
        made = type(title, (tests, base or MySqlTest), {"product_name": name, "__module__": tests.__module__, "__qualname__": title})
        setattr(sys.modules[tests.__module__], title, made)
    return tests


class MySqlTest(unittest.TestCase):
    """Tests of one product. `target` is what clients connect to, with port, url() and stop(): what through(cluster) gives, or the primary."""

    product_name = "mariadb"
    through = None
    replicas = 0
    maxDiff = None

    @classmethod
    def missing(cls):
        """Why these tests cannot run on this machine, or None."""
        try:
            product(cls.product_name)
        except mysql_fetch.NotAvailable as reason:
            return str(reason)
        return None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = shared_mysql(cls.product_name, cls.replicas)
        cls.server = cls.cluster.primary
        cls.target = cls.make_target()

    @classmethod
    def make_target(cls):
        if cls.through is None:
            return cls.server
        between = cls.through(cls.cluster)
        cls.addClassCleanup(between.stop)
        return between

    @property
    def is_mariadb(self):
        return self.product_name == "mariadb"

    def direct(self, node=None, **options):
        """PyMySQL straight to the server."""
        connection = (node or self.server).connect(**options)
        self.addCleanup(lambda: connection.open and connection.close())
        return connection


def rows(connection, statement, parameters=None):
    """Runs a statement on a PyMySQL connection and gives its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def value(connection, statement, parameters=None):
    return rows(connection, statement, parameters)[0][0]
