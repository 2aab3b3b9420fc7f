# SPDX-License-Identifier: Apache-2.0
#
# What the tests of MySQL drivers stand on: each class of them runs on both products through a Penstock of its own with three server
# connections for each pool. When the class is done, the sessions that were pinned meanwhile are counted at the admin port and printed:
# a driver's own doings cause none. Where a test asks for a pin, with a temporary table for example, its class names the reason.

import contextlib
import re

from mysql_fixture import MySqlTest, each_product
from mysql_penstock import MySqlPenstock
from wait import wait_until

POOL_SIZE = 3


class DriverTest(MySqlTest):
    """`asked_for` is {reason of a pin: which of this class's statements cause it}."""

    asked_for = {}
    direct = ()  # names of tests that need what Penstock cannot do yet: these run against the server itself

    @classmethod
    def through(cls, cluster):
        tls = {"certificate": str(cluster.certificate), "key": str(cluster.key)}
        return MySqlPenstock(cluster, {"tls": tls, "log": {"level": "info"}}, pool_size=POOL_SIZE).start()

    def setUp(self):
        if self._testMethodName in self.direct:
            self.target = self.server
        super().setUp()

    @contextlib.contextmanager
    def assert_compressed(self, octets):
        """So much, and easily compressed, comes to a client meanwhile: far fewer octets do. (SHOW STATUS tells of the server's connection.)"""
        before = self.octets_to_clients()
        yield
        wait_until(lambda: self.octets_to_clients() > before, "Penstock has counted what it sent")
        self.assertLess(self.octets_to_clients() - before, octets / 10)

    def octets_to_clients(self):
        return sum(count for name, count in self.target.metrics().items() if name.startswith("penstock_client_sent_bytes_total"))

    @classmethod
    def tearDownClass(cls):
        pinned = pins_of(cls.target)
        told = [f"{count:g} {reason} ({cls.asked_for.get(reason, 'nobody asked for it')})" for reason, count in sorted(pinned.items())]
        unasked = sum(count for reason, count in pinned.items() if reason not in cls.asked_for)
        print(f"pinned by {cls.__name__}: {unasked:g} sessions{', asked for: ' + ', '.join(told) if told else ''}", flush=True)
        assert not unasked, f"{cls.__name__} had sessions pinned: {told}"
        super().tearDownClass()


def each_driver(tests):
    """Class decorator as each_product, for tests of a driver."""
    return each_product(tests, DriverTest)


def pins_of(penstock):
    """Reason -> how often a session was pinned for it since the start."""
    found = {}
    for name, count in penstock.metrics().items():
        if name.startswith("penstock_pins_total"):
            reason = re.search('reason="([^"]*)"', name).group(1)
            found[reason] = found.get(reason, 0) + count
    return found
