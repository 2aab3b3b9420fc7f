# SPDX-License-Identifier: Apache-2.0
#
# TLS on both sides with libpq's modes, client certificates, direct TLS, new certificates on SIGHUP, and nothing that came before the
# handshake surviving it.

import contextlib
import pathlib
import shutil
import socket
import ssl
import tempfile
import unittest

import psycopg2

from certificates import Authority
from cluster import PASSWORD, Cluster
from fixture import ProxyTest, shared_cluster, value
from penstock import Penstock, merged
from pgwire import SSL_REQUEST, Gone, ServerError, Wire, startup
from wait import wait_until


class TlsTest(ProxyTest):
    """Penstock with a certificate of an authority of its own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-tls-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.authority = Authority(cls.folder, "authority of the proxy")
        cls.certificate, cls.key = cls.authority.issue_for_localhost()
        super().setUpClass()

    @classmethod
    def proxy_settings(cls):
        return merged({"tls": {"certificate": cls.certificate, "key": cls.key}}, cls.settings)


class ToClients(TlsTest):
    def test_every_mode_of_libpq(self):
        for mode, encrypted in (("disable", False), ("allow", False), ("prefer", True), ("require", True), ("verify-ca", True)):
            with self.subTest(mode):
                connection = self.connect(sslmode=mode, sslrootcert=str(self.authority.certificate))
                self.assertEqual(connection.info.ssl_in_use, encrypted)
                self.assertEqual(value(connection, "select 1"), 1)
        verified = psycopg2.connect(host="localhost", hostaddr="127.0.0.1", port=self.penstock.port, user="app", password=PASSWORD,
                                    dbname="app", sslmode="verify-full", sslrootcert=str(self.authority.certificate))
        self.addCleanup(verified.close)
        self.assertEqual(value(verified, "select 1"), 1)

    def test_libpq_binds_the_channel(self):
        connection = self.connect(sslmode="require", channel_binding="require")
        self.assertEqual(value(connection, "select 1"), 1)

    def test_a_megabyte_both_ways(self):
        text = "x" * 1_000_000
        self.assertEqual(value(self.connect(sslmode="require"), "select %s || 'y'", (text,)), text + "y")

    def test_old_versions_are_refused(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with self.assertRaises((ssl.SSLError, ConnectionError, Gone)):
            self.raw().start_tls(context)
        self.assert_others_unaffected()

    def test_direct_tls(self):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        context.set_alpn_protocols(["postgresql"])
        wire = self.raw()
        wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
        self.assertEqual(wire.socket.selected_alpn_protocol(), "postgresql")
        self.assert_works(wire.log_in("app", "app", PASSWORD))

    def test_direct_tls_without_the_protocols_name_is_refused(self):
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        wire = self.raw()
        with self.assertRaises((ssl.SSLError, Gone, OSError, ServerError)):
            wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
            wire.log_in("app", "app", PASSWORD)
        self.assert_others_unaffected()

    def test_octets_sent_before_the_handshake_are_not_read_after_it(self):
        stuffed = startup({"user": "app", "database": "app"})
        with contextlib.closing(Wire(self.penstock.port, timeout=5)) as wire:
            wire.send(SSL_REQUEST + stuffed)
            with self.assertRaises((ssl.SSLError, Gone, OSError)):
                wire.socket.settimeout(5)
                self.assertIn(wire.receive_exactly(1), b"SE")
                context = ssl.create_default_context(cafile=str(self.authority.certificate))
                wire.socket = context.wrap_socket(wire.socket, server_hostname="localhost")
                wire.receive()
        self.assert_others_unaffected()

    def test_asking_for_tls_twice_is_a_breach(self):
        wire = self.raw()
        wire.start_tls()
        wire.send(SSL_REQUEST)
        wire.expect_end()
        self.assert_others_unaffected()

    def test_a_handshake_of_rubbish(self):
        wire = self.raw()
        wire.send(SSL_REQUEST)
        self.assertEqual(wire.receive_exactly(1), b"S")
        wire.send(b"\x16\x03\x01\xff\xff" + b"rubbish" * 100)
        with contextlib.suppress(Gone, socket.timeout):
            while wire.socket.recv(4096):
                pass
        self.assert_others_unaffected()

    def test_a_new_certificate_on_sighup(self):
        held = self.connect(sslmode="require")
        renewed = Authority(self.folder / "renewed", "new authority")
        certificate, key = renewed.issue_for_localhost()
        old = self.certificate.read_bytes(), self.key.read_bytes()
        shutil.copy(certificate, self.certificate)
        shutil.copy(key, self.key)
        self.penstock.reload()

        def is_new():
            with contextlib.suppress(psycopg2.OperationalError):
                self.penstock.connect(sslmode="verify-ca", sslrootcert=str(renewed.certificate)).close()
                return True
            return False
        wait_until(is_new, "the new certificate is shown")
        self.assertEqual(value(held, "select 1"), 1)  # those who are there stay
        self.certificate.write_bytes(old[0])
        self.key.write_bytes(old[1])
        self.penstock.reload()
        wait_until(lambda: self.fingerprint() == ssl.PEM_cert_to_DER_cert(old[0].decode()), "the old certificate is shown again")

    def fingerprint(self):
        with contextlib.closing(self.penstock.raw()) as wire:
            wire.start_tls()
            return wire.socket.getpeercert(binary_form=True)

    def test_a_broken_certificate_on_sighup_changes_nothing(self):
        before, kept = self.fingerprint(), self.key.read_bytes()
        self.key.write_text("not a key\n")
        try:
            self.penstock.reload()
            self.penstock.wait_for_log(r"(?i)(key|certificate)")
            self.assertEqual(self.fingerprint(), before)
        finally:
            self.key.write_bytes(kept)
            self.penstock.reload()


class WithoutChannelBinding(ProxyTest):
    """A certificate signed by Ed25519 names no hash, so nothing can be bound to it (RFC 5929)."""

    @classmethod
    def proxy_settings(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.authority = Authority(cls.folder.name, "Ed25519", algorithm="ed25519")
        cls.certificate, cls.key = cls.authority.issue_for_localhost()
        return {"tls": {"certificate": cls.certificate, "key": cls.key}}

    def test_clients_get_in_without_binding_and_are_refused_with(self):
        for mode in ("disable", "prefer"):
            with self.subTest(mode):
                connection = self.connect(sslmode="verify-ca", sslrootcert=str(self.authority.certificate), channel_binding=mode)
                self.assertEqual(value(connection, "select 1"), 1)
        with self.assertRaisesRegex(psycopg2.OperationalError, "channel binding"):
            self.connect(sslmode="require", channel_binding="require")

    def test_a_server_with_such_a_certificate_is_refused_as_it_is_by_libpq(self):
        with Cluster() as cluster:
            for own, other in ((cluster.certificate, self.certificate), (cluster.key, self.key)):
                own.write_bytes(other.read_bytes())
            cluster.primary.sql("select pg_reload_conf()")
            wait_until(lambda: self.refusal(lambda: cluster.primary.connect(sslmode="require", password=PASSWORD)),
                       "the server shows the new certificate")
            with Penstock(cluster, {"pool": {"connection_borrow_timeout": "2s"}}) as penstock:
                self.assertRegex(self.refusal(penstock.connect), r"(?i)(digest|Ed25519)")
                penstock.wait_for_log(r"(?i)(digest|Ed25519)")

    @staticmethod
    def refusal(connect):
        try:
            connect().close()
        except psycopg2.OperationalError as error:
            return str(error)
        return ""


class Required(TlsTest):
    @classmethod
    def proxy_settings(cls):
        return {"tls": {"certificate": cls.certificate, "key": cls.key, "require_tls": True}}

    def test_without_tls_nobody_gets_in(self):
        error = self.refused(self.wire, "28000")
        self.assertIn("sslmode", error.fields["M"])
        self.assertEqual(value(self.connect(sslmode="require"), "select 1"), 1)


class ClientCertificates(TlsTest):
    @classmethod
    def proxy_settings(cls):
        cls.outsider = Authority(cls.folder / "outside", "somebody else's authority")
        return {"tls": {"certificate": cls.certificate, "key": cls.key, "client_ca": cls.authority.certificate,
                        "client_verify": "optional"},
                "user": [{"name": "app", "auth_method": "certificate", "server_password": PASSWORD},
                         {"name": "other", "password": PASSWORD}]}

    def with_certificate(self, authority, name, user, file):
        certificate, key = authority.issue(name, file=file)
        return lambda: self.connect(user=user, password=None, sslmode="require", sslcert=str(certificate), sslkey=str(key))

    def test_the_certificate_names_the_user(self):
        self.assertEqual(value(self.with_certificate(self.authority, "app", "app", "good")(), "select current_user"), "app")

    def test_another_name_is_refused(self):
        with self.assertRaises(psycopg2.OperationalError):
            self.with_certificate(self.authority, "mallory", "app", "wrong-name")()

    def test_another_authority_is_refused(self):
        with self.assertRaises(psycopg2.OperationalError):
            self.with_certificate(self.outsider, "app", "app", "wrong-authority")()

    def test_no_certificate_is_refused_for_whom_it_is_required(self):
        with self.assertRaises(psycopg2.OperationalError):
            self.connect(sslmode="require", password=PASSWORD)
        self.assertEqual(value(self.connect(user="other", sslmode="require"), "select 1"), 1)


class ToServers(unittest.TestCase):
    """One Penstock for each mode towards PostgreSQL."""

    def asks(self, user="app", users=None, **cluster_settings):
        cluster = shared_cluster()
        entry = {"name": "main", "nodes": [f"127.0.0.1:{cluster.primary.port}"], **cluster_settings}
        settings = {"cluster": [entry], "pool": {"connection_borrow_timeout": "3s"}}
        with Penstock(cluster, settings | ({"user": users} if users else {})) as penstock:
            connection = penstock.connect(user=user)
            try:
                return value(connection, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
            finally:
                connection.close()

    def test_modes_without_verification(self):
        for mode, encrypted in (("disable", False), ("allow", False), ("prefer", True), ("require", True)):
            with self.subTest(mode):
                self.assertEqual(self.asks(sslmode=mode), encrypted)

    def test_allow_encrypts_where_the_server_insists(self):
        server = shared_cluster().primary
        server.sql("drop role if exists tls_only; create role tls_only login password %s", (PASSWORD,))
        rules = server.data / "pg_hba.conf"
        before = rules.read_text()
        self.addCleanup(lambda: (rules.write_text(before), server.sql("select pg_reload_conf()")))
        rules.write_text("hostnossl all tls_only 127.0.0.1/32 reject\n" + before)
        server.sql("select pg_reload_conf()")
        users = [{"name": "tls_only", "password": PASSWORD}]
        wait_until(lambda: self.is_refused("tls_only", users, sslmode="disable"), "the server refuses it without TLS")
        self.assertTrue(self.asks("tls_only", users, sslmode="allow"))

    def is_refused(self, *arguments, **options):
        try:
            self.asks(*arguments, **options)
        except psycopg2.Error:
            return True
        return False

    def test_verification_succeeds_with_the_right_authority(self):
        root = shared_cluster().authority.certificate
        self.assertTrue(self.asks(sslmode="verify-ca", sslrootcert=root))
        self.assertTrue(self.asks(sslmode="verify-full", sslrootcert=root))

    def test_verification_fails_with_another_authority(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = Authority(folder, "wrong").certificate
            for mode in ("verify-ca", "verify-full"):
                with self.subTest(mode), self.assertRaises(psycopg2.Error):
                    self.asks(sslmode=mode, sslrootcert=wrong)

    def test_logging_in_with_a_certificate(self):
        authority = shared_cluster().authority
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = authority.issue("cert_user", file=pathlib.Path(folder) / "cert_user")
            self.assertTrue(self.asks("cert_user", [{"name": "cert_user", "password": PASSWORD}], sslmode="verify-full",
                                      sslrootcert=authority.certificate, sslcert=certificate, sslkey=key))


if __name__ == "__main__":
    unittest.main()
