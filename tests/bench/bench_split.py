# SPDX-License-Identifier: Apache-2.0
#
# What it costs to send reads to replicas: pgbench -S in three protocol modes, with 1, 32 and 200 clients on a pool of 20, through a Penstock
# with read_write_split and one replica, beside the same Penstock without. Both take turns within each cell, several times over; the
# CPU time of the proxy alone per transaction may be 1.05 times as much. Run it by ./dev bench split.

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests/support"), str(HERE)]

import bench  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
from cluster import Cluster  # noqa: E402
from contestants import Penstock  # noqa: E402

OFF, SAME, ON, BOUND = "off, primary", "off, replica", "on", 1.05
HEADING = "## Reads on replicas"


def main():
    options = read_arguments()
    processes.end_in_order()
    with Cluster(replicas=1, max_connections=400, settings={"shared_buffers": "256MB"}) as cluster:
        bench.fill(cluster)
        cluster.wait_for_replicas()
        rivals = [Penstock(cluster, bench.POOL_SIZE, options.penstock, options.workers, name=name, splits=name == ON, on_replica=name == SAME).start()
                  for name in (OFF, SAME, ON)]
        try:
            speeds = measure(cluster, rivals, options)
        finally:
            for rival in rivals:
                rival.stop()
    text = document(speeds, options)
    print("\n" + text)
    if not options.no_write:
        report.write(ROOT / "docs/performance.md", text, lambda heading: heading == HEADING)
    return 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev bench split", description="Penstock with reads on replicas beside itself without.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=9, help="how often each cell is measured either way (9)")
    parser.add_argument("--seconds", type=int, default=1, help="of each measurement, after one second to warm up (1)")
    parser.add_argument("--mode", action="append", choices=bench.MODES, help="only this protocol mode; may be repeated")
    parser.add_argument("--clients", action="append", type=int, help="only this many clients; may be repeated")
    parser.add_argument("--workers", type=int, default=1, help="Penstock's threads (1)")
    parser.add_argument("--no-write", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


def measure(cluster, rivals, options):
    """(mode, clients, whether all had one core) -> what bench.measure_cell gives. With one client everybody is on one core as well, since
    what the kernel wakes on which core is otherwise most of the difference."""
    speeds = {}
    for mode in options.mode or bench.MODES:
        for clients in options.clients or bench.CLIENTS:
            add(speeds, rivals, (mode, clients, False), options)
    if 1 in (options.clients or bench.CLIENTS):
        with bench.on_one_core(cluster, rivals):
            for mode in options.mode or bench.MODES:
                add(speeds, rivals, (mode, 1, True), options)
    return speeds


def add(speeds, rivals, cell, options):
    mode, clients, alone = cell
    speeds[cell] = bench.measure_cell(rivals, ("plain", mode, clients), options.rounds, options.seconds, SAME, OFF)
    print(("one core, " if alone else "") + f"{mode:<8} {clients:>3} clients: " +
          ", ".join(f"{name} {s['tps']:8.0f} tps {s['cpu']:6.1f} us" for name, s in speeds[cell].items()) +
          f"; CPU x{ratio(speeds[cell], 'cpu')}, tps x{ratio(speeds[cell], 'tps')}; "
          f"by {OFF}: CPU x{ratio(speeds[cell], 'cpu', OFF)}, tps x{ratio(speeds[cell], 'tps', OFF)}", flush=True)


def ratio(speeds, what, other=""):
    to = f" to {other}" if other else ""
    return f"{speeds[ON][f'{what} ratio{to}']:.2f} ±{speeds[ON][f'{what} error{to}']:.2f}"


def document(speeds, options):
    lines = [HEADING, "",
             "Written by `./dev bench split`: `pgbench -S` with `read_write_split` on, where every transaction is judged and goes to the one",
             f"replica, beside off. `{OFF}` asks the primary; `{SAME}` knows the replica alone and takes it for a primary, so that it and on differ in",
             f"nothing but what the split costs: the bound of CPU, {BOUND}, is for that ratio. Ratios within a round, medians with their standard error.",
             "", *report.machine_notes(f"PostgreSQL {bench.cluster_version()}", options), "",
             report.row(["mode", "clients", *(f"{what} {name}" for what in ("tps", "CPU us") for name in (OFF, SAME, ON)),
                         f"CPU by {SAME}", f"tps by {SAME}", f"CPU by {OFF}", f"tps by {OFF}"]),
             report.row(["---"] * 2 + ["---:"] * 10)]
    for (mode, clients, alone), cell in speeds.items():
        lines.append(report.row([mode, f"{clients}{', one core' if alone else ''}", *(f"{cell[name]['tps']:.0f}" for name in (OFF, SAME, ON)),
                                 *(f"{cell[name]['cpu']:.1f}" for name in (OFF, SAME, ON)), ratio(cell, "cpu"), ratio(cell, "tps"),
                                 ratio(cell, "cpu", OFF), ratio(cell, "tps", OFF)]))
    above = [cell[ON] for cell in speeds.values() if cell[ON]["cpu ratio"] > BOUND]
    clear = [each for each in above if each["cpu ratio"] - 2 * each["cpu error"] > BOUND]
    return "\n".join([*lines, "", f"{len(above)} of {len(speeds)} cells are above the bound, {len(clear)} of them by more than two standard errors.", ""])


if __name__ == "__main__":
    sys.exit(main())
