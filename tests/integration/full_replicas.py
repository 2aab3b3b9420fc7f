# SPDX-License-Identifier: Apache-2.0
#
# A replica whose connections are all lent out is passed over while another one has room, also by workers that hold none of them.

import unittest

from fixture import begin_on
from pgwire import query, rows_of
from read_write_split import Split
from wait import wait_until

SIZE = 2


class FullReplicas(Split):
    @classmethod
    def settings_of(cls, cluster):
        return {"workers": 2, "pool": {"pool_size": SIZE}}

    def setUp(self):
        super().setUp()
        self.busy, self.free = self.cluster.replicas

    def wires_of(self, worker, count):
        """So many connections that this worker serves."""
        found = []
        while len(found) < count:
            wire = self.wire()
            found += [wire] if wire.process_id >> 22 == worker else []
        return found

    def hold_all(self, server):
        """Read-only transactions of the first worker have all connections to that replica."""
        holders = self.wires_of(0, SIZE)
        for each in holders:
            begin_on(server, each)
        return holders

    def ports_of(self, wire, times=20):
        return {int(wire.simple("select port from place")[0][0]) for _ in range(times)}

    def test_reads_go_elsewhere_at_once(self):
        holders = self.hold_all(self.busy)
        for worker in (1, 0):
            for wire in self.wires_of(worker, 2):
                self.assertEqual(self.ports_of(wire), {self.free.port})
        for each in holders:
            each.simple("commit")  # all of them: the first worker reads where it has least under way
        for worker in (1, 0):
            (wire,) = self.wires_of(worker, 1)
            self.assertEqual(self.ports_of(wire), {self.busy.port, self.free.port})

    def test_they_wait_where_all_are_full(self):
        holders = [self.hold_all(self.busy)[0], self.hold_all(self.free)[0]]
        (wire,) = self.wires_of(1, 1)
        wire.send(query("select replica from place"))
        wait_until(lambda: sum(int(pool["cl_waiting"]) for pool in self.penstock.console("show pools")) == 1, "it waits")
        for each in holders:
            each.simple("commit")
        self.assertEqual(rows_of(wire.until_ready()), [("t",)])


if __name__ == "__main__":
    unittest.main()
