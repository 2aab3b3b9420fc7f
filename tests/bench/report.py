# SPDX-License-Identifier: Apache-2.0
#
# Turns the measurements of bench.py into the table on the screen and into docs/performance.md, in which each benchmark has its own
# sections.

import datetime
import os
import pathlib
import platform
import re

PER_CORE = "Penstock-per-core"  # Penstock with its default of one worker per core
TARGETS = {"plain": 4.0, "TLS": 24.0}  # KiB per idle client


def speed_row(cell, speeds):
    link, mode, clients = cell
    parts = [f"{name} {s['tps']:8.0f} tps {s['cpu']:6.1f} us" for name, s in speeds.items()]
    return f"{link:<5} {mode:<8} {clients:>3} clients: " + ", ".join(parts) + f"; CPU x{ratio(speeds, 'cpu')}, tps x{ratio(speeds, 'tps')}"


def ratio(speeds, what):
    """Penstock's figure by PgBouncer's, with the standard error it was seen with."""
    figures = speeds["Penstock"]
    return f"{figures[f'{what} ratio']:.2f} ±{figures[f'{what} error']:.2f}"


def document(speeds, on_one_core, sizes, rivals, options, postgresql):
    lines = ["# Performance", "",
             "Written by `./dev bench`; the last run on the machine below. CPU is user plus system time of the proxy's process alone, per",
             "transaction; every figure is the median of its rounds, in which the contestants take turns. `pgbench -S`, pool of 20 server",
             "connections, PostgreSQL, pgbench and the proxies on the same machine, so throughput is shared out between them: the CPU",
             "column is the one to trust. HAProxy copies octets in TCP mode, so each of its clients has a server connection of its own,",
             "and under TLS it copies what PostgreSQL encrypts; it is there as a floor, not as a pooler.",
             "PgBouncer has one thread, so Penstock is compared with one worker.", *per_core(rivals), "",
             *machine(rivals, options, postgresql), ""]
    if speeds:
        lines += speed_table(speeds) + [""] + verdict(speeds) + [""]
    if on_one_core:
        lines += ["Server, proxy and pgbench on one core, which takes away what is left to chance with one client: the core that the kernel wakes",
                  "each of them on.", "", *table_of(on_one_core), ""]
    if sizes:
        lines += memory_table(sizes, options) + [""]
    return "\n".join(lines)


def per_core(rivals):
    if all(rival.name != PER_CORE for rival in rivals):
        return []
    return [f"`{PER_CORE}` is Penstock as it comes, with a worker per core: more transactions where cores are free, and more CPU for each,",
            "since every worker wakes up for less."]


def machine(rivals, options, postgresql):
    versions = ", ".join([f"PostgreSQL {postgresql}"] + [f"{rival.name} {rival.version}" for rival in rivals if rival.name != PER_CORE])
    notes = machine_notes(versions, options, f"{options.rounds} rounds ({2 * options.rounds + 1} with one client)")
    if any(getattr(rival, "knows_prepared_statements", True) is False for rival in rivals):
        notes.append("- this PgBouncer knows no prepared statements in transaction pooling: in the `prepared` rows it pools sessions, "
                     "with a server connection for every client")
    return notes


def machine_notes(versions, options, rounds=None):
    rounds = rounds or f"{options.rounds} rounds"
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return [f"- {datetime.date.today().isoformat()}, {os.cpu_count()} cores of {model}, Linux {platform.release()}", f"- {versions}",
            f"- {rounds} of {options.seconds} s per cell; Penstock's workers: {options.workers}"]


def speed_table(speeds):
    return ["## Speed", "", "Ratios are Penstock's to PgBouncer's in the same round, medians with their standard error: CPU should be at most 1.0, tps at",
            "least 1.0.", "", *table_of(speeds)]


def table_of(speeds):
    names = list(next(iter(speeds.values())))
    head = ["link", "mode", "clients", *(f"{name} tps" for name in names), *(f"{name} CPU us" for name in names), "CPU ratio",
            "tps ratio"]
    lines = [row(head), row(["---"] * 3 + ["---:"] * (len(head) - 3))]
    for (link, mode, clients), cell in speeds.items():
        lines.append(row([link, mode, clients, *(f"{cell[name]['tps']:.0f}" for name in names),
                          *(f"{cell[name]['cpu']:.1f}" for name in names), ratio(cell, "cpu"), ratio(cell, "tps")]))
    return lines


def verdict(speeds):
    ours = [cell["Penstock"] for cell in speeds.values()]
    dear = [figures["cpu ratio"] - 1.0 - 2 * figures["cpu error"] > 0 for figures in ours if figures["cpu ratio"] > 1.0]
    slow = [1.0 - figures["tps ratio"] - 2 * figures["tps error"] > 0 for figures in ours if figures["tps ratio"] < 1.0]
    return [f"Of {len(ours)} cells, {len(dear)} take more CPU per transaction than PgBouncer ({sum(dear)} of them by more than two standard",
            f"errors) and {len(slow)} reach fewer transactions per second ({sum(slow)} by more than two standard errors)."]


def memory_table(sizes, options):
    names = sorted({name for name, _ in sizes}, key=lambda name: name != "Penstock")
    lines = ["## Memory", "", f"KiB of anonymous memory per idle client, at {options.idle_clients} clients that have each asked once.", "",
             row(["link", *names, "bound for Penstock"]), row(["---"] + ["---:"] * (len(names) + 1))]
    return lines + [row([link, *(f"{sizes[name, link]:.2f}" for name in names), f"{bound:.0f}"]) for link, bound in TARGETS.items()]


def write(path, text, is_own):
    """Puts the sections of `text` where the document has those whose heading is_own() names, and leaves the others as they are."""
    old = sections(path.read_text()) if path.exists() else {}
    new = sections(text)
    ours = {heading: body for heading, body in new.items() if is_own(heading)}
    kept = {heading: ours.get(heading, body) for heading, body in old.items() if heading in ours or not is_own(heading)}
    whole = ours | kept if is_own("") else kept | ours
    path.write_text("\n\n".join(body.strip() for body in whole.values()) + "\n")
    print(f"written to {path.name}")


def sections(text):
    """Heading -> that section, heading and all; the text before the first one stands under ""."""
    parts = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return {part.splitlines()[0] if part.startswith("## ") else "": part for part in parts if part.strip()}


def row(cells):
    return "| " + " | ".join(map(str, cells)) + " |"
