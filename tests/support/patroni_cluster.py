# SPDX-License-Identifier: Apache-2.0
#
# A real Patroni cluster: an etcd and as many nodes as wanted, each a Patroni that runs its own PostgreSQL. In a temporary folder, on
# free ports; nothing of the machine's own services is touched. A node that is stopped leaves the cluster as a good one does.

import atexit
import contextlib
import json
import os
import pathlib
import pwd
import shutil
import signal
import tempfile
import urllib.error
import urllib.request

import psycopg2

import processes
from cluster import PASSWORD, SERVER_USER, binaries
from wait import wait_until

TTL, LOOP_WAIT, RETRY_TIMEOUT = 20, 1, 3  # the least that Patroni takes


class PatroniNode:
    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name
        self.port, self.rest_port = processes.free_port(), processes.free_port()
        self.url = f"http://127.0.0.1:{self.rest_port}"
        self.data = cluster.folder / name
        self.log = cluster.folder / f"{name}.log"
        self.process = None

    def settings(self):
        address = f"127.0.0.1:{self.port}"
        return {
            "scope": "tests", "name": self.name,
            "restapi": {"listen": f"127.0.0.1:{self.rest_port}", "connect_address": f"127.0.0.1:{self.rest_port}"},
            "etcd3": {"host": f"127.0.0.1:{self.cluster.etcd_port}"},
            "bootstrap": {
                "dcs": {"ttl": TTL, "loop_wait": LOOP_WAIT, "retry_timeout": RETRY_TIMEOUT,
                        "postgresql": {"use_pg_rewind": False, "parameters": {"max_connections": 100, "wal_level": "replica"}}},
                "initdb": ["no-sync", {"encoding": "UTF8"}, {"locale": "C"}, {"auth": "trust"}],
                "pg_hba": ["local all all trust", "host replication all 127.0.0.1/32 trust", "host all all 127.0.0.1/32 scram-sha-256"],
            },
            "postgresql": {
                "listen": address, "connect_address": address, "data_dir": str(self.data), "bin_dir": str(binaries()),
                "basebackup": [{"checkpoint": "fast"}, "no-sync"],
                "pgpass": str(self.cluster.folder / f"{self.name}.pgpass"),
                "authentication": {"superuser": {"username": "postgres", "password": PASSWORD},
                                   "replication": {"username": "replicator", "password": PASSWORD}},
                "parameters": {"unix_socket_directories": str(self.cluster.folder), "fsync": "off", "shared_buffers": "32MB"},
            },
        }

    def start(self):
        path = self.cluster.folder / f"{self.name}.yml"
        path.write_text(json.dumps(self.settings()))  # which is YAML, too
        self.process = processes.spawn(["patroni", path], self.log, signal_at_death=signal.SIGTERM, user=SERVER_USER,
                                       cwd=self.cluster.folder)

    def stop(self):
        if self.process is not None:
            processes.stop(self.process, signal.SIGTERM, 60)
            self.process = None

    def role(self):
        """As its own Patroni tells: "master", "replica", or None where it does not run."""
        with contextlib.suppress(urllib.error.URLError, OSError, ValueError):
            try:
                with urllib.request.urlopen(f"{self.url}/patroni", timeout=5) as answer:
                    status = json.load(answer)
            except urllib.error.HTTPError as error:
                status = json.load(error)
            return status["role"] if status.get("state") == "running" else None
        return None

    def sql(self, statement, parameters=None, database="postgres"):
        """Runs a statement as the superuser and gives its rows, or None if it has none."""
        connection = psycopg2.connect(host=str(self.cluster.folder), port=self.port, user="postgres", dbname=database, connect_timeout=10)
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else None


class PatroniCluster:
    """Use start() for etcd and the first node, add() for each further one, and stop()."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-patroni-"))
        self.folder.chmod(0o755)
        self.etcd_port, self.nodes, self.etcd = processes.free_port(), [], None
        atexit.register(self.stop)

    def start(self):
        for program in ("patroni", "etcd"):
            if not shutil.which(program):
                raise RuntimeError(f"{program} is not installed: ./dev setup installs it")
        owner = pwd.getpwnam(SERVER_USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self.start_etcd()
        first = self.add()
        wait_until(lambda: first.role() == "master", f"the first node is the primary; its log: {first.log}", 60)
        for user in ("app", "lookup"):
            first.sql(f"create role {user} login password %s", (PASSWORD,))
        first.sql("create database app owner app")
        return self

    def start_etcd(self):
        client, peer = f"http://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{processes.free_port()}"
        self.etcd = processes.spawn(
            ["etcd", "--name", "one", "--data-dir", self.folder / "etcd", "--listen-client-urls", client, "--advertise-client-urls", client,
             "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}"],
            self.folder / "etcd.log", user=SERVER_USER, cwd=self.folder)
        wait_until(lambda: processes.is_listening(self.etcd_port), "etcd listens")

    def add(self):
        self.nodes.append(PatroniNode(self, f"db{len(self.nodes) + 1}"))
        self.nodes[-1].start()
        return self.nodes[-1]

    def primary(self):
        return next((node for node in self.nodes if node.process is not None and node.role() == "master"), None)

    def switch_over(self, to):
        """A planned switchover, as patronictl asks for it: again where the candidate did not answer Patroni's own questions in time."""
        told = []
        try:
            wait_until(lambda: self.begins_to_switch(to, told), f"the switchover to {to.name} begins", 60, 0.5)
        except AssertionError as late:
            raise AssertionError(f"{late}; Patroni says: {told}") from late
        wait_until(lambda: self.primary() is to, f"{to.name} is the primary", 30)

    def begins_to_switch(self, to, told):
        """Asks once; why it was refused is added to `told`. See Patroni's REST API, "Switchover and failover endpoints"."""
        primary = self.primary()
        if primary is None or primary is to:
            return primary is to
        question = json.dumps({"leader": primary.name, "candidate": to.name}).encode()
        request = urllib.request.Request(f"{primary.url}/switchover", question, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
        except urllib.error.HTTPError as error:
            if error.code not in (412, 503):
                raise
            told.append(error.read().decode(errors="replace"))
            return False
        return True

    def stop(self):
        for node in sorted(self.nodes, key=lambda each: each.process is not None and each.role() == "master"):
            with contextlib.suppress(AssertionError):
                node.stop()
        if self.etcd is not None:
            processes.stop(self.etcd, signal.SIGKILL)
            self.etcd = None
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)
