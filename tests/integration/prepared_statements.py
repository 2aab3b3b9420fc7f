# SPDX-License-Identifier: Apache-2.0
#
# Prepared statements under transaction pooling: a client's statements exist for it on whichever server connection it meets, and for
# nobody else. Every test moves the client between backends with another client's help, so that it cannot pass by luck.

import unittest

from fixture import ProxyTest
from pgwire import FLUSH, SYNC, bind, close, describe, execute, parse, query


class Prepared(ProxyTest):
    pool_size = 3

    def on_every_backend(self, action):
        """Runs action with 0, 1 and 2 of the three backends held by others."""
        blockers = []
        results = []
        for _ in range(3):
            results.append(action())
            blocker = self.wire()
            blocker.simple("begin")
            blockers.append(blocker)
            if len(blockers) == 2:
                results.append(action())
                break
        for blocker in blockers:
            blocker.simple("commit")
            blocker.close()
        return results

    def prepare(self, wire, name, text, types=()):
        wire.send(parse(text, name, types), SYNC)
        wire.expect("1Z")

    def run_prepared(self, wire, name, values=()):
        wire.send(bind(values, name), execute(), SYNC)
        messages = wire.until_ready()
        self.assertEqual([m.type for m in messages if m.type not in "D"], ["2", "C"], [m.fields() for m in messages if m.type == "E"])
        return [m.row()[0] for m in messages if m.type == "D"]

    def test_a_named_statement_works_on_every_backend(self):
        wire = self.wire()
        self.prepare(wire, "s", "select pg_backend_pid(), $1::int")
        pids = self.on_every_backend(lambda: self.run_prepared(wire, "s", (1,))[0])
        self.assertGreater(len(set(pids)), 1)

    def test_the_unnamed_statement_survives_the_sync(self):
        wire = self.wire()
        self.prepare(wire, "", "select $1::int * 2")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "", (21,))), [[b"42"]] * 3)

    def test_the_unnamed_statement_is_replaced_by_the_next(self):
        wire = self.wire()
        self.prepare(wire, "", "select 'first'")
        self.prepare(wire, "", "select 'second'")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "")), [[b"second"]] * 3)

    def test_a_simple_query_ends_the_unnamed_statement_as_in_postgresql(self):
        outcomes = []
        for wire in (self.wire(), self.direct_wire()):
            self.prepare(wire, "", "select 1")
            wire.simple("select 2")
            wire.send(bind(), execute(), SYNC)
            outcomes.append([m.fields().get("C") if m.type == "E" else m.type for m in wire.until_ready()])
        self.assertEqual(outcomes[0], outcomes[1])

    def test_clients_may_use_the_same_name_for_different_statements(self):
        one, two = self.wire(), self.wire()
        self.prepare(one, "s", "select 'one'")
        self.prepare(two, "s", "select 'two'")
        for _ in range(5):
            self.assertEqual(self.run_prepared(one, "s"), [b"one"])
            self.assertEqual(self.run_prepared(two, "s"), [b"two"])

    def test_equal_statements_of_many_clients_share_one_on_the_server(self):
        clients = [self.wire() for _ in range(6)]
        for number, client in enumerate(clients):
            self.prepare(client, f"mine{number}", "select 'shared'")
            self.assertEqual(self.run_prepared(client, f"mine{number}"), [b"shared"])
        count = clients[0].simple("select count(*) from pg_prepared_statements where statement = 'select ''shared'''")
        self.assertLessEqual(int(count[0][0]), 1)

    def test_parameter_types_are_part_of_the_statement(self):
        one, two = self.wire(), self.wire()
        self.prepare(one, "s", "select pg_typeof($1)::text", (23,))
        self.prepare(two, "s", "select pg_typeof($1)::text", (25,))
        self.assertEqual(self.run_prepared(one, "s", (1,)), [b"integer"])
        self.assertEqual(self.run_prepared(two, "s", (1,)), [b"text"])

    def test_closing_forgets_the_name_and_it_may_be_used_again(self):
        wire = self.wire()
        self.prepare(wire, "s", "select 'old'")
        wire.send(close("s"), SYNC)
        wire.expect("3Z")
        wire.send(bind((), "s"), SYNC)
        error, _ = wire.expect("EZ")
        self.assertEqual(error.fields()["C"], "26000")
        self.prepare(wire, "s", "select 'new'")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "s")), [[b"new"]] * 3)

    def test_closing_what_does_not_exist_is_fine(self):
        wire = self.wire()
        wire.send(close("nothing"), close("nothing", "P"), SYNC)
        wire.expect("33Z")

    def test_preparing_a_name_twice_is_an_error_as_in_postgresql(self):
        wire = self.wire()
        self.prepare(wire, "s", "select 1")
        wire.send(parse("select 2", "s"), SYNC)
        error, _ = wire.expect("EZ")
        self.assertEqual(error.fields()["C"], "42P05")
        self.assertEqual(self.run_prepared(wire, "s"), [b"1"])

    def test_a_statement_that_failed_to_parse_does_not_exist(self):
        wire = self.wire()
        wire.send(parse("selec 1", "s"), SYNC)
        wire.expect("EZ")
        wire.send(bind((), "s"), SYNC)
        self.assertEqual(wire.expect("EZ")[0].fields()["C"], "26000")
        self.prepare(wire, "s", "select 1")

    def test_describing_before_binding(self):
        wire = self.wire()
        self.prepare(wire, "s", "select $1::int as number, 'x' as letter")

        def ask():
            wire.send(describe("s"), SYNC)
            parameters, columns, _ = wire.expect("tTZ")
            return parameters.body, [part for part in columns.body[2:].split(b"\0") if part in (b"number", b"letter")]
        answers = self.on_every_backend(ask)
        self.assertEqual(len({repr(answer) for answer in answers}), 1)
        self.assertEqual(answers[0][0], b"\0\x01" + (23).to_bytes(4, "big"))
        self.assertEqual(answers[0][1], [b"number", b"letter"])

    def test_deallocate_by_sql_forgets_what_the_protocol_prepared(self):
        for command in ("deallocate s", "deallocate prepare s", "deallocate all", "DISCARD ALL", 'deallocate "s"'):
            with self.subTest(command):
                wire = self.wire()
                self.prepare(wire, "s", "select 1")
                wire.simple(command)
                wire.send(bind((), "s"), SYNC)
                self.assertEqual(wire.expect("EZ")[0].fields()["C"], "26000")
                self.prepare(wire, "s", "select 'again'")
                self.assertEqual(self.run_prepared(wire, "s"), [b"again"])

    def test_deallocating_what_does_not_exist_is_the_servers_error(self):
        self.refused(lambda: self.wire().simple("deallocate nothing"), "26000")

    def test_one_clients_deallocate_all_leaves_the_others_alone(self):
        one, two = self.wire(), self.wire()
        for wire in (one, two):
            self.prepare(wire, "s", "select 'both'")
            self.assertEqual(self.run_prepared(wire, "s"), [b"both"])
        one.simple("deallocate all")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(two, "s")), [[b"both"]] * 3)

    def test_prepared_by_sql_executed_by_sql(self):
        wire = self.wire()
        wire.simple("prepare p(int) as select $1 + 1")
        self.assertEqual(self.on_every_backend(lambda: wire.simple("execute p(41)")), [[("42",)]] * 3)
        wire.simple("deallocate p")
        self.refused(lambda: wire.simple("execute p(41)"), "26000")

    def test_a_changed_table_heals_where_postgresql_would_fail(self):
        owner, wire = self.wire(), self.wire()
        owner.simple("drop table if exists grown; create table grown(a int); insert into grown values (1)")
        self.addCleanup(lambda: self.server.sql("drop table if exists grown"))
        text = "select * from grown"
        self.prepare(wire, "s", text)
        self.assertEqual(self.run_prepared(wire, "s"), [b"1"])
        owner.simple("alter table grown add b text default 'x'")
        # A client that asks for the description in the same batch sees the new layout and no error.
        wire.send(bind((), "s"), describe("", "P"), execute(), SYNC)
        messages = wire.until_ready()
        self.assertEqual([m.type for m in messages], list("2TDC"), [m.fields() for m in messages if m.type == "E"])
        self.assertEqual(messages[2].row(), [b"1", b"x"])

    def test_a_changed_table_never_leaves_a_statement_broken_for_good(self):
        owner, wire = self.wire(), self.wire()
        owner.simple("drop table if exists grown2; create table grown2(a int); insert into grown2 values (1)")
        self.addCleanup(lambda: self.server.sql("drop table if exists grown2"))
        self.prepare(wire, "s", "select * from grown2")
        self.run_prepared(wire, "s")
        owner.simple("alter table grown2 add b int")
        wire.send(bind((), "s"), execute(), SYNC)
        wire.until_ready()  # one error is what PostgreSQL itself gives
        wire.send(close("s"), SYNC)
        wire.expect("3Z")
        self.prepare(wire, "s", "select * from grown2")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "s")), [[b"1"]] * 3)

    def test_within_a_transaction_a_changed_plan_is_the_clients_to_handle(self):
        owner, wire = self.wire(), self.wire()
        owner.simple("drop table if exists grown3; create table grown3(a int)")
        self.addCleanup(lambda: self.server.sql("drop table if exists grown3"))
        self.prepare(wire, "s", "select * from grown3")
        self.run_prepared(wire, "s")
        owner.simple("alter table grown3 add b int")
        wire.simple("begin")
        wire.send(bind((), "s"), execute(), SYNC)
        wire.until_ready()
        wire.simple("rollback")
        self.assertEqual(wire.status, "I")
        self.assert_works(wire)

    def test_more_statements_than_the_server_keeps(self):
        wire = self.wire()
        for number in range(300):
            self.prepare(wire, f"s{number}", f"select {number}")
        for number in (*range(0, 300, 7), 299, 0):
            self.assertEqual(self.run_prepared(wire, f"s{number}"), [str(number).encode()])
        counted = int(wire.simple("select count(*) from pg_prepared_statements")[0][0])
        self.assertLessEqual(counted, 201)

    def test_a_statement_prepared_in_a_rolled_back_transaction_stays(self):
        wire = self.wire()
        wire.simple("begin")
        self.prepare(wire, "s", "select 'kept'")
        wire.simple("rollback")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "s")), [[b"kept"]] * 3)

    def test_a_flush_delivers_without_a_sync(self):
        wire = self.wire()
        wire.send(parse("select $1::int", "s"), describe("s"), FLUSH)
        wire.expect("1tT")
        wire.send(bind((7,), "s"), execute(), FLUSH)
        self.assertEqual(wire.expect("2DC")[1].row(), [b"7"])
        wire.send(SYNC)
        wire.expect("Z")

    def test_a_statement_in_a_dropped_schema_path_follows_search_path(self):
        wire = self.wire()
        wire.simple("create schema if not exists a; create schema if not exists b; create table if not exists a.t(x text);"
                    "create table if not exists b.t(x text); delete from a.t; delete from b.t;"
                    "insert into a.t values ('a'); insert into b.t values ('b')")
        wire.simple("set search_path = a")
        self.prepare(wire, "s", "select x from t")
        self.assertEqual(self.run_prepared(wire, "s"), [b"a"])
        wire.simple("set search_path = b")
        self.assertEqual(self.on_every_backend(lambda: self.run_prepared(wire, "s")), [[b"b"]] * 3)
        wire.simple("drop schema a cascade; drop schema b cascade")


class BoundedStatements(ProxyTest):
    settings = {"clients": {"client_statement_limit": 50}}

    def test_a_client_cannot_hold_more_statements_than_allowed(self):
        wire = self.wire()
        refused = 0
        for number in range(60):
            wire.send(parse(f"select {number}", f"s{number}"), SYNC)
            refused += any(m.type == "E" for m in wire.until_ready())
        self.assertEqual(refused, 10)
        wire.send(close("s0"), parse("select 1", "again"), SYNC)
        wire.expect("31Z")


if __name__ == "__main__":
    unittest.main()
