# SPDX-License-Identifier: Apache-2.0
#
# A private MySQL or MariaDB primary with as many replicas as wanted (by GTID), in a temporary folder on free ports. Made for tests: no
# fsync, one user for each way of logging in, TLS with an authority of its own. Nothing of the machine's own server is touched.
# A data folder takes seconds to make, so one is made for each product and set of users, kept, and copied.

import atexit
import contextlib
import os
import pathlib
import shutil
import signal
import tempfile

import pymysql

import mysql_template
import processes
from certificates import Authority
from mysql_products import PASSWORD, SERVER_USER, owner, product
from wait import wait_until

UNREACHABLE = (1158, 1159, 2002, 2003, 2013, 2026)  # a replica that cannot reach its source tries again


class Node:
    """One server: a data folder, a port, a process."""

    def __init__(self, cluster, name, server_id):
        self.cluster = cluster
        self.name = name
        self.data = cluster.folder / name
        self.temporary = cluster.folder / f"{name}.tmp"  # its own: a server that starts deletes the temporary tables that it finds there
        self.log = cluster.folder / f"{name}.log"
        self.defaults = cluster.folder / f"{name}.cnf"
        self.socket = cluster.folder / f"{name}.sock"
        self.port = processes.free_port()
        self.server_id = server_id
        self.process = None

    def make(self, template=None):
        shutil.copytree(template or self.cluster.template, self.data, symlinks=True)
        self.temporary.mkdir(exist_ok=True)
        for path in [self.temporary, self.data, *self.data.rglob("*")]:
            os.chown(path, self.cluster.owner.pw_uid, self.cluster.owner.pw_gid)
        mysql_template.write_defaults(self.defaults, self.cluster.options() | {
            "datadir": self.data, "socket": self.socket, "port": self.port, "server_id": self.server_id,
            "pid_file": self.cluster.folder / f"{self.name}.pid", "tmpdir": self.temporary} | self.cluster.settings)

    def start(self):
        self.launch()
        self.wait_until_it_answers()

    def launch(self):
        self.process = processes.spawn([self.cluster.product.server, f"--defaults-file={self.defaults}"], self.log, user=SERVER_USER,
                                       cwd=self.cluster.folder)

    def wait_until_it_answers(self):
        wait_until(self.answers, f"{self.cluster.product.name} {self.name} answers; its log: {self.log}", 60)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-2000:]}")
        with contextlib.suppress(pymysql.err.OperationalError):
            self.connect("root").close()
            return True
        return False

    def stop(self, how=signal.SIGTERM):
        """SIGTERM ends all sessions and stops in order, SIGKILL stops as a crash would."""
        if self.process is not None:
            processes.stop(self.process, how, 60)
            self.process = None

    def restart(self, how=signal.SIGTERM):
        self.stop(how)
        self.start()

    def connect(self, user="app", database=None, password=PASSWORD, autocommit=True, **options):
        """A direct PyMySQL connection, encrypted; the superuser `root` comes over the Unix socket."""
        if user == "root":
            return pymysql.connect(unix_socket=str(self.socket), user=user, database=database, autocommit=autocommit, **options)
        return pymysql.connect(host="127.0.0.1", port=self.port, user=user, database=database or "app", password=password,
                               autocommit=autocommit, connect_timeout=10,
                               **({"ssl": {"ca": str(self.cluster.authority.certificate)}} | options))

    def sql(self, statement, parameters=None, user="root", database=None):
        """Runs a statement (as the superuser) and gives its rows, or None if it has none."""
        with contextlib.closing(self.connect(user, database)) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return list(cursor.fetchall()) if cursor.description else None

    def url(self, user="app", database="app", password=PASSWORD):
        return f"mysql://{user}:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def sessions(self, user="app"):
        """Connection ids of the server's sessions of that user."""
        return [row[0] for row in self.sql("select id from information_schema.processlist where user = %s order by id", (user,))]

    def wait_until_replicated(self, seconds=20):
        """Until every other server that runs has replayed what this one has written so far."""
        position = self.sql(self.cluster.product.written_so_far)[0][0]
        for node in self.cluster.nodes():
            if node is not self and node.process is not None:
                wait_until(lambda node=node: node.has_replayed(position), f"{node.name} has caught up: {node.log}", seconds)

    def has_replayed(self, position):
        if self.sql(self.cluster.product.has_replayed, (position,))[0][0] == 1:
            return True
        with contextlib.closing(self.connect("root")) as connection, connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(self.cluster.product.replication_status)
            for status in cursor.fetchall():
                if status["Last_SQL_Errno"] or status["Last_IO_Errno"] not in (0, *UNREACHABLE):
                    raise AssertionError(f"{self.name} does not replicate: {status['Last_SQL_Error']}{status['Last_IO_Error']}; its log:\n"
                                         f"{self.log.read_text()[-3000:]}")
        return False

    def follow(self, source):
        """Makes this server a read-only replica of the other."""
        for statement in (*self.cluster.product.follow(source.port), *self.cluster.product.read_only):
            self.sql(statement)

    def promote(self):
        """Ends replication and takes writes from now on."""
        for statement in (*self.cluster.product.stop_replication, *self.cluster.product.writable):
            self.sql(statement)


class MySqlCluster:
    """A primary and its replicas. Use as a context manager, or start() and stop(). `settings` go into every server's options."""

    def __init__(self, product_name="mysql", replicas=0, settings=None):
        self.product = product(product_name)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"penstock-{product_name}-"))
        self.folder.chmod(0o755)
        self.settings = settings or {}
        self.owner = owner()
        self.primary = Node(self, "primary", 1)
        self.replicas = [Node(self, f"replica{number + 1}", number + 2) for number in range(replicas)]
        atexit.register(self.stop)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        os.chown(self.folder, self.owner.pw_uid, self.owner.pw_gid)
        self.make_certificates()
        self.template = mysql_template.kept(self.product)
        for node in self.nodes():
            node.make()
            node.launch()
        for node in self.nodes():
            node.wait_until_it_answers()
        for replica in self.replicas:
            replica.follow(self.primary)
        return self

    def nodes(self):
        return [self.primary, *self.replicas]

    def stop(self):
        for node in reversed(self.nodes()):
            with contextlib.suppress(AssertionError):
                node.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def make_certificates(self):
        self.authority = Authority(self.folder / "tls")
        self.certificate, self.key = self.authority.issue_for_localhost()
        for path in [self.folder / "tls", *(self.folder / "tls").iterdir()]:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def options(self):
        return self.product.options() | {"ssl_ca": self.authority.certificate, "ssl_cert": self.certificate, "ssl_key": self.key}

    def wait_until_replicated(self):
        self.primary.wait_until_replicated()
