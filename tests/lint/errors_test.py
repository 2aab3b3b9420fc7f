# SPDX-License-Identifier: Apache-2.0
#
# Every number of an error that the code sends to MySQL clients has its row in docs/errors.md, with the SQLSTATE that goes with it. (The
# kinds of errors that both protocols share are compared by the unit tests of errors.)

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# {1047, "08S01"} of an error_code, and "08S01", 1043} of a client_error with codes of its own
NUMBER_FIRST, STATE_FIRST = re.compile(r'\{\s*(\d{4}),\s*"(\w{5})"'), re.compile(r'"(\w{5})",\s*(\d{4})\s*\}')


def sent():
    """(number, SQLSTATE) -> files that send it."""
    found = {}
    for path in [*(ROOT / "protocols/mysql").glob("*.cpp"), *(ROOT / "src/proxy").glob("*.[ch]pp")]:
        text = path.read_text()
        pairs = NUMBER_FIRST.findall(text) + [(number, state) for state, number in STATE_FIRST.findall(text)]
        for pair in pairs:
            found.setdefault(pair, set()).add(path.name)
    return found


class Errors(unittest.TestCase):
    def test_each_has_its_row(self):
        text = (ROOT / "docs/errors.md").read_text()
        found = sent()
        self.assertGreater(len(found), 20)
        for (number, state), files in sorted(found.items()):
            with self.subTest(f"{number} {state} of {', '.join(sorted(files))}"):
                self.assertTrue(f"| {number} | {state} |" in text, "no row in docs/errors.md")


if __name__ == "__main__":
    unittest.main()
