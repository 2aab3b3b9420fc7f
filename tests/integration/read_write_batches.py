# SPDX-License-Identifier: Apache-2.0
#
# Batches of the extended protocol whose end comes late, with the split on: what begins as a read may go on as a write, so a batch without
# its Sync is the primary's. Nothing is refused, nothing runs twice, and nothing is read from before the session's own writes.

import itertools
import unittest

from fixture import ProxyTest, shared_cluster, splitting, wait_for_reads
from penstock import Penstock
from pgwire import FLUSH, SYNC, bind, close, describe, execute, parse, query
from wait import wait_until

WHERE = "select pg_is_in_recovery from public.place"
COUNT = "select count(*) from public.done where what = $1"
WRITE = "insert into public.done values ($1)"
names = (f"work {number}" for number in itertools.count())


def run(text, *values):
    return parse(text) + bind(values) + execute()


class Batches(ProxyTest):
    @classmethod
    def setUpClass(cls):
        cls.cluster = shared_cluster(replicas=1)
        cls.server = cls.cluster.primary
        cls.server.sql("create view public.place as select pg_is_in_recovery(); create table public.done(what text);"
                       "grant all on public.place, public.done to public")
        cls.cluster.wait_for_replicas()
        cls.penstock = Penstock(cls.cluster, {"cluster": splitting(cls.cluster), "pool": {"pool_size": 2}}).start()
        wait_for_reads(cls.penstock)

    def expect_rows(self, wire, types, row):
        messages = wire.expect(types)
        self.assertIn(row, [m.row()[0] for m in messages if m.type == "D"])
        return messages

    def done(self, what):
        return int(self.server.sql(f"select count(*) from public.done where what = '{what}'")[0][0])

    def test_a_whole_batch_of_reads_is_a_replicas(self):
        wire = self.wire()
        wire.send(run(WHERE), run(WHERE), SYNC)
        self.expect_rows(wire, "12DC12DCZ", b"t")

    def test_a_read_and_then_a_write_in_one_batch(self):
        wire, what = self.wire(), next(names)
        wire.send(run(WHERE), run(WRITE, what), run(COUNT, what), SYNC)
        self.assertEqual([m.row()[0] for m in wire.expect("12DC12C12DCZ") if m.type == "D"], [b"f", b"1"])
        self.assertEqual(self.done(what), 1)

    def test_a_flush_and_then_a_write(self):
        wire, what = self.wire(), next(names)
        wire.send(run(WHERE), FLUSH)
        self.expect_rows(wire, "12DC", b"f")
        wire.send(run(WRITE, what), FLUSH)
        wire.expect("12C")
        wire.send(run(COUNT, what), FLUSH)
        self.expect_rows(wire, "12DC", b"1")
        wire.send(SYNC)
        wire.expect("Z")
        self.assertEqual(self.done(what), 1)

    def test_the_sync_comes_in_a_segment_of_its_own(self):
        wire, what = self.wire(), next(names)
        for ending in (run(WRITE, what), b""):
            wire.send(run(WHERE))
            wire.send(FLUSH)
            self.expect_rows(wire, "12DC", b"f")  # so that it has been looked at before more comes
            wire.send(ending)
            wire.send(SYNC)
            wire.expect("12CZ" if ending else "Z")
        self.assertEqual(self.done(what), 1)

    def test_in_any_pieces(self):
        what = next(names)
        octets = run(WHERE) + FLUSH + run(WRITE, what) + describe("", "P") + run(COUNT, what) + SYNC + run(WHERE) + SYNC
        for count, at in enumerate(range(1, len(octets), 7), 1):
            wire = self.wire()
            wire.send(octets[:at])
            wire.send(octets[at:])
            values = [m.row()[0] for m in wire.until_ready() + wire.until_ready() if m.type == "D"]
            self.assertEqual(values[:2], [b"f", str(count).encode()])
            wire.close()
        self.assertEqual(self.done(what), count)

    def test_a_pipeline_of_reads_and_then_a_batch_that_begins_with_a_read(self):
        wire, what = self.wire(), next(names)
        wire.send(*(run(WHERE) + SYNC for _ in range(5)), run(WHERE), run(WRITE, what))
        for _ in range(5):
            self.expect_rows(wire, "12DCZ", b"t")
        wire.send(run(COUNT, what), SYNC)
        values = [m.row()[0] for m in wire.until_ready() if m.type == "D"]
        self.assertEqual(values, [b"f", b"1"])
        self.assertEqual(self.done(what), 1)

    def test_prepared_by_a_flush_and_executed_later(self):
        wire, what = self.wire(), next(names)
        wire.send(parse(WHERE, "read"), describe("read"), FLUSH)
        wire.expect("1tT")
        wire.send(bind((), "read"), execute(), SYNC)  # the batch has begun on the primary
        self.expect_rows(wire, "2DCZ", b"f")

        def reads_on_replica():
            wire.send(bind((), "read"), execute(), SYNC)
            return wire.expect("2DCZ")[1].row() == [b"t"]
        wait_until(reads_on_replica, "the replica has what that batch may have written")
        wire.send(parse(WRITE, "write"), FLUSH)
        wire.expect("1")
        wire.send(bind((what,), "write"), execute(), SYNC)
        wire.expect("2CZ")
        wire.send(bind((), "read"), execute(), bind((what,), "write"), execute(), close("write"), SYNC)
        self.expect_rows(wire, "2DC2C3Z", b"f")
        self.assertEqual(self.done(what), 2)

    def test_an_error_behind_a_read(self):
        wire, what = self.wire(), next(names)
        wire.send(run(WRITE, what), run("select 1/0"), FLUSH)
        wire.expect("12C1E")  # while it is planned
        wire.send(run(WHERE), run(WRITE, what), SYNC)
        wire.expect("Z")
        self.assertEqual(self.done(what), 0)
        wire.send(run(WHERE), SYNC)
        wire.until_ready()
        self.assert_works(wire)

    def test_a_simple_query_ends_a_batch(self):
        wire, what = self.wire(), next(names)
        wire.send(run(WHERE), query(f"insert into public.done values ('{what}')"))
        self.expect_rows(wire, "12DCCZ", b"f")
        wire.send(run(WHERE), FLUSH)
        self.expect_rows(wire, "12DC", b"f")
        wire.send(query("select count(*) from public.done where what = '" + what + "'"), SYNC)
        self.expect_rows(wire, "TDCZZ", b"1")

    def test_in_a_read_only_transaction_on_a_replica(self):
        wire, what = self.wire(), next(names)
        wire.simple("begin read only")
        wire.send(run(WHERE), SYNC)
        self.expect_rows(wire, "12DCZ", b"t")
        wire.send(run(WHERE), FLUSH)
        self.expect_rows(wire, "12DC", b"f")  # it has been begun anew
        wire.send(run(WRITE, what), SYNC)
        self.assertEqual(wire.expect("12EZ")[2].fields()["C"], "25006")  # as the transaction itself demands
        wire.simple("rollback")
        self.assertEqual(self.done(what), 0)

    def test_a_portal_that_is_fetched_from_in_parts(self):
        wire, what = self.wire(), next(names)
        wire.send(parse("select n, pg_is_in_recovery from generate_series(1, 5) n, public.place"), bind(), execute("", 2), FLUSH)
        self.expect_rows(wire, "12DDs", b"1")
        wire.send(run(WRITE, what), FLUSH)
        wire.expect("12C")
        wire.send(SYNC)
        wire.expect("Z")
        self.assertEqual(self.done(what), 1)

    def test_more_than_is_looked_at(self):
        wire, what = self.wire(), next(names)
        wire.send(*(bind() if n % 2 else parse(WHERE) for n in range(6000)), execute(), run(WRITE, what), SYNC)
        types = "".join(m.type for m in wire.until_ready())
        self.assertEqual(types, "12" * 3000 + "DC12C")
        self.assertEqual(self.done(what), 1)


if __name__ == "__main__":
    unittest.main()
