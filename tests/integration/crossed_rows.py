# SPDX-License-Identifier: Apache-2.0
#
# The crossed-rows test: many sessions share a few connections while backends are killed, statements time out, queries are cancelled and
# clients vanish in the middle. Every row carries the token of the session that asked; a foreign token, once, is a failure.

import contextlib
import os
import random
import threading
import time
import unittest

from fixture import ProxyTest, begin_on, rows, shared_cluster, splitting, wait_for_reads
from penstock import Penstock, merged
from pgwire import SYNC, Gone, ServerError, Wire, bind, cancel_request, describe, execute, parse, query
from wait import wait_until

SESSIONS, CONNECTIONS, ROUNDS = 24, 4, 60
EXPECTED_ERRORS = {"57P01", "57014", "08006", "08007", "08001", "25P02", "57P03"}


class Foreign(Exception):
    pass


class Session:
    """One client that asks again and again and looks at every row it gets."""

    def __init__(self, number, penstock, dice):
        self.penstock, self.dice = penstock, dice
        self.token = f"session-{number}-{dice.getrandbits(64):016x}"
        self.wire = None
        self.rows_seen = 0
        self.asked = 0

    def work(self):
        for _ in range(ROUNDS):
            try:
                if self.wire is None:
                    self.log_in()
                self.round()
            except ServerError as error:
                if error.sqlstate not in EXPECTED_ERRORS:
                    raise
                self.recover()
            except (Gone, OSError):
                self.wire = None
        if self.wire is not None:
            self.wire.close()

    def log_in(self):
        wire = self.penstock.wire(timeout=60)
        try:
            wire.send(parse("select $1::text as token, n from generate_series(1, $2::int) n", "mine"), SYNC)
            raise_error(wire.until_ready())
            wire.simple(f"set app.token = '{self.token}'")
        except ServerError:
            wire.close()  # it may have been killed in between, and then has not all that the rounds count on
            raise
        self.wire = wire

    def recover(self):
        if self.wire is not None and self.wire.status != "I":
            with contextlib.suppress(ServerError):
                self.wire.simple("rollback")

    def round(self):
        self.dice.choices([self.simple, self.extended, self.prepared, self.setting, self.transaction, self.pipeline, self.timeout,
                           self.vanish, self.cancelled], [20, 20, 30, 20, 10, 20, 4, 4, 4])[0]()

    def check(self, messages, expected=None):
        seen = 0
        for message in messages:
            if message.type == "D":
                seen += 1
                if message.row()[0] != self.token.encode():
                    raise Foreign(f"{self.token} received {message.row()!r}")
        raise_error(messages)
        self.rows_seen += seen
        if expected is not None and seen != expected:
            raise Foreign(f"{self.token} received {seen} rows instead of {expected}")

    def simple(self):
        count = self.dice.randrange(1, 200)
        self.wire.send(query(f"select '{self.token}', n, repeat('x', 50) from generate_series(1, {count}) n"))
        self.check(self.wire.until_ready(), count)

    def extended(self):
        count = self.dice.randrange(1, 50)
        self.wire.send(parse("select $1::text, n from generate_series(1, $2::int) n"), bind((self.token, count)), describe("", "P"),
                       execute(), SYNC)
        self.check(self.wire.until_ready(), count)

    def prepared(self):
        count = self.dice.randrange(1, 50)
        self.wire.send(bind((self.token, count), "mine"), execute(), SYNC)
        self.check(self.wire.until_ready(), count)

    def setting(self):
        self.wire.send(query("select current_setting('app.token')"))
        self.check(self.wire.until_ready(), 1)

    def transaction(self):
        self.wire.simple("begin")
        for _ in range(self.dice.randrange(1, 4)):
            self.prepared()
        self.wire.simple("commit")

    def pipeline(self):
        depth = self.dice.randrange(2, 20)
        self.wire.send(*(bind((self.token, 2), "mine") + execute() + SYNC for _ in range(depth)))
        failed = None
        for _ in range(depth):
            try:
                self.check(self.wire.until_ready(), 2)
            except ServerError as error:
                failed = error
        if failed:
            raise failed

    def timeout(self):
        self.wire.simple("begin")
        self.wire.simple("set local statement_timeout = 5")
        self.wire.send(query(f"select '{self.token}' from pg_sleep(1)"))
        try:
            self.check(self.wire.until_ready())
        finally:
            if self.wire.status == "E":
                self.wire.simple("rollback")

    def vanish(self):
        self.wire.send(query(f"select '{self.token}', n, repeat('x', 500) from generate_series(1, 2000) n"))
        if self.dice.random() < 0.5:
            first = self.wire.next()
            if first.type != "E":  # as a killed backend says
                self.check([first, *self.wire.expect("D")])
        (self.wire.reset if self.dice.random() < 0.5 else self.wire.close)()
        self.wire = None

    def cancelled(self):
        self.wire.send(query(f"select '{self.token}' from pg_sleep(0.05)"))
        with contextlib.closing(Wire(self.penstock.port)) as other:
            other.send(cancel_request(self.wire.process_id, self.wire.cancel_key))
        self.check(self.wire.until_ready())


def raise_error(messages):
    for message in messages:
        if message.type == "E":
            raise ServerError(message.fields())


class ReadingSession(Session):
    """And it looks whether it finds what it has written."""

    written, acknowledged = 0, 0

    def log_in(self):
        super().log_in()
        self.acknowledged = 0  # a new session need not see what another has written

    def round(self):
        if self.dice.random() < 0.3:
            self.write()
        if self.dice.random() < 0.6:
            self.read()
        super().round()

    def write(self):
        self.written += 1
        self.wire.simple(f"insert into public.notes values ('{self.token}', {self.written}) on conflict (key) do update set n = excluded.n")
        self.acknowledged = self.written

    def read(self):
        text = f"select key, n from public.notes where key = '{self.token}'"
        self.wire.send(self.dice.choice([query(text), parse(text) + bind() + execute() + SYNC]))
        messages = self.wire.until_ready()
        self.check(messages)
        found = next((int(m.row()[1]) for m in messages if m.type == "D"), 0)
        if not self.acknowledged <= found <= self.written:
            raise Foreign(f"{self.token} has written {self.acknowledged}, perhaps {self.written}, and read {found}")


class CrossedRows(ProxyTest):
    pool_size = CONNECTIONS
    session = Session
    settings = {"pool": {"connection_borrow_timeout": "60s", "server_retry_longest": "200ms"}}

    def test_no_row_reaches_anybody_but_its_session(self):
        seed = int(os.environ.get("PENSTOCK_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}: PENSTOCK_TEST_SEED={seed} ./dev test crossed_rows", flush=True)
        sessions = [self.session(number, self.penstock, random.Random(seed * 1000 + number)) for number in range(SESSIONS)]
        failures, stop = [], threading.Event()

        def body(session):
            try:
                session.work()
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=body, args=(session,)) for session in sessions]
        killer = threading.Thread(target=self.kill_now_and_then, args=(stop, random.Random(seed)))
        for thread in [*threads, killer]:
            thread.start()
        for thread in threads:
            thread.join(180)
        stop.set()
        killer.join()
        self.assertEqual([repr(error) for error in failures], [])
        self.assertFalse(any(thread.is_alive() for thread in threads), "a client is stuck")
        self.assertGreater(sum(session.rows_seen for session in sessions), SESSIONS * ROUNDS)
        self.assert_clean_afterwards()

    def kill_now_and_then(self, stop, dice):
        watchers = [server.connect(user="postgres") for server in self.servers()]
        while not stop.wait(dice.uniform(0.02, 0.2)):
            rows(dice.choice(watchers), "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' order by random() limit 1")
        for watcher in watchers:
            watcher.close()

    def servers(self):
        return [self.server]

    def assert_clean_afterwards(self):
        self.wait_for_no_lease()
        wait_until(lambda: all(len(server.backends()) <= CONNECTIONS for server in self.servers()), "no more connections than allowed")
        self.assert_tokens_are_gone(self.server, "begin")

    def assert_tokens_are_gone(self, server, begin):
        """As many sessions as the server has connections, each in a transaction there, so that all of them are seen."""
        fresh = [self.wire() for _ in range(CONNECTIONS)]
        for wire in fresh:
            begin_on(server, wire, begin)
            self.assertIn(wire.simple("select current_setting('app.token', true)")[0][0], (None, ""))
        for wire in fresh:
            wire.simple("commit")


class WithReplicas(CrossedRows):
    """Reads go to two replicas, whose backends are killed as well."""

    session = ReadingSession

    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster(replicas=2)
        cls.server = cls.cluster.primary
        cls.server.sql("create table public.notes(key text primary key, n int); grant all on public.notes to public")
        cls.penstock = Penstock(cls.cluster, merged({"pool": {"pool_size": cls.pool_size}, "cluster": splitting(cls.cluster)}, cls.settings)).start()
        wait_for_reads(cls.penstock)

    def servers(self):
        return [self.server, *self.cluster.replicas]

    def assert_clean_afterwards(self):
        super().assert_clean_afterwards()
        for replica in self.cluster.replicas:
            self.assert_tokens_are_gone(replica, "begin read only")
        routes = self.penstock.routes()
        print(f"reads on replicas: {routes['replica', 'read']}, for want of own writes on the primary: {routes.get(('primary', 'own_write'), 0)}")
        self.assertGreater(routes["replica", "read"], SESSIONS)


if __name__ == "__main__":
    unittest.main()
