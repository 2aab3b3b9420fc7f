# SPDX-License-Identifier: Apache-2.0
#
# State that cannot be carried from one server connection to another keeps the session on the one it has, and is gone from there when
# the client leaves.

import contextlib
import unittest

from fixture import ProxyTest
from wait import wait_until


class Pins(ProxyTest):
    pool_size = 3

    def stays(self, setup, check, expected, reason):
        """After `setup` the session meets the same backend in every transaction, `check` finds the state there, and others do not."""
        session = self.wire()
        for statement in [setup] if isinstance(setup, str) else setup:
            session.simple(statement)
        pids = set()
        for _ in range(4):
            with contextlib.closing(self.penstock.wire()) as other:
                other.simple("begin")
                pids.add(session.simple("select pg_backend_pid()")[0][0])
                self.assertEqual(session.simple(check), expected)
                other.simple("commit")
        self.assertEqual(len(pids), 1, "the session moved")
        pins = self.pins()
        self.assertTrue(any(reason in name and number >= 1 for name, number in pins.items()), f"no pin for {reason}: {pins}")
        session.close()
        return pids.pop()

    def pins(self):
        return {name: number for name, number in self.penstock.metrics().items() if "pin" in name}

    def clean_again(self, check, expected):
        """Every backend of the pool answers `check` as one without that state, sooner or later."""
        self.wait_for_no_lease()
        holders = [self.wire() for _ in range(self.pool_size)]
        for holder in holders:
            holder.simple("begin")
        for holder in holders:
            self.assertEqual(holder.simple(check), expected)
            holder.simple("commit")
            holder.close()

    def test_temporary_table(self):
        self.stays("create temp table mine as select 42 as x", "select x from mine", [("42",)], "temp")
        self.clean_again("select count(*) from pg_class where relname = 'mine'", [("0",)])

    def test_other_temporary_objects(self):
        self.stays(["create temporary view seen as select 1 as one", "create temp sequence counted"],
                   "select one from seen", [("1",)], "temp")
        self.clean_again("select count(*) from pg_class where relname in ('seen', 'counted')", [("0",)])

    def test_select_into_temp(self):
        self.stays("select 7 as x into temp chosen", "select x from chosen", [("7",)], "temp")
        self.clean_again("select count(*) from pg_class where relname = 'chosen'", [("0",)])

    def test_session_advisory_lock(self):
        locked = "select count(*) from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()"
        self.stays("select pg_advisory_lock(42)", locked, [("1",)], "lock")
        wait_until(lambda: self.server.sql("select count(*) from pg_locks where locktype = 'advisory'") == [(0,)],
                   "the lock is given up")

    def test_listen(self):
        session = self.wire()
        session.simple("listen news")
        self.server.sql("notify news, 'while idle'", user="app")
        message = wait_until(lambda: self.received_notification(session), "the notification arrives at an idle client")
        self.assertIn(b"news\0while idle\0", message.body)
        self.assertEqual(session.simple("select * from pg_listening_channels()"), [("news",)])
        session.close()
        self.clean_again("select count(*) from pg_listening_channels()", [("0",)])

    def received_notification(self, wire):
        wire.socket.settimeout(0.2)
        try:
            return next((m for m in [wire.receive()] if m.type == "A"), None)
        except TimeoutError:
            return None
        finally:
            wire.socket.settimeout(20)

    def test_hold_cursor(self):
        self.stays(["begin", "declare held cursor with hold for select generate_series(1, 3)", "commit"],
                   "select name from pg_cursors where is_holdable", [("held",)], "cursor")
        self.clean_again("select count(*) from pg_cursors where is_holdable", [("0",)])

    def test_prepared_by_sql_does_not_leak(self):
        session = self.wire()
        session.simple("prepare mine as select 'mine'")
        self.assertEqual(session.simple("execute mine"), [("mine",)])
        session.close()
        self.clean_again("select count(*) from pg_prepared_statements where name = 'mine'", [("0",)])

    def test_an_open_transaction_is_rolled_back_when_the_client_leaves(self):
        for leave in ("close", "reset"):
            session = self.wire()
            session.simple("begin; create table unfinished(x int)")
            getattr(session, leave)()
            self.wait_for_no_lease()
            self.assertEqual(self.server.sql("select to_regclass('unfinished')"), [(None,)])
        self.assert_others_unaffected()

    def test_load_and_unknown_statements_stay(self):
        session = self.wire()
        session.simple("do $$ begin perform set_config('app.hidden', 'x', false); end $$")
        pids = set()
        for _ in range(4):
            with contextlib.closing(self.penstock.wire()) as other:
                other.simple("begin")
                pids.add(session.simple("select pg_backend_pid()")[0][0])
                other.simple("commit")
        self.assertEqual(len(pids), 1)
        self.assertEqual(session.simple("select current_setting('app.hidden')"), [("x",)])

    def test_a_plain_client_is_not_pinned(self):
        session = self.wire()
        before = sum(n for name, n in self.pins().items() if "now" in name or "current" in name)
        session.simple("select 1")
        session.prepared("select $1::int", (1,))
        session.simple("begin; select 1; commit")
        session.simple("set work_mem = '99kB'")
        after = sum(n for name, n in self.pins().items() if "now" in name or "current" in name)
        self.assertEqual(before, after)
        self.assertEqual(self.busy_backends(), [])


if __name__ == "__main__":
    unittest.main()
