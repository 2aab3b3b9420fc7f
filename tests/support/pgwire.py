# SPDX-License-Identifier: Apache-2.0
#
# A minimal PostgreSQL client that speaks in single messages, so that a test can send exactly the bytes it means to, in any order and
# cut anywhere, and look at every message that comes back. Chapter "Frontend/Backend Protocol" of the PostgreSQL manual.

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
from typing import NamedTuple

from wait import patience

PROTOCOL_3_0 = 3 << 16
PROTOCOL_3_2 = (3 << 16) + 2
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
GSSENC_REQUEST = struct.pack("!ii", 8, 80877104)


class ServerError(Exception):
    """An ErrorResponse, with its fields by their letters."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('C')}: {fields.get('M')}")
        self.fields = fields
        self.sqlstate = fields.get("C")


class Gone(Exception):
    """The peer closed the connection."""


class Message(NamedTuple):
    type: str
    body: bytes

    def fields(self):
        """Of an ErrorResponse or NoticeResponse."""
        return {part[:1].decode(): part[1:].decode(errors="replace") for part in self.body.rstrip(b"\0").split(b"\0") if part}

    def row(self):
        """Of a DataRow: its values as bytes or None."""
        (count,), values, at = struct.unpack_from("!h", self.body), [], 2
        for _ in range(count):
            (length,) = struct.unpack_from("!i", self.body, at)
            at += 4
            values.append(None if length < 0 else self.body[at:at + length])
            at += max(length, 0)
        return values

    def text(self):
        return self.body.rstrip(b"\0").decode(errors="replace")

    def strings(self):
        return [part.decode(errors="replace") for part in self.body.split(b"\0")]


# ---- messages of the client ----

def frame(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def c(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def startup(parameters, version=PROTOCOL_3_0):
    body = struct.pack("!i", version) + b"".join(c(k) + c(v) for k, v in parameters.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


def cancel_request(process_id, key):
    body = struct.pack("!ii", 80877102, process_id) + key
    return struct.pack("!i", len(body) + 4) + body


def query(text):
    return frame("Q", c(text))


def parse(text, name="", types=()):
    return frame("P", c(name) + c(text) + struct.pack(f"!h{len(types)}i", len(types), *types))


def bind(values=(), statement="", portal="", binary_results=False):
    body = c(portal) + c(statement) + struct.pack("!hh", 0, len(values))
    for value in values:
        raw = None if value is None else value if isinstance(value, bytes) else str(value).encode()
        body += struct.pack("!i", -1) if raw is None else struct.pack("!i", len(raw)) + raw
    return frame("B", body + (struct.pack("!hh", 1, 1) if binary_results else struct.pack("!h", 0)))


def describe(name="", kind="S"):
    return frame("D", kind.encode() + c(name))


def execute(portal="", rows=0):
    return frame("E", c(portal) + struct.pack("!i", rows))


def close(name="", kind="S"):
    return frame("C", kind.encode() + c(name))


SYNC = frame("S")
FLUSH = frame("H")
TERMINATE = frame("X")
COPY_DONE = frame("c")


def copy_data(data):
    return frame("d", data)


def copy_fail(reason):
    return frame("f", c(reason))


def extended(text, values=(), name=""):
    """Parse, Bind, Describe, Execute, Sync."""
    return parse(text, name) + bind(values, name) + describe("", "P") + execute() + SYNC


# ---- the connection ----

class Wire:
    """A TCP (or TLS) connection to a PostgreSQL port. Every wait ends at the time-out with socket.timeout."""

    def __init__(self, port, host="127.0.0.1", timeout=20.0, receive_buffer=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(patience(timeout))
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.parameters = {}      # ParameterStatus
        self.process_id, self.cancel_key = 0, b""
        self.asynchronous = []    # notices and notifications met on the way
        self.status = None        # of the last ReadyForQuery: I, T or E

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes so that the peer sees a reset rather than an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, *messages):
        self.socket.sendall(b"".join(messages))

    def receive_exactly(self, count):
        while len(self.buffer) < count:
            try:
                chunk = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError, ssl.SSLError) as error:
                raise Gone(str(error)) from error
            if not chunk:
                raise Gone(f"closed after {len(self.buffer)} of {count} octets")
            self.buffer += chunk
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def receive(self):
        """The next message, whatever it is."""
        kind, length = struct.unpack("!ci", self.receive_exactly(5))
        message = Message(kind.decode("latin1"), self.receive_exactly(length - 4))
        if message.type == "S":
            name, value, _ = message.strings()
            self.parameters[name] = value
        elif message.type in "NA":
            self.asynchronous.append(message)
        elif message.type == "K":
            self.process_id, self.cancel_key = struct.unpack_from("!i", message.body)[0], message.body[4:]
        elif message.type == "Z":
            self.status = message.text()
        return message

    def next(self):
        """The next message that belongs to the conversation: no ParameterStatus, notice or notification."""
        while (message := self.receive()).type in "SNA":
            pass
        return message

    def until_ready(self):
        """All messages up to and without ReadyForQuery, errors among them as messages."""
        messages = []
        while (message := self.next()).type != "Z":
            messages.append(message)
        return messages

    def expect(self, types):
        """The next messages must be of these types, as one string: expect("1 2 D C Z")."""
        messages = [self.next() for _ in types.replace(" ", "")]
        found = "".join(message.type for message in messages)
        if found != types.replace(" ", ""):
            detail = "; ".join(str(m.fields()) for m in messages if m.type == "E")
            raise AssertionError(f"expected {types!r}, received {found!r} {detail}")
        return messages

    def expect_end(self):
        """The peer closes; what it says before (an error, most likely) is returned."""
        messages = []
        while True:
            try:
                messages.append(self.receive())
            except Gone:
                return messages

    # ---- whole steps ----

    def start_tls(self, context=None, server_hostname="localhost"):
        self.send(SSL_REQUEST)
        answer = self.receive_exactly(1)
        if answer != b"S":
            raise ServerError({"C": "08P01", "M": f"TLS was answered with {answer!r}"})
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket, server_hostname=server_hostname)

    def log_in(self, user, database, password="", version=PROTOCOL_3_0, **parameters):
        """Sends the start-up packet and answers whatever proof is asked for; returns at the first ReadyForQuery."""
        self.send(startup({"user": user, "database": database, **parameters}, version))
        while True:
            message = self.next()
            if message.type == "E":
                raise ServerError(message.fields())
            if message.type == "Z":
                return self
            if message.type == "R":
                self.prove(message.body, user, password)

    def prove(self, body, user, password):
        (code,) = struct.unpack_from("!i", body)
        if code == 3:
            self.send(frame("p", c(password)))
        elif code == 5:
            inner = hashlib.md5((password + user).encode()).hexdigest()
            self.send(frame("p", c("md5" + hashlib.md5(inner.encode() + body[4:8]).hexdigest())))
        elif code == 10:
            self.scram = Scram(password)
            first = self.scram.first()
            self.send(frame("p", c("SCRAM-SHA-256") + struct.pack("!i", len(first)) + first))
        elif code == 11:
            self.send(frame("p", self.scram.final(body[4:])))
        elif code == 12:
            self.scram.check(body[4:])

    def simple(self, text):
        """Rows of a simple query as tuples of text; raises its error, after ReadyForQuery."""
        self.send(query(text))
        return rows_of(self.until_ready())

    def prepared(self, text, values=(), name=""):
        self.send(extended(text, values, name))
        return rows_of(self.until_ready())


def rows_of(messages):
    for message in messages:
        if message.type == "E":
            raise ServerError(message.fields())
    return [tuple(None if v is None else v.decode(errors="replace") for v in m.row()) for m in messages if m.type == "D"]


class Scram:
    """The client's side of SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677)."""

    def __init__(self, password):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()

    def first(self):
        self.bare = f"n=,r={self.nonce}"
        return ("n,," + self.bare).encode()

    def final(self, server_first):
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(fields["s"]), int(fields["i"]))
        without_proof = f"c=biws,r={fields['r']}"
        signed = f"{self.bare},{server_first.decode()},{without_proof}".encode()
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        self.expected = base64.b64encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"))
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature))).decode()
        return f"{without_proof},p={proof}".encode()

    def check(self, server_final):
        if server_final != b"v=" + self.expected:
            raise AssertionError(f"the server's proof is wrong: {server_final!r}")
