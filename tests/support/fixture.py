# SPDX-License-Identifier: Apache-2.0
#
# What most integration tests stand on: one PostgreSQL per file of tests, one Penstock per class of tests, and connections that are
# closed when the test ends.

import contextlib
import unittest

import psycopg2

from cluster import Cluster, PASSWORD
from penstock import Penstock, merged
from pgwire import ServerError, Wire
from wait import wait_until

_clusters = {}


def shared_cluster(replicas=0, max_connections=200):
    """The PostgreSQL of this process with so many replicas, started at the first call, stopped at exit."""
    key = (replicas, max_connections)
    if key not in _clusters:
        _clusters[key] = Cluster(replicas, max_connections).start()
    return _clusters[key]


def splitting(cluster, **options):
    """The [[cluster]] of settings that let its replicas read."""
    return [{"name": "main", "nodes": [f"127.0.0.1:{node.port}" for node in [cluster.primary, *cluster.replicas]], "monitor_user": "lookup",
             "monitor_password": PASSWORD, "probe_interval": "200ms", "read_write_split": True, **options}]


def begin_on(server, wire, begin="begin read only"):
    """Opens a transaction on that one server; a replica whose connections were lost lately rests for a while."""
    def is_there():
        wire.simple(begin)
        there = wire.simple(f"/* penstock: node=127.0.0.1:{server.port} */ select current_setting('port')") == [(str(server.port),)]
        if not there:
            wire.simple("commit")
        return there
    wait_until(is_there, "the server is read from")


def wait_for_reads(penstock):
    """Until the roles and the functions of the database are known."""
    def reads():
        with contextlib.closing(penstock.connect()) as connection:
            before = penstock.routes().get(("replica", "read"), 0)
            rows(connection, "select current_setting('work_mem')")
            return penstock.routes().get(("replica", "read"), 0) > before
    wait_until(reads, "reads go to replicas")


class ProxyTest(unittest.TestCase):
    """Tests of one Penstock with `settings` (laid over the defaults) in front of the shared PostgreSQL."""

    settings = {}
    pool_size = 5
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster()
        cls.server = cls.cluster.primary
        cls.penstock = Penstock(cls.cluster, merged({"pool": {"pool_size": cls.pool_size}}, cls.proxy_settings())).start()

    @classmethod
    def proxy_settings(cls):
        return cls.settings

    @classmethod
    def tearDownClass(cls):
        cls.penstock.stop()

    def setUp(self):
        self.penstock.assert_alive()

    # ---- connections that are closed when the test ends ----

    def connect(self, **options):
        """psycopg2 through Penstock."""
        connection = self.penstock.connect(**options)
        self.addCleanup(connection.close)
        return connection

    def direct(self, **options):
        """psycopg2 straight to PostgreSQL."""
        connection = self.server.connect(**options)
        self.addCleanup(connection.close)
        return connection

    def wire(self, **options):
        """A logged-in raw connection through Penstock."""
        wire = self.penstock.wire(**options)
        self.addCleanup(wire.close)
        return wire

    def raw(self, **options):
        """A raw connection to Penstock that has said nothing yet."""
        wire = self.penstock.raw(**options)
        self.addCleanup(wire.close)
        return wire

    def direct_wire(self, user="app", **parameters):
        wire = Wire(self.server.port).log_in(user, "app", PASSWORD, **parameters)
        self.addCleanup(wire.close)
        return wire

    # ---- claims ----

    def refused(self, action, sqlstate=None, text=None):
        """action() must end with an ErrorResponse; gives it."""
        with self.assertRaises(ServerError) as caught:
            action()
        if sqlstate:
            self.assertEqual(caught.exception.sqlstate, sqlstate, str(caught.exception))
        if text:
            self.assertIn(text, caught.exception.fields["M"])
        return caught.exception

    def assert_works(self, wire):
        """A fresh exchange on that connection gives the right answer."""
        self.assertEqual(wire.simple("select 6 * 7"), [("42",)])

    def assert_others_unaffected(self):
        with contextlib.closing(self.penstock.wire()) as other:
            self.assert_works(other)

    def wait_for_no_lease(self):
        """Until no session holds a server connection: all of the pool's connections rest at the server."""
        wait_until(lambda: not self.busy_backends(), "every server connection is idle")

    def busy_backends(self):
        return self.server.sql("select pid, state, query from pg_stat_activity where usename = 'app' and state <> 'idle'")


def rows(connection, statement, parameters=None):
    """Runs a statement on a psycopg2 connection and gives its rows, or None if it has none."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


def value(connection, statement, parameters=None):
    return rows(connection, statement, parameters)[0][0]


def sqlstate_of(action):
    """The SQLSTATE with which a psycopg2 action fails."""
    try:
        action()
    except psycopg2.Error as error:
        return error.pgcode
    raise AssertionError("it did not fail")
