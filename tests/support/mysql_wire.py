# SPDX-License-Identifier: Apache-2.0
#
# A raw client of MySQL's protocol: every packet is built and read here, so that tests see what drivers hide (status flags, tracked
# changes, sequence numbers, the forms of a reply) and can choose each capability. Passwords: caching_sha2_password (the fast path, and the
# password itself under TLS), mysql_native_password, or none. See "Client/Server Protocol" of both products.

import hashlib
import socket
import ssl
import struct

from mysql_packets import (CACHE_METADATA, CLOSE, CONNECT_ATTRS, CONNECT_WITH_DB, CURSOR_EXISTS, DEPRECATE_EOF, EXECUTE, EXTENDED_METADATA,
                           FETCH, FIELD_LIST, FULL_FRAME, LONG_DATA, MORE_RESULTS, OPTIONAL_METADATA, PING, PLUGIN_AUTH, PLUGIN_AUTH_LENENC,
                           PREPARE, PROTOCOL_41, QUERY, QUERY_ATTRIBUTES, SESSION_STATE_CHANGED, SESSION_TRACK, SSL, USUAL, Column, Error, Gone,
                           Ok, OutOfOrder, Prepared, Reader, Rows, ServerError, binary_row, frames, lenenc, read_changes, read_error,
                           read_greeting, string, text_row)
from wait import patience

def proof(plugin, password, scramble):
    if not password:
        return b""
    if plugin == b"caching_sha2_password":
        once = hashlib.sha256(password).digest()
        other = hashlib.sha256(hashlib.sha256(once).digest() + scramble).digest()
    else:
        once = hashlib.sha1(password).digest()
        other = hashlib.sha1(scramble + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, other))


class Wire:
    """One connection. Numbers of packets are checked against what comes next; `sequence` is that number."""

    def __init__(self, port, timeout=20.0, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # SSLRequest and ClientHello go out behind each other
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(patience(timeout))
        self.socket.connect(("127.0.0.1", port))
        self.buffer = bytearray()
        self.sequence = 0
        self.capabilities = 0
        self.greeting = None
        self.welcome = None
        self.statements = {}

    # ---- octets and packets ----

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def receive_exactly(self, count):
        while len(self.buffer) < count:
            try:
                chunk = self.socket.recv(1 << 18)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise Gone(f"the connection has ended; unread: {bytes(self.buffer[:200])!r}")
            self.buffer += chunk
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def packet(self):
        """The next packet's payload, put together where it came in several frames."""
        payload = b""
        while True:
            header = self.receive_exactly(4)
            if header[3] != self.sequence & 255:
                raise OutOfOrder(f"number {header[3]} instead of {self.sequence & 255}")
            self.sequence += 1
            part = self.receive_exactly(int.from_bytes(header[:3], "little"))
            payload += part
            if len(part) < FULL_FRAME:
                return payload

    def put(self, payload):
        """A packet that goes on where the last one, sent or received, ended."""
        self.send(frames(payload, self.sequence))
        self.sequence += len(payload) // FULL_FRAME + 1

    def command(self, what, body=b""):
        self.sequence = 0
        self.put(bytes([what]) + body)

    def expect_end(self):
        """All that still comes until the other side ends the connection."""
        came = bytes(self.buffer)
        self.buffer.clear()
        try:
            while chunk := self.socket.recv(1 << 16):
                came += chunk
        except ConnectionResetError:
            pass
        return came

    # ---- logging in ----

    def greet(self):
        self.sequence = 0
        self.greeting = read_greeting(self.packet())
        return self.greeting

    def response(self, user, database, password, capabilities, charset=45, attributes=None, extended=0):
        """The payload of a handshake response. Capabilities that name a field decide whether it is there."""
        scramble = self.greeting.scramble
        plugin = self.greeting.plugin if capabilities & PLUGIN_AUTH else b"mysql_native_password"
        secret = proof(plugin, password.encode(), scramble)
        filler = b"\0" * 19 + struct.pack("<I", extended or capabilities >> 32) if capabilities >> 32 or extended else b"\0" * 23
        out = struct.pack("<IIB", capabilities & 0xffffffff, 1 << 24, charset) + filler + user.encode() + b"\0"
        out += string(secret) if capabilities & PLUGIN_AUTH_LENENC else bytes([len(secret)]) + secret
        if capabilities & CONNECT_WITH_DB:
            out += database.encode() + b"\0"
        if capabilities & PLUGIN_AUTH:
            out += plugin + b"\0"
        if capabilities & CONNECT_ATTRS:
            out += string(b"".join(string(k.encode()) + string(v.encode()) for k, v in (attributes or {}).items()))
        return out

    def encrypt(self, capabilities, charset=45):
        self.put(struct.pack("<IIB", (capabilities | SSL) & 0xffffffff, 1 << 24, charset) + b"\0" * 23)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)

    def log_in(self, user, database, password, capabilities=USUAL, tls=False, **options):
        """Greeting, response, proof. The OK packet that ends it is `welcome`."""
        self.greet()
        capabilities |= (CONNECT_WITH_DB if database else 0) | (CONNECT_ATTRS if "attributes" in options else 0)
        if tls:
            capabilities |= SSL
            self.encrypt(capabilities, options.get("charset", 45))
        self.put(self.response(user, database, password, capabilities, **options))
        self.capabilities = capabilities & self.greeting.capabilities | capabilities & (CONNECT_WITH_DB | PROTOCOL_41)
        self.welcome = self.authenticate(password.encode(), tls)
        return self

    def authenticate(self, password, tls=False):
        """Answers what the server asks for until OK, which is given."""
        while True:
            packet = self.packet()
            if packet[0] == 0:
                return self.read_ok(packet)
            if packet[0] == 0xff:
                raise ServerError(read_error(packet))
            if packet[0] == 0xfe:
                plugin, _, scramble = packet[1:].partition(b"\0")
                self.put(proof(plugin, password, scramble[:20]))
            elif packet == b"\1\4":
                if not tls:
                    raise AssertionError("the whole password is asked for, and this connection is not encrypted")
                self.put(password + b"\0")
            elif packet != b"\1\3":
                raise AssertionError(f"{packet!r} while logging in")

    # ---- replies ----

    def read_ok(self, packet):
        reader = Reader(packet)
        reader.take(1)
        affected, insert_id, status, warnings = reader.lenenc(), reader.lenenc(), reader.number(2), reader.number(2)
        if not self.capabilities & SESSION_TRACK:
            return Ok(affected, insert_id, status, warnings, reader.rest(), ())
        info = reader.string() if reader.left else b""
        changes = read_changes(reader.string()) if status & SESSION_STATE_CHANGED else ()
        return Ok(affected, insert_id, status, warnings, info, changes)

    def read_column(self, packet):
        reader = Reader(packet)
        assert reader.string() == b"def", packet
        schema, table, org_table, name, org_name = (reader.string() for _ in range(5))
        extended = reader.string() if self.capabilities & EXTENDED_METADATA else b""
        assert reader.number(1) == 12, packet
        charset, length, kind, flags, decimals = (reader.number(size) for size in (2, 4, 1, 2, 1))
        return Column(schema, table, org_table, name, org_name, charset, length, kind, flags, decimals, extended)

    @property
    def deprecates_eof(self):
        return bool(self.capabilities & DEPRECATE_EOF)

    def read_eof(self, packet=None):
        packet = self.packet() if packet is None else packet
        assert packet[0] == 0xfe and len(packet) == 5, packet
        warnings, status = struct.unpack_from("<HH", packet, 1)
        return status, warnings

    def columns(self, count):
        return tuple(self.read_column(self.definition()) for _ in range(count))

    def definition(self):
        packet = self.packet()
        if packet[0] == 0xff:
            raise ServerError(read_error(packet))
        return packet

    def result(self, binary=False, known_columns=None):
        """One result: Ok, Error or Rows."""
        packet = self.packet()
        if packet[0] == 0:
            return self.read_ok(packet)
        if packet[0] == 0xff:
            return read_error(packet)
        if packet[0] == 0xfb:
            return packet
        reader = Reader(packet)
        count = reader.lenenc()
        follows = reader.number(1) == 1 if self.capabilities & (OPTIONAL_METADATA | CACHE_METADATA) else True
        assert not reader.left, packet
        columns = self.columns(count) if follows else known_columns
        if not self.deprecates_eof:  # with the metadata left out, too
            status, warnings = self.read_eof()
            if binary and status & CURSOR_EXISTS:
                return Rows(columns, [], status, warnings, ())
        return self.read_rows(columns, binary)

    def read_rows(self, columns, binary):
        rows = []
        while True:
            packet = self.packet()
            if packet[0] == 0xff:
                return read_error(packet)
            if packet[0] == 0xfe and self.deprecates_eof and len(packet) < FULL_FRAME:
                end = self.read_ok(packet)
                return Rows(columns, rows, end.status, end.warnings, end.changes)
            if packet[0] == 0xfe and not self.deprecates_eof and len(packet) < 9:
                return Rows(columns, rows, *self.read_eof(packet), ())
            rows.append(binary_row(packet, columns) if binary else text_row(packet, len(columns)))

    def results(self, binary=False, known_columns=None):
        """Every result of one command's reply."""
        found = [self.result(binary, known_columns)]
        while isinstance(found[-1], (Ok, Rows)) and found[-1].status & MORE_RESULTS:
            found.append(self.result(binary, known_columns))
        return found

    # ---- commands ----

    def query(self, text, attributes=None):
        """All results of a text."""
        self.send_query(text, attributes)
        return self.results()

    def send_query(self, text, attributes=None):
        text = text.encode() if isinstance(text, str) else text
        self.command(QUERY, self.attribute_block(attributes or {}) + text)

    def attribute_block(self, attributes):
        if not self.capabilities & QUERY_ATTRIBUTES:
            return b""
        out = lenenc(len(attributes)) + b"\1"
        if attributes:
            out += b"\0" * ((len(attributes) + 7) // 8) + b"\1"
            out += b"".join(struct.pack("<H", 0xfe) + string(name.encode()) for name in attributes)
            out += b"".join(string(value.encode()) for value in attributes.values())
        return out

    def rows(self, text):
        """The rows of a text with one result; its error is raised."""
        result = self.query(text)[-1]
        if isinstance(result, Error):
            raise ServerError(result)
        return result.rows if isinstance(result, Rows) else []

    def value(self, text):
        return self.rows(text)[0][0]

    def prepare(self, text):
        """Prepared, or Error."""
        self.command(PREPARE, text.encode() if isinstance(text, str) else text)
        packet = self.packet()
        if packet[0] == 0xff:
            return read_error(packet)
        reader = Reader(packet)
        reader.take(1)
        number, column_count, parameter_count = reader.number(4), reader.number(2), reader.number(2)
        reader.take(1)
        warnings = reader.number(2)
        follows = reader.number(1) == 1 if self.capabilities & OPTIONAL_METADATA and reader.left else True
        groups = []
        for count in (parameter_count, column_count):
            groups.append(self.columns(count) if follows else ())
            if count and follows and not self.deprecates_eof:
                self.read_eof()
        made = Prepared(number, parameter_count, groups[1], warnings)
        self.statements[number] = made
        return made

    def send_execute(self, number, values=(), flags=0, types=True):
        """Values are strings or None; `types` false: as bound before."""
        out = struct.pack("<IBI", number, flags, 1)
        if self.capabilities & QUERY_ATTRIBUTES and flags & 8:
            out += lenenc(len(values))
        if values:
            nulls = sum(1 << place for place, value in enumerate(values) if value is None)
            out += nulls.to_bytes((len(values) + 7) // 8, "little") + bytes([1 if types else 0])
            if types:
                each = struct.pack("<H", 0xfe) + (b"\0" if self.capabilities & QUERY_ATTRIBUTES else b"")
                out += each * len(values)
            out += b"".join(string(value.encode()) for value in values if value is not None)
        self.command(EXECUTE, out)

    def execute(self, number, values=(), flags=0, types=True):
        self.send_execute(number, values, flags, types)
        known = self.statements.get(number)
        return self.results(binary=True, known_columns=known.columns if known else None)

    def fetch(self, number, count, columns):
        self.command(FETCH, struct.pack("<II", number, count))
        return self.read_rows(columns, True)

    def long_data(self, number, parameter, octets):
        self.command(LONG_DATA, struct.pack("<IH", number, parameter) + octets)

    def close_statement(self, number):
        self.command(CLOSE, struct.pack("<I", number))

    def simple(self, what, body=b""):
        """A command that is answered by OK, EOF or an error."""
        self.command(what, body)
        packet = self.packet()
        if packet[0] == 0xff:
            return read_error(packet)
        return self.read_ok(packet) if packet[0] == 0 or len(packet) > 5 else self.read_eof(packet)

    def ping(self):
        return self.simple(PING)

    def field_list(self, table):
        self.command(FIELD_LIST, table.encode() + b"\0")
        found = []
        while True:
            packet = self.packet()
            if packet[0] == 0xff:
                return read_error(packet)
            if packet[0] == 0xfe and len(packet) < 16:
                return found
            found.append(self.read_column(packet[:self.length_of_definition(packet)]))

    def length_of_definition(self, packet):
        """Without the default value that COM_FIELD_LIST puts behind."""
        reader = Reader(packet)
        for _ in range(7 if self.capabilities & EXTENDED_METADATA else 6):
            reader.string()
        return reader.at + 13

    # ---- leaving ----

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves without any goodbye, as a crashed client would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
