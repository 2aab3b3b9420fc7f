# SPDX-License-Identifier: Apache-2.0
#
# Clients that work in threads of their own while a test changes the world around them.

import contextlib
import threading


class BusyClient(threading.Thread):
    """Does `once` over and over on `connection`, which it closes, until told to end or until that raises: `crash` has what."""

    def __init__(self, connection):
        super().__init__(daemon=True)
        self.connection = connection
        self.done, self.crash = 0, None
        self.end = threading.Event()

    def once(self):
        raise NotImplementedError

    def run(self):
        try:
            with contextlib.closing(self.connection):
                while not self.end.is_set():
                    self.once()
                    self.done += 1
        except BaseException as crash:  # the test tells of it
            self.crash = crash


def start_all(test, clients):
    for client in clients:
        client.start()
        test.addCleanup(client.end.set)
    return clients


def finish_all(test, clients, seconds=30):
    """Fails the test where one is stuck, or has crashed."""
    for client in clients:
        client.end.set()
    for client in clients:
        client.join(seconds)
        test.assertFalse(client.is_alive(), "a client is stuck")
        test.assertIsNone(client.crash)
