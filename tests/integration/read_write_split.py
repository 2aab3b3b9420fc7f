# SPDX-License-Identifier: Apache-2.0
#
# Reads on replicas: proved reads go there and nothing else does, each session reads what it has written, and a replica that refuses or
# dies is not noticed.

import contextlib
import signal
import threading
import time
import unittest

import psycopg
import psycopg2

from cluster import PASSWORD, Cluster
from fixture import ProxyTest, value
from penstock import Penstock
from pgwire import SYNC, bind, describe, execute, extended, parse, query, rows_of
from wait import wait_until

DELAY = 2.0


class Split(ProxyTest):
    """A primary, two replicas, and Penstock with the split on."""

    split = {}

    @classmethod
    def settings_of(cls, cluster):
        """More settings."""
        return {}

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(replicas=2).start()
        cls.cluster.primary.sql(
            "create table t(id int primary key, n int); insert into t select i, i from generate_series(1, 100) i;"
            "create view place as select pg_is_in_recovery() as replica, inet_server_port() as port;"
            "create function bump() returns int language sql volatile as 'update t set n = n + 1 where id = 1 returning n';"
            "create view bumping_openly as select bump() as n; create view over_it as select * from bumping_openly;"
            "create function slyly() returns int language plpgsql stable as 'begin return bump(); end';"
            "create view bumping as select slyly() as n;"
            "create sequence numbers; create unlogged table noted(n int default nextval('numbers'));"
            "create function doubled(n int) returns int language sql stable as 'select 2 * n';"
            "grant all on t, place, bumping, bumping_openly, over_it, noted, numbers to public")
        cls.cluster.wait_for_replicas()
        settings = {"cluster": [{
            "name": "main", "nodes": [f"127.0.0.1:{n.port}" for n in [cls.cluster.primary, *cls.cluster.replicas]],
            "monitor_user": "lookup", "monitor_password": PASSWORD, "probe_interval": "200ms", "read_write_split": True, **cls.split}],
            **cls.settings_of(cls.cluster)}
        cls.penstock = Penstock(cls.cluster, settings).start()
        wait_until(cls.reads_on_replicas, "the roles are known")

    @classmethod
    def reads_on_replicas(cls):
        with contextlib.closing(cls.penstock.connect()) as connection:
            return value(connection, "select replica from place")

    @classmethod
    def tearDownClass(cls):
        cls.penstock.stop()
        cls.cluster.stop()

    def replica_of(self, wire, text="select replica from place"):
        return wire.simple(text) == [("t",)]


class Routes(Split):
    def test_reads_are_shared_by_the_replicas_and_writes_go_to_the_primary(self):
        before = self.penstock.routes()
        wire = self.wire()
        ports = {wire.simple("select port from place")[0][0] for _ in range(20)}
        self.assertEqual(ports, {str(node.port) for node in self.cluster.replicas})
        wire.simple("update t set n = n + 1 where id = 2")
        after = self.penstock.routes()
        self.assertGreaterEqual(after["replica", "read"] - before.get(("replica", "read"), 0), 20)
        self.assertEqual(after["primary", "write"] - before.get(("primary", "write"), 0), 1)

    def test_what_is_no_proved_read_goes_to_the_primary(self):
        for text in ("select replica from place for update", "select replica from place; select 1 for update",
                     "begin; select replica from place; commit", "select replica from place, pg_stat_activity limit 1",
                     "select replica from place where bump() > 0", "/* penstock: primary */ select replica from place",
                     "with x as (update t set n = n + 1 returning *) select replica from place limit 1"):
            with self.subTest(text):
                wire = self.wire()
                with contextlib.suppress(Exception):
                    self.assertFalse(self.replica_of(wire, text))
                wire.simple("rollback")
        self.assertTrue(self.replica_of(self.wire()))

    def test_a_function_that_the_catalogue_calls_stable_reads_on_replicas(self):
        wire = self.wire()
        wait_until(lambda: self.replica_of(wire, "select replica from place where doubled(2) = 4"), "the functions of the database are known")
        self.assertFalse(self.replica_of(wire, "select replica from place where bump() > 0"))
        self.assertFalse(self.replica_of(wire, "select replica from place where pg_backend_pid() > 0"))

    def test_relations_that_replicas_do_not_have_or_that_write_are_read_on_the_primary(self):
        wire = self.wire()
        wait_until(lambda: not self.replica_of(wire, "select replica from place, numbers"), "the relations of the database are known")
        for relation in ("noted", "bumping_openly", "over_it"):
            self.assertFalse(self.replica_of(wire, f"select replica from place left join {relation} on true limit 1"), relation)
        self.assertTrue(self.replica_of(self.wire(), "select replica from place left join (select 1 as numbers) noted on true"))
        wire.simple("insert into noted default values")
        self.assertEqual(wire.simple("select n, last_value from noted, numbers"), [("1", "1")])
        wait_until(lambda: self.replica_of(wire), "its writes are on the replicas")
        before = wire.simple("select n from t where id = 1")[0][0]
        self.assertEqual(wire.simple("select n from over_it"), [(str(int(before) + 1),)])
        self.assertEqual(wire.simple("select n from t where id = 1"), [(str(int(before) + 1),)])

    def test_a_function_that_becomes_volatile_is_read_on_the_primary_at_once(self):
        wire = self.wire()
        wire.simple("create function tripled(n int) returns int language sql stable as 'select 3 * n'")
        text = "select replica from place where tripled(2) = 6"
        for definition in ("alter function tripled(int) volatile", "begin; alter function tripled(int) volatile; commit"):
            with self.subTest(definition):
                wire.simple("alter function tripled(int) stable")
                wait_until(lambda: self.replica_of(wire, text), "the function is known", 20)
                wire.simple(definition)
                others = [self.wire() for _ in range(4)]
                until = time.monotonic() + 2
                while time.monotonic() < until:
                    self.assertFalse(self.replica_of(wire, text))
                wait_until(lambda: self.replica_of(wire), "reads go to replicas again")
                for other in others:
                    self.assertTrue(self.replica_of(other))
                    self.assertFalse(self.replica_of(other, text))

    def test_the_console_tells_where_a_statement_goes(self):
        def route(text):
            row, = self.penstock.console(f"show route in app {text}")
            return row["route"], row["reason"]
        wait_until(lambda: route("select doubled(2)") == ("replica", "read"), "the functions of the database are known")
        for text in ("select replica from place", "select bump()", "update t set n = 1 where id = 0",
                     "select replica from place /* penstock: primary */", "select replica from place for update"):
            before = self.penstock.routes()
            with contextlib.closing(self.penstock.wire()) as wire:
                wire.simple(text)
            after = self.penstock.routes()
            self.assertEqual({where for where in after if after[where] > before.get(where, 0)}, {route(text)}, text)
        self.assertIn("bump", self.penstock.console("show route in app select bump()")[0]["because"])

    def test_a_transaction_stays_on_the_primary(self):
        wire = self.wire()
        wire.simple("begin")
        self.assertFalse(self.replica_of(wire))
        wire.simple("commit")

    def test_prepared_statements_read_on_replicas_too(self):
        wire = self.wire()
        batch = extended("select replica from place where $1 = 1", ("1",))
        for _ in range(5):
            wire.send(batch)
            self.assertEqual(rows_of(wire.until_ready()), [("t",)])
        wire.send(parse("select replica from place where $1 = 1", "named") + SYNC)
        wire.until_ready()
        for _ in range(5):
            wire.send(bind(("1",), "named") + execute() + SYNC)
            self.assertEqual(rows_of(wire.until_ready()), [("t",)])

    def test_pipelined_reads_and_writes_keep_their_order_and_their_places(self):
        wire = self.wire()
        wire.simple("update t set n = 0 where id = 3")
        wire.send(b"".join(query(f"update t set n = {each} where id = 3") + query("select n from t where id = 3")
                           for each in range(1, 20)))
        seen = []
        for _ in range(38):
            seen += [row[0] for row in rows_of(wire.until_ready())]
        self.assertEqual([int(each) for each in seen], list(range(1, 20)))

    def test_session_settings_follow_to_the_replica(self):
        wire = self.wire()
        wire.simple("set app.tenant = 'a'")
        wire.simple("set datestyle = 'German'")
        wait_until(lambda: self.replica_of(wire), "reads go to replicas again")
        self.assertEqual(wire.simple("select date '2020-02-01', replica from place"), [("01.02.2020", "t")])

    def test_a_pinned_session_keeps_the_primary(self):
        wire = self.wire()
        wire.simple("create temporary table mine(n int)")
        time_limit = time.monotonic() + 1
        while time.monotonic() < time_limit:
            self.assertFalse(self.replica_of(wire))
        wire.simple("drop table mine")

    def test_serializable_sessions_read_on_the_primary(self):
        wire = self.wire()
        wire.simple("set default_transaction_isolation = 'serializable'")
        for _ in range(20):
            self.assertFalse(self.replica_of(wire))

    def test_a_refused_write_is_moved_to_the_primary_unseen(self):
        wire = self.wire()
        before = self.penstock.routes()
        first = int(wire.simple("select n from bumping")[0][0])
        self.assertEqual(int(wire.simple("select n from bumping")[0][0]), first + 1)
        after = self.penstock.routes()
        self.assertEqual(after["primary", "healed"] - before.get(("primary", "healed"), 0), 1)
        self.assertGreaterEqual(after["primary", "refused_before"] - before.get(("primary", "refused_before"), 0), 1)

    def test_a_refused_batch_is_moved_to_the_primary_unseen(self):
        wire = self.wire()
        wire.send(parse("select n + 0 from bumping", "again") + bind((), "again") + describe(kind="P") + execute() + SYNC)
        messages = wire.until_ready()
        self.assertEqual([m.type for m in messages], ["1", "2", "T", "D", "C"])
        wire.send(bind((), "again") + execute() + SYNC)
        self.assertEqual([m.type for m in wire.until_ready()], ["2", "D", "C"])

    def test_drivers(self):
        with contextlib.closing(psycopg.connect(self.penstock.url(), autocommit=True)) as connection:
            for number in range(20):
                row = connection.execute("select replica, %s::int from place", (number,)).fetchone()
                self.assertEqual(row, (True, number))


class OwnWrites(Split):
    def setUp(self):
        for replica in self.cluster.replicas:
            replica.sql(f"alter system set recovery_min_apply_delay = '{int(DELAY * 1000)}ms'", database="postgres")
            replica.sql("select pg_reload_conf()")

    def test_each_session_reads_its_own_writes_while_replicas_lag(self):
        stale, reads, on_replica = [], [0], [0]
        until = time.monotonic() + 6 * DELAY

        def work(row):
            with contextlib.closing(self.penstock.wire()) as wire:
                written = 0
                while time.monotonic() < until:
                    written += 1
                    wire.simple(f"update t set n = {written} where id = {row}")
                    quiet_until = time.monotonic() + (DELAY * 1.5 if row % 2 else 0.05)
                    while time.monotonic() < quiet_until:
                        n, replica = wire.simple(f"select n, replica from t, place where id = {row}")[0]
                        reads[0] += 1
                        on_replica[0] += replica == "t"
                        if int(n) != written:
                            stale.append((row, n, written))

        workers = [threading.Thread(target=work, args=(row,)) for row in range(10, 18)]
        for each in workers:
            each.start()
        for each in workers:
            each.join()
        print(f"reads {reads[0]}, on replicas {on_replica[0]}, stale {len(stale)}")
        self.assertEqual(stale, [])
        if not self.split:
            self.assertGreater(on_replica[0], 0, "reads never came back to the replicas")
        reader = self.wire()
        wait_until(lambda: self.replica_of(reader), "reads go to replicas again")

    def test_what_a_view_has_written_counts_as_written(self):
        """It is read on the primary for an earlier write, which the replicas have before they have what the view writes."""
        wire = self.wire()
        wait_until(lambda: not self.replica_of(wire, "select replica from place left join over_it on true"), "the views are known")
        wire.simple("update t set n = 0 where id = 1")
        until = time.monotonic() + 0.75 * DELAY
        while time.monotonic() < until:
            self.assertEqual(wire.simple("select n from t where id = 1"), [("0",)])
        self.assertEqual(wire.simple("select n from over_it"), [("1",)])
        until += 1.5 * DELAY
        while time.monotonic() < until:
            self.assertEqual(wire.simple("select n from t where id = 1"), [("1",)])

    def test_others_need_not_wait(self):
        writer, reader = self.wire(), self.wire()
        writer.simple("update t set n = 7 where id = 50")
        self.assertTrue(self.replica_of(reader))
        self.assertFalse(self.replica_of(writer))


class UserScope(OwnWrites):
    split = {"read_consistency": "user"}

    def test_others_need_not_wait(self):
        writer, reader, stranger = self.wire(), self.wire(), self.wire(user="other")
        writer.simple("update t set n = 8 where id = 50")
        self.assertFalse(self.replica_of(reader))
        self.assertTrue(self.replica_of(stranger))

    def test_what_a_client_wrote_that_has_left_is_read(self):
        """As with programs that connect anew for each request."""
        def clients():
            return [row for row in self.penstock.console("SHOW CLIENTS") if row["user"] == "app" and row["database"] == "app"]
        wait_until(lambda: clients() == [], "those of other tests have left")
        writer = self.wire()
        writer.simple("update t set n = 9 where id = 50")
        writer.close()
        wait_until(lambda: clients() == [], "it has left")
        self.assertEqual(self.wire().simple("select n, replica from t, place where id = 50"), [("9", "f")])


class RestartedReplicas(Split):
    def test_one_that_has_started_anew_behind_an_own_write_is_not_read_from(self):
        """What it replays of its log again is not there yet when it takes connections; it had all of it before."""
        for replica in self.cluster.replicas:  # nothing writes its pages out, so it begins where it was when the table was made, or before
            for statement in ("checkpoint", "alter system set bgwriter_lru_maxpages = 0", "alter system set checkpoint_timeout = '1h'",
                              "select pg_reload_conf()"):
                replica.sql(statement)
        wire = self.wire()
        wire.simple("update t set n = 777 where id = 60")
        wait_until(lambda: wire.simple("select n, replica from t, place where id = 60") == [("777", "t")], "the write is read on a replica")
        for replica in self.cluster.replicas:
            replica.sql("alter system set recovery_min_apply_delay = '1h'")  # from its next start on
            replica.stop(signal.SIGQUIT)
        wait_until(lambda: [row["state"] for row in self.penstock.nodes()].count("down") == 2, "they are known to be down", 20)
        for replica in self.cluster.replicas:
            replica.start()
            with contextlib.suppress(psycopg2.errors.UndefinedTable):
                self.assertNotEqual(replica.sql("select n from t where id = 60"), [(777,)])
        wait_until(lambda: [row["state"] for row in self.penstock.nodes()].count("up") == 3, "they are known to be back", 20)
        self.assertEqual(wire.simple("select n, replica from t, place where id = 60"), [("777", "f")])


class LostReplicas(Split):
    def test_readers_under_way_notice_nothing(self):
        faults, stop = [], threading.Event()

        def read():
            with contextlib.closing(self.penstock.wire()) as wire:
                try:
                    while not stop.is_set():
                        wire.simple("select replica from place")
                except Exception as error:  # told below
                    faults.append(error)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for each in readers:
            each.start()
        for replica in self.cluster.replicas:
            wait_until(lambda: self.penstock.metrics(), "readers read")
            replica.stop(signal.SIGQUIT)
        wait_until(lambda: not self.reads_on_replicas(), "the primary serves")
        stop.set()
        for each in readers:
            each.join()
        for replica in self.cluster.replicas:
            replica.start()
        self.assertEqual(faults, [])
        wait_until(self.reads_on_replicas, "reads go to replicas again", 30)

    def test_reads_go_on_when_replicas_are_killed(self):
        wire = self.wire()
        for replica in self.cluster.replicas:
            replica.stop(signal.SIGQUIT)
            for _ in range(50):
                wire.simple("select replica from place")
        self.assertFalse(self.replica_of(wire))
        for replica in self.cluster.replicas:
            replica.start()
        wait_until(lambda: self.replica_of(wire), "reads go to replicas again", 30)


if __name__ == "__main__":
    unittest.main()
