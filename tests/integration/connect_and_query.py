# SPDX-License-Identifier: Apache-2.0
#
# The simplest things an application does: log in, ask in both protocols, commit, roll back, fail, ask for what does not exist.

import contextlib
import unittest

import psycopg2

from fixture import ProxyTest, rows, sqlstate_of, value
from pgwire import PROTOCOL_3_0, PROTOCOL_3_2, ServerError, bind, execute, frame, parse, query, startup, SYNC


class Connect(ProxyTest):
    def test_a_libpq_client_logs_in_and_asks(self):
        self.assertEqual(value(self.connect(), "select current_user || '@' || current_database()"), "app@app")

    def test_the_greeting_names_what_postgresql_names(self):
        direct, pooled = self.direct_wire(), self.wire()
        self.assertEqual(set(direct.parameters), set(pooled.parameters))
        for name in ("server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes",
                     "standard_conforming_strings"):
            self.assertEqual(direct.parameters[name], pooled.parameters[name], name)

    def test_every_client_has_a_cancel_key_of_its_own(self):
        keys = {(wire.process_id, wire.cancel_key) for wire in (self.wire() for _ in range(5))}
        self.assertEqual(len(keys), 5)
        self.assertTrue(all(len(key) == 4 for _, key in keys))

    def test_protocol_3_2_has_long_cancel_keys(self):
        wire = self.wire(version=PROTOCOL_3_2)
        self.assertGreater(len(wire.cancel_key), 4)
        self.assert_works(wire)

    def test_an_unknown_minor_version_and_option_are_negotiated(self):
        wire = self.raw()
        messages = []
        original = wire.next
        wire.next = lambda: messages.append(original()) or messages[-1]
        wire.log_in("app", "app", "correct horse", version=PROTOCOL_3_0 + 9999, **{"_pq_.unheard_of": "1"})
        negotiated = [m for m in messages if m.type == "v"]
        self.assertEqual(len(negotiated), 1)
        self.assertEqual(negotiated[0].body[:4], (3 << 16 | 2).to_bytes(4, "big"))
        self.assertIn(b"_pq_.unheard_of", negotiated[0].body)

    def test_encryption_by_gss_is_declined_politely(self):
        wire = self.raw()
        wire.send(b"\0\0\0\x08\x04\xd2\x16\x30")
        self.assertEqual(wire.receive_exactly(1), b"N")
        wire.log_in("app", "app", "correct horse")
        self.assert_works(wire)

    def test_tls_without_a_certificate_is_declined_and_the_client_may_go_on(self):
        wire = self.raw()
        wire.send(b"\0\0\0\x08\x04\xd2\x16\x2f")
        self.assertEqual(wire.receive_exactly(1), b"N")
        wire.log_in("app", "app", "correct horse")
        self.assert_works(wire)

    def test_a_wrong_password_and_an_unknown_user_are_told_alike(self):
        wrong = self.refused(lambda: self.wire(password="wrong"), "28P01")
        unknown = self.refused(lambda: self.wire(user="nobody"), "28P01")
        self.assertEqual(wrong.fields["M"].replace("app", "X"), unknown.fields["M"].replace("nobody", "X"))
        self.assertEqual(wrong.fields["S"], "FATAL")

    def test_a_wrong_database_is_one_clear_sentence(self):
        error = self.refused(lambda: self.wire(database="nowhere").simple("select 1"), "3D000")
        self.assertIn("nowhere", error.fields["M"])

    def test_the_database_defaults_to_the_user(self):
        self.server.sql("create database other")
        self.addCleanup(self.server.sql, "drop database other with (force)")
        with contextlib.closing(self.raw()) as wire:
            wire.send(startup({"user": "other"}))
            self.assertEqual(wire.next().type, "R")
        self.assertEqual(self.wire(user="other", database="other").simple("select current_database()"), [("other",)])


class SimpleQueries(ProxyTest):
    def test_rows_of_several_statements_in_one_text(self):
        wire = self.wire()
        wire.send(query("select 1; select 'two', 3; select"))
        self.assertEqual([m.type for m in wire.until_ready()], list("TDCTDCTDC"))

    def test_an_empty_query_is_answered(self):
        wire = self.wire()
        for text in ("", ";", "  -- nothing\n"):
            wire.send(query(text))
            wire.expect("IZ")

    def test_an_error_leaves_the_session_usable(self):
        wire = self.wire()
        self.refused(lambda: wire.simple("select 1/0"), "22012")
        self.assertEqual(wire.status, "I")
        self.assert_works(wire)

    def test_a_transaction_stays_on_one_backend(self):
        connection = self.connect(autocommit=False)
        pids = {value(connection, "select pg_backend_pid()") for _ in range(20)}
        self.assertEqual(len(pids), 1)
        connection.commit()

    def test_a_failed_transaction_reports_itself_until_rollback(self):
        wire = self.wire()
        wire.simple("begin")
        self.assertEqual(wire.status, "T")
        self.refused(lambda: wire.simple("select 1/0"), "22012")
        self.assertEqual(wire.status, "E")
        self.refused(lambda: wire.simple("select 1"), "25P02")
        wire.simple("rollback")
        self.assertEqual(wire.status, "I")
        self.assert_works(wire)

    def test_commits_are_seen_by_others_and_rollbacks_are_not(self):
        one, two = self.connect(autocommit=False), self.connect()
        rows(two, "create table if not exists seen(x int)")
        rows(one, "insert into seen values (1)")
        self.assertEqual(value(two, "select count(*) from seen"), 0)
        one.commit()
        self.assertEqual(value(two, "select count(*) from seen"), 1)
        rows(one, "insert into seen values (2)")
        one.rollback()
        self.assertEqual(value(two, "select count(*) from seen"), 1)
        rows(two, "drop table seen")

    def test_savepoints_work(self):
        connection = self.connect(autocommit=False)
        rows(connection, "create table if not exists kept(x int)")
        rows(connection, "savepoint a")
        self.assertEqual(sqlstate_of(lambda: rows(connection, "insert into kept values ('x')")), "22P02")
        rows(connection, "rollback to savepoint a")
        rows(connection, "insert into kept values (1)")
        self.assertEqual(value(connection, "select count(*) from kept"), 1)
        connection.rollback()

    def test_all_bytes_and_encodings_pass_unchanged(self):
        connection = self.connect()
        blob = bytes(range(256)) * 64
        self.assertEqual(bytes(value(connection, "select %s::bytea", (psycopg2.Binary(blob),))), blob)
        self.assertEqual(value(connection, "select %s", ("żółć 漢字 🐘",)), "żółć 漢字 🐘")

    def test_a_function_call_message_is_answered(self):
        wire = self.wire()
        oid = int(wire.simple("select oid from pg_proc where proname = 'int4pl'")[0][0])
        arguments = b"".join((4).to_bytes(4, "big") + n.to_bytes(4, "big") for n in (40, 2))
        body = oid.to_bytes(4, "big") + b"\0\x01\0\x01" + b"\0\x02" + arguments + b"\0\x01"
        wire.send(frame("F", body))
        answer, _ = wire.expect("VZ")
        self.assertEqual(answer.body[4:], (42).to_bytes(4, "big"))
        self.assert_works(wire)

    def test_the_client_may_leave_without_a_word_or_with_one(self):
        for leave in (lambda wire: wire.send(frame("X")), lambda wire: wire.reset(), lambda wire: wire.close()):
            wire = self.wire()
            self.assert_works(wire)
            leave(wire)
        self.assert_others_unaffected()


class ExtendedQueries(ProxyTest):
    def test_parameters_and_results_in_both_formats(self):
        wire = self.wire()
        self.assertEqual(wire.prepared("select $1::int + $2::int", (40, 2)), [("42",)])
        wire.send(parse("select $1::int4"), bind([42], binary_results=True), execute(), SYNC)
        row = wire.expect("1 2 D C Z")[2].row()
        self.assertEqual(row, [(42).to_bytes(4, "big")])

    def test_null_and_empty_are_kept_apart(self):
        self.assertEqual(self.wire().prepared("select $1::text, $2::text", (None, "")), [(None, "")])

    def test_an_error_in_bind_is_reported_once(self):
        wire = self.wire()
        wire.send(parse("select $1::int"), bind(["x"]), execute(), SYNC)
        types = [m.type for m in wire.until_ready()]
        self.assertEqual(types, ["1", "E"])
        self.assert_works(wire)

    def test_portals_deliver_in_portions_within_a_transaction(self):
        wire = self.wire()
        wire.simple("begin")
        wire.send(parse("select generate_series(1, 10)"), bind(portal="p"), execute("p", 4), SYNC)
        self.assertEqual([m.type for m in wire.until_ready()], list("12DDDDs"))
        wire.send(execute("p", 0), SYNC)
        self.assertEqual([m.type for m in wire.until_ready()], list("DDDDDDC"))
        wire.simple("commit")

    def test_simple_and_extended_may_alternate(self):
        wire = self.wire()
        for number in range(20):
            self.assertEqual(wire.prepared("select $1::int", (number,)), [(str(number),)])
            self.assertEqual(wire.simple(f"select {number}"), [(str(number),)])

    def test_a_syntax_error_is_the_servers_own(self):
        wire, direct = self.wire(), self.direct_wire()
        errors = []
        for each in (wire, direct):
            with self.assertRaises(ServerError) as caught:
                each.prepared("selec 1")
            errors.append({k: v for k, v in caught.exception.fields.items() if k not in "FLR"})
        self.assertEqual(errors[0], errors[1])


if __name__ == "__main__":
    unittest.main()
