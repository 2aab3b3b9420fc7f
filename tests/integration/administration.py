# SPDX-License-Identifier: Apache-2.0
#
# What operators and their tools read: /health, /ready, /metrics and /stats by HTTP, and the console of the database "pgbouncer" with
# PgBouncer's own columns.

import contextlib
import http.client
import json
import signal
import socket
import unittest

import psycopg2

from cluster import PASSWORD
from fixture import ProxyTest, shared_cluster, sqlstate_of
from penstock import Penstock
from pgwire import SYNC, parse, query
from wait import wait_until

COLUMNS = {
    "SHOW VERSION": "version",
    "SHOW POOLS": "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel "
                  "sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode load_balance_hosts",
    "SHOW STATS": "database total_server_assignment_count total_xact_count total_query_count total_received total_sent "
                  "total_xact_time total_query_time total_wait_time total_client_parse_count total_server_parse_count "
                  "total_bind_count avg_server_assignment_count avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time "
                  "avg_query_time avg_wait_time avg_client_parse_count avg_server_parse_count avg_bind_count",
    "SHOW CLIENTS": "type user database replication state addr port local_addr local_port connect_time request_time wait wait_us "
                    "close_needed ptr link remote_pid tls application_name prepared_statements id",
    "SHOW CONFIG": "key value default changeable",
}
COLUMNS["SHOW SERVERS"] = COLUMNS["SHOW CLIENTS"]
COLUMNS["SHOW SOCKETS"] = COLUMNS["SHOW ACTIVE_SOCKETS"] = (
    COLUMNS["SHOW CLIENTS"] + " recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail")
COLUMNS["SHOW TOTALS"] = "name value"
COLUMNS["SHOW STANDARD_CONFORMING_STRINGS"] = "standard_conforming_strings"


class Http(ProxyTest):
    def test_health_and_ready(self):
        self.assertEqual(self.penstock.http("/health")[0], 200)
        wait_until(lambda: self.penstock.http("/ready")[0] == 200, "it is ready")

    def test_metrics_are_prometheus_text(self):
        self.wire().simple("select 1")
        connection = http.client.HTTPConnection("127.0.0.1", self.penstock.admin_port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        self.assertTrue(answer.getheader("Content-Type").startswith("text/plain; version=0.0.4"))
        text = answer.read().decode()
        self.assertTrue(text.endswith("\n"))
        for line in text.splitlines():
            self.assertRegex(line, r"^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{.*\})? [-+0-9.eInfNa]+)$")
        names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        self.assertTrue(all(name.startswith("penstock_") for name in names), names)

    def test_the_numbers_move(self):
        def queries():
            return sum(v for name, v in self.penstock.metrics().items() if name.startswith("penstock_query_requests_total"))
        wire, before = self.wire(), queries()
        for _ in range(10):
            wire.simple("select 1")
        wait_until(lambda: queries() >= before + 10, "ten queries are counted")

    def test_failures_are_counted_by_kind(self):
        def failed(kind):
            return self.penstock.metrics()[f'penstock_client_connections_setup_failed_total{{error="{kind}"}}']
        before = {kind: failed(kind) for kind in ("wrong_password", "protocol_violation", "invalid_authorization")}
        self.refused(lambda: self.wire(password="wrong"), "28P01")
        raw = self.raw()
        raw.send(b"\0\0\0\x03")  # no packet is that short
        raw.expect_end()
        wait_until(lambda: failed("protocol_violation") == before["protocol_violation"] + 1, "the violation is counted")
        self.assertEqual(failed("wrong_password"), before["wrong_password"] + 1)
        self.assertEqual(failed("invalid_authorization"), before["invalid_authorization"])

    def test_logins_that_servers_refuse_and_ends_of_connections_are_counted(self):
        def counted(name, **labels):
            wanted = [f'{key}="{value}"' for key, value in labels.items()]
            return sum(value for sample, value in self.penstock.metrics().items()
                       if sample.startswith(name) and all(each in sample for each in wanted))
        self.refused(lambda: self.wire(database="no_such_database").simple("select 1"))
        self.assertEqual(counted("penstock_database_logins_failed_total", database="no_such_database"), 1)
        self.assertEqual(counted("penstock_database_connections_setup_failed_total", database="no_such_database"), 0)
        closed = {"reason": "server_closed", "user": "app"}
        before = counted("penstock_database_connections_closed_total", **closed)
        pid = self.wire().simple("select pg_backend_pid()")[0][0]
        self.server.sql(f"select pg_terminate_backend({pid})")
        wait_until(lambda: counted("penstock_database_connections_closed_total", **closed) > before, "the end is counted")

    def test_stats_are_json(self):
        status, body = self.penstock.http("/stats")
        self.assertEqual(status, 200)
        self.assertIsInstance(json.loads(body), (dict, list))

    def test_what_is_not_there_and_what_is_not_allowed(self):
        self.assertEqual(self.penstock.http("/nowhere")[0], 404)
        connection = http.client.HTTPConnection("127.0.0.1", self.penstock.admin_port, timeout=10)
        self.addCleanup(connection.close)
        connection.request("DELETE", "/metrics")
        self.assertEqual(connection.getresponse().status, 405)

    def test_bad_requests_harm_nobody(self):
        for octets in (b"\0\0\0\x08\x04\xd2\x16\x2f", b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", b"rubbish\r\n\r\n",
                       b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
                       b"POST /health HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", self.penstock.admin_port), 10) as peer, contextlib.suppress(OSError):
                peer.sendall(octets)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(65536):
                    pass
        self.assertEqual(self.penstock.http("/health")[0], 200)

    def test_a_slow_scraper_stops_nobody(self):
        with socket.create_connection(("127.0.0.1", self.penstock.admin_port), 10) as slow:
            slow.sendall(b"GET /metrics HT")
            self.assertEqual(self.penstock.http("/health")[0], 200)


class Console(ProxyTest):
    def console(self, user="app", **options):
        return self.connect(user=user, database="pgbouncer", **options)

    def columns(self, command):
        with self.console().cursor() as cursor:
            cursor.execute(command)
            return [column.name for column in cursor.description], cursor.fetchall()

    def test_columns_are_pgbouncers(self):
        self.wire().simple("select 1")
        for command, columns in COLUMNS.items():
            with self.subTest(command):
                names, rows = self.columns(command)
                self.assertEqual([name for name in names if name != "total_client_login_count"], columns.split())
                self.assertGreater(len(rows), 0)

    def test_commands_may_be_written_in_any_case_and_end_with_a_semicolon(self):
        for command in ("show version", "SHOW VERSION;", "Show  Version ;", "show version -- x"):
            with self.subTest(command):
                self.assertEqual(self.columns(command)[0], ["version"])

    def test_the_empty_statement_of_lib_pq(self):
        wire = self.wire(database="pgbouncer")
        wire.send(query(";"))
        wire.expect("IZ")

    def test_the_extended_protocol_works_too(self):
        wire = self.wire(database="pgbouncer")
        self.assertEqual(len(wire.prepared("SHOW VERSION")), 1)

    def test_pools_tell_who_waits_and_who_works(self):
        busy = self.wire()
        busy.simple("begin")
        row = next(r for r in self.penstock.console("SHOW POOLS") if r["database"] == "app" and r["user"] == "app")
        self.assertGreaterEqual(int(row["cl_active"]), 1)
        self.assertGreaterEqual(int(row["sv_active"]), 1)
        self.assertEqual(row["pool_mode"], "transaction")
        busy.simple("commit")

    def test_clients_and_servers(self):
        wire = self.wire(application_name="looked at")
        wire.simple("begin")
        clients = [r for r in self.penstock.console("SHOW CLIENTS") if r["application_name"] == "looked at"]
        self.assertEqual(len(clients), 1)
        self.assertEqual((clients[0]["type"], clients[0]["user"], clients[0]["database"]), ("C", "app", "app"))
        servers = self.penstock.console("SHOW SERVERS")
        pid = wire.simple("select pg_backend_pid()")[0][0]
        self.assertIn(pid, {str(r["remote_pid"]) for r in servers})
        wire.simple("commit")

    def test_servers_tell_what_they_hold(self):
        wire = self.wire(application_name="looked into")
        wire.simple("begin")
        before = self.server_of(wire)
        self.assertEqual(before["application_name"], "looked into")
        self.assertRegex(before["tls"], r"^TLSv1\.[23]$")
        wire.send(parse("select 1", name="held"), SYNC)
        wire.until_ready()
        self.assertEqual(int(self.server_of(wire)["prepared_statements"]), int(before["prepared_statements"]) + 1)
        wire.simple("set application_name = 'renamed'")
        self.assertEqual(self.server_of(wire)["application_name"], "renamed")
        names = {r["application_name"] for r in self.penstock.console("SHOW CLIENTS")}
        self.assertIn("renamed", names)
        wire.simple("select pg_sleep(1.1)")
        wire.simple("select 1")
        self.assertGreater(self.server_of(wire)["request_time"], before["request_time"])
        wire.simple("commit")

    def server_of(self, wire):
        pid = wire.simple("select pg_backend_pid()")[0][0]
        return next(r for r in self.penstock.console("SHOW SERVERS") if str(r["remote_pid"]) == pid)

    def test_there_are_no_peers(self):
        self.assertEqual(self.columns("SHOW PEERS"), (["peer_id", "host", "port", "pool_size"], []))

    def test_descriptors_are_not_handed_on(self):
        self.assertEqual(sqlstate_of(lambda: self.run_as("app", "SHOW FDS")), "0A000")

    def test_stats_count(self):
        def total():
            rows = [r for r in self.penstock.console("SHOW STATS") if r["database"] == "app"]
            return int(rows[0]["total_query_count"]) if rows else 0
        wire, before = self.wire(), total()
        for _ in range(5):
            wire.simple("select 1")
        wait_until(lambda: total() >= before + 5, "five queries are counted")

    def test_config_shows_no_secret(self):
        rows = self.columns("SHOW CONFIG")[1]
        keys = {row[0] for row in rows}
        self.assertIn("max_client_conn", keys)
        self.assertNotIn("correct horse", str(rows))

    def test_who_may_do_what(self):
        self.assertEqual(sqlstate_of(lambda: self.run_as("other", "RELOAD")), "42501")
        self.run_as("other", "SHOW POOLS")
        self.assertEqual(sqlstate_of(lambda: self.run_as("app", "SHOW NONSENSE")), "42601")

    def test_a_reload_changes_settings_or_says_what_is_wrong(self):
        with Penstock(shared_cluster()) as proxy:
            console = proxy.connect(database="pgbouncer")
            with contextlib.closing(console), console.cursor() as cursor:
                proxy.settings["pool"] = {"pool_size": 7}
                proxy.write_settings()
                cursor.execute("RELOAD")
                self.assertEqual({r["key"]: r["value"] for r in proxy.console("SHOW CONFIG")}["pool.pool_size"], "7")
                proxy.settings["pool"] = {"pool_sise": 7}
                proxy.write_settings()
                with self.assertRaises(psycopg2.Error) as failed:
                    cursor.execute("RELOAD")
                self.assertEqual(failed.exception.pgcode, "F0000")
                self.assertIn("pool_sise", str(failed.exception))

    def test_a_drain_is_answered_and_not_held_up(self):
        proxy = Penstock(shared_cluster()).start()
        self.addCleanup(proxy.discard)
        console, busy = proxy.wire(database="pgbouncer"), proxy.wire()
        busy.simple("begin")
        proxy.process.send_signal(signal.SIGTERM)
        wait_until(lambda: proxy.http("/ready")[0] == 503, "it drains")
        self.assertEqual(proxy.http("/health")[0], 200)
        self.assertEqual(len(console.simple("SHOW VERSION")), 1)
        busy.simple("commit")
        self.assertEqual(proxy.process.wait(20), 0)  # less than the drain timeout: the console is still open

    def run_as(self, user, command):
        with self.console(user=user).cursor() as cursor:
            cursor.execute(command)

    def test_others_do_not_get_in(self):
        nobody = {"admin": {"admin_users": [], "stats_users": []}}
        with Penstock(shared_cluster(), nobody) as closed, self.assertRaises(psycopg2.OperationalError):
            closed.connect(database="pgbouncer")


class Roles(unittest.TestCase):
    def test_a_given_role_is_believed(self):
        cluster = shared_cluster(replicas=1)
        cluster.wait_for_replicas()
        nodes = [{"address": f"127.0.0.1:{cluster.primary.port}", "role": "replica"},
                 {"address": f"127.0.0.1:{cluster.replicas[0].port}", "role": "primary"}]
        with Penstock(cluster, nodes=nodes) as proxy, contextlib.closing(proxy.wire()) as wire:
            self.assertEqual(wire.simple("select pg_is_in_recovery()"), [("t",)])
            wait_until(lambda: all("though" in r["reason"] for r in proxy.console("SHOW NODES")), "both were probed")
            self.assertEqual([r["role"] for r in proxy.console("SHOW NODES")], ["replica", "primary"])


class LimitsOfAUser(ProxyTest):
    @classmethod
    def proxy_settings(cls):
        return {"pool": {"connection_borrow_timeout": "1s"},
                "user": [{"name": "app", "password": PASSWORD, "max_user_connections": 2},
                         {"name": "other", "password": PASSWORD}]}

    def test_a_users_own_limit_of_connections_holds(self):
        first, second, third = (self.wire() for _ in range(3))
        first.simple("begin")
        second.simple("begin")
        self.refused(lambda: third.simple("select 1"), "57P03")
        others = [self.wire(user="other") for _ in range(3)]
        for other in others:
            other.simple("begin")
        first.simple("commit")
        self.assert_works(third)


if __name__ == "__main__":
    unittest.main()
