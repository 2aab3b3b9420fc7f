# SPDX-License-Identifier: Apache-2.0
#
# Chaos: real clusters under a load that knows what it was told of each write, and faults on purpose. After each round the tables are held
# against what clients were told, and the outage that they saw is printed beside that of clients which connect directly and try again
# by themselves. Run it by ./dev chaos [--engine ...] [--fault ...] [--rounds N] [--failovers N] [--cuts N].

import argparse
import contextlib
import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import arenas  # noqa: E402
import commit_cuts  # noqa: E402
import processes  # noqa: E402
import failovers  # noqa: E402
from faults import FAULTS  # noqa: E402
from rounds import faults_of, play_round  # noqa: E402

ENGINES = {"postgresql": arenas.PostgreSql, "mysql": lambda: arenas.MySql("mysql"), "mariadb": lambda: arenas.MySql("mariadb")}
KINDS = (*FAULTS, "failovers", "cuts")


def main():
    options = read_arguments()
    os.environ["PENSTOCK_PROGRAM"] = str(pathlib.Path(options.penstock).resolve())
    processes.end_in_order()
    wrong = []
    for engine in options.engine or ENGINES:
        with ENGINES[engine]() as arena, arena.penstock(arena.cluster, arena.settings()) as penstock:
            wrong += play(arena, penstock, options)
    print(f"{len(wrong)} things wrong" if wrong else "nothing lost, nothing doubled, nobody stuck")
    return 1 if wrong else 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev chaos", description="Faults on purpose, under load.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one; may be repeated")
    parser.add_argument("--fault", action="append", choices=KINDS, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault happens (3)")
    parser.add_argument("--failovers", type=int, default=10, help="how often the primary is killed in a row, without a pause (10)")
    parser.add_argument("--cuts", type=int, default=1000, help="how often a connection is cut within the exchange of a COMMIT (1000)")
    return parser.parse_args()


def play(arena, penstock, options):
    """Everything that is wanted on one cluster; what was wrong."""
    wrong = []
    wanted = options.fault or KINDS
    for number in range(options.rounds):
        for fault in filter(FAULTS.__contains__, wanted):
            played = play_round(arena, penstock, fault)
            tell(arena, fault, number, played)
            wrong += told(arena, fault, played.wrong)
            arena.recover()
    if "failovers" in wanted and options.failovers:
        wrong += told(arena, "failovers", failovers.run(arena, penstock, options.failovers))
    if "cuts" in wanted:
        wrong += told(arena, "cuts", cut_commits(arena, options.cuts))
    return wrong


def told(arena, fault, wrong):
    """Prints it at once: what ends the run later on must not hide it."""
    for each in wrong:
        print(f"WRONG: {arena.title}, {fault}: {each}", flush=True)
    return wrong


def cut_commits(arena, most):
    """What was wrong with what clients were told where their server was lost amid a COMMIT."""
    if most == 0:
        return []
    with contextlib.closing(commit_cuts.of(arena.engine, arena.primary)) as cuts:
        wrong = cuts.run(most)
        print(f"{arena.title}, {sum(cuts.counts.values())} cuts within COMMIT: told " +
              ", ".join(f"{count} {claim}" for claim, count in sorted(cuts.counts.items())), flush=True)
        return wrong


def tell(arena, fault, number, played):
    print(f"{arena.title}, {fault}, round {number + 1}: promoted after {played.promoted - played.began:.2f} s; writes "
          + ", ".join(f"{count} {word}" for word, count in played.bank.sums().items()))
    for name, clients in (("through Penstock", played.through), ("directly", played.direct)):
        gaps, faults = played.gaps(clients), faults_of(clients)
        print(f"  {name:<17} outage p50 {statistics.median(gaps):5.2f} s, max {max(gaps):5.2f} s; "
              f"{sum(client.reconnects() for client in clients)} reconnects, {sum(faults.values())} errors", flush=True)
        for text, count in sorted(faults.items(), key=lambda each: -each[1])[:6]:
            print(f"    {count:5} x {text}")


if __name__ == "__main__":
    sys.exit(main())
