# SPDX-License-Identifier: Apache-2.0
#
# Reads that are under way at the primary for as long as is wanted: they wait there for a lock. So a fault can meet reads for certain, and
# a pool can be full for certain.

import contextlib
import threading

from wait import wait_until

READ = "select /* penstock: primary */ 'nothing', count(*) from held"


class HeldReads:
    """So many, each of a client of its own. They have their answers once the lock is released, or is lost with its server."""

    def __init__(self, arena, penstock, count):
        self.arena, self.node = arena, arena.primary
        self.locker = self.node.connect(arena.superuser, "app")
        with self.locker.cursor() as cursor:
            cursor.execute(arena.lock_held)
        self.wrong = []
        self.threads = [threading.Thread(target=self.read, args=(arena.connect_through(penstock),), daemon=True) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def read(self, connect):
        try:
            connection = connect()
            with contextlib.closing(connection):
                connection.autocommit_on()
                with connection.cursor() as cursor:
                    cursor.execute(READ)
                    answer = cursor.fetchall()
            if list(answer) != [("nothing", 0)]:
                self.wrong.append(f"it got {answer}")
        except self.arena.errors as error:
            self.wrong.append(str(error))

    def wait_until_held(self, count):
        """At the server, by its own word."""
        wait_until(lambda: int(self.node.sql(self.arena.count_held, database="app")[0][0]) >= count, f"{count} reads wait for the lock", 30)

    def finish(self):
        """Every one has to be answered, whatever has become of its server."""
        with contextlib.suppress(*self.arena.errors):
            self.locker.close()
        for thread in self.threads:
            thread.join(60)
            if thread.is_alive():
                self.wrong.append("it is stuck")
        if self.wrong:
            raise AssertionError(f"reads under way at {self.arena.address_of(self.node)}: {self.wrong}")
