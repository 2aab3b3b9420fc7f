# SPDX-License-Identifier: Apache-2.0
#
# Speed and size of Penstock beside PgBouncer and HAProxy: pgbench -S in three protocol modes, with 1, 32 and 200 clients on a pool of 20,
# plain and under TLS; and the memory of 5,000 idle clients. The contestants take turns within each cell, several times over; what is
# compared is the CPU time (user + system) of the proxy alone per transaction, and transactions per second, by medians. The last
# table goes into docs/performance.md. Run it by ./dev bench. What bench_mysql.py measures stands in the same document.

import argparse
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/support"), str(HERE)]

import memory  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
from cluster import PASSWORD, Cluster, binaries  # noqa: E402
from contestants import HaProxy, Penstock, PgBouncer  # noqa: E402

POOL_SIZE = 20
MODES, CLIENTS, LINKS = ("simple", "extended", "prepared"), (1, 32, 200), ("plain", "TLS")
PATIENCE = 30  # seconds, until all clients have logged in


def main():
    options = read_arguments()
    processes.end_in_order()
    # Room for a connection of each of 200 clients twice: HAProxy's, and those that PgBouncer 1.18 keeps for prepared statements.
    with Cluster(max_connections=700, settings={"shared_buffers": "256MB"}) as cluster:
        fill(cluster)
        rivals = start_contestants(cluster, options)
        try:
            speeds = {}
            for link in options.link or LINKS:
                for mode in options.mode or MODES:
                    for clients in options.clients or CLIENTS:
                        cell = (link, mode, clients)
                        speeds[cell] = measure_cell(rivals, cell, rounds_of(clients, options), options.seconds)
                        print(report.speed_row(cell, speeds[cell]), flush=True)
            alone = measure_on_one_core(cluster, rivals, options)
        finally:
            for rival in rivals:
                rival.stop()
        sizes = {} if options.no_memory else measure_memory(cluster, options)
    text = report.document(speeds, alone, sizes, rivals, options, cluster_version())
    print("\n" + text)
    if not options.no_write:
        report.write(ROOT / "docs/performance.md", text, lambda heading: heading in ("", "## Speed", "## Memory"))
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Penstock beside PgBouncer and HAProxy.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="how often each cell is measured with each contestant, twice and once more with one client (5)")
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement, after one second to warm up (1)")
    parser.add_argument("--mode", action="append", choices=MODES, help="only this protocol mode; may be repeated")
    parser.add_argument("--clients", action="append", type=int, help="only this many clients; may be repeated")
    parser.add_argument("--link", action="append", choices=LINKS, help="only plain or TLS")
    parser.add_argument("--idle-clients", type=int, default=5000, help="for the memory per idle client (5000)")
    parser.add_argument("--workers", type=int, default=1, help="Penstock's threads where it is compared (1, as PgBouncer has)")
    parser.add_argument("--no-per-core", action="store_true", help="leave out Penstock with its default of a worker per core")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def fill(cluster):
    subprocess.run([binaries() / "pgbench", "-i", "-q", "-s", "5", cluster.primary.url()], check=True, capture_output=True)


def start_contestants(cluster, options):
    rivals = [Penstock(cluster, POOL_SIZE, options.penstock, options.workers),
              PgBouncer(cluster, POOL_SIZE, cache=ROOT / "build/pgbouncer"), HaProxy(cluster, POOL_SIZE)]
    if os.cpu_count() > 1 and not options.no_per_core:
        rivals.append(Penstock(cluster, POOL_SIZE, options.penstock, workers=0, name=report.PER_CORE))
    for rival in rivals:
        rival.start()
        print(f"{rival.name} {rival.version} on port {rival.port}", flush=True)
    return rivals


def cluster_version():
    return subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout.split()[2]


# ---- one cell of the table ----

def rounds_of(clients, options):
    """With one client rounds differ most: by the core that the kernel wakes whom on."""
    return 2 * options.rounds + 1 if clients == 1 else options.rounds


def measure_cell(rivals, cell, rounds, seconds, base=PgBouncer.name, other=None):
    """Contestant's name -> {"tps", "cpu", "tps ratio", "cpu ratio", "tps error", "cpu error"}: medians over the rounds. CPU is in
    microseconds per transaction; a ratio, to what `base` takes, is taken within its round, since the machine's speed drifts from one to the next, and its
    error is the standard error of the mean of the rounds' ratios. With `other`, the same once more to what that takes, as
    "tps ratio to <other>" and so on."""
    samples = {rival.name: [] for rival in rivals}
    for number in range(rounds):
        for rival in in_turn(rivals, number):
            samples[rival.name].append(measure(rival, cell, seconds))
    bases = {"": base} | ({f" to {other}": other} if other else {})
    for taken in samples.values():
        for to, name in bases.items():
            for sample, beside in zip(taken, samples[name]):
                sample.update({f"{key} ratio{to}": sample[key] / beside[key] for key in ("tps", "cpu")})
    return {name: summary(taken, bases) for name, taken in samples.items()}


def in_turn(rivals, number):
    """The order in which they are measured in the round of this number: who begins changes, and, by every other round going backwards, whom
    each comes after. A contestant finds the caches as the one before it has left them."""
    begin = number // 2 % len(rivals)
    order = rivals[begin:] + rivals[:begin]
    return order[::-1] if number % 2 else order


def measure_on_one_core(cluster, rivals, options):
    """The cells of one client once more, with everybody on one core: server, contestant and pgbench. With one client they take turns anyway,
    and where they run free, most of the difference between two rounds is which core the kernel wakes whom on."""
    if 1 not in (options.clients or CLIENTS):
        return {}
    speeds = {}
    with on_one_core(cluster, rivals):
        for link in options.link or LINKS:
            for mode in options.mode or MODES:
                cell = (link, mode, 1)
                speeds[cell] = measure_cell(rivals, cell, rounds_of(1, options), options.seconds)
                print("one core, " + report.speed_row(cell, speeds[cell]), flush=True)
    return speeds


@contextlib.contextmanager
def on_one_core(cluster, rivals):
    """Servers, contestants, and what this program starts meanwhile."""
    for node in (cluster.primary, *cluster.replicas):
        processes.confine(processes.family(node.process.pid), [0])
    for rival in rivals:
        processes.confine([rival.pid], [0])
    os.sched_setaffinity(0, [0])
    yield
    os.sched_setaffinity(0, range(os.cpu_count()))


def summary(taken, bases):
    figures = {key: statistics.median(sample[key] for sample in taken) for key in taken[0]}
    for key in ("tps", "cpu"):
        for to in bases:
            ratios = [sample[f"{key} ratio{to}"] for sample in taken]
            figures[f"{key} error{to}"] = statistics.stdev(ratios) / len(ratios) ** 0.5 if len(ratios) > 1 else 0.0
    return figures


def measure(rival, cell, seconds):
    """Runs pgbench; up to the end of the first second with a transaction, in which clients log in and caches fill, all counts for nothing."""
    link, mode, clients = cell
    database = "app_prepared" if mode == "prepared" and not getattr(rival, "knows_prepared_statements", True) else "app"
    url = (f"host=127.0.0.1 port={rival.port} user=app password='{PASSWORD}' dbname={database} "
           f"sslmode={'require' if link == 'TLS' else 'disable'}")
    process = subprocess.Popen([binaries() / "pgbench", "-n", "-S", "-M", mode, "-c", str(clients), "-j", str(min(2, clients)),
                                "-T", str(seconds + PATIENCE), "-P", "1", url], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               start_new_session=True)
    began = ended = first = last = transactions = 0.0
    said = []
    for line in process.stderr:
        found = re.match(r"progress: ([0-9.]+) s, ([0-9.]+) tps, .*?, ([0-9]+) failed", line)
        if not found:
            said.append(line)
            continue
        now, rate = float(found.group(1)), float(found.group(2))
        if not first and rate:
            began, first = processes.cpu_seconds(rival.pid), now
        elif first:
            transactions += rate * (now - last)
            ended = processes.cpu_seconds(rival.pid)
        last = now
        if transactions and now - first > seconds - 0.5:
            process.terminate()  # its own end may come before it tells of the last second
            break
    process.stderr.close()
    process.wait()
    if not transactions:
        raise RuntimeError(f"pgbench through {rival.name} failed in {cell} with {process.returncode} after {last:g} s without a transaction: "
                           f"{''.join(said[:20])}\nlog of {rival.name}: {rival.log.read_text()[-2000:]}")
    return {"tps": transactions / (last - first), "cpu": (ended - began) / transactions * 1e6}


# ---- memory ----

def measure_memory(cluster, options):
    """(contestant's name, link) -> KiB of anonymous memory per idle client."""
    sizes = {}
    for make in (lambda: Penstock(cluster, POOL_SIZE, options.penstock, options.workers, trust=True),
                 lambda: PgBouncer(cluster, POOL_SIZE, trust=True, cache=ROOT / "build/pgbouncer")):
        for link in LINKS:
            rival = make().start()
            try:
                sizes[rival.name, link] = memory.per_idle_client(rival, link == "TLS", options.idle_clients)
                print(f"{rival.name:<10} {link:<6} {sizes[rival.name, link]:6.2f} KiB per idle client", flush=True)
            finally:
                rival.stop()
    return sizes


if __name__ == "__main__":
    sys.exit(main())
