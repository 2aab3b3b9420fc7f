# SPDX-License-Identifier: Apache-2.0
#
# One failover after the other under a load that never ends: kill -9 of the primary, a replica is promoted at once, and the old one becomes
# a replica again. After each, everybody rests for a moment, and everything since the first one is held against what clients were told.

import statistics
import time

import faults
from bank import DONE, NOT_DONE, UNKNOWN
from rounds import begin, faults_of, idle_sessions, unexpected, wait_until_all_work
from wait import wait_until
from watch import Watch

PAUSE = 0.02  # seconds between two requests of a client: what they write is kept to the end


def run(arena, penstock, times):
    """So many; what was wrong. The first one after which something is wrong is the last."""
    with Watch(arena, penstock) as watch:
        retries, said_before = retried(penstock), len(penstock.log())
        through, direct, idle, bank = begin(arena, penstock, PAUSE)
        rows, wrong = [], []
        for number in range(times):
            rows.append(fail_over(arena, penstock, bank, through, direct))
            with bank.resting():
                wrong = bank.check(arena.ask) + idle_sessions(idle, arena) + unexpected("kill", through, penstock.log()[said_before:])
                wrong += watch.excesses() + watch.left_behind(len(through) + len(idle))
                tell_one(arena, number, rows[-1], bank)
            if wrong:
                break
        bank.stop()
        for connection in idle:
            connection.drop()
        wrong = wrong or bank.check(arena.ask) + watch.left_behind()
        tell(arena, rows, through, direct, bank, retried(penstock) - retries)
    return [f"after {len(rows)}: {each}" for each in wrong]


def fail_over(arena, penstock, bank, through, direct):
    """How long the promotion took, and for how long after it each client had no write done: (seconds, through Penstock, directly)."""
    wait_until(lambda began=time.monotonic(): all(client.has_worked_since(began) for client in bank.clients), "everybody works", 60)
    began = time.monotonic()
    promoted = faults.kill(arena, penstock)
    wait_until_all_work(arena, penstock, bank, promoted)
    beyond = [[client.first_success_since(promoted) - promoted for client in clients] for clients in (through, direct)]
    arena.recover()
    return promoted - began, *beyond


def retried(penstock):
    return int(sum(value for name, value in penstock.metrics().items() if name.startswith("penstock_retries_total")))


def tell_one(arena, number, row, bank):
    promotion, through, direct = row
    print(f"{arena.title}, failover {number + 1}: promoted after {promotion:.2f} s; written to again after further {span(through)}, "
          f"directly {span(direct)}; {sum(bank.sums().values())} writes", flush=True)


def span(gaps):
    return f"{statistics.median(gaps):.2f} s (max {max(gaps):.2f} s)"


def tell(arena, rows, through, direct, bank, retries):
    sums = bank.sums()
    print(f"{arena.title}: {len(rows)} failovers in a row, promoted after p50 {statistics.median(row[0] for row in rows):.2f} s; writes "
          + ", ".join(f"{sums[word]} {word}" for word in (DONE, NOT_DONE, UNKNOWN)) + f"; {retries} requests sent again unseen")
    for place, name, clients in ((1, "through Penstock", through), (2, "directly", direct)):
        gaps, met = [gap for row in rows for gap in row[place]], faults_of(clients)
        print(f"  {name:<17} outage beyond the promotion p50 {statistics.median(gaps):5.2f} s, max {max(gaps):5.2f} s; "
              f"{sum(client.reconnects() for client in clients)} reconnects, {sum(met.values())} errors", flush=True)
        for text, count in met.most_common(8):
            print(f"    {count:5} x {text}")
