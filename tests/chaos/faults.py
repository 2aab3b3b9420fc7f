# SPDX-License-Identifier: Apache-2.0
#
# What is done to a cluster under load. Each fault gives the moment from which a primary was there again (or, planned, when it was over).
# The node that was hit is `arena.old`, and is made a replica of the present primary afterwards.

import contextlib
import json
import time

import processes
from arenas import PROBE_TIMEOUT
from bank import FIRST_DIRECT
from delayer import Delayer
from held import HeldReads
from wait import wait_until


def kill(arena, penstock):
    """kill -9 of the primary, amid reads that are sent again; a replica is promoted at once."""
    return kill_amid(arena, some_reads(arena, penstock))


def kill_amid(arena, reads):
    arena.kill(arena.primary)
    promoted = arena.promote_best()
    reads.finish()
    return promoted


def some_reads(arena, penstock):
    reads = HeldReads(arena, penstock, READS_UNDER_WAY)
    reads.wait_until_held(READS_UNDER_WAY)
    return reads


def freeze(arena, penstock):
    """The primary's machine hangs, a replica is promoted, the old primary goes on."""
    arena.frozen = arena.primary
    with processes.frozen(arena.frozen.process.pid):
        promoted = arena.promote_best()
        wait_until(lambda: is_alone_written_to(penstock, arena), "the new primary is written to, and the old one is not", 30)
    arena.frozen = None
    wait_until(lambda: int(arena.old.sql(arena.count_under_way, database="app")[0][0]) == 0,
               "what it had been sent before is done, or waits for a replica's word, or behind what does", 30)
    before = arena.old.sql(HOW_MUCH, database="app")  # through Penstock: direct clients may take the old primary, being writable, for theirs
    wait_until(lambda: state_of(penstock, arena, arena.old) == "quarantined", "the old primary is quarantined", 30)
    if arena.old.sql(HOW_MUCH, database="app") != before:
        raise AssertionError("the old primary was written to")
    arena.kill(arena.old)
    return promoted


def two_primaries(arena, penstock):
    """A replica is promoted while the primary goes on; what it writes from then on no replica confirms."""
    promoted = arena.promote_best()
    arena.announce(arena.primary)
    if arena.promoted_is_later:
        wait_until(lambda: is_alone_written_to(penstock, arena), "the new primary is written to, and the old one is not", 30)
        wait_until(lambda: state_of(penstock, arena, arena.old) == "quarantined", "the old primary is quarantined", 30)
    arena.kill(arena.old)
    return promoted


def restart_penstock(arena, penstock):
    """kill -9 of Penstock itself, and it is started again."""
    arena.old = None
    penstock.process.kill()
    penstock.process.wait()
    penstock.start()
    return time.monotonic()


def restart_replicas(arena, _):
    """Every replica in turn."""
    arena.old = None
    for replica in arena.replicas():
        arena.restart(replica)
    return time.monotonic()


def delay(arena, _):
    """Whatever is said takes its time, in either direction; then for a while nothing passes, shorter and longer than probes wait."""
    arena.old = None
    for least, most, seconds in ((0.01, 0.01, 0.5), (0, 0.1, 1)):
        set_delay(arena, least, most)
        time.sleep(seconds)
    set_delay(arena, 0, 0.03)
    stall(arena, [arena.primary], PROBE_TIMEOUT / 2)
    stall(arena, [arena.primary, arena.replicas()[0]], PROBE_TIMEOUT * 1.5)
    return time.monotonic()


def kill_delayed(arena, penstock):
    """The primary is killed where all that is said takes its time."""
    set_delay(arena, 0, 0.05)
    reads = some_reads(arena, penstock)
    arena.delayers[arena.primary].refuse()
    return kill_amid(arena, reads)


def set_delay(arena, least, most):
    for delayer in arena.delayers.values():
        delayer.delay = (least, most)


def stall(arena, nodes, seconds):
    """Nothing passes for so long; then all that has waited does, and work goes on for a moment."""
    for node in nodes:
        arena.delayers[node].stall()
    time.sleep(seconds)
    for node in nodes:
        arena.delayers[node].go_on()
    time.sleep(0.3)


@contextlib.contextmanager
def surroundings(arena, penstock, fault):
    """The Penstock that clients meet: for faults that need delayers another one, with these between it and the servers, where the first one
    has nothing open meanwhile."""
    if fault not in DELAYED:
        yield penstock
        return
    penstock.order("RECONNECT")
    wait_until(lambda: json.loads(penstock.http("/stats")[1])["process"]["server_connections"] == 0, "the first Penstock has nothing open", 10)
    with contextlib.ExitStack() as ends:
        ends.callback(arena.delayers.clear)
        for node in arena.nodes:
            arena.delayers[node] = ends.enter_context(contextlib.closing(Delayer(node.port)))
        yield ends.enter_context(arena.penstock(arena.cluster, arena.settings()))


def is_alone_written_to(penstock, arena):
    """Penstock takes it for the primary, and no other node: with two of them it may stay with the old one."""
    return [row["node"] for row in penstock.nodes() if (row["role"], row["state"]) == ("primary", "up")] == [arena.address_of(arena.primary)]


def state_of(penstock, arena, node):
    return next(row["state"] for row in penstock.nodes() if row["node"] == arena.address_of(node))


READS_UNDER_WAY = 2
HOW_MUCH = "select " + " + ".join(f"(select count(*) from {table} where client < {FIRST_DIRECT})" for table in ("transfer", "list"))
FAULTS = {"kill": kill, "freeze": freeze, "two-primaries": two_primaries, "restart-replicas": restart_replicas,
          "restart-penstock": restart_penstock, "delay": delay, "kill-delayed": kill_delayed}
PLANNED = ("restart-replicas", "delay")  # in which no write may fail
DELAYED = ("delay", "kill-delayed")
ENDING_SESSIONS = ("restart-penstock",)  # and in which every client notices
