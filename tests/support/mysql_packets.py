# SPDX-License-Identifier: Apache-2.0
#
# Packets of MySQL's protocol, as the raw client (mysql_wire.py) and the scripted servers of the tests build and read them. See
# "Client/Server Protocol" in the documentation of both products.

import struct
from typing import NamedTuple

# Capability flags; from bit 32 on MariaDB's.
(LONG_PASSWORD, FOUND_ROWS, LONG_FLAG, CONNECT_WITH_DB, NO_SCHEMA, COMPRESS, ODBC, LOCAL_FILES, IGNORE_SPACE, PROTOCOL_41, INTERACTIVE, SSL,
 IGNORE_SIGPIPE, TRANSACTIONS, RESERVED, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS, PS_MULTI_RESULTS, PLUGIN_AUTH, CONNECT_ATTRS,
 PLUGIN_AUTH_LENENC, EXPIRED_PASSWORDS, SESSION_TRACK, DEPRECATE_EOF, OPTIONAL_METADATA, ZSTD, QUERY_ATTRIBUTES, MULTI_FACTOR, EXTENSION,
 VERIFY_CERT, REMEMBER_OPTIONS) = (1 << bit for bit in range(32))
PROGRESS, COM_MULTI, BULK, EXTENDED_METADATA, CACHE_METADATA, BULK_RESULTS = (1 << bit for bit in range(32, 38))
USUAL = (LONG_PASSWORD | LONG_FLAG | PROTOCOL_41 | TRANSACTIONS | SECURE_CONNECTION | MULTI_STATEMENTS | MULTI_RESULTS | PS_MULTI_RESULTS |
         PLUGIN_AUTH | SESSION_TRACK | DEPRECATE_EOF)

IN_TRANSACTION, AUTOCOMMIT, MORE_RESULTS, CURSOR_EXISTS, LAST_ROW_SENT = 1, 2, 8, 0x40, 0x80
SESSION_STATE_CHANGED = 0x4000
ANSI_QUOTES = 0x8000  # MariaDB's

(QUIT, INIT_DB, QUERY, FIELD_LIST, STATISTICS, PROCESS_KILL, DEBUG, PING, CHANGE_USER, PREPARE, EXECUTE, LONG_DATA, CLOSE, RESET, SET_OPTION,
 FETCH, RESET_CONNECTION, BULK_EXECUTE) = (1, 2, 3, 4, 9, 12, 13, 14, 17, 22, 23, 24, 25, 26, 27, 28, 31, 0xfa)
FULL_FRAME = 0xffffff


class Gone(Exception):
    """The other side has ended the connection."""


class OutOfOrder(Exception):
    """A packet did not have the sequence number that comes next."""


class Error(NamedTuple):
    code: int
    sqlstate: str
    text: str


class Ok(NamedTuple):
    affected: int
    insert_id: int
    status: int
    warnings: int
    info: bytes
    changes: tuple  # of (kind, octets)


class Rows(NamedTuple):
    columns: tuple
    rows: list
    status: int
    warnings: int
    changes: tuple


class Column(NamedTuple):
    schema: bytes
    table: bytes
    org_table: bytes
    name: bytes
    org_name: bytes
    charset: int
    length: int
    type: int
    flags: int
    decimals: int
    extended: bytes = b""  # MariaDB's


class Prepared(NamedTuple):
    id: int
    parameters: int
    columns: tuple
    warnings: int


class ServerError(Exception):
    def __init__(self, error):
        super().__init__(f"{error.code} ({error.sqlstate}) {error.text}")
        self.error = error


class Reader:
    """Takes values from a packet, front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        if count > len(self.data) - self.at:
            raise ValueError(f"{count} octets wanted of {self.data[self.at:]!r}")
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def lenenc(self):
        """None stands for NULL."""
        first = self.number(1)
        if first < 251:
            return first
        return None if first == 0xfb else self.number({0xfc: 2, 0xfd: 3, 0xfe: 8}[first])

    def string(self):
        length = self.lenenc()
        return None if length is None else self.take(length)

    def c_string(self):
        end = self.data.index(b"\0", self.at)
        text, self.at = self.data[self.at:end], end + 1
        return text

    def rest(self):
        return self.take(len(self.data) - self.at)

    @property
    def left(self):
        return len(self.data) - self.at


def lenenc(number):
    if number < 251:
        return bytes([number])
    for mark, size in ((0xfc, 2), (0xfd, 3), (0xfe, 8)):
        if number < 1 << (8 * size):
            return bytes([mark]) + number.to_bytes(size, "little")
    raise ValueError(number)


def string(octets):
    return lenenc(len(octets)) + octets


def frame(payload, sequence=0):
    return len(payload).to_bytes(3, "little") + bytes([sequence & 255]) + payload


def frames(payload, sequence=0):
    """A packet of any length: cut at 16 MiB - 1, with an empty last frame where it ends there."""
    out = b""
    while True:
        part, payload = payload[:FULL_FRAME], payload[FULL_FRAME:]
        out += frame(part, sequence)
        sequence += 1
        if len(part) < FULL_FRAME:
            return out


class Greeting(NamedTuple):
    version: str
    connection_id: int
    scramble: bytes
    capabilities: int
    charset: int
    status: int
    plugin: bytes


def read_greeting(packet):
    reader = Reader(packet)
    if packet[:1] == b"\xff":
        raise ServerError(read_error(packet))
    assert reader.number(1) == 10, packet
    version, connection_id, scramble = reader.c_string().decode(), reader.number(4), reader.take(8)
    reader.take(1)
    capabilities, charset, status = reader.number(2), reader.number(1), reader.number(2)
    capabilities |= reader.number(2) << 16
    length = reader.number(1)
    reader.take(6)
    extended = reader.number(4)
    if not capabilities & LONG_PASSWORD:
        capabilities |= extended << 32
    scramble += reader.take(max(13, length - 8))[:12]
    return Greeting(version, connection_id, scramble, capabilities, charset, status, reader.c_string())


def read_error(packet):
    code, text = struct.unpack_from("<H", packet, 1)[0], packet[3:]
    state = text[1:6].decode() if text[:1] == b"#" else ""
    return Error(code, state, text[6:].decode(errors="replace") if state else text.decode(errors="replace"))


def read_changes(octets):
    reader, changes = Reader(octets), []
    while reader.left:
        changes.append((reader.number(1), reader.string()))
    return tuple(changes)


def text_row(packet, count):
    reader = Reader(packet)
    row = tuple(reader.string() for _ in range(count))
    assert not reader.left, packet
    return row


FIXED_SIZES = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8, 9: 4, 13: 2}


def binary_row(packet, columns):
    """Octets of each value, without their lengths."""
    reader = Reader(packet)
    assert reader.number(1) == 0, packet
    nulls = int.from_bytes(reader.take((len(columns) + 9) // 8), "little")
    row = []
    for place, column in enumerate(columns):
        if nulls >> (place + 2) & 1:
            row.append(None)
        elif column.type in FIXED_SIZES:
            row.append(reader.take(FIXED_SIZES[column.type]))
        elif column.type in (7, 10, 11, 12):
            row.append(reader.take(reader.number(1)))
        else:
            row.append(reader.string())
    assert not reader.left, packet
    return tuple(row)
