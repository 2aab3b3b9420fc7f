# SPDX-License-Identifier: Apache-2.0
#
# The crossed-rows test of MySQL and MariaDB: many sessions share a few connections while these are killed, statements run out of time or
# are killed, and clients vanish in the middle. Every row carries the token of the session that asked; a foreign token, once, is a failure.

import contextlib
import itertools
import os
import random
import threading
import time
import traceback
import unittest

import mysql_packets as m
from mysql_fixture import each_product, rows, shared_mysql, until_transactions_are
from mysql_packets import Error, Gone, Rows, ServerError
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import wait_until

SESSIONS, CONNECTIONS, ROUNDS, NUMBERS, KILLS = 24, 4, 60, 500, 6  # rounds and kills: at least so many
# Killed connections and statements, as the servers say it and as Penstock does.
EXPECTED_ERRORS = {1053, 1317, 1927, 1969, 2003, 2006, 2013, 3024}


class Foreign(Exception):
    pass


class Session:
    """One client that asks again and again and looks at every row it gets."""

    def __init__(self, number, penstock, dice, is_mariadb):
        self.penstock, self.dice = penstock, dice
        self.token = f"session-{number}-{dice.getrandbits(64):016x}".encode()
        self.limit = ("max_statement_time", "0.005") if is_mariadb else ("max_execution_time", "5")
        self.capabilities = dice.choice([m.USUAL, m.USUAL & ~m.DEPRECATE_EOF, m.USUAL & ~m.SESSION_TRACK])
        self.wire = None
        self.rows_seen = self.logins = 0

    def work(self, killed_enough):
        for number in itertools.count():
            if number >= ROUNDS and killed_enough():
                break
            try:
                if self.wire is None:
                    self.log_in()
                self.round()
            except ServerError as error:
                if error.error.code not in EXPECTED_ERRORS:
                    raise
                self.recover()
            except (Gone, OSError):
                self.wire = None
        if self.wire is not None:
            self.wire.close()

    def log_in(self):
        wire = Wire(self.penstock.port, timeout=60)
        try:
            wire.log_in("app", "app", PASSWORD, self.capabilities)
            # One for cursors and one for all else: see CursorsOfMySql.
            self.mine, self.scrolled = (wire.prepare("select ? as token, n from numbers where n < ?" + end) for end in ("", " and 1"))
            for made in (self.mine, self.scrolled):
                if isinstance(made, Error):
                    raise ServerError(made)
            wire.rows(f"set @token = '{self.token.decode()}'")
        except (ServerError, Gone, OSError):
            wire.close()
            raise
        self.wire = wire
        self.logins += 1

    def recover(self):
        if self.wire is not None:
            try:
                self.wire.rows("rollback")
                self.wire.rows(f"set session {self.limit[0]} = 0")
            except (ServerError, Gone, OSError):
                self.wire.close()
                self.wire = None

    def round(self):
        self.dice.choices([self.simple, self.prepared, self.variable, self.transaction, self.several, self.cursor, self.timeout, self.vanish,
                           self.temporary, self.insert], [20, 30, 20, 10, 15, 10, 4, 4, 1, 15])[0]()

    def check(self, results, expected=None):
        """Each row of each result begins with this session's token."""
        failed = None
        for result in results:
            if isinstance(result, Error):
                failed = result
            if isinstance(result, Rows):
                for row in result.rows:
                    if row[0] != self.token:
                        raise Foreign(f"{self.token} received {row!r}")
                self.rows_seen += len(result.rows)
        if failed:
            raise ServerError(failed)
        seen = sum(len(result.rows) for result in results if isinstance(result, Rows))
        if expected is not None and seen != expected:
            raise Foreign(f"{self.token} received {seen} rows instead of {expected}")

    def text(self, count):
        return f"select '{self.token.decode()}', n, repeat('x', 50) from numbers where n < {count}"

    def simple(self):
        count = self.dice.randrange(1, 200)
        self.check(self.wire.query(self.text(count)), count)

    def prepared(self):
        count = self.dice.randrange(1, 50)
        self.check(self.wire.execute(self.mine.id, (self.token.decode(), str(count))), count)

    def variable(self):
        self.check(self.wire.query("select @token"), 1)

    def transaction(self):
        self.wire.rows("begin")
        for _ in range(self.dice.randrange(1, 4)):
            self.prepared()
        self.wire.rows("commit")

    def several(self):
        counts = [self.dice.randrange(1, 30) for _ in range(self.dice.randrange(2, 6))]
        self.check(self.wire.query("; ".join(self.text(count) for count in counts)), sum(counts))

    def cursor(self):
        opened = self.wire.execute(self.scrolled.id, (self.token.decode(), "20"), 1)[-1]
        self.check([opened])
        for _ in range(self.dice.randrange(3)):
            self.check([self.wire.fetch(self.scrolled.id, 5, opened.columns)], 5)
        reset = self.wire.simple(m.RESET, self.scrolled.id.to_bytes(4, "little"))
        self.check([reset])

    def timeout(self):
        self.wire.rows(f"set session {self.limit[0]} = {self.limit[1]}")
        self.wire.send_query(f"select '{self.token.decode()}', sleep(0.2) from numbers where n < 3")
        self.check(self.wire.results())
        self.wire.rows(f"set session {self.limit[0]} = 0")

    def vanish(self):
        self.wire.send_query(self.text(NUMBERS))
        if self.dice.random() < 0.5:
            self.wire.packet()
        (self.wire.reset if self.dice.random() < 0.5 else self.wire.close)()
        self.wire = None

    def temporary(self):
        self.wire.rows("create temporary table mine(token varchar(60))")
        self.wire.rows(f"insert into mine values ('{self.token.decode()}')")
        self.check(self.wire.query("select token from mine"), 1)
        self.check([self.wire.simple(m.RESET_CONNECTION)])
        self.wire.close()
        self.wire = None

    def insert(self):
        """What was inserted last is what LAST_INSERT_ID() leads to, whatever others insert."""
        self.wire.rows(f"insert into tokens(token) values ('{self.token.decode()}')")
        self.check(self.wire.query("select token from tokens where id = last_insert_id()"), 1)


@each_product
class CrossedRows:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"pool": {"connection_borrow_timeout": "60s", "server_retry_longest": "200ms"}},
                             pool_size=CONNECTIONS).start()

    def test_no_row_reaches_anybody_but_its_session(self):
        seed = int(os.environ.get("PENSTOCK_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}: PENSTOCK_TEST_SEED={seed} ./dev test mysql_crossed_rows", flush=True)
        self.server.sql("create table app.numbers(n int primary key)")
        self.server.sql("create table app.tokens(id int auto_increment primary key, token varchar(60))")
        self.server.sql("insert into app.numbers values " + ", ".join(f"({n})" for n in range(NUMBERS)))
        self.server.connect().close()
        sessions = [Session(number, self.target, random.Random(seed * 1000 + number), self.is_mariadb) for number in range(SESSIONS)]
        failures, stop = [], threading.Event()
        self.killed = 0

        def body(session):
            try:
                session.work(lambda: self.killed >= KILLS)
            except Exception as error:
                failures.append("".join(traceback.format_exception(error)[-4:]))

        threads = [threading.Thread(target=body, args=(session,)) for session in sessions]
        killer = threading.Thread(target=self.kill_now_and_then, args=(stop, random.Random(seed)))
        for thread in [*threads, killer]:
            thread.start()
        for thread in threads:
            thread.join(240)
        stop.set()
        killer.join()
        self.assertEqual(failures, [])
        self.assertFalse(any(thread.is_alive() for thread in threads), "a client is stuck")
        self.assertGreater(sum(session.rows_seen for session in sessions), SESSIONS * ROUNDS)
        self.assertGreaterEqual(self.killed, KILLS)
        self.assert_clean_afterwards()

    def kill_now_and_then(self, stop, dice):
        watcher = self.server.connect("root")
        while not stop.wait(dice.uniform(0.02, 0.2)):
            candidates = rows(watcher, "select id from information_schema.processlist where user = 'app'")
            if candidates:
                with contextlib.suppress(Exception):  # it has gone by itself
                    rows(watcher, dice.choice(["kill {}", "kill {}", "kill query {}"]).format(dice.choice(candidates)[0]))
                    self.killed += 1
        watcher.close()

    def assert_clean_afterwards(self):
        until_transactions_are(self.server, [], "no transaction is left open")
        wait_until(lambda: len(self.server.sessions()) <= CONNECTIONS, "no more connections than allowed")
        fresh = [Wire(self.target.port).log_in("app", "app", PASSWORD) for _ in range(CONNECTIONS)]
        for wire in fresh:
            wire.rows("begin")
            self.assertEqual(wire.rows("select @token"), [(None,)])
            self.assertEqual(wire.query("select * from mine")[0].code, 1146)
        for wire in fresh:
            wire.close()


class CursorsOfMySql(unittest.TestCase):
    """Why the sessions above have a statement of its own for cursors. MySQL 9.7.4, without anything in between: where a statement has had a
    cursor, and that was reset, an execution without one gets the definitions, then OK (0x00) in the place of the rows and of their end.
    No client can read that; a later server that answers it rightly makes this test fail, and the statements above one."""

    def test_an_execution_behind_a_cursor_of_the_same_statement_gets_ok_in_the_place_of_rows(self):
        server = shared_mysql("mysql").primary
        server.connect().close()
        with contextlib.closing(Wire(server.port)) as wire:
            wire.log_in("app", "app", PASSWORD)
            made = wire.prepare("select ? as token")
            opened = wire.execute(made.id, ("mine",), 1)[-1]
            self.assertTrue(opened.status & m.CURSOR_EXISTS)
            self.assertEqual(wire.fetch(made.id, 5, opened.columns).rows, [(b"mine",)])
            self.assertIsInstance(wire.simple(m.RESET, made.id.to_bytes(4, "little")), m.Ok)
            wire.send_execute(made.id, ("mine",))
            count, _definition, end = (wire.packet() for _ in range(3))
            self.assertEqual((count, end), (b"\1", b"\0\0\0\2\0\0\0"))


if __name__ == "__main__":
    unittest.main()
