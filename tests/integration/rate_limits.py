# SPDX-License-Identifier: Apache-2.0
#
# max_transactions_per_second: what is beyond it gets an error at once and does not run, the session stays as it is, and others notice
# nothing. The limit is so low that what comes back while a test runs does not count.

import unittest

from cluster import PASSWORD
from fixture import ProxyTest
from mysql_fixture import each_product
from mysql_packets import Error
from mysql_penstock import MySqlPenstock
from mysql_wire import Wire
from penstock import merged
from pgwire import SYNC, ServerError, bind, execute, parse
from wait import wait_until

LIMIT = 5
USERS = [{"name": "app", "password": PASSWORD, "max_transactions_per_second": LIMIT}, {"name": "other", "password": PASSWORD}]


class Limited(ProxyTest):
    settings = {"user": USERS}

    def exhaust(self, wire):
        """Asks until it is refused; gives how often it was answered."""
        for count in range(1000):
            wire.send(parse("select 1"), bind(), execute(), SYNC)
            errors = [message.fields() for message in wire.until_ready() if message.type == "E"]
            if errors:
                self.assertEqual((errors[0]["S"], errors[0]["C"]), ("ERROR", "53400"))
                self.assertIn('max_transactions_per_second of user "app"', errors[0]["M"])
                return count
        raise AssertionError("it was never refused")


class FromTheFirst(Limited):
    """Nobody has used any of it before."""

    def test_a_user_gets_so_many_and_another_one_goes_on(self):
        wire, other = self.wire(), self.wire(user="other")
        self.assertGreaterEqual(self.exhaust(wire), LIMIT)
        self.refused(lambda: self.wire().simple("select 1"), "53400")
        for _ in range(10 * LIMIT):
            self.assert_works(other)
        self.assertIn('penstock_client_errors_total{error="rate_limited"}', self.penstock.metrics())


class RateLimits(Limited):
    def test_who_connects_anew_for_each_request_is_limited_as_well(self):
        def has_left():
            return not any(row["user"] == "app" and row["database"] == "app" for row in self.penstock.console("SHOW CLIENTS"))
        for _ in range(40 * LIMIT):
            wait_until(has_left, "nobody else is there")
            wire = self.wire()
            if not self.is_allowed(wire):
                return
            wire.close()
        self.fail("it was never refused")

    def test_a_transaction_that_has_begun_goes_on(self):
        wire = self.wire()
        self.wait_for_room(wire)
        wire.simple("begin")
        for _ in range(10 * LIMIT):
            self.assert_works(wire)
        wire.simple("commit")
        self.exhaust(wire)
        error = self.refused(lambda: wire.simple("begin"), "53400")
        self.assertEqual((error.fields["S"], wire.status), ("ERROR", "E"))
        wire.simple("rollback")
        self.assertEqual(wire.status, "I")

    def test_what_was_refused_has_not_run_and_what_comes_back_is_used(self):
        wire = self.wire()
        self.server.sql("drop table if exists limited; create table limited(n int); grant all on limited to public")
        self.exhaust(wire)
        done = 0
        for number in range(1000):
            wire.send(parse(f"insert into limited values ({number})"), bind(), execute(), SYNC)
            done += not any(message.type == "E" for message in wire.until_ready())
            if done == 2:
                break
        self.assertEqual(self.server.sql("select count(*) from limited"), [(done,)])

    def test_the_limit_is_lifted_by_a_reload(self):
        wire = self.wire()
        self.exhaust(wire)
        before = self.penstock.settings["user"]
        self.penstock.settings = merged(self.penstock.settings, {"user": [dict(USERS[0], max_transactions_per_second=0), USERS[1]]})
        self.penstock.reload()
        try:
            wait_until(lambda: all(self.is_allowed(wire) for _ in range(4 * LIMIT)), "the limit is lifted")
            for _ in range(100 * LIMIT):
                self.assert_works(wire)
        finally:
            self.penstock.settings["user"] = before
            self.penstock.reload()

    def wait_for_room(self, wire):
        wait_until(lambda: self.is_allowed(wire), "a transaction is allowed")

    @staticmethod
    def is_allowed(wire):
        try:
            return wire.simple("select 1") == [("1",)]
        except ServerError:
            return False


SERIES = "select * from generate_series(1, %d)"


class RuleRateLimits(ProxyTest):
    """On a cluster without reads on replicas, where requests are not judged otherwise."""

    settings = {"rule": [{"name": "series", "database": "app", "statement": "select * from generate_series*",
                          "max_transactions_per_second": LIMIT}]}

    def asked(self, wire, text, extended):
        """The error's fields, or None."""
        if extended:
            wire.send(parse(text), bind(), execute(), SYNC)
            return next((message.fields() for message in wire.until_ready() if message.type == "E"), None)
        try:
            return wire.simple(text) and None
        except ServerError as error:
            return error.fields

    def test_all_that_ask_for_it_share_it_and_all_else_goes_on(self):
        wires = [self.wire(), self.wire(user="other"), self.wire()]
        wait_until(lambda: not self.asked(wires[0], SERIES % 0, False), "there is room again")
        answers = [self.asked(wires[count % 3], SERIES % count, count % 2 == 0) for count in range(20 * LIMIT)]
        errors = [fields for fields in answers if fields]
        self.assertGreater(len(errors), LIMIT)
        self.assertEqual({(fields["S"], fields["C"]) for fields in errors}, {("ERROR", "53400")})
        self.assertIn('max_transactions_per_second of rule "series"', errors[0]["M"])
        for wire in wires:
            self.assert_works(wire)

    def test_a_statement_counts_by_what_was_prepared(self):
        wire = self.wire()
        wire.send(parse(SERIES % 1, "s"), parse("select 1", "one"), SYNC)
        wire.until_ready()

        def refused(name):
            wire.send(bind(statement=name), execute(), SYNC)
            return any(message.type == "E" for message in wire.until_ready())
        self.assertIn(True, [refused("s") for _ in range(20 * LIMIT)])
        self.assertNotIn(True, [refused("one") for _ in range(4 * LIMIT)])

    def test_within_a_transaction_it_is_not_counted(self):
        wire = self.wire()
        wire.simple("begin")
        for count in range(20 * LIMIT):
            wire.simple(SERIES % count)
        wire.simple("commit")

    def test_another_database_has_no_such_rule(self):
        wire = self.wire(database="postgres")
        for count in range(20 * LIMIT):
            wire.simple(SERIES % count)

    def test_the_limit_is_lifted_by_a_reload(self):
        wire = self.wire()
        wait_until(lambda: self.asked(wire, SERIES % 1, False), "it is refused")
        before = self.penstock.settings["rule"]
        self.penstock.settings = merged(self.penstock.settings, {"rule": [dict(before[0], max_transactions_per_second=1000000)]})
        self.penstock.reload()
        try:
            wait_until(lambda: not any(self.asked(wire, SERIES % 1, False) for _ in range(4 * LIMIT)), "the limit is lifted")
        finally:
            self.penstock.settings["rule"] = before
            self.penstock.reload()


class SharedLimit:
    """Of products whose clients ask for one thing by turns, more often than is allowed."""

    def share(self, text_of, of):
        wires = [Wire(self.target.port).log_in("app", "app", PASSWORD) for _ in range(3)]
        for wire in wires:
            self.addCleanup(wire.socket.close)
        results = [wires[count % 3].query(text_of(count))[-1] for count in range(20 * LIMIT)]
        errors = [result for result in results if isinstance(result, Error)]
        self.assertGreaterEqual(len(results) - len(errors), LIMIT)
        self.assertGreater(len(errors), LIMIT)
        self.assertEqual({(error.code, error.sqlstate) for error in errors}, {(1226, "42000")})
        self.assertIn(of, errors[0].text)
        return wires


@each_product
class MySqlRuleRateLimits(SharedLimit):
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"rule": [{"name": "heavy", "statement": "select * from (*", "max_transactions_per_second": LIMIT}]}).start()

    def test_all_that_ask_for_it_share_it_and_all_else_goes_on(self):
        for wire in self.share("select * from (select {}) t".format, 'rule "heavy"'):
            for _ in range(4 * LIMIT):
                self.assertNotIsInstance(wire.query("select 1")[-1], Error)


@each_product
class DatabaseRateLimits(SharedLimit):
    @classmethod
    def through(cls, cluster):
        return MySqlPenstock(cluster, {"database": [{"name": "*", "cluster": "main", "max_transactions_per_second": LIMIT}]}).start()

    def test_all_clients_of_a_database_share_it(self):
        self.share("select {}".format, 'database "app"')


if __name__ == "__main__":
    unittest.main()
