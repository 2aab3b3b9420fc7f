# SPDX-License-Identifier: Apache-2.0
#
# COPY in both directions: complete, refused half-way by either side, and given up by a client that vanishes.

import io
import unittest

import psycopg2

from fixture import ProxyTest, rows, value
from pgwire import COPY_DONE, SYNC, bind, copy_data, copy_fail, execute, parse, query
from wait import wait_until


class Copying(ProxyTest):
    pool_size = 2

    def setUp(self):
        super().setUp()
        self.server.sql("drop table if exists cargo; create table cargo(id int, name text); grant all on cargo to public")

    def count(self):
        return self.server.sql("select count(*) from cargo")[0][0]

    def test_a_hundred_thousand_rows_in_and_out(self):
        connection = self.connect()
        lines = "".join(f"{number}\tname {number}\n" for number in range(100_000))
        with connection.cursor() as cursor:
            cursor.copy_expert("copy cargo from stdin", io.StringIO(lines))
            output = io.StringIO()
            cursor.copy_expert("copy (select * from cargo order by id) to stdout", output)
        self.assertEqual(output.getvalue(), lines)

    def test_binary_format(self):
        connection = self.connect()
        rows(connection, "insert into cargo select n, 'x' from generate_series(1, 1000) n")
        data = io.BytesIO()
        with connection.cursor() as cursor:
            cursor.copy_expert("copy cargo to stdout (format binary)", data)
            rows(connection, "truncate cargo")
            data.seek(0)
            cursor.copy_expert("copy cargo from stdin (format binary)", data)
        self.assertEqual(value(connection, "select sum(id) from cargo"), 500500)

    def test_a_bad_line_fails_the_copy_and_nothing_else(self):
        wire = self.wire()
        wire.send(query("copy cargo from stdin"))
        wire.expect("G")
        for _ in range(50):
            wire.send(copy_data(b"1\tgood\n"))
        wire.send(copy_data(b"not a number\tbad\n"))
        for _ in range(500):
            wire.send(copy_data(b"1\tafter the error\n" * 100))
        wire.send(COPY_DONE)
        error, _ = wire.expect("EZ")
        self.assertEqual(error.fields()["C"], "22P02")
        self.assertEqual(self.count(), 0)
        self.assert_works(wire)

    def test_an_error_is_told_while_the_client_is_still_sending(self):
        wire = self.wire()
        wire.send(query("copy cargo from stdin"))
        wire.expect("G")
        wire.send(copy_data(b"x\ty\n" * 2000))
        wire.expect("EZ")           # before CopyDone
        wire.send(copy_data(b"late\n"), copy_data(b"later\n"), COPY_DONE)  # to be ignored, as PostgreSQL does
        self.assert_works(wire)

    def test_the_client_gives_up(self):
        wire = self.wire()
        wire.send(query("copy cargo from stdin"), copy_data(b"1\tx\n"), copy_fail("changed my mind"))
        _, error, _ = wire.expect("GEZ")
        self.assertEqual(error.fields()["C"], "57014")
        self.assertIn("changed my mind", error.fields()["M"])
        self.assertEqual(self.count(), 0)
        self.assert_works(wire)

    def test_by_the_extended_protocol(self):
        wire = self.wire()
        wire.send(parse("copy cargo from stdin"), bind(), execute(), SYNC, copy_data(b"1\tx\n"), COPY_DONE, SYNC)
        # The Sync before the data is ignored by the server while it copies; the one after it counts.
        self.assertEqual([m.type for m in wire.until_ready()], list("12GC"))
        self.assertEqual(self.count(), 1)
        self.assert_works(wire)

    def test_an_error_in_an_extended_copy_skips_to_the_sync(self):
        wire = self.wire()
        wire.send(parse("copy cargo from stdin"), bind(), execute())
        wire.send(copy_data(b"bad\tline\n"), COPY_DONE, SYNC)
        self.assertEqual([m.type for m in wire.until_ready()], list("12GE"))
        self.assert_works(wire)

    def test_a_client_that_vanishes_while_sending_rolls_back(self):
        for leave in ("close", "reset"):
            wire = self.wire()
            wire.send(query("copy cargo from stdin"))
            wire.expect("G")
            wire.send(copy_data(b"1\tnever\n" * 1000))
            getattr(wire, leave)()
            self.wait_for_no_lease()
            self.assertEqual(self.count(), 0)
        self.assert_others_unaffected()

    def test_a_client_that_vanishes_in_the_middle_of_a_message(self):
        wire = self.wire()
        wire.send(query("copy cargo from stdin"))
        wire.expect("G")
        wire.send(copy_data(b"1\tcut\n" * 100)[:-50])
        wire.close()
        self.wait_for_no_lease()
        self.assertEqual(self.count(), 0)
        self.assert_others_unaffected()

    def test_a_client_that_vanishes_while_receiving(self):
        self.server.sql("insert into cargo select n, repeat('x', 1000) from generate_series(1, 50000) n")
        for leave in ("close", "reset"):
            wire = self.wire()
            wire.send(query("copy cargo to stdout"))
            wire.expect("Hd")
            getattr(wire, leave)()
        wait_until(lambda: not self.busy_backends(), "the server connections are free again")
        self.assert_others_unaffected()

    def test_the_server_dies_during_a_copy(self):
        wire = self.wire()
        pid = int(wire.simple("select pg_backend_pid()")[0][0])
        wire.send(query("copy cargo from stdin"))
        wire.expect("G")
        backend = wait_until(lambda: self.server.sql(
            "select pid from pg_stat_activity where query like 'copy cargo from%' and state = 'active'"), "the copy is running")
        self.server.sql("select pg_terminate_backend(%s)", (backend[0][0],))
        error = wire.next()
        self.assertEqual(error.type, "E")
        self.assertGreater(pid, 0)
        self.assert_others_unaffected()

    def test_copies_within_a_transaction(self):
        connection = self.connect(autocommit=False)
        with connection.cursor() as cursor:
            cursor.copy_expert("copy cargo from stdin", io.StringIO("1\ta\n"))
            cursor.execute("savepoint s")
            with self.assertRaises(psycopg2.Error):
                cursor.copy_expert("copy cargo from stdin", io.StringIO("x\ta\n"))
            cursor.execute("rollback to s")
            cursor.copy_expert("copy cargo from stdin", io.StringIO("2\tb\n"))
        connection.commit()
        self.assertEqual(self.count(), 2)


if __name__ == "__main__":
    unittest.main()
