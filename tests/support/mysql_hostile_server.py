# SPDX-License-Identifier: Apache-2.0
#
# A MySQL server that misbehaves by script: it greets, takes any proof for right and answers texts from a table. `at_login` may replace what
# it says from the first octet on. All it receives is kept, so that tests can see what was given away.

import contextlib
import socket
import struct
import threading
import zlib

from mysql_packets import (AUTOCOMMIT, COMPRESS, CONNECT_WITH_DB, DEPRECATE_EOF, MULTI_RESULTS, MULTI_STATEMENTS, PLUGIN_AUTH, PLUGIN_AUTH_LENENC,
                           PROTOCOL_41, PS_MULTI_RESULTS, SECURE_CONNECTION, SESSION_TRACK, SSL, TRANSACTIONS, frame, lenenc, string)

CAPABILITIES = (1 | PROTOCOL_41 | CONNECT_WITH_DB | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS | PS_MULTI_RESULTS |
                PLUGIN_AUTH | PLUGIN_AUTH_LENENC | SESSION_TRACK | DEPRECATE_EOF)
SCRAMBLE = b"abcdefghijklmnopqrst"


def greeting(version=b"8.4.0", capabilities=CAPABILITIES, plugin=b"mysql_native_password", protocol=10, scramble=SCRAMBLE, length=21):
    return (bytes([protocol]) + version + b"\0" + struct.pack("<I", 7) + scramble[:8] + b"\0" + struct.pack("<HBHHB", capabilities & 0xffff,
            255, AUTOCOMMIT, capabilities >> 16, length) + b"\0" * 10 + scramble[8:] + b"\0" + plugin + b"\0")


def ok(status=AUTOCOMMIT, header=0):
    return bytes([header, 0, 0]) + struct.pack("<HH", status, 0)


def err(code=1105, text=b"no", sqlstate=b"#HY000"):
    return b"\xff" + struct.pack("<H", code) + sqlstate + text


def column(name=b"x"):
    return string(b"def") + string(b"") * 3 + string(name) * 2 + b"\x0c" + struct.pack("<HIBHBH", 45, 100, 0xfd, 0, 0, 0)


def result(*values):
    """Payloads of a result with one column."""
    return [lenenc(1), column(), *(string(value) for value in values), ok(header=0xfe)]


def numbered(payloads, first=1):
    return b"".join(frame(payload, first + place) for place, payload in enumerate(payloads))


class Gone(Exception):
    pass


def compressed_frame(octets, number):
    return len(octets).to_bytes(3, "little") + bytes([number & 255]) + b"\0\0\0" + octets


class Framed:
    """A connection whose packets go through the compressed protocol. `number` is the one the next frame has."""

    def __init__(self, peer):
        self.peer, self.number, self.plain = peer, 0, b""

    def recv(self, count):
        if not self.plain:
            header = self.exactly(7)
            self.number = header[3] + 1
            payload = self.exactly(int.from_bytes(header[:3], "little"))
            self.plain = zlib.decompress(payload) if any(header[4:]) else payload
        part, self.plain = self.plain[:count], self.plain[count:]
        return part

    def exactly(self, count):
        data = b""
        while len(data) < count:
            chunk = self.peer.recv(count - len(data))
            if not chunk:
                raise Gone
            data += chunk
        return data

    def sendall(self, octets):
        self.peer.sendall(compressed_frame(octets, self.number))
        self.number += 1


class HostileMySql:
    """`answers`: text of a query -> what is sent for it: octets, or a function of the peer. Other texts get OK, and 'fine' the row 'fine'.
    `tls`, a server's context: it offers TLS, and `raw` then are the sockets below."""

    def __init__(self, answers=None, compresses=False, tls=None):
        self.answers = answers or {}
        self.tls = tls
        self.compresses = compresses
        self.at_login = None
        self.received = bytearray()
        self.peers = []
        self.lines = []  # of those that have logged in and not left: (socket, what packets go through)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.drop_all()

    def drop_all(self):
        """Ends every connection there is."""
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)
        self.peers.clear()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                peer.settimeout(20)
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what is sent has come when sendall() returns
                self.peers.append(peer)
                threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with contextlib.suppress(OSError, Gone), peer:
            if self.at_login is not None:
                self.at_login(peer, self)
                return
            self.serve_well(peer)

    def serve_well(self, peer):
        peer.sendall(frame(greeting(capabilities=CAPABILITIES | (COMPRESS if self.compresses else 0) | (SSL if self.tls else 0))))
        self.packet(peer)
        line = peer
        if self.tls:
            line = self.tls.wrap_socket(peer.dup(), server_side=True)
            line.settimeout(20)
            self.packet(line)
        line.sendall(frame(ok(), 3 if self.tls else 2))
        line = Framed(line) if self.compresses else line
        self.lines.append((peer, line))
        try:
            while True:
                self.answer(line, self.packet(line))
        finally:
            self.lines.remove((peer, line))

    def answer(self, peer, command):
        text = command[1:]
        if command[0] in (1, 0x19):
            return
        if text == b"select 'fine'":
            peer.sendall(numbered(result(b"fine")))
            return
        said = self.answers.get(text, frame(ok(), 1))
        if callable(said):
            said(peer, self)
        else:
            peer.sendall(said)

    def packet(self, peer):
        header = self.exactly(peer, 4)
        return self.exactly(peer, int.from_bytes(header[:3], "little"))

    def exactly(self, peer, count):
        data = b""
        while len(data) < count:
            chunk = peer.recv(count - len(data))
            if not chunk:
                raise Gone
            self.received += chunk
            data += chunk
        return data
