# SPDX-License-Identifier: Apache-2.0
#
# The steps of the state-leak test of MySQL and MariaDB: all that a session can leave behind or ask of what it has left. A step is run by
# a pair (mysql_pair.py), so on a session through Penstock and on its direct twin; no more than CONNECTIONS - 1 pairs at a time do what
# makes a session hold on to its server connection.

import mysql_packets as m
from mysql_packets import Error

SESSIONS, CONNECTIONS = 50, 3

SETTINGS = {
    "sql_mode": ["''", "'ANSI_QUOTES'", "'NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES'", "concat(@@sql_mode, ',PIPES_AS_CONCAT')", "default"],
    "time_zone": ["'+00:00'", "'+05:30'", "'-03:00'", "default"],
    "lock_wait_timeout": ["5", "77", "default"],
    "group_concat_max_len": ["10", "2048", "default"],
    "div_precision_increment": ["2", "8", "default"],
    "sql_safe_updates": ["0", "off"],
    "foreign_key_checks": ["0", "1", "off"],
    "unique_checks": ["0", "on"],
    "auto_increment_increment": ["1", "10", "default"],
    "auto_increment_offset": ["1", "3", "default"],
    "lc_time_names": ["'de_DE'", "'en_US'", "'ja_JP'"],
    "sql_select_limit": ["2", "default"],
    "max_heap_table_size": ["1048576", "default"],
    "default_week_format": ["1", "0"],
    "wait_timeout": ["1000", "default"],
    "innodb_lock_wait_timeout": ["3", "default"],
    "sql_auto_is_null": ["0", "1"],
    "character_set_results": ["'latin1'", "null", "utf8mb4", "default"],
    "collation_connection": ["'latin1_general_ci'", "utf8mb4_bin", "default"],
    "character_set_client": ["'utf8mb4'", "latin1"],
    "timestamp": ["1700000000", "default"],
    "max_sort_length": ["64", "1024"],
}
NAMES = ["names utf8mb4", "names latin1", "names utf8mb4 collate utf8mb4_bin", "character set latin1", "names 'utf8mb4'", "names default",
         "names binary", "character set default", "names utf8mb4 collate utf8mb4_unicode_ci"]
VARIABLES = ["a", "b", "`The Third`"]
LITERALS = ["1", "-7", "'text'", "null", "2.5", "true"]
LOOK = ("select " + ", ".join(f"@@session.{name}" for name in SETTINGS if name != "timestamp") + ", " +
        ", ".join("@" + name for name in VARIABLES) + ", database(), @@session.character_set_connection, @@autocommit, "
        "@@session.{isolation}, @@session.{read_only}, if(@@session.timestamp > 1750000000, 'now', @@session.timestamp)")

PROCEDURES = [
    "create procedure app.sets_variables(x int) begin set @a = x; select x + 1 into @b; end",
    "create procedure app.sets_settings() begin set session lock_wait_timeout = 66; set sql_mode = 'ANSI_QUOTES'; end",
    "create procedure app.makes_a_table() begin create temporary table if not exists made_inside(x int); insert into made_inside values (1); end",
    "create procedure app.gives_rows(out y int) begin set y = 5; select 'first'; select 'second', y; end",
    "create procedure app.fails_late() begin set @b = 'before'; set time_zone = '+07:00'; signal sqlstate '45000'; end",
    "create procedure app.locks(name varchar(40)) begin do get_lock(name, 0); end",
    "create function app.remembers(x int) returns int no sql begin select x into @a; return x * 2; end",
]


class SessionSteps:
    """Mixed into a test that has `dice`, `pairs` and `is_mariadb`, and that can have a session reset or replaced by a new one."""

    # ---- which step ----

    def step(self, pair):
        may_hold = pair.holds_a_connection or sum(p.holds_a_connection for p in self.pairs) < CONNECTIONS - 1
        if pair.xa:
            self.go_on_with_xa(pair)
            return
        choices = [(25, self.set), (6, self.names), (10, self.user_variable), (12, self.look), (6, self.use), (8, self.make_an_error), (6, self.several),
                   (3, self.autocommit), (4, self.session_isolation), (5, self.ping), (1, self.multi_statements)]
        if pair.table_lock:
            choices += [(40, self.unlock)]
        else:
            choices += [(14, self.write), (12, self.last_insert_id), (8, self.counts), (12, self.warnings), (6, self.prepare),
                        (14, self.run_prepared), (4, self.forget)]
        if pair.in_transaction or pair.characteristics:
            choices += [(25, self.end_transaction), (8, self.savepoint)]
        elif may_hold and not pair.table_lock:
            choices += [(10, self.begin), (2, self.next_transaction), (2, self.lock_tables), (2, self.xa), (2, self.found_rows),
                        (4, self.cursor), (1, self.temporary_table), (1, self.sql_prepare), (1, self.named_lock),
                        (1, self.computed_variable), (5, self.call)]
        if pair.pinned and not pair.in_transaction:
            choices += [(10, self.reset_connection), (6, self.come_again)]
        choices += [(1, self.come_again), (1, self.reset_connection)]
        weights, actions = zip(*choices)
        self.dice.choices(actions, weights)[0](pair)

    def any_setting(self):
        name = self.dice.choice(list(SETTINGS))
        return name, self.dice.choice(SETTINGS[name])

    def set(self, pair):
        name, value = self.any_setting()
        form = self.dice.choice(["set {} = {}", "SET SESSION {} = {}", "set @@session.{} := {}", "set @@{} = {}", "set /* why */ {} ={}",
                                 "set local {} = {}", "/*!50000 set {} = {} */"])
        pair.sql(form.format(name, value))

    def names(self, pair):
        pair.sql("set " + self.dice.choice(NAMES))

    def user_variable(self, pair):
        name, literal = self.dice.choice(VARIABLES), self.dice.choice(LITERALS)
        other, second = self.dice.choice(VARIABLES), self.dice.choice(LITERALS)
        pair.sql(self.dice.choice([f"set @{name} = {literal}", f"set @{name} := {literal}, @{other} = {second}",
                                   f"set @{name} = {literal}, sort_buffer_size = 65536"]))
        pair.variables.add(name)

    def look(self, pair):
        pair.sql(LOOK)

    def use(self, pair):
        schema = self.dice.choice(["app", "other", "app", "other", "there_is_none"])
        if self.dice.random() < 0.5:
            pair.sql(f"use {schema}")
        else:
            pair.both(f"COM_INIT_DB {schema}", lambda wire, *_: wire.simple(m.INIT_DB, schema.encode()))

    def make_an_error(self, pair):
        pair.sql(self.dice.choice(["selec", "select * from there_is_none", "set sql_mode = 'nonsense'", "set no_such_variable = 1",
                                   "set @a = 5, sql_mode = 'nonsense'", "set time_zone = '+99:00'", "set names klingon"]))

    def several(self, pair):
        (one, first), (two, second) = self.any_setting(), self.any_setting()
        texts = [f"set {one} = {first}; set {two} = {second}", f"set {one} = {first}; selec; set {two} = {second}",
                 f"set @a = 3; set {one} = {first}; select @a, @@session.{one if one != 'timestamp' else two}" if "timestamp" not in (one, two)
                 else "select 1; select 2", "select 1; select 2, 3; select 4"]
        if not pair.table_lock:
            texts += ["insert into {t}(x) values (null); select last_insert_id(), row_count()"]
        pair.sql(self.dice.choice(texts))

    def autocommit(self, pair):
        if pair.holds_a_connection:
            pair.sql(self.dice.choice(["set autocommit = 0", "set autocommit = 1"]) if not pair.table_lock else "set autocommit = 1")

    def session_isolation(self, pair):
        pair.sql("set session transaction " + self.dice.choice(["isolation level read committed", "isolation level repeatable read",
                                                                "isolation level serializable", "read write"]))

    def ping(self, pair):
        pair.both("COM_PING", lambda wire, *_: wire.ping())

    def multi_statements(self, pair):
        option = self.dice.choice([b"\0\0", b"\1\0", b"\2\0"])
        pair.both(f"COM_SET_OPTION {option}", lambda wire, *_: wire.simple(m.SET_OPTION, option))

    def write(self, pair):
        if pair.status & m.AUTOCOMMIT or pair.holds_a_connection:
            pair.sql(self.dice.choice(["insert into {t}(x) values (null)", "insert into {t}(x) values (null), (null), (null)",
                                       f"insert into {{t}} values ({self.dice.randrange(1, 4000)}, null)",
                                       f"insert ignore into {{t}}(x) values ('{self.dice.randrange(20)}')",
                                       f"replace into {{t}}(x) values ('{self.dice.randrange(20)}')",
                                       f"update {{t}} set x = null where id < {self.dice.randrange(50)}", "delete from {t} where id % 3 = 0",
                                       f"insert into {{t}}(id, x) values (7, null) on duplicate key update id = last_insert_id(id)",
                                       "insert into {t}(x) select null from (select 1) d"]))

    def last_insert_id(self, pair):
        pair.sql(self.dice.choice(["select last_insert_id()", "select @@last_insert_id, @@identity", "select last_insert_id(42)",
                                   "select LAST_INSERT_ID ( ), 1", "set @a = 1", "do last_insert_id(7)"]))

    def counts(self, pair):
        text = self.dice.choice(["select row_count()", "select found_rows()", "select found_rows(), row_count() from dual", "do 1",
                                 "select 1 union select 2 union select 3"])
        pair.sql(text)
        if "found_rows" in text:
            pair.sql("do 1")  # SHOW WARNINGS would tell of its deprecation

    def warnings(self, pair):
        if self.is_mariadb:
            # MariaDB shows what earlier statements left while later ones use no table; who comes by Penstock sees the last one's only.
            pair.sql(self.dice.choice(["select 1 from (select 1) d", "selec", "select * from there_is_none",
                                       "drop table if exists there_is_none", "do cast('y' as signed)"]))
        pair.sql(self.dice.choice(["show warnings", "show warnings", "show warnings limit 1", "select 1/0", "select cast('abc' as signed)",
                                   "select 1/0 union select cast('x' as signed)", "show errors", "show count(*) warnings",
                                   "select @@warning_count", "select @@warning_count, @@error_count", "drop table if exists there_is_none",
                                   "selec", "do cast('y' as signed)"]))
        # What asks for more than SHOW WARNINGS may pin from its first use.
        if any(word in pair.history[-1] for word in ("errors", "count", "limit")):
            self.may_be_pinned(pair)

    def prepare(self, pair):
        if len(pair.statements) < 5:
            # Only of a variable that was set; how one is described that nobody has set, see mysql_pair.normal(), shows in conversions of it.
            variable = "@" + self.dice.choice(sorted(pair.variables)) if pair.variables and not pair.pinned else "cast(@a as char(30))"
            # ifnull(), since MariaDB 10.11 leaves FOUND_ROWS() as it was where NULL makes a WHERE impossible, and no reply tells of that.
            text = self.dice.choice([f"select 'session {pair.number}', ?, {variable}, database()", "select @@session.time_zone, @@session.sql_mode",
                                     "select ? + 1, concat('', ?)", "insert into {t}(x) values (?)", "select count(*) from {t} where id > ifnull(?, 1)",
                                     "selec ?", "set @a = ?" if pair.pinned else "select 'é', \"?\"", "do 0"])
            pair.prepare(text)
            if text.startswith("select 'session") and not variable.startswith("cast"):
                pair.showing.add(pair.statements[-1])

    def before_unknown_values(self, pair):
        """What stored code and expressions give to variables is not carried, so a server that has not prepared a statement yet cannot be
        made to know its variables' types of back then. Such statements are given up."""
        for ids in sorted(pair.showing):
            if ids in pair.statements:
                pair.statements.remove(ids)
                pair.both(f"close {ids}", lambda wire, _, side: wire.close_statement(ids[side]))
        pair.showing.clear()
        pair.variables.clear()
        pair.pinned = True

    def run_prepared(self, pair):
        # MySQL 9.7.4 itself gives no rows without a cursor where the statement has had one: OK comes behind the definitions.
        usable = [ids for ids in pair.statements if self.is_mariadb or ids not in pair.scrolled]
        if usable and (pair.status & m.AUTOCOMMIT or pair.holds_a_connection):
            ids = self.dice.choice(usable)
            values = [self.dice.choice(["1", "22", "text", None]) for _ in range(pair.parameters[ids])]
            pair.execute(ids, values)
            pair.cursors.discard(ids)

    def forget(self, pair):
        if pair.statements:
            ids = self.dice.choice(pair.statements)
            if self.dice.random() < 0.5:
                pair.statements.remove(ids)
                pair.both(f"close {ids}", lambda wire, _, side: wire.close_statement(ids[side]))
            else:
                pair.both(f"reset {ids}", lambda wire, _, side: wire.simple(m.RESET, ids[side].to_bytes(4, "little")))
            pair.cursors.discard(ids)

    def cursor(self, pair):
        pair.prepare("select 1 as n union select 2 union select 3 union select 4")
        ids = pair.statements[-1]
        opened = pair.execute(ids, (), 1)[-1]
        if isinstance(opened, Error):
            return
        pair.cursors.add(ids)
        pair.scrolled.add(ids)
        for _ in range(self.dice.randrange(4)):
            done = pair.both(f"fetch {ids}", lambda wire, _, side: wire.fetch(ids[side], 2, opened.columns))[1]
            if isinstance(done, Error) or done.status & m.LAST_ROW_SENT:
                pair.cursors.discard(ids)
                return

    # ---- transactions ----

    def begin(self, pair):
        pair.sql(self.dice.choice(["begin", "start transaction", "start transaction read only", "start transaction with consistent snapshot"]))
        pair.characteristics = False

    def end_transaction(self, pair):
        pair.sql(self.dice.choice(["commit", "commit", "rollback", "commit and no chain", "create or replace view {t}_v as select 1"]))
        pair.characteristics = False

    def savepoint(self, pair):
        name = self.dice.choice("ab")
        pair.sql(self.dice.choice(["savepoint {}", "rollback to savepoint {}", "rollback to {}", "release savepoint {}"]).format(name))

    def next_transaction(self, pair):
        pair.characteristics = True
        pair.sql("set transaction " + self.dice.choice(["isolation level serializable", "read only", "isolation level read committed"]))

    def lock_tables(self, pair):
        results = pair.sql(self.dice.choice(["lock tables {t} write", "lock tables {t} read"]))
        pair.table_lock = not isinstance(results[-1], Error)

    def unlock(self, pair):
        pair.sql("unlock tables")
        pair.table_lock = False

    def xa(self, pair):
        if pair.status & m.AUTOCOMMIT:
            pair.sql("xa start '{xid}'")
            pair.xa = 1

    def go_on_with_xa(self, pair):
        texts = {1: ["insert into {t}(x) values (null)", "xa end '{xid}'"], 2: ["xa prepare '{xid}'", "xa rollback '{xid}'",
                                                                              "xa commit '{xid}' one phase"],
                 3: ["xa commit '{xid}'", "xa rollback '{xid}'"]}
        text = self.dice.choice(texts[pair.xa])
        results = pair.sql(text)
        self.assertNotIsInstance(results[-1], Error, text)
        pair.xa = {"insert": 1, "xa end": 2, "xa pre": 3}.get(text[:6], 0)

    # ---- what pins ----

    def may_be_pinned(self, pair):
        """Counted as holding a connection; a reset makes sure that it does not stay so."""
        if not pair.holds_a_connection:
            self.reset_connection(pair)
        else:
            pair.pinned = True

    def found_rows(self, pair):
        pair.sql("select sql_calc_found_rows 1 from (select 1 union select 2 union select 3) d limit 1")
        pair.sql("select found_rows()")
        pair.sql("do 1")

    def temporary_table(self, pair):
        pair.pinned = True
        pair.sql("create temporary table if not exists mine(x varchar(20))")
        pair.sql(f"insert into mine values ('{pair.number}')")
        pair.sql("select x from mine")

    def sql_prepare(self, pair):
        self.before_unknown_values(pair)
        pair.sql(f"prepare mine_too from 'select ''sql {pair.number}'', ?'")
        pair.sql("set @a = 9")
        pair.sql("execute mine_too using @a")
        if self.dice.random() < 0.5:
            pair.sql("deallocate prepare mine_too")

    def named_lock(self, pair):
        pair.pinned = True
        pair.sql("select get_lock('{lock}', 0)")
        pair.sql(self.dice.choice(["select release_lock('{lock}')", "select is_used_lock('{lock}') = connection_id()", "do 0"]))

    def computed_variable(self, pair):
        self.before_unknown_values(pair)
        pair.sql(self.dice.choice(["set @a = (select 40 + 2)", "select 7 into @b", "select @b := 5", "set @`The Third` = concat('x', database())"]))
        pair.sql(LOOK)

    def call(self, pair):
        self.before_unknown_values(pair)
        text = self.dice.choice(["call app.sets_variables(5)", "call app.sets_settings()", "call app.makes_a_table()", "call app.gives_rows(@a)",
                                   "call app.fails_late()", "call app.locks('{lock}')", "select app.remembers(5)", "select `app`.`remembers`(6) as x",
                                 "set @b = app.remembers(7)", "call app.there_is_none()"])
        pair.sql(text)
        if self.is_mariadb and "sets_settings" in text:
            # MariaDB 10.11 puts sql_mode back when a procedure ends, but leaves the flag that tells of ANSI_QUOTES as the procedure had it,
            # until somebody sets sql_mode; and Penstock does, to itself, to hear of it.
            pair.unsure_flags = m.ANSI_QUOTES
        pair.sql(LOOK)
