# SPDX-License-Identifier: Apache-2.0
#
# The compressed protocol, on each side by itself: every pair of off, zlib and zstd with small and large results, many rows, files and prepared
# statements; the numbers of frames; peers that break it; and clients as they are.

import hashlib
import pathlib
import subprocess
import tempfile
import unittest

import processes
from mysql_compressed import FLAGS, CompressedWire, frame
from mysql_fixture import each_product
from mysql_packets import LOCAL_FILES, QUERY, USUAL, Ok, Rows
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD, product
from mysql_wire import Wire

MEGABYTE = 1 << 20
BOUND_KIB = 40 * 1024
SERVER_METHODS = {"mysql": ("off", "zlib", "zstd"), "mariadb": ("off", "zlib")}


class Compressing(MySqlPenstock):
    """With TLS for clients, and server connections of that method."""

    def __init__(self, cluster, method="off", settings=None, **options):
        super().__init__(cluster, settings, **options)
        self.settings["cluster"][0]["compression"] = method
        self.settings["tls"] = {"certificate": cluster.certificate, "key": cluster.key}
        self.write_settings()


class Base:
    through = None

    def start(self, method="off", **options):
        penstock = Compressing(self.cluster, method, **options)
        self.addCleanup(penstock.discard)
        return penstock.start()

    def open(self, penstock, how, capabilities=USUAL | LOCAL_FILES, timeout=120, **options):
        wire = CompressedWire(penstock.port, how, timeout=timeout, **options)
        self.addCleanup(wire.close)
        return wire.log_in("app", "app", PASSWORD, capabilities, tls=True)

    @property
    def methods(self):
        return SERVER_METHODS[self.product_name]


@each_product
class Matrix(Base):
    def test_every_pair(self):
        for server in self.methods:
            penstock = self.start(server, pool_size=2)
            for client in self.methods:
                with self.subTest(server=server, client=client):
                    wire = self.open(penstock, client)
                    self.assertTrue(client == "off" or wire.is_offered)
                    self.check_method_of_server(wire, server)
                    self.check_small_results(wire)
                    self.check_prepared_statements(wire)
                    self.check_many_rows(wire)
                    self.check_large_values(wire)
                    self.check_file(wire)
                    self.check_small_results(wire)
                    self.assertEqual(bool(wire.frames_read), client != "off")
                    wire.close()
            penstock.stop()

    def check_method_of_server(self, wire, server):
        self.assertEqual(wire.rows("show session status like 'Compression'")[0][1], b"OFF" if server == "off" else b"ON")
        if not self.is_mariadb and server != "off":
            self.assertEqual(wire.rows("show session status like 'Compression_algorithm'")[0][1], server.encode())

    def check_small_results(self, wire):
        self.assertEqual(wire.value("select 40 + 2"), b"42")
        several = wire.query("select 1; select 2 union select 3; do 1")
        self.assertEqual([r.rows if isinstance(r, Rows) else None for r in several], [[(b"1",)], [(b"2",), (b"3",)], None])
        self.assertEqual(wire.query("select * from there_is_none")[0].code, 1146)
        self.assertIsInstance(wire.ping(), Ok)

    def check_prepared_statements(self, wire):
        made = wire.prepare("select cast(? as char), repeat(?, 3)")
        for value in ("a", "b" * 100000):
            rows = wire.execute(made.id, (value, value))[0].rows
            self.assertEqual(rows, [(value.encode(), value.encode() * 3)])
        wire.long_data(made.id, 0, b"c" * 300000)
        wire.long_data(made.id, 0, b"d" * 10)
        self.assertEqual(wire.execute(made.id, (None, "z"))[0].rows[0][1], b"zzz")
        wire.close_statement(made.id)
        self.assertEqual(wire.value("select 1"), b"1")

    def check_many_rows(self, wire):
        digits = "(select 0 d union all select 1 union all select 2 union all select 3 union all select 4 union all " \
                 "select 5 union all select 6 union all select 7 union all select 8 union all select 9)"
        rows = wire.rows("select concat(a.d, b.d, c.d, e.d, f.d), 'the same in every row' from "
                         + ", ".join(f"{digits} {name}" for name in "abcef"))
        self.assertEqual(len(rows), 100000)
        self.assertEqual(sum(int(row[0]) for row in rows), sum(range(100000)))

    def check_large_values(self, wire):
        count = 40 * MEGABYTE
        self.assertEqual(wire.value(f"select repeat('0123456789abcdef', {count // 16})"), b"0123456789abcdef" * (count // 16))
        text = b"y" * (20 * MEGABYTE)
        self.assertEqual(wire.value(b"select sha2('" + text + b"', 256)"), hashlib.sha256(text).hexdigest().encode())

    def check_file(self, wire):
        wire.query("create table if not exists filed(x int, y text)")
        wire.query("truncate filed")
        wire.command(QUERY, b"load data local infile 'given' into table filed")
        self.assertEqual(wire.packet()[1:], b"given")
        content = b"".join(b"%d\tline number %d of a file that is long enough\n" % (n, n) for n in range(200000))
        for place in range(0, len(content), 30000):
            wire.put(content[place:place + 30000])
        wire.put(b"")
        self.assertEqual(wire.read_ok(wire.packet()).affected, 200000)
        self.assertEqual(wire.rows("select count(*), sum(x) from filed"), [(b"200000", str(sum(range(200000))).encode())])
        wire.query("drop table filed")


if __name__ == "__main__":
    unittest.main()
