# SPDX-License-Identifier: Apache-2.0
#
# What is done to a cluster under load. Each fault gives the moment from which a primary was there again (or, planned, when it was over).
# The node that was hit is `arena.old`, and is made a replica of the present primary afterwards.

import time

import processes
from wait import wait_until


def kill(arena, _):
    """kill -9 of the primary; a replica is promoted at once."""
    arena.kill(arena.primary)
    return arena.promote_best()


def freeze(arena, penstock):
    """The primary's machine hangs, a replica is promoted, the old primary goes on."""
    arena.frozen = arena.primary
    with processes.frozen(arena.frozen.process.pid):
        promoted = arena.promote_best()
        wait_until(lambda: is_written_to(penstock, arena), "the new primary is written to", 30)
    arena.frozen = None
    before = arena.old.sql(HOW_MUCH, user="app", database="app")
    wait_until(lambda: state_of(penstock, arena.old) == "quarantined", "the old primary is quarantined", 30)
    if arena.old.sql(HOW_MUCH, user="app", database="app") != before:
        raise AssertionError("the old primary was written to")
    arena.kill(arena.old)
    return promoted


def two_primaries(arena, penstock):
    """A replica is promoted while the primary goes on; what it writes from then on no replica confirms."""
    promoted = arena.promote_best()
    arena.announce(arena.primary)
    wait_until(lambda: is_written_to(penstock, arena), "the new primary is written to", 30)
    wait_until(lambda: state_of(penstock, arena.old) == "quarantined", "the old primary is quarantined", 30)
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


def is_written_to(penstock, arena):
    """Penstock calls it the primary."""
    return any(row["node"] == f"127.0.0.1:{arena.primary.port}" and (row["role"], row["state"]) == ("primary", "up")
               for row in penstock.nodes())


def state_of(penstock, node):
    return next(row["state"] for row in penstock.nodes() if row["node"] == f"127.0.0.1:{node.port}")


HOW_MUCH = "select (select count(*) from transfer) + (select count(*) from list)"
FAULTS = {"kill": kill, "freeze": freeze, "two-primaries": two_primaries, "restart-replicas": restart_replicas,
          "restart-penstock": restart_penstock}
PLANNED = ("restart-replicas",)         # in which no write may fail
ENDING_SESSIONS = ("restart-penstock",)  # and in which every client notices
