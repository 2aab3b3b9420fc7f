# SPDX-License-Identifier: Apache-2.0
#
# A hundred clients at work on one server: each reads its own account, adds one, commits, and has something else to do for a while. What
# they meet is counted: how long it took, who was refused, whose balance was not what it had to be.

import threading
import time

CLIENTS = 100
THINK_SECONDS = 0.04   # between two transactions of a client, as an application has other work too
PAUSE_SECONDS = 0.5    # after an error, before the client tries again


class Story:
    """A hundred clients of a `stage` (stages.py) that work for so many seconds on connections from `connect`."""

    def __init__(self, name, stage, connect, seconds):
        self.name, self.stage, self.connect, self.seconds = name, stage, connect, seconds
        self.latencies = [[] for _ in range(CLIENTS)]
        self.served = [False] * CLIENTS
        self.refused = self.failed = self.wrong = self.peak = 0
        self.lock = threading.Lock()
        self.end = threading.Event()

    def play(self, show):
        """Plays it to its end; `show(story, seconds passed, last)` is called ten times a second."""
        threads = [threading.Thread(target=self.client, args=(number,), daemon=True) for number in range(CLIENTS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        while (passed := time.monotonic() - began) < self.seconds:
            self.peak = max(self.peak, self.stage.connections())
            show(self, passed)
            time.sleep(0.1)
        self.end.set()
        for thread in threads:
            thread.join(30)
        show(self, self.seconds, last=True)

    def client(self, number):
        connection, expected = None, None
        while not self.end.is_set():
            try:
                if connection is None:
                    connection = self.connect()
                    if self.end.is_set():
                        break  # came in only because the others are leaving
                began = time.perf_counter()
                balance = self.transaction(connection, number)
                self.latencies[number].append(time.perf_counter() - began)
                self.served[number] = True
                if expected is not None and balance != expected:
                    self.count("wrong")
                expected = balance + 1
                self.end.wait(THINK_SECONDS)
            except self.stage.errors as error:
                self.count("refused" if self.stage.is_refusal(error) else "failed")
                connection = None
                self.end.wait(PAUSE_SECONDS)
        if connection is not None:
            connection.close()

    def transaction(self, connection, number):
        """Reads the client's own account, adds one and commits; gives what is there then."""
        with connection.cursor() as cursor:
            cursor.execute("select balance from accounts where id = %s", (number,))
            before = cursor.fetchone()[0]
            cursor.execute("update accounts set balance = balance + 1 where id = %s", (number,))
            cursor.execute("select balance from accounts where id = %s", (number,))
            after = cursor.fetchone()[0]
        connection.commit()
        if after != before + 1:
            self.count("wrong")
        return after

    def count(self, what):
        with self.lock:
            setattr(self, what, getattr(self, what) + 1)

    @property
    def transactions(self):
        return sum(map(len, self.latencies))

    def percentile(self, percent):
        values = sorted(latency for client in self.latencies for latency in client)
        return f"{values[min(len(values) - 1, int(len(values) * percent / 100))] * 1000:.1f} ms" if values else "-"
