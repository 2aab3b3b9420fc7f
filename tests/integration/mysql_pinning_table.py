# SPDX-License-Identifier: Apache-2.0
#
# docs/pinning.md for MySQL and MariaDB, row by row, on real servers: what is virtualised pins nothing, what ends ends when it does and not
# before, and what lasts until a reset lasts until COM_RESET_CONNECTION.

import json
import unittest

from mysql_fixture import each_product
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from pinning import carried, check_rows, elsewhere, ends, lasts, stays
from wait import wait_until

COM_PING, COM_RESET_CONNECTION = 0x0E, 0x1F
LIMIT = 64 * 1024


class only:
    """The case holds for one product."""

    def __init__(self, product, case):
        self.product, self.case = product, case


def prepared(text, values=()):
    def run(session):
        session.execute(session.prepare(text).id, values)
    return run


def prepare(text):
    def run(session):
        session.prepared = getattr(session, "prepared", []) + [session.prepare(text).id]
    return run


def close_prepared(session):
    for each in session.prepared:
        session.close_statement(each)


def ping(session):
    session.simple(COM_PING)


BACK = "-- its connection is back in the pool"
# A client that has once asked for more than SHOW WARNINGS, of what no server had any more.
CURIOUS = ("select cast('x' as signed)", BACK, "select @@warning_count")

TABLE = {
    "a text over 16 KB": [carried("select '" + "x" * 20000 + "'"), elsewhere("mysql_large_packets.py")],
    "`COM_STMT_PREPARE` and its kin": [elsewhere("mysql_wire_details.py")],
    "`PREPARE`, `EXECUTE` as SQL": [lasts("prepare mine from 'select 1'", reason="sql_prepare")],
    "session system variables, `USE`, `SET NAMES`": [carried("set sql_mode = 'ANSI'", "set names utf8mb4", "use app", "set time_zone = '+01:00'")],
    "a variable whose change no report tells": [elsewhere("mysql_wire_details.py")],
    "`SET @x = literal`": [carried("set @x = 5", "select @x")],
    "user variables that get anything else (`:=`, `INTO @x`, expressions)": [
        lasts("select 1 into @x", reason="user_variable"), lasts("set @x = 1 + 1", reason="user_variable")],
    "`SET TRANSACTION` for the next one, also as `SET @@transaction_read_only = ...`": [ends("set transaction read only", "select count(*) from counted", None)],
    "`LOCK TABLES`": [ends("lock tables counted read", "unlock tables", None)],
    "`FLUSH TABLES WITH READ LOCK`, `FLUSH TABLES ... FOR EXPORT`": [ends("flush tables counted with read lock", "unlock tables", "table_lock")],
    "`LOCK INSTANCE FOR BACKUP`": [only("mysql", lasts("lock instance for backup", reason="advisory_lock"))],
    "`BACKUP LOCK`, `BACKUP STAGE START` (MariaDB)": [
        only("mariadb", ends("backup lock counted", "backup unlock", "advisory_lock", outlives=("do 1", "unlock tables", "backup stage end"))),
        only("mariadb", ends(["backup lock counted", "backup lock two"], "backup unlock", "advisory_lock")),
        only("mariadb", ends("backup stage start", "backup stage end", "advisory_lock", ["backup stage flush", "backup unlock"])),
        only("mariadb", ends(["backup stage start", "backup lock counted", "backup stage end"], "backup unlock", "advisory_lock")),
        only("mariadb", ends(["do get_lock('a', 1)", "backup lock counted", "do release_lock('a')"], "backup unlock", "advisory_lock")),
        only("mariadb", ends(["do get_lock('a', 1)", "backup lock counted", "select release_all_locks()"], "backup unlock", "advisory_lock")),
        only("mariadb", ends(["do get_lock('a', 1)", "backup lock counted", "backup unlock"], "do release_lock('a')", "advisory_lock")),
        only("mariadb", ends(prepared("backup lock counted"), prepared("backup unlock"), "advisory_lock"))],
    "`GET_LOCK()`, the locking service, version tokens": [
        ends("select get_lock('mine', 1)", "select release_lock('mine')", "advisory_lock"),
        ends(["select get_lock('mine', 1)", "select get_lock('mine', 1)", "do release_lock('mine')"], "do release_lock('mine')", "advisory_lock"),
        ends(["do get_lock('a', 1), get_lock('b', 1)", "do release_lock('a')"], "do release_lock('b')", "advisory_lock"),
        ends(["do get_lock('a', 1)", "do get_lock(concat('b', 'c'), 1)", "do release_lock('a')"], "select release_all_locks()", "advisory_lock"),
        ends("do get_lock('a', 1)", prepared("select release_lock('a')"), "advisory_lock"),
        ends(prepared("do get_lock(?, 1)", ["mine"]), prepared("do release_lock(?)", ["mine"]), "advisory_lock"),
        ends([prepared("select get_lock(?, ?)", ["a", "1"]), "do get_lock('b', 1)", "do release_lock('b')"],
             prepared("select release_lock(?)", ["a"]), "advisory_lock"),
        lasts(prepared("do get_lock(concat(?), 1)", ["a"]), "do release_lock('a')", reason="advisory_lock"),
        lasts("do get_lock('a' 'b', 1)", "do release_lock('ab')", reason="advisory_lock"),
        lasts("do get_lock(concat('a'), 1)", reason="advisory_lock")],
    "`CREATE TEMPORARY TABLE`": [
        ends("create temporary table mine(x int)", "drop temporary table mine", "temporary_object"),
        lasts("create temporary table mine(x int)", "drop temporary table if exists mine, nothing", reason="temporary_object"),
        lasts("create temporary table a(x int)", "create temporary table b(x int)", "alter table b rename to c", "drop temporary table a",
              "drop temporary table if exists nothing", reason="temporary_object"),
        ends("create temporary table mine select 1", prepared("drop temporary table mine"), "temporary_object"),
        ends(["create temporary table a(x int)", "create temporary table b(x int)"], "drop temporary table a, b", "temporary_object"),
        lasts("create temporary table a(x int)", "create temporary table b(x int)", "drop temporary table a /*!999998 , b */",
              reason="temporary_object")],
    "`HANDLER ... OPEN`": [ends("handler counted open", "handler counted close", "handler", ["handler counted read first"])],
    "`SET ROLE`": [stays("set role none", reason="role"), only("mariadb", stays("set @x = 1, role none", reason="role"))],
    "`SET rand_seed1`": [lasts("set rand_seed1 = 5", reason="setseed")],
    "`SET RESOURCE GROUP`": [elsewhere("mysql_lasting_state.py")],
    "`SET profiling`, `SET optimizer_trace`, where that switches them on": [
        *(stays(text, reason="unknown_setting") for text in ("set profiling = 1", "set @@profiling = on", "set optimizer_trace = 'enabled=on'")),
        carried("set profiling = 0", "set @@profiling = off", "set profiling = default", "set profiling_history_size = 5",
                "set optimizer_trace = 'enabled=off'")],
    "`LAST_INSERT_ID()`": [carried("insert into counted values (null)", "select last_insert_id()")],
    "`ROW_COUNT()`, `FOUND_ROWS()`": [carried("select row_count()", "select found_rows()"), elsewhere("mysql_wire_details.py"),
                                      ends(prepare("select row_count()"), close_prepared, "diagnostics"),
                                      ends([prepare("select found_rows()"), prepare("select 1")], close_prepared, "diagnostics")],
    "`@@last_gtid` (MariaDB)": [only("mariadb", carried("insert into counted values (null)", "select @@last_gtid")),
                               elsewhere("mysql_connections_own.py")],
    "`SQL_CALC_FOUND_ROWS`": [ends("select sql_calc_found_rows 1", "select 1", None)],
    "`SHOW WARNINGS`": [carried("select cast('x' as signed)", "show warnings")],
    "`GET DIAGNOSTICS`, `SHOW ERRORS`, `@@warning_count`": [
        ends([*CURIOUS, "drop table if exists nothing"], "select count(*) from counted", "diagnostics", ["show errors"], outlives=()),
        ends([*CURIOUS, "selec"], "insert into counted values (null)", "diagnostics", ["show count(*) warnings", ping], outlives=()),
        only("mysql", ends([*CURIOUS, "selec"], "do 1", "diagnostics", outlives=())),
        only("mariadb", ends([*CURIOUS, "selec"], "select count(*) from counted", "diagnostics")),
        only("mariadb", ends(prepare("select @@warning_count"), close_prepared, "diagnostics"))],  # MySQL does not prepare it
    "executable comments `/*! */`, `/*M! */`": [carried("select 1 /*!50000 + 1 */"), elsewhere("mysql_wire_details.py")],
    "`CALL`, stored functions, `EXECUTE IMMEDIATE`, compound statements outside of procedures (MariaDB: `BEGIN NOT ATOMIC`, `IF`, `FOR` ...)": [
        lasts("call nothing_much()", reason="opaque"), only("mariadb", lasts("if 1 then do 1; end if", reason="opaque")),
        elsewhere("mysql_failed_code.py")],
    "sequences (MariaDB), also by `s.NEXTVAL` under `sql_mode=ORACLE`": [only("mariadb", lasts("select nextval(numbers)", reason="sequence"))],
    "`SET STATEMENT ... FOR` (MariaDB)": [only("mariadb", carried("set statement max_statement_time = 5 for select 1"))],
    "a change that the server reports without saying what": [elsewhere("mysql_wire_details.py")],
    "a server that tells nothing of its session's state": [elsewhere("mysql_hostile_servers.py")],
    "variables that triggers and views fill": [elsewhere("mysql_wire_details.py")],
    "an open transaction, `LOAD DATA LOCAL`": [elsewhere("mysql_pooling.py")],
}
CASES = {what: [case.case if isinstance(case, only) else case for case in cases] for what, cases in TABLE.items()}


class Rows(unittest.TestCase):
    def test_every_row_is_walked(self):
        check_rows(self, "MySQL and MariaDB", CASES)


@each_product
class PinningTable:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"workers": 1, "clients": {"max_inspected_statement": LIMIT}}, pool_size=3).start()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        connection = cls.server.connect()
        with connection.cursor() as cursor:
            cursor.execute("create or replace table counted(x int auto_increment primary key)" if cls.product_name == "mariadb"
                           else "create table counted(x int auto_increment primary key)")
            cursor.execute("create procedure nothing_much() begin end")
            if cls.product_name == "mariadb":
                cursor.execute("create sequence numbers")
        connection.close()

    def open(self):
        return Wire(self.target.port).log_in("app", "app", PASSWORD)

    def pins(self):
        return {row["reason"] for row in json.loads(self.target.http("/pins")[1])["pins"]}

    def is_free(self):
        """The only client holds no server connection."""
        return all(pool["cl_active"] == 0 or pool["sv_active"] == 0 for pool in self.pools())

    def pools(self):
        return [row for row in json.loads(self.target.http("/stats")[1])["pools"] if row["user"] == "app"]

    def run_all(self, session, statements):
        for statement in [statements] if isinstance(statements, str) or callable(statements) else statements:
            if statement == BACK:
                wait_until(self.is_free, "its connection is back in the pool")
            else:
                statement(session) if callable(statement) else session.query(statement)

    def walk(self, case):
        session = self.open()
        wait_until(lambda: self.pins() == set(), "the session before has left")
        try:
            if isinstance(case, carried):
                for statement in case.statements:
                    self.run_all(session, statement)
                    self.assertEqual(self.pins(), set(), statement)
                wait_until(self.is_free, "its connection is back in the pool")
                return
            self.run_all(session, case.begin if isinstance(case, ends) else case.statements)
            if case.reason is None:
                self.assertFalse(self.is_free(), "it left its connection")
            else:  # what MariaDB does not report is asked behind the answer
                wait_until(lambda: case.reason in self.pins(), f"{case.reason} is told")
                self.run_all(session, [*case.in_between, *case.outlives] if isinstance(case, ends) else "do 1")
                self.assertIn(case.reason, self.pins(), "it has ended too early")
            if isinstance(case, ends):
                self.run_all(session, case.end)
            else:
                session.simple(COM_RESET_CONNECTION)
            if isinstance(case, stays):
                self.run_all(session, "do 1")
                self.assertIn(case.reason, self.pins(), "it has ended too early")
                return
            wait_until(lambda: self.pins() == set(), f"the pin ends: {self.pins()}")
            wait_until(self.is_free, "its connection is back in the pool")
            self.assertEqual(session.value("select 6 * 7"), b"42")
        finally:
            session.close()

    def test_rows(self):
        for what, cases in TABLE.items():
            for number, case in enumerate(cases):
                if isinstance(case, only):
                    if case.product != self.product_name:
                        continue
                    case = case.case
                if not isinstance(case, elsewhere):
                    with self.subTest(what=what, case=number):
                        self.walk(case)


if __name__ == "__main__":
    unittest.main()
