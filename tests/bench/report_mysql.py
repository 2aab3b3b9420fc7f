# SPDX-License-Identifier: Apache-2.0
#
# Turns the measurements of bench_mysql.py into lines on the screen and into its sections of docs/performance.md.

import statistics

import report
import sysbench
from contestants import HaProxy

OWN_POSTGRESQL = "Penstock to PostgreSQL"
COPIED_POSTGRESQL = "HAProxy to PostgreSQL"
BOUNDS = {"HAProxy": 1.3, OWN_POSTGRESQL: 1.1}  # of Penstock's CPU per query, by theirs


def speed_line(cell, speeds):
    workload, mode, clients, alone = cell
    figures = ", ".join(f"{name} {s['qps']:.0f}/s {s['cpu']:.1f} us" for name, s in speeds.items())
    return f"{'one core, ' if alone else ''}{workload:<12} {mode:<8} {clients:>3} clients: {figures}; CPU " + ", ".join(
        f"{ratio(speeds, name)} x {name}" for name in BOUNDS)


def ratio(speeds, name, what="cpu"):
    figures = speeds[name]
    return f"{figures[f'{what} ratio']:.2f} ±{figures[f'{what} error']:.2f}"


def document(speeds, sizes, server, options):
    lines = []
    if speeds:
        lines += speed_section(speeds, server, options) + [""]
    if sizes:
        lines += memory_section(sizes, server, options) + [""]
    return "\n".join(lines)


def speed_section(speeds, server, options):
    names = list(next(iter(speeds.values())))
    head = ["workload", "mode", "clients", *(f"{name} q/s" for name in names), *(f"{name} CPU us" for name in names if name != "directly"),
            *(f"CPU by {name}" for name in BOUNDS), "HAProxy by HAProxy to PostgreSQL"]
    lines = ["## MySQL: speed", "",
             "Written by `./dev bench mysql`: sysbench's `oltp_point_select` and `oltp_read_write`, as text and with prepared statements",
             "(`--db-ps-mode`), pool of 20 server connections, one thread. CPU is that of the proxy's process, user and system, per query.",
             "The last three columns are ratios within a round, medians with their standard error: by HAProxy, which copies octets (bound",
             f"{BOUNDS['HAProxy']}), by Penstock's own way to PostgreSQL (bound {BOUNDS[OWN_POSTGRESQL]}), with the same load through sysbench's other driver; and what",
             "that other server and driver make of HAProxy. On one core are all: servers, proxies and sysbench.", "",
             *report.machine_notes(f"{server}, HAProxy {HaProxy.installed_version()}, sysbench {sysbench.version()}", options), "",
             report.row(head), report.row(["---"] * 3 + ["---:"] * (len(head) - 3))]
    for (workload, mode, clients, alone), cell in speeds.items():
        lines.append(report.row([workload, mode, f"{clients}{', one core' if alone else ''}", *(f"{cell[name]['qps']:.0f}" for name in names),
                                 *(f"{cell[name]['cpu']:.1f}" for name in names if name != "directly"),
                                 *(ratio(cell, name) for name in (*BOUNDS, COPIED_POSTGRESQL))]))
    return lines + ["", *verdict(speeds)]


def verdict(speeds):
    said = []
    for name, bound in BOUNDS.items():
        above = [cell[name] for cell in speeds.values() if cell[name]["cpu ratio"] > bound]
        clear = [each for each in above if each["cpu ratio"] - 2 * each["cpu error"] > bound]
        said.append(f"Of {len(speeds)} cells, {len(above)} take more than {bound} x the CPU of {name} ({len(clear)} by more than two standard errors).")
    names = ("Penstock", *BOUNDS, COPIED_POSTGRESQL)
    lines = ["", "Where it goes, medians over the cells with more than one client, in microseconds per query:", "",
             report.row(["way", "own (user time)", "the kernel's", "sleeps per query"]), report.row(["---"] + ["---:"] * 3)]
    several = [cell for (_, _, clients, _), cell in speeds.items() if clients > 1] or list(speeds.values())
    for name in names:
        own, whole, sleeps = (statistics.median(cell[name][what] for cell in several) for what in ("user", "cpu", "sleeps"))
        lines.append(report.row([name, f"{own:.1f}", f"{whole - own:.1f}", f"{sleeps:.2f}"]))
    return said + lines


def memory_section(sizes, server, options):
    lines = ["## MySQL: memory", "", f"KiB of anonymous memory per idle client, at {options.idle_clients} clients that have each asked once ({server}).", "",
             report.row(["link", "Penstock", "bound"]), report.row(["---", "---:", "---:"])]
    return lines + [report.row([link, f"{size:.2f}", f"{report.TARGETS[link]:.0f}"]) for link, size in sizes.items()]
