# SPDX-License-Identifier: Apache-2.0
#
# The compressed protocol, on each side by itself: every pair of off, zlib and zstd with small and large results, many rows, files and prepared
# statements; the numbers of frames; peers that break it; and clients as they are.

import contextlib
import hashlib
import socket
import threading
import unittest

import processes
from mysql_compressed import CompressedWire, frame
from mysql_fixture import each_product
from mysql_packets import CHANGE_USER, LOCAL_FILES, QUERY, USUAL, Ok, Rows
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import proof
from wait import wait_until

MEGABYTE = 1 << 20
BOUND_KIB = 40 * 1024
SERVER_METHODS = {"mysql": ("off", "zlib", "zstd"), "mariadb": ("off", "zlib")}


class Compressing(MySqlPenstock):
    """With TLS for clients, and server connections of that method."""

    def __init__(self, cluster, method="off", settings=None, in_between=None, **options):
        super().__init__(cluster, settings, **options)
        self.settings["cluster"][0]["compression"] = method
        if in_between:
            self.settings["cluster"][0] |= {"nodes": [f"127.0.0.1:{in_between.port}"], "sslmode": "disable"}
        self.settings["tls"] = {"certificate": cluster.certificate, "key": cluster.key}
        self.write_settings()


class Tampering:
    """Stands between Penstock and a server and passes on what both say, until Penstock says the word: then it answers itself."""

    def __init__(self, port):
        self.server_port = port
        self.answer, self.word = b"", None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []

    def answer_next_with(self, octets, word):
        self.answer, self.word = octets, word

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        for each in [self.listener, *self.sockets]:
            each.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                ours, _ = self.listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self.server_port))
                self.sockets += [ours, theirs]
                for source, target in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self.pump, args=(source, target), daemon=True).start()

    def pump(self, source, target):
        with contextlib.suppress(OSError):
            while octets := source.recv(1 << 16):
                if self.word and self.word in octets:
                    self.word = None
                    source.sendall(self.answer)
                else:
                    target.sendall(octets)
            target.shutdown(socket.SHUT_WR)


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

    def let_in_without_tls(self, *users):
        """Whom MySQL has just seen it knows again by a hash."""
        for user in users:
            self.server.connect(user, database="app" if user == "app" else "information_schema").close()

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


@each_product
class Settings(Base):
    def compression_of_server(self, wire):
        return wire.rows("show session status like 'Compression'")[0][1]

    def test_clients_may_be_offered_none(self):
        penstock = self.start(settings={"clients": {"compression": False}})
        for how in self.methods[1:]:
            wire = CompressedWire(penstock.port, how)
            self.addCleanup(wire.close)
            wire.greet()
            self.assertFalse(wire.is_offered)

    def test_a_server_that_offers_none_is_used_without(self):
        if not self.is_mariadb:
            self.server.sql("set global protocol_compression_algorithms = 'zlib,uncompressed'")
            self.addCleanup(self.server.sql, "set global protocol_compression_algorithms = default")
        penstock = self.start("zstd")
        wire = self.open(penstock, "zlib")
        self.assertEqual(self.compression_of_server(wire), b"OFF")
        penstock.wait_for_log("server offers no such compression")

    def test_a_reload_changes_it(self):
        penstock = self.start("off", pool_size=1)
        wire = self.open(penstock, "off")
        self.assertEqual(self.compression_of_server(wire), b"OFF")
        for method, found in (("zlib", b"ON"), ("off", b"OFF")):
            penstock.settings["cluster"][0]["compression"] = method
            penstock.reload()
            wait_until(lambda: self.compression_of_server(wire) == found, f"server connections have {method}")

    def test_an_idle_client_holds_no_more_than_without(self):
        penstock = self.start(settings={"workers": 1})
        query = b"select repeat('0123456789', 2000), '" + b"z" * 3000 + b"'"
        grown = {}
        for how in ("warm", *self.methods, "again"):  # the first ones fill gaps that the warm ones left
            before = processes.memory_kib(penstock.pid)["Rss"]
            methods = self.methods if how == "warm" else ("off",) if how == "again" else (how,)
            wires = [self.open(penstock, methods[n % len(methods)]) for n in range(100)]
            for wire in wires:
                self.assertEqual(len(wire.value(query)), 20000)
            grown[how] = processes.memory_kib(penstock.pid)["Rss"] - before
        for how in self.methods[1:]:
            self.assertLess(grown[how] - max(grown["off"], grown["again"]), processes.memory_bound(150), f"KiB more for 100 clients: {grown}")


@each_product
class Numbers(Base):
    """The raw client checks the number of every frame that comes."""

    def test_a_command_in_many_frames(self):
        penstock = self.start("zlib")
        for cut in (1, 5, 100):
            wire = self.open(penstock, "zlib", cut=cut)
            self.assertEqual(wire.value("select length('" + "x" * 600 + "')"), b"600")  # cut by octets, it needs more than 256 numbers
            self.assertEqual(wire.value("select 2"), b"2")

    def test_commands_without_an_answer_and_early_ones(self):
        wire = self.open(self.start("zlib", pool_size=1), "zlib")
        numbers = [wire.prepare(f"select {n}").id for n in range(5)]
        for number in numbers:
            wire.close_statement(number)
        self.assertEqual(wire.value("select 'still counting'"), b"still counting")
        wire.send_query("select sleep(0.2), 1")  # the next one comes while this runs
        wire.send_query("select 2")
        wire.number, wire.sequence = 1, 1
        self.assertEqual(wire.results()[0].rows, [(b"0", b"1")])
        wire.number, wire.sequence = 1, 1
        self.assertEqual(wire.results()[0].rows, [(b"2",)])

    def test_a_change_of_user_goes_on_counting(self):
        penstock = self.start("zlib")
        for how in self.methods:
            wire = self.open(penstock, how)
            for user in ("other", "app"):
                answer = proof(wire.greeting.plugin, PASSWORD.encode(), wire.greeting.scramble)
                wire.command(CHANGE_USER, user.encode() + b"\0" + bytes([len(answer)]) + answer + b"app\0\x2d\0")
                wire.authenticate(PASSWORD.encode(), tls=True)
                self.assertEqual(wire.value("select current_user()"), user.encode() + b"@%")
                self.assertEqual(len(wire.value("select repeat('x', 300000)")), 300000)

    def test_a_goodbye_is_the_answer_to_the_next_command(self):
        penstock = self.start(settings={"clients": {"idle_client_timeout": "500ms"}})
        for how in self.methods:
            wire = self.open(penstock, how)
            wire.query("select 1")
            wire.number = wire.sequence = 1
            packet = wire.packet()
            self.assertEqual((packet[0], int.from_bytes(packet[1:3], "little")), (0xff, 4031), how)


@each_product
class BadPeers(Base):
    def assert_ended_with(self, wire, code):
        packet = wire.packet()
        self.assertEqual((packet[0], int.from_bytes(packet[1:3], "little")), (0xff, code), packet)
        self.assertEqual(wire.expect_end(), b"")

    def test_clients_that_lie_are_told_and_sent_away(self):
        penstock = self.start("zlib")
        good = self.open(penstock, "zlib")
        for how in [method for method in self.methods if method != "off"]:
            pack = CompressedWire(penstock.port, how).pack
            command = (9).to_bytes(3, "little") + b"\0\x03select 1"
            long = (1001).to_bytes(3, "little") + b"\0\x03" + b"select 1".ljust(1000)
            for what, octets, code in (
                    ("empty", frame(0, b""), 1157),
                    ("empty, announced", frame(0, b"", 100), 1157),
                    ("not compressed", frame(0, command, len(command)), 1157),
                    ("less than announced", frame(0, pack(long), len(long) + 1), 1157),
                    ("more than announced", frame(0, pack(long), len(long) - 1), 1157),
                    ("with something behind", frame(0, pack(long) + b"x", len(long)), 1157),
                    ("cut off", frame(0, pack(long)[:-3], len(long)), 1157),
                    ("out of order", frame(7, command), 1156)):
                with self.subTest(how=how, what=what):
                    wire = self.open(penstock, how)
                    wire.value("select 0")
                    wire.send_raw(octets)
                    wire.number, wire.sequence = octets[3] + 1, 1
                    self.assert_ended_with(wire, code)
        self.assertEqual(good.value("select 'unharmed'"), b"unharmed")

    def test_a_bomb_of_a_client_costs_little(self):
        """A statement of 16 MiB of blanks in a few octets, left unfinished by many clients at once."""
        penstock = self.start()
        self.assertEqual(self.open(penstock, "zlib").value("select 1"), b"1")
        before = processes.memory_kib(penstock.pid)["Rss"]
        for how in [method for method in self.methods if method != "off"]:
            plain = (0xfffff0).to_bytes(3, "little") + b"\0\x03select 1" + b" " * (0xffffff - 13)
            packed = CompressedWire(penstock.port, how).pack(plain)
            self.assertLess(len(packed), 20000)
            wires = [self.open(penstock, how) for _ in range(10)]
            for wire in wires:
                wire.send_raw(frame(0, packed, len(plain)))
            self.assertEqual(self.open(penstock, how).value("select 2"), b"2")
            grown = processes.memory_kib(penstock.pid)["Rss"] - before
            self.assertLess(grown, processes.memory_bound(BOUND_KIB), f"{how}: {grown} KiB")
            for wire in wires:
                wire.close()

    def test_a_server_that_lies_spoils_its_own_exchange_only(self):
        for method in self.methods[1:]:
            for octets in (frame(1, b""), frame(1, b"not compressed at all", 21), frame(9, b"\1\0\0\1\1"), b"\xff" * 70000):
                with self.subTest(method=method, octets=octets[:20]), Tampering(self.server.port) as between:
                    self.let_in_without_tls("app", "monitor")
                    penstock = self.start(method, in_between=between, pool_size=2)
                    other, wire = self.open(penstock, "zlib"), self.open(penstock, "zlib")
                    other.query("begin")
                    self.assertEqual(other.value("select 1"), b"1")
                    self.assertEqual(wire.value("select 1"), b"1")
                    between.answer_next_with(octets, b"select 'trigger'")
                    self.assertEqual(wire.query("select 'trigger'")[0].code, 2013)
                    self.assertEqual(other.value("select 'unharmed'"), b"unharmed")
                    self.assertEqual(wire.value("select 'goes on'"), b"goes on")
                    penstock.wait_for_log("Couldn't uncompress|out of order")
                    other.close()  # a drain would wait for its transaction
                    penstock.stop()


if __name__ == "__main__":
    unittest.main()
