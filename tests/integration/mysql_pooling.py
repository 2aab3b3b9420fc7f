# SPDX-License-Identifier: Apache-2.0
#
# Clients whose server connections differ in kind (what a connection was opened with: CLIENT_FOUND_ROWS, CLIENT_IGNORE_SPACE, ...) share
# one pool: its size holds for all of them together, seen on the server, they give their places to each other, and everybody is served.

import contextlib
import itertools
import threading
import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import Error, Gone, ServerError
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import stays_true, wait_until

SIZE, CLIENTS = 3, 30
KINDS = [m.USUAL | sum(flags) for count in range(3) for flags in itertools.combinations((m.FOUND_ROWS, m.IGNORE_SPACE, m.ODBC, m.LOCAL_FILES), count)]
COLLATIONS = [45, 8, 33, 46, 192, 224]


def in_threads(count, work):
    """Runs work(number) in so many threads; the first failure is raised."""
    failures = []

    def body(number):
        try:
            work(number)
        except Exception as error:  # handed to the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]
    if any(thread.is_alive() for thread in threads):
        raise AssertionError("somebody is not served")


class Watcher(threading.Thread):
    """Counts the connections of `app` on the server, over and over; `disturb` then may do something to them. One that is answering
    COM_QUIT is not counted: its client's end is closed already, and the server forgets it a moment later."""

    def __init__(self, server, disturb=None):
        super().__init__()
        self.server, self.disturb, self.stopping, self.counts = server, disturb, threading.Event(), []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()

    def run(self):
        with contextlib.closing(self.server.connect("root")) as connection, connection.cursor() as cursor:
            while not self.stopping.is_set():
                cursor.execute("select id from information_schema.processlist where user = 'app' and command not in ('Quit', 'Killed')")
                numbers = [number for number, in cursor.fetchall()]
                self.counts.append(len(numbers))
                if self.disturb:
                    self.disturb(cursor, numbers)


@each_product
class Kinds:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"workers": 3, "pool": {"connection_borrow_timeout": "60s"}}, pool_size=SIZE).start()

    def setUp(self):
        self.server.sql("drop table if exists app.kinds")
        self.server.sql("create table app.kinds(id int primary key, x int)")
        self.server.sql(f"insert into app.kinds values {', '.join(f'({n}, 0)' for n in range(CLIENTS))}")

    def client(self, number):
        wire = Wire(self.target.port, timeout=60)
        self.addCleanup(wire.close)
        return wire.log_in("app", "app", PASSWORD, KINDS[number % len(KINDS)], charset=COLLATIONS[number % len(COLLATIONS)])

    def assert_its_own(self, wire, number):
        """The connection behind this client does what the client's capabilities say."""
        found_rows, spaces = (bool(KINDS[number % len(KINDS)] & flag) for flag in (m.FOUND_ROWS, m.IGNORE_SPACE))
        wire.query(f"update kinds set x = 7 where id = {number}")
        same = wire.query(f"update kinds set x = 7 where id = {number}")[0]
        self.assertEqual(same.affected, int(found_rows), wire.capabilities)
        self.assertEqual(isinstance(wire.query("select count (*) from kinds where id = 1")[0], Error), not spaces)

    def test_the_size_holds_for_all_of_them_and_everybody_is_served(self):
        served = [0] * CLIENTS

        def work(number):
            wire = self.client(number)
            for turn in range(15):
                if turn % 5 == 0:
                    self.assert_its_own(wire, number)
                wire.query("begin")
                self.assertEqual(wire.value(f"select {number * 1000 + turn}"), str(number * 1000 + turn).encode())
                wire.query("commit")
                served[number] += 1

        with Watcher(self.server) as watcher:
            in_threads(CLIENTS, work)
        self.assertEqual(served, [15] * CLIENTS)
        self.assertLessEqual(max(watcher.counts), SIZE)
        self.assertEqual(max(watcher.counts), SIZE, "the pool was full at least once")
        told = self.target.metrics()
        self.assertEqual([size for name, size in told.items() if name.startswith("penstock_pool_size")], [SIZE])
        self.assertLessEqual(sum(count for name, count in told.items() if name.startswith("penstock_database_connections{")), SIZE)

    def test_the_size_holds_while_connections_are_being_killed(self):
        turn = itertools.count()

        def kill_one(cursor, numbers):
            if numbers and next(turn) % 4 == 0:
                with contextlib.suppress(Exception):  # it may have gone by itself
                    cursor.execute(f"kill {numbers[next(turn) % len(numbers)]}")

        answered = [0] * CLIENTS

        def work(number):
            for _ in range(8):
                with contextlib.suppress(Gone, ConnectionError, ServerError):  # at login, too, where it needs a connection
                    wire = self.client(number)
                    for _ in range(5):
                        if not isinstance(wire.query("select 1")[0], Error):
                            answered[number] += 1

        with Watcher(self.server, kill_one) as watcher:
            in_threads(CLIENTS, work)
        self.assertGreater(min(answered), 0)
        self.assertLessEqual(max(watcher.counts), SIZE)
        self.assert_its_own(self.client(1), 1)


@each_product
class OneConnection:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"pool": {"connection_borrow_timeout": "5min"}}, pool_size=1).start()

    def client(self, capabilities):
        wire = Wire(self.target.port, timeout=60)
        self.addCleanup(wire.close)
        return wire.log_in("app", "app", PASSWORD, capabilities)

    def waiting(self):
        return sum(count for name, count in self.target.metrics().items() if name.startswith("penstock_waiting_clients"))

    def test_those_who_wait_are_served_in_turn_whatever_their_kind(self):
        self.server.sql("drop table if exists app.turns")
        self.server.sql("create table app.turns(at int auto_increment primary key, n int)")
        holder = self.client(m.USUAL)
        clients = [self.client(m.USUAL | flags) for flags in (m.FOUND_ROWS, 0, m.ODBC, m.FOUND_ROWS, 0)]
        holder.query("begin")
        for number, wire in enumerate(clients):
            wire.send_query(f"insert into turns(n) values ({number})")
            wait_until(lambda n=number: self.waiting() == n + 1, f"{number + 1} clients wait")
        # A connection serves its own kind for a quarter of a second before it gives way to an older waiter of another.
        holder.query("select sleep(0.3)")
        holder.query("commit")
        for wire in clients:
            self.assertEqual(wire.results()[0].affected, 1)
        order = [n for n, in self.server.sql("select n from app.turns order by at")]
        self.assertEqual(sorted(order), [0, 1, 2, 3, 4])
        self.assertEqual(order[0], 0, "the oldest waiter is next")
        self.assertEqual(len(self.server.sql("select id from information_schema.processlist where user = 'app'")), 1)

    def test_a_kind_that_waits_takes_the_place_of_an_idle_one(self):
        one, other = self.client(m.USUAL), self.client(m.USUAL | m.FOUND_ROWS)
        numbers = []
        for wire in (one, other, one, other):
            self.assertEqual(wire.value("select 1"), b"1")
            wait_until(lambda: len(self.server.sql("select id from information_schema.processlist where user = 'app'")) == 1, "one is left")
            numbers += [number for number, in self.server.sql("select id from information_schema.processlist where user = 'app'")]
        self.assertEqual(len(set(numbers)), 4)
        stays_true(lambda: len(self.server.sql("select id from information_schema.processlist where user = 'app'")) <= 1, "no second one", 0.3)


if __name__ == "__main__":
    unittest.main()
