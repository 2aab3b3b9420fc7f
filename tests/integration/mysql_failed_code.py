# SPDX-License-Identifier: Apache-2.0
#
# Code that fails in the middle: procedures, functions, triggers, and MariaDB's compound statements. What it has done by then stays, and no
# error tells of it. A session finds it afterwards as on a direct connection, and nobody else does.

import itertools
import unittest

import mysql_packets as m
from mysql_fixture import MySqlTest, each_product, until_transactions_are
from mysql_packets import USUAL
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from wait import wait_until

CONNECTIONS = 2
SETS = ("set lock_wait_timeout = 77", "set sql_mode = 'ansi'", "set @a = 5")
LEFT = (*SETS, "create temporary table made select 'mine' as x", "prepare made from 'select ''mine'''")
FAILURES = ("insert into once values (1)", "signal sqlstate '45000'")
FAILURES_INSIDE = ("execute immediate 'selec'",)  # a syntax error, and yet some of it has run
BLOCKS = ("begin not atomic {}; {}; end", "if 1 then {}; {}; end if", "case 1 when 1 then {}; {}; end case", "for i in 1..1 do {}; {}; end for",
          "while 1 do {}; {}; end while", "repeat {}; {}; until 1 end repeat", "loop {}; {}; end loop",
          "set statement max_statement_time = 60 for if 1 then {}; {}; end if")
ORACLE_BLOCKS = ("begin {}; {}; end", "declare x int; begin {}; {}; end", "if 1 = 1 then {}; {}; end if")
LOOK = ("select @@lock_wait_timeout, @@sql_mode", "select @a", "select x from made", "execute made", "select current_role()")


def name_of(text):
    return "of_" + "".join(letter if letter.isalnum() else "_" for letter in text)[:50]


class Sessions:
    through = staticmethod(lambda cluster: MySqlPenstock(cluster, {"workers": 1}, pool_size=CONNECTIONS).start())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for text in ("create role if not exists app_role", "grant app_role to app", "grant all on *.* to app",
                     "create table if not exists app.once(x int primary key)", "insert ignore into app.once values (1)"):
            cls.server.sql(text)
        cls.server.connect().close()  # so that the server knows the password's hash

    def open(self, port):
        session = Wire(port, timeout=30).log_in("app", "app", PASSWORD, USUAL | m.MULTI_STATEMENTS)
        self.addCleanup(session.close)
        return session

    @staticmethod
    def seen(session):
        return [result if isinstance(result, m.Error) else result.rows for text in LOOK for result in session.query(text)]

    def behind(self, port, prior, text, is_prepared):
        """What it answers, what its session finds then, and what one finds that takes its connection over where that may be."""
        session, other = self.open(port), self.open(port)
        try:
            for each in prior:
                session.query(each)
            if is_prepared:
                made = session.prepare(text)
                answer = made if isinstance(made, m.Error) else session.execute(made.id)[-1]
            else:
                answer = session.query(text)[-1]
            other.query("begin")
            others = self.seen(other)
            return answer, self.seen(session), others
        finally:
            session.close()
            other.close()

    def check(self, texts, prior=(), is_prepared=False):
        for text in texts:
            with self.subTest(text=text, is_prepared=is_prepared):
                ours, theirs = (self.behind(port, prior, text, is_prepared) for port in (self.target.port, self.server.port))
                self.assertIsInstance(theirs[0], m.Error)
                self.assertEqual(ours, theirs)


@each_product
class FailedCode(Sessions):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        connection = cls.server.connect()
        with connection.cursor() as cursor:
            for body, failure in itertools.product(LEFT, FAILURES):
                cursor.execute(f"create procedure {name_of(body + failure)}() begin {body}; {failure}; end")
            for body in SETS:
                table = name_of(body)
                cursor.execute(f"create table {table}(x int primary key)")
                cursor.execute(f"insert into {table} values (1)")
                cursor.execute(f"create trigger t{table} before insert on {table} for each row {body}")
                cursor.execute(f"create function f{table}() returns int no sql begin {body}; signal sqlstate '45000'; return 1; end")
        connection.close()

    def test_a_procedure(self):
        calls = [f"call {name_of(body + failure)}()" for body, failure in itertools.product(LEFT, FAILURES)]
        self.check(calls)
        self.check(calls, is_prepared=True)

    def test_a_function(self):
        self.check([f"select f{name_of(body)}()" for body in SETS])

    def test_a_trigger(self):
        inserts = [f"insert into {name_of(body)} values (1)" for body in SETS if "@a" not in body]  # what it fills goes unnoticed
        self.check(inserts)
        self.check(inserts, is_prepared=True)
        self.check(inserts, ["set sql_mode = 'no_zero_date'"])

    def test_what_a_session_leaves_that_ends_in_its_transaction(self):
        for body in SETS[:2]:
            session = self.open(self.target.port)
            session.query("begin")
            self.assertIsInstance(session.query(f"insert into {name_of(body)} values (1)")[0], m.Error)
            session.close()
            until_transactions_are(self.server, [], "its transaction is over")
            expected = self.seen(self.open(self.server.port))
            fresh = [self.open(self.target.port) for _ in range(CONNECTIONS)]
            for each in fresh:
                each.query("begin")  # so that each is on a connection of its own
            for each in fresh:
                self.assertEqual(self.seen(each), expected, body)
                each.query("rollback")
                each.close()


class CompoundStatements(Sessions, MySqlTest):
    """MariaDB's, outside of procedures."""

    product_name = "mariadb"

    def test_a_compound_statement(self):
        bodies = list(itertools.product(LEFT, FAILURES + FAILURES_INSIDE))
        self.check([block.format(*bodies[number % len(bodies)]) for number, block in enumerate(BLOCKS * len(bodies))][:len(BLOCKS) * len(LEFT)])
        self.check([block.format(body, FAILURES[0]) for block in BLOCKS[:3] for body in LEFT], is_prepared=True)
        quoted = [(f"execute immediate '{body.replace(chr(39), chr(39) * 2)}'", failure) for body, failure in bodies]
        self.check([block.format(*each) for block in ORACLE_BLOCKS for each in quoted], ["set sql_mode = 'oracle'"])

    def test_a_compound_statement_that_succeeds(self):
        session = self.open(self.target.port)
        session.query("if 1 then flush tables with read lock; do 1; end if")
        session.close()
        direct = self.open(self.server.port)
        direct.query("set lock_wait_timeout = 1")
        wait_until(lambda: not isinstance(direct.query("insert into once values (2)")[0], m.Error), "the lock has gone with its session")
        direct.query("delete from once where x = 2")

    def test_kill_in_a_compound_statement(self):
        session = self.open(self.target.port)
        for text in ("if 1 then kill 999999; end if", "begin not atomic kill 999999; end"):
            self.assertIn("KILL", session.query(text)[0].text, "the number means another connection there")


if __name__ == "__main__":
    unittest.main()
