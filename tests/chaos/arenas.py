# SPDX-License-Identifier: Apache-2.0
#
# Where the chaos happens: a cluster whose acknowledged commits are on a replica as well, so that none may be lost when its primary is
# killed. Here is how an operator (or his tool) fails over with each product, and how clients talk to it.

import contextlib
import itertools
import math
import os
import shutil
import signal
import time

import psycopg2
import pymysql

import processes
from bank import ACCOUNTS, NOT_DONE, SCHEMA, START_BALANCE, UNKNOWN
from cluster import PASSWORD, Cluster
from mysql_cluster import MySqlCluster
from mysql_penstock import MySqlPenstock
from penstock import Penstock
from wait import Timeout, wait_until

POOL_SIZE = 8
PROBE_TIMEOUT = 1  # seconds, where answers are delayed
DIRECT_USER = "other"  # of those who connect directly: "app" comes through Penstock alone


class Arena:
    """A running cluster: `nodes`, of which `primary` is written to."""

    engine = ""
    promoted_is_later = True  # it has all that a primary has that goes on

    def __init__(self, cluster):
        self.cluster = cluster
        self.nodes = [cluster.primary, *cluster.replicas]
        self.primary = cluster.primary
        self.delayers = {}     # {node: what stands in front of it}
        self.promoted_at = {}  # {node: when it became the primary; infinite: it becomes it now}
        self.frozen = None  # a node that stands still now
        self.old = None     # what was the primary before the last fault, where that has ended it

    def __enter__(self):
        self.cluster.start()
        for statement in (*SCHEMA, "insert into account values " + ", ".join(f"({n}, {START_BALANCE})" for n in range(ACCOUNTS))):
            self.primary.sql(statement, user=self.owner, database="app")
        self.make_safe()
        return self

    def __exit__(self, *_):
        self.cluster.stop()

    def ask(self, statement):
        return self.primary.sql(statement, database="app")

    def port_of(self, node):
        """Where clients and Penstock reach it."""
        return self.delayers.get(node, node).port

    def address_of(self, node):
        return f"127.0.0.1:{self.port_of(node)}"

    def connect_seconds(self):
        """What a client waits for a connection without Penstock."""
        return 10 if self.delayers else 2

    def replicas(self):
        return [node for node in self.nodes if node not in (self.primary, self.frozen) and node.process is not None]

    def settings(self):
        cluster = {"name": "main", "engine": self.engine, "nodes": [self.address_of(node) for node in self.nodes],
                   "monitor_user": self.monitor, "monitor_password": PASSWORD, "read_write_split": True}
        if self.delayers:  # then one answer that comes too late is enough
            cluster |= {"probe_timeout": f"{PROBE_TIMEOUT}s", "probe_failures": 1}
        return {"log": {"level": "info"}, "cluster": [cluster],
                "pool": {"pool_size": POOL_SIZE, "connection_borrow_timeout": "30s"}}

    # ---- what is done to it ----

    def recover(self):
        """After a fault: what was the primary before it is a replica."""
        if self.old is not None:
            self.rebuild(self.old)
        try:
            self.wait_until_safe()
        except Timeout as late:
            raise Timeout(f"{late}\n{self.state()}") from late

    def promote_best(self):
        """Of the replicas the one that has most becomes the primary, the others follow it; gives when it did. None receives anything
        by then: a primary that goes on would send one more than that, and it could not follow."""
        self.old = self.primary
        for replica in self.replicas():
            self.stop_receiving(replica)
        best = max(self.replicas(), key=self.received)
        self.promoted_at[best] = math.inf
        self.promote(best)
        self.primary = best
        promoted = self.promoted_at[best] = time.monotonic()
        for other in self.replicas():
            if other is not self.old:
                self.follow(other, best)
        return promoted


class PostgreSql(Arena):
    engine, title, owner, superuser, monitor, penstock = "postgresql", "PostgreSQL", "app", "postgres", "lookup", Penstock
    errors = (psycopg2.Error,)
    count_sessions = "select count(*) from pg_stat_activity where usename = 'app' and backend_type = 'client backend'"
    count_under_way = count_sessions + " and coalesce(wait_event, '') <> 'SyncRep' and coalesce(wait_event_type, '') <> 'Lock'"
    lock_held = "begin; lock table held in access exclusive mode"
    count_held = "select count(*) from pg_stat_activity where usename = 'app' and wait_event_type = 'Lock' and query like '%from held%'"

    def __init__(self):
        super().__init__(Cluster(replicas=2, settings={"wal_log_hints": "on", "wal_keep_size": "512MB", "max_slot_wal_keep_size": "64MB"}))

    def make_safe(self):
        self.primary.sql("grant all on account, transfer, list to public")
        for node in self.nodes:
            node.sql("alter system set synchronous_standby_names = 'ANY 1 (*)'", database="postgres")
            node.sql("select pg_reload_conf()")
        self.cluster.wait_for_replicas()

    def received(self, node):
        return int(node.sql("select pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), '0/0'), '0/0')")[0][0])

    def kill(self, node):
        """All of its processes at once: without the first one the others would go on for a moment."""
        for pid in processes.family(node.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        node.stop(signal.SIGKILL)

    def restart(self, node):
        node.restart()

    def stop_receiving(self, node):
        node.sql("alter system set primary_conninfo = ''", database="postgres")
        node.sql("select pg_reload_conf()")
        wait_until(lambda: node.sql("select count(*) from pg_stat_wal_receiver") == [(0,)], f"{node.data.name} receives no more")

    def promote(self, node):
        node.sql("select pg_promote()")

    def announce(self, node):
        """Its timeline tells that it is the later one."""

    def follow(self, node, source):
        node.sql("alter system set primary_slot_name = ''", database="postgres")
        node.sql(f"alter system set primary_conninfo = 'host={self.cluster.folder} port={source.port} user=postgres'", database="postgres")
        node.sql("select pg_reload_conf()")

    def rebuild(self, node):
        """Makes it a replica of the present primary, from nothing."""
        shutil.rmtree(node.data)
        slot = node.data.name
        self.primary.sql(f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{slot}' and not active")
        self.cluster.primary = self.primary
        self.cluster.make_replica(node)
        node.start()

    def state(self):
        return self.primary.sql("select application_name, state, sync_state, sent_lsn, replay_lsn from pg_stat_replication")

    def wait_until_safe(self):
        """Until every replica replays what the primary writes."""
        self.primary.sql("checkpoint")
        position = self.primary.sql("select pg_current_wal_lsn()")[0][0]
        for node in self.replicas():
            wait_until(lambda node=node: node.sql("select pg_last_wal_replay_lsn() >= %s::pg_lsn", (position,))[0][0],
                       f"{node.data.name} has caught up", 60)

    # ---- how clients talk to it ----

    def connect_through(self, penstock):
        return lambda: PostgreSqlConnection(psycopg2.connect(penstock.url()))

    def connect_directly(self):
        """By libpq's own means: all hosts, and the one that takes writes is wanted."""
        ports = ",".join(str(self.port_of(node)) for node in self.nodes)
        return lambda: PostgreSqlConnection(psycopg2.connect(
            host=",".join("127.0.0.1" for _ in self.nodes), port=ports, user=DIRECT_USER, password=PASSWORD, dbname="app", connect_timeout=self.connect_seconds(),
            target_session_attrs="read-write", tcp_user_timeout=3000))

    @staticmethod
    def verdict(error):
        return NOT_DONE if error.pgcode and error.pgcode != "08007" else UNKNOWN


class PostgreSqlConnection:
    def __init__(self, connection):
        self.it = connection
        self.cursor, self.commit, self.rollback, self.close = connection.cursor, connection.commit, connection.rollback, connection.close

    def autocommit_on(self):
        self.it.autocommit = True

    def autocommit_off(self):
        self.it.autocommit = False

    def lives(self, _):
        return not self.it.closed

    def drop(self):
        self.it.close()


class MySql(Arena):
    engine, owner, superuser, monitor, penstock = "mysql", "app", "root", "monitor", MySqlPenstock
    errors = (pymysql.err.MySQLError,)
    count_sessions = "select count(*) from information_schema.processlist where user = 'app'"
    count_under_way = (count_sessions + " and state not like 'Waiting for semi-sync%' and state <> 'waiting for handler commit' "
                       "and id not in (select trx_mysql_thread_id from information_schema.innodb_trx where trx_state = 'LOCK WAIT')")
    lock_held = "lock tables held write"
    count_held = "select count(*) from information_schema.processlist where user = 'app' and state like 'Waiting for table%' and info like '%from held%'"

    def __init__(self, product="mysql"):
        # A receiver that is told to stop may hear of it only once it gives up reading, by default after a minute.
        settings = {"rpl_semi_sync_master_timeout" if product == "mariadb" else "rpl_semi_sync_source_timeout": "600000",
                    "slave_net_timeout" if product == "mariadb" else "replica_net_timeout": "4"}
        if product == "mysql":
            settings["plugin_load_add"] = "semisync_source.so;semisync_replica.so"
        super().__init__(MySqlCluster(product, 2, settings))
        self.is_mariadb = product == "mariadb"
        self.title = "MariaDB" if self.is_mariadb else "MySQL"
        self.promoted_is_later = not self.is_mariadb  # which counts what it has logged and no replica has confirmed: each has what the other lacks

    def name(self, source):
        return ("master" if source else "slave") if self.is_mariadb else ("source" if source else "replica")

    def make_safe(self):
        for node in self.nodes:
            node.sql(f"set global rpl_semi_sync_{self.name(False)}_enabled = on")
        for node in self.nodes[1:]:
            self.begin_receiving(node)
        self.wait_until_safe()

    def begin_receiving(self, node):
        """The receiver asks for semi-synchronous events when it begins."""
        word = "slave" if self.is_mariadb else "replica"
        node.sql(f"stop {word} io_thread")
        node.sql(f"start {word} io_thread")

    def protect(self, node):
        """Commits wait for a replica from now on."""
        node.sql(f"set global rpl_semi_sync_{self.name(True)}_enabled = on")
        count = f"show global status like 'Rpl_semi_sync_{self.name(True)}_clients'"
        wait_until(lambda: int(node.sql(count)[0][1]) > 0, "a replica confirms what it receives", 60)

    def received(self, node):
        """How many transactions it has, replayed or not. MySQL tells what it has received from its present source alone."""
        if self.is_mariadb:
            position = self.replication(node)["Gtid_IO_Pos"]
        else:
            (executed,), (received,) = node.sql("select @@global.gtid_executed union all select received_transaction_set from "
                                                "performance_schema.replication_connection_status")
            position = f"{executed},{received}"
        last = {}
        for each in position.replace("\n", "").split(","):
            server, separator, numbers = each.strip().rpartition("-" if self.is_mariadb else ":")
            if separator:
                last[server] = max(last.get(server, 0), int(numbers.rpartition("-")[2]))
        return max(last.values()) if self.is_mariadb else sum(last.values())

    def kill(self, node):
        node.stop(signal.SIGKILL)

    def restart(self, node):
        """As its settings would have it, a replica stays read-only."""
        self.start_as_replica(node)

    def start_as_replica(self, node, more=""):
        as_made = node.defaults.read_text()
        node.defaults.write_text(as_made + f"read_only = ON\nrpl_semi_sync_{self.name(False)}_enabled = ON\n{more}")
        node.restart()
        node.defaults.write_text(as_made)

    def stop_receiving(self, node):
        node.sql(f"stop {'slave' if self.is_mariadb else 'replica'} io_thread")

    def promote(self, node):
        """Once it has replayed what it has received."""
        wait_until(lambda: self.has_replayed_all(node), f"{node.name} has replayed what it has received", 60)
        node.promote()
        node.sql(f"set global rpl_semi_sync_{self.name(True)}_enabled = on")

    def announce(self, node):
        """Writes something, as tools that fail over do: a transaction that no other has tells that it is the later one."""
        node.sql("create or replace view announced as select 1", database="app")

    def has_replayed_all(self, node):
        state = self.replication(node)
        waiting = state.get("Replica_SQL_Running_State") or state.get("Slave_SQL_Running_State") or ""
        return "read all relay log" in waiting.lower()

    def replication(self, node):
        """The row of SHOW REPLICA STATUS."""
        with contextlib.closing(node.connect("root")) as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(self.cluster.product.replication_status)
            return cursor.fetchone()

    def follow(self, node, source):
        for statement in self.cluster.product.stop_replication:
            node.sql(statement)
        for statement in self.cluster.product.follow(source.port):
            if "gtid_slave_pos = @@global.gtid_current_pos" not in statement:
                node.sql(statement)

    def rebuild(self, node):
        """A copy of a replica that stands still meanwhile, as a kill -9 would leave it; with a number of its own, since a replica passes
        over transactions that bear its number."""
        shutil.rmtree(node.data)
        node.server_id += len(self.nodes)
        source = next(replica for replica in self.replicas() if replica is not node)
        with processes.frozen(source.process.pid):
            node.make(source.data)
        of_its_own = ["auto.cnf", *(("master.info", "*relay*") if self.is_mariadb else ())]  # MySQL has the others in tables
        for path in itertools.chain.from_iterable(map(node.data.glob, of_its_own)):
            path.unlink()
        self.start_as_replica(node, "skip_slave_start = ON\n" if self.is_mariadb else "skip_replica_start = ON\n")
        self.follow(node, self.primary)
        for statement in self.cluster.product.read_only:
            node.sql(statement)

    def state(self):
        return [self.primary.sql("show global status like 'Rpl_semi_sync%'"), self.primary.sql(self.cluster.product.written_so_far),
                *(self.replication(node) for node in self.replicas())]

    def wait_until_safe(self):
        self.primary.wait_until_replicated(60)
        self.protect(self.primary)

    def connect_through(self, penstock):
        return lambda: MySqlConnection(penstock.connect())

    def connect_directly(self):
        def connect():
            for node in self.nodes:
                with contextlib.suppress(pymysql.err.MySQLError):
                    connection = pymysql.connect(host="127.0.0.1", port=self.port_of(node), user=DIRECT_USER, password=PASSWORD, database="app",
                                                 connect_timeout=self.connect_seconds(), read_timeout=3, autocommit=True)
                    with connection.cursor() as cursor:
                        cursor.execute("select @@global.read_only")
                        if cursor.fetchone()[0] == 0:
                            return MySqlConnection(connection)
                    connection.close()
            raise pymysql.err.OperationalError(2003, "no server takes writes")
        return connect

    @staticmethod
    def verdict(error):
        lost = not error.args or error.args[0] in (0, 2013)
        return UNKNOWN if lost else NOT_DONE


class MySqlConnection:
    """Under autocommit, with transactions begun by a statement."""

    def __init__(self, connection):
        self.it = connection
        self.cursor, self.commit, self.rollback = connection.cursor, connection.commit, connection.rollback

    def autocommit_on(self):
        pass

    def autocommit_off(self):
        self.it.begin()

    def lives(self, _):
        return self.it.open

    def drop(self):
        with contextlib.suppress(pymysql.err.MySQLError):
            self.it.close()

    def close(self):
        self.drop()
