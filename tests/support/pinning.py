# SPDX-License-Identifier: Apache-2.0
#
# The tables of docs/pinning.md, and what tests say of a row: the statements that show it.

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


def rows_of(section):
    """What stands in the first column, with verdict and reasons."""
    text = (ROOT / "docs/pinning.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return {what: (verdict, re.findall(r"`(\w+)`", reason)) for what, _, verdict, reason in cells if what != "what"}


class carried:
    """Nothing is pinned by these statements."""

    def __init__(self, *statements):
        self.statements = statements


class ends:
    """Pinned by the first for that reason, and not any more after the second. Without `in_between` it is all one transaction. `outlives`:
    what any other statement does not end."""

    def __init__(self, begin, end, reason, in_between=(), outlives=("do 1",)):
        self.begin, self.end, self.reason, self.in_between, self.outlives = begin, end, reason, in_between, outlives


class lasts:
    """Pinned until DISCARD ALL."""

    def __init__(self, *statements, reason):
        self.statements, self.reason = statements, reason


class stays:
    """Pinned until the session ends, whatever it resets."""

    def __init__(self, *statements, reason):
        self.statements, self.reason = statements, reason


class elsewhere:
    """Another file of tests has it."""

    def __init__(self, file):
        self.file = file


def check_rows(test, section, table, reset="until reset"):
    """Every row of that section is in the table of cases, and the cases show what the row says."""
    said = rows_of(section)
    test.assertEqual(set(said), set(table))
    for what, (verdict, reasons) in said.items():
        kinds = {type(case) for case in table[what]}
        told = {case.reason for case in table[what] if isinstance(case, (ends, lasts, stays)) and case.reason}
        for case in table[what]:
            if isinstance(case, elsewhere):
                test.assertTrue((ROOT / "tests/integration" / case.file).exists(), case.file)
        if elsewhere in kinds:
            continue
        test.assertEqual(set(reasons), told, what)
        test.assertEqual(reset in verdict, lasts in kinds, what)
        test.assertEqual("until the session ends" in verdict, stays in kinds, what)
        test.assertEqual("until it ends" in verdict, ends in kinds, what)
