# SPDX-License-Identifier: Apache-2.0
#
# The demo's second act: the same hundred clients on a cluster whose last replica is a second behind, with read_write_split on. Each reads
# its account over and over, now and then adds one to it, and must find what it has added in whatever it reads from then on. A few do what
# needs a server connection of their own for a moment: a temporary table, a lock.

import contextlib
import random
import threading
import time

from story import CLIENTS, THINK_SECONDS
from wait import Timeout, wait_until

WRITE_EVERY = 40       # on average, of a client's requests
PIN_EVERY = 40         # the same, of those few
PINNING_CLIENTS = 10   # one client of so many
CHECKS = 10            # reads from the replica itself, to see what Penstock spares its clients


class Reading:
    """A hundred clients of a `stage` (stages.py) that read and write through `penstock` for so many seconds."""

    name = "reads on replicas"

    def __init__(self, stage, penstock, seconds):
        self.stage, self.penstock, self.seconds = stage, penstock, seconds
        self.lock = threading.Lock()
        self.end, self.at_rest, self.leave = threading.Event(), threading.Barrier(CLIENTS + 1), threading.Event()
        self.reads = self.writes = self.stale = self.wrong = self.failed = 0
        self.stale_without = 0
        self.routes, self.pins, self.pinned_left = {}, {}, 0

    def play(self, show):
        """Plays it to its end; `show(reading, seconds passed, last)` is called ten times a second."""
        balances = self.stage.balances()
        before = self.penstock.routes(), self.penstock.pins()
        threads = [threading.Thread(target=self.client, args=(number, balances[number]), daemon=True) for number in range(CLIENTS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while (passed := time.monotonic() - began) < self.seconds:
            show(self, passed)
            time.sleep(0.1)
        self.end.set()
        self.at_rest.wait(30)
        show(self, self.seconds, last=True)
        self.routes, self.pins = (grown(old, new) for old, new in zip(before, (self.penstock.routes(), self.penstock.pins())))
        self.pinned_left = self.pinned_in_the_end()
        self.leave.set()
        for thread in threads:
            thread.join(30)
        self.stale_without = sum(self.is_stale_without() for _ in range(CHECKS))

    def client(self, number, balance):
        connection = None
        chance = random.Random(number)
        try:
            connection = self.penstock.of(self.stage).connect()
            with connection.cursor() as cursor:
                while not self.end.is_set():
                    balance = self.step(cursor, number, balance, chance)
                    self.end.wait(THINK_SECONDS)
        except self.stage.errors:
            self.count("failed")
        finally:
            self.at_rest.wait(30)
            self.leave.wait(30)
            if connection is not None:
                connection.close()

    def step(self, cursor, number, balance, chance):
        """One thing that a client does; gives what its account has then, by what it has written itself."""
        if number % PINNING_CLIENTS == 0 and chance.randrange(PIN_EVERY) == 0:
            for statement in chance.choice(self.stage.pinning(number)):
                cursor.execute(statement)
        if chance.randrange(WRITE_EVERY) == 0:
            cursor.execute("update accounts set balance = balance + 1 where id = %s", (number,))
            self.count("writes")
            balance += 1
        cursor.execute("select balance from accounts where id = %s", (number,))
        found = cursor.fetchone()[0]
        self.count("reads")
        if found != balance:
            self.count("stale" if found < balance else "wrong")
        return balance

    def pinned_in_the_end(self):
        """How many clients are pinned once all have ended what pinned them; they are still connected."""
        with contextlib.suppress(Timeout):
            wait_until(lambda: not self.penstock.pinned_clients(), "nobody is pinned any more", seconds=5)
        return self.penstock.pinned_clients()

    def is_stale_without(self):
        """Whether a write on the primary is missing in what the last replica has at once."""
        self.stage.primary.sql("update accounts set balance = balance + 1 where id = 0", user="app")
        ask = "select balance from accounts where id = 0"
        return self.stage.cluster.replicas[-1].sql(ask, database="app") != self.stage.primary.sql(ask, database="app")

    def count(self, what):
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)

    @property
    def read_on_replicas(self):
        """Per cent of the clients' reads."""
        on_replicas = sum(count for (route, _), count in self.routes.items() if route == "replica")
        return 100 * on_replicas / max(self.reads, 1)

    @property
    def worked(self):
        return (self.stale == self.wrong == self.failed == self.pinned_left == 0 and self.writes > 0 and self.read_on_replicas > 0 and
                self.stale_without > 0)


def grown(before, after):
    """By how much each of these counters has grown; those that have not are left out."""
    return {key: after[key] - before.get(key, 0) for key in after if after[key] > before.get(key, 0)}
