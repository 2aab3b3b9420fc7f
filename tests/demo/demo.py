# SPDX-License-Identifier: Apache-2.0
#
# What Penstock is for, played before your eyes: a hundred clients against a server that allows twenty connections, first directly, then
# through Penstock; PostgreSQL first, then MySQL, with one Penstock in front of both. Then their reads go to replicas, of which one lags. At
# last the primary dies.
# Everything lives in private temporary folders on free ports. Run it by ./dev demo [--keep] [--engine postgresql|mysql|mariadb].

import argparse
import contextlib
import os
import pathlib
import sys
import threading

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "support"), str(TESTS / "chaos")]

import chaos  # noqa: E402
import rounds  # noqa: E402
import stages  # noqa: E402
import telling  # noqa: E402
from penstock import Penstock  # noqa: E402
from reading import CHECKS, Reading  # noqa: E402
from story import CLIENTS, Story  # noqa: E402

POOL_SIZE = 10
LAG_SECONDS = 1


def main():
    options = read_arguments()
    os.environ["PENSTOCK_PROGRAM"] = str(pathlib.Path(options.penstock).resolve())
    import processes
    processes.end_in_order()
    with contextlib.ExitStack() as ends:
        chosen = stages.choose(options.engine)
        for stage in chosen:
            start(stage, ends)
        telling.step(f"starting Penstock in front of {' and '.join(stage.title for stage in chosen)}, with pools of {POOL_SIZE}")
        penstock = ends.enter_context(OnePenstock(chosen))
        worked = all([play(stage, penstock, options.seconds) for stage in chosen])
        telling.step("switching read_write_split on, by a reload")
        penstock.split_reads()
        worked = all([read(stage, penstock, options.seconds) for stage in chosen]) and worked
        worked = all([fail_over(stage) for stage in chosen]) and worked
        telling.addresses(chosen, penstock)
        if options.keep:
            telling.what_to_try(chosen, penstock)
            wait_for_interrupt()
        telling.step("stopping")
    return 0 if worked else 1


def read_arguments():
    parser = argparse.ArgumentParser(prog="./dev demo", description="A hundred clients on a server that allows twenty.")
    parser.add_argument("--penstock", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--engine", choices=stages.ENGINES, help="only this one (PostgreSQL, then MySQL)")
    parser.add_argument("--keep", action="store_true", help="leave everything running to play with, until Ctrl-C")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long each side works (6)")
    return parser.parse_args()


def start(stage, ends):
    copies = "two replicas" if stage.replicas == 2 else "a replica"
    telling.step(f"starting {stage.title}: a primary that allows {stages.MAX_CONNECTIONS} connections, and {copies}")
    ends.enter_context(stage.cluster)
    stage.prepare()


class OnePenstock(Penstock):
    """One process for all stages; of(stage) is how it looks to that engine's clients."""

    def __init__(self, chosen):
        super().__init__(chosen[0].cluster, {"pool": {"pool_size": POOL_SIZE}, "log": {"level": "info"}})
        self.listeners = {stage.engine: stage.listener(stage.cluster) for stage in chosen}
        self.port = self.of(chosen[0]).port
        ours = [stage.settings(self.of(stage)) for stage in chosen]
        self.settings |= {"listen": {engine: [f"127.0.0.1:{listener.port}"] for engine, listener in self.listeners.items()},
                          "cluster": [cluster for cluster, _ in ours], "database": [database for _, database in ours]}
        self.write_settings()

    def of(self, stage):
        return self.listeners[stage.engine]

    def split_reads(self):
        for cluster in self.settings["cluster"]:
            cluster["read_write_split"] = True
        self.reload()
        self.wait_for_log("reloaded")

    def discard(self):
        for listener in self.listeners.values():
            listener.discard()  # none of them was started: only their folders go
        super().discard()


def play(stage, penstock, seconds):
    telling.step(f"{stage.title}: {CLIENTS} clients work for {seconds:g} s, directly, then through Penstock")
    direct = Story("directly", stage, stage.connect, seconds)
    pooled = Story("through Penstock", stage, lambda: penstock.of(stage).connect(autocommit=False), seconds)
    for story in (direct, pooled):
        story.play(telling.progress)
    telling.comparison(direct, pooled)
    total, *copies = stage.committed()
    telling.committed(total, copies)
    worked = (pooled.refused == pooled.failed == pooled.wrong == direct.wrong == 0 and pooled.peak <= POOL_SIZE and
              all(pooled.served) and total == direct.transactions + pooled.transactions)
    telling.verdict(worked, pooled)
    return worked


def read(stage, penstock, seconds):
    telling.step(f"{stage.title}: {CLIENTS} clients read and write for {seconds:g} s, while the last replica replays {LAG_SECONDS} s late")
    result = Reading(stage, penstock, seconds)
    stage.delay_last_replica(LAG_SECONDS)
    result.play(telling.reading_progress)
    stage.delay_last_replica(0)
    telling.reading(result, CHECKS)
    return result.worked


def fail_over(stage):
    telling.step(f"{stage.title}, another cluster, of three: under load its primary is killed with kill -9, and a replica is promoted")
    with chaos.ENGINES[stage.product]() as arena, arena.penstock(arena.cluster, arena.settings()) as penstock:
        played = rounds.play_round(arena, penstock, "kill")
        telling.failover(played)
        return not played.wrong


def wait_for_interrupt():
    try:
        threading.Event().wait()
    except SystemExit:
        print()


if __name__ == "__main__":
    sys.exit(main())
