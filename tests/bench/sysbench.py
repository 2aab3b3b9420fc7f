# SPDX-License-Identifier: Apache-2.0
#
# sysbench as a load for either engine: its tables made once, and a run through some port whose queries are counted second by second. Its
# MySQL driver is MariaDB's library, its PostgreSQL driver libpq; what it asks is the same for both.

import os
import re
import subprocess

from cluster import PASSWORD

TABLES, ROWS = 4, 10000
WORKLOADS = {"point select": "oltp_point_select", "read write": "oltp_read_write"}
MODES = {"text": "disable", "prepared": "auto"}  # of sysbench's --db-ps-mode


DRIVERS = {"mysql": "mysql", "postgresql": "pgsql"}


def command(engine, port, workload, *more):
    driver = DRIVERS[engine]
    return ["sysbench", WORKLOADS[workload], f"--db-driver={driver}", f"--{driver}-host=127.0.0.1", f"--{driver}-port={port}",
            f"--{driver}-user=app", f"--{driver}-password={PASSWORD}", f"--{driver}-db=app", f"--tables={TABLES}",
            f"--table-size={ROWS}", *more]


def version():
    return subprocess.run(["sysbench", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]


def prepare(engine, port):
    subprocess.run(command(engine, port, "point select", "prepare"), check=True, capture_output=True)


def measure(contestant, workload, mode, clients, seconds):
    """{"qps", "cpu" and "user" (microseconds of the contestant's process per query), "sleeps" (per query)}; the first second, with the logins, counts for nothing."""
    process = subprocess.Popen(
        command(contestant.engine, contestant.port, workload, f"--db-ps-mode={MODES[mode]}", f"--threads={clients}",
                f"--time={seconds + 2}", "--report-interval=1", "--rand-type=uniform", "run"),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, "PGSSLMODE": "disable"})  # as the MySQL driver's default is
    marks, queries, other = [], 0.0, []
    for line in process.stdout:
        found = re.match(r"\[ ([0-9.]+)s \] .* qps: ([0-9.]+)", line)
        if not found:
            other.append(line)
            continue
        if marks:
            queries += float(found.group(2)) * (float(found.group(1)) - marks[-1][0])
        marks.append((float(found.group(1)), *contestant.used()))
        if len(marks) > seconds:
            process.terminate()
            break
    process.stdout.read()
    process.wait()
    if len(marks) <= seconds or not queries:
        raise RuntimeError(f"sysbench through {contestant.name} failed ({workload}, {mode}, {clients}):\n{''.join(other)[-2000:]}")
    passed, cpu, user, sleeps = (last - first for first, last in zip(marks[0], marks[-1]))
    return {"qps": queries / passed, "cpu": cpu / queries * 1e6, "user": user / queries * 1e6, "sleeps": sleeps / queries}
