# SPDX-License-Identifier: Apache-2.0
#
# LAST_INSERT_ID() of clients that share server connections: behind whatever may draw an id, told in an OK packet or not, and wherever it is
# used, named in the client's text or not. What each client gets is what it gets on a direct connection of its own.

import contextlib
import pathlib
import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import USUAL, Error, Rows
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire

TABLES = ("t(id int auto_increment primary key, x int unique)", "plain(id int primary key, x int)", "noted(id int auto_increment primary key, x bigint)",
          "children(id int auto_increment primary key, x int, parent bigint)", "kept(x int, parent bigint)")
CODE = (
    "trigger born before insert on children for each row set new.parent = last_insert_id()",
    "trigger changed before update on kept for each row set new.parent = last_insert_id()",
    "trigger gone after delete on kept for each row insert into noted(x) values (last_insert_id())",
    "view shown as select last_insert_id() as id",
    "procedure shows() select last_insert_id()",
    "procedure draws() insert into noted(x) values (5)",
    "procedure draws_and_fails() begin insert into noted(x) values (5); signal sqlstate '45000'; end",
    "function is_now() returns bigint reads sql data return last_insert_id()",
    "function draws() returns bigint modifies sql data begin insert into noted(x) values (5); return last_insert_id(); end",
    "function sets() returns bigint no sql return last_insert_id(4711)",
)
ID = "select last_insert_id()"
FAILS = "(select 1 union select 2)"
LONG = "/*" + "x" * 70000 + "*/"
SETTINGS = {"workers": 1, "clients": {"max_inspected_statement": 64 * 1024}}  # so that such a text passes through in pieces


MADE = set()  # on which products all this is there


def prepared(text):
    return lambda wire, _: [made] if isinstance(made := wire.prepare(text), Error) else wire.execute(made.id)


def local(text, octets):
    """LOAD DATA LOCAL, with what the client sends."""
    def load(wire, _):
        wire.send_query(text)
        assert wire.packet()[:1] == b"\xfb"
        wire.put(octets)
        wire.put(b"")
        return wire.results()
    return load


def bulk(text, *values):
    """MariaDB: executed once for each value, in one command."""
    def execute(wire, _):
        made = wire.prepare(text)
        wire.command(m.BULK_EXECUTE, made.id.to_bytes(4, "little") + b"\x80\0\xfe\0" + b"".join(b"\0" + m.string(v) for v in values))
        return wire.results(binary=True)
    return execute


PREPARABLE = (
    "insert into t(x) values (10)", "insert into t(x) values (10), (11)", "insert into t(id, x) values (500, 10)", "insert into t(id, x) values (0, 10)",
    "insert into t(x) values (10), (1)", "insert into t(x) values (1)", "insert into t(id, x) values (500, 1)", "insert into t(x) valuess (1)",
    "replace into t(x) values (10)", "replace into t(x) values (1)", "replace into t(x) values (10), (1)", "insert into t set x = 10",
    "insert into t(x) select 10 union select 11", "insert into t(x) select 10 from dual where 1 = 0", "insert into t(x) select 10 union all select 1",
    "insert into t(x) values (1) on duplicate key update id = last_insert_id(id)", "insert into t(x) values (10) on duplicate key update id = last_insert_id(id)",
    "insert into t(x) values (1) on duplicate key update x = x", "insert ignore into t(x) values (1)", "insert ignore into t(x) values (1), (10)",
    "insert ignore into t(x) values (10), (1)", "insert delayed into t(x) values (10)", "update plain set x = last_insert_id(x + 70)",
    "update plain set x = last_insert_id(x + 70) where id = 99", f"update plain set x = last_insert_id(x + 70), id = {FAILS}",
    "update plain set x = x + 1", "delete from plain where id = 99", "select last_insert_id(77)", f"select last_insert_id(77), {FAILS}", f"select 1, {FAILS}",
    "insert into children(x) values (10)", "insert into kept(x) values (10)", "delete from kept", "set last_insert_id = 88", "set @@identity = 88",
    f"insert into t(x) values ({FAILS})", "create or replace view other as select 1", "insert into t(x) values (10) returning x",
    "insert into t(x) values (10), (11) returning id", "replace into t(x) values (10) returning x", "insert into t(x) select 10 returning x",
    f"insert into t(x) values (10) returning {FAILS}", "delete from t where x = 1 returning x",
)
TEXTS = (
    "/* one */ insert into t(x) values (10) returning x", "insert into t(x) values (10) returning x; select 1", "select 1; insert into t(x) values (10) returning x",
    "insert into t(x) values (10); select 1", "insert into t(x) values (10); update plain set x = 5", "insert into t(x) values (10); select nosuch",
    "insert into t(x) values (10); selec", "insert into t(x) values (10), (1); select 1", "set statement max_statement_time = 9 for insert into t(x) values (10) returning x",
    "analyze insert into t(x) values (10) returning x", "create table made(id int auto_increment primary key) select 1 as y",
    "create table made(id int auto_increment primary key, unique(y)) select 1 as y union all select 1",
    "begin; insert into t(x) values (10); rollback", "insert into t(x) values (10)" + LONG, "insert into t(x) values (10), (1)" + LONG,
)
CODE_DRAWS = ("call draws()", "call draws_and_fails()", "select draws()", "do draws()", "select sets()", "insert into kept(x) values (draws())",
              "begin not atomic insert into t(x) values (10); end", "execute immediate 'insert into t(x) values (10)'")


class Ids:
    """Steps of several sessions, through Penstock and directly."""

    def setUp(self):
        self.server.connect().close()  # so that the server knows the password's hash
        if self.product_name not in MADE:
            MADE.add(self.product_name)
            for what in TABLES:
                self.server.sql(f"create table app.{what}")
            for what in CODE:
                self.server.sql(f"create {what}", database="app")
        self.root = self.direct(user="root", database="app")

    def file(self, name, text):
        path = pathlib.Path(self.cluster.folder) / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def empty(self):
        for text in ("truncate table t", "truncate table noted", "truncate table children", "delete from plain", "truncate table kept",
                     "drop table if exists made", "insert into t(x) values (1), (2)", "insert into plain values (1, 1)",
                     "insert into kept(x) values (1), (2)"):
            self.root.query(text)

    def run_on(self, port, steps):
        """`steps` are a session's name and a text, or what it does. Gives what came of each."""
        self.empty()
        capabilities = USUAL | m.MULTI_STATEMENTS | m.LOCAL_FILES
        if self.is_mariadb:
            capabilities = capabilities & ~m.LONG_PASSWORD | m.BULK
        with contextlib.ExitStack() as stack:
            sessions, answers = {}, []
            for name, step in steps:
                if name not in sessions:
                    sessions[name] = Wire(port, timeout=30)
                    stack.callback(sessions[name].close)
                    sessions[name].log_in("app", "app", PASSWORD, capabilities)
                if step is None:
                    sessions.pop(name).command(m.QUIT)
                    continue
                results = step(sessions[name], port) if callable(step) else sessions[name].query(step)
                answers.append((name, step if isinstance(step, str) else "...", [self.told(each) for each in results]))
            return answers

    def told(self, result):
        if isinstance(result, Error):
            return result.code
        return result.rows if isinstance(result, Rows) else (result.affected, result.insert_id)

    def check(self, steps, label):
        with self.subTest(label):
            self.assertEqual(*(self.run_on(port, steps) for port in (self.target.port, self.server.port)))

    def draws(self):
        """Whatever may give an id, or not."""
        preparable = [text for text in PREPARABLE if not (self.is_mariadb and "identity" in text)]  # it pins: MariaDB does not report it
        yield from ((text, text) for text in (*preparable, *TEXTS))
        yield from ((f"prepared: {text}", prepared(text)) for text in preparable if "delayed" not in text)
        good, bad = self.file("good.txt", "1001\n1002\n"), self.file("bad.txt", "1001\n1\n")
        xml = self.file("good.xml", "<r><row><x>1001</x></row></r>")
        for text in (f"load data infile '{good}' into table t(x)", f"load data infile '{bad}' into table t(x)", f"load xml infile '{xml}' into table t(x)",
                     f"load data infile '{good}' into table kept(x)"):
            yield text, text
            yield f"prepared: {text}", prepared(text)
        yield "local", local("load data local infile 'x' into table t(x)", b"1001\n1002\n")
        yield "local, one bad", local("load data local infile 'x' into table t(x)", b"1001\n1\n")
        if self.is_mariadb:
            yield "bulk", bulk("insert into t(x) values (?)", b"1001", b"1002")
            yield "bulk with a failure", bulk("insert into t(x) values (?)", b"1001", b"1")
            yield "bulk returning", bulk("insert into t(x) values (?) returning x", b"1001", b"1002")


@each_product
class Drawn(Ids):
    """On two server connections, of which one is kept busy, so that it is known who is on which."""

    through = staticmethod(lambda cluster: MySqlPenstock(cluster, SETTINGS, pool_size=2).start())

    def test_is_its_clients_own(self):
        first = "insert into t(x) values (100)"
        for label, draw in self.draws():
            self.check([("H", "begin"), ("A", first), ("B", "insert into t(x) values (101)"), ("C", draw), ("A", draw), ("B", ID), ("A", ID), ("C", ID),
                        ("G", "begin"), ("H", "rollback"), ("A", ID), ("C", ID)], label)

    def test_is_its_clients_own_in_a_transaction(self):
        for draw in PREPARABLE + TEXTS:
            if self.is_mariadb and "identity" in draw:
                continue
            self.check([("H", "begin"), ("B", "insert into t(x) values (100)"), ("A", "begin"), ("A", draw), ("A", ID), ("A", "select 1"), ("A", "commit"), ("B", ID),
                        ("A", ID), ("G", "begin"), ("H", "rollback"), ("A", ID), ("B", ID)], draw)

    def test_by_code(self):
        for draw in CODE_DRAWS:
            self.check([("A", "insert into t(x) values (100)"), ("B", "insert into t(x) values (101)"), ("A", draw), ("B", ID), ("A", ID)], draw)


@each_product
class Used(Ids):
    """On one server connection, which each client leaves with an id of its own."""

    through = staticmethod(lambda cluster: MySqlPenstock(cluster, SETTINGS, pool_size=1).start())
    FIRST = [("A", "insert into t(x) values (100)"), ("B", "insert into t(x) values (101), (102)")]

    def uses(self):
        children = "insert into children(x) values (10)"
        file = self.file("child.txt", "10\n")
        look = "select * from children", "select * from kept order by x", "select x from noted"
        for text in (children, "replace into children(x) values (10)", "insert into children(x) select 10", "update kept set x = x + 10",
                     "delete from kept where x = 1", f"load data infile '{file}' into table children(x)", "select 1; " + children, children + LONG,
                     "(select is_now())", "select 1 where is_now() = 0", "do is_now()", "insert into children(x) values (10), (11)"):
            yield text, (text, *look)
            if ";" not in text and LONG not in text:
                yield f"prepared: {text}", (prepared(text), *look)
        if self.is_mariadb:
            yield "bulk", (bulk("insert into children(x) values (?)", b"1001", b"1002"), *look)
        yield "local", (local("load data local infile 'x' into table children(x)", b"1\n"), *look)
        for text in ("call shows()", "select is_now()", "set @a = is_now()", "insert into kept values (1, is_now())", "call draws()",
                     "begin not atomic select last_insert_id(); end", "execute immediate 'select last_insert_id()'",
                     "with a as (select is_now() as id) select * from a", "if 1 then select last_insert_id(); end if"):
            yield text, (text, "select @a", ID, *look)
            yield f"prepared: {text}", (prepared(text), ID, *look)
        yield "PREPARE", ("prepare s from 'select last_insert_id()'", "execute s", "execute s")
        yield "PREPARE of an INSERT", (f"prepare s from '{children}'", "execute s", *look)

    def test_is_its_clients_own(self):
        for label, steps in self.uses():
            for names in ("CAB", "BC"):
                self.check(self.FIRST + [(name, step) for name in names for step in (*steps, None)], f"{names}: {label}")

    def test_in_a_transaction(self):
        for label, steps in self.uses():
            for name in "AC":
                self.check(self.FIRST + [(name, step) for step in ("begin", "select 1", *steps, "rollback", None)], f"{name}: {label}")

    def test_of_nobody_else_in_a_view(self):
        """Which may be a view is not known: it finds no other client's, and a client's own only where nobody was there in between."""
        for read in ("select * from shown", "select * from (select 1) a where exists (select * from shown where id <> 0)", "set @a = (select id from shown)"):
            for step in (read, prepared(read)):
                for names in ("A", "B", "C", "CA"):
                    steps = self.FIRST + [(name, each) for name in names for each in (step, "select @a", None)]
                    tables = [rows for _, _, results in self.run_on(self.target.port, steps)[2:] for rows in results if isinstance(rows, list)]
                    found = {value and (int(value) if value.isdigit() else int.from_bytes(value, "little")) for rows in tables for row in rows for value in row}
                    with self.subTest(f"{names}: {read}"):
                        self.assertLessEqual(found, {0, None, 4, 1} if names == "B" else {0, None})

    def test_where_an_id_is_null(self):
        find = "select * from t where id is null"
        for names in ("A", "B", "C", "AB"):
            self.check([*self.FIRST, *((name, step) for name in names for step in ("set sql_auto_is_null = 1", "insert into t(x) values (200)", find,
                                                                                  "delete from t where x = 200", find, None))], names)

    def test_of_nobody_else_where_an_id_is_null(self):
        answers = self.run_on(self.target.port, self.FIRST + [("A", "set sql_auto_is_null = 1"), ("A", "select id from t where id is null")])
        self.assertIn(answers[-1][2], ([[(b"3",)]], [[]]))  # MariaDB gives it at most once


@each_product
class Asked(Ids):
    """Which statements a server gets."""

    through = Used.through

    def statements(self, *steps):
        self.empty()
        session, other = (Wire(self.target.port, timeout=30).log_in("app", "app", PASSWORD, USUAL) for _ in "ab")
        for each in (other, session):
            self.addCleanup(each.close)
            each.query("update plain set x = 1")  # so that the server has no id of an earlier client's
        self.server.sql("set global log_output = 'table', general_log = on")
        self.addCleanup(self.server.sql, "truncate table mysql.general_log")
        self.addCleanup(self.server.sql, "set global general_log = off, log_output = default")
        for name, step in steps:
            (session if name == "A" else other).query(step)
        session.query("select 'the end'")
        seen = self.server.sql("select convert(argument using utf8mb4) from mysql.general_log where user_host like 'app%' order by event_time")
        return [text.lower() for text, in seen][:-1]

    def test_nothing_where_no_id_was_drawn(self):
        steps = ["select 1", "update plain set x = x + 1", "begin", "delete from plain where id = 1", "insert into plain values (1, 1)", "commit"]
        self.assertEqual(self.statements(*(("A", step) for step in steps), *(("B", step) for step in steps)), 2 * steps)

    def test_one_question_where_an_id_was_told(self):
        """Whether it was drawn or an explicit value, no packet tells."""
        steps = ["begin", "delete from t where id = 1", "insert into t values (1, 1)", "commit", ID]
        self.assertEqual(self.statements(*(("A", step) for step in steps[:-1]), *(("B", step) for step in steps[:-1])), 2 * steps)

    def test_one_read_of_a_table_clears_an_id(self):
        texts = ("select 1", "select count(*) from t where x = abs(5)", "with a as (select 1) select * from a", "begin", "(select 2)", "commit")
        steps = [(name, text) for name in "ABA" for text in texts]
        seen = self.statements(("A", "insert into t(x) values (10)"), *steps)[2:]
        self.assertEqual(seen.pop(len(texts) + 1), "do last_insert_id(0)")
        self.assertEqual(seen, [text for _, text in steps])


if __name__ == "__main__":
    unittest.main()
