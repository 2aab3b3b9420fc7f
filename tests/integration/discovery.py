# SPDX-License-Identifier: Apache-2.0
#
# Nodes that are found and left while clients work, and none of them notices: in a cluster that lists its members as Aurora does (a
# stock PostgreSQL with a function of that name), and behind a scripted Patroni.

import contextlib
import http.server
import json
import threading
import types
import unittest

from busy_clients import BusyClient, finish_all, start_all
from cluster import PASSWORD, Cluster
from penstock import Penstock
from pgwire import query
from processes import frozen
from wait import stays_true, wait_until

CLIENTS = 6

# What Aurora has of it: Aurora User Guide, "aurora_replica_status". The rows come from a table, which replicas have too.
AURORA = """
    create table public.members (server_id text primary key, session_id text, age interval);
    create function pg_catalog.aurora_replica_status() returns table (server_id text, session_id text, last_update_timestamp timestamptz)
        language sql security definer set search_path = '' as 'select server_id, session_id, now() - age from public.members'
"""


class Client(BusyClient):
    """Writes, and reads what it has written."""

    def __init__(self, penstock, number):
        super().__init__(penstock.connect(application_name="busy"))
        self.number = number

    def once(self):
        with self.connection.cursor() as cursor:
            cursor.execute("update counted set n = n + 1 where client = %s", (self.number,))
            for _ in range(3):
                cursor.execute("select n from counted where client = %s", (self.number,))
                if cursor.fetchall() != [(self.done + 1,)]:
                    raise AssertionError("a client does not see its own write")


class Discovery:
    """`self.list_members(nodes)` says who is listed from now on, the first one as the primary."""

    def setUp(self):
        self.cluster = Cluster(replicas=2, settings={"wal_receiver_status_interval": "1s"}).start()
        self.addCleanup(self.cluster.stop)
        self.cluster.primary.sql("create table counted (client int primary key, n int not null);"
                                 f"insert into counted select each, 0 from generate_series(1, {CLIENTS}) each", user="app")

    def start(self, **settings):
        cluster = {"name": "main", "nodes": [f"127.0.0.1:{self.cluster.primary.port}"], "monitor_user": "app", "monitor_password": PASSWORD,
                   "monitor_database": "app", "probe_interval": "100ms", "discovery_interval": "100ms", "read_write_split": True, **settings}
        self.penstock = Penstock(self.cluster, {"cluster": [cluster], "pool": {"pool_size": CLIENTS}}).start()
        self.addCleanup(self.penstock.stop)

    def load(self):
        return start_all(self, [Client(self.penstock, 1 + number) for number in range(CLIENTS)])

    def finish(self, clients):
        finish_all(self, clients)
        counts = self.cluster.primary.sql("select client, n from counted order by client")
        self.assertEqual(counts, [(client.number, client.done) for client in clients])

    def state_of(self, node):
        """Of a node by SHOW NODES: (role, state), or None while it is not known."""
        return next(((row["role"], row["state"]) for row in self.penstock.nodes() if row["node"] == f"127.0.0.1:{node.port}"), None)

    def serves(self, replica):
        """Sessions of clients there: those of probes and positions have another application_name, and at first none at all."""
        return replica.sql("select count(*) from pg_stat_activity where usename = 'app' and application_name = 'busy'")[0][0] > 0

    def test_a_new_node_is_used_and_a_lost_one_left_under_load(self):
        first, second = self.cluster.replicas
        self.list_members([self.cluster.primary])
        self.start(**self.discovery())
        clients = self.load()
        wait_until(lambda: all(client.done > 3 or client.crash for client in clients), "everybody works")
        self.assertIsNone(self.state_of(first))
        self.list_members([self.cluster.primary, first])
        wait_until(lambda: self.serves(first), "the new node serves reads")
        self.assertEqual(self.state_of(first), ("replica", "up"))
        self.list_members([self.cluster.primary, first, second])
        wait_until(lambda: self.serves(second), "the second one does")
        self.list_members([self.cluster.primary, second])
        wait_until(lambda: self.state_of(first) == ("unknown", "left"), "the lost one is left")
        wait_until(lambda: not self.serves(first), "no connection to it is kept")
        first.stop()  # now nobody minds
        done = [client.done for client in clients]
        wait_until(lambda: all(client.done > before + 5 or client.crash for client, before in zip(clients, done)), "everybody works on")
        first.start()
        self.list_members([self.cluster.primary, second, first])
        wait_until(lambda: self.serves(first), "the node that returned serves reads again")
        self.finish(clients)

    def test_a_list_that_is_wrong_changes_nothing(self):
        first = self.cluster.replicas[0]
        self.list_members([self.cluster.primary, first])
        self.start(**self.discovery())
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        for break_it, why in self.faults():
            break_it()
            wait_until(lambda reason=why: reason in self.penstock.log(), f"the log says: {why}")
            stays_true(lambda: self.state_of(first) == ("replica", "up"), f"the node stays: {why}", 0.5)
        self.list_members([self.cluster.primary])
        wait_until(lambda: self.state_of(first) == ("unknown", "left"), "a right list counts again")

    def test_what_is_listed_is_not_believed_of_roles(self):
        first = self.cluster.replicas[0]
        self.list_members([first, self.cluster.primary])  # that the replica is the primary
        self.start(**self.discovery())
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        self.assertEqual(self.state_of(self.cluster.primary), ("primary", "up"))
        with contextlib.closing(self.penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("update counted set n = n + 1 where client = 1")

    def test_a_promoted_node_that_was_only_found_is_the_primary(self):
        first = self.cluster.replicas[0]
        self.list_members([self.cluster.primary, first])
        self.start(**self.discovery())
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        self.cluster.wait_for_replicas()
        self.cluster.primary.stop()
        first.sql("select pg_promote()")
        with contextlib.closing(self.penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("insert into counted values (1000, 0)")
        self.assertEqual(first.sql("select n from counted where client = 1000"), [(0,)])

    def test_a_promoted_node_that_is_listed_only_since_the_last_list_is_found_at_once(self):
        first, second = self.cluster.replicas
        self.list_members([self.cluster.primary, first])
        self.start(**self.discovery() | {"discovery_interval": "1h"})
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        self.list_members([self.cluster.primary, first, second])
        self.cluster.wait_for_replicas()
        self.cluster.primary.stop()
        second.sql("select pg_promote()")
        with contextlib.closing(self.penstock.connect()) as connection, connection.cursor() as cursor:
            cursor.execute("insert into counted values (1000, 0)")
        self.assertEqual(second.sql("select n from counted where client = 1000"), [(0,)])


class Aurora(Discovery, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.cluster.primary.sql(AURORA)

    def discovery(self):
        return {"discovery": "aurora", "aurora_endpoint": "127.0.0.1:{server_id}"}

    def list_members(self, nodes):
        rows = [f"('{node.port}', '{'MASTER_SESSION_ID' if node is nodes[0] else 'a-uuid'}', '1 s')" for node in nodes]
        self.cluster.primary.sql("begin; delete from public.members; insert into public.members values " + ", ".join(rows) + "; commit")

    def faults(self):
        sql = self.cluster.primary.sql
        yield lambda: sql("delete from public.members"), "it lists no member"
        yield lambda: sql("insert into public.members values ('../x', 'a-uuid', '1 s')"), "a row of its status is not understood"
        yield lambda: sql("alter table public.members rename to others"), "does not exist"
        sql("alter table public.others rename to members")

    def test_an_instance_that_is_gone_is_left_by_its_age(self):
        first = self.cluster.replicas[0]
        self.list_members([self.cluster.primary, first])
        self.start(**self.discovery())
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        self.cluster.primary.sql("update public.members set age = '6 min'")
        wait_until(lambda: self.state_of(first) == ("unknown", "left"), "the replica is left")
        self.assertEqual(self.state_of(self.cluster.primary), ("primary", "up"))


class PatroniPlayed(http.server.ThreadingHTTPServer):
    """Answers GET /cluster with `status` and `body`."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.path == "/cluster"
                self.send_response(self.server.status if known else 404)
                self.end_headers()
                self.wfile.write(self.server.body if known else b"")

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body = 200, b"{}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Patroni(Discovery, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.patroni = PatroniPlayed()
        self.addCleanup(self.patroni.stop)

    def discovery(self):
        nobody = "http://127.0.0.1:1"  # the next one is asked where one does not answer
        return {"discovery": "patroni", "patroni_urls": [nobody, f"http://127.0.0.1:{self.patroni.server_port}"]}

    def list_members(self, nodes, **changes):
        members = [{"name": f"db{node.port}", "host": "127.0.0.1", "port": node.port, "timeline": 1,
                    "role": "leader" if node is nodes[0] else "replica", "state": "running" if node is nodes[0] else "streaming", **changes}
                   for node in nodes]
        self.patroni.status, self.patroni.body = 200, json.dumps({"members": members, "scope": "demo"}).encode()

    def answer(self, body, status=200):
        self.patroni.status, self.patroni.body = status, body

    def faults(self):
        yield lambda: self.answer(b"{}", 503), "it answers with status 503"
        yield lambda: self.answer(b"[" * 100000), "its answer is no JSON object"
        yield lambda: self.answer(b" " * 300000), "no answer that can be read"
        yield lambda: self.answer(b'{"members": []}'), "it lists no member"
        yield lambda: self.list_members([self.cluster.primary], host="-x"), "a member's host or port is none"

    def test_a_replica_that_is_to_be_spared_serves_no_reads(self):
        first = self.cluster.replicas[0]
        self.list_members([self.cluster.primary, first], tags={"noloadbalance": True})
        self.start(**self.discovery())
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        clients = self.load()
        stays_true(lambda: not self.serves(first), "it is spared", 1)
        self.list_members([self.cluster.primary, first])
        wait_until(lambda: self.serves(first), "now it serves")
        self.finish(clients)

    def test_what_a_lost_primary_has_under_way_is_lost_once_it_is_replaced(self):
        self.replace_the_lost_primary()

    def test_it_is_lost_though_the_lost_primary_is_listed_again_before(self):
        self.replace_the_lost_primary(is_listed_again=True)

    def replace_the_lost_primary(self, is_listed_again=False):
        first, second = self.cluster.replicas
        self.list_members([self.cluster.primary, first, second])
        self.start(**self.discovery() | {"nodes": [f"127.0.0.1:{second.port}"], "probe_timeout": "1s", "probe_failures": 2})
        wait_until(lambda: self.state_of(self.cluster.primary) == ("primary", "up"), "the primary is found")
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is")
        busy = self.penstock.wire()
        self.addCleanup(busy.close)
        busy.simple("begin; insert into counted values (1000, 0)")
        with frozen(self.cluster.primary.process.pid):
            busy.send(query("commit"))
            self.list_members([first, second])
            wait_until(lambda: self.state_of(self.cluster.primary) == ("unknown", "left"), "the primary is left")
            if is_listed_again:
                self.list_members([first, second, self.cluster.primary])
                wait_until(lambda: self.state_of(self.cluster.primary) == ("unknown", "down"), "the primary is probed again")
            first.sql("select pg_promote()")
            self.assertEqual([m.fields()["C"] for m in busy.until_ready() if m.type == "E"], ["08007"])
            self.assertEqual(busy.simple("insert into counted values (1001, 0) returning inet_server_port()"), [(str(first.port),)])

    def test_the_place_of_a_node_that_was_left_long_ago_is_given_to_another_one(self):
        first, second = self.cluster.replicas
        others = [types.SimpleNamespace(port=port) for port in range(1, 63)]  # nobody listens there
        self.list_members([self.cluster.primary, first, *others])
        self.start(**self.discovery() | {"discovery_interval": "10ms", "probe_interval": "500ms"})
        wait_until(lambda: self.state_of(first) == ("replica", "up"), "the replica is found")
        clients = self.load()
        wait_until(lambda: self.serves(first), "it serves")
        self.list_members([self.cluster.primary, second, *others])
        wait_until(lambda: "more than 64" in self.penstock.log(), "there is no place yet")
        wait_until(lambda: self.state_of(second) == ("replica", "up"), "the replica is found")
        self.assertIsNone(self.state_of(first))
        wait_until(lambda: self.serves(second), "the other one serves")
        self.finish(clients)


if __name__ == "__main__":
    unittest.main()
