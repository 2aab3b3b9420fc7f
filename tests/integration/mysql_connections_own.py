# SPDX-License-Identifier: Apache-2.0
#
# What belongs to one server connection and has forms that are easily taken for something else: what is said for the next transaction by
# SET @@name, GTIDs, sequences in MariaDB's ORACLE mode, COMMIT RELEASE. A session finds what it finds on a direct connection, and nothing
# of another session's.

import unittest

import mysql_packets as m
from mysql_fixture import MySqlTest, each_product, until_transactions_are
from mysql_packets import USUAL, Error, Gone
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire

GTIDS = 3  # a kind of change


class Sessions:
    through = staticmethod(lambda cluster: MySqlPenstock(cluster, {"workers": 1}, pool_size=2).start())

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.connect().close()  # so that the server knows the password's hash
        cls.server.sql("create table if not exists app.written(x int auto_increment primary key, y int)")

    def open(self, port=None):
        session = Wire(port or self.target.port, timeout=30).log_in("app", "app", PASSWORD, USUAL | m.MULTI_STATEMENTS | m.SESSION_TRACK)
        self.addCleanup(session.close)
        return session

    @staticmethod
    def answers(session, texts):
        return [result.text if isinstance(result, Error) else result.rows if isinstance(result, m.Rows) else "ok"
                for text in texts for result in session.query(text)]

    def both(self, texts, then=()):
        """What a session gets through Penstock and directly; in between another one takes its connection where it may."""
        told = []
        for port in (self.target.port, self.server.port):
            session, holder = self.open(port), self.open(port)
            first = self.answers(session, texts)
            holder.query("begin")
            holder.query("insert into written(y) values (5)")
            told.append((first, self.answers(session, then)))
            holder.query("rollback")
            session.close()
            holder.close()
        return told

    def check(self, texts, then=()):
        with self.subTest(texts=texts, then=then):
            ours, theirs = self.both(texts, then)
            self.assertEqual(ours, theirs)


@each_product
class ConnectionsOwn(Sessions):
    def test_what_is_said_for_the_next_transaction_by_a_variable(self):
        insert = "insert into written(y) values (1)"
        for prefix in ("tx_",) if self.is_mariadb else ("transaction_",):
            read_only, isolation = f"@@{prefix}read_only", f"@@{prefix}isolation"
            self.check([f"set {read_only} = 1"], [insert, insert, f"select {read_only}"])
            self.check([f"set {read_only} = 1", "begin"], [insert, "rollback", insert])
            self.check([f"set {read_only} = 1, @@lock_wait_timeout = 7"], [insert, "select @@lock_wait_timeout"])
            self.check([f"set {read_only} = 1", f"set {read_only} = 0"], [insert])
            self.check([f"set {isolation} = 'nonsense'", f"set @@lock_wait_timeout = 7, {read_only} = 5"], [insert])
            self.check([f"set session {read_only[2:]} = 1"], [insert, f"select {read_only}"])
            session = self.open()
            session.query(f"set {isolation} = 'read-uncommitted'")
            session.query("begin")
            session.query("insert into written(y) values (1)")
            until_transactions_are(self.server, ["READ UNCOMMITTED"], "it is the next transaction's", "trx_isolation_level")
            session.query("rollback")
            session.close()

    def test_commit_release(self):
        for text in ("commit release", "rollback work release", "rollback and no chain release"):
            for port in (self.target.port, self.server.port):
                session = self.open(port)
                self.assertEqual(self.answers(session, ["begin", "insert into written(y) values (1)", text]), ["ok"] * 3, text)
                with self.assertRaises(Gone, msg=text):
                    session.receive_exactly(1)
        for text in ("commit no release", "commit and chain no release", "rollback", "commit and chain release", "release savepoint release_it"):
            self.check([text], ["select 1", "rollback"])
        self.assertEqual(self.answers(self.open(), ["select 1"]), [[(b"1",)]])


class MySqlGtids(Sessions, MySqlTest):
    product_name = "mysql"

    def test_reports_of_own_ones_go_with_their_session(self):
        told = []
        for port in (self.target.port, self.server.port):
            session, holder = self.open(port), self.open(port)
            session.query("set session_track_gtids = OWN_GTID")
            kinds = []
            for text in ("begin", None):
                if text:
                    holder.query(text)
                kinds.append([kind for kind, _ in session.query("insert into written(y) values (1)")[0].changes if kind == GTIDS])
            told.append((kinds, self.answers(session, ["select @@session_track_gtids"]), self.answers(holder, ["select @@session_track_gtids"])))
            holder.query("rollback")
            session.simple(m.RESET_CONNECTION)
            self.assertEqual(self.answers(session, ["select @@session_track_gtids"]), [[(b"OFF",)]])
            session.close()
            holder.close()
        self.assertEqual(*told)


class MariaDbsOwn(Sessions, MySqlTest):
    product_name = "mariadb"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.sql("create or replace sequence app.numbers")

    def test_last_gtid_is_the_sessions(self):
        insert = "insert into written(y) values (1)"
        reads = ("select @@last_gtid <> '', @@warning_count", "select @@last_gtid = ''", "select length(@@session.last_gtid) > 0")
        for read in reads:
            self.check([insert], [read, read])
            self.check(["select 1"], [read, read])
            self.check([read, insert], [read])
            self.check([], [insert, read, "begin", insert, read, "rollback", read])
        self.check(["select 1", "select @@last_gtid <> '' /* as is */", insert], ["select @@last_gtid <> '' /* as is */"])
        session, holder = self.open(), self.open()
        session.query(insert)
        own = session.value("select @@last_gtid")
        holder.query("begin")
        holder.query(insert)
        self.assertEqual(session.value("select @@last_gtid"), own)
        holder.query("commit")
        self.assertNotEqual(holder.value("select @@last_gtid"), own)
        session.simple(m.RESET_CONNECTION)
        self.assertEqual(session.value("select @@last_gtid"), b"")
        prepared = self.open()
        self.assertEqual(prepared.execute(prepared.prepare("select length(@@last_gtid)").id)[-1].rows[0][0][-4:], b"\0\0\0\0")

    def test_a_sequence_in_oracle_mode(self):
        for how in ("select {0}.nextval is null", "insert into written(y) values ({0}.nextval)"):
            self.check(["set sql_mode = oracle", how.format("numbers")], ["select numbers.currval is null"])
            session, other = self.open(), self.open()
            for each in (session, other):
                each.query("set sql_mode = 'oracle'")
            session.query(how.format("app.numbers"))
            other.query("begin")
            self.assertEqual(self.answers(other, ["select app.numbers.currval"]), [[(None,)]], how)
            other.query("rollback")
            session.close()
            other.close()


if __name__ == "__main__":
    unittest.main()
