# SPDX-License-Identifier: Apache-2.0
#
# A server of MySQL's protocol is a peer like any other: whatever it sends while Penstock logs in, or in answer to a query, its own exchange
# ends in one clear error or the end of that connection, within a time limit; everybody else is served on, memory stays bounded, no password
# goes out in clear, and no file of Penstock's own host is read.

import contextlib
import os
import pathlib
import signal
import ssl
import tempfile
import unittest

import processes
from certificates import Authority
from mysql_hostile_server import CAPABILITIES, HostileMySql, column, compressed_frame, err, greeting, numbered, ok, result
from mysql_packets import (AUTOCOMMIT, DEPRECATE_EOF, IN_TRANSACTION, LOCAL_FILES, MORE_RESULTS, PLUGIN_AUTH, PROTOCOL_41, SECURE_CONNECTION, SESSION_STATE_CHANGED,
                           SESSION_TRACK, USUAL, Error, Gone, OutOfOrder, Rows, ServerError, frame, lenenc, string)
from mysql_products import PASSWORD
from mysql_wire import Wire
from penstock import Penstock
from wait import wait_until

FILE_TOKEN = "octets of a file on the host of Penstock"


def says(*octets):
    """A server that says so much at once, then waits for the other side to leave."""
    def script(peer, server):
        for part in octets:
            peer.sendall(part)
        with contextlib.suppress(OSError):
            while chunk := peer.recv(65536):
                server.received += chunk
    return script


def goes(*octets):
    def script(peer, _):
        for part in octets:
            peer.sendall(part)
    return script


def after_response(*payloads, welcome=None, first=2):
    """Greets as it should, then says this in the place of OK."""
    return answering(welcome or greeting(), lambda peer, server: says(numbered(payloads, first))(peer, server))


def answering(welcome, rest):
    def script(peer, server):
        peer.sendall(frame(welcome))
        server.packet(peer)
        rest(peer, server)
    return script


def endless(*payloads):
    """The same exchange again and again, each time with an answer of the other side in between."""
    def rest(peer, server):
        number = 2
        while True:
            for payload in payloads:
                peer.sendall(frame(payload, number))
                number += 1
            server.packet(peer)
            number += 1
    return rest


def flood(part):
    def script(peer, _):
        while True:
            peer.sendall(part)
    return script


SHA2 = greeting(plugin=b"caching_sha2_password")
SWITCH = b"\xfemysql_native_password\0" + b"z" * 20 + b"\0"

AT_LOGIN = {
    "says nothing": says(b""),
    "closes at once": goes(),
    "random octets": says(b"\x81\x00garbage" * 50),
    "HTTP": goes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "an empty packet": says(frame(b"")),
    "a packet of 16 MiB announced": says(b"\xff\xff\xff\0" + b"x" * 1000),
    "a packet of 16 MiB sent": flood(b"\xff\xff\xff\0" + b"\x0a" + b"x" * 0xfffffe),
    "a number that is not 0": says(frame(greeting(), 1)),
    "protocol 9": says(frame(greeting(protocol=9))),
    "protocol 11": says(frame(greeting(protocol=11))),
    "a version without an end": says(frame(b"\x0a" + b"8" * 300)),
    "a version of 60 KB": says(frame(greeting(version=b"8" * 60_000))),
    "a greeting cut behind the version": says(frame(greeting()[:7])),
    "a greeting cut in the scramble": says(frame(greeting()[:15])),
    "a greeting cut in the capabilities": says(frame(greeting()[:21])),
    "a scramble too short": says(frame(greeting(scramble=b"abcdefghij"))),
    "a scramble of length 255": says(frame(greeting(length=255))),
    "a plugin's name without an end": says(frame(greeting()[:-1])),
    "a plugin's name of 60 KB": says(frame(greeting(plugin=b"p" * 60_000))),
    "an unknown plugin": after_response(b"\xfeno_such_plugin\0" + b"z" * 21, welcome=greeting(plugin=b"no_such_plugin")),
    "no protocol 4.1": says(frame(greeting(capabilities=CAPABILITIES & ~PROTOCOL_41))),
    "no secure connection": says(frame(greeting(capabilities=CAPABILITIES & ~(SECURE_CONNECTION | PLUGIN_AUTH)))),
    "no capabilities at all": says(frame(greeting(capabilities=0))),
    "an error as greeting": goes(frame(err(1040, b"Too many connections"))),
    "an error as greeting, without SQLSTATE": goes(frame(err(1040, b"Too many connections", b""))),
    "an error without a number": goes(frame(b"\xff")),
    "an error of 60 KB": goes(frame(err(1045, b"x" * 60_000))),
    "switches without end": answering(greeting(), endless(SWITCH)),
    "a switch to an unknown plugin": after_response(b"\xfeno_such\0" + b"z" * 21),
    "a switch to the password in clear": after_response(b"\xfemysql_clear_password\0"),
    "a switch to a dialogue": after_response(b"\xfedialog\0\2Password: "),
    "a switch to the oldest method": after_response(b"\xfe"),
    "a switch without an end of the name": after_response(b"\xfemysql_native_password"),
    "a switch without a scramble": after_response(b"\xfemysql_native_password\0"),
    "a switch of 60 KB": after_response(b"\xfe" + b"p" * 60_000),
    "more data without end": answering(SHA2, lambda peer, _: [peer.sendall(frame(b"\1\3", number & 255)) for number in range(2, 1_000_000)]),
    "more data for a method that has none": after_response(b"\1\3\3"),
    "the whole password without TLS, no key": after_response(b"\1\4", welcome=SHA2),
    "a key that is none": answering(SHA2, endless(b"\1\4", b"\1-----BEGIN PUBLIC KEY-----\nnonsense\n-----END PUBLIC KEY-----\n")),
    "a key of 60 KB": answering(SHA2, endless(b"\1\4", b"\1" + b"k" * 60_000)),
    "an empty key": answering(SHA2, endless(b"\1\4", b"\1")),
    "a second factor": after_response(b"\2authentication_webauthn\0challenge"),
    "a file is asked for": after_response(b"\xfb/etc/passwd"),
    "OK that is cut": after_response(b"\0\0"),
    "OK with an absurd length": after_response(b"\0\xfe" + b"\xff" * 8),
    "OK with changes beyond its end": after_response(ok(2 | SESSION_STATE_CHANGED) + b"\0\xfd\xff\xff\xff"),
    "OK out of order": after_response(ok(), first=9),
    "EOF with nothing behind": after_response(b"\xfe\0\0\2\0"),
    "a row": after_response(b"\x01x"),
    "OK of 16 MiB": answering(greeting(), flood(b"\xff\xff\xff\2" + b"\0" * 0xffffff)),
}

IN_ANSWER = {
    "random octets": b"\x07\xff\x81garbage" * 30,
    "an empty packet": frame(b"", 1),
    "a file of Penstock's host": None,  # filled in with the file's name
    "a number out of order": frame(ok(), 7),
    "the second packet out of order": frame(lenenc(1), 1) + frame(column(), 5),
    "no column": frame(b"\0", 1),
    "column count of 2^64 - 1": frame(b"\xfe" + b"\xff" * 8, 1),
    "column count of 65536": frame(lenenc(65536), 1),
    "column count with octets behind": frame(b"\1\1\1", 1),
    "OK where a column should be": numbered([lenenc(2), column(), ok()]),
    "a column that is cut": numbered([lenenc(1), column()[:-20], string(b"v"), ok(header=0xfe)]),
    "a column of absurd lengths": numbered([lenenc(1), b"\xfd\xff\xff\xff" * 3, string(b"v"), ok(header=0xfe)]),
    "columns without end": lambda peer, _: flood_numbered(peer, [b"\xfc\xff\xff"], column()),
    "a column of 2 MiB": numbered([lenenc(1), column(b"n" * (2 << 20))]),
    "OK that is cut": frame(b"\0\0", 1),
    "OK with an absurd length": frame(b"\0\xfe" + b"\xff" * 8 + b"\0\0\0\0", 1),
    "OK with changes beyond its end": frame(ok(2 | SESSION_STATE_CHANGED) + b"\0\xfd\xff\xff\xff", 1),
    "OK with changes that are nonsense": frame(ok(2 | SESSION_STATE_CHANGED) + b"\0" + string(b"\0\xff\1\xfa\3"), 1),
    "OK with changes of 2 MiB": frame(ok(2 | SESSION_STATE_CHANGED) + b"\0" + string(b"\7" + string(b"x" * (2 << 20))), 1),
    "an error without SQLSTATE": frame(err(1105, b"plain", b""), 1),
    "an error without a number": frame(b"\xff", 1),
    "an error cut in its SQLSTATE": frame(b"\xff\1\1#HY", 1),
    "an error in the middle of rows": numbered([*result(b"v")[:-1], err(1317, b"interrupted")]),
    "results without end": lambda peer, _: flood_numbered(peer, [], ok(2 | MORE_RESULTS)),
    "rows without end": lambda peer, _: flood_numbered(peer, [lenenc(1), column()], string(b"z" * 10_000)),
    "a row of 16 MiB without end": lambda peer, _: flood_frames(peer),
    "two answers": frame(ok(), 1) + frame(ok(), 1),
    "an old EOF where it was deprecated": numbered([lenenc(1), column(), b"\xfe\0\0", string(b"v")]),
    "an answer to a prepare": frame(b"\0\1\0\0\0\1\0\1\0\0\0\0", 1),
    "an answer of one octet": frame(b"\xfd", 1),
    "a switch of the method": frame(b"\xfemysql_clear_password\0", 1),
}
PASSED_ON = {"an error without SQLSTATE": 1105, "an error cut in its SQLSTATE": 257, "an error in the middle of rows": 1317}
MAY_END_WELL = {"two answers", "OK with changes that are nonsense", "an old EOF where it was deprecated", "results without end",
                "rows without end", "a column of absurd lengths", "a column that is cut", "OK where a column should be", "a row of 16 MiB without end", "columns without end", "OK with changes of 2 MiB"}

THEN_CLOSES = {
    "nothing": b"",
    "half a header": frame(ok(), 1)[:3],
    "half a row": numbered(result(b"v")[:-1])[:-1],
    "all but the end": numbered(result(b"v")[:-1]),
}


def flood_numbered(peer, first, part):
    peer.sendall(numbered(first))
    number = len(first) + 1
    while True:
        peer.sendall(b"".join(frame(part, number + more) for more in range(64)))
        number += 64


def flood_frames(peer):
    peer.sendall(numbered([lenenc(1), column()]))
    number = 3
    while True:
        peer.sendall(frame(b"z" * 0xffffff, number))
        number += 1


class OneServer(unittest.TestCase):
    """Penstock in front of one server that misbehaves."""

    cluster = {}
    workers = 0

    @classmethod
    def make_server(cls):
        return HostileMySql()

    @classmethod
    def setUpClass(cls):
        cls.server = cls.make_server()
        cls.addClassCleanup(cls.server.close)
        cls.penstock = Penstock(nodes=[], settings={
            "workers": cls.workers,
            "cluster": [{"name": "main", "engine": "mysql", "nodes": [f"127.0.0.1:{cls.server.port}"], "sslmode": "prefer"} | cls.cluster],
            "pool": {"pool_size": 40, "connection_borrow_timeout": "1s", "server_connect_timeout": "1s", "server_retry_first": "10ms", "server_retry_longest": "50ms"}})
        cls.penstock.settings["listen"] = {"mysql": [f"127.0.0.1:{cls.penstock.port}"]}
        cls.penstock.write_settings()
        cls.penstock.start()
        cls.addClassCleanup(cls.penstock.discard)

    def setUp(self):
        self.server.at_login = None
        self.server.received.clear()
        self.assert_served(self.ask("select 'fine'"))
        self.before = processes.memory_kib(self.penstock.pid)["Rss"]

    def assert_harmless(self):
        """The next client is served; nothing has been given away; memory is as it was."""
        self.penstock.assert_alive()
        self.assertEqual(self.penstock.http("/health")[0], 200)
        self.assertLess(processes.memory_kib(self.penstock.pid)["Rss"] - self.before, 48 * 1024)
        self.assertNotIn(PASSWORD.encode(), bytes(self.server.received))
        self.assertNotIn(FILE_TOKEN.encode(), bytes(self.server.received))
        self.assertNotIn(b"root:", bytes(self.server.received))

    def assert_served(self, answer):
        self.assertIsInstance(answer, list)
        self.assertIsInstance(answer[-1], Rows, answer)
        self.assertEqual(answer[-1].rows, [(b"fine",)])

    def ask(self, text, capabilities=USUAL):
        """All results, an Error at login, or "gone"."""
        with contextlib.closing(Wire(self.penstock.port, timeout=15)) as wire:
            try:
                wire.log_in("app", "app", PASSWORD, capabilities)
                return wire.query(text)
            except ServerError as refusal:
                return refusal.error
            except (Gone, OutOfOrder):
                return "gone"
            except (ValueError, AssertionError):
                return "nonsense"  # which is this client's to find out

    def ask_until_served(self):
        """A server that failed is left alone for a moment."""
        for _ in range(20):
            answer = self.ask("select 'fine'")
            if isinstance(answer, list) and isinstance(answer[-1], Rows):
                break
        return answer


class HostileServers(OneServer):
    def test_at_login(self):
        for name, script in AT_LOGIN.items():
            with self.subTest(name):
                self.server.at_login = script
                self.server.drop_all()
                answer = self.ask("select 'fine'")
                last = answer[-1] if isinstance(answer, list) else answer
                if last != "gone":
                    self.assertIsInstance(last, Error, answer)
                    self.assertRegex(last.sqlstate, r"^[0-9A-Z]{5}$")
                    self.assertTrue(last.text)
                self.assert_harmless()
                self.server.at_login = None
                self.server.drop_all()
                self.assert_served(self.ask_until_served())

    def test_in_answer_to_a_query(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(FILE_TOKEN)
            file.flush()
            for name, octets in IN_ANSWER.items():
                octets = frame(b"\xfb" + file.name.encode(), 1) if octets is None else octets
                for capabilities in (USUAL, USUAL & ~(DEPRECATE_EOF | SESSION_TRACK), USUAL | LOCAL_FILES):
                    with self.subTest(name, capabilities=hex(capabilities)):
                        self.exchange(name, octets, capabilities)

    def exchange(self, name, octets, capabilities):
        text = f"select 'hostile: {name}'"
        self.server.answers[text.encode()] = octets
        bystander = Wire(self.penstock.port, timeout=15).log_in("app", "app", PASSWORD)
        self.addCleanup(bystander.close)
        if callable(octets):
            self.leave_in_the_middle(text, capabilities)
        else:
            answer = self.ask(text, capabilities)
            last = answer[-1] if isinstance(answer, list) else answer
            if name in PASSED_ON and last != "gone":
                self.assertEqual(last.code, PASSED_ON[name])
            elif name not in MAY_END_WELL and last not in ("gone", "nonsense"):
                self.assertIsInstance(last, Error, answer)
                self.assertIn(last.code, (2006, 2013, 1835, 3948))
        self.assert_harmless()
        self.assert_served(bystander.query("select 'fine'"))
        bystander.close()

    def leave_in_the_middle(self, text, capabilities):
        """Against what has no end: the client takes some and leaves, and Penstock gets rid of the server."""
        with contextlib.closing(Wire(self.penstock.port, timeout=15)) as wire:
            wire.log_in("app", "app", PASSWORD, capabilities)
            wire.send_query(text)
            with contextlib.suppress(Gone, OSError):
                wire.receive_exactly(2000)

    def test_closing_in_the_middle_of_an_answer(self):
        for name, octets in THEN_CLOSES.items():
            with self.subTest(name):
                text = f"select 'then closes: {name}'"

                def script(peer, _, octets=octets):
                    peer.sendall(octets)
                    raise OSError("leaves")
                self.server.answers[text.encode()] = script
                answer = self.ask(text)
                last = answer[-1] if isinstance(answer, list) else answer
                self.assertTrue(last == "gone" or last.code in (2006, 2013), answer)
                self.assert_harmless()
                self.assert_served(self.ask("select 'fine'"))

    def test_the_log_names_the_server_and_what_it_did(self):
        self.server.answers[b"select 'logged'"] = frame(ok(), 7)
        self.ask("select 'logged'")
        line = self.penstock.wait_for_log(r".*server connection lost.*out of order.*")[0]
        self.assertIn(f"127.0.0.1:{self.server.port}", line)


STOLEN = result(b"stolen")


class Unasked(OneServer):
    """What a server says on a connection at rest. In MySQL's protocol nothing may come there, whatever its number."""

    workers = 1
    parts = ()  # no octet of a packet yet: found out when nobody has the connection
    unasked = {
        **{f"a result numbered {number}": numbered(STOLEN, number) for number in (0, 1, 2, 5, 255)},
        "a row": frame(string(b"stolen"), 1),
        "OK": frame(ok(), 1),
        "an error numbered as an answer": frame(err(1064, b"stolen"), 1),
        "last words": frame(err(4031, b"The client was disconnected by the server because of inactivity.")),
        "one octet": b"\1",
        "a header": numbered(STOLEN)[:4],
        "half a result": numbered(STOLEN)[:20],
    }

    def say(self, peer, line, octets):
        line.sendall(octets)

    def say_everywhere(self, octets):
        """On every connection that there is; gives them. One that is just being closed, by either side, hears nothing."""
        lines = list(self.server.lines)
        heard = 0
        for peer, line in lines:
            with contextlib.suppress(ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                self.say(peer, line, octets)
                heard += 1
        self.assertGreater(heard, 0)
        return lines

    def test_answers_that_were_asked_for_do_no_harm(self):
        """No connection is closed; one more may be opened for a client that comes while the last one's is made clean."""
        lines = list(self.server.lines)
        for _ in range(5):
            self.assert_served(self.ask("select 'fine'"))
        self.assertEqual([each for each in lines if each not in self.server.lines], [])

    def test_while_nobody_has_the_connection(self):
        for name, octets in self.unasked.items():
            with self.subTest(name):
                self.assert_served(self.ask("select 'fine'"))
                lines = self.say_everywhere(octets)
                wait_until(lambda: not any(each in self.server.lines for each in lines), "the connections are closed")
                self.assert_served(self.ask("select 'fine'"))
                self.assert_harmless()

    def test_between_the_statements_of_a_transaction(self):
        for name, octets in self.unasked.items():
            if name in self.parts:
                continue
            with self.subTest(name), contextlib.closing(Wire(self.penstock.port, timeout=15)) as wire:
                self.server.drop_all()
                self.server.answers[b"begin"] = frame(ok(AUTOCOMMIT | IN_TRANSACTION), 1)
                wire.log_in("app", "app", PASSWORD)
                self.assertEqual(wire.query("begin")[-1].status & IN_TRANSACTION, IN_TRANSACTION)
                self.say_everywhere(octets)
                lost = wire.query("select 'fine'")[-1]  # its transaction is gone, and that is all
                self.assertEqual((lost.code, lost.sqlstate), (2006, "08S01"), lost)
                self.assert_served(self.ask_until_served())
                self.assert_harmless()

    def test_before_the_request_that_waits_already(self):
        """Both have come when Penstock looks: the request has not been sent, so it goes to another connection."""
        for name, octets in self.unasked.items():
            with self.subTest(name), contextlib.closing(Wire(self.penstock.port, timeout=15)) as wire:
                wire.log_in("app", "app", PASSWORD)
                self.assert_served(wire.query("select 'fine'"))
                asked = len(self.server.received)
                os.kill(self.penstock.pid, signal.SIGSTOP)
                try:
                    wait_until(self.penstock_stands_still, "Penstock stands still")
                    wire.send_query("select 'fine'")
                    self.say_everywhere(octets)
                finally:
                    os.kill(self.penstock.pid, signal.SIGCONT)
                self.assert_served(wire.results())
                self.assertEqual(self.server.received[asked:].count(b"select 'fine'"), 1)

    def penstock_stands_still(self):
        threads = pathlib.Path(f"/proc/{self.penstock.pid}/task").glob("*/stat")
        return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads)

    def test_the_log_names_the_server_and_what_it_did(self):
        self.assert_served(self.ask("select 'fine'"))
        self.say_everywhere(numbered(STOLEN))
        line = self.penstock.wait_for_log(r".*idle server connection closed.*")[0]
        self.assertIn(f"127.0.0.1:{self.server.port}", line)


class UnaskedOverCompression(Unasked):
    """Frames are numbered as well as packets, so any pair of numbers; and the part of a frame that is no octet of a packet yet."""

    cluster = {"compression": "zlib"}
    parts = ("half a header", "a frame of zlib that has given nothing yet")
    unasked = {
        **{f"frame {number}, packet {inner}": compressed_frame(numbered(STOLEN, inner), number)
           for number in (0, 1, 2, 255) for inner in (0, 1)},
        "half a frame": compressed_frame(numbered(STOLEN), 1)[:20],
        "half a header": compressed_frame(numbered(STOLEN), 1)[:3],
        "a frame of zlib that has given nothing yet": b"\x40\0\0\1\xff\0\0\x78",
    }

    @classmethod
    def make_server(cls):
        return HostileMySql(compresses=True)

    def say(self, peer, line, octets):
        peer.sendall(octets)


class UnaskedUnderTls(Unasked):
    parts = ("a record that is not whole",)
    unasked = {"a result numbered 1": numbered(STOLEN), "a record that is not whole": None}

    @classmethod
    def make_server(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        certificate, key = Authority(pathlib.Path(folder.name)).issue_for_localhost()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        return HostileMySql(tls=context)

    def say(self, peer, line, octets):
        line.sendall(octets) if octets else peer.sendall(b"\x17\3\3\0\x60" + b"start of a record")


if __name__ == "__main__":
    unittest.main()
