# SPDX-License-Identifier: Apache-2.0
#
# Starting, reloading and stopping as an operator sees it: the command line, a single URL, wrong settings, a port in use, SIGHUP, and
# the drain on SIGTERM.

import contextlib
import json
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

import processes
from cluster import PASSWORD
from fixture import shared_cluster, value
from penstock import Penstock, run_once, toml
from pgwire import Gone, ServerError, query, startup
from wait import wait_until


class CommandLine(unittest.TestCase):
    def test_version_and_help(self):
        status, out, _ = run_once("--version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"\d+\.\d+\.\d+")
        status, out, _ = run_once("--help")
        self.assertEqual(status, 0)
        for word in ("check", "health", "--config"):
            self.assertIn(word, out)

    def test_no_arguments_say_what_is_missing(self):
        environment = {name: "" for name in ("PENSTOCK_UPSTREAM",)}
        status, out, err = run_once(environment=environment)
        self.assertEqual(status, 2)
        self.assertIn("PENSTOCK_UPSTREAM", out + err)

    def test_an_unknown_option(self):
        status, out, err = run_once("--frobnicate")
        self.assertEqual(status, 2)
        self.assertIn("--frobnicate", out + err)

    def test_a_bad_url(self):
        for url in ("postgres://", "mysql2://x", "postgres://app:pw@host:99999/db"):
            with self.subTest(url):
                status, out, err = run_once(url)
                self.assertEqual(status, 2)
                self.assertNotIn("pw@", out + err)


class WrongSettings(unittest.TestCase):
    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(text)
            file.flush()
            checked = run_once("check", file.name)
            started = run_once("--config", file.name)
            self.assertEqual(started[0], checked[0], "check and start disagree")
            return checked[0], checked[1] + checked[2], started[1] + started[2]

    def test_every_fault_is_listed_with_its_line(self):
        status, checked, started = self.check('worker = 3\n[pool]\npool_size = 0\npool_mode = "sometimes"\n[clients]\n'
                                              'idle_client_timeout = "soon"\n')
        self.assertEqual(status, 2)
        for text in (checked, started):
            for line, word in ((1, "worker"), (3, "pool_size"), (4, "pool_mode"), (6, "idle_client_timeout")):
                self.assertRegex(text, rf"\.toml:{line}:.*{word}")
            self.assertIn("workers", text)  # the remedy: what was meant

    def test_text_that_is_not_toml(self):
        status, checked, _ = self.check('[pool\npool_size = 1\n')
        self.assertEqual(status, 2)
        self.assertRegex(checked, r"\.toml:[12]:")

    def test_a_file_that_is_not_there(self):
        status, out, err = run_once("--config", "/nonexistent/penstock.toml")
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent/penstock.toml", out + err)

    def test_an_environment_variable_that_is_not_set(self):
        status, checked, _ = self.check(toml({"cluster": [{"name": "main", "nodes": ["127.0.0.1:1"]}],
                                              "user": [{"name": "app", "password": "${PENSTOCK_TEST_UNSET}"}]}))
        self.assertEqual(status, 2)
        self.assertIn("PENSTOCK_TEST_UNSET", checked)

    def test_a_certificate_that_is_not_there(self):
        status, checked, _ = self.check(toml({"tls": {"certificate": "/nonexistent/server.crt", "key": "/nonexistent/server.key"},
                                              "cluster": [{"name": "main", "nodes": ["127.0.0.1:1"]}],
                                              "user": [{"name": "app", "password": "x"}]}))
        self.assertEqual(status, 2)
        self.assertIn("/nonexistent/server.crt", checked)

    def test_good_settings_pass_the_check(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(toml({"cluster": [{"name": "main", "nodes": ["127.0.0.1:1"]}], "user": [{"name": "app", "password": "x"}]}))
            file.flush()
            status, out, err = run_once("check", file.name)
            self.assertEqual(status, 0, out + err)

    def test_a_port_in_use_is_one_clear_sentence(self):
        for taken in ("port", "admin_port"):
            with self.subTest(taken), socket.socket() as holder:
                penstock = Penstock(nodes=["127.0.0.1:1"])
                self.addCleanup(penstock.discard)
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                holder.bind(("127.0.0.1", getattr(penstock, taken)))
                holder.listen()
                status, out, err = run_once("--config", penstock.config)
                self.assertNotEqual(status, 0)
                self.assertIn(str(getattr(penstock, taken)), out + err)
                self.assertRegex((out + err).lower(), "in use")


class OneUrl(unittest.TestCase):
    """No file at all: a database URL as argument, or in the environment."""

    def start(self, arguments, environment):
        # The default ports may be taken on a developer's machine, so the address is given.
        penstock = Penstock(arguments=arguments, environment=environment)
        penstock.arguments = [*arguments, "--listen", f"127.0.0.1:{penstock.port}", "--admin", f"127.0.0.1:{penstock.admin_port}"]
        self.addCleanup(penstock.discard)
        return penstock.start()

    def assert_serves(self, penstock):
        connection = penstock.connect()
        self.assertEqual(value(connection, "select current_user"), "app")
        connection.close()
        self.assertIn(f"127.0.0.1:{penstock.port}/app", penstock.log())
        self.assertNotIn(PASSWORD, penstock.log())
        self.assertNotIn(PASSWORD.replace(" ", "%20"), penstock.log())
        penstock.stop()

    def test_as_an_argument(self):
        self.assert_serves(self.start([shared_cluster().primary.url()], {"PENSTOCK_UPSTREAM": ""}))

    def test_in_the_environment(self):
        self.assert_serves(self.start([], {"PENSTOCK_UPSTREAM": shared_cluster().primary.url()}))

    def test_with_several_hosts(self):
        cluster = shared_cluster(replicas=1)
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in (cluster.replicas[0], cluster.primary))
        penstock = self.start([f"postgres://app:{PASSWORD.replace(' ', '%20')}@{hosts}/app"], {"PENSTOCK_UPSTREAM": ""})
        connection = penstock.connect()
        wait_until(lambda: value(connection, "select not pg_is_in_recovery()"), "statements go to the primary")
        connection.close()
        penstock.stop()


class Health(unittest.TestCase):
    def test_the_health_command_follows_the_process(self):
        with Penstock(shared_cluster()) as penstock:
            status, out, err = run_once("health", "--config", penstock.config)
            self.assertEqual(status, 0, out + err)
        status, out, err = run_once("health", "--admin", f"127.0.0.1:{processes.free_port()}")
        self.assertNotEqual(status, 0)


class Logs(unittest.TestCase):
    def test_one_json_object_per_line(self):
        with Penstock(shared_cluster(), {"log": {"level": "info", "format": "auto"}}) as penstock:
            penstock.connect().close()
            with contextlib.suppress(ServerError):
                penstock.wire(password="wrong")
            lines = [line for line in penstock.log().splitlines() if line.startswith("{")]
            self.assertGreater(len(lines), 0)
            for line in lines:
                entry = json.loads(line)
                self.assertIsInstance(entry, dict)

    def test_no_literal_or_parameter_above_debug(self):
        with Penstock(shared_cluster(), {"log": {"level": "info"}}) as penstock:
            wire = penstock.wire()
            with contextlib.suppress(ServerError):
                wire.simple("select 'my literal'::int")
            with contextlib.suppress(ServerError):
                wire.prepared("select $1::int", ("my parameter",))
            wire.send(b"Qrubbish")
            wire.close()
            for text in ("my literal", "my parameter"):
                self.assertNotIn(text, penstock.log())


class Reload(unittest.TestCase):
    def test_a_new_user_and_a_larger_pool(self):
        with Penstock(shared_cluster(), {"pool": {"pool_size": 1, "connection_borrow_timeout": "1s"},
                                         "user": [{"name": "app", "password": PASSWORD}]}) as penstock:
            held = penstock.wire()
            held.simple("begin")
            with self.assertRaises(ServerError):
                penstock.wire(user="other")
            penstock.settings["user"].append({"name": "other", "password": PASSWORD})
            penstock.settings["pool"]["pool_size"] = 2
            penstock.reload()
            wait_until(lambda: self.gets_in(penstock, "other"), "the new user gets in")
            self.assertEqual(penstock.wire().simple("select 1"), [("1",)])
            held.simple("commit")

    def gets_in(self, penstock, user):
        try:
            penstock.wire(user=user).close()
            return True
        except ServerError:
            return False

    def test_faulty_settings_are_reported_and_the_old_ones_stay(self):
        with Penstock(shared_cluster()) as penstock:
            penstock.settings["pool"] = {"pool_size": 0}
            penstock.reload()
            penstock.wait_for_log("pool_size")
            self.assertEqual(penstock.wire().simple("select 1"), [("1",)])


class Drain(unittest.TestCase):
    def start(self, **settings):
        penstock = Penstock(shared_cluster(), {"drain_timeout": "25s", **settings}).start()
        self.addCleanup(penstock.discard)
        return penstock

    def test_without_clients_it_ends_at_once(self):
        penstock = self.start()
        penstock.stop(seconds=5)

    def test_idle_clients_are_told_and_let_go(self):
        penstock = self.start()
        idle = penstock.wire()
        penstock.process.send_signal(signal.SIGTERM)
        errors = [m.fields()["C"] for m in idle.expect_end() if m.type == "E"]
        self.assertEqual(errors, ["57P01"])
        penstock.stop(seconds=5)

    def test_a_running_transaction_may_finish(self):
        penstock = self.start()
        busy = penstock.wire()
        busy.simple("create table if not exists drained(x int); begin; insert into drained values (1)")
        penstock.process.send_signal(signal.SIGTERM)
        penstock.wait_for_log("(?i)drain")
        self.assertEqual(penstock.http("/health")[0], 200)
        self.assertEqual(penstock.http("/ready")[0], 503)
        busy.simple("insert into drained values (2)")
        busy.simple("commit")
        self.assertEqual(shared_cluster().primary.sql("select count(*) from drained"), [(2,)])
        with contextlib.suppress(Gone):
            busy.expect_end()
        penstock.stop(seconds=5)
        shared_cluster().primary.sql("drop table drained")

    def test_a_running_query_may_finish(self):
        penstock = self.start()
        busy = penstock.wire()
        busy.send(query("select 'finished' from pg_sleep(1)"))
        wait_until(lambda: shared_cluster().primary.sql("select 1 from pg_stat_activity where query like '%pg_sleep(1)' "
                                                        "and state = 'active' and usename = 'app'"), "the query runs")
        penstock.process.send_signal(signal.SIGTERM)
        self.assertEqual(busy.expect("TD")[1].row(), [b"finished"])
        penstock.stop(seconds=8)

    def test_new_clients_are_refused_during_the_drain(self):
        penstock = self.start()
        busy = penstock.wire()
        busy.simple("begin")
        penstock.process.send_signal(signal.SIGTERM)
        penstock.wait_for_log("(?i)drain")
        with self.assertRaises((ServerError, Gone, ConnectionError)):
            penstock.wire()
        busy.simple("commit")
        penstock.stop(seconds=5)

    def test_the_drain_ends_at_its_time_limit(self):
        penstock = self.start(drain_timeout="1s")
        busy = penstock.wire()
        busy.simple("begin")
        penstock.stop(seconds=4)

    def test_a_server_that_does_not_answer_delays_no_drain(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            penstock = Penstock(nodes=[f"127.0.0.1:{silent.getsockname()[1]}"],
                                settings={"drain_timeout": "2s", "user": [{"name": "app", "auth_method": "trust"}]}).start()
            self.addCleanup(penstock.discard)
            waiting = penstock.raw()
            waiting.send(startup({"user": "app", "database": "app"}))
            wait_until(lambda: re.search(r"(?m)^penstock_waiting_clients\{[^}]*\} 1$", penstock.http("/metrics")[1]), "it waits")
            began = time.monotonic()
            penstock.stop(seconds=8)
            self.assertLess(time.monotonic() - began, 4)

    def test_a_second_signal_ends_it_now(self):
        penstock = self.start()
        busy = penstock.wire()
        busy.simple("begin")
        penstock.process.send_signal(signal.SIGTERM)
        penstock.wait_for_log("(?i)drain")
        processes.stop(penstock.process, signal.SIGTERM, 5)

    def test_interrupt_from_the_keyboard_ends_it_too(self):
        penstock = self.start()
        penstock.stop(with_signal=signal.SIGINT, seconds=8)

    def test_a_drain_under_load_loses_no_transaction(self):
        penstock = self.start()
        server = shared_cluster().primary
        server.sql("drop table if exists counted; create table counted(n int); grant all on counted to public")
        acknowledged = []
        lock = threading.Lock()

        def work(number):
            done = 0
            with contextlib.suppress(ServerError, Gone, OSError):
                wire = penstock.wire()
                while True:
                    wire.simple(f"insert into counted values ({number})")
                    done += 1
            with lock:
                acknowledged.append(done)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
        for thread in threads:
            thread.start()
        wait_until(lambda: server.sql("select count(*) from counted")[0][0] > 100, "work is going on")
        penstock.stop(seconds=28)
        for thread in threads:
            thread.join(10)
        self.assertEqual(server.sql("select count(*) from counted")[0][0], sum(acknowledged))
        server.sql("drop table counted")


if __name__ == "__main__":
    unittest.main()
