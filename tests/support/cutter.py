# SPDX-License-Identifier: Apache-2.0
#
# Stands between Penstock and a server and passes on what both say, until one connection has passed so many octets in one direction: then
# that one is cut, in both directions at once.

import contextlib
import socket
import struct
import threading

TO_SERVER, TO_PENSTOCK = "to the server", "to Penstock"


class Link:
    """One connection of Penstock's with its own to the server."""

    def __init__(self, penstock, server):
        self.sockets = {TO_SERVER: (penstock, server), TO_PENSTOCK: (server, penstock)}
        self.server_port = server.getsockname()[1]  # under which the server knows it
        self.said = b""            # the last of what Penstock said
        self.budget = {}           # {direction: octets that still pass}
        self.resets = False
        self.was_cut = threading.Event()
        self.lock = threading.Lock()

    def start(self):
        for direction in self.sockets:
            threading.Thread(target=self.pump, args=(direction,), daemon=True).start()

    def pump(self, direction):
        source, sink = self.sockets[direction]
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self.lock:
                    if self.was_cut.is_set():
                        return
                    if direction == TO_SERVER:
                        self.said = (self.said + data)[-4096:]
                    left = self.budget.get(direction)
                    if left is None:
                        sink.sendall(data)
                        continue
                    sink.sendall(data[:left])
                    self.budget[direction] = left - len(data[:left])
                    if len(data) > left:
                        self.cut()
                        return
        with self.lock:
            if not self.was_cut.is_set():
                self.end()

    def disarm(self):
        """Whether it was cut; if not, it never will be."""
        with self.lock:
            self.budget = {}
            return self.was_cut.is_set()

    def cut(self):
        self.was_cut.set()
        self.end()

    def end(self):
        for each, _ in self.sockets.values():
            with contextlib.suppress(OSError):
                if self.resets:
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class Cutter:
    """Listens on `port`, where Penstock takes it for the server."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.links = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                penstock, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.server_port))
                for each in (penstock, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = Link(penstock, server)
                self.links = [each for each in self.links if not each.was_cut.is_set()] + [link]
                link.start()

    def arm(self, mark, direction, octets, resets):
        """The connection on which Penstock has just said `mark` is cut once so many more octets have passed and one more is to come."""
        link = next(each for each in reversed(self.links) if mark in each.said)
        with link.lock:
            link.resets = resets
            link.budget = {direction: octets}
        return link

    def close(self):
        self.listener.close()
        for link in self.links:
            with link.lock:
                link.end()
