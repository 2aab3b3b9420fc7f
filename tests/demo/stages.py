# SPDX-License-Identifier: Apache-2.0
#
# Where the story is played: a server that allows twenty connections, with its replicas, PostgreSQL's or MySQL's. Here is all in which the
# two differ: how the server is started and asked, what its drivers raise, and what Penstock's settings say of it.

import contextlib

import psycopg2
import pymysql

import mysql_fetch
from cluster import PASSWORD, Cluster
from mysql_cluster import MySqlCluster
from mysql_penstock import MySqlPenstock
from mysql_products import PRODUCTS
from penstock import Penstock
from story import CLIENTS

MAX_CONNECTIONS = 20


class Stage:
    """A running server. `refusal` is what it calls a client too many, `shell` a command that opens it, `pinning(number)` pairs of
    statements: what a client does that needs a connection of its own, and what ends that."""

    watcher = None

    def prepare(self):
        """A table with an account for each client, on the replicas too."""
        self.primary.sql("create table accounts(id int primary key, balance bigint not null)", user="app")
        rows = ", ".join(f"({number}, 0)" for number in range(CLIENTS))
        self.primary.sql(f"insert into accounts values {rows}", user="app")
        self.wait_for_replicas()
        self.watcher = self.primary.connect(self.superuser)

    def connections(self):
        """How many connections the server has for the clients of the story."""
        with self.watcher.cursor() as cursor:
            cursor.execute(self.count_connections)
            return cursor.fetchone()[0]

    def committed(self):
        """What all balances come to, on the primary and on each replica."""
        self.wait_for_replicas()
        nodes = [self.primary, *self.cluster.replicas]
        return [int(node.sql("select sum(balance) from accounts", user="app")[0][0]) for node in nodes]

    def balances(self):
        """What each client's account has, once the replicas have it too."""
        self.wait_for_replicas()
        return dict(self.primary.sql("select id, balance from accounts", user="app"))

    def connect(self):
        return self.primary.connect(autocommit=False)

    @property
    def primary(self):
        return self.cluster.primary

    def settings(self, penstock):
        """Penstock's [[cluster]] and [[database]] for this server."""
        own = penstock.default_settings(self.cluster, None)
        return own["cluster"][0] | {"name": self.engine}, {"name": "*", "cluster": self.engine}


class PostgreSql(Stage):
    engine, product, listener, superuser = "postgresql", "postgresql", Penstock, "postgres"
    refusal = "too many clients"
    errors = (psycopg2.OperationalError,)
    replicas = 2
    count_connections = "select count(*) from pg_stat_activity where usename = 'app' and backend_type = 'client backend'"
    shell = "psql '{url}'"

    def __init__(self):
        self.title = "PostgreSQL"
        self.cluster = Cluster(self.replicas, MAX_CONNECTIONS)

    def is_refusal(self, error):
        return "too many" in str(error) or "reserved" in str(error)

    def wait_for_replicas(self):
        self.cluster.wait_for_replicas()

    def nodes(self):
        return [(node.data.name, node.port) for node in [self.primary, *self.cluster.replicas]]

    def delay_last_replica(self, seconds):
        replica = self.cluster.replicas[-1]
        replica.sql(f"alter system set recovery_min_apply_delay = '{seconds}s'")
        replica.sql("select pg_reload_conf()")

    def pinning(self, number):
        return (("create temporary table basket(item int)", "drop table basket"),
                (f"select pg_advisory_lock({number})", f"select pg_advisory_unlock({number})"))


class MySql(Stage):
    engine, listener, superuser = "mysql", MySqlPenstock, "root"
    refusal = "Too many connections"
    errors = (pymysql.err.OperationalError, pymysql.err.InterfaceError)
    replicas = 1  # each takes one of the connections that the primary allows
    count_connections = "select count(*) from information_schema.processlist where user = 'app'"

    def __init__(self, product_name):
        self.product = product_name
        self.cluster = MySqlCluster(product_name, self.replicas, {"max_connections": MAX_CONNECTIONS})
        self.title = type(self.cluster.product).__name__.replace("Sql", "SQL").replace("Db", "DB")
        self.shell = f"{'mysql' if product_name == 'mysql' else 'mariadb'} -h 127.0.0.1 -P {{port}} -u app -p'{PASSWORD}' app"

    def is_refusal(self, error):
        return error.args[0] == 1040

    def wait_for_replicas(self):
        self.cluster.wait_until_replicated()

    def connections(self):
        with contextlib.suppress(pymysql.err.OperationalError):
            return super().connections()
        return 0

    def nodes(self):
        return [(node.name, node.port) for node in self.cluster.nodes()]

    def delay_last_replica(self, seconds):
        for statement in self.cluster.product.delay(seconds):
            self.cluster.replicas[-1].sql(statement)

    def pinning(self, number):
        return (("create temporary table basket(item int)", "drop temporary table basket"),
                (f"select get_lock('account {number}', 1)", f"select release_lock('account {number}')"))


ENGINES = ("postgresql", "mysql", "mariadb")


def choose(wanted):
    """The stages to play on: of the engine that was asked for, or PostgreSQL and MySQL, in whose place MariaDB comes where MySQL is not here."""
    if wanted == "postgresql":
        return [PostgreSql()]
    if wanted in PRODUCTS:
        return [MySql(wanted)]
    try:
        mysql_fetch.find()
        second = "mysql"
    except mysql_fetch.NotAvailable as reason:
        print(f"==> {reason}: MariaDB plays its part", flush=True)
        second = "mariadb"
    return [PostgreSql(), MySql(second)]
