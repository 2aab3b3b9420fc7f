# SPDX-License-Identifier: Apache-2.0
#
# User variables behind statements that fail: products have set some of them by then, or only given them another collation or type. What a
# session finds afterwards, on another server connection if nothing keeps it on its own, is what a direct connection finds.

import itertools
import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import USUAL, Error, ServerError
from mysql_pair import normal
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire

PRIORS = ((), ("set @a = 5",), ("set @a = 'text'",), ("set @a = 1.25",), ("set @a = null",), ("set @a = 'text'", "set @a = null"),
          ("set collation_connection = latin1_bin", "set @a = 'l'", "set collation_connection = default"))
AT_RUN_TIME = "(select 1 union select 2)"
FAILURES = (
    "set @a = 'u',, ", "set @a = 'u' nonsense words", "set @a = 'u', nosuch = 1", "set nosuch = 1, @a = 'u'", "set @a = 'u', sql_mode = 'nonsense'",
    "set @a = 1, @b = (select 1 from nowhere)", f"set @a = 1, @b = {AT_RUN_TIME}", f"set @a = 'u', @b = {AT_RUN_TIME}",
    f"set @a = 1.5, @b = {AT_RUN_TIME}", f"set @a = null, @b = {AT_RUN_TIME}", f"set @a = _latin1'u', @b = {AT_RUN_TIME}",
    f"set @a = {AT_RUN_TIME}", "set @a = (select 'x' union select 'y')", "set @a = (select 'x' from nowhere)", "set @a = nosuch",
    f"set @a = concat('u', {AT_RUN_TIME})", f"set @a = concat('u', 'v'), @b = {AT_RUN_TIME}", f"set @b = @a := 'v', @c = {AT_RUN_TIME}",
    "set @a = 'u', global max_connections = 10", "set @a = 'u'; selec", "selec; set @a = 'u'",
    "select @a := 'z' from nowhere", f"select @a := 'z', {AT_RUN_TIME}", f"do (@a := 'z') + {AT_RUN_TIME}",
    "select @a := concat('r', id), (select x from two where two.id >= one.id) from two one order by id desc",
    f"select 'z', {AT_RUN_TIME} into @a, @b", "select 'z', 'y', 'x' into @a, @b", "select 'z' union select 'y' into @a", "get diagnostics condition 7 @a = mysql_errno",
)
# MySQL 9.7.4 answers COM_STMT_PREPARE with an OK packet here, and with MariaDB a mere COM_STMT_PREPARE gives @a another type.
NOT_PREPARED = ("set @a = 'u', global max_connections = 10",)


@each_product
class FailedStatements:
    through = staticmethod(lambda cluster: MySqlPenstock(cluster, {"workers": 1}, pool_size=2).start())

    def setUp(self):
        self.server.connect().close()  # so that the server knows the password's hash
        self.server.sql("create table if not exists app.two(id int primary key, x int)")
        self.server.sql("insert ignore into app.two values (1, 1), (2, 2)")

    def open(self, port):
        return Wire(port, timeout=30).log_in("app", "app", PASSWORD, USUAL | m.MULTI_STATEMENTS)

    def behind(self, port, prior, failure, is_prepared):
        """What it answers (not all products take all of them for errors), and what is left."""
        session = self.open(port)
        holder = self.open(port)
        try:
            for text in prior:
                session.rows(text)
            if is_prepared:
                made = session.prepare(failure)
                answer = made if isinstance(made, Error) else session.execute(made.id)[-1]
            else:
                answer = session.query(failure)[-1]
            holder.query("begin")  # on the server connection that the session has had, if it may
            holder.query("select @a := 'the holder''s'")
            left = [normal(session.query(text), self.is_mariadb, port == self.server.port) for text in
                    ("select @a", "select collation(@a), @b, @c", "select concat(@a, 'x')")]
            if not prior:  # how a variable that nobody has set is described is a new connection's alone
                left = [[result.rows for result in results] for results in left]
            return answer, left
        finally:
            session.close()
            holder.close()

    def check(self, failures, is_prepared):
        for prior, failure in itertools.product(PRIORS, failures):
            with self.subTest(prior=prior, failure=failure):
                ours, theirs = (self.behind(port, prior, failure, is_prepared) for port in (self.target.port, self.server.port))
                self.assertEqual(ours, theirs)

    def test_a_text(self):
        self.check(FAILURES, False)

    def test_a_prepared_statement(self):
        self.check([text for text in FAILURES if ";" not in text and text not in NOT_PREPARED], True)

    def test_what_no_server_has_run_keeps_no_connection(self):
        session = self.open(self.target.port)
        self.addCleanup(session.close)
        for text in ("set @a = 'u',, ", "set @a = (select 1) nonsense words"):
            with self.assertRaises(ServerError):
                session.rows(text)
        self.assertEqual(sum(count for name, count in self.target.metrics().items() if name.startswith("penstock_pinned_clients{")), 0)


if __name__ == "__main__":
    unittest.main()
