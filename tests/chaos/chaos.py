# SPDX-License-Identifier: Apache-2.0
#
# Chaos: real clusters under a load that knows what it was told of each write, and faults on purpose. After each round the tables are held
# against what clients were told, and the outage that they saw is printed beside that of clients which connect directly and try again
# by themselves. Run it by ./dev chaos [--engine ...] [--fault ...] [--rounds N].

import argparse
import collections
import contextlib
import os
import pathlib
import statistics
import sys
import time
from typing import NamedTuple

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import arenas  # noqa: E402
import commit_cuts  # noqa: E402
import processes  # noqa: E402
from bank import Bank, Client  # noqa: E402
from faults import ENDING_SESSIONS, FAULTS, PLANNED  # noqa: E402
from wait import Timeout, wait_until  # noqa: E402

THROUGH, DIRECT, IDLE = 12, 4, 6
CALM_BEFORE, CALM_AFTER = 1.0, 2.0
ENGINES = {"postgresql": arenas.PostgreSql, "mysql": lambda: arenas.MySql("mysql"), "mariadb": lambda: arenas.MySql("mariadb")}


def main():
    options = read_arguments()
    os.environ["PENSTOCK_PROGRAM"] = str(pathlib.Path(options.penstock).resolve())
    processes.end_in_order()
    wrong = []
    for engine in options.engine or ENGINES:
        with ENGINES[engine]() as arena, arena.penstock(arena.cluster, arena.settings()) as penstock:
            for number in range(options.rounds):
                for fault in options.fault or FAULTS:
                    wrong += [f"{arena.title}, {fault}: {each}" for each in play(arena, penstock, fault, number)]
            wrong += [f"{arena.title}, cuts: {each}" for each in cut_commits(arena, options.cuts)]
    for each in wrong:
        print(f"WRONG: {each}")
    print(f"{len(wrong)} things wrong" if wrong else "nothing lost, nothing doubled, nobody stuck")
    return 1 if wrong else 0


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev chaos", description="Faults on purpose, under load.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--engine", action="append", choices=ENGINES, help="only this one; may be repeated")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be repeated")
    parser.add_argument("--rounds", type=int, default=3, help="how often each fault happens (3)")
    parser.add_argument("--cuts", type=int, default=1000, help="how often a connection is cut within the exchange of a COMMIT (1000)")
    return parser.parse_args()


class Round(NamedTuple):
    """One fault under load: who worked meanwhile, when it began, when a primary was there again, when it was over, and what was wrong."""
    through: list
    direct: list
    bank: Bank
    began: float
    promoted: float
    ended: float
    wrong: list

    def gaps(self, clients):
        """The longest time without a write that succeeded, of each client."""
        return [client.longest_gap(self.began - CALM_BEFORE, self.ended) for client in clients]


def play(arena, penstock, fault, number):
    """A round, told and mended; what was wrong."""
    played = play_round(arena, penstock, fault)
    tell(arena, fault, number, played)
    arena.recover()
    return played.wrong


def play_round(arena, penstock, fault):
    for table in ("transfer", "list"):
        arena.ask(f"delete from {table}")
    through = [Client(1 + index, arena.connect_through(penstock), arena.verdict, arena.errors) for index in range(THROUGH)]
    direct = [Client(101 + index, arena.connect_directly(), arena.verdict, arena.errors) for index in range(DIRECT)]
    idle = [arena.connect_through(penstock)() for _ in range(IDLE)]
    bank = Bank(through + direct)
    bank.start()
    moments = strike(arena, penstock, fault, bank)
    bank.stop()
    wrong = bank.check(arena.ask)
    if fault not in ENDING_SESSIONS:
        wrong += idle_sessions(idle, arena) + unexpected(fault, through)
    return Round(through, direct, bank, *moments, wrong)


def cut_commits(arena, most):
    """What was wrong with what clients were told where their server was lost amid a COMMIT."""
    if most == 0:
        return []
    with contextlib.closing(commit_cuts.of(arena.engine, arena.primary)) as cuts:
        wrong = cuts.run(most)
        print(f"{arena.title}, {sum(cuts.counts.values())} cuts within COMMIT: told " +
              ", ".join(f"{count} {claim}" for claim, count in sorted(cuts.counts.items())), flush=True)
        return wrong


def strike(arena, penstock, fault, bank):
    """When the fault began, when a primary was there again, and when everybody had worked for a while since."""
    wait_until(lambda: all(len(client.successes) > 5 for client in bank.clients), "everybody works", 60)
    time.sleep(CALM_BEFORE)
    began = time.monotonic()
    promoted = FAULTS[fault](arena, penstock)
    try:
        wait_until(lambda: all(client.has_worked_since(promoted) for client in bank.clients), "everybody works again", 60)
    except Timeout as late:
        raise Timeout(f"{late}\n{penstock.nodes()}\n{arena.state()}\n{penstock.log()[-3000:]}") from late
    time.sleep(CALM_AFTER)
    return began, promoted, time.monotonic()


def unexpected(fault, through):
    """What clients met that this fault does not excuse."""
    wrong = []
    for client in through:
        if client.ended_otherwise:
            wrong.append(f"{client.ended_otherwise} connections of client {client.number} ended outside of transactions")
        if client.ended_in_transaction:
            wrong.append(f"{client.ended_in_transaction} connections of client {client.number} ended")
        wrong += [f"a read failed: {text}" for text in client.read_faults]
        if fault in PLANNED:
            wrong += [f"a write failed: {text}" for text in client.faults]
    return wrong


def idle_sessions(idle, arena):
    """Those that did nothing meanwhile must not have noticed."""
    wrong = []
    for connection in idle:
        try:
            connection.autocommit_on()
            with connection.cursor() as cursor:
                cursor.execute("select 1")
            connection.close()
        except arena.errors as error:
            wrong.append(f"an idle session met: {error}")
    return wrong


def tell(arena, fault, number, played):
    print(f"{arena.title}, {fault}, round {number + 1}: promoted after {played.promoted - played.began:.2f} s; writes "
          + ", ".join(f"{count} {word}" for word, count in played.bank.sums().items()))
    for name, clients in (("through Penstock", played.through), ("directly", played.direct)):
        gaps, faults = played.gaps(clients), faults_of(clients)
        print(f"  {name:<17} outage p50 {statistics.median(gaps):5.2f} s, max {max(gaps):5.2f} s; "
              f"{sum(client.ended_in_transaction + client.ended_otherwise for client in clients)} reconnects, {sum(faults.values())} errors", flush=True)
        for text, count in sorted(faults.items(), key=lambda each: -each[1])[:6]:
            print(f"    {count:5} x {text}")


def faults_of(clients):
    """{what clients were told: how often}"""
    faults = collections.Counter()
    for client in clients:
        faults.update(client.faults)
        faults.update(client.read_faults)
    return faults


if __name__ == "__main__":
    sys.exit(main())
