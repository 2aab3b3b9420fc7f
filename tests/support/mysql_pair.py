# SPDX-License-Identifier: Apache-2.0
#
# A MySQL session through Penstock and its twin, a direct connection: both run the same steps, and what comes of each must be the same.

import mysql_packets as m
from mysql_packets import Error, Ok, Prepared, Rows

UTF8 = {224: 45, 255: 45, 46: 45}


class Pair:
    """A session through Penstock and its direct twin: each has tables, locks and transaction names of its own, equally long."""

    def __init__(self, number, pooled, direct, product):
        self.number, self.wires = number, (pooled, direct)
        common = {"isolation": product.isolation, "read_only": product.read_only}
        self.words = tuple(common | {"t": f"t{number:02}_{side}", "lock": f"lock {number:02} {side}", "xid": f"x{number:02}{side}"} for side in "pd")
        self.statements = []  # (id here, id there)
        self.parameters = {}
        self.cursors = set()
        self.scrolled = set()  # has had a cursor
        self.pinned = self.table_lock = self.characteristics = False
        self.xa = 0
        self.savepoints = False
        self.history = []
        self.status = 2
        self.manual_commit = False

    @property
    def in_transaction(self):
        return bool(self.status & m.IN_TRANSACTION)

    @property
    def holds_a_connection(self):
        return self.pinned or self.in_transaction or self.table_lock or self.characteristics or bool(self.cursors) or self.xa > 0

    def both(self, description, action):
        """Runs action(wire, words, side) on both connections and compares what came of it. Gives both."""
        self.history.append(description)
        answers = [action(wire, words, side) for side, (wire, words) in enumerate(zip(self.wires, self.words))]
        told = [self.plain(normal(answer)) for answer in answers]
        if told[0] != told[1]:
            start = next((place for place, (a, b) in enumerate(zip(*told)) if a != b), min(map(len, told)))
            ours, theirs = (text[max(0, start - 200):start + 300] for text in told)
            raise AssertionError(f"session {self.number} differs after {description!r}\n  through Penstock: ...{ours}\n"
                                 f"  directly:         ...{theirs}\n  its last steps:\n    " + "\n    ".join(self.history[-25:]))
        for result in answers[1] if isinstance(answers[1], list) else [answers[1]]:
            self.status = getattr(result, "status", self.status)
        return answers

    def plain(self, answer):
        """As text, with the names of this side's things taken out."""
        text = repr(answer)
        for side in "pd":
            for name in (f"t{self.number:02}_{side}", f"lock {self.number:02} {side}", f"x{self.number:02}{side}"):
                text = text.replace(name, name[:-1] + "?")
        return text

    def sql(self, text):
        """The results of a text, in which {t}, {lock} and {xid} stand for this side's own."""
        return self.both(text, lambda wire, words, _: wire.query(text.format(**words)))[1]

    def prepare(self, text):
        def action(wire, words, _):
            made = wire.prepare(text.format(**words))
            return made if isinstance(made, Error) else made._replace(id=0), getattr(made, "id", None)
        ids = []
        self.both(f"prepare {text}", lambda *given: (lambda made: (ids.append(made[1]), made[0])[1])(action(*given)))
        if ids[1] is not None:
            self.statements.append(tuple(ids))
            self.parameters[tuple(ids)] = text.count("?")

    def execute(self, ids, values, flags=0):
        return self.both(f"execute {ids} {values} {flags}", lambda wire, _, side: wire.execute(ids[side], values, flags))[1]


def normal(answer):
    """Without what differs and does no harm. A collation named at login shows in results as that very collation, one set by a statement as
    its character set's default. MySQL reports the transaction at XA START to clients that did not ask for it. A user variable that was never
    set is NULL of another type than one that was set to NULL, and a text in one has the character set of the moment it was set here, which no
value shows. FOUND_ROWS() and ROW_COUNT() become numbers, as wide as they are, and MySQL's
    warning that one of them is deprecated is not given. The order of the changes reported with one statement is the server's whim."""
    if isinstance(answer, list):
        return [normal(each) for each in answer]
    if isinstance(answer, Rows):
        counts = [place for place, each in enumerate(answer.columns) if b"found_rows" in each.name.lower() or b"row_count" in each.name.lower()]
        nulls = [place for place, each in enumerate(answer.columns) if b"@" in each.name and not any(row[place] for row in answer.rows)]
        answer = answer._replace(columns=tuple(without_charset(normal_column(each, place in counts + nulls))
                                               for place, each in enumerate(answer.columns)),
                                 warnings=0 if counts else answer.warnings)
    if isinstance(answer, Prepared):
        answer = answer._replace(columns=tuple(normal_column(each, False) for each in answer.columns))
    if isinstance(answer, (Ok, Rows)) and answer.changes:
        kept = tuple(sorted(change for change in answer.changes if change[0] not in (4, 5)))
        answer = answer._replace(changes=kept, status=answer.status if kept else answer.status & ~m.SESSION_STATE_CHANGED)
    return answer


def without_charset(column):
    is_text = column.name.startswith(b"@") and not column.name.startswith(b"@@") and column.type == 251
    return column._replace(charset=0, length=0, flags=column.flags & ~128) if is_text else column


def normal_column(column, type_differs):
    if type_differs:
        return column._replace(charset=0, length=0, type=0, flags=0, decimals=0)
    return column._replace(charset=UTF8.get(column.charset, column.charset))
