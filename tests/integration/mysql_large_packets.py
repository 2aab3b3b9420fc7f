# SPDX-License-Identifier: Apache-2.0
#
# Packets at the length where one frame becomes two (16 MiB - 1 octets) and around it, in every direction: statements, values of prepared ones,
# long data, rows, and files; with and without compression on each side. Penstock's memory stays bounded.

import hashlib
import unittest

import processes
from mysql_compressed import CompressedWire
from mysql_fixture import each_product
from mysql_packets import FULL_FRAME, LOCAL_FILES, QUERY, USUAL, Error
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD

SIZES = (FULL_FRAME - 1, FULL_FRAME, FULL_FRAME + 1, 2 * FULL_FRAME)
BOUND_KIB = 40 * 1024
PAIRS = {"mysql": (("off", "off"), ("zlib", "zlib"), ("zstd", "zstd"), ("off", "zstd")),
         "mariadb": (("off", "off"), ("zlib", "zlib"), ("zlib", "off"))}


@each_product
class LargePackets:
    def start(self, server):
        penstock = MySqlPenstock(self.cluster, pool_size=2)
        penstock.settings["cluster"][0]["compression"] = server
        penstock.settings["tls"] = {"certificate": self.cluster.certificate, "key": self.cluster.key}
        penstock.write_settings()
        self.addCleanup(penstock.discard)
        return penstock.start()

    def open(self, penstock, client):
        wire = CompressedWire(penstock.port, client, timeout=120)
        self.addCleanup(wire.close)
        return wire.log_in("app", "app", PASSWORD, USUAL | LOCAL_FILES, tls=True)

    def each(self, look):
        """look(wire, size) for each pair of methods and each size, and nothing of it stays in Penstock's memory."""
        for client, server in PAIRS[self.product_name]:
            penstock = self.start(server)
            wire = self.open(penstock, client)
            self.assertEqual(wire.value("select 1"), b"1")
            before = processes.memory_kib(penstock.pid)["Rss"]
            for size in SIZES:
                with self.subTest(client=client, server=server, size=size):
                    look(wire, size)
                    self.assertEqual(wire.value("select 'in step'"), b"in step")
                    grown = processes.peak_memory_kib(penstock.pid) - before
                    self.assertLess(grown, processes.memory_bound(BOUND_KIB), "Penstock's memory grew with the packet")
            wire.close()
            penstock.stop()

    def test_statements(self):
        def look(wire, size):
            text = b"select sha2('" + b"s" * (size - 1 - 13 - 7) + b"', 256)"
            self.assertEqual(len(text) + 1, size)
            self.assertEqual(wire.value(text), hashlib.sha256(text[13:-7]).hexdigest().encode())
        self.each(look)

    def test_rows(self):
        def look(wire, size):
            count = size - (4 if size <= FULL_FRAME + 3 else 9)
            self.assertTrue(wire.value(f"select repeat('r', {count})") == b"r" * count)
        self.each(look)

    def test_rows_of_prepared_statements(self):
        def look(wire, size):
            count = size - 2 - (4 if size <= FULL_FRAME + 3 else 9)
            made = wire.prepare(f"select repeat('b', {count})")
            self.assertTrue(wire.execute(made.id)[0].rows[0][0] == b"b" * count)
            wire.close_statement(made.id)
        self.each(look)

    def test_values_of_prepared_statements(self):
        def look(wire, size):
            made = wire.prepare("select sha2(?, 256)")
            head = 1 + 9 + 1 + 1 + 2  # command, id, flags and count; NULLs, types that are new, one type
            count = size - head - (4 if size <= FULL_FRAME + 3 else 9)
            value = "v" * count
            self.assertEqual(wire.execute(made.id, (value,))[0].rows[0][0], hashlib.sha256(value.encode()).hexdigest().encode())
            wire.close_statement(made.id)
        self.each(look)

    def test_long_data(self):
        def look(wire, size):
            made = wire.prepare("select sha2(?, 256)")
            value = b"l" * (size - 7)
            wire.long_data(made.id, 0, value)
            execute_bound(wire, made.id)
            self.assertEqual(wire.results(binary=True, known_columns=made.columns)[0].rows[0][0], hashlib.sha256(value).hexdigest().encode())
            wire.close_statement(made.id)
        self.each(look)

    def test_texts_to_prepare(self):
        def look(wire, size):
            text = b"select 'fine' /*" + b"p" * (size - 1 - 18) + b"*/"
            self.assertEqual(len(text) + 1, size)
            made = wire.prepare(text)
            self.assertNotIsInstance(made, Error)
            self.assertEqual(wire.execute(made.id)[0].rows, [(b"fine",)])
            wire.close_statement(made.id)
        self.each(look)

    def test_files(self):
        self.server.sql("create table if not exists app.large_file(x longtext)")

        def look(wire, size):
            wire.query("truncate large_file")
            wire.command(QUERY, b"load data local infile 'given' into table large_file")
            self.assertEqual(wire.packet()[1:], b"given")
            wire.put(b"f" * (size - 1) + b"\n")
            wire.put(b"second row\n")
            wire.put(b"")
            self.assertEqual(wire.read_ok(wire.packet()).affected, 2)
            self.assertEqual(wire.rows("select length(x) from large_file order by 1"), [(b"10",), (str(size - 1).encode(),)])
        self.each(look)
        self.server.sql("drop table app.large_file")


def execute_bound(wire, number):
    """EXECUTE whose only parameter has come as long data: of type BLOB, and not NULL."""
    wire.command(0x17, number.to_bytes(4, "little") + b"\0" + b"\1\0\0\0" + b"\0\1" + b"\xfc\0")


if __name__ == "__main__":
    unittest.main()
