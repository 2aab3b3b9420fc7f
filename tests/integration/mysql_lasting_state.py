# SPDX-License-Identifier: Apache-2.0
#
# What outlasts COM_RESET_CONNECTION on the server: nobody else may have it, and the session that resets itself keeps it, as directly.

import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import CHANGE_USER, USUAL, Error, Rows
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire, proof

LOOK = ("select current_role()", "select x from vault.things")
RESET = "-- COM_RESET_CONNECTION"
OPEN_ROLES = [
    ["set role keeper"], ["set role 'keeper'"], ["/*!50000 set role keeper */"], ["do 1; set role keeper"], ["set role keeper; selec"],
    # Code in which nobody looks for it.
    ["prepare s from 'set role keeper'", "execute s"], ["prepare s from 'set role keeper'", "execute s", "deallocate prepare s"],
    ["call takes_the_role()"], ["call takes_the_role_and_fails()"], ["select takes_the_role_inside()"], ["do takes_the_role_inside()"],
]
ON_MARIADB = [["set @x = 1, role keeper"], ["set role keeper, @x = 1"], ["set @x = 1, role keeper, sql_mode = 'nonsense'"],
              ["set password = 'no hash', role keeper"], ["set statement lock_wait_timeout = 5 for set role keeper"],
              ["execute immediate 'set role keeper'"], ["begin not atomic set role keeper; end"]]


def run(session, text):
    if text == RESET:
        return [type(session.simple(m.RESET_CONNECTION))]
    return [each.rows if isinstance(each, Rows) else (each.code if isinstance(each, Error) else "ok") for each in session.query(text)]


class Sessions:
    """Each session through Penstock has a direct twin, which does the same."""

    pool_size = 1

    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, cls.settings(), pool_size=cls.pool_size).start()

    @classmethod
    def settings(cls):
        return {"workers": 1}

    def open(self, port):
        session = Wire(port, timeout=30).log_in("app", "app", PASSWORD, USUAL | m.MULTI_STATEMENTS)
        self.addCleanup(session.close)
        return session

    def leave(self, session):
        session.command(m.QUIT)
        session.expect_end()

    def found_behind(self, port, statements, look):
        """What the session finds itself, and what the next one does."""
        session = self.open(port)
        for text in statements:
            run(session, text)
        own = [run(session, text) for text in look]
        self.leave(session)
        other = self.open(port)
        found = [run(other, text) for text in look]
        self.leave(other)
        return own, found

    def check(self, ways, look):
        for statements in ways:
            with self.subTest(statements):
                ours, theirs = (self.found_behind(port, statements, look) for port in (self.target.port, self.server.port))
                self.assertEqual(ours, theirs)


def make_roles(server, is_mariadb):
    server.connect().close()  # so that the server knows the password's hash
    for text in ("drop role if exists keeper", "drop role if exists visitor", "create role keeper", "create role visitor",
                 "create database if not exists vault", "create table if not exists vault.things(x int)", "delete from vault.things",
                 "insert into vault.things values (42)", "grant select on vault.* to keeper", "grant keeper to app", "grant visitor to app"):
        server.sql(text)
    body = "sql security invoker begin set role keeper; {} end"
    for text in ("drop procedure if exists app.takes_the_role", "drop procedure if exists app.takes_the_role_and_fails",
                 "drop procedure if exists app.does_no_harm", "drop function if exists app.takes_the_role_inside",
                 "create procedure app.takes_the_role() " + body.format(""),
                 "create procedure app.takes_the_role_and_fails() " + body.format("signal sqlstate '45000';"),
                 "create procedure app.does_no_harm() begin do 1; end",
                 "create function app.takes_the_role_inside() returns int no sql " + body.format("return 1;")):
        server.sql(text)


@each_product
class Roles(Sessions):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_roles(cls.server, cls.product_name == "mariadb")

    @property
    def ways(self):
        return OPEN_ROLES + (ON_MARIADB if self.is_mariadb else [])

    def test_nobody_else_has_it(self):
        self.check(self.ways, LOOK)

    def test_a_session_that_resets_itself_keeps_it(self):
        self.check([[*statements, RESET] for statements in self.ways], LOOK)

    def test_it_stays_over_more_than_one_reset(self):
        self.check([["set role keeper", RESET, RESET, "begin", RESET], ["call takes_the_role()", RESET, "do 1", RESET]], LOOK)

    def test_nobody_else_has_it_behind_a_change_of_user(self):
        session = self.open(self.target.port)
        session.query("set role keeper")
        answer = proof(session.greeting.plugin, PASSWORD.encode(), session.greeting.scramble)
        session.command(CHANGE_USER, b"app\0" + bytes([len(answer)]) + answer + b"app\0")
        session.authenticate(PASSWORD.encode())
        self.assertIsInstance(session.query(LOOK[1])[-1], Error)
        self.assertIsInstance(self.open(self.target.port).query(LOOK[1])[-1], Error)

    def test_what_the_login_gives_is_found_again(self):
        self.server.sql("set default role visitor for app" if self.is_mariadb else "alter user app default role visitor")
        self.addCleanup(self.server.sql, "set default role none for app" if self.is_mariadb else "alter user app default role none")
        target = self.through(self.cluster)
        self.addCleanup(target.stop)
        for statements in (*self.ways, ["set role none"], ["prepare s from 'set role none'", "execute s"]):
            with self.subTest(statements):
                ours, theirs = (self.found_behind(port, statements, LOOK) for port in (target.port, self.server.port))
                self.assertEqual(ours, theirs)

    def test_code_that_sets_none_costs_no_connection(self):
        for default in (False, True):
            if default:
                self.server.sql("set default role visitor for app" if self.is_mariadb else "alter user app default role visitor")
                self.addCleanup(self.server.sql, "set default role none for app" if self.is_mariadb else "alter user app default role none")
            target = self.through(self.cluster)
            self.addCleanup(target.stop)
            numbers = []
            for _ in range(8):
                session = self.open(target.port)
                numbers.append(session.value("select @@pseudo_thread_id"))
                for text in ("call does_no_harm()", RESET, "call does_no_harm()", "prepare s from 'select 1'"):
                    run(session, text)
                numbers.append(session.value("select @@pseudo_thread_id"))
                self.leave(session)
            self.assertEqual(set(numbers[3 if default else 0:]), {numbers[-1]}, numbers)

    def test_code_that_sets_none_pins_no_longer_than_to_a_reset(self):
        session, other = self.open(self.target.port), self.open(self.target.port)
        session.query("call does_no_harm()")
        session.simple(m.RESET_CONNECTION)
        self.assertEqual(other.value("select 6 * 7"), b"42")  # there is one connection only


@each_product
class ExcusedRoles(Sessions):
    """With pin_policy "log_only" the session itself finds nothing of it later, and nobody else does."""

    @classmethod
    def settings(cls):
        return {"workers": 1, "pool": {"pin_policy": "log_only"}}

    def test_nobody_has_it(self):
        make_roles(self.server, self.is_mariadb)
        session, other = self.open(self.target.port), self.open(self.target.port)
        for statements in OPEN_ROLES + (ON_MARIADB if self.is_mariadb else []):
            with self.subTest(statements):
                for text in statements:
                    session.query(text)
                for each in (other, session):
                    self.assertIsInstance(each.query(LOOK[1])[-1], Error)


@each_product
class ResourceGroups(Sessions):
    LOOK = ("select resource_group from performance_schema.threads where processlist_id = @@pseudo_thread_id",)

    def test_nobody_else_is_in_it(self):
        if self.is_mariadb:
            return  # it has none
        self.server.connect().close()
        self.server.sql("create resource group slow type = user thread_priority = 19")
        self.addCleanup(self.server.sql, "drop resource group slow force")
        self.server.sql("grant resource_group_user on *.* to app")
        self.server.sql("grant select on performance_schema.threads to app")
        self.check([["set resource group slow"], ["set resource group slow", RESET]], self.LOOK)


@each_product
class WrittenDown(Sessions):
    """Texts of statements, with their literals."""

    SECRET = "select 'secret', count(*) from app.kept where x = 4711"
    LOOK = ("select query like '%4711%' from information_schema.profiling", "show profiles",
            "select query from information_schema.optimizer_trace where query like '%4711%'")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.connect().close()
        for text in ("create table if not exists app.kept(x int)", "drop procedure if exists app.profiles", "drop procedure if exists app.traces",
                     f"create procedure app.profiles() begin set profiling = 1; {cls.SECRET}; set profiling = 0; end",
                     f"create procedure app.traces() begin set optimizer_trace = 'enabled=on'; {cls.SECRET}; "
                     "set optimizer_trace = 'enabled=off'; end"):
            cls.server.sql(text)

    @property
    def ways(self):
        for begin, end in (("set profiling = 1", "set profiling = 0"), ("set @@profiling = 1", "set @@profiling = 0"),
                           ("set optimizer_trace = 'enabled=on'", "set optimizer_trace = default"),
                           ("set @@session.optimizer_trace = 'enabled=on'", "set @@optimizer_trace = 'enabled=off'")):
            yield from ([begin, self.SECRET], [begin, self.SECRET, end], [f"{begin}; {self.SECRET}; {end}"])
        yield from (["call profiles()"], ["call traces()"])
        if self.is_mariadb:
            yield [f"set statement optimizer_trace = 'enabled=on' for {self.SECRET}"]

    def found(self, port, statements):
        """What the next session finds."""
        session = self.open(port)
        for text in statements:
            run(session, text)
        self.leave(session)
        other = self.open(port)
        found = [run(other, text) for text in self.LOOK]
        self.leave(other)
        return found

    def test_nobody_else_reads_them(self):
        for way in self.ways:
            for statements in (way, [*way, RESET]):
                with self.subTest(statements):
                    self.assertEqual(*(self.found(port, statements) for port in (self.target.port, self.server.port)))

    def test_their_own_session_does(self):
        for way in self.ways:
            for statements in (way, [*way, RESET]):
                with self.subTest(statements):
                    ours, theirs = (self.own(port, statements) for port in (self.target.port, self.server.port))
                    self.assertEqual(ours, theirs)

    def own(self, port, statements):
        session = self.open(port)
        for text in statements:
            run(session, text)
        profiles = [row[2] for row in run(session, "show profiles")[0] if b"4711" in row[2]]
        traces = run(session, self.LOOK[2])
        self.leave(session)
        return profiles, traces


if __name__ == "__main__":
    unittest.main()
