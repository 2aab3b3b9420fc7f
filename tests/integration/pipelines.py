# SPDX-License-Identifier: Apache-2.0
#
# Pipelines: many messages, Flushes and Syncs sent before the first answer is read. Answers come in order, an error skips exactly to its
# Sync, and a client that vanishes in the middle harms nobody.

import random
import unittest

from fixture import ProxyTest
from pgwire import FLUSH, SYNC, bind, close, copy_data, COPY_DONE, describe, execute, extended, parse, query


class Pipelines(ProxyTest):
    pool_size = 2

    def test_a_hundred_syncs_at_once(self):
        wire = self.wire()
        wire.send(*(extended("select $1::int", (number,)) for number in range(100)))
        for number in range(100):
            messages = wire.until_ready()
            self.assertEqual([m.type for m in messages], list("12TDC"))
            self.assertEqual(messages[3].row(), [str(number).encode()])
        self.assert_works(wire)

    def test_a_hundred_simple_queries_at_once(self):
        wire = self.wire()
        wire.send(*(query(f"select {number}") for number in range(100)))
        for number in range(100):
            self.assertEqual(wire.expect("TDCZ")[1].row(), [str(number).encode()])

    def test_all_the_answers_of_one_pipeline_come_from_one_backend_quickly(self):
        wire = self.wire()
        wire.send(*(extended("select pg_backend_pid()") for _ in range(100)))
        pids = {wire.until_ready()[3].row()[0] for _ in range(100)}
        self.assertLessEqual(len(pids), 2)

    def test_an_error_skips_exactly_to_its_sync(self):
        wire = self.wire()
        wire.send(parse("select 1 / (case when random() >= 0 then $1::int end)", "d"), SYNC)
        wire.expect("1Z")
        for value in (1, 0, 1, 0, 0, 1):
            wire.send(bind((value,), "d"), execute(), bind((1,), "d"), execute(), SYNC)
        for value in (1, 0, 1, 0, 0, 1):
            types = "".join(m.type for m in wire.until_ready())
            self.assertEqual(types, "2DC2DC" if value else "2E")
        self.assert_works(wire)

    def test_what_an_error_skipped_was_not_done(self):
        wire = self.wire()
        wire.send(parse("selec", "bad"), parse("select 1", "skipped"), SYNC, parse("select 2", "kept"), SYNC)
        wire.expect("EZ1Z")
        wire.send(bind((), "skipped"), SYNC, bind((), "kept"), execute(), SYNC)
        types = "".join(m.type for m in [*wire.until_ready(), *wire.until_ready()])
        self.assertEqual(types, "E2DC")

    def test_a_close_that_was_skipped_did_not_close(self):
        wire = self.wire()
        wire.send(parse("select 'still here'", "s"), SYNC)
        wire.expect("1Z")
        wire.send(parse("selec"), close("s"), SYNC, bind((), "s"), execute(), SYNC)
        self.assertEqual([m.type for m in wire.until_ready()], ["E"])
        self.assertEqual([m.type for m in wire.until_ready()], list("2DC"))

    def test_flush_and_sync_may_be_mixed(self):
        wire = self.wire()
        wire.send(parse("select $1::int", "s"), FLUSH, bind((1,), "s"), FLUSH, describe("", "P"), execute(), FLUSH)
        wire.expect("12TDC")
        wire.send(bind((2,), "s"), execute(), SYNC, query("select 3"))
        wire.expect("2DCZTDCZ")

    def test_after_an_error_a_flush_brings_nothing_but_the_sync_answers(self):
        wire = self.wire()
        wire.send(parse("selec"), FLUSH)
        wire.expect("E")
        wire.send(parse("select 1"), bind(), execute(), FLUSH, SYNC)
        wire.expect("Z")
        self.assert_works(wire)

    def test_a_transaction_may_be_one_pipeline(self):
        wire = self.wire()
        wire.send(query("begin"), extended("create table piped(x int)"), extended("insert into piped values (1)"),
                  extended("select count(*) from piped"), query("rollback"), extended("select to_regclass('piped')::text"))
        answers = [wire.until_ready() for _ in range(6)]
        self.assertEqual(answers[3][3].row(), [b"1"])
        self.assertEqual(answers[5][3].row(), [None])

    def test_copy_in_the_middle_of_a_pipeline(self):
        wire = self.wire()
        wire.simple("drop table if exists poured; create table poured(x int)")
        wire.send(query("copy poured from stdin"), copy_data(b"1\n2\n"), COPY_DONE, query("select count(*) from poured"),
                  query("copy poured to stdout"), query("drop table poured"))
        types = ["".join(m.type for m in wire.until_ready()) for _ in range(4)]
        self.assertEqual(types, ["GC", "TDC", "HddcC", "C"])

    def test_the_cut_of_packets_does_not_matter(self):
        stream = b"".join([extended("select $1::text", ("x" * 50,), "n"), bind(("y",), "n"), execute(), SYNC, close("n"), SYNC,
                           query("select 1"), parse("selec"), SYNC])
        expected = None
        dice = random.Random(7)
        for attempt in range(40):
            wire = self.wire()
            cuts = sorted(dice.sample(range(1, len(stream)), 5)) if attempt else []
            for start, end in zip([0, *cuts], [*cuts, len(stream)]):
                wire.send(stream[start:end])
            types = ["".join(m.type for m in wire.until_ready()) for _ in range(5)]
            expected = expected or types
            self.assertEqual(types, expected, f"cut at {cuts}")
            wire.close()
        self.assertEqual(expected, ["12TDC", "2DC", "3", "TDC", "E"])

    def test_byte_by_byte(self):
        wire = self.wire()
        for octet in extended("select 'slowly'"):
            wire.send(bytes([octet]))
        wire.expect("12TDCZ")

    def test_a_client_that_vanishes_at_any_byte_leaves_clean_connections(self):
        stream = b"".join([parse("select $1::int", "s"), bind((1,), "s"), execute(), SYNC, query("begin"),
                           extended("select 2"), query("select 3")])
        for at in range(1, len(stream), 7):
            wire = self.wire()
            wire.send(stream[:at])
            (wire.reset if at % 2 else wire.close)()
        for _ in range(6):
            wire = self.wire()
            self.assertEqual(wire.status, "I")
            self.assert_works(wire)
            self.assertEqual(wire.simple("select count(*) from pg_stat_activity where usename = 'app' and "
                                         "state like 'idle in transaction%'"), [("0",)])


if __name__ == "__main__":
    unittest.main()
