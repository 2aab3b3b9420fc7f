# SPDX-License-Identifier: Apache-2.0
#
# A MySQL session through Penstock and its twin, a direct connection: both run the same steps, and what comes of each must be the same.

import mysql_packets as m
from mysql_packets import Error, Ok, Rows

TRANSACTION_STATE = 5  # a kind of change
SHAPE = slice(5, 10)  # of a column: character set, length, type, flags, decimals
NEVER_SET_ON_MYSQL = [(63, length, 253, 128, 31) for length in (65532, 65535)]  # by the character set of the connection
NEVER_SET_ON_MARIADB = (63, 16777216, 251, 128, 39)


class Pair:
    """A session through Penstock and its direct twin: each has tables, locks and transaction names of its own, equally long."""

    def __init__(self, number, pooled, direct, product):
        self.number, self.wires, self.is_mariadb = number, (pooled, direct), product.is_mariadb
        common = {"isolation": product.isolation, "read_only": product.read_only}
        self.words = tuple(common | {"t": f"t{number:02}_{side}", "lock": f"lock {number:02} {side}", "xid": f"x{number:02}{side}"} for side in "pd")
        self.statements = []  # (id here, id there)
        self.parameters = {}
        self.variables = set()  # user variables that hold a literal
        self.showing = set()  # statements whose result is described by what such a variable held when they were prepared
        self.cursors = set()
        self.scrolled = set()  # has had a cursor
        self.pinned = self.table_lock = self.characteristics = False
        self.unsure_flags = 0  # of a status, that are not compared
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
        told = [self.plain(without_flags(normal(answer, self.is_mariadb, side == 1), self.unsure_flags)) for side, answer in enumerate(answers)]
        if told[0] != told[1]:
            start = next((place for place, (a, b) in enumerate(zip(*told)) if a != b), min(map(len, told)))
            ours, theirs = (text[max(0, start - 200):start + 300] for text in told)
            raise AssertionError(f"session {self.number} differs after {description!r}\n  through Penstock: ...{ours}\n"
                                 f"  directly:         ...{theirs}\n  its last steps:\n    " + "\n    ".join(self.history[-60:]))
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


def normal(answer, is_mariadb, is_direct):
    """Without what differs and does no harm; the rest is compared as it is.
    - The order of the changes reported with one statement is that of the server's hash table.
    - MySQL 9.7.4 reports the transaction's state at BEGIN, COMMIT, XA START and the like to clients that have not asked for it, with
      session_track_transaction_info at its default OFF; Penstock tells those that have.
    - A user variable that nobody has set is described otherwise than one whose first value is NULL, which is all that SET can make of one
      that another session has set.
    - Where FOUND_ROWS() has become a number, MySQL does not warn that it is deprecated."""
    if isinstance(answer, list):
        return [normal(each, is_mariadb, is_direct) for each in answer]
    if isinstance(answer, Rows):
        warned = not is_mariadb and any(b"found_rows" in each.name.lower() for each in answer.columns)
        answer = answer._replace(columns=tuple(normal_column(each, [row[place] for row in answer.rows])
                                               for place, each in enumerate(answer.columns)),
                                 warnings=0 if warned else answer.warnings)
    if isinstance(answer, (Ok, Rows)) and answer.changes:
        unasked = [TRANSACTION_STATE] if is_direct and not is_mariadb else []
        kept = tuple(sorted(change for change in answer.changes if change[0] not in unasked))
        answer = answer._replace(changes=kept, status=answer.status if kept else answer.status & ~m.SESSION_STATE_CHANGED)
    return answer


def without_flags(answer, flags):
    if isinstance(answer, list):
        return [without_flags(each, flags) for each in answer]
    return answer._replace(status=answer.status & ~flags) if hasattr(answer, "status") else answer


def normal_column(column, values):
    """One of a user variable that nobody has set is described as though NULL were its first value."""
    is_variable = column.name.startswith(b"@") and not column.name.startswith(b"@@")
    if not is_variable or any(values):
        return column
    shape = column[SHAPE]
    if shape in NEVER_SET_ON_MYSQL:
        return column._replace(length=16777215, type=250)
    return column._replace(length=16777215) if shape == NEVER_SET_ON_MARIADB else column
