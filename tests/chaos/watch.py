# SPDX-License-Identifier: Apache-2.0
#
# Counts the sessions that Penstock has at each server, by the server's own word, all the time: never more than its pool may have. And when
# its clients have gone: nobody is left over, no server is held, and what it has open is what it says.

import collections
import contextlib
import json
import math
import threading
import time

from arenas import POOL_SIZE
from wait import Timeout, wait_until

EVERY = 0.05  # seconds between two counts
SETTLING = 5  # seconds for which a node that has been promoted may have readers of before, too
SPARE_DESCRIPTORS = 12  # that come and go by themselves: connections of probes, of other control work, and of the admin port


class Watch:
    """Use as a context manager, around everything that clients do. `processes_at_once`: Penstocks that may have a pool each."""

    def __init__(self, arena, penstock, processes_at_once=1):
        self.arena, self.penstock = arena, penstock
        self.limit = POOL_SIZE * processes_at_once
        self.excess = collections.Counter()  # {node: sessions}, where there were too many
        self.counts = collections.Counter()  # {node: how often its sessions have been counted}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.count_at, args=(node,), daemon=True) for node in arena.nodes]

    def __enter__(self):
        self.descriptors = self.other_descriptors(self.stats())
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join(10)

    def stats(self):
        return json.loads(self.penstock.http("/stats")[1])

    @staticmethod
    def other_descriptors(stats):
        return stats["process"]["open_fds"] - stats["process"]["server_connections"]

    def count_at(self, node):
        """Servers come and go meanwhile."""
        while not self.over.wait(EVERY):
            with contextlib.suppress(*self.arena.errors), contextlib.closing(node.connect(self.arena.superuser)) as connection:
                while not self.over.wait(EVERY):
                    self.note(node, self.count(connection))

    def wait_for_counts(self, node, times):
        """Until its sessions have been counted so often from now on."""
        wanted = self.counts[node] + times
        wait_until(lambda: self.counts[node] >= wanted, "sessions are counted")

    def note(self, node, count):
        self.counts[node] += 1
        is_settled = time.monotonic() - self.arena.promoted_at.get(node, -math.inf) > SETTLING
        if count > self.limit * (1 if is_settled else 2):
            self.excess[node] = max(self.excess[node], count)

    def count(self, connection):
        with connection.cursor() as cursor:
            cursor.execute(self.arena.count_sessions)
            return int(cursor.fetchone()[0])

    def at_servers(self):
        total = 0
        for node in self.arena.nodes:
            if node.process is not None:
                with contextlib.closing(node.connect(self.arena.superuser)) as connection:
                    total += self.count(connection)
        return total

    def excesses(self):
        return [f"{count} connections at {self.arena.address_of(node)}, where {self.limit} are allowed"
                for node, count in self.excess.items()]

    def held(self):
        """What of clients and servers is still in use, by Penstock's word."""
        stats = self.stats()
        clients = {state: stats["clients"][state] for state in ("login", "idle", "waiting", "active") if stats["clients"][state]}
        return clients, sum(pool["sv_active"] + pool["sv_login"] for pool in stats["pools"])

    def left_behind(self, clients=0):
        """What is wrong though so many clients are left, who do nothing."""
        def is_settled():
            stats, (by_state, busy) = self.stats(), self.held()
            return (sum(by_state.values()) == by_state.get("idle", 0) == clients and busy == 0
                    and stats["process"]["server_connections"] == self.at_servers()
                    and self.other_descriptors(stats) <= self.descriptors + clients + SPARE_DESCRIPTORS)
        try:
            wait_until(is_settled, "nothing is left", 10)
        except Timeout:
            stats = self.stats()
            return [f"left behind: clients and busy servers {self.held()} where {clients} clients are idle; {stats['process']}, of which "
                    f"{self.at_servers()} are known to servers; before, {self.descriptors} descriptors of other use"]
        return []
