# SPDX-License-Identifier: Apache-2.0
#
# Speed and size of Penstock in front of MySQL: sysbench's point selects and read-write transactions, as text and prepared, with 1, 32 and
# 200 clients on a pool of 20, beside a direct connection, HAProxy in TCP mode and both proxies' way to PostgreSQL, with the same load by
# sysbench's other driver; and the memory of 5,000 idle clients. The contestants take turns within each cell, several times over; ratios
# are taken within a round. The cells of one client are measured once more with everybody on one core. The result becomes sections of
# docs/performance.md. Run it by ./dev bench mysql.

import argparse
import contextlib
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/support"), str(HERE)]

import bench  # noqa: E402
import memory  # noqa: E402
import mysql_fetch  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
import report_mysql  # noqa: E402
import sysbench  # noqa: E402
from cluster import Cluster  # noqa: E402
from contestants import HaProxy, Penstock  # noqa: E402
from mysql_cluster import MySqlCluster  # noqa: E402

POOL_SIZE = 20
CLIENTS, LINKS = (1, 32, 200), ("plain", "TLS")
SETTINGS = {"max_connections": 400, "innodb_buffer_pool_size": "256M"}


class Direct:
    """No proxy at all."""

    name, engine = "directly", "mysql"

    def __init__(self, cluster):
        self.port = cluster.primary.port

    def used(self):
        return 0.0, 0.0, 0


def main():
    options = read_arguments()
    processes.end_in_order()
    with contextlib.ExitStack() as ends:
        cluster = ends.enter_context(MySqlCluster(product_of(options), settings=SETTINGS))
        cluster.primary.connect().close()  # under TLS: from now on it knows the password and asks for a proof only
        speeds = {} if options.no_speed else measure_speed(cluster, options, ends)
        sizes = {} if options.no_memory else measure_memory(cluster, options)
        server = f"{'MySQL' if cluster.product.name == 'mysql' else 'MariaDB'} {cluster.primary.sql('select version()')[0][0]}"
    text = report_mysql.document(speeds, sizes, server, options)
    print("\n" + text)
    if not options.no_write:
        headings = report.sections(text)
        report.write(ROOT / "docs/performance.md", text, lambda heading: heading in headings)
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench mysql", description="Penstock for MySQL beside HAProxy and a direct connection.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--engine", choices=("mysql", "mariadb"), help="the server (MySQL where it is here, else MariaDB)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each cell is measured with each contestant (9)")
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement, after one second to warm up (1)")
    parser.add_argument("--workload", action="append", choices=sysbench.WORKLOADS, help="only this; may be repeated")
    parser.add_argument("--mode", action="append", choices=sysbench.MODES, help="only text or prepared")
    parser.add_argument("--clients", action="append", type=int, help="only this many clients; may be repeated")
    parser.add_argument("--idle-clients", type=int, default=5000, help="for the memory per idle client (5000)")
    parser.add_argument("--workers", type=int, default=1, help="Penstock's threads (1, as HAProxy has)")
    parser.add_argument("--no-speed", action="store_true", help="measure the memory only")
    parser.add_argument("--no-memory", action="store_true", help="leave the memory out")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def product_of(options):
    if options.engine:
        return options.engine
    try:
        mysql_fetch.find()
        return "mysql"
    except mysql_fetch.NotAvailable as reason:
        print(f"{reason}: MariaDB is measured", flush=True)
        return "mariadb"


# ---- speed ----

def measure_speed(cluster, options, ends):
    postgresql = ends.enter_context(Cluster(max_connections=400, settings={"shared_buffers": "256MB"}))
    sysbench.prepare("mysql", cluster.primary.port)
    sysbench.prepare("postgresql", postgresql.primary.port)
    rivals = [Penstock(cluster, POOL_SIZE, options.penstock, options.workers, engine="mysql"),
              HaProxy(cluster, POOL_SIZE, engine="mysql"),
              Penstock(postgresql, POOL_SIZE, options.penstock, options.workers, name=report_mysql.OWN_POSTGRESQL),
              HaProxy(postgresql, POOL_SIZE, name=report_mysql.COPIED_POSTGRESQL)]
    for rival in rivals:
        ends.callback(rival.start().stop)
    everybody = [*rivals, Direct(cluster)]
    speeds = {}

    def measure(clients, alone):
        for workload in options.workload or sysbench.WORKLOADS:
            for mode in options.mode or sysbench.MODES:
                for number in clients:
                    cell = (workload, mode, number, alone)
                    speeds[cell] = measure_cell(everybody, (workload, mode, number), options)
                    print(report_mysql.speed_line(cell, speeds[cell]), flush=True)

    clients = options.clients or CLIENTS
    measure(clients, alone=False)
    if 1 in clients:
        with bench.on_one_core(cluster, rivals), bench.on_one_core(postgresql, []):
            measure([1], alone=True)
    return speeds


def measure_cell(rivals, cell, options):
    """`cell` is workload, mode and clients. Contestant's name -> {"qps", "cpu", "user", "sleeps", "cpu ratio", "cpu error", "qps ratio", "qps error"}: medians; ratios are Penstock's to
    this contestant's, HAProxy's where it is HAProxy in front of PostgreSQL."""
    samples = {rival.name: [] for rival in rivals}
    for number in range(options.rounds):
        for rival in bench.in_turn(rivals, number):
            samples[rival.name].append(sysbench.measure(rival, *cell, options.seconds))
    return {name: {key: statistics.median(sample[key] for sample in taken) for key in taken[0]} |
            ratios(against(name, samples), taken, "qps") | ratios(against(name, samples), taken, "cpu") for name, taken in samples.items()}


def against(name, samples):
    return samples["HAProxy" if name == report_mysql.COPIED_POSTGRESQL else "Penstock"]


def ratios(ours, theirs, what):
    """Within each round, since the machine's speed drifts from one to the next; with the standard error of their mean."""
    each = [one[what] / other[what] for one, other in zip(ours, theirs) if other[what]]
    error = statistics.stdev(each) / len(each) ** 0.5 if len(each) > 1 else 0.0
    return {f"{what} ratio": statistics.median(each), f"{what} error": error} if each else {}


# ---- memory ----

def measure_memory(cluster, options):
    """Link -> KiB of anonymous memory per idle client."""
    sizes = {}
    for link in LINKS:
        penstock = Penstock(cluster, POOL_SIZE, options.penstock, options.workers, engine="mysql").start()
        try:
            sizes[link] = memory.per_idle_client(penstock, link == "TLS", options.idle_clients)
            print(f"{link:<6} {sizes[link]:6.2f} KiB per idle client", flush=True)
        finally:
            penstock.stop()
    return sizes


if __name__ == "__main__":
    sys.exit(main())
