# SPDX-License-Identifier: Apache-2.0
#
# A PostgreSQL server that misbehaves by script: it listens on a port, answers the start-up packet as told and then plays the rest of its
# part, for as many connections as come.

import contextlib
import socket
import struct
import threading


def frame(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


def authentication(code, rest=b""):
    return frame(b"R", struct.pack("!i", code) + rest)


def parameter(name, value):
    return frame(b"S", name + b"\0" + value + b"\0")


AUTHENTICATED = authentication(0)
READY = frame(b"Z", b"I")
WELCOME = (AUTHENTICATED + parameter(b"server_version", b"16.1") + parameter(b"client_encoding", b"UTF8") +
           parameter(b"standard_conforming_strings", b"on") + frame(b"K", struct.pack("!ii", 7, 7)) + READY)
ROW = frame(b"T", b"\0\x01x\0" + b"\0" * 4 + b"\0" * 2 + struct.pack("!ihi", 25, -1, -1) + b"\0\0")


def error(sqlstate, message, severity=b"FATAL"):
    return frame(b"E", b"S" + severity + b"\0V" + severity + b"\0C" + sqlstate + b"\0M" + message + b"\0\0")


class HostileServer:
    """Plays `script(connection)` for each connection after its start-up packet; `connection` has send, receive and sendall."""

    def __init__(self, script):
        self.script = script
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                peer.settimeout(20)
                self.connections.append(peer)
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError, ValueError):
            while self.read_startup(peer) in (80877103, 80877104):
                peer.sendall(b"N")  # no encryption here
            self.script(peer)
            peer.close()

    def read_startup(self, peer):
        length = struct.unpack("!i", self.exactly(peer, 4))[0]
        return struct.unpack_from("!i", self.exactly(peer, length - 4))[0]

    @staticmethod
    def exactly(peer, count):
        data = b""
        while len(data) < count:
            chunk = peer.recv(count - len(data))
            if not chunk:
                raise ValueError("gone")
            data += chunk
        return data
