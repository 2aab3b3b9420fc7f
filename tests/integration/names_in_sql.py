# SPDX-License-Identifier: Apache-2.0
#
# PREPARE, EXECUTE and DEALLOCATE share their names with Parse, Bind and Close, as in PostgreSQL. Each dialogue of the table runs on a
# direct connection, and through Penstock, where the session gets another server connection after every transaction; all that comes back
# must be the same.

import contextlib
import unittest

from fixture import ProxyTest
from pgwire import SYNC, bind, close, describe, execute, parse, query


def P(name, text, types=()):
    return parse(text, name, types)


def B(name, *values):
    return bind(values, name) + execute()


def by_protocol(text, *values):
    """A text by Parse, Describe, Bind, Describe, Execute, unnamed."""
    return parse(text) + describe("") + bind(values) + describe("", "P") + execute()


def D(name):
    return describe(name)


def C(name):
    return close(name)


# A text is a simple query; octets are a batch, which gets its Sync. A list is sent at once.
DIALOGUES = {
    "prepared by SQL": ["prepare p as select 1", "execute p", "execute p", "deallocate p", "execute p"],
    "with parameters": ["prepare p(int, text) as select $1 + 1, $2 || 'x'", "execute p(41, 'a')", "execute p(1)", "execute p('a', 'b')",
                        "execute p(length('abc'), upper('d'))"],
    "types are inferred": ["prepare p as select $1::int * 2", "execute p(21)", D("p"), B("p", "4")],
    "prepared by the protocol, executed by SQL": [P("p", "select $1::int + 1"), "execute p(41)", B("p", 1), "execute p(1)", "deallocate p",
                                                  "execute p(1)", B("p", 1)],
    "prepared by SQL, executed by the protocol": ["prepare p(int) as select $1 + 1", B("p", 41), D("p"), C("p"), B("p", 1), "execute p(1)"],
    "described without rows": ["create table if not exists named(x int)", "prepare p as insert into named values (1)", D("p"), B("p"),
                               "execute p", "select count(*) from named", "drop table named"],
    "a taken name": ["prepare p as select 1", "prepare p as select 2", P("p", "select 3"), "execute p", B("p"), "deallocate p", P("p", "select 4"),
                     "prepare p as select 5", P("p", "select 6"), "execute p", B("p")],
    "names are identifiers": ['prepare Plan as select 1', "execute PLAN", 'execute "plan"', 'execute "Plan"', B("plan"), B("Plan"),
                              P("Plan", "select 2"), "execute Plan", 'execute "Plan"', 'execute U&"\\0050l\\+000061n"',
                              'execute U&"!0050lan" UESCAPE \'!\'', 'deallocate U&"Plan"', B("Plan"), 'prepare "a""b" as select 3', B('a"b'),
                              'execute "a""b"', 'execute U&"a""b"'],
    "names are cut": ["prepare " + "x" * 70 + " as select 1", "execute " + "x" * 63, B("x" * 63), B("x" * 64), P("x" * 80, "select 2"),
                      "deallocate " + "x" * 63, P("y" * 70, "select 'y'"), "execute " + "y" * 63, B("y" * 63), C("y" * 66), B("y" * 70)],
    "names of keywords": ["prepare execute as select 1", "execute execute", "prepare transaction as select 2", "execute transaction",
                          "prepare function as select 3", "execute function", "deallocate prepare", "deallocate prepare function",
                          "execute function", "prepare prepare as select 4", "deallocate prepare", "execute prepare"],
    "deallocated": ["deallocate p", P("p", "select 1"), "deallocate prepare p", B("p"), "deallocate p", "prepare p as select 2", "deallocate P",
                    "execute p", "prepare p as select 3", C("p"), "deallocate p"],
    "all deallocated": ["prepare p as select 1", P("q", "select 2"), "deallocate all", "execute p", B("q"), "execute q", "prepare q as select 3",
                        "execute q", "discard all", "execute q", "prepare q as select 4", "execute q"],
    "explained": ["prepare p(int) as select $1", "explain (costs off) execute p(1)", P("q", "select 2"), "explain (costs off, verbose) execute q",
                  "explain (costs off, timing off, summary off, analyze) execute q", "explain execute nothing"],
    "made a table of": ["prepare p(int) as select $1 as x", "create table made as execute p(1)", "select * from made", "drop table made",
                        P("q", "select 2 as y"), "create table if not exists made(z) as execute q with data", "select * from made", "drop table made",
                        "create temp table made on commit drop as execute q", "create table made as execute nothing"],
    "a failing definition": ["prepare p as select * from nowhere", "execute p", B("p"), "prepare p as selec", "prepare p as select 1", "execute p"],
    "no part of a transaction": ["begin", "prepare p as select 1", "rollback", "execute p", "begin", "deallocate p", "rollback", "execute p",
                                 "begin", P("q", "select 2"), "rollback", "execute q", "begin", "prepare r as select 1", "select 1/0", "execute r",
                                 B("r"), D("r"), "rollback", "execute r"],
    "after a savepoint": ["begin", "savepoint a", "prepare p as select 1", "select 1/0", "rollback to a", "execute p", "commit", "execute p", B("p")],
    "in a failed transaction": ["prepare p as select 1", P("q", "select 2"), "begin", "select 1/0", "execute p", "execute q", B("p"), "deallocate p",
                                "prepare r as select 1", "rollback", "execute p", "execute q", "execute r"],
    "the end of a failed transaction and more": [P("p", "select 1"), "begin", "select 1/0", "rollback; prepare p as select 2", "execute p", B("p"),
                                                 "begin", "select 1/0", "/* ; */ commit work; execute p; select 2", "begin", "select 1/0",
                                                 "abort; deallocate p; prepare p as select 3", "execute p", B("p"), "begin", "savepoint a",
                                                 "select 1/0", ";; rollback to savepoint a; execute p; prepare q as select 4", "execute q", "commit",
                                                 "execute q", "begin", "select 1/0", "rollback and chain; execute q", "commit", "begin", "select 1/0",
                                                 "rollback to nowhere; execute p", "rollback; execute nothing; select 1", "begin", "select 1/0",
                                                 "select 1; rollback; execute p", "rollback; execute q; select 1/0; execute p", "execute p"],
    "the end of a failed transaction in a pipeline": [["begin", P("p", "select 1"), "select 1/0", "rollback; prepare p as select 2", "execute p"],
                                                      ["begin", "select 2", "rollback; execute p", "execute p"]],
    "settings at the end of a failed transaction": ["set app.tenant = 'a'", P("p", "select current_setting('app.tenant')"), "begin",
                                                    "set app.tenant = 'b'", "select 1/0", "rollback; execute p", "begin", "select 1/0",
                                                    "rollback; set app.tenant = 'c'; execute p", "execute p"],
    "an error within a transaction": ["prepare p(int) as select 1 / $1", "begin", "execute p(1)", "execute p(0)", "execute p(1)", "rollback",
                                      "execute p(1)"],
    "by the extended protocol": [by_protocol("prepare p(int) as select $1 + 1"), by_protocol("execute p(41)"), by_protocol("execute p(1)"),
                                 by_protocol("explain (costs off) execute p(1)"), by_protocol("deallocate p"), by_protocol("execute p(1)"),
                                 P("q", "select 5"), by_protocol("execute q"), by_protocol("deallocate q"), by_protocol("execute q")],
    "by named statements": [P("make", "prepare p as select 1"), B("make"), B("make"), P("run", "execute p"), D("run"), B("run"), B("run"),
                            P("end", "deallocate p"), B("end"), B("run"), B("end"), B("make"), B("run"), "execute run", "execute make"],
    "one batch": [P("", "prepare p as select 1") + B("") + P("", "execute p") + B("") + B("p") + D("p") + P("", "deallocate p") + B("") + B("p")],
    "one batch that fails": [P("", "prepare p as select 1") + B("") + P("", "select 1/0") + B("") + B("p"), "execute p", B("p"),
                             P("q", "select 1") + P("", "prepare q as select 2") + B("") + B("q"), B("q"), "execute q"],
    "a pipeline of queries": [["prepare p as select 1", "execute p", "execute p", "deallocate p", "execute p", "prepare p as select 2", "execute p"]],
    "a pipeline of batches": [[P("p", "select 1"), "execute p", B("p"), "deallocate p", B("p"), P("p", "select 2"), "execute p", C("p"), "execute p"],
                              [by_protocol("prepare p as select 3"), B("p"), by_protocol("execute p"), C("p"), B("p")]],
    "a transaction in a pipeline": [["begin", "prepare p as select 1", "execute p", "select 1/0", "execute p", "rollback", "execute p", B("p")]],
    "several statements": ["prepare p as select 1; execute p", "execute p", B("p"), D("p"), P("p", "select 2"), "prepare p as select 3", "deallocate p",
                           "execute p", "prepare p as select 4; deallocate p", "execute p", P("p", "select 5"), "execute p; execute p",
                           "select 1; execute p", "deallocate p; select 2", "execute p", B("p")],
    "several statements of which one fails": ["prepare p as select 1; select 1/0", "execute p", B("p"), P("p", "select 2"), "execute p", C("p"),
                                              B("p"), "execute p", P("p", "select 3"), "execute p", "deallocate p; select 1/0", "execute p",
                                              P("p", "select 4"), B("p"), "select 1/0; prepare q as select 1", "execute q", P("q", "select 5"),
                                              "execute q", B("q")],
    "several statements in a transaction": ["begin; prepare p as select 1; commit", "execute p", B("p"), "deallocate p", B("p"),
                                            "begin; prepare p as select 2; rollback", "execute p", C("p"), "execute p"],
    "a text of many names": ["".join(f"prepare p{n} as select {n};" for n in range(30)), "execute p0", "execute p29", B("p20"), "deallocate all",
                             "execute p29", P("p29", "select 1"), "execute p29"],
    "comments and spaces": ["/* a */ prepare -- b\n p /* c */ as select 1;", ";execute p;", "  EXECUTE\tp ; ", "deallocate/**/p", "execute p"],
    "settings": ["prepare p(text) as select set_config('app.tenant', $1, false)", "select nullif(current_setting('app.tenant', true), '')",
                 "execute p('mine')", "select current_setting('app.tenant')", "begin", "execute p('other')", "rollback",
                 "select current_setting('app.tenant')", B("p", "third"), "select current_setting('app.tenant')",
                 P("q", "select set_config('app.tenant', $1, false)"), "execute q('fourth')", "select current_setting('app.tenant')"],
    "an unfinished name": ["execute", "prepare", "deallocate", 'execute ""', "prepare p", "prepare p as", "execute p.q", "execute 'p'", "execute 1"],
    "the unnamed statement": [P("", "select 1"), 'execute ""', B(""), P("", "select 'kept'"), P("p", "select 2"), B("p"), B("")],
    "the search path": ["create schema if not exists one; create schema if not exists two; create table if not exists one.t(x text);"
                        "create table if not exists two.t(x text); delete from one.t; delete from two.t; insert into one.t values ('1');"
                        "insert into two.t values ('2')", "set search_path = one", "prepare p as select x from t", "execute p", B("p"),
                        "set search_path = two", "execute p", B("p"), "reset search_path", "drop schema one cascade; drop schema two cascade"],
    "a long query": [P("p", "select length($1::text)"), "execute p('" + "x" * 40000 + "')", B("p", "y" * 40000),
                     "prepare q(text) as select length($1)", "execute q('" + "x" * 40000 + "')", B("q", "z" * 40000), "deallocate q", "execute q('x')",
                     "prepare r as select length('" + "x" * 40000 + "')", "execute r", B("r"), P("r", "select 1"), "deallocate r", B("r")],
}


class NamesInSql(ProxyTest):
    pool_size = 3

    def test_every_dialogue_is_as_on_a_direct_connection(self):
        for what, steps in DIALOGUES.items():
            with self.subTest(what):
                self.walk(what, steps, moves=True)

    def test_and_so_it_is_where_the_connection_stays_the_same(self):
        for what, steps in DIALOGUES.items():
            with self.subTest(what):
                self.walk(what, steps, moves=False)

    def walk(self, what, steps, moves):
        with contextlib.closing(self.direct_wire()) as direct:
            wanted = [self.answer(direct, step) for step in steps]
        pooled = self.penstock.wire()
        others = [self.penstock.wire(), self.penstock.wire()]
        try:
            for number, step in enumerate(steps):
                if moves:
                    others[0].simple("begin")  # takes what has been used last
                    if others[1].status == "T":
                        others[1].simple("commit")
                    others.reverse()
                self.assertEqual(self.answer(pooled, step), wanted[number], f"{what}: step {number}, {step!r:.200}")
        finally:
            for wire in (pooled, *others):
                wire.close()
        self.wait_for_no_lease()
        self.nothing_is_left()

    def answer(self, wire, step):
        steps = step if isinstance(step, list) else [step]
        octets = b"".join(query(each) if isinstance(each, str) else each + SYNC for each in steps)
        wire.send(octets)
        return [([self.of_message(m) for m in wire.until_ready()], wire.status) for _ in steps]

    def of_message(self, message):
        if message.type == "E":
            return "error", message.fields()["C"]
        if message.type == "D":
            return message.row()
        if message.type == "T":
            # Numbers of tables differ where those were made anew.
            return "columns", [part for part in message.body.split(b"\0") if part.isalpha() or b"column" in part]
        return message.type, message.body

    def nothing_is_left(self):
        fresh = [self.penstock.wire() for _ in range(self.pool_size)]
        for wire in fresh:
            wire.simple("begin")
        for wire in fresh:
            self.assertEqual(wire.simple("select name from pg_prepared_statements where name !~ '^ps_[0-9a-f]{32}'"), [])
            wire.simple("commit")
            wire.close()


class ManyNames(ProxyTest):
    pool_size = 2

    def test_names_of_many_sessions_do_not_meet(self):
        sessions = [self.wire() for _ in range(8)]
        for number, wire in enumerate(sessions):
            wire.simple(f"prepare mine as select 'sql {number}'")
            wire.send(parse(f"select 'protocol {number}'", "ours"), SYNC)
            wire.expect("1Z")
        for _ in range(3):
            for number, wire in enumerate(sessions):
                self.assertEqual(wire.simple("execute mine"), [(f"sql {number}",)])
                self.assertEqual(wire.simple("execute ours"), [(f"protocol {number}",)])

    def test_nothing_is_pinned(self):
        session = self.wire()
        session.simple("prepare mine as select 1")
        session.simple("execute mine")
        self.assertEqual(self.pins(), [])
        session.simple("prepare other as select 1; select 2")
        self.assertEqual(self.pins(), ["sql_prepare"])
        session.simple("deallocate other")
        self.assertEqual(self.pins(), [])

    def pins(self):
        return [row["reason"] for row in self.penstock.console("show pins")]

    def test_the_servers_own_names_are_nobodys(self):
        one, two = self.wire(), self.wire()
        one.send(parse("select 'secret of one'", "s"), SYNC)
        one.expect("1Z")
        names = [name for name, in one.simple("select name from pg_prepared_statements where statement = 'select ''secret of one'''")]
        self.assertEqual(len(names), 1)
        for _ in range(2):
            self.refused(lambda: two.simple(f"execute {names[0]}"), "26000")
            self.refused(lambda: two.simple(f"deallocate {names[0]}"), "26000")
            self.refused(lambda: two.simple(f"prepare {names[0]} as select 'poison'"), "42939")
            self.refused(lambda: two.simple(f"select 1; prepare {names[0]} as select 'poison'"), "42939")
        one.send(bind((), "s"), execute(), SYNC)
        self.assertEqual(one.expect("2DCZ")[1].row(), [b"secret of one"])

    def test_an_advisory_lock_of_an_executed_statement_is_seen(self):
        session = self.wire()
        session.simple("prepare mine as select pg_advisory_lock(7)")
        self.assertEqual(self.pins(), [])
        session.simple("execute mine")
        self.assertEqual(self.pins(), ["advisory_lock"])
        session.simple("select pg_advisory_unlock(7)")
        self.assert_works(session)
        self.assertEqual(self.pins(), [])


if __name__ == "__main__":
    unittest.main()
