# SPDX-License-Identifier: Apache-2.0
#
# A private PostgreSQL primary with as many streaming replicas as wanted, in a temporary folder on free ports. Made for tests: no
# fsync, one user for each way of logging in, TLS with an authority of its own. Nothing of the machine's own PostgreSQL is touched.

import atexit
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

import psycopg2

import processes
from certificates import Authority
from wait import Timeout, wait_until

PASSWORD = "correct horse"
SERVER_USER = "postgres"

# user -> (password_encryption, what pg_hba.conf asks for). All have PASSWORD, except cert_user and trust_user.
USERS = {
    "app": ("scram-sha-256", "scram-sha-256"),
    "other": ("scram-sha-256", "scram-sha-256"),
    "md5_user": ("md5", "md5"),
    "clear_user": ("scram-sha-256", "password"),
    "trust_user": ("scram-sha-256", "trust"),
    "cert_user": ("scram-sha-256", "cert"),
    "lookup": ("scram-sha-256", "scram-sha-256"),
}


def binaries():
    for folder in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name), reverse=True):
        if (folder / "postgres").exists():
            return folder
    found = shutil.which("postgres")
    if not found:
        raise RuntimeError("PostgreSQL is not installed: ./dev setup installs it")
    return pathlib.Path(found).parent


class Node:
    """One PostgreSQL server: a data folder, a port, a process."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.data = cluster.folder / name
        self.log = cluster.folder / f"{name}.log"
        self.port = processes.free_port()
        self.process = None

    def start(self):
        self.process = processes.spawn(
            [binaries() / "postgres", "-D", self.data, "-c", f"port={self.port}", "-c", f"cluster_name={self.data.name}"],
            self.log, signal_at_death=signal.SIGINT, user=SERVER_USER, cwd=self.cluster.folder)
        wait_until(self.answers, f"PostgreSQL {self.data.name} answers; its log: {self.log}", 60)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"PostgreSQL ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        with contextlib.suppress(psycopg2.OperationalError):
            self.connect("postgres", "postgres").close()
            return True
        return False

    def stop(self, how=signal.SIGINT):
        """SIGINT ends all sessions and stops, SIGQUIT stops as a crash would, SIGTERM waits for the sessions."""
        if self.process is not None:
            processes.stop(self.process, how, 60)
            self.process = None

    def restart(self, how=signal.SIGINT):
        self.stop(how)
        self.start()

    def connect(self, user="app", database="app", password=PASSWORD, autocommit=True, **options):
        """A direct psycopg2 connection; the superuser comes over the Unix socket."""
        host = str(self.cluster.folder) if user == "postgres" else "127.0.0.1"
        connection = psycopg2.connect(host=host, port=self.port, user=user, dbname=database, password=password,
                                      connect_timeout=10, **options)
        connection.autocommit = autocommit
        return connection

    def sql(self, statement, parameters=None, user="postgres", database="app"):
        """Runs a statement (as the superuser) and gives its rows, or None if it has none."""
        connection = self.connect(user, database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def url(self, user="app", database="app", password=PASSWORD):
        return f"postgres://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def backends(self, user="app"):
        """Process ids of the server's sessions of that user."""
        return [row[0] for row in self.sql("select pid from pg_stat_activity where usename = %s order by pid", (user,))]


class Cluster:
    """A primary and its replicas. Use as a context manager, or start() and stop()."""

    def __init__(self, replicas=0, max_connections=100, settings=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-pg-"))
        self.folder.chmod(0o755)
        self.settings = {"max_connections": max_connections, "superuser_reserved_connections": 3} | (settings or {})
        self.primary = Node(self, "primary")
        self.replicas = [Node(self, f"replica{number + 1}") for number in range(replicas)]
        self.owner = pwd.getpwnam(SERVER_USER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        atexit.register(self.stop)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.make_certificates()
        self.make_primary()
        self.primary.start()
        self.make_users()
        for replica in self.replicas:
            self.make_replica(replica)
            replica.start()
        return self

    def stop(self):
        for node in [*self.replicas, self.primary]:
            with contextlib.suppress(AssertionError):
                node.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def make_certificates(self):
        self.authority = Authority(self.folder / "tls")
        self.certificate, self.key = self.authority.issue_for_localhost()
        for path in [self.folder / "tls", *(self.folder / "tls").iterdir()]:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def make_primary(self):
        self.run_tool("initdb", "-D", self.primary.data, "-U", "postgres", "--auth=trust", "--no-sync", "--no-instructions",
                      "--encoding=UTF8", "--locale=C")
        with open(self.primary.data / "postgresql.conf", "a") as out:
            out.writelines(f"{name} = '{value}'\n" for name, value in (self.default_settings() | self.settings).items())
        (self.primary.data / "pg_hba.conf").write_text(self.hba())

    def default_settings(self):
        return {
            "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder, "fsync": "off",
            "full_page_writes": "off", "shared_buffers": "32MB", "ssl": "on",
            "ssl_cert_file": self.certificate, "ssl_key_file": self.key, "ssl_ca_file": self.authority.certificate,
            "wal_level": "replica", "max_wal_senders": 10, "hot_standby": "on", "max_prepared_transactions": 10,
            "log_line_prefix": "%m [%p] %u@%d ", "log_min_messages": "warning", "log_disconnections": "off",
            "timezone": "UTC", "logging_collector": "off", "autovacuum": "off", "jit": "off",
        }

    def hba(self):
        lines = ["local all all trust", "local replication postgres trust", "host replication postgres 127.0.0.1/32 trust"]
        lines += [f"{'hostssl' if how == 'cert' else 'host'} all {user} 127.0.0.1/32 {how}" for user, (_, how) in USERS.items()]
        lines.append("host all all 127.0.0.1/32 scram-sha-256")
        return "\n".join(lines) + "\n"

    def make_users(self):
        self.primary.sql("create database app", database="postgres")
        for user, (encryption, _) in USERS.items():
            self.primary.sql(f"set password_encryption = '{encryption}'; create role {user} login password %s", (PASSWORD,))
        self.primary.sql("grant all on schema public to public; grant other to app; alter database app owner to app")

    def make_replica(self, replica):
        self.run_tool("pg_basebackup", "-D", replica.data, "-h", self.folder, "-p", self.primary.port, "-U", "postgres", "-R",
                      "-X", "stream", "-c", "fast", "--no-sync", "-C", "-S", replica.data.name)

    def run_tool(self, tool, *arguments):
        options = {"user": SERVER_USER, "group": SERVER_USER, "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run([binaries() / tool, *map(str, arguments)], capture_output=True, text=True, cwd=self.folder, **options)
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stdout}{done.stderr}")

    def wait_for_replicas(self):
        """Until every replica has replayed what the primary has written so far."""
        position = self.primary.sql("select pg_current_wal_lsn()")[0][0]
        for replica in self.replicas:
            try:
                wait_until(lambda node=replica: node.sql("select pg_last_wal_replay_lsn() >= %s::pg_lsn", (position,))[0][0],
                           f"{replica.data.name} has caught up with {position}")
            except Timeout as late:
                senders = self.primary.sql("select application_name, state, sent_lsn, replay_lsn from pg_stat_replication")
                raise Timeout(f"{late}; the primary sends to {senders}; its log:\n{replica.log.read_text()[-2000:]}") from late
