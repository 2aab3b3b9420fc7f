# SPDX-License-Identifier: Apache-2.0
#
# The state-leak test of MySQL and MariaDB: fifty sessions on three server connections run random programs of everything that a session
# can leave behind (mysql_session_steps.py). Each session has a twin, a direct connection to the server that runs the same steps; after
# every step the two must agree in results, errors, status flags, warnings and reported changes. PENSTOCK_TEST_SEED repeats a run, and
# PENSTOCK_TEST_STEPS makes it longer.

import contextlib
import os
import random
import unittest

import mysql_packets as m
from mysql_fixture import each_product, until_transactions_are
from mysql_packets import Gone
from mysql_pair import Pair
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_session_steps import CONNECTIONS, LOOK, PROCEDURES, SESSIONS, SessionSteps
from mysql_wire import Wire
from wait import wait_until

STEPS = int(os.environ.get("PENSTOCK_TEST_STEPS", 1500))
ALWAYS = (11, 203)

CAPABILITIES = [m.USUAL, m.USUAL & ~m.DEPRECATE_EOF, m.USUAL & ~m.SESSION_TRACK, m.USUAL | m.FOUND_ROWS, m.USUAL & ~m.MULTI_STATEMENTS,
                m.USUAL & ~(m.DEPRECATE_EOF | m.SESSION_TRACK)]


def seeds():
    given = os.environ.get("PENSTOCK_TEST_SEED")
    return [int(given)] if given else ALWAYS


@each_product
class StateLeak(SessionSteps):
    def test_fifty_sessions_on_three_connections(self):
        for seed in seeds():
            print(f"seed {seed}: PENSTOCK_TEST_SEED={seed} ./dev test mysql_state_leak", flush=True)
            self.run_program(random.Random(seed))

    def run_program(self, dice):
        self.dice, self.pairs, self.pins, self.present = dice, [], {}, 0
        self.make_tables()
        self.target = MySqlPenstock(self.cluster, {"pool": {"connection_borrow_timeout": "15s"}}, pool_size=CONNECTIONS).start()
        try:
            self.pairs += [self.new_pair(number) for number in range(SESSIONS)]
            for _ in range(STEPS):
                pair = dice.choice(self.pairs)
                self.step(pair)
                self.follow_pins(pair)
            for pair in self.pairs:
                self.end_everything(pair)
                pair.sql(LOOK)
                self.leave(pair)
            self.nothing_is_left_behind()
        finally:
            self.close_all()
            self.target.stop()

    @property
    def isolation(self):
        return "tx_isolation" if self.is_mariadb else "transaction_isolation"

    @property
    def read_only(self):
        return "tx_read_only" if self.is_mariadb else "transaction_read_only"

    def follow_pins(self, pair):
        """Where Penstock holds on to a connection for this session, be it needed or not, there must be enough for the others."""
        now = self.gauges("penstock_pinned_clients")
        if any(count > self.pins.get(name, 0) for name, count in now.items()):
            pair.pinned = True
        if sum(each.holds_a_connection for each in self.pairs) >= CONNECTIONS:
            self.end_everything(pair)
            self.reset_connection(pair)
            now = self.gauges("penstock_pinned_clients")
        self.pins = now

    def gauges(self, family):
        return {name: count for name, count in self.target.metrics().items() if name.startswith(family + "{")}

    def close_all(self):
        for pair in self.pairs:
            for wire in pair.wires:
                wire.close()

    def make_tables(self):
        tables = [f"{schema}.t{number:02}_{side}" for schema in ("app", "other") for number in range(SESSIONS) for side in "pd"]
        statements = ["drop table if exists " + ", ".join(tables)]
        statements += [f"create table {table}(id int auto_increment primary key, x varchar(20) unique)" for table in tables]
        for text in PROCEDURES:
            kind, name = text.split("(")[0].split(" ")[1:]
            statements += [f"drop {kind} if exists {name}", text]
        with contextlib.closing(self.server.connect("root")) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        self.server.connect().close()  # so that the server knows the password's hash

    def new_pair(self, number):
        capabilities = self.dice.choice(CAPABILITIES)
        charset = self.dice.choice([45, 45, 45, 8, 33, 46, 192, 224])
        wires = [Wire(port, timeout=30).log_in("app", "app", PASSWORD, capabilities, charset=charset)
                 for port in (self.target.port, self.server.port)]
        self.present += 1
        pair = Pair(number, *wires, self)
        pair.history.append(f"logged in with {capabilities:#x}, collation {charset}")
        pair.both("the end of the login", lambda wire, *_: wire.welcome)
        if self.is_mariadb:
            pair.sql("select 1 union select 2")  # up to its first SELECT, FOUND_ROWS() of MariaDB's own is an earlier connection's
        return pair

    # ---- ends ----

    def reset_connection(self, pair):
        if pair.in_transaction or pair.xa:
            return
        pair.both("COM_RESET_CONNECTION", lambda wire, *_: wire.simple(m.RESET_CONNECTION))
        pair.pinned = pair.table_lock = pair.characteristics = False
        pair.unsure_flags = 0
        pair.statements.clear()
        pair.variables.clear()
        pair.showing.clear()
        pair.cursors.clear()

    def end_everything(self, pair):
        while pair.xa:
            self.go_on_with_xa(pair)
        if pair.table_lock:
            self.unlock(pair)
        if pair.in_transaction or pair.characteristics:
            pair.sql("rollback")
            pair.characteristics = False

    def come_again(self, pair):
        """The client leaves, in whatever state it is, and a new one takes its place."""
        if pair.xa == 0:
            self.leave(pair)
            self.pairs[self.pairs.index(pair)] = self.new_pair(pair.number)

    def leave(self, pair):
        (pair.wires[0].reset if self.dice.random() < 0.3 else pair.wires[0].close)()
        self.present -= 1
        if pair.pinned:  # so that what follows it is not taken for its pin
            wait_until(lambda: sum(self.gauges("penstock_pool_clients").values()) <= self.present, "Penstock knows that the client has left")
        direct = pair.wires[1]
        direct.command(m.QUIT)
        with contextlib.suppress(Gone):
            direct.expect_end()  # so that what it held is free
        direct.close()
        pair.pinned = pair.table_lock = pair.characteristics = False
        pair.cursors.clear()
        pair.status = m.AUTOCOMMIT

    def nothing_is_left_behind(self):
        until_transactions_are(self.server, [], "no transaction is left open")
        expected = Wire(self.server.port).log_in("app", "app", PASSWORD)
        fresh = [Wire(self.target.port).log_in("app", "app", PASSWORD) for _ in range(CONNECTIONS)]
        names = {"isolation": self.isolation, "read_only": self.read_only}
        for wire in fresh:
            wire.query("begin")  # so that each is on a connection of its own
        for wire in fresh:
            self.assertEqual(wire.rows(LOOK.format(**names)), expected.rows(LOOK.format(**names)))
            for table in ("mine", "made_inside"):
                self.assertEqual(wire.query(f"select * from {table}")[0].code, 1146)
            self.assertEqual(wire.query("execute mine_too")[0].code, 1243)
            wire.query("commit")
        for number in range(SESSIONS):
            self.assertEqual(self.server.sql(f"select is_free_lock('lock {number:02} p')"), [(1,)])
        for wire in (*fresh, expected):
            wire.close()


if __name__ == "__main__":
    unittest.main()
