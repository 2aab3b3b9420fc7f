# SPDX-License-Identifier: Apache-2.0
#
# Statements made at random for both dialects, reads and others mixed: what is taken for a read among them is run on a real replica. And
# the program that takes them (statement_judge in tests/tools).

import pathlib
import random
import subprocess

import penstock

TOOL = pathlib.Path(penstock.program()).parent / "tests/tools/statement_judge"


def judge(statements, **named):
    """What Penstock thinks of each: (class, is it a plain read, functions)."""
    pairs = [f"{name}={value}" for name, value in named.items()]
    done = subprocess.run([TOOL, *pairs], input="".join(each + "\n" for each in statements), capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(done.stderr)
    told = [line.split(" ") for line in done.stdout.splitlines()]
    assert len(told) == len(statements), (len(told), len(statements))
    return [(words[0], words[1] == "yes", words[2:]) for words in told]


class Statements:
    """Makes statements from the words of a dialect: calls, values, hints that are comments, and what follows on a query."""

    def __init__(self, seed, calls, values, tails, others, tables=("t", "u", "(select a, b from t) q", "t join u using (a)")):
        self.random = random.Random(seed)
        self.calls, self.values, self.tails, self.others, self.tables = calls, values, tails, others, tables

    def expression(self, depth=0):
        kind = self.random.randrange(10 if depth < 3 else 4)
        if kind < 3:
            return self.random.choice(self.values)
        if kind < 5:
            return self.random.choice(self.calls)
        if kind == 5:
            return f"({self.query(depth + 1)} limit 1)"
        if kind == 6:
            return f"case when {self.expression(depth + 1)} is null then {self.expression(depth + 1)} end"
        return f"coalesce({self.expression(depth + 1)}, {self.random.choice(self.values)})"

    def query(self, depth=0):
        what = ", ".join(self.expression(depth + 1) for _ in range(self.random.randrange(1, 3) if depth == 0 else 1))
        text = f"select {what} from {self.random.choice(self.tables)}"
        if self.random.random() < 0.4:
            text += f" where {self.expression(depth + 1)} is not null"
        if self.random.random() < 0.2:
            text += " order by 1"
        return text

    def statement(self):
        kind = self.random.randrange(12)
        if kind == 0:
            return self.random.choice(self.others)
        text = self.query()
        if kind == 1:
            text = f"with w as ({text} limit 5) select * from w"
        elif kind == 2:
            text = f"with w as (select 1 as x) {text} limit 3"
        elif kind == 3:
            text = f"({text} limit 1) union all ({self.query()} limit 1)"
        elif kind == 4:
            text = "explain " + text
        elif kind == 5:
            text = f"{text}; {self.random.choice(self.others)}"
        elif kind in (6, 7):
            text += " " + self.random.choice(self.tails)
        return self.spoil(text)

    def spoil(self, text):
        """Comments, capitals and spaces, which must not change anything."""
        kind = self.random.randrange(4)
        if kind == 0:
            return text.replace(" ", "  /* for update */ ", 1)
        if kind == 1:
            return "".join(letter.upper() if self.random.random() < 0.5 else letter for letter in text) if "'" not in text else text
        return text

    def many(self, count):
        return [self.statement() for _ in range(count)]
