# SPDX-License-Identifier: Apache-2.0
#
# A server is a peer like any other: whatever it sends while Penstock logs in, or in answer to a query, the client gets one clear error or
# the end of the connection within a time limit, memory stays bounded, and Penstock lives on.

import contextlib
import struct
import unittest

import processes
from hostile_server import AUTHENTICATED, READY, ROW, WELCOME, HostileServer, authentication, error, frame, parameter
from penstock import Penstock
from pgwire import Gone, ServerError, query
from wait import wait_until

SASL = authentication(10, b"SCRAM-SHA-256\0\0")


def says(*octets):
    """A server that says so much at once, then waits for the other side to leave."""
    def script(peer):
        for part in octets:
            peer.sendall(part)
        while peer.recv(65536):
            pass
    return script


def goes(*octets):
    """A server that says so much and closes."""
    def script(peer):
        for part in octets:
            peer.sendall(part)
    return script


def scram(first_reply, final=b""):
    """A server that begins SCRAM and answers the client's first message by first_reply(nonce of the client)."""
    def script(peer):
        peer.sendall(SASL)
        nonce = peer.recv(4096).rpartition(b"r=")[2]
        peer.sendall(authentication(11, first_reply(nonce)))
        if final:
            peer.recv(4096)
            peer.sendall(authentication(12, final))
        while peer.recv(65536):
            pass
    return script


def endless(part):
    def script(peer):
        while True:
            peer.sendall(part)
    return script


def answers(*octets, then_closes=False):
    """Logs in as it should, then answers the first query by these octets."""
    def script(peer):
        peer.sendall(WELCOME)
        peer.recv(65536)
        for part in octets:
            peer.sendall(part)
        while not then_closes and peer.recv(65536):
            pass
    return script


AT_LOGIN = {
    "says nothing": says(b""),
    "closes at once": goes(),
    "random octets": says(b"\x81\x00garbage" * 50),
    "HTTP": goes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "a length of 0": says(b"R" + struct.pack("!i", 0)),
    "a length of -1": says(b"R" + struct.pack("!i", -1)),
    "a length of 2 GiB": says(b"R" + struct.pack("!i", 2**31 - 1) + b"x" * 1000),
    "an unknown authentication": says(authentication(99)),
    "Kerberos": says(authentication(2)),
    "a cut authentication": says(frame(b"R", b"\0\0")),
    "clear text without TLS": says(authentication(3)),
    "an error without SQLSTATE": goes(frame(b"E", b"SFATAL\0Mno code\0\0")),
    "an error without fields": goes(frame(b"E", b"\0")),
    "an error without an end": goes(frame(b"E", b"SFATAL")),
    "an error of a megabyte": goes(error(b"28000", b"x" * 1_000_000)),
    "ready before authentication": says(READY),
    "a row before authentication": says(ROW),
    "authenticated, then nothing": says(AUTHENTICATED),
    "authenticated, then a row": says(AUTHENTICATED + ROW + READY),
    "parameters without end": endless(parameter(b"x" * 100, b"y" * 10_000)),
    "one parameter of 1 MB": says(AUTHENTICATED + parameter(b"x", b"y" * 1_000_000) + READY),
    "a parameter without an end": says(AUTHENTICATED + frame(b"S", b"abc") + READY),
    "notices without end": endless(frame(b"N", b"SNOTICE\0C00000\0Mhello\0\0")),
    "no SASL mechanism": says(authentication(10, b"\0")),
    "an unknown SASL mechanism": says(authentication(10, b"PLAIN\0\0")),
    "SASL continues before it began": says(authentication(11, b"r=x,s=eA==,i=4096")),
    "a nonce that is not ours": scram(lambda nonce: b"r=somebodyelses,s=c2FsdA==,i=4096"),
    "a nonce of 1 MB": scram(lambda nonce: b"r=" + nonce + b"n" * 1_000_000 + b",s=c2FsdA==,i=4096"),
    "two thousand million iterations": scram(lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=2000000000"),
    "0 iterations": scram(lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=0"),
    "negative iterations": scram(lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=-5"),
    "no salt": scram(lambda nonce: b"r=" + nonce + b"x,i=4096"),
    "a salt that is not base64": scram(lambda nonce: b"r=" + nonce + b"x,s=!!!!,i=4096"),
    "a wrong proof": scram(lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=4096", b"v=" + b"A" * 43 + b"="),
    "authenticated in the middle of SCRAM": says(SASL + AUTHENTICATED + READY),
}

IN_ANSWER = {
    "random octets": (b"\x00\xff\x81garbage" * 30,),
    "a length of 0": (b"D" + struct.pack("!i", 0),),
    "a length of -1": (b"T" + struct.pack("!i", -2),),
    "an authentication request": (authentication(3),),
    "rows of nothing without end": None,
    "an unknown message": (frame(b"?", b"what"),),
    "a ready with an odd status": (ROW, frame(b"C", b"SELECT 0\0"), frame(b"Z", b"Q")),
    "a ready without status": (frame(b"Z"),),
    "an error without SQLSTATE": (frame(b"E", b"SERROR\0Mno code\0\0"), READY),
    "an error without fields": (frame(b"E", b"\0"), READY),
    "more answers than questions": (frame(b"I"), READY, frame(b"I"), READY, frame(b"I"), READY),
    "a second key": (frame(b"K", b"\0" * 8), frame(b"I"), READY),
    "copy data unasked": (frame(b"d", b"x"), READY),
    "a cancel key without a length": (frame(b"K"), READY),
}

THEN_CLOSES = {
    "nothing": (),
    "half a header": (ROW[:3],),
    "half a row": (ROW, frame(b"D", b"\0\x01\0\0\0\x05hello")[:-2]),
    "all but the ready": (ROW, frame(b"C", b"SELECT 0\0")),
}


class HostileServers(unittest.TestCase):
    def start(self, script):
        server = HostileServer(script)
        server.__enter__()
        self.addCleanup(server.__exit__)
        # No probing: every connection is the pool's.
        cluster = [{"name": "main", "nodes": [f"127.0.0.1:{server.port}"], "sslmode": "prefer"}]
        penstock = Penstock(nodes=[], settings={"cluster": cluster, "pool": {
            "connection_borrow_timeout": "1s", "server_connect_timeout": "1s", "server_retry_longest": "300ms"}}).start()
        self.addCleanup(penstock.discard)
        return penstock

    def ask(self, penstock, our_own=True):
        """What a client gets: rows, an SQLSTATE, or "gone". An error of Penstock's own is a proper one; a server's is passed on."""
        try:
            with contextlib.closing(penstock.raw(timeout=15)) as wire:
                wire.log_in("app", "app", "correct horse")
                return wire.simple("select 'answer'")
        except ServerError as refusal:
            if our_own:
                self.assertRegex(refusal.sqlstate or "", r"^[0-9A-Z]{5}$")
                self.assertTrue(refusal.fields.get("M"))
            return refusal.sqlstate
        except Gone:
            return "gone"

    def test_at_login(self):
        for name, script in AT_LOGIN.items():
            with self.subTest(name):
                penstock = self.start(script)
                before = processes.memory_kib(penstock.pid)["Rss"]
                self.assertNotIsInstance(self.ask(penstock), list)
                penstock.assert_alive()
                self.assertEqual(penstock.http("/health")[0], 200)
                self.assertLess(processes.memory_kib(penstock.pid)["Rss"] - before, processes.memory_bound(20 * 1024))
                penstock.stop()

    def test_in_answer_to_a_query(self):
        for name, octets in IN_ANSWER.items():
            with self.subTest(name):
                penstock = self.start(answers(*octets) if octets is not None else endless_rows)
                outcome = self.ask_once(penstock) if octets is None else self.ask(penstock, our_own=not name.startswith("an error"))
                self.assertNotEqual(outcome, [("answer",)])
                penstock.assert_alive()
                penstock.stop()

    def test_closing_in_the_middle_of_an_answer(self):
        for name, octets in THEN_CLOSES.items():
            with self.subTest(name):
                penstock = self.start(answers(*octets, then_closes=True))
                self.assertNotEqual(self.ask(penstock), [("answer",)])
                penstock.stop()

    def ask_once(self, penstock):
        """Against rows without end: the client leaves, and Penstock must get rid of the server."""
        wire = penstock.raw(timeout=15).log_in("app", "app", "correct horse")
        wire.send(query("select 'answer'"))
        wire.expect("TD")
        before = processes.memory_kib(penstock.pid)["Rss"]
        wire.close()
        wait_until(lambda: "left" in penstock.log(), "the client is gone")
        self.assertLess(processes.memory_kib(penstock.pid)["Rss"] - before, processes.memory_bound(20 * 1024))
        return "gone"

    def test_an_iteration_count_does_not_stop_the_others(self):
        """While a server asks for very many iterations, the health check and other logins are answered at once."""
        penstock = self.start(scram(lambda nonce: b"r=" + nonce + b"x,s=c2FsdA==,i=2000000000"))
        clients = [penstock.raw() for _ in range(4)]
        for wire in clients:
            with contextlib.suppress(ServerError, Gone):
                wire.log_in("app", "app", "correct horse")
        self.assertEqual(penstock.http("/health")[0], 200)
        for wire in clients:
            wire.close()


def endless_rows(peer):
    peer.sendall(WELCOME)
    peer.recv(65536)
    peer.sendall(ROW)
    row = frame(b"D", b"\0\x01" + struct.pack("!i", 10_000) + b"z" * 10_000)
    while True:
        peer.sendall(row)


if __name__ == "__main__":
    unittest.main()
