# SPDX-License-Identifier: Apache-2.0
#
# One fault under load: clients through Penstock, others directly, and some that do nothing; and what was wrong afterwards: in the tables,
# with those who should have noticed nothing, with the number of connections while it lasted, and with what is left when all have gone.

import collections
import time
from typing import NamedTuple

from arenas import POOL_SIZE
from bank import FIRST_DIRECT, Bank, Client
from faults import ENDING_SESSIONS, FAULTS, PLANNED, surroundings
from held import HeldReads
from wait import Timeout, wait_until
from watch import Watch

THROUGH, DIRECT, IDLE = 12, 4, 6
CALM_BEFORE, CALM_AFTER = 1.0, 2.0


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


def play_round(arena, penstock, fault):
    with surroundings(arena, penstock, fault) as met, Watch(arena, met, 2 if fault in ENDING_SESSIONS else 1) as watch:
        said_before = len(met.log())
        through, direct, idle, bank = begin(arena, met)
        moments = strike(arena, met, fault, bank, watch)
        bank.stop()
        wrong = bank.check(arena.ask)
        if fault not in ENDING_SESSIONS:
            wrong += idle_sessions(idle, arena) + unexpected(fault, through, met.log()[said_before:])
        for connection in idle:
            connection.drop()
        wrong += watch.excesses() + watch.left_behind()
    return Round(through, direct, bank, *moments, wrong)


def begin(arena, penstock, pause=0.005):
    """Clients at work, through Penstock and directly; connections through Penstock that nobody uses; and all clients' bank."""
    for table in ("transfer", "list"):
        arena.ask(f"delete from {table}")
    through = [Client(1 + index, arena.connect_through(penstock), arena.verdict, arena.errors, pause) for index in range(THROUGH)]
    direct = [Client(FIRST_DIRECT + index, arena.connect_directly(), arena.verdict, arena.errors, pause) for index in range(DIRECT)]
    idle = [arena.connect_through(penstock)() for _ in range(IDLE)]
    bank = Bank(through + direct)
    bank.start()
    return through, direct, idle, bank


def strike(arena, penstock, fault, bank, watch):
    """When the fault began, when a primary was there again, and when everybody had worked for a while since."""
    wait_until(lambda: all(len(client.successes) > 5 for client in bank.clients), "everybody works", 60)
    crowd(arena, penstock, watch)
    time.sleep(CALM_BEFORE)
    began = time.monotonic()
    promoted = FAULTS[fault](arena, penstock)
    wait_until_all_work(arena, penstock, bank, promoted)
    time.sleep(CALM_AFTER)
    return began, promoted, time.monotonic()


def crowd(arena, penstock, watch):
    """More want a connection to the primary than there may be, and each that has one keeps it until they have been counted."""
    reads = HeldReads(arena, penstock, POOL_SIZE + 2)
    reads.wait_until_held(POOL_SIZE)
    watch.wait_for_counts(arena.primary, 2)  # the first may have begun before
    reads.finish()


def wait_until_all_work(arena, penstock, bank, promoted):
    try:
        wait_until(lambda: all(client.has_worked_since(promoted) for client in bank.clients), "everybody works again", 60)
    except Timeout as late:
        waiting = {client.number: list(faults_of([client]).items())[-2:] for client in bank.clients if not client.has_worked_since(promoted)}
        raise Timeout(f"{late}: {waiting}\n{penstock.nodes()}\n{arena.state()}\n{penstock.log()[-3000:]}") from late


def unexpected(fault, through, log):
    """What clients met that this fault does not excuse; and why Penstock has ended connections, where it has."""
    wrong = []
    for client in through:
        wrong += [f"a connection of client {client.number} ended outside of transactions: {text}" for text in client.ended_otherwise]
        wrong += [f"a connection of client {client.number} ended in a transaction: {text}" for text in client.ended_in_transaction]
        wrong += [f"a read failed: {text}" for text in client.read_faults]
        if fault in PLANNED:
            wrong += [f"a write failed: {text}" for text in client.faults]
    if any(client.reconnects() for client in through):
        wrong += [line for line in log.splitlines() if "client is refused" in line]
    return wrong


def idle_sessions(idle, arena):
    """Those that did nothing meanwhile must not have noticed."""
    wrong = []
    for connection in idle:
        try:
            connection.autocommit_on()
            with connection.cursor() as cursor:
                cursor.execute("select 1")
        except arena.errors as error:
            wrong.append(f"an idle session met: {error}")
    return wrong


def faults_of(clients):
    """{what clients were told: how often}"""
    faults = collections.Counter()
    for client in clients:
        faults.update(client.faults)
        faults.update(client.read_faults)
    return faults
