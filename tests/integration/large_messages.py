# SPDX-License-Identifier: Apache-2.0
#
# Rows and statements far larger than any buffer pass through without being held: Penstock's own memory stays bounded, whoever is slow.

import hashlib
import select
import unittest

import processes
from fixture import ProxyTest
from pgwire import SYNC, bind, copy_data, COPY_DONE, execute, parse, query
from wait import wait_until

MEGABYTE = 1 << 20
BOUND_KIB = 40 * 1024  # more memory than before; a message held whole would take 100 MiB or more


class LargeMessages(ProxyTest):
    pool_size = 3

    def setUp(self):
        super().setUp()
        self.assert_works(self.wire())
        self.before = processes.memory_kib(self.penstock.pid)["Rss"]

    def assert_memory_bounded(self):
        grown = processes.memory_kib(self.penstock.pid)["Rss"] - self.before
        self.assertLess(grown, BOUND_KIB, "Penstock's memory grew with the message")

    def read_row(self, wire, length, look):
        """Reads one DataRow's octets in portions, calling look() in the middle; gives their MD5."""
        digest, left = hashlib.md5(), length
        while left:
            part = wire.receive_exactly(min(left, MEGABYTE))
            digest.update(part)
            left -= len(part)
            if left // MEGABYTE == length // MEGABYTE // 2:
                look()
        return digest.hexdigest()

    def test_a_row_of_a_hundred_megabytes(self):
        wire = self.wire(timeout=120)
        count = 100 * MEGABYTE
        wire.send(query(f"select repeat('x', {count})"))
        wire.expect("T")
        header = wire.receive_exactly(5 + 2 + 4)
        self.assertEqual(header, b"D" + (4 + 2 + 4 + count).to_bytes(4, "big") + b"\0\x01" + count.to_bytes(4, "big"))
        digest = self.read_row(wire, count, self.assert_memory_bounded)
        self.assertEqual(digest, hashlib.md5(b"x" * count).hexdigest())
        wire.expect("CZ")
        self.assert_works(wire)
        self.assert_memory_bounded()

    def test_a_client_that_reads_slowly_does_not_fill_memory(self):
        slow = self.wire(timeout=120, receive_buffer=65536)
        slow.send(query(f"select repeat('x', {100 * MEGABYTE})"))
        slow.expect("T")
        self.assert_others_unaffected()
        wait_until(lambda: self.busy_backends(), "the server is waiting to write")
        self.assert_memory_bounded()
        slow.receive_exactly(5 + 10 * MEGABYTE)
        self.assert_memory_bounded()
        slow.close()
        self.wait_for_no_lease()
        self.assert_others_unaffected()

    def test_a_parameter_of_fifty_megabytes(self):
        wire = self.wire(timeout=120)
        value = b"y" * (50 * MEGABYTE)
        wire.send(parse("select md5($1), length($1)"), bind((value,)), execute(), SYNC)
        row = wire.expect("12DCZ")[2].row()
        self.assertEqual(row, [hashlib.md5(value).hexdigest().encode(), str(len(value)).encode()])
        self.assert_memory_bounded()

    def test_a_simple_query_of_twenty_megabytes(self):
        wire = self.wire(timeout=120)
        filler = "z" * (20 * MEGABYTE)
        self.assertEqual(wire.simple(f"select length('{filler}')"), [(str(len(filler)),)])
        self.assert_memory_bounded()

    def test_a_prepared_text_of_twenty_megabytes(self):
        wire = self.wire(timeout=120)
        filler = "z" * (20 * MEGABYTE)
        self.assertEqual(wire.prepared(f"select length('{filler}')"), [(str(len(filler)),)])
        self.assert_memory_bounded()
        self.assert_works(wire)

    def test_copy_data_in_large_messages(self):
        self.server.sql("drop table if exists bulky; create table bulky(x text); grant all on bulky to public")
        wire = self.wire(timeout=120)
        wire.send(query("copy bulky from stdin"))
        wire.expect("G")
        line = b"w" * (20 * MEGABYTE) + b"\n"
        wire.send(copy_data(line), copy_data(b"short\n"), COPY_DONE)
        wire.expect("CZ")
        self.assertEqual(self.server.sql("select length(x) from bulky order by 1 desc"), [(20 * MEGABYTE,), (5,)])
        self.assert_memory_bounded()

    def test_a_hundred_thousand_small_rows_while_writing(self):
        """Both directions at once: a long pipeline whose answers nobody reads until the end."""
        wire = self.wire(timeout=120)
        wire.socket.setblocking(False)
        message = query("select repeat('q', 5000)")
        total, pending, sent = 2000, b"", 0
        received = bytearray()
        while sent < total or pending:
            if not pending and sent < total:
                pending, sent = message, sent + 1
            try:
                pending = pending[wire.socket.send(pending):]
            except BlockingIOError:
                received += self.read_some(wire)
        wire.socket.settimeout(60)
        wire.buffer = bytes(received) + wire.buffer
        for _ in range(total):
            wire.expect("TDCZ")
        self.assert_memory_bounded()

    def read_some(self, wire):
        wait_until(lambda: self.readable(wire), "the answers come in")
        return wire.socket.recv(MEGABYTE)

    def readable(self, wire):
        return select.select([wire.socket], [], [], 0.5)[0]

    def test_an_absurd_length_is_refused_at_once(self):
        for kind, length in (("Q", 0x7fffffff), ("Q", 0xffffffff), ("Q", 3), ("P", 0x80000000), ("B", 0)):
            with self.subTest(f"{kind} {length:#x}"):
                wire = self.wire()
                wire.send(kind.encode() + length.to_bytes(4, "big") + b"select")
                if length != 0x7fffffff:
                    self.assertIn("E", [m.type for m in wire.expect_end()])
                wire.close()
        self.assert_others_unaffected()
        self.assert_memory_bounded()

    def test_many_small_messages_before_the_sync(self):
        wire = self.wire(timeout=60)
        wire.send(parse("select 1"), *(bind() + execute() for _ in range(20000)), SYNC)
        answers = wire.until_ready()
        self.assertEqual(len(answers), 1 + 3 * 20000)
        self.assert_memory_bounded()


if __name__ == "__main__":
    unittest.main()
