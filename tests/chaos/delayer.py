# SPDX-License-Identifier: Apache-2.0
#
# Stands between Penstock and a server and passes on what both say, later: each piece waits for its time, those behind it with it, so that
# the order stays and more can be under way. During a stall nothing passes at all, neither connections nor their ends.

import asyncio
import contextlib
import random
import threading

PIECE = 65536
MOST_UNDER_WAY = 256  # pieces of a direction; then what comes next is not read yet


class Delayer:
    """Listens on `port`, where Penstock takes it for the server."""

    def __init__(self, server_port):
        self.server_port, self.port = server_port, 0
        self.delay = (0.0, 0.0)  # seconds: a piece waits for something between the two
        self.chance = random.Random(server_port)
        self.clock = asyncio.new_event_loop()
        self.tasks = set()
        self.passing = asyncio.Event()
        self.passing.set()
        self.listener = self.clock.run_until_complete(asyncio.start_server(self.link, "127.0.0.1", 0))
        self.port = self.listener.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.clock.run_forever, daemon=True)
        self.thread.start()

    def stall(self):
        """Nothing passes until go_on()."""
        self.clock.call_soon_threadsafe(self.passing.clear)

    def go_on(self):
        self.clock.call_soon_threadsafe(self.passing.set)

    def refuse(self):
        """Nobody is let in any more, as where no server listens."""
        self.clock.call_soon_threadsafe(self.listener.close)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.end(), self.clock).result()
        self.clock.call_soon_threadsafe(self.clock.stop)
        self.thread.join()
        self.clock.close()

    async def end(self):
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def link(self, reader, writer):
        """One connection of Penstock's with its own to the server."""
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(writer):
            await self.passing.wait()
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
            with contextlib.closing(to_server):
                ways = [asyncio.ensure_future(self.carry(*way)) for way in ((reader, to_server), (from_server, writer))]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
        self.tasks.discard(asyncio.current_task())

    async def carry(self, reader, writer):
        """One direction, to its end."""
        pieces = asyncio.Queue(MOST_UNDER_WAY)
        receiving = asyncio.ensure_future(self.receive(reader, pieces))
        try:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(due - self.clock.time())
                await self.passing.wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        except OSError:
            return
        finally:
            receiving.cancel()

    async def receive(self, reader, pieces):
        """An end takes as long as all else."""
        data = b"begin"
        while data:
            try:
                data = await reader.read(PIECE)
            except OSError:
                data = b""
            await pieces.put((self.clock.time() + self.chance.uniform(*self.delay), data))
