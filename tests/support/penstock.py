# SPDX-License-Identifier: Apache-2.0
#
# Starts the Penstock program for a test: writes a TOML file from a plain dictionary (or hands over a URL), gives it free ports, waits
# until it listens, keeps its log, and sees that it ends with the status it should.

import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.request
from urllib.error import HTTPError, URLError

import psycopg2

import processes
import sanitizers
from cluster import PASSWORD
from pgwire import Wire
from wait import patience, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def program():
    """The program under test: PENSTOCK_PROGRAM (the test runner sets it), or the dev build."""
    return os.environ.get("PENSTOCK_PROGRAM", str(ROOT / "build/dev/penstock"))


def toml(settings):
    """TOML of {section: {key: value}}; a list of dictionaries becomes [[section]], an empty one nothing; plain values come first."""
    lines = [f"{key} = {toml_value(value)}" for key, value in settings.items() if not is_section(value) and value != []]
    for name, section in settings.items():
        for entry in ([section] if isinstance(section, dict) else section if is_section(section) else []):
            lines.append(f"\n[{name}]" if isinstance(section, dict) else f"\n[[{name}]]")
            lines += [f"{key} = {toml_value(value)}" for key, value in entry.items()]
    return "\n".join(lines) + "\n"


def is_section(value):
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return str(value) if isinstance(value, (int, float)) else json.dumps(str(value))


def merged(base, changes):
    """base with changes laid over it, section by section."""
    result = dict(base)
    for key, value in changes.items():
        result[key] = merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
    return result


class Penstock:
    """One running Penstock. Use as a context manager, or start() and stop()."""

    def __init__(self, cluster=None, settings=None, arguments=None, environment=None, nodes=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-"))
        self.port, self.admin_port = processes.free_port(), processes.free_port()
        self.console_port = self.port
        self.log_path = self.folder / "penstock.log"
        self.config = self.folder / "penstock.toml"
        self.environment = {**os.environ, **(environment or {})}
        self.process = None
        if arguments is None:
            self.settings = merged(self.default_settings(cluster, nodes), settings or {})
            self.write_settings()
            arguments = ["--config", self.config]
        self.arguments = arguments
        atexit.register(self.discard)

    def default_settings(self, cluster, nodes):
        hosts = nodes if nodes is not None else [f"127.0.0.1:{node.port}" for node in [cluster.primary, *cluster.replicas]]
        return {
            "listen": {"postgresql": [f"127.0.0.1:{self.port}"]},
            "log": {"level": "debug"},
            "admin": {"listen": [f"127.0.0.1:{self.admin_port}"], "admin_users": ["app"], "stats_users": ["other"]},
            "cluster": [{"name": "main", "nodes": hosts, "monitor_user": "lookup", "monitor_password": PASSWORD}],
            "database": [{"name": "*", "cluster": "main"}],
            "user": [{"name": name, "password": PASSWORD} for name in ("app", "other")],
        }

    def write_settings(self):
        self.config.write_text(toml(self.settings))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.tell_of_crash()
            self.discard()

    def start(self):
        self.process = processes.spawn([program(), *self.arguments], self.log_path, env=self.environment)
        wait_until(self.listens, "Penstock listens", 30)
        return self

    def listens(self):
        self.assert_alive()
        return processes.is_listening(self.port)

    def stop(self, with_signal=signal.SIGTERM, status=0, seconds=30):
        """Stops it and asserts the exit status and that no sanitizer complained."""
        if self.process is None:
            return
        found = processes.stop(self.process, with_signal, seconds)
        log = self.log()
        self.discard()
        complaint = sanitizers.complaint(log)
        if complaint:
            raise AssertionError(f"a sanitizer complains:\n{complaint}")
        if found != status:
            raise AssertionError(f"Penstock ended {ending(found)}, not {ending(status)}:\n{log[-4000:]}")

    def discard(self):
        atexit.unregister(self.discard)
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process = None
        sanitizers.keep(sanitizers.complaint(self.log()))
        shutil.rmtree(self.folder, ignore_errors=True)

    def reload(self):
        """Writes the settings again and sends SIGHUP."""
        self.write_settings()
        self.process.send_signal(signal.SIGHUP)

    # ---- looking at it ----

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with contextlib.suppress(FileNotFoundError):
            return self.log_path.read_text(errors="replace")
        return ""

    def assert_alive(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Penstock has ended {ending(self.process.returncode)}:\n{self.log()[-4000:]}")

    def tell_of_crash(self):
        """For tests that fail anyhow: that a signal ended it may be why."""
        if self.process is not None and (self.process.poll() or 0) < 0:
            print(f"Penstock has ended {ending(self.process.returncode)}:\n{self.log()[-4000:]}", flush=True)

    def wait_for_log(self, pattern, seconds=20):
        return wait_until(lambda: re.search(pattern, self.log()), f"{pattern!r} in the log", seconds)

    # ---- talking to it ----

    def url(self, user="app", database="app", password=PASSWORD, options=""):
        return f"postgres://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}{options}"

    def connect(self, user="app", database="app", password=PASSWORD, autocommit=True, **options):
        """A psycopg2 (libpq) connection through Penstock."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user=user, dbname=database, password=password,
                                      connect_timeout=int(patience(20)), **options)
        connection.autocommit = autocommit
        return connection

    def wire(self, user="app", database="app", password=PASSWORD, timeout=20.0, receive_buffer=None, **parameters):
        """A logged-in raw connection."""
        return Wire(self.port, timeout=timeout, receive_buffer=receive_buffer).log_in(user, database, password, **parameters)

    def raw(self, timeout=20.0):
        return Wire(self.port, timeout=timeout)

    def http(self, path):
        """(status, body) of the admin port."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=patience(10)) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except (ConnectionError, URLError) as fault:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(1)  # its sockets are closed a moment before its end can be seen
            self.assert_alive()
            fault.add_note(f"Penstock is still there; it logged:\n{self.log()[-4000:]}")
            raise

    def metrics(self):
        """Sample name with labels -> value, of /metrics."""
        lines = (line.rpartition(" ") for line in self.http("/metrics")[1].splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def routes(self):
        """How many requests went where and why: {(route, reason): count}."""
        return self.counted("penstock_routes_total", "route", "reason")

    def pins(self):
        """How often sessions were pinned and why: {(reason,): count}."""
        return self.counted("penstock_pins_total", "reason")

    def pinned_clients(self):
        """How many sessions are pinned now."""
        return sum(self.counted("penstock_pinned_clients", "reason").values())

    def counted(self, metric, *labels):
        """That metric by these labels alone: {their values: sum}."""
        counted = {}
        for name, amount in self.metrics().items():
            if name.startswith(metric + "{"):
                key = tuple(re.search(f'[{{,]{label}="(.*?)"', name)[1] for label in labels)
                counted[key] = counted.get(key, 0) + int(amount)
        return counted

    def nodes(self):
        """Rows of SHOW NODES, from /stats."""
        status, body = self.http("/stats")
        if status != 200:
            raise AssertionError(f"/stats gives {status}: {body}")
        return json.loads(body)["nodes"]

    def order(self, command, user="app"):
        """Has the console carry out a command that gives no rows; gives its tag."""
        with contextlib.closing(self.operator(user)) as connection, connection.cursor() as cursor:
            cursor.execute(command)
            return cursor.statusmessage

    def operator(self, user="app"):
        """A psycopg2 connection to the console."""
        connection = psycopg2.connect(host="127.0.0.1", port=self.console_port, user=user, dbname="pgbouncer", password=PASSWORD,
                                      connect_timeout=int(patience(20)))
        connection.autocommit = True
        return connection

    def console(self, command, user="app"):
        """Rows of a console command, each as {column: text}."""
        with contextlib.closing(self.operator(user)) as connection, connection.cursor() as cursor:
            cursor.execute(command)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row)) for row in cursor.fetchall()]


def ending(status):
    """How a process ended, in words, by its return code."""
    return f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"


def run_once(*arguments, environment=None, seconds=30):
    """Runs the program to its end: (status, stdout, stderr)."""
    done = subprocess.run([program(), *map(str, arguments)], capture_output=True, text=True, timeout=patience(seconds),
                          env={**os.environ, **(environment or {})})
    sanitizers.keep(sanitizers.complaint(done.stderr))
    return done.returncode, done.stdout, done.stderr
