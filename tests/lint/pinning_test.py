# SPDX-License-Identifier: Apache-2.0
#
# docs/pinning.md names every reason for which a session is pinned, and no other.

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERDICTS = ("virtualised", "until it ends", "until reset", "until the session ends", "goes unnoticed")


class PinningTable(unittest.TestCase):
    def setUp(self):
        self.text = (ROOT / "docs/pinning.md").read_text()
        self.rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in self.text.splitlines()
                     if line.startswith("|") and not line.startswith(("|---", "| what "))]

    def test_every_reason_is_explained(self):
        code = (ROOT / "protocols/wire/pin_reason.hpp").read_text()
        reasons = set(re.findall(r'case pin_reason::\w+: return "(\w+)";', code))
        told = {name for row in self.rows for name in re.findall(r"`(\w+)`", row[3])} | set(re.findall(r"\(`(\w+)`\)", self.text))
        self.assertGreater(len(reasons), 15)
        self.assertEqual(reasons - told, set(), "not in docs/pinning.md")
        self.assertEqual(told - reasons, set(), "no such reason in protocols/wire/pin_reason.hpp")

    def test_every_row_has_a_verdict_and_a_pin_has_a_reason(self):
        for what, _, verdict, reason in self.rows:
            self.assertTrue(any(each in verdict for each in VERDICTS), what)
            if "until reset" in verdict or "or reset" in verdict or "until the session ends" in verdict:
                self.assertNotEqual(reason, "", what)
            if reason:
                self.assertIn("until", verdict, what)


if __name__ == "__main__":
    unittest.main()
