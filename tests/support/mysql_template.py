# SPDX-License-Identifier: Apache-2.0
#
# The data folder that every test server of a product starts from: initialised, with the tests' users and databases, and with no
# history in its binary log. It is made once, kept under a name that changes with everything that went into it, and copied.

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pymysql

import mysql_fetch
import processes
from mysql_products import PASSWORD, SERVER_USER, owner
from wait import wait_until

DATABASES = ("app", "other")


def kept(product):
    """The folder to copy, made at the first call on this machine."""
    version = subprocess.run([product.server, "--no-defaults", "--version"], capture_output=True, text=True, check=True).stdout
    said = "\n".join([version, str(owner().pw_uid), *first_statements(product), *(f"{n}={v}" for n, v in product.options().items())])
    folder = mysql_fetch.folder().parent / f"{product.name}-data-{hashlib.sha256(said.encode()).hexdigest()[:12]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            drop_old(folder, f"{product.name}-data-*")
            make(product, folder)
    return folder


def drop_old(folder, pattern):
    """Removes what earlier users or versions left; what is younger than a day may be another working tree's."""
    for path in folder.parent.glob(pattern):
        if path.is_dir() and path.stat().st_mtime < time.time() - 86400:
            shutil.rmtree(path, ignore_errors=True)


def first_statements(product):
    statements = [f"create database {name}" for name in DATABASES]
    for user in product.users:
        statements.append(product.create_user(user))
        statements += [f"grant all on {name}.* to {user}" for name in DATABASES]
    statements += [f"create user replicator identified by '{PASSWORD}'", "grant replication slave on *.* to replicator"]
    return [*statements, *product.grants, product.forget_history]


def make(product, folder):
    with tempfile.TemporaryDirectory(prefix=f"{product.name}-", dir=folder.parent) as made:
        work = pathlib.Path(made)
        os.chown(work, owner().pw_uid, owner().pw_gid)
        work.chmod(0o755)
        defaults = work / "server.cnf"
        write_defaults(defaults, product.options() | {"datadir": work / "data", "socket": work / "socket", "server_id": 1,
                                                      "pid_file": work / "pid", "skip_networking": "ON", "tmpdir": work})
        run_as_server_user(product.initialise(defaults), work)
        teach(product, defaults, work)
        (work / "data/auto.cnf").unlink(missing_ok=True)  # the server's identity: each copy makes its own
        (work / "data").rename(folder)


def run_as_server_user(arguments, work):
    process = processes.spawn(arguments, work / "log", user=SERVER_USER, cwd=work)
    if process.wait(120):
        raise RuntimeError(f"{arguments[0]} ended with {process.returncode}:\n{(work / 'log').read_text()[-2000:]}")


def teach(product, defaults, work):
    """Starts the server on the new folder, tells it the first statements, and stops it in order."""
    server = processes.spawn([product.server, f"--defaults-file={defaults}"], work / "log", user=SERVER_USER, cwd=work)
    try:
        with contextlib.closing(wait_until(lambda: reach(server, work), f"{product.name} answers; its log: {work / 'log'}", 60)) as root:
            for statement in first_statements(product):
                root.cursor().execute(statement)
    finally:
        processes.stop(server, signal.SIGTERM, 60)


def reach(server, work):
    if server.poll() is not None:
        raise RuntimeError(f"the server ended with {server.returncode}:\n{(work / 'log').read_text()[-2000:]}")
    with contextlib.suppress(pymysql.err.OperationalError):
        return pymysql.connect(unix_socket=str(work / "socket"), user="root")


def write_defaults(path, options):
    path.write_text("[server]\n" + "".join(f"{name} = {value}\n" for name, value in options.items()))
