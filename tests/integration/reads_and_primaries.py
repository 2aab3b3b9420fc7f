# SPDX-License-Identifier: Apache-2.0
#
# Reads that are under way on a primary that is killed are answered by the next one, and their clients notice nothing, with reads on
# replicas switched off. Writes under way get their error, and are there exactly if they were acknowledged, or perhaps if nobody knows.

import contextlib
import os
import signal
import threading
import time
import unittest

import psycopg2
import pymysql

import processes
from busy_clients import BusyClient, finish_all, start_all
from cluster import PASSWORD, Cluster
from mysql_cluster import MySqlCluster
from mysql_fixture import each_product
from mysql_penstock import MySqlPenstock
from penstock import Penstock
from wait import wait_until

READERS, WRITERS = 16, 4
FAST = {"probe_interval": "100ms", "probe_timeout": "1s", "probe_failures": 2}
POOL = {"pool_size": READERS + WRITERS, "connection_borrow_timeout": "30s"}


class Client(BusyClient):
    def __init__(self, connection, errors):
        super().__init__(connection)
        self.errors, self.faults, self.answered_at = errors, [], 0.0

    def execute(self, statement, parameters=None):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else None


class Reader(Client):
    """Reads that take long enough to be under way at any time."""

    def __init__(self, connection, errors, number, statements):
        super().__init__(connection, errors)
        self.number, self.statements = number, statements

    def once(self):
        statement = self.statements[self.done % len(self.statements)]
        try:
            token = self.number * 1_000_000 + self.done
            rows = self.execute(statement, (token,))
            if [row[0] for row in rows] != [token]:
                raise AssertionError(f"{statement} of {token} gave {rows}")
            self.answered_at = time.monotonic()
        except self.errors as error:
            self.faults.append(str(error))


class Writer(Client):
    def __init__(self, connection, errors, number, statement, code):
        super().__init__(connection, errors)
        self.number, self.statement, self.code = number, statement, code
        self.acknowledged = set()
        self.written, self.codes = {}, []  # {id: when it was asked for}
        self.failed = []  # likewise

    def once(self):
        each = self.number * 1_000_000 + self.done
        self.written[each] = time.monotonic()
        try:
            self.execute(self.statement, (each,))
            self.acknowledged.add(each)
            self.answered_at = time.monotonic()
        except self.errors as error:
            self.codes.append(self.code(error))
            self.failed.append(self.written[each])


class Primaries:
    """A primary that is killed, and a replica that is promoted."""

    def load(self):
        readers = [Reader(self.connect(), self.errors, number, self.reads) for number in range(READERS)]
        writers = [Writer(self.connect(), self.errors, 100 + number, self.write, self.code) for number in range(WRITERS)]
        clients = start_all(self, readers + writers)
        wait_until(lambda: all(client.done > 5 for client in clients), "everybody works")
        return readers, writers

    def finish(self, clients, since):
        wait_until(lambda: all(client.crash or client.answered_at > since for client in clients), "everybody works again", 60)
        finish_all(self, clients)

    def test_reads_outlive_their_primary_and_writes_are_told(self):
        readers, writers = self.load()
        self.kill()
        time_of_death = time.monotonic()
        self.promote()
        self.finish(readers + writers, time_of_death)
        self.assertEqual([fault for reader in readers for fault in reader.faults], [])
        again = self.penstock.counted("penstock_retries_total", "database")
        self.assertGreater(sum(again.values()), 0, "no read was under way")
        self.assertEqual({code for writer in writers for code in writer.codes} - self.honest, set())
        late = {sum(moment > time_of_death for moment in writer.failed) for writer in writers}
        self.assertEqual(late - {0, 1}, set(), "what comes behind the loss waits")  # amid it, some processes of a server live longer
        found = [number for (number,) in self.new.sql("select n from written", database="app")]
        self.assertEqual(len(found), len(set(found)), "a write was done twice")
        written = {each: moment for writer in writers for each, moment in writer.written.items()}
        self.assertLessEqual(set(found), set(written))
        acknowledged = {each for writer in writers for each in writer.acknowledged}
        since = {each for each in acknowledged if written[each] > time_of_death}  # what was before, a replica may have lacked
        self.assertTrue(since)
        self.assertLessEqual(since, set(found))


class PostgreSql(Primaries, unittest.TestCase):
    errors = (psycopg2.Error,)
    reads = ("select %s::int from pg_sleep(0.05)", "select token from (values (%s)) v(token), pg_sleep(0.02)",
             "/* penstock: primary */ select %s from generate_series(1, 1), pg_sleep(0.02)")
    write = "insert into written select %s from pg_sleep(0.02)"
    honest = {"08007", "08006"}

    def setUp(self):
        self.cluster = Cluster(replicas=1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.primary, self.cluster.replicas[0]
        self.old.sql("create table written(n bigint); grant all on written to public")
        self.cluster.wait_for_replicas()
        self.penstock = Penstock(self.cluster, {"pool": POOL, "cluster": [{
            "name": "main", "nodes": [f"127.0.0.1:{node.port}" for node in (self.old, self.new)], "monitor_user": "lookup",
            "monitor_password": PASSWORD, **FAST}]}).start()
        self.addCleanup(self.penstock.stop)

    def connect(self):
        connection = psycopg2.connect(self.penstock.url())
        connection.autocommit = True
        return connection

    def kill(self):
        for pid in processes.family(self.old.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.old.stop(signal.SIGKILL)

    def promote(self):
        self.new.sql("select pg_promote()")

    @staticmethod
    def code(error):
        return error.pgcode

    def test_what_writes_where_no_text_shows_it_is_not_done_twice(self):
        self.old.sql("create function note() returns int volatile security definer language sql as "
                     "'insert into written values (-1) returning 5'; create view noting as select note() + 0 * count(*) as n "
                     "from pg_sleep(0.3); grant select on noting to public")
        connection = self.connect()
        reader = threading.Thread(target=self.read_noting, args=(connection,), daemon=True)
        reader.start()
        wait_until(lambda: self.old.sql("select count(*) from pg_stat_activity where query like '%noting%' and state = 'active' and "
                                        "pid <> pg_backend_pid()")[0][0] == 1, "it runs")
        self.kill()
        self.promote()
        reader.join(30)
        self.assertFalse(reader.is_alive())
        self.assertEqual(self.noted.pgcode, "08007")
        self.assertLessEqual(len(self.new.sql("select n from written")), 1)
        with connection.cursor() as cursor:
            cursor.execute("insert into written values (1)")  # nobody else is kept from writing

    def read_noting(self, connection):
        self.noted = None
        try:
            with connection.cursor() as cursor:
                cursor.execute("select n from noting")
        except psycopg2.Error as error:
            self.noted = error


@each_product
class Reads(Primaries):
    errors = (pymysql.err.MySQLError,)
    reads = ("select %s from (select sleep(0.05)) s", "select token from (select %s as token, sleep(0.02)) s",
             "/* penstock: primary */ select %s from written right join (select sleep(0.02)) s on false")
    write = "insert into written select %s from (select sleep(0.02)) s"
    honest = {2013, 2006, 9501, 1290}

    @classmethod
    def setUpClass(cls):
        """No cluster that others use."""

    def setUp(self):
        self.cluster = MySqlCluster(self.product_name, 1).start()
        self.addCleanup(self.cluster.stop)
        self.old, self.new = self.cluster.nodes()
        self.old.sql("create table written(n bigint)", database="app")
        self.cluster.wait_until_replicated()
        self.penstock = MySqlPenstock(self.cluster, {"pool": POOL, "cluster": [{
            "name": "main", "engine": "mysql", "nodes": [f"127.0.0.1:{node.port}" for node in (self.old, self.new)], "monitor_user": "monitor",
            "monitor_password": PASSWORD, **FAST}]}).start()
        self.addCleanup(self.penstock.stop)

    def connect(self):
        return self.penstock.connect()

    def kill(self):
        self.old.stop(signal.SIGKILL)

    def promote(self):
        self.new.promote()

    @staticmethod
    def code(error):
        return error.args[0]

    def test_reads_outlive_a_primary_that_is_shut_down(self):
        readers, _ = self.load()
        self.old.stop(signal.SIGTERM)
        time_of_death = time.monotonic()
        self.promote()
        self.finish(readers, time_of_death)
        self.assertEqual([fault for reader in readers for fault in reader.faults], [])


if __name__ == "__main__":
    unittest.main()
