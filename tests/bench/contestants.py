# SPDX-License-Identifier: Apache-2.0
#
# The programs that are compared: Penstock, PgBouncer (the newest to be had) and HAProxy, which only copies octets. Each runs with a pool
# of the same size in front of the same server, on ports of its own, with the certificate of the test authority towards clients.

import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import processes
from cluster import PASSWORD
from newest_pgbouncer import fetch
from wait import wait_until

MOST_CLIENTS = 6000


class Contestant:
    """A proxy in front of the cluster: .port, .pid, .version."""

    name = ""
    engine = "postgresql"

    def __init__(self, cluster, pool_size, trust=False):
        self.cluster, self.pool_size, self.trust = cluster, pool_size, trust
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bench-{self.name.lower()}-"))
        self.folder.chmod(0o755)
        self.port = processes.free_port()
        self.log = self.folder / "log"
        self.process = None

    def start(self):
        # A session of its own, as a service manager or a container gives it: where the kernel shares the processor out between
        # sessions (sched_autogroup), no contestant then shares its portion with this program and with pgbench.
        self.process = processes.spawn(self.command(), self.log, user=self.user(), start_new_session=True)
        wait_until(self.listens, f"{self.name} listens; its log: {self.log}")
        return self

    def listens(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended:\n{self.log.read_text()[-2000:]}")
        return processes.is_listening(self.port)

    def user(self):
        return None

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid

    def used(self):
        """What the process has used so far: seconds of CPU, of these in user space, and how often it slept."""
        return processes.cpu_seconds(self.pid), processes.user_seconds(self.pid), processes.sleeps(self.pid)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def files_for_others(self):
        """Certificate and key where a program that runs as another user may read them."""
        copies = []
        for source in (self.cluster.certificate, self.cluster.key):
            copy = pathlib.Path(shutil.copy(source, self.folder))
            copy.chmod(0o600)
            if os.geteuid() == 0:
                os.chown(copy, self.cluster.owner.pw_uid, self.cluster.owner.pw_gid)
            copies.append(copy)
        return copies


class Penstock(Contestant):
    name = "Penstock"

    def __init__(self, cluster, pool_size, program, workers=0, trust=False, name="Penstock", engine="postgresql", splits=False, on_replica=False):
        super().__init__(cluster, pool_size, trust)
        self.splits = splits  # reads go to replicas
        self.on_replica = on_replica  # it knows the first replica alone, and takes it for a primary
        self.program, self.workers, self.name, self.engine = program, workers, name, engine
        self.version = run([program, "--version"]).split()[-1]

    def command(self):
        login = 'auth_method = "trust"\nserver_password' if self.trust else "password"
        nodes = [self.cluster.primary, *self.cluster.replicas] if self.splits else [self.cluster.primary]
        addresses = ", ".join(f'"127.0.0.1:{node.port}"' for node in nodes)
        if self.on_replica:
            addresses = f'{{ address = "127.0.0.1:{self.cluster.replicas[0].port}", role = "primary" }}'
        config = self.write("penstock.toml", f"""
workers = {self.workers}
[log]
level = "warning"
[listen]
{self.engine} = ["127.0.0.1:{self.port}"]
[tls]
certificate = "{self.cluster.certificate}"
key = "{self.cluster.key}"
[clients]
max_client_connections = {MOST_CLIENTS}
[pool]
pool_size = {self.pool_size}
[admin]
listen = []
[[cluster]]
name = "main"
engine = "{self.engine}"
nodes = [{addresses}]
sslmode = "disable"
{"read_write_split = true" if self.splits else ""}
[[user]]
name = "app"
{login} = "{PASSWORD}"
""")
        return [self.program, "--config", config]


class PgBouncer(Contestant):
    name = "PgBouncer"

    def __init__(self, cluster, pool_size, trust=False, cache=None):
        super().__init__(cluster, pool_size, trust)
        self.program = (fetch(cache) if cache else None) or shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
        self.version = run([self.program, "--version"]).split()[1]

    @property
    def knows_prepared_statements(self):
        return tuple(map(int, self.version.split(".")[:2])) >= (1, 21)

    def user(self):
        return "postgres"  # it refuses to be root

    def command(self):
        certificate, key = self.files_for_others()
        users = self.write("users.txt", f'"app" "{PASSWORD}"\n')
        prepared = "max_prepared_statements = 200" if self.knows_prepared_statements else ""
        mode, size = ("transaction", self.pool_size) if self.knows_prepared_statements else ("session", 200)
        databases = f"* = host=127.0.0.1 port={self.cluster.primary.port}"
        if not self.knows_prepared_statements:
            databases = f"app = host=127.0.0.1 port={self.cluster.primary.port} pool_mode=transaction\n" \
                        f"app_prepared = host=127.0.0.1 port={self.cluster.primary.port} dbname=app pool_mode={mode} pool_size={size}"
        return [self.program, self.write("pgbouncer.ini", f"""
[databases]
{databases}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = {"trust" if self.trust else "scram-sha-256"}
auth_file = {users}
pool_mode = transaction
default_pool_size = {self.pool_size}
max_client_conn = {MOST_CLIENTS}
client_tls_sslmode = allow
client_tls_cert_file = {certificate}
client_tls_key_file = {key}
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits
log_connections = 0
log_disconnections = 0
{prepared}
""")]


class HaProxy(Contestant):
    name = "HAProxy"

    def __init__(self, cluster, pool_size, name="HAProxy", engine="postgresql"):
        super().__init__(cluster, pool_size)
        self.name, self.engine = name, engine
        self.version = self.installed_version()

    @staticmethod
    def installed_version():
        return re.search(r"version (\d[\w.]*)", run(["haproxy", "-v"], "/usr/sbin")).group(1)

    def command(self):
        return ["/usr/sbin/haproxy", "-db", "-f", self.write("haproxy.cfg", f"""
global
  maxconn {MOST_CLIENTS}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend clients
  bind 127.0.0.1:{self.port}
  default_backend servers
backend servers
  server primary 127.0.0.1:{self.cluster.primary.port}
""")]


def run(arguments, folder=None):
    path = f"{folder}:{os.environ['PATH']}" if folder else os.environ["PATH"]
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, env={**os.environ, "PATH": path}, check=True)
    return done.stdout
