# SPDX-License-Identifier: Apache-2.0
#
# When the demand of one tenant jumps 100-fold, others hardly notice: what connections there are under a limit that tenants share is
# divided fairly, whoever came first and whoever has more clients, and the limit holds to the last connection.
#
# Every transaction holds its server connection for a fixed time, so that what the machine and other tests add is small beside it. A
# tenant that has as many connections as clients answers in little more than that time; the other tenant's clients wait for long. What
# a busy machine adds during the burst is seen beside it, by as many clients that are connected directly.

import contextlib
import statistics
import threading
import time
import unittest

from fixture import ProxyTest, value
from mysql_fixture import each_product
from mysql_fixture import value as value_of
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import wait_until

LIMIT = 10       # server connections of both tenants together
CLIENTS = 5      # of the tenant that is watched: its fair share lets each of them have a connection
HOLDS = 0.05     # seconds that each transaction takes at the server
LIMITED = {"pool": {"pool_size": 2 * LIMIT, "max_server_connections": LIMIT, "connection_borrow_timeout": "2min"}}


class Tenant:
    """Clients, each with a function that runs one transaction, and how long each transaction took."""

    def __init__(self, count, client):
        self.clients = [client() for _ in range(count)]
        self.times = [[] for _ in range(count)]
        self.failures = []

    def run(self, goes_on):
        """Each client runs transactions as long as goes_on(how many it has run)."""
        def work(transaction, times):
            try:
                while goes_on(len(times)):
                    began = time.monotonic()
                    transaction()
                    times.append(time.monotonic() - began)
            except Exception as error:  # handed to the caller's thread
                self.failures.append(error)

        self.times = [[] for _ in self.clients]
        threads = [threading.Thread(target=work, args=pair) for pair in zip(self.clients, self.times)]
        for thread in threads:
            thread.start()
        return threads

    def work(self, times):
        """Each client runs so many; gives the times of all, in order."""
        self.finish(self.run(lambda done: done < times))
        return sorted(sum(self.times, []))

    @contextlib.contextmanager
    def working(self):
        """All clients work without a pause, until the block ends."""
        stopping = threading.Event()
        threads = self.run(lambda done: not stopping.is_set() or done == 0)  # at least once: nobody may be left out
        try:
            yield self
        finally:
            stopping.set()
            self.finish(threads)

    def finish(self, threads):
        for thread in threads:
            thread.join(120)
        if self.failures:
            raise self.failures[0]
        if any(thread.is_alive() for thread in threads):
            raise AssertionError("somebody is not served")


def p99(times):
    """Of times in order."""
    return times[len(times) * 99 // 100]


class Counting(threading.Thread):
    """Counts the tenants' connections at the server, over and over."""

    def __init__(self, count):
        super().__init__()
        self.count, self.stopping, self.counts = count, threading.Event(), []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()

    def run(self):
        with contextlib.closing(self.count()) as counted:
            while not self.stopping.wait(0.005):
                self.counts.append(next(counted))


class BurstChecks:
    """For each product: client(user) and direct_client() give a function for one transaction, count() the numbers of server connections
    of both, without end, connections_of(user) that of one now."""

    def check_a_burst_leaves_the_other_tenant_its_share(self, burst):
        quiet, loud = Tenant(CLIENTS, lambda: self.client("app")), Tenant(burst, lambda: self.client("other"))
        direct = Tenant(CLIENTS, self.direct_client)
        quiet.work(5)  # opens its connections
        before = quiet.work(40)
        with Counting(self.count) as counting, loud.working(), direct.working():
            during = quiet.work(120)
        beside = sorted(sum(direct.times, []))
        waited = statistics.median(sum(loud.times, []))
        self.assertGreater(waited, 6 * HOLDS, "there was a burst")
        self.tell(before, during, waited, beside=beside)
        self.assertLess(p99(during), 2 * max(p99(before), p99(beside)))
        self.assertEqual(max(counting.counts), LIMIT)

    def check_who_comes_in_the_middle_of_a_burst_gets_its_share_at_once(self, burst):
        quiet, loud = Tenant(CLIENTS, lambda: self.client("app")), Tenant(burst, lambda: self.client("other"))
        quiet.work(5)  # opens its connections
        before = quiet.work(40)
        with Counting(self.count) as counting, loud.working():
            wait_until(lambda: self.connections_of("other") == LIMIT, "the burst has every connection")
            opened = self.opened()
            during = quiet.work(120)
            opened = self.opened() - opened
        first = max(times[0] for times in quiet.times)
        waited = statistics.median(sum(loud.times, []))
        self.tell(before, during, waited, first, opened)
        self.assertLess(first, waited / 2, "the first transactions did not wait as the burst's do")
        self.assertLess(statistics.median(during), 2 * statistics.median(before))
        self.assertLess(opened, (len(during) + sum(map(len, loud.times))) / 10, "both work on the connections they have")
        self.assertEqual(max(counting.counts), LIMIT)

    def tell(self, before, during, waited, first=None, opened=None, beside=None):
        """Shown where a test fails or the file is run by itself."""
        told = {"p99 alone": p99(before), "p99 directly": beside and p99(beside), "p99 in the burst": p99(during),
                "median": statistics.median(during), "longest": during[-1], "first": first, "the burst's median": waited, "opened": opened}
        print(self.id(), ", ".join(f"{name} {number:.3f}" for name, number in told.items() if number is not None), flush=True)

    def opened(self):
        return sum(count for name, count in self.proxy().metrics().items() if name.startswith("penstock_database_connections_setup_succeeded_total"))


class BurstsOnPostgresql(ProxyTest, BurstChecks):
    settings = LIMITED

    def proxy(self):
        return self.penstock

    def client(self, user):
        return self.sleeps_on(self.connect(user=user))

    def direct_client(self):
        connection = self.server.connect(user="postgres")
        self.addCleanup(connection.close)
        return self.sleeps_on(connection)

    @staticmethod
    def sleeps_on(connection):
        return lambda: value(connection, "select pg_sleep(%s)", (HOLDS,))

    def count(self):
        with contextlib.closing(self.server.connect(user="postgres")) as watcher:
            while True:
                yield value(watcher, "select count(*) from pg_stat_activity where usename in ('app', 'other')")

    def connections_of(self, user):
        return len(self.server.backends(user))

    def test_a_burst_leaves_the_other_tenant_its_share(self):
        self.check_a_burst_leaves_the_other_tenant_its_share(200)

    def test_who_comes_in_the_middle_of_a_burst_gets_its_share_at_once(self):
        self.check_who_comes_in_the_middle_of_a_burst_gets_its_share_at_once(200)


@each_product
class Bursts(BurstChecks):
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, LIMITED).start()

    def proxy(self):
        return self.target

    def client(self, user):
        wire = Wire(self.target.port, timeout=60)
        self.addCleanup(wire.close)
        wire.log_in(user, "app", PASSWORD)
        return lambda: self.assertEqual(wire.value(f"select sleep({HOLDS})"), b"0")

    def direct_client(self):
        connection = self.server.connect("lookup")
        self.addCleanup(connection.close)
        return lambda: value_of(connection, f"select sleep({HOLDS})")

    def count(self):
        with contextlib.closing(self.server.connect("root")) as watcher:
            while True:  # one that answers COM_QUIT is closed at its client's end already
                yield value_of(watcher, "select count(*) from information_schema.processlist where user in ('app', 'other') and "
                                        "command not in ('Quit', 'Killed')")

    def connections_of(self, user):
        return len(self.server.sessions(user))

    def test_a_burst_leaves_the_other_tenant_its_share(self):
        self.check_a_burst_leaves_the_other_tenant_its_share(100)


if __name__ == "__main__":
    unittest.main()
