# SPDX-License-Identifier: Apache-2.0
#
# Who has a say in where requests go: transactions that read only, comments, the session's setting, rules, and listeners for reading.

import contextlib
import signal
import unittest

import psycopg

import processes
from cluster import PASSWORD
from fixture import value
from pgwire import SYNC, Wire, bind, describe, execute, parse, query, rows_of
from read_write_split import Split
from wait import wait_until

PLACE = "select replica from place"


class Transactions(Split):
    def types(self, wire):
        return [message.type for message in wire.until_ready()]

    def test_a_read_only_transaction_reads_on_a_replica(self):
        wire = self.wire()
        for begin in ("begin read only", "start transaction read only", "begin isolation level read committed, read only"):
            wire.simple(begin)
            self.assertTrue(self.replica_of(wire), begin)
            self.assertTrue(self.replica_of(wire), begin)
            wire.simple("commit")

    def test_set_transaction_and_the_sessions_default_count(self):
        wire = self.wire()
        wire.simple("begin")
        wire.simple("set transaction read only")
        self.assertTrue(self.replica_of(wire))
        wire.simple("rollback")
        wire.simple("set session characteristics as transaction read only")

        def reads():
            wire.simple("begin")
            found = self.replica_of(wire)
            self.assertEqual(wire.simple("show transaction_read_only"), [("on",)])
            wire.simple("commit")
            return found
        wait_until(reads, "transactions read on replicas")

    def test_others_stay_on_the_primary(self):
        wire = self.wire()
        for begin in ("begin", "begin read write", "begin read only isolation level serializable",
                      "begin isolation level repeatable read read only"):
            wire.simple(begin)
            self.assertFalse(self.replica_of(wire), begin)
            wire.simple("commit")

    def test_an_accounts_own_isolation_is_respected(self):
        self.cluster.primary.sql("alter role other set default_transaction_isolation = 'repeatable read'")
        self.addCleanup(self.cluster.primary.sql, "alter role other reset default_transaction_isolation")
        wire = self.wire(user="other")
        for _ in range(3):
            wire.simple("begin read only")
            self.assertEqual(wire.simple(PLACE), [("f",)])
            self.assertEqual(wire.simple("show transaction_isolation"), [("repeatable read",)])
            wire.simple("commit")

    def test_what_is_no_read_moves_it_to_the_primary(self):
        wire = self.wire()
        wire.simple("begin read only")
        self.assertTrue(self.replica_of(wire))
        self.assertEqual(wire.simple("select pg_try_advisory_xact_lock(77)"), [("t",)])
        self.assertFalse(self.replica_of(wire))
        with contextlib.closing(self.cluster.primary.connect()) as other:
            self.assertFalse(value(other, "select pg_try_advisory_lock(77)"))
        wire.send(query("update t set n = 1 where id = 4"))
        self.assertIn("25006", [message.fields().get("C") for message in wire.until_ready() if message.type == "E"])
        wire.simple("rollback")

    def test_its_server_is_clean_again(self):
        for _ in range(30):
            wire = self.wire()
            wire.simple("begin read only")
            self.assertTrue(self.replica_of(wire))
            wire.simple("show transaction_read_only")
            wire.simple("commit")
            wait_until(lambda: self.replica_of(wire), "it reads on replicas")

    def test_an_empty_transaction_needs_no_server(self):
        wire = self.wire()
        borrowed = lambda: sum(amount for name, amount in self.penstock.metrics().items() if "connections_borrowed_total" in name)
        before = borrowed()
        for _ in range(5):
            wire.send(query("begin"))
            self.assertEqual(self.types(wire)[-1:], ["C"])
            self.assertEqual(wire.status, "T")
            wire.send(query("commit"))
            wire.until_ready()
            self.assertEqual(wire.status, "I")
        self.assertEqual(borrowed(), before)

    def test_a_second_begin_is_warned_of_as_a_server_does(self):
        answers = []
        for wire in (self.wire(), Wire(self.cluster.primary.port).log_in("app", "app", PASSWORD)):
            wire.simple("begin")
            wire.send(query("begin read only") + query("show transaction_read_only") + query("commit") + query("commit"))
            answers.append([message.body if message.type != "N" else message.type for _ in range(4) for message in wire.until_ready()])
        self.assertEqual(answers[0], answers[1])

    def test_writes_of_a_transaction_are_kept_and_read(self):
        wire = self.wire()
        wire.simple("begin")
        wire.simple("update t set n = 4711 where id = 5")
        wire.simple("commit")
        self.assertEqual(wire.simple("select n from t where id = 5"), [("4711",)])
        wire.simple("begin read only")
        self.assertEqual(wire.simple("select n from t where id = 5"), [("4711",)])
        wire.simple("commit")

    def test_a_batch_that_begins_and_reads(self):
        wire = self.wire()
        for _ in range(3):
            wire.send(parse("begin read only") + bind(()) + execute() + parse(PLACE) + bind(()) + describe(kind="P") + execute() + SYNC)
            messages = wire.until_ready()
            self.assertEqual([m.type for m in messages], ["1", "2", "C", "1", "2", "T", "D", "C"])
            self.assertEqual(rows_of(messages), [("t",)])
            self.assertEqual(wire.status, "T")
            wire.send(parse("commit") + bind(()) + execute() + SYNC)
            self.assertEqual(self.types(wire), ["1", "2", "C"])
            self.assertEqual(wire.status, "I")

    def test_drivers(self):
        with contextlib.closing(psycopg.connect(self.penstock.url())) as connection:
            connection.read_only = True
            for number in range(20):
                row = connection.execute("select replica, %s::int from place", (number,)).fetchone()
                self.assertEqual(row, (True, number))
                connection.commit()
            connection.read_only = False
            with connection.transaction():
                connection.execute("update t set n = 12 where id = 6")
            self.assertEqual(connection.execute("select n from t where id = 6").fetchone(), (12,))


class Wishes(Split):
    @classmethod
    def settings_of(cls, cluster):
        node = f"127.0.0.1:{cluster.replicas[1].port}"
        return {"rule": [{"name": "reports", "application_name": "report*", "route": "primary"},
                         {"name": "second", "user": "other", "statement": "select port*", "route": "node=" + node}]}

    def port_of(self, wire, text="select port from place"):
        return int(wire.simple(text)[0][0])

    def test_comments_name_a_node(self):
        wire, node = self.wire(), self.cluster.replicas[1].port
        for text in (f"/* penstock: node=127.0.0.1:{node} */ select port from place",
                     f"select port from place /*a='b',penstock_node='127.0.0.1%3A{node}'*/"):
            for _ in range(6):
                self.assertEqual(self.port_of(wire, text), node)
        primary = self.cluster.primary.port
        self.assertEqual(self.port_of(wire, f"/* penstock: node=127.0.0.1:{primary} */ select port from place"), primary)

    def test_wrong_comments_are_counted_and_ignored(self):
        wire, name = self.wire(), "penstock_wrong_hints_total"
        count = lambda: sum(int(amount) for key, amount in self.penstock.metrics().items() if key.startswith(name))
        before = count()
        self.assertTrue(self.replica_of(wire, "/* penstock: node=nowhere:1 */ " + PLACE))
        self.assertTrue(self.replica_of(wire, "/* penstock: elsewhere */ " + PLACE))
        wait_until(lambda: count() == before + 2, "both are counted")

    def test_no_retry_shows_the_replicas_refusal(self):
        wire = self.wire()
        wire.send(query("/* penstock: no_retry */ select n + 7 from bumping"))
        self.assertEqual([message.fields()["C"] for message in wire.until_ready() if message.type == "E"], ["25006"])
        self.assertEqual(len(wire.simple("select n + 7 from bumping")), 1)

    def test_the_sessions_setting(self):
        wire = self.wire()
        self.assertEqual(wire.simple("show penstock.route"), [("auto",)])
        wire.simple("set penstock.route = 'primary'")
        self.assertFalse(self.replica_of(wire))
        self.assertTrue(self.replica_of(wire, "/* penstock: replica */ " + PLACE), "the comment is closer")
        wire.simple("reset penstock.route")
        self.assertTrue(self.replica_of(wire))
        wire.simple("set penstock.route = replica")
        wire.simple("discard all")
        self.assertEqual(wire.simple("show penstock.route"), [("auto",)])
        wire.send(query("set penstock.route = 'x'"))
        (error,) = [message for message in wire.until_ready() if message.type == "E"]
        self.assertEqual((error.fields()["C"], error.fields()["S"]), ("22023", "ERROR"))
        before = self.penstock.routes()
        wire.simple("set penstock.route to primary")
        wire.simple(PLACE)
        self.assertEqual(self.penstock.routes()["primary", "primary_setting"] - before.get(("primary", "primary_setting"), 0), 1)

    def test_the_console_names_the_rule_and_those_it_cannot_judge(self):
        def route(text):
            row, = self.penstock.console("show route in app " + text)
            return row["reason"], row["because"]
        second = 'rule "second": user = "other", statement = "select port*"'
        open_rule = '; not judged: rule "reports", which counts where application_name = "report*"'
        self.assertEqual(route("as other select port from place"), ("node", second + open_rule))
        self.assertEqual(route("as other application web select port from place"), ("node", second))
        self.assertEqual(route("application 'report 7' as other select port from place"),
                         ("primary_rule", 'rule "reports": application_name = "report*"'))
        with contextlib.closing(self.penstock.wire(user="other", application_name="report 7")) as wire:
            before = self.penstock.routes().get(("primary", "primary_rule"), 0)
            self.port_of(wire)
            self.assertEqual(self.penstock.routes()["primary", "primary_rule"], before + 1)

    def test_drivers_set_it(self):
        with contextlib.closing(psycopg.connect(self.penstock.url(), autocommit=True)) as connection:
            for prepare in (False, True):
                connection.execute("set penstock.route = 'primary'", prepare=prepare)
                self.assertEqual(connection.execute("show penstock.route", prepare=prepare).fetchone(), ("primary",))
                self.assertEqual(connection.execute(PLACE).fetchone(), (False,))
                connection.execute("reset penstock.route", prepare=prepare)
                self.assertEqual(connection.execute(PLACE).fetchone(), (True,))
        with contextlib.closing(self.cluster.primary.connect()) as connection:
            with self.assertRaises(Exception):
                value(connection, "show penstock.route")

    def test_rules(self):
        reports = self.wire(application_name="report 7")
        self.assertFalse(self.replica_of(reports))
        reports.simple("set application_name = 'web'")
        wait_until(lambda: self.replica_of(reports), "the rule holds no longer", 2)
        second, node = self.wire(user="other"), self.cluster.replicas[1].port
        self.assertEqual({self.port_of(second) for _ in range(10)}, {node})
        counted = self.penstock.routes()
        self.assertGreaterEqual(counted["primary", "primary_rule"], 1)
        self.assertGreaterEqual(counted["replica", "node"], 10)


class Listeners(Split):
    @classmethod
    def settings_of(cls, cluster):
        cls.read_port = processes.free_port()
        return {"listen": {"postgresql_read_only": [f"127.0.0.1:{cls.read_port}"]}}

    split = {"read_write_split": False}

    @classmethod
    def reads_on_replicas(cls):
        with contextlib.closing(Wire(cls.read_port).log_in("app", "app", PASSWORD)) as wire:
            wire.send(query(PLACE))
            messages = wire.until_ready()
            refused = any(message.type == "E" for message in messages)
            return not refused and rows_of(messages) == [("t",)]

    def reader(self):
        wire = Wire(self.read_port).log_in("app", "app", PASSWORD)
        self.addCleanup(wire.close)
        return wire

    def test_everything_goes_to_replicas(self):
        wire = self.reader()
        self.assertEqual({wire.simple("select port from place")[0][0] for _ in range(10)}, {str(n.port) for n in self.cluster.replicas})
        wire.simple("begin")
        self.assertTrue(self.replica_of(wire))
        self.assertTrue(self.replica_of(wire, "/* penstock: primary */ select replica from place, pg_stat_activity limit 1"))
        wire.simple("commit")
        for text in ("update t set n = 1", "select n from bumping", "select n from bumping"):
            wire.send(query(text))
            self.assertEqual([message.fields()["C"] for message in wire.until_ready() if message.type == "E"], ["25006"])
        self.assertFalse(self.replica_of(self.wire()), "the other address is the primary's")

    def test_its_url_is_printed(self):
        self.assertIn(f"READ_ONLY_DATABASE_URL=postgres://app:****@127.0.0.1:{self.read_port}/", self.penstock.log())


class ListenersWithoutReplicas(Listeners):
    split = {"read_write_split": False, "read_only_fallback": False}

    def test_without_a_replica(self):
        wire = self.reader()
        for replica in self.cluster.replicas:
            replica.stop(signal.SIGQUIT)
        def refused():
            wire.send(query(PLACE))
            return [message.fields()["M"] for message in wire.until_ready() if message.type == "E"] == ["no replica can serve this request"]
        wait_until(refused, "both are known to be down", 20)
        for replica in self.cluster.replicas:
            replica.start()
        wait_until(lambda: not refused(), "reads go to replicas again", 30)
        self.assertTrue(self.replica_of(wire))


if __name__ == "__main__":
    unittest.main()
