# SPDX-License-Identifier: Apache-2.0
#
# Settings that cannot simply be carried from connection to connection: such as only a stronger role may set, such as a connection takes
# only once, and defaults of transactions under which a mere SELECT waits. Whoever has the connection next notices nothing of them. The steps
# of sessions a and b are played on direct connections and through one pooled connection.

import unittest

from fixture import ProxyTest
from pgwire import ServerError

DEFERRABLE = "set session characteristics as transaction isolation level serializable, read only, deferrable"

CASES = {
    "a setting of a stronger role": [
        ("a", "set role boss"), ("a", "set log_min_duration_statement = 5000"), ("a", "reset role"), ("a", "show log_min_duration_statement"),
        ("a", "end"), ("b", "select 'victim'"), ("b", "show log_min_duration_statement")],
    "one that is kept": [
        ("a", "set role boss"), ("a", "set session_replication_role = replica"), ("a", "reset role"), ("a", "begin"), ("a", "rollback"),
        ("a", "show session_replication_role"), ("a", "end"), ("b", "show session_replication_role")],
    "one of the same transaction": [
        ("a", "begin"), ("a", "set local role boss"), ("a", "set log_statement = 'none'"), ("a", "commit"), ("a", "show log_statement"),
        ("a", "end"), ("b", "select 'victim'")],
    "settings that anybody may make": [
        ("a", "set role boss"), ("a", "set work_mem = '111kB'"), ("a", "reset role"), ("b", "show work_mem"), ("a", "show work_mem"),
        ("b", "select 'victim'")],
    "temp_buffers": [
        ("a", "set temp_buffers = '3MB'"), ("a", "show temp_buffers"), ("a", "create temp table q(x int)"), ("a", "insert into q values (1)"),
        ("a", "drop table q"), ("a", "show temp_buffers"), ("a", "set temp_buffers = '4MB'"), ("a", "end"), ("b", "show temp_buffers"),
        ("b", "set temp_buffers = '5MB'"), ("b", "show temp_buffers")],
    "temp_buffers behind a temporary table that was dropped": [
        ("a", "create temp table q(x int)"), ("a", "insert into q values (1)"), ("a", "drop table q"), ("b", "set temp_buffers = '5MB'"),
        ("b", "show temp_buffers")],
    "temp_buffers behind one that went with its transaction": [
        ("a", "begin"), ("a", "create temp table q(x int) on commit drop"), ("a", "insert into q values (1)"), ("a", "commit"),
        ("b", "set work_mem = '222kB'"), ("b", "set temp_buffers = '5MB'"), ("b", "show temp_buffers"), ("b", "show work_mem")],
    "temp_buffers behind a session that has left": [
        ("a", "create temp table q(x int)"), ("a", "insert into q values (1)"), ("a", "end"), ("b", "set temp_buffers = '5MB'"),
        ("b", "show temp_buffers")],
    "temp_buffers in a transaction": [
        ("a", "set temp_buffers = '5MB'"), ("a", "begin"), ("a", "set temp_buffers = '6MB'"), ("a", "rollback"), ("a", "show temp_buffers"),
        ("a", "end"), ("b", "show temp_buffers")],
    "transactions that wait for a snapshot": [
        ("writer", "begin isolation level serializable"), ("writer", "select count(*) from pg_class where oid < 0"),
        ("a", DEFERRABLE), ("b", "show work_mem"), ("b", "set work_mem = '333kB'"), ("a", "show work_mem"),
        ("a", "show default_transaction_deferrable"), ("b", "select 1")],
    "and are cleaned up": [
        ("writer", "begin isolation level serializable"), ("writer", "select count(*) from pg_class where oid < 0"),
        ("a", DEFERRABLE), ("a", "listen something"), ("a", "end"), ("b", "show work_mem"), ("b", "show default_transaction_deferrable")],
}


class ForeignSettings(ProxyTest):
    pool_size = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.sql("drop role if exists boss; create role boss superuser; grant boss to app")

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.server.sql("drop role boss")

    def answers(self, steps, connect):
        sessions, answers = {"a": connect(timeout=5), "b": connect(timeout=5), "writer": self.direct_wire()}, []
        for who, step in steps:
            try:
                answer = sessions[who].close() if step == "end" else sessions[who].simple(step)
            except ServerError as error:
                answer = str(error)
            except OSError as error:
                self.fail(f"{who}: {step}: {error}")
            answers.append((who, step, answer))
        for session in sessions.values():
            session.close()
        self.penstock.assert_alive()
        return answers

    def direct_with(self, **_):
        return self.direct_wire()

    def pooled_with(self, timeout):
        wire = self.wire()
        wire.socket.settimeout(timeout)
        return wire

    def test_the_next_session_notices_nothing(self):
        for name, steps in CASES.items():
            with self.subTest(name):
                self.assertEqual(self.answers(steps, self.pooled_with), self.answers(steps, self.direct_with))


if __name__ == "__main__":
    unittest.main()
