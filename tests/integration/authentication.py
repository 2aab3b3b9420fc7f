# SPDX-License-Identifier: Apache-2.0
#
# Who gets in and how: the methods towards clients and towards PostgreSQL, users from the configuration, a userlist file and auth_query,
# and SCRAM pass-through, where Penstock knows only a verifier.

import pathlib
import statistics
import tempfile
import time
import unittest

import psycopg2

from cluster import PASSWORD
from fixture import ProxyTest, shared_cluster, value
from penstock import run_once, toml
from pgwire import Gone, ServerError, startup
from wait import wait_until


def verifier(user):
    return shared_cluster().primary.sql("select rolpassword from pg_authid where rolname = %s", (user,))[0][0]


class Methods(ProxyTest):
    """Every way in, and every way PostgreSQL may ask for."""

    @classmethod
    def proxy_settings(cls):
        users = [{"name": "app", "password": PASSWORD},
                 {"name": "md5_user", "password": PASSWORD, "auth_method": "md5"},
                 {"name": "trust_user", "auth_method": "trust"},
                 {"name": "other", "auth_method": "reject", "password": PASSWORD},
                 {"name": "alias", "password": "another one", "server_user": "app", "server_password": PASSWORD}]
        return {"user": users, "pool": {"connection_borrow_timeout": "3s"}}

    def test_scram(self):
        self.assertEqual(self.wire().simple("select current_user"), [("app",)])

    def test_md5_on_both_sides(self):
        self.assertEqual(self.wire(user="md5_user").simple("select current_user"), [("md5_user",)])
        self.refused(lambda: self.wire(user="md5_user", password="wrong"), "28P01")

    def test_trust(self):
        self.assertEqual(self.wire(user="trust_user", password="whatever").simple("select current_user"), [("trust_user",)])

    def test_reject(self):
        error = self.refused(lambda: self.wire(user="other"))
        self.assertIn(error.sqlstate, ("28000", "28P01"))

    def test_clear_passwords_need_tls_to_be_configured(self):
        with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
            file.write(toml({"cluster": [{"name": "main", "nodes": ["127.0.0.1:1"]}],
                             "user": [{"name": "app", "password": "x", "auth_method": "password"}]}))
            file.flush()
            status, out, err = run_once("check", file.name)
        self.assertEqual(status, 2)
        self.assertIn("TLS", out + err)

    def test_another_account_on_the_server(self):
        self.assertEqual(self.wire(user="alias", password="another one").simple("select current_user"), [("app",)])
        self.refused(lambda: self.wire(user="alias", password=PASSWORD), "28P01")

    def test_empty_and_odd_names(self):
        for user in ("", "nobody", "a" * 200, "app\n", "'; drop role app; --", "żółw"):
            with self.subTest(user[:20]), self.assertRaises((ServerError, Gone)):
                self.wire(user=user)
        self.assert_others_unaffected()

    def test_no_user_at_all(self):
        wire = self.raw()
        wire.send(startup({"database": "app"}))
        self.assertEqual([m.fields()["C"] for m in wire.expect_end() if m.type == "E"], ["28000"])

    def test_an_unknown_user_takes_as_long_as_a_wrong_password(self):
        def seconds(user):
            began = time.perf_counter()
            self.refused(lambda: self.wire(user=user, password="wrong"))
            return time.perf_counter() - began
        pairs = [(seconds("app"), seconds("nobody")) for _ in range(15)]
        known, unknown = (statistics.median(column) for column in zip(*pairs))
        self.assertLess(abs(known - unknown), max(0.02, 0.5 * known), f"{known:.4f} s against {unknown:.4f} s")

    def test_passwords_are_never_logged(self):
        self.refused(lambda: self.wire(password="a very secret mistake"))
        self.assert_works(self.wire())
        log = self.penstock.log()
        for secret in (PASSWORD, "a very secret mistake", "another one"):
            self.assertNotIn(secret, log)


class UnicodePasswords(ProxyTest):
    """Passwords that SASLprep changes, and one that it refuses: as with PostgreSQL itself, which makes the verifiers."""

    PASSWORDS = {"prepared": "pa\u00DF\u00B2 \u00A0x", "refused": "caf\u00E9 \U0001F600"}
    OTHER_SPELLINGS = {"prepared": "pa\u00DF2  x", "refused": "caf\u00E9 \U0001F600"}

    @classmethod
    def proxy_settings(cls):
        server = shared_cluster().primary
        for user, password in cls.PASSWORDS.items():
            server.sql(f"drop role if exists {user}; set password_encryption = 'scram-sha-256'; create role {user} login password %s",
                       (password,))
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        userlist = pathlib.Path(cls.folder.name) / "userlist.txt"
        userlist.write_text(f'"refused" "{verifier("refused")}"\n')
        return {"user": [{"name": "prepared", "password": cls.PASSWORDS["prepared"]}], "auth": {"auth_file": userlist}}

    def test_every_spelling_gets_in_as_it_does_directly(self):
        for passwords in (self.PASSWORDS, self.OTHER_SPELLINGS):
            for user, password in passwords.items():
                for connect in (self.direct, self.connect):
                    with self.subTest(user=user, through=connect.__name__):
                        self.assertEqual(value(connect(user=user, password=password), "select current_user"), user)

    def test_others_do_not(self):
        for user, password in (("prepared", "pass2  x"), ("prepared", "pa\u00DF2 x"), ("refused", "cafe\u0301 \U0001F600")):
            for connect in (self.direct, self.connect):
                with self.subTest(user=user, through=connect.__name__), self.assertRaises(psycopg2.OperationalError):
                    connect(user=user, password=password)


class WrongServerPassword(ProxyTest):
    settings = {"user": [{"name": "app", "password": "mine", "server_password": "not the server's"}],
                "pool": {"connection_borrow_timeout": "2s"}}

    def test_one_clear_sentence(self):
        error = self.refused(lambda: self.wire(password="mine").simple("select 1"))
        self.assertRegex(error.fields["M"], r"(?i)(password|refused|login)")
        self.assertNotIn("not the server's", self.penstock.log())


class PassThrough(ProxyTest):
    """Penstock knows only the verifier that PostgreSQL stores; the client's own proof opens the server."""

    @classmethod
    def proxy_settings(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.userlist = pathlib.Path(cls.folder.name) / "userlist.txt"
        cls.userlist.write_text(f'"app" "{verifier("app")}"\n"other" "{PASSWORD}"\n"md5_user" "{verifier("md5_user")}"\n')
        return {"auth": {"auth_file": cls.userlist}, "user": []}

    def test_with_a_verifier_from_the_userlist(self):
        self.assertEqual(self.wire().simple("select current_user"), [("app",)])
        self.refused(lambda: self.wire(password="wrong"), "28P01")

    def test_with_a_clear_password_from_the_userlist(self):
        self.assertEqual(self.wire(user="other").simple("select current_user"), [("other",)])

    def test_a_new_userlist_on_sighup(self):
        self.refused(lambda: self.wire(user="trust_user"), "28P01")
        with self.userlist.open("a") as out:
            out.write(f'"trust_user" "{PASSWORD}"\n')
        self.penstock.reload()
        wait_until(lambda: self.gets_in("trust_user"), "the new user gets in")

    def gets_in(self, user):
        try:
            self.wire(user=user)
            return True
        except ServerError:
            return False


class AuthQuery(ProxyTest):
    """Users are looked up in PostgreSQL itself, by parameters."""

    QUERY = ("select rolname, rolpassword, rolvaliduntil, rolcanlogin from pg_authid where rolname = $1")

    @classmethod
    def proxy_settings(cls):
        server = shared_cluster().primary
        server.sql("alter role lookup superuser")
        for name, options in (("asked", "login"), ("expired", "login valid until '2001-01-01'"), ("barred", "nologin"),
                              ("future", "login valid until '2999-01-01'"), ("nopassword", "login")):
            server.sql(f"drop role if exists {name}; create role {name} {options}" +
                       ("" if name == "nopassword" else f" password '{PASSWORD}'"))
        return {"auth": {"auth_query": cls.query(), "auth_query_user": "lookup", "auth_query_password": PASSWORD,
                         "auth_query_database": "postgres", "auth_cache_time": "1s"}, "user": []}

    @classmethod
    def query(cls):
        return cls.QUERY

    def test_a_user_who_exists_gets_in(self):
        self.assertEqual(self.wire(user="asked").simple("select current_user"), [("asked",)])
        self.assertEqual(self.wire(user="future").simple("select current_user"), [("future",)])

    def test_those_who_may_not_do_not(self):
        for user in ("expired", "barred", "nopassword", "nobody", "' or true --", "asked\\"):
            with self.subTest(user):
                self.refused(lambda user=user: self.wire(user=user).simple("select 1"))
        self.refused(lambda: self.wire(user="asked", password="wrong"), "28P01")
        self.refused(lambda: self.wire(user="nopassword", password=""), "28P01")

    def test_a_changed_password_counts_when_the_cache_has_passed(self):
        self.wire(user="asked")
        self.server.sql("alter role asked password 'changed'")
        try:
            wait_until(lambda: self.works_with("changed"), "the new password is known")
            wait_until(lambda: not self.works_with(PASSWORD), "the old one is not")
        finally:
            self.server.sql(f"alter role asked password '{PASSWORD}'")
            wait_until(lambda: self.works_with(PASSWORD), "the first password is known again")

    def works_with(self, password):
        try:
            self.wire(user="asked", password=password).simple("select 1")
            return True
        except ServerError:
            return False

    def test_nothing_of_the_client_reaches_the_query(self):
        """A search_path of the client's choosing must not decide which table the query reads."""
        self.server.sql("create schema if not exists evil; drop view if exists evil.pg_authid; create view evil.pg_authid as "
                        "select 'nobody'::name as rolname, 'x' as rolpassword, null as rolvaliduntil, true as rolcanlogin;"
                        "grant all on schema evil to public; grant select on evil.pg_authid to public", database="postgres")
        self.addCleanup(self.server.sql, "drop schema evil cascade", database="postgres")
        hidden = {"search_path": "evil, pg_catalog", "options": "-c search_path=evil,pg_catalog", "application_name": "evil"}
        self.refused(lambda: self.wire(user="nobody", password="x", **hidden), "28P01")
        self.assertEqual(self.wire(user="asked", **hidden).simple("select current_user"), [("asked",)])


class AuthQueryOfTwoClusters(ProxyTest):
    """Each database's users are those of its own cluster, also where they have the same name."""

    @classmethod
    def proxy_settings(cls):
        cls.other = shared_cluster(max_connections=199)
        entries = []
        for name, cluster, password in (("main", shared_cluster(), "of main"), ("other", cls.other, "of other")):
            cluster.primary.sql("alter role lookup superuser; drop role if exists twin")
            cluster.primary.sql(f"create role twin login password '{password}'")
            entries.append({"name": name, "nodes": [f"127.0.0.1:{cluster.primary.port}"], "monitor_user": "lookup",
                            "monitor_password": PASSWORD})
        cls.other.primary.sql("drop role if exists only_there; create role only_there login password 'x'")
        return {"cluster": entries, "user": [],
                "database": [{"name": "app", "cluster": "main"},
                             {"name": "elsewhere", "cluster": "other", "server_database": "app"}],
                "auth": {"auth_query": AuthQuery.QUERY, "auth_query_user": "lookup", "auth_query_password": PASSWORD,
                         "auth_cache_time": "1h"}}

    def port_of(self, database, password, user="twin"):
        return self.wire(user=user, database=database, password=password).simple("show port")[0][0]

    def test_the_cluster_of_the_database_is_asked(self):
        for _ in range(2):  # the second time from memory
            self.assertEqual(self.port_of("app", "of main"), str(self.server.port))
            self.assertEqual(self.port_of("elsewhere", "of other"), str(self.other.primary.port))
            self.refused(lambda: self.port_of("app", "of other"), "28P01")
            self.refused(lambda: self.port_of("elsewhere", "of main"), "28P01")
        self.refused(lambda: self.port_of("app", "x", "only_there"), "28P01")
        self.assertEqual(self.port_of("elsewhere", "x", "only_there"), str(self.other.primary.port))

    def test_a_wrong_password_makes_the_cache_ask_again(self):
        self.assertEqual(self.port_of("app", "of main"), str(self.server.port))
        self.server.sql("alter role twin password 'renewed'")
        self.addCleanup(wait_until, lambda: self.works("app", "of main"), "the old password is known again")
        self.addCleanup(self.server.sql, "alter role twin password 'of main'")
        wait_until(lambda: self.works("app", "renewed"), "the new password is known long before the cache time has passed")

    def works(self, database, password):
        try:
            return bool(self.port_of(database, password))
        except ServerError:
            return False


class AuthQueryOfTwoColumns(AuthQuery):
    """PgBouncer's form, by which VALID UNTIL would have to be part of the query."""

    @classmethod
    def query(cls):
        return ("select usename, passwd from pg_shadow join pg_roles on rolname = usename where usename = $1 and rolcanlogin "
                "and (valuntil is null or valuntil > now())")


class ToServersInClear(ProxyTest):
    @classmethod
    def proxy_settings(cls):
        entry = {"name": "main", "nodes": [f"127.0.0.1:{shared_cluster().primary.port}"], "sslmode": "require"}
        return {"cluster": [entry], "user": [{"name": "clear_user", "password": PASSWORD}]}

    def test_a_clear_password_is_given_under_tls(self):
        self.assertEqual(self.wire(user="clear_user").simple("select current_user"), [("clear_user",)])


class ToServersInClearWithoutTls(ProxyTest):
    @classmethod
    def proxy_settings(cls):
        entry = {"name": "main", "nodes": [f"127.0.0.1:{shared_cluster().primary.port}"], "sslmode": "disable"}
        return {"cluster": [entry], "user": [{"name": "clear_user", "password": PASSWORD}],
                "pool": {"connection_borrow_timeout": "2s"}}

    def test_a_clear_password_is_not_given_without(self):
        self.refused(lambda: self.wire(user="clear_user").simple("select 1"))


class OverTls(ProxyTest):
    @classmethod
    def proxy_settings(cls):
        cluster = shared_cluster()
        return {"tls": {"certificate": cluster.certificate, "key": cluster.key},
                "user": [{"name": "app", "password": PASSWORD, "auth_method": "password"}]}

    def test_a_clear_password_is_not_taken_without_tls(self):
        self.refused(self.wire, "28000")

    def test_a_clear_password_is_taken(self):
        connection = self.connect(sslmode="require")
        self.assertEqual(value(connection, "select current_user"), "app")
        with self.assertRaises(psycopg2.OperationalError):
            self.connect(sslmode="require", password="wrong")


if __name__ == "__main__":
    unittest.main()
