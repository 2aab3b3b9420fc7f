# SPDX-License-Identifier: Apache-2.0
#
# The malformed-input table: every message type in every state of a client's connection, truncated, oversized, out of order and random.
# Penstock survives, answers or closes within a time limit, keeps its memory, and everybody else is served on.

import contextlib
import pathlib
import random
import struct
import unittest

import processes
from bad_input import send_and_see_the_end
from cluster import PASSWORD
from fixture import ProxyTest
from penstock import program
from pgwire import (COPY_DONE, FLUSH, SSL_REQUEST, SYNC, TERMINATE, Gone, bind, close, copy_data, copy_fail, describe, execute, frame, parse,
                    query, startup)
from wait import wait_until

USER = "trust_user"
HELLO = startup({"user": USER, "database": "app"})

# Message type -> a good body.
GOOD = {"Q": query("select 1"), "P": parse("select $1::int"), "B": bind((1,)), "D": describe(), "E": execute(), "C": close("x"),
        "S": SYNC, "H": FLUSH, "F": frame("F", struct.pack("!ihhih", 1, 0, 0, 0, 0)[:8]), "d": copy_data(b"1\n"), "c": COPY_DONE,
        "f": copy_fail("no"), "p": frame("p", b"password\0"), "X": TERMINATE}
FOREIGN = {kind: frame(kind, b"\0\0\0\0") for kind in "RKZTIGWVvA1!\x00\xff"}


def mutations(kind, message, dice):
    """(name, octets) of wrong forms of one message."""
    head, body = message[:1], message[5:]
    yield "as it should be", message
    yield "without a body", head + struct.pack("!i", 4)
    yield "cut short", message[:-1]
    yield "body shorter by one", head + struct.pack("!i", 4 + max(len(body) - 1, 0)) + body[:-1]
    yield "body longer by one", head + struct.pack("!i", 5 + len(body)) + body + b"\0"
    for length in (0, 3, -1, -2**31):
        yield f"length {length}", head + struct.pack("!i", length) + body
    yield "length 2 GiB", head + struct.pack("!i", 2**31 - 1) + body
    yield "random body", head + struct.pack("!i", 4 + 40) + dice.randbytes(40)
    yield "all ones", head + struct.pack("!i", 4 + 16) + b"\xff" * 16
    yield "no end of string", head + struct.pack("!i", 4 + 300) + b"a" * 300


class Malformed(ProxyTest):
    pool_size = 4

    @classmethod
    def proxy_settings(cls):
        return {"user": [{"name": "app", "password": PASSWORD}, {"name": USER, "auth_method": "trust"}],
                "log": {"level": "info"}}

    def setUp(self):
        super().setUp()
        self.dice = random.Random(2026)
        self.assert_works(self.wire())
        self.before = processes.memory_kib(self.penstock.pid)["Rss"]

    def tearDown(self):
        self.penstock.assert_alive()
        self.assert_others_unaffected()
        wait_until(lambda: not self.server.sql("select 1 from pg_stat_activity where usename = %s and state <> 'idle'", (USER,)),
                   "no server connection is stuck")
        bound = (1024 if "san" in pathlib.Path(program()).parent.name else 64) * 1024  # a sanitizer keeps what was freed for a while
        self.assertLess(processes.memory_kib(self.penstock.pid)["Rss"] - self.before, bound, "memory grew")

    # ---- states in which a client can be ----

    def logged_in(self):
        return self.penstock.raw(timeout=10).log_in(USER, "app")

    def state_before_startup(self):
        return self.penstock.raw(timeout=10)

    def state_after_refused_tls(self):
        wire = self.penstock.raw(timeout=10)
        wire.send(SSL_REQUEST)
        wire.receive_exactly(1)
        return wire

    def state_asked_for_password(self):
        wire = self.penstock.raw(timeout=10)
        wire.send(startup({"user": "app", "database": "app"}))
        wire.expect("R")
        return wire

    def state_idle(self):
        return self.logged_in()

    def state_in_transaction(self):
        wire = self.logged_in()
        wire.simple("begin")
        return wire

    def state_in_failed_transaction(self):
        wire = self.state_in_transaction()
        wire.send(query("select 1/0"))
        wire.until_ready()
        return wire

    def state_in_extended(self):
        wire = self.logged_in()
        wire.send(parse("select 1"), FLUSH)
        wire.expect("1")
        return wire

    def state_skipping_to_sync(self):
        wire = self.logged_in()
        wire.send(parse("selec"), FLUSH)
        wire.expect("E")
        return wire

    def state_copy_in(self):
        wire = self.logged_in()
        wire.simple("create temp table into_here(x text)")
        wire.send(query("copy into_here from stdin"))
        wire.expect("G")
        return wire

    def state_copy_out(self):
        wire = self.logged_in()
        wire.send(query("copy (select generate_series(1, 100000)) to stdout"))
        wire.expect("Hd")
        return wire

    def state_in_console(self):
        return self.penstock.wire(database="pgbouncer")

    # ---- the table ----

    def table(self, state):
        messages = {**GOOD, **FOREIGN}
        for kind, message in messages.items():
            for name, octets in mutations(kind, message, self.dice):
                with self.subTest(f"{state}: {kind!r} {name}"):
                    send_and_see_the_end(getattr(self, f"state_{state}")(), octets)
        self.penstock.assert_alive()

    def test_before_startup(self):
        self.table("before_startup")

    def test_after_refused_tls(self):
        self.table("after_refused_tls")

    def test_asked_for_password(self):
        self.table("asked_for_password")

    def test_idle(self):
        self.table("idle")

    def test_in_transaction(self):
        self.table("in_transaction")

    def test_in_failed_transaction(self):
        self.table("in_failed_transaction")

    def test_in_extended(self):
        self.table("in_extended")

    def test_skipping_to_sync(self):
        self.table("skipping_to_sync")

    def test_copy_in(self):
        self.table("copy_in")

    def test_copy_out(self):
        self.table("copy_out")

    def test_in_console(self):
        self.table("in_console")

    # ---- what is particular ----

    def test_startup_packets(self):
        body = HELLO[8:]
        packets = {f"length {n}": struct.pack("!I", n) + HELLO[4:] for n in (0, 1, 4, 7, 8, 9, 10001, 2**31 - 1, 2**31, 2**32 - 1)}
        packets |= {f"version {v:#x}": struct.pack("!iI", len(HELLO), v) + body for v in (0, 1 << 16, 2 << 16, 4 << 16, 0xffffffff,
                                                                                            80877101, 80877105)}
        packets |= {
            "no terminator": struct.pack("!ii", len(HELLO) - 1, 3 << 16) + body[:-1],
            "no value": struct.pack("!ii", 13, 3 << 16) + b"user\0",
            "octets after the terminator": struct.pack("!ii", len(HELLO) + 3, 3 << 16) + body + b"abc",
            "no parameter": struct.pack("!ii", 9, 3 << 16) + b"\0",
            "very many parameters": startup({"user": USER, **{f"p{n}": "x" for n in range(900)}}),
            "a long name": startup({"user": "u" * 5000, "database": "d" * 4000}),
            "not UTF-8": startup({b"user": b"\xff\xfe", "database": b"\xc3\x28"}),
            "an empty option name": startup({"user": USER, "database": "app", "options": "-c="}),
            "options without end": startup({"user": USER, "database": "app", "options": "-c a=\\"}),
            "many options": startup({"user": USER, "database": "app", "options": "-c " * 3000}),
            "only dashes": startup({"user": USER, "database": "app", "options": "-" * 5000}),
            "two users": struct.pack("!ii", len(HELLO) + 9, 3 << 16) + body[:-1] + b"user\0app\0\0",
            "replication": startup({"user": USER, "database": "app", "replication": "perhaps"}),
            "a page of HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        }
        for name, octets in packets.items():
            with self.subTest(name):
                send_and_see_the_end(self.penstock.raw(timeout=10), octets)

    def test_a_second_startup_packet_is_never_taken(self):
        """Once as another user in the middle of SCRAM, once after having logged in."""
        for make in (self.state_asked_for_password, self.state_idle):
            wire = make()
            wire.send(HELLO)
            with contextlib.suppress(OSError):
                wire.socket.shutdown(1)
            types = [m.type for m in wire.expect_end()]
            self.assertNotIn("Z", types)
            wire.close()

    def test_every_message_but_the_password_is_refused_before_login(self):
        for kind, message in GOOD.items():
            if kind in "pX":
                continue
            with self.subTest(kind):
                wire = self.state_asked_for_password()
                wire.send(message)
                messages = wire.expect_end()
                self.assertNotIn("Z", [m.type for m in messages])
                self.assertIn("E", [m.type for m in messages])
                wire.close()

    def test_sasl_messages(self):
        first = b"n,,n=,r=abcdefghijklmnop"
        good = b"SCRAM-SHA-256\0" + struct.pack("!i", len(first)) + first
        for name, body in {
            "unknown mechanism": b"PLAIN\0" + struct.pack("!i", 0), "no length": b"SCRAM-SHA-256\0", "no mechanism": b"\0",
            "length too large": b"SCRAM-SHA-256\0" + struct.pack("!i", 1000) + first,
            "negative length": b"SCRAM-SHA-256\0" + struct.pack("!i", -5) + first,
            "no nonce": b"SCRAM-SHA-256\0" + struct.pack("!i", 5) + b"n,,n=", "binding asked for": b"SCRAM-SHA-256\0" +
            struct.pack("!i", 25) + b"p=tls-unique,,n=,r=abcdef", "a long nonce": b"SCRAM-SHA-256\0" + struct.pack("!i", 50008) +
            b"n,,n=,r=" + b"x" * 50000, "random": self.dice.randbytes(200), "empty": b"",
        }.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_asked_for_password(), frame("p", body))
        for name, body in {"no proof": b"c=biws,r=abc", "empty": b"", "a wrong nonce": b"c=biws,r=zzz,p=" + b"A" * 44,
                           "a long proof": b"c=biws,r=abc,p=" + b"A" * 50000, "random": self.dice.randbytes(100)}.items():
            with self.subTest(f"final: {name}"):
                wire = self.state_asked_for_password()
                wire.send(frame("p", good))
                wire.expect("R")
                send_and_see_the_end(wire, frame("p", body))

    def test_random_octets(self):
        for make in (self.state_before_startup, self.state_asked_for_password, self.state_idle, self.state_in_extended,
                     self.state_copy_in):
            for size in (1, 4, 5, 8, 64, 1000, 50_000):
                for _ in range(4):
                    send_and_see_the_end(make(), self.dice.randbytes(size))

    def test_absurd_counts(self):
        for name, message in {
            "65535 parameter types": frame("P", b"s\0select 1\0" + b"\xff\xff"),
            "-1 formats": frame("B", b"\0\0" + b"\xff\xff" + b"\0\0\0\0"),
            "32767 values": frame("B", b"\0\0" + b"\0\0" + b"\x7f\xff"),
            "a value of -2": frame("B", b"\0\0" + b"\0\0\0\x01" + struct.pack("!i", -2) + b"\0\0"),
            "a value of 2 GiB": frame("B", b"\0\0" + b"\0\0\0\x01" + struct.pack("!i", 2**31 - 1) + b"\0\0"),
            "describing what there is not": frame("D", b"Q\0"), "closing what there is not": frame("C", b"\xff\0"),
            "nul in the text": frame("Q", b"select\0 1\0"), "a deep nest": query("select " + "(" * 50_000 + "1" + ")" * 50_000),
            "a quote without end": query("select '" + "x" * 5000), "not UTF-8": query(b"select '\xff\xfe'"),
            "a dollar quote without end": query("select $a$ b"), "a comment without end": query("/* /* select 1"),
            "a million semicolons": query(";" * 1_000_000), "a long name": parse("select 1", "n" * 100_000),
        }.items():
            with self.subTest(name):
                send_and_see_the_end(self.state_idle(), message + SYNC)

    def test_an_error_that_can_be_told_is_told_in_the_protocol(self):
        wire = self.state_idle()
        wire.send(frame("?", b"what"))
        errors = [m.fields() for m in wire.expect_end() if m.type == "E"]
        self.assertEqual([(e["S"], e["C"]) for e in errors], [("FATAL", "08P01")])

    def test_the_log_names_peer_and_reason(self):
        wire = self.state_idle()
        port = wire.socket.getsockname()[1]
        wire.send(frame("?", b"what"))
        wire.expect_end()
        line = self.penstock.wait_for_log(rf".*127\.0\.0\.1:{port}\b.*")[0]
        self.assertRegex(line.lower(), "protocol|message|breach")

    def test_bytes_dribble_in_while_others_work(self):
        wire, other = self.logged_in(), self.wire()
        for octet in query("select 'x'")[:-1]:
            wire.send(bytes([octet]))
            self.assert_works(other)
        wire.close()

    def test_gone_in_the_middle_of_everything(self):
        for make in (self.state_before_startup, self.state_asked_for_password, self.state_in_transaction, self.state_in_extended,
                     self.state_copy_in, self.state_copy_out):
            for leave in ("close", "reset"):
                with contextlib.suppress(Gone):
                    getattr(make(), leave)()


if __name__ == "__main__":
    unittest.main()
