# SPDX-License-Identifier: Apache-2.0
#
# pin_policy on MySQL and MariaDB: what would pin is refused before it runs, by text and prepared, or leaves nothing to anybody.

import json
import unittest

from mysql_fixture import each_product
from mysql_packets import Error
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire


class Opened:
    policy = "pin"

    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"workers": 1, "pool": {"pin_policy": cls.policy}}, pool_size=1).start()

    def open(self):
        session = Wire(self.target.port).log_in("app", "app", PASSWORD)
        self.addCleanup(session.close)
        return session

    def pins(self):
        return json.loads(self.target.http("/pins")[1])["pins"]


@each_product
class Reject(Opened):
    policy = "reject"

    def test_what_would_pin_does_not_run(self):
        session = self.open()
        for text in ("create temporary table mine(x int)", "select get_lock('a', 1)", "select 1 into @x", "call nothing()"):
            for answer in (session.query(text)[-1], session.prepare(text)):
                self.assertIsInstance(answer, Error, text)
                self.assertEqual(answer.code, 1235)
                self.assertIn("pin_policy", answer.text)
        self.assertEqual(self.pins(), [])
        self.assertEqual(session.value("select is_used_lock('a')"), None)
        self.assertEqual(session.value("select 6 * 7"), b"42")


@each_product
class LogOnly(Opened):
    policy = "log_only"

    def test_nothing_is_kept_and_nothing_is_left(self):
        session, other = self.open(), self.open()
        session.query("create temporary table mine select 1 as x")
        self.assertEqual(self.pins(), [])
        for each in (other, session):
            self.assertIsInstance(each.query("select x from mine")[-1], Error)


if __name__ == "__main__":
    unittest.main()
