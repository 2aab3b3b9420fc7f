# SPDX-License-Identifier: Apache-2.0
#
# What a replica says it cannot do, such as reading tables that are not logged: that is done on the primary, and nobody notices.

import contextlib
import unittest

import pgwire
from fixture import value
from pgwire import SYNC, bind, describe, execute, parse, query
from read_write_split import Split
from wait import wait_until

PLACE = "select replica from place"
UNABLE = "0A000"


class Unlogged(Split):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with contextlib.closing(cls.penstock.connect()) as connection:
            wait_until(lambda: value(connection, PLACE + " where doubled(2) = 4"), "the catalogue has been read, without these tables")
        cls.cluster.primary.sql(
            "create unlogged table scratch(n int); insert into scratch values (7); create view seen as select n from scratch;"
            "create table t2(n int); grant all on scratch, seen, t2 to public")
        cls.cluster.wait_for_replicas()

    def wait_for_replica(self, wire):
        """What a replica has refused counts as a write, which is waited for."""
        wait_until(lambda: self.replica_of(wire), "it reads on replicas again")

    def sqlstates(self, wire):
        return [message.fields()["C"] for message in wire.until_ready() if message.type == "E"]

    def test_reads_of_unlogged_tables_are_sent_to_the_primary_unseen(self):
        for text in ("select n from scratch", "select n + 0 from seen"):
            before = self.penstock.routes()
            wire = self.wire()
            for _ in range(3):
                self.assertEqual(wire.simple(text), [("7",)])
            self.wait_for_replica(wire)
            after = self.penstock.routes()
            self.assertEqual(after["primary", "healed"] - before.get(("primary", "healed"), 0), 1)
            self.assertGreaterEqual(after["primary", "refused_before"] - before.get(("primary", "refused_before"), 0), 2)

    def test_so_are_prepared_ones(self):
        wire = self.wire()
        wire.send(parse("select n + 1 from scratch", "a") + bind((), "a") + describe(kind="P") + execute() + SYNC)
        self.assertEqual(pgwire.rows_of(wire.until_ready()), [("8",)])
        wire.send(bind((), "a") + execute() + SYNC)
        self.assertEqual(pgwire.rows_of(wire.until_ready()), [("8",)])

    def test_a_read_only_transaction_goes_on_on_the_primary(self):
        wire = self.wire()
        for extra in ("", ", n"):
            self.wait_for_replica(wire)
            wire.simple("begin read only")
            self.assertTrue(self.replica_of(wire))
            self.assertEqual(wire.simple(f"select n - 1{extra} from scratch")[0][0], "6")
            self.assertEqual(wire.status, "T")
            self.assertFalse(self.replica_of(wire))
            self.assertEqual(wire.simple("show transaction_read_only"), [("on",)])
            wire.simple("commit")
        self.wait_for_replica(wire)

    def test_it_may_begin_with_such_a_read(self):
        wire = self.wire()
        wire.simple("begin read only")
        wire.send(parse("select n - 2 from scratch") + bind() + describe(kind="P") + execute() + SYNC)
        self.assertEqual(pgwire.rows_of(wire.until_ready()), [("5",)])
        wire.simple("commit")

    def test_what_the_primary_cannot_do_either_is_told_once(self):
        wire = self.wire()
        for _ in range(2):
            wire.send(query("select case when true then generate_series(1, 2) end"))
            self.assertEqual(self.sqlstates(wire), [UNABLE])
        self.wait_for_replica(wire)

    def test_pipelined_behind_another_read_it_is_told_and_from_then_on_it_is_not(self):
        wire = self.wire()
        both = query(PLACE), query("select n * 2 from scratch")
        seen = []
        for _ in range(3):
            wire.send(*both)
            pgwire.rows_of(wire.until_ready())
            seen.append(self.sqlstates(wire))
        self.assertEqual(seen[1:], [[], []])
        self.assertIn(seen[0], ([], [UNABLE]))

    def test_serializable_by_the_accounts_default(self):
        self.cluster.primary.sql("alter role other set default_transaction_isolation = 'serializable'")
        self.addCleanup(self.cluster.primary.sql, "alter role other reset default_transaction_isolation")
        wire = self.wire(user="other")
        for _ in range(3):
            self.assertFalse(self.replica_of(wire))
        self.assertTrue(self.replica_of(self.wire()), "nobody else's reads of that shape are the primary's for that")


if __name__ == "__main__":
    unittest.main()
