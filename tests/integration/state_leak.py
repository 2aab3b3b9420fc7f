# SPDX-License-Identifier: Apache-2.0
#
# The state-leak test: fifty sessions on three server connections run random programs of SET, RESET, transactions, savepoints, roles,
# prepared statements and temporary tables. Each session has a twin, a direct connection to PostgreSQL that runs the same steps; after
# every step the two must agree in rows, errors, transaction state and reported parameters. PENSTOCK_TEST_SEED repeats a run.

import itertools
import os
import random
import time
import unittest

from fixture import ProxyTest, begin_on, shared_cluster, splitting, wait_for_reads
from penstock import Penstock, merged
from pgwire import SYNC, ServerError, bind, close, execute, extended, parse

SESSIONS, CONNECTIONS, STEPS = 50, 3, 6000

SETTINGS = {
    "work_mem": ["'64kB'", "'123kB'", "2048", "'3MB'"],
    "statement_timeout": ["0", "'7s'", "60000"],
    "timezone": ["'UTC'", "'Asia/Tokyo'", "'America/Lima'", "'Europe/Oslo'"],
    "datestyle": ["'ISO, DMY'", "'German'", "'SQL, MDY'"],
    "search_path": ["public", "pg_catalog, public", "'$user', public", "''"],
    "application_name": ["'first'", "'second one'", "'it''s'"],
    "app.tenant": ["'one'", "'two'", "'three'"],
    "app.Mixed": ["'x'", "'y'"],
    "extra_float_digits": ["0", "1", "3"],
    "bytea_output": ["'hex'", "'escape'"],
    "default_transaction_isolation": ["'serializable'", "'read committed'"],
    "lock_timeout": ["0", "'9s'"],
    "role": ["other", "none", "app"],
}
# A custom setting that was ever set on a PostgreSQL connection is '' there when it is reset, and null where it never was: that is
# PostgreSQL's own, and no pooler can take it back, so both count as unset.
LOOK = "select " + ", ".join(f"nullif(current_setting('{name}', true), '')" for name in SETTINGS if name != "role") + \
    ", current_user, current_setting('transaction_isolation'), '2026-02-03 04:05:06+00'::timestamptz::text"


ROWS = itertools.count(1)


class Pair:
    """A session through Penstock and its direct twin."""

    def __init__(self, number, pooled, direct):
        self.number, self.pooled, self.direct = number, pooled, direct
        self.row = next(ROWS)
        self.statements, self.savepoints = [], []
        self.pinned = False
        self.history = []

    @property
    def in_transaction(self):
        return self.direct.status != "I"

    @property
    def holds_a_connection(self):
        return self.pinned or self.in_transaction

    def both(self, description, action):
        """Runs action on both connections and compares what came of it."""
        self.history.append(description)
        answers = [self.answer(wire, action) for wire in (self.pooled, self.direct)]
        if answers[0] != answers[1]:
            raise AssertionError(f"session {self.number} differs after {description!r}\n  through Penstock: {answers[0]}\n"
                                 f"  directly:         {answers[1]}\n  its last steps:\n    " + "\n    ".join(self.history[-25:]))
        return answers[1][0]

    def key(self, wire):
        """Each of both connections has a row of its own, as both write."""
        return self.row if wire is self.pooled else -self.row

    def answer(self, wire, action):
        try:
            came = action(wire)
        except ServerError as error:
            came = f"error {error.sqlstate}"
        return came, wire.status, {k: v for k, v in wire.parameters.items() if k != "in_hot_standby"}

    def sql(self, text):
        return self.both(text, lambda wire: wire.simple(text))

    def prepare(self, name, text):
        def action(wire):
            wire.send(parse(text, name), SYNC)
            return [m.type if m.type != "E" else m.fields()["C"] for m in wire.until_ready()]
        return self.both(f"Parse {name}: {text}", action)

    def run(self, name):
        def action(wire):
            wire.send(bind((), name), execute(), SYNC)
            return [m.fields()["C"] if m.type == "E" else m.row() if m.type == "D" else m.type for m in wire.until_ready()]
        return self.both(f"Bind, Execute {name}", action)

    def forget(self, name):
        def action(wire):
            wire.send(close(name), SYNC)
            return [m.type for m in wire.until_ready()]
        return self.both(f"Close {name}", action)


class StateLeak(ProxyTest):
    pool_size = CONNECTIONS
    settings = {"pool": {"connection_borrow_timeout": "20s"}}

    def test_fifty_sessions_on_three_connections(self):
        seed = int(os.environ.get("PENSTOCK_TEST_SEED", time.time_ns() % 1_000_000))
        print(f"seed {seed}: PENSTOCK_TEST_SEED={seed} ./dev test state_leak", flush=True)
        self.dice = random.Random(seed)
        self.pairs = [self.new_pair(number) for number in range(SESSIONS)]
        for _ in range(STEPS):
            self.step(self.dice.choice(self.pairs))
        for pair in self.pairs:
            self.end_transaction(pair)
            pair.sql(LOOK)
            self.leave(pair)
        self.nothing_is_left_behind()

    def new_pair(self, number):
        startup = {"application_name": f"session {number}"} if self.dice.random() < 0.5 else {}
        if self.dice.random() < 0.2:
            startup |= {"options": "-c app.tenant=started -c work_mem=99kB"}
        return Pair(number, self.penstock.wire(**startup), self.direct_wire(**startup))

    # ---- one step of one session ----

    def step(self, pair):
        may_hold = pair.holds_a_connection or sum(p.holds_a_connection for p in self.pairs) < CONNECTIONS - 1
        choices = [(30, self.set), (8, self.set_config), (6, self.reset), (14, self.look), (8, self.prepare), (14, self.run_prepared),
                   (4, self.forget), (3, self.fail), (5, self.several), (1, self.come_again), (6, self.sql_prepare),
                   (12, self.sql_execute)]
        if pair.in_transaction:
            choices += [(20, self.end_transaction), (12, self.savepoint), (12, self.back_to_savepoint), (15, self.set_local)]
        elif may_hold:
            choices += [(10, self.begin), (1, self.temporary_table), (1, self.prepare_with_others)]
        if not pair.in_transaction:
            choices.append((2, self.discard))
            choices += self.more_choices()
        weights, actions = zip(*choices)
        self.dice.choices(actions, weights)[0](pair)

    def more_choices(self):
        return []

    def any_setting(self):
        name = self.dice.choice(list(SETTINGS))
        return name, self.dice.choice(SETTINGS[name])

    def set(self, pair):
        name, value = self.any_setting()
        form = self.dice.choice(["set {} = {}", "SET {} TO {}", "set session {} = {}", "set /* why */ {} ={}"])
        pair.sql(form.format(name, value))

    def set_local(self, pair):
        name, value = self.any_setting()
        pair.sql(f"set local {name} = {value}")

    def set_config(self, pair):
        name, value = self.any_setting()
        if name not in ("role", "search_path"):
            value = value if value.startswith("'") else f"'{value}'"
            pair.sql(f"select set_config('{name}', {value}, {self.dice.choice(['true', 'false'])})")

    def reset(self, pair):
        name = self.dice.choice([*SETTINGS, "all"])
        pair.sql(self.dice.choice(["reset {}", "set {} to default"]).format(name) if name != "all" else "reset all")

    def discard(self, pair):
        if not pair.pinned:
            pair.sql("discard all")

    def look(self, pair):
        pair.sql(LOOK)

    def fail(self, pair):
        pair.sql(self.dice.choice(["select 1/0", "set work_mem = 'nonsense'", "set role nobody_at_all", "selec"]))

    def several(self, pair):
        (one, first), (two, second) = self.any_setting(), self.any_setting()
        texts = [f"set {one} = {first}; set {two} = {second}", f"set {one} = {first}; select 1/0; set {two} = {second}"]
        if not pair.in_transaction:
            texts += [f"begin; set {one} = {first}; commit; set {two} = {second}",
                      f"begin; set {one} = {first}; rollback; set {two} = {second}",
                      f"begin; set local {one} = {first}; savepoint a; set {two} = {second}; rollback to a; commit"]
        pair.sql(self.dice.choice(texts))

    def begin(self, pair):
        pair.savepoints.clear()
        pair.sql(self.dice.choice(["begin", "start transaction", "begin isolation level serializable"]))

    def end_transaction(self, pair):
        if pair.in_transaction:
            pair.sql(self.dice.choice(["commit", "commit", "rollback", "end", "abort"]))

    def savepoint(self, pair):
        name = self.dice.choice("abc")
        pair.sql(f"savepoint {name}")
        pair.savepoints.append(name)

    def back_to_savepoint(self, pair):
        if pair.savepoints:
            name = self.dice.choice(pair.savepoints)
            pair.sql(self.dice.choice(["rollback to savepoint {}", "rollback to {}", "release savepoint {}"]).format(name))

    def prepare(self, pair):
        name = f"s{self.dice.randrange(4)}"
        text = self.dice.choice([f"select 'session {pair.number}', nullif(current_setting('app.tenant', true), ''), current_user",
                                 "select current_setting('work_mem'), current_setting('timezone')", LOOK])
        pair.prepare(name, text)
        pair.statements.append(name)

    def run_prepared(self, pair):
        if pair.statements:
            pair.run(self.dice.choice(pair.statements))

    def forget(self, pair):
        if pair.statements:
            name = self.dice.choice(pair.statements)
            pair.forget(name) if self.dice.random() < 0.6 else pair.sql(self.dice.choice([f"deallocate {name}", "deallocate all"]))

    def temporary_table(self, pair):
        pair.pinned = True
        pair.sql("create temp table if not exists mine(x text)")
        pair.sql(f"insert into pg_temp.mine values ('{pair.number}')")
        pair.sql("select x from pg_temp.mine")

    def sql_prepare(self, pair):
        """Names that the protocol uses as well."""
        name = f"s{self.dice.randrange(4)}"
        text = self.dice.choice([f"select 'sql {pair.number}', nullif(current_setting('app.tenant', true), ''), current_user",
                                 f"select set_config('app.tenant', 'of {pair.number}', false)"])
        pair.sql(f"prepare {name} as {text}")
        pair.statements.append(name)

    def sql_execute(self, pair):
        if pair.statements:
            name = self.dice.choice(pair.statements)
            pair.sql(self.dice.choice(["execute {}", "execute {}", "explain (costs off) execute {}"]).format(name))

    def prepare_with_others(self, pair):
        pair.pinned = True
        pair.sql(f"prepare mine_too as select 'sql {pair.number}'; select 1")
        pair.sql("execute mine_too")

    def come_again(self, pair):
        """The client leaves, in whatever state it is, and a new one takes its place."""
        self.leave(pair)
        self.pairs[self.pairs.index(pair)] = self.new_pair(pair.number)

    def leave(self, pair):
        (pair.pooled.reset if self.dice.random() < 0.3 else pair.pooled.close)()
        pair.direct.close()
        pair.pinned = False

    def nothing_is_left_behind(self):
        self.wait_for_no_lease()
        fresh = [self.wire() for _ in range(CONNECTIONS)]
        for wire in fresh:
            wire.simple("begin")  # so that each is on a connection of its own
        expected = self.direct_wire()
        for wire in fresh:
            self.assertEqual(wire.simple(LOOK), expected.simple(LOOK))
            self.assertEqual(wire.simple("select count(*) from pg_class where relname = 'mine'"), [("0",)])
            self.assertEqual(wire.simple("select count(*) from pg_prepared_statements where name like 'mine%'"), [("0",)])
            wire.simple("commit")


class WithReplicas(StateLeak):
    """Reads go to two replicas, and each session finds what it has written."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster(replicas=2)
        cls.server = cls.cluster.primary
        cls.server.sql("create table public.notes(key int primary key, n int); grant all on public.notes to public")
        cls.penstock = Penstock(cls.cluster, merged({"pool": {"pool_size": cls.pool_size}, "cluster": splitting(cls.cluster)}, cls.settings)).start()
        wait_for_reads(cls.penstock)

    def more_choices(self):
        return [(12, self.write), (20, self.read), (8, self.read_only_transaction)]

    def write(self, pair):
        n = self.dice.randrange(1000)
        pair.both(f"write {n}", lambda wire: wire.simple(
            f"insert into public.notes values ({pair.key(wire)}, {n}) on conflict (key) do update set n = excluded.n"))

    def read(self, pair):
        if self.dice.random() < 0.5:
            pair.both("read", lambda wire: wire.simple(f"select n, current_setting('work_mem') from public.notes where key = {pair.key(wire)}"))
            return

        def action(wire):
            wire.send(extended("select n, current_user from public.notes where key = $1", (pair.key(wire),)))
            return [m.fields()["C"] if m.type == "E" else m.row() if m.type == "D" else m.type for m in wire.until_ready()]
        pair.both("read by Parse", action)

    def read_only_transaction(self, pair):
        pair.sql("begin read only")
        self.read(pair)
        pair.sql(LOOK)
        pair.sql("commit")

    def nothing_is_left_behind(self):
        super().nothing_is_left_behind()
        look = "select " + ", ".join(f"nullif(current_setting('{name}', true), '')" for name in SETTINGS if name != "role")
        fresh = [(self.wire(), replica) for replica in self.cluster.replicas for _ in range(CONNECTIONS)]
        expected = self.direct_wire().simple(look)
        for wire, replica in fresh:
            begin_on(replica, wire)
            self.assertEqual(wire.simple(look), expected)
        for wire, _ in fresh:
            wire.simple("commit")
        routes = self.penstock.routes()
        print(f"reads on replicas: {routes['replica', 'read']}, for want of own writes on the primary: {routes.get(('primary', 'own_write'), 0)}")
        self.assertGreater(routes["replica", "read"], 50)


if __name__ == "__main__":
    unittest.main()
