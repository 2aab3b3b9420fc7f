# SPDX-License-Identifier: Apache-2.0
#
# Cuts the connection between Penstock and a server at every octet of an exchange that commits, and holds what the client was told against
# the table: what was called done is there, once; what was called undone is not; where nobody can know, the client is told that.

import itertools
from typing import NamedTuple

import mysql_packets
import pgwire
from cluster import PASSWORD
from cutter import TO_PENSTOCK, TO_SERVER, Cutter
from mysql_packets import Error
from mysql_penstock import MySqlPenstock
from mysql_wire import Wire
from penstock import Penstock
from pgwire import SYNC, bind, parse, query
from wait import wait_until

DONE, NOT_DONE, UNKNOWN = "done", "not done", "unknown"


class Form(NamedTuple):
    """A way to commit: what goes before the mark, with the row's number, and what is cut."""
    name: str
    before: tuple
    act: object  # of the wire and the row's number
    prepares: str = ""


class Cuts:
    """Every cut of every form, in both directions, orderly and as a reset. Subclasses know an engine."""

    def __init__(self, server):
        self.server = server
        self.cutter = Cutter(server.port)
        self.penstock = self.make_penstock().start()
        self.admin = self.connect_as_admin()
        self.ask("create table ledger(n bigint)")
        self.ask(self.grant)
        self.wire = None
        self.serial = 0
        self.counts = {}

    def close(self):
        if self.wire is not None:
            self.wire.socket.close()
        self.admin.close()
        self.penstock.stop()
        self.cutter.close()

    def ask(self, statement):
        with self.admin.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else None

    def run(self, most=None):
        """What was wrong. `most`: so many cuts at the most; without it, each possible one once."""
        wrong = []
        ways = itertools.product(self.forms(), (TO_SERVER, TO_PENSTOCK), (False, True))
        for form, direction, resets in ways if most is None else itertools.cycle(list(ways)):
            for octets in itertools.count():
                if most is not None and sum(self.counts.values()) >= most:
                    return wrong
                claim, was_cut, there = self.cut(form, direction, octets, resets)
                right = {DONE: (1,), NOT_DONE: (0,), UNKNOWN: (0, 1)}.get(claim, ())
                if there not in right or (not was_cut and claim != DONE):
                    wrong.append(f"{form.name}, {octets} octets {direction}, reset: {resets}: {claim}, and it is there {there} times")
                if not was_cut:
                    break
                self.counts[claim] = self.counts.get(claim, 0) + 1
        return wrong

    def cut(self, form, direction, octets, resets):
        """What the client was told, whether there was a cut, and how often the row is there."""
        self.serial += 1
        wire = self.fresh_wire()
        for text in form.before:
            self.must_run(wire, text.format(n=self.serial))
        if form.prepares:
            self.prepare(wire, form.prepares)
        mark = f"select 'mark {self.serial}'"
        self.must_run(wire, mark)
        link = self.cutter.arm(mark.encode(), direction, octets, resets)
        form.act(wire, self.serial)
        claim = self.read_claim(wire)
        was_cut = link.disarm()
        if was_cut:
            wait_until(lambda: not self.is_connected(link.server_port), "the server has noticed")
        return claim, was_cut, self.ask(f"select count(*) from ledger where n = {self.serial}")[0][0]


def of(engine, server):
    return PostgreSqlCuts(server) if engine == "postgresql" else MySqlCuts(server)


class PostgreSqlCuts(Cuts):
    grant = "grant all on ledger to public"

    def make_penstock(self):
        # The connection is not encrypted, so that octets are those of the protocol.
        cluster = {"name": "main", "nodes": [f"127.0.0.1:{self.cutter.port}"], "sslmode": "disable", "monitor_user": "lookup",
                   "monitor_password": PASSWORD}
        return Penstock(self.server.cluster, {"cluster": [cluster], "pool": {"pool_size": 1}})

    def connect_as_admin(self):
        return self.server.connect("postgres")

    def is_connected(self, port):
        return self.ask(f"select 1 from pg_stat_activity where client_port = {port}") != []

    def fresh_wire(self):
        """The session goes on after each cut."""
        if self.wire is None:
            self.wire = self.penstock.wire()
        if self.wire.status != "I":
            self.wire.simple("rollback")
        return self.wire

    def must_run(self, wire, text):
        try:
            wire.simple(text)
        except pgwire.ServerError:
            if wire.status != "E":  # else it is what a form is about
                raise

    def prepare(self, wire, text):
        wire.send(parse(text, name=f"p{self.serial}"), SYNC)
        pgwire.rows_of(wire.until_ready())

    @staticmethod
    def forms():
        insert = "insert into ledger values ({n})"

        def extended(*texts, portals=("", "")):
            def act(wire, n):
                parts = ((parse(text.format(n=n)), bind(portal=portal), pgwire.execute(portal)) for text, portal in zip(texts, portals))
                wire.send(*itertools.chain(*parts), SYNC)
            return act

        def simple(text):
            return lambda wire, n: wire.send(query(text.format(n=n)))

        return (Form("COMMIT", ("begin", insert), simple("commit")),
                Form("COMMIT, extended", ("begin", insert), extended("commit")),
                Form("a transaction in one text", (), simple(f"begin; {insert}; commit")),
                Form("autocommit", (), simple(insert)),
                Form("autocommit, extended", (), extended(insert)),
                Form("COMMIT, prepared and by EXECUTE", ("begin", insert), simple("execute p{n}"), "commit"),
                # Behind a ROLLBACK the rest of a request is a transaction of its own, which its end commits.
                Form("behind ROLLBACK", ("begin", "select 1"), simple(f"rollback; {insert}")),
                Form("behind ROLLBACK of a failed transaction", ("begin", "select 1/0"), simple(f"abort; {insert}")),
                Form("behind ROLLBACK, extended", ("begin", "select 1"), extended("rollback", insert)),
                Form("behind ROLLBACK, named portals", ("begin", "select 1"), extended("rollback", insert, portals=("a", "b"))))

    @staticmethod
    def read_claim(wire):
        try:
            errors = [message.fields()["C"] for message in wire.until_ready() if message.type == "E"]
        except pgwire.Gone as gone:
            return f"the session ended: {gone}"
        return {None: DONE, "08006": NOT_DONE, "08007": UNKNOWN}.get(*(errors or [None])[:1], f"errors {errors}")


class MySqlCuts(Cuts):
    grant = "grant all on app.ledger to app"

    def make_penstock(self):
        cluster = {"name": "main", "engine": "mysql", "nodes": [f"127.0.0.1:{self.cutter.port}"], "sslmode": "disable",
                   "fetch_public_key": True, "monitor_user": "monitor", "monitor_password": PASSWORD}
        return MySqlPenstock(self.server.cluster, {"cluster": [cluster]}, pool_size=1)

    def connect_as_admin(self):
        return self.server.connect("root", "app")

    def is_connected(self, port):
        return self.ask(f"select 1 from information_schema.processlist where host like '%:{port}'") != []

    def fresh_wire(self):
        """A session whose transaction was lost may have ended."""
        if self.wire is not None and not self.works():
            self.wire = None
        if self.wire is None:
            self.wire = Wire(self.penstock.port).log_in("app", "app", PASSWORD)
        return self.wire

    def works(self):
        try:
            return not isinstance(self.wire.query("rollback")[-1], Error)
        except (mysql_packets.Gone, OSError):
            return False

    def must_run(self, wire, text):
        wire.rows(text)

    def prepare(self, wire, text):
        wire.prepare(text)

    @staticmethod
    def forms():
        insert = "insert into ledger values ({n})"

        def text_of(text):
            return lambda wire, n: wire.send_query(text.format(n=n))

        def executed(wire, n):
            wire.send_execute(max(wire.statements), (str(n),))

        return (Form("COMMIT", ("begin", insert), text_of("commit")),
                Form("autocommit", (), text_of(insert)),
                Form("autocommit, prepared", (), executed, "insert into ledger values (?)"),
                Form("DDL that commits", ("begin", insert), text_of("create or replace view one as select 1")))

    @staticmethod
    def read_claim(wire):
        try:
            result = wire.results()[-1]
        except mysql_packets.Gone as gone:
            return f"the session ended: {gone}"
        if not isinstance(result, Error):
            return DONE
        return {"08S01": NOT_DONE, "08007": UNKNOWN}.get(result.sqlstate, f"error {result}")
