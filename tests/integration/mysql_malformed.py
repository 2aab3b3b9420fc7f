# SPDX-License-Identifier: Apache-2.0
#
# The malformed-input table of MySQL's protocol: the handshake response field by field, and every command in every state of a client's
# connection, truncated, oversized, out of order and random. Penstock survives, answers or closes within a time limit, keeps its memory,
# and everybody else is served on.

import contextlib
import pathlib
import random
import struct
import unittest

import mysql_packets as m
import processes
from bad_input import send_and_see_the_end
from mysql_fixture import each_product
from mysql_packets import FULL_FRAME, USUAL, Error, Gone, ServerError, frame, read_error, string
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire
from penstock import program
from wait import wait_until

USER = "empty_user"
ID = struct.pack("<I", 1)
# Command -> a good body.
GOOD = {
    "QUERY": b"\3select 1", "INIT_DB": b"\2app", "FIELD_LIST": b"\4nothing\0", "STATISTICS": b"\x09", "PROCESS_KILL": b"\x0c\1\0\0\0",
    "DEBUG": b"\x0d", "PING": b"\x0e", "CHANGE_USER": b"\x11empty_user\0\0app\0\x2d\0caching_sha2_password\0\0", "PREPARE": b"\x16select ?",
    "EXECUTE": b"\x17" + ID + b"\0\1\0\0\0\0\1\xfe\0\1x", "LONG_DATA": b"\x18" + ID + b"\0\0octets", "CLOSE": b"\x19" + ID,
    "RESET": b"\x1a" + ID, "SET_OPTION": b"\x1b\0\0", "FETCH": b"\x1c" + ID + b"\1\0\0\0", "RESET_CONNECTION": b"\x1f", "QUIT": b"\1",
    "BULK_EXECUTE": b"\xfa" + ID + b"\x80\0\xfe\0\0\1x",
}
FOREIGN = {f"command {number:#x}": bytes([number]) + b"\0\0\0\0" for number in
           (0, 5, 6, 7, 8, 10, 11, 15, 16, 18, 19, 20, 21, 29, 30, 32, 33, 34, 64, 127, 128, 250, 251, 254, 255)}


def mutations(body, dice):
    """(name, octets) of wrong forms of one command."""
    yield "as it should be", frame(body)
    yield "no body", frame(body[:1])
    yield "cut short", frame(body)[:-1]
    yield "shorter by one", frame(body[:-1]) if len(body) > 1 else frame(b"")
    yield "longer by one", frame(body + b"\0")
    yield "number 1", frame(body, 1)
    yield "number 255", frame(body, 255)
    yield "length 0", b"\0\0\0\0" + body
    yield "length 16 MiB", b"\xff\xff\xff\0" + body
    yield "random body", frame(body[:1] + dice.randbytes(40))
    yield "all ones", frame(body[:1] + b"\xff" * 16)
    yield "all zeros", frame(body[:1] + b"\0" * 300)
    yield "twice, the second out of order", frame(body) + frame(body, 5)
    yield "a long body", frame(body[:1] + b"a" * 70_000)


def execute(number, flags, rest):
    return b"\x17" + struct.pack("<IBI", number, flags, 1) + rest


ABSURD = {
    "an execute with 65535 values": execute(1, 8, b"\xfd\xff\xff\0"), "an execute with 2^64 - 1 values": execute(1, 8, b"\xfe" + b"\xff" * 8),
    "an execute with NULL values": execute(1, 8, b"\xfb"), "an execute of no statement": execute(77, 0, b""),
    "an execute with unknown types": execute(1, 0, b"\0\1\xee\xee\1x"), "an execute bound by 2": execute(1, 0, b"\0\2\xfe\0\1x"),
    "an execute with a value of 2^64 - 1": execute(1, 0, b"\0\1\xfe\0\xfe" + b"\xff" * 8),
    "an execute never bound": execute(1, 0, b"\0\0\1x"), "an execute with all flags": execute(1, 255, b"\0\1\xfe\0\1x"),
    "a fetch of 2^32 - 1": b"\x1c" + ID + b"\xff\xff\xff\xff", "a fetch of nothing": b"\x1c",
    "long data for parameter 65535": b"\x18" + ID + b"\xff\xffx", "long data of 300 KB": b"\x18" + ID + b"\0\0" + b"x" * 300_000,
    "a schema of 60 KB": b"\2" + b"s" * 60_000, "a schema with a zero in it": b"\2a\0pp", "a table of 60 KB": b"\4" + b"t" * 60_000,
    "an option of 65535": b"\x1b\xff\xff", "nul in the text": b"\3select\0 1\0", "not UTF-8": b"\3select '\xff\xfe'",
    "a deep nest": b"\3select " + b"(" * 50_000 + b"1" + b")" * 50_000, "a quote without end": b"\3select '" + b"x" * 5000,
    "a comment without end": b"\3/*! select 1", "a million semicolons": b"\3" + b";" * 1_000_000, "a name without end": b"\3select `a",
    "very many user variables": b"\3select " + b",".join(b"@v%d" % n for n in range(5000)),
    "a set of very many": b"\3set " + b",".join(b"@v%d=1" % n for n in range(5000)),
    "quoted variables": b"\3select @`a``b`, @'c''d', @\"e\"\"f\", @``", "an executable comment in a comment": b"\3select /*! 1 /* 2 */ */ 3",
}
FILES = {"no number": frame(b"x", 0), "a number too high": frame(b"x", 9), "a command": frame(b"\3select 1"), "the end at once": frame(b"", 2),
         "half a frame": frame(b"x" * 100, 2)[:50], "16 MiB announced": b"\xff\xff\xff\2abc", "a file of 1 MB": frame(b"1\n" * 500_000, 2) + frame(b"", 3)}


@each_product
class Malformed:
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"user": [{"name": "app", "password": PASSWORD}, {"name": USER, "auth_method": "trust"}],
                                       "log": {"level": "info"}}, pool_size=4).start()

    def setUp(self):
        self.dice = random.Random(2026)
        self.server.sql("create table if not exists app.loaded(x text)")
        self.bystander = Wire(self.target.port).log_in("app", "app", PASSWORD)
        self.addCleanup(self.bystander.close)
        self.before = processes.memory_kib(self.target.pid)["Rss"]

    def tearDown(self):
        self.target.assert_alive()
        self.assertEqual(self.bystander.rows("select 6 * 7"), [(b"42",)])
        with contextlib.closing(Wire(self.target.port).log_in("app", "app", PASSWORD)) as other:
            self.assertEqual(other.rows("select 6 * 7"), [(b"42",)])
        wait_until(lambda: not self.server.sql("select id from information_schema.processlist where user = %s and command <> 'Sleep'", (USER,)),
                   "no server connection is stuck")
        bound = (1024 if "san" in pathlib.Path(program()).parent.name else 64) * 1024  # a sanitizer keeps what was freed for a while
        self.assertLess(processes.memory_kib(self.target.pid)["Rss"] - self.before, bound, "memory grew")

    # ---- states in which a client can be ----

    def state_idle(self):
        wire = Wire(self.target.port, timeout=10).log_in(USER, "app", "", USUAL | m.LOCAL_FILES)
        wire.prepare("select ?")
        return wire

    def state_greeted(self):
        wire = Wire(self.target.port, timeout=10)
        wire.greet()
        return wire

    def state_asked_to_switch(self):
        wire = self.state_greeted()
        body = wire.response("app", "app", PASSWORD, USUAL | m.CONNECT_WITH_DB).replace(b"caching_sha2_password", b"mysql_native_password")
        wire.put(body)
        wire.packet()
        return wire

    def state_in_transaction(self):
        wire = self.state_idle()
        wire.rows("begin")
        return wire

    def state_with_a_cursor(self):
        wire = self.state_idle()
        made = wire.prepare("select 1 union select 2 union select 3")
        wire.execute(made.id, (), 1)
        return wire

    def state_with_long_data(self):
        wire = self.state_idle()
        wire.long_data(1, 0, b"some")
        return wire

    def state_pinned(self):
        wire = self.state_idle()
        wire.rows("create temporary table mine(x int)")
        return wire

    def state_in_a_long_answer(self):
        wire = self.state_idle()
        wire.send_query("select repeat('x', 1000000), repeat('y', 3000000)")
        wire.receive_exactly(100)
        return wire

    def state_sending_a_file(self):
        wire = self.state_idle()
        wire.send_query("load data local infile 'f' into table loaded")
        self.assertEqual(wire.packet()[:1], b"\xfb")
        return wire

    # ---- the tables ----

    def table(self, state, commands=None):
        for name, body in (commands or {**GOOD, **FOREIGN}).items():
            for form, octets in mutations(body, self.dice):
                with self.subTest(f"{state}: {name} {form}"):
                    send_and_see_the_end(getattr(self, f"state_{state}")(), octets)
        self.target.assert_alive()

    def test_greeted(self):
        self.table("greeted")

    def test_asked_to_switch(self):
        self.table("asked_to_switch")

    def test_idle(self):
        self.table("idle")

    def test_in_transaction(self):
        self.table("in_transaction", GOOD)

    def test_with_a_cursor(self):
        self.table("with_a_cursor", GOOD)

    def test_with_long_data(self):
        self.table("with_long_data", GOOD)

    def test_pinned(self):
        self.table("pinned", GOOD)

    def test_in_a_long_answer(self):
        self.table("in_a_long_answer", {name: GOOD[name] for name in ("QUERY", "EXECUTE", "QUIT", "RESET_CONNECTION")})

    def test_sending_a_file(self):
        self.table("sending_a_file", GOOD)
        for name, octets in FILES.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_sending_a_file(), octets)

    def test_absurd_numbers(self):
        for name, body in ABSURD.items():
            for state in ("idle", "in_transaction"):
                with self.subTest(name, state=state):
                    send_and_see_the_end(getattr(self, f"state_{state}")(), m.frames(body) + frame(b"\x0e"))

    def test_random_octets(self):
        for state in ("greeted", "asked_to_switch", "idle", "with_a_cursor", "sending_a_file"):
            for size in (1, 4, 5, 8, 64, 1000, 50_000):
                for _ in range(4):
                    send_and_see_the_end(getattr(self, f"state_{state}")(), self.dice.randbytes(size))

    # ---- the handshake response ----

    def test_handshake_responses(self):
        wire = self.state_greeted()
        everything = USUAL | m.CONNECT_WITH_DB | m.CONNECT_ATTRS | m.PLUGIN_AUTH_LENENC
        good = wire.response("app", "app", PASSWORD, everything, attributes={"program_name": "test"})
        wire.close()
        head, none = good[:32], b"app\0" + b"\0" + b"app\0" + b"caching_sha2_password\0"
        lied = {f"capabilities {flags:#x}": struct.pack("<I", flags) + good[4:] for flags in
                (0, 1, m.PROTOCOL_41, m.USUAL | m.SSL, m.USUAL | m.COMPRESS, 0xffffffff, everything | m.ZSTD, everything & ~m.SECURE_CONNECTION,
                 everything & ~m.PLUGIN_AUTH, everything & ~m.CONNECT_WITH_DB, everything & ~m.PROTOCOL_41)}
        bodies = {f"cut at {length}": good[:length] for length in range(len(good))} | lied | {
            "octets behind": good + b"more", "a user of 60 KB": head + b"u" * 60_000 + b"\0" + none[4:], "a user without an end": head + b"u" * 300,
            "no user": head + b"\0" + none[4:], "a proof of 2^64 - 1": head + b"app\0" + b"\xfe" + b"\xff" * 8 + b"x" * 50,
            "a proof of NULL": head + b"app\0\xfb" + b"x" * 50, "a proof of 16 MiB": head + b"app\0\xfd\xff\xff\xff" + b"x" * 50,
            "a proof of 60 KB": head + b"app\0" + string(b"p" * 60_000) + b"app\0x\0", "a proof of one octet": head + b"app\0\1x" + none[5:],
            "a schema of 60 KB": head + b"app\0\0" + b"d" * 60_000 + b"\0x\0", "a plugin of 60 KB": head + b"app\0\0app\0" + b"p" * 60_000 + b"\0",
            "a plugin that is none": head + b"app\0\0app\0no_such_plugin\0", "names that are not UTF-8": head + b"\xff\xfe\0\0\xc3\x28\0\xff\0",
            "a collation of 0": good[:8] + b"\0" + good[9:], "a collation of 255": good[:8] + b"\xff" + good[9:],
            "a filler of ones": good[:9] + b"\xff" * 23 + good[32:], "attributes beyond the end": head + none + b"\xfd\xff\xff\xff" + b"x",
            "attributes of 2^64 - 1": head + none + b"\xfe" + b"\xff" * 8, "an attribute beyond the others": head + none + string(b"\xfd\xff\xff\xff"),
            "a name without a value": head + none + string(string(b"only")), "an attribute of NULL": head + none + string(b"\xfb\xfb"),
            "attributes of 64 KB": head + none + string(string(b"k") + string(b"v" * 65_000)),
            "attributes of 200 KB": head + none + string(string(b"k") + string(b"v" * 200_000)),
            "ten thousand attributes": head + none + string((string(b"k") + string(b"v")) * 10_000),
            "a response of 2 MiB": good + b"x" * (2 << 20), "random": self.dice.randbytes(500), "zeros": b"\0" * 500, "ones": b"\xff" * 500,
        }
        for name, body in bodies.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_greeted(), m.frames(body, 1))
        for name, octets in {"number 0": frame(good, 0), "number 2": frame(good, 2), "16 MiB announced": b"\xff\xff\xff\1" + good,
                             "an empty packet": frame(b"", 1), "half a header": b"\1\0", "a page of HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                             "TLS without asking": b"\x16\3\1\2\0\1\0\1\xfc\3\3" + b"\0" * 100, "two responses": frame(good, 1) + frame(good, 2),
                             "TLS asked for and not begun": frame(struct.pack("<IIB", USUAL | m.SSL, 1 << 24, 45) + b"\0" * 23, 1) + frame(good, 2),
                             }.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_greeted(), octets)

    def test_answers_to_a_switch(self):
        for name, octets in {"nothing": frame(b"", 3), "too short": frame(b"x", 3), "too long": frame(b"x" * 60_000, 3), "number 0": frame(b"x" * 32, 0),
                             "a command": frame(b"\3select 1", 3), "16 MiB announced": b"\xff\xff\xff\3x", "twice": frame(b"x" * 32, 3) * 2}.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_asked_to_switch(), octets)

    def test_no_command_before_the_login_is_run(self):
        for name, body in GOOD.items():
            with self.subTest(name):
                wire = self.state_greeted()
                wire.send(frame(body, 0), frame(b"\3create table app.must_not_exist(x int)"))
                with contextlib.suppress(OSError):
                    wire.socket.shutdown(1)
                self.assertNotIn(b"\0\0\0\2\0", wire.expect_end()[4:])
                wire.close()
        self.assertEqual(self.server.sql("show tables in app like 'must_not%'"), [])

    # ---- what is told ----

    def test_an_unknown_command_gets_the_servers_error_and_the_session_goes_on(self):
        wire = self.state_idle()
        for number in (0, 15, 21, 29, 33, 128):
            result = wire.simple(number)
            self.assertEqual((result.code, result.sqlstate), (1047, "08S01"), number)
        self.assertEqual(wire.rows("select 1"), [(b"1",)])
        wire.close()

    def test_a_breach_is_told_in_the_protocol_and_ends_the_connection(self):
        for name, octets in {"out of order": frame(b"\3select 1", 7), "an empty packet": frame(b""),
                             "a huge ping": b"\xff\xff\xff\0\x0e" + b"x" * 100}.items():
            with self.subTest(name):
                wire = self.state_idle()
                port = wire.socket.getsockname()[1]
                wire.send(octets)
                came = wire.expect_end()
                error = read_error(came[4:])
                self.assertEqual(came[4:5], b"\xff", came)
                self.assertEqual(error.sqlstate, "08S01")
                self.assertTrue(error.text)
                line = self.target.wait_for_log(rf".*127\.0\.0\.1:{port}\b.*")[0]
                self.assertRegex(line.lower(), "order|packet|protocol|bigger|body")
                wire.close()

    def test_malformed_but_framed_commands_get_an_error_and_the_session_goes_on(self):
        wire = self.state_idle()
        for body in (b"\x17\1", b"\x1c", b"\x1a\1", b"\x1b\7\7", b"\x1f\0", execute(1, 0, b"\0\2\xfe\0\1x"), execute(99, 0, b"")):
            result = wire.simple(body[0], body[1:])
            self.assertIsInstance(result, Error, body)
        wire.command(m.CLOSE, b"\1")  # has no answer, be it as it may
        wire.command(m.LONG_DATA, b"\1")
        self.assertEqual(wire.rows("select 1"), [(b"1",)])
        wire.close()

    def test_octets_dribble_in_while_others_work(self):
        wire = self.state_idle()
        for octet in frame(b"\3select 'x'"):
            wire.send(bytes([octet]))
            self.assertEqual(self.bystander.rows("select 1"), [(b"1",)])
        wire.sequence = 1
        self.assertEqual(wire.result().rows, [(b"x",)])
        wire.close()

    def test_gone_in_the_middle_of_everything(self):
        for state in ("greeted", "asked_to_switch", "in_transaction", "with_a_cursor", "with_long_data", "sending_a_file", "in_a_long_answer"):
            for leave in ("close", "reset"):
                with contextlib.suppress(Gone, ServerError):
                    getattr(getattr(self, f"state_{state}")(), leave)()

    def test_sixteen_mebibytes_that_never_come(self):
        """Many clients announce the longest packet and send little: nothing is set aside for them."""
        wires = [self.state_idle() for _ in range(100)]
        for wire in wires:
            wire.send((FULL_FRAME).to_bytes(3, "little") + b"\0\3select '" + b"x" * 1000)
        self.assertLess(processes.memory_kib(self.target.pid)["Rss"] - self.before, 48 * 1024)
        for wire in wires:
            wire.close()


if __name__ == "__main__":
    unittest.main()
