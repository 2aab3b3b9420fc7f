# SPDX-License-Identifier: Apache-2.0
#
# The raw client of MySQL's protocol over compressed frames, by zlib or zstd. Numbers of frames are checked as strictly as those of packets;
# tests may cut frames as they like, or send any octets instead.

import ctypes
import ctypes.util
import zlib

from mysql_packets import COMPRESS, OutOfOrder, USUAL, ZSTD
from mysql_wire import Wire

LEAST = 50
FLAGS = {"off": 0, "zlib": COMPRESS, "zstd": ZSTD}


def zstd_library():
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    for name in ("ZSTD_compress", "ZSTD_decompress", "ZSTD_compressBound"):
        getattr(library, name).restype = ctypes.c_size_t
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int]
    library.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    return library


def zstd_pack(plain, level=3):
    library = zstd_library()
    room = ctypes.create_string_buffer(library.ZSTD_compressBound(len(plain)))
    size = library.ZSTD_compress(room, len(room), plain, len(plain), level)
    return room.raw[:size]


def zstd_unpack(packed, size):
    room = ctypes.create_string_buffer(size + 1)
    found = zstd_library().ZSTD_decompress(room, size + 1, packed, len(packed))
    assert found == size, f"{found} octets instead of {size}"
    return room.raw[:size]


def zlib_unpack(packed, size):
    plain = zlib.decompress(packed)
    assert len(plain) == size, f"{len(plain)} octets instead of {size}"
    return plain


def frame(number, payload, announced=0):
    """A compressed frame with any header."""
    return len(payload).to_bytes(3, "little") + bytes([number & 255]) + announced.to_bytes(3, "little") + payload


class CompressedWire(Wire):
    """`how` is "off", "zlib" or "zstd"; compression begins once the login is over. `frames_read` are the sizes of what came."""

    def __init__(self, port, how="zlib", level=3, cut=0xffffff, **options):
        super().__init__(port, **options)
        self.how, self.level, self.cut = how, level, cut
        self.compressed = False
        self.number = 0
        self.plain = bytearray()
        self.frames_read = []

    def pack(self, plain):
        return zlib.compress(plain) if self.how == "zlib" else zstd_pack(plain, self.level)

    def response(self, *arguments, **options):
        return super().response(*arguments, **options) + (bytes([self.level]) if self.how == "zstd" else b"")

    def log_in(self, user, database, password, capabilities=USUAL, **options):
        super().log_in(user, database, password, capabilities | FLAGS[self.how], **options)
        self.compressed = self.how != "off"
        return self

    @property
    def is_offered(self):
        return bool(self.greeting.capabilities & FLAGS[self.how])

    def command(self, what, body=b""):
        self.number = 0
        super().command(what, body)

    def send_frame(self, plain):
        packed = self.pack(plain) if len(plain) >= LEAST else plain
        self.send_raw(frame(self.number, packed, len(plain)) if len(packed) < len(plain) else frame(self.number, plain))
        self.number += 1

    def send_raw(self, octets):
        super().send(octets)

    def send(self, *parts):
        plain = b"".join(parts)
        if not self.compressed:
            super().send(plain)
            return
        for place in range(0, len(plain), self.cut):
            self.send_frame(plain[place:place + self.cut])

    def receive_exactly(self, count):
        if not self.compressed:
            return super().receive_exactly(count)
        while len(self.plain) < count:
            self.read_frame()
        taken = bytes(self.plain[:count])
        del self.plain[:count]
        return taken

    def read_frame(self):
        header = super().receive_exactly(7)
        if header[3] != self.number & 255:
            raise OutOfOrder(f"frame {header[3]} instead of {self.number & 255}")
        self.number += 1
        payload = super().receive_exactly(int.from_bytes(header[:3], "little"))
        size = int.from_bytes(header[4:], "little")
        if size:
            unpack = zlib_unpack if self.how == "zlib" else zstd_unpack
            self.plain += unpack(payload, size)
        else:
            self.plain += payload
        self.frames_read.append((len(payload), size))
