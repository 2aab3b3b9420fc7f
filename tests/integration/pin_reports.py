# SPDX-License-Identifier: Apache-2.0
#
# Who is pinned, why, since when and by which statement: SHOW PINS, SHOW PIN_STATEMENTS, /pins and the metrics. No literal is ever told.

import json
import unittest

from fixture import ProxyTest
from wait import wait_until


class PinReports(ProxyTest):
    def pins(self):
        return self.penstock.console("show pins")

    def of(self, user_application):
        return [row for row in self.pins() if row["application_name"] == user_application]

    def statements(self):
        return json.loads(self.penstock.http("/pins")[1])["statements"]

    def test_a_pin_is_seen_with_its_reason_and_statement(self):
        session = self.wire(application_name="till")
        self.assertEqual(self.of("till"), [])
        session.simple("create temp table secret_rows as select 'swordfish' as word, 4711 as number")
        pin, = self.of("till")
        self.assertEqual((pin["reason"], pin["user"], pin["database"], pin["addr"]), ("temporary_object", "app", "app", "127.0.0.1"))
        self.assertRegex(pin["since"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$")
        found, = [each for each in self.statements() if each["statement"] == pin["statement"]]
        self.assertIn("create temp table secret_rows as select", found["shape"])
        self.assertEqual(found["protocol"], "postgresql")
        self.assertIn("ON COMMIT DROP", found["advice"])
        for text in (self.penstock.http("/pins")[1], str(self.penstock.console("show pin_statements")), self.penstock.log()):
            self.assertNotIn("swordfish", text)
            self.assertNotIn("4711", text)
        session.close()
        wait_until(lambda: self.of("till") == [], "the pin ends with its session")

    def test_two_reasons_are_two_rows_and_shapes_count_together(self):
        session = self.wire(application_name="both")
        session.simple("select pg_advisory_lock(1)")
        session.simple("do $$ begin end $$")
        self.assertEqual({row["reason"] for row in self.of("both")}, {"advisory_lock", "opaque"})
        other = self.wire(application_name="second")
        other.simple("select pg_advisory_lock(2)")
        lock, = [row for row in self.of("both") if row["reason"] == "advisory_lock"]
        self.assertEqual(self.of("second")[0]["statement"], lock["statement"])
        found, = [each for each in self.statements() if each["statement"] == lock["statement"]]
        self.assertGreaterEqual(found["pins"], 2)
        self.assertIn(f'"statement":"{lock["statement"]}"', self.penstock.log())

    def test_prepared_statements_are_told_as_well(self):
        session = self.wire(application_name="prepared")
        session.prepared("select pg_advisory_lock($1::int)", ("3",), name="lock")
        self.assertEqual(self.of("prepared")[0]["reason"], "advisory_lock")
        self.assertNotEqual(self.of("prepared")[0]["statement"], "")

    def test_pins_are_counted_and_timed(self):
        def seconds():
            return sum(number for name, number in self.penstock.metrics().items()
                       if name.startswith("penstock_pinned_seconds_total") and 'reason="setseed"' in name)

        session = self.wire()
        session.simple("select setseed(0.5)")
        count = [number for name, number in self.penstock.metrics().items()
                 if name.startswith("penstock_pins_total") and 'reason="setseed"' in name]
        self.assertEqual(count, [1])
        first = wait_until(lambda: seconds() or None, "time is counted while the pin lasts")
        wait_until(lambda: seconds() > first, "and goes on being counted")

    def test_routes_are_a_table(self):
        self.assertIsInstance(self.penstock.console("show routes"), list)


if __name__ == "__main__":
    unittest.main()
