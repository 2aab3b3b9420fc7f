# SPDX-License-Identifier: Apache-2.0
#
# Session parameters under transaction pooling: what a session sets it finds on every server connection, and nobody else finds it. Each
# list of steps is played on a direct connection as well, and the answers must agree.

import unittest

from fixture import ProxyTest, rows, value
from pgwire import SYNC, ServerError, bind, execute, parse


def play(wire, steps, before_each=lambda: None):
    """Runs the steps and gives what each answered: rows, or the error's code; and the transaction's state."""
    answers = []
    for step in steps:
        before_each()
        try:
            answers.append((step, wire.simple(step), wire.status))
        except ServerError as error:
            answers.append((step, error.sqlstate, wire.status))
    return answers


class SessionSettings(ProxyTest):
    pool_size = 3

    def same_as_direct(self, *steps, startup=None):
        """The steps, on a direct connection and through Penstock while another session keeps changing the same settings."""
        startup = startup or {}
        expected = play(self.direct_wire(**startup), steps)
        session, disturber = self.wire(**startup), self.wire()

        def disturb():
            disturber.simple("set work_mem = '7777kB'; set search_path = 'pg_catalog'; set timezone = 'Asia/Tokyo';"
                             "set app.tenant = 'somebody else'; set role none; set statement_timeout = 99999;"
                             "set application_name = 'disturber'; set datestyle = 'German'; set role other")
            if session.status == "I":
                blocker = self.wire()  # takes the backend that is first in line, so that the session meets another
                blocker.simple("begin; select 1")
                self.addCleanup(blocker.close)
                blocker.simple("commit")
        self.assertEqual(play(session, steps, disturb), expected)

    def test_set_holds(self):
        self.same_as_direct("set work_mem = '123kB'", "show work_mem", "select 1", "show work_mem")

    def test_names_and_forms_of_set(self):
        self.same_as_direct("SET Work_Mem TO 2048", "show work_mem", "set session statement_timeout = '5s'",
                            "show statement_timeout", "set time zone 'Europe/Berlin'", "show timezone", "set time zone local",
                            "show timezone", "set datestyle to 'SQL', 'DMY'", "show datestyle", "set names 'LATIN1'",
                            "show client_encoding", "set client_encoding to utf8", "show client_encoding", "set schema 'pg_catalog'",
                            "show search_path", "set session characteristics as transaction isolation level serializable",
                            "show default_transaction_isolation", "set xmloption to document", "show xmloption")

    def test_set_with_several_values_and_quotes(self):
        self.same_as_direct("create schema if not exists \"Odd, name\"", "set search_path = \"Odd, name\", public, '$user'",
                            "show search_path", "select current_schemas(false)", "set search_path to ''", "show search_path",
                            "set search_path to default", "show search_path", "drop schema \"Odd, name\"")

    def test_custom_settings_for_row_level_security(self):
        self.same_as_direct("set app.tenant = 'seven'", "select current_setting('app.tenant')", "set app.tenant to '8''9'",
                            "show app.tenant", "reset app.tenant", "show app.tenant")

    def test_set_config_is_a_set(self):
        self.same_as_direct("select set_config('app.tenant', 'x', false)", "show app.tenant",
                            "select set_config('work_mem', '321kB', false), set_config('app.more', 'y', false)", "show work_mem",
                            "show app.more", "select set_config('work_mem', '111kB', true)", "show work_mem")

    def test_reset(self):
        self.same_as_direct("set work_mem = '99kB'", "reset work_mem", "show work_mem")

    def test_reset_all(self):
        self.same_as_direct("set work_mem = '99kB'", "set app.tenant = 'x'", "reset all", "show work_mem", "show app.tenant")

    def test_discard_all(self):
        self.same_as_direct("set work_mem = '99kB'", "set role other", "discard all", "show work_mem", "select current_user")

    def test_rollback_takes_a_set_back(self):
        self.same_as_direct("set work_mem = '99kB'", "begin", "set work_mem = '100kB'", "show work_mem", "rollback", "show work_mem")

    def test_commit_keeps_a_set(self):
        self.same_as_direct("begin", "set work_mem = '100kB'", "commit", "show work_mem", "show work_mem")

    def test_savepoints_take_back_what_came_after_them(self):
        self.same_as_direct("begin", "set work_mem = '100kB'", "savepoint a", "set work_mem = '200kB'", "savepoint b",
                            "set app.tenant = 'b'", "rollback to b", "show app.tenant", "rollback to a", "show work_mem",
                            "release a", "commit", "show work_mem")

    def test_release_keeps_what_came_after_the_savepoint(self):
        self.same_as_direct("begin", "savepoint a", "set work_mem = '200kB'", "release savepoint a", "commit", "show work_mem")

    def test_set_local_ends_with_the_transaction(self):
        self.same_as_direct("set work_mem = '99kB'", "begin", "set local work_mem = '100kB'", "show work_mem", "commit",
                            "show work_mem", "begin", "set local work_mem = '1MB'", "set work_mem = '2MB'", "commit", "show work_mem",
                            "begin", "set work_mem = '3MB'", "set local work_mem = '4MB'", "commit", "show work_mem")

    def test_set_local_outside_a_transaction_does_nothing(self):
        self.same_as_direct("set local work_mem = '100kB'", "show work_mem")

    def test_a_failed_transaction_takes_its_sets_back(self):
        self.same_as_direct("begin", "set work_mem = '100kB'", "select 1/0", "commit", "show work_mem")

    def test_a_failed_set_changes_nothing(self):
        self.same_as_direct("set work_mem = '99kB'", "set work_mem = 'a lot'", "show work_mem", "set no_such_thing = 1", "show work_mem")

    def test_several_statements_in_one_text(self):
        self.same_as_direct("set work_mem = '99kB'; set app.tenant = 'x'", "show work_mem", "show app.tenant",
                            "set work_mem = '100kB'; select 1/0", "show work_mem", "begin; set work_mem = '1MB'; commit",
                            "show work_mem", "begin; set work_mem = '2MB'; rollback; set app.tenant = 'y'", "show work_mem",
                            "show app.tenant")

    def test_comments_and_strings_do_not_confuse(self):
        self.same_as_direct("/* set work_mem = '1MB' */ set /* x */ work_mem -- no\n = '99kB'", "show work_mem",
                            "select 'set work_mem = ''2MB'''", "show work_mem", "set app.text = $q$it's; here$q$", "show app.text",
                            "set app.text = E'a\\nb'", "show app.text", "select 1; -- set work_mem = '3MB'", "show work_mem")

    def test_roles(self):
        self.same_as_direct("set role other", "select current_user, session_user", "select current_user", "begin",
                            "set local role none", "select current_user", "commit", "select current_user", "reset role",
                            "select current_user", "set role 'other'", "select current_user", "set role none", "select current_user")

    def test_reset_all_leaves_the_role_and_discard_all_does_not(self):
        self.same_as_direct("set role other", "reset all", "select current_user", "discard all", "select current_user")

    def test_a_setting_a_role_may_not_touch_does_not_break_the_session(self):
        self.same_as_direct("set work_mem = '99kB'", "set role other", "show work_mem", "set session_preload_libraries = 'x'",
                            "select current_user, current_setting('work_mem')")

    def test_startup_parameters(self):
        self.same_as_direct("show work_mem", "show application_name", "show search_path", "show timezone", "set work_mem = '5MB'",
                            "reset work_mem", "show work_mem", "reset all", "show application_name", "discard all", "show timezone",
                            startup={"work_mem": "75kB", "application_name": "from start-up", "search_path": "pg_catalog, public",
                                     "TimeZone": "America/Lima"})

    def test_startup_options(self):
        self.same_as_direct("show work_mem", "show app.started", "show search_path", "discard all", "show work_mem", "show app.started",
                            startup={"options": "-c work_mem=66kB -capp.started=y\\ e\\ s --search_path=pg_catalog"})

    def test_default_transaction_settings(self):
        self.same_as_direct("set default_transaction_read_only = on", "create table never(x int)", "show transaction_read_only",
                            "set default_transaction_read_only = off", "show transaction_read_only", "begin",
                            "set transaction isolation level serializable", "show transaction_isolation", "commit",
                            "show transaction_isolation")

    def test_sets_by_the_extended_protocol(self):
        session, other = self.wire(), self.wire()
        session.prepared("set work_mem = '77kB'")
        session.send(parse("select set_config('app.tenant', $1, false)", "tenant"), SYNC)
        session.expect("1Z")
        other.simple("set work_mem = '88kB'; set app.tenant = 'other'")
        for tenant in ("one", "two"):
            session.send(bind((tenant,), "tenant"), execute(), SYNC)
            session.expect("2DCZ")
            self.assertEqual(session.prepared("show work_mem"), [("77kB",)])
            self.assertEqual(other.simple("show app.tenant"), [("other",)])
            self.assertEqual(session.prepared("select current_setting('app.tenant')"), [(tenant,)])

    def test_sets_in_a_pipeline(self):
        session = self.wire()
        session.send(*(parse(text) + bind() + execute() + SYNC for text in (
            "set work_mem = '77kB'", "begin", "set work_mem = '78kB'", "rollback", "show work_mem")))
        answers = [session.until_ready() for _ in range(5)]
        self.assertEqual([m.row() for m in answers[4] if m.type == "D"], [[b"77kB"]])
        self.wire().simple("set work_mem = '1MB'")
        self.assertEqual(session.simple("show work_mem"), [("77kB",)])

    def test_the_client_hears_of_changes_as_from_postgresql(self):
        session, direct = self.wire(), self.direct_wire()
        for wire in (session, direct):
            wire.simple("set timezone = 'Asia/Tokyo'")
            wire.simple("set application_name = 'heard'")
            wire.simple("set datestyle = 'German'")
        for name in ("TimeZone", "application_name", "DateStyle", "client_encoding"):
            self.assertEqual(session.parameters[name], direct.parameters[name])
        other = self.wire()
        other.simple("set timezone = 'Europe/Oslo'")
        session.asynchronous.clear()
        self.assertEqual(session.simple("show timezone"), [("Asia/Tokyo",)])
        self.assertEqual(session.parameters["TimeZone"], "Asia/Tokyo")

    def test_dates_follow_the_session_not_the_connection(self):
        german, iso = self.connect(), self.connect()
        rows(german, "set datestyle = 'German'")
        for _ in range(5):
            self.assertEqual(value(iso, "select '2026-02-01'::date::text"), "2026-02-01")
            self.assertEqual(value(german, "select '2026-02-01'::date::text"), "01.02.2026")

    def test_a_new_session_finds_nothing_of_the_old(self):
        old = self.wire()
        old.simple("set work_mem = '99kB'; set app.tenant = 'old'; set role other; set search_path = pg_catalog")
        old.close()
        self.wait_for_no_lease()
        for _ in range(4):
            fresh = self.wire()
            self.assertEqual(fresh.simple("select current_user, current_setting('app.tenant', true), current_setting('search_path')"
                                          )[0][0], "app")
            self.assertIn(fresh.simple("select current_setting('app.tenant', true)")[0][0], (None, ""))
            self.assertEqual(fresh.simple("show search_path"), [('"$user", public',)])

    def test_fifty_sessions_with_settings_of_their_own(self):
        sessions = [self.wire(application_name=f"session {n}") for n in range(50)]
        for number, session in enumerate(sessions):
            session.simple(f"set app.tenant = '{number}'")
        for turn in range(3):
            for number, session in enumerate(sessions):
                self.assertEqual(session.simple("select current_setting('app.tenant'), current_setting('application_name')"),
                                 [(str(number), f"session {number}")])

    def test_an_equal_setting_costs_no_statement(self):
        sessions = [self.wire(application_name="the same") for _ in range(5)]
        for session in sessions:
            session.simple("set work_mem = '99kB'")
        before = self.catch_ups()
        for _ in range(20):
            for session in sessions:
                session.simple("select 1")
        self.assertLessEqual(self.catch_ups() - before, 3)

    def catch_ups(self):
        return sum(number for name, number in self.penstock.metrics().items() if "catch_up" in name)


if __name__ == "__main__":
    unittest.main()
