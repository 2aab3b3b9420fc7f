# SPDX-License-Identifier: Apache-2.0
#
# The details of MySQL's protocol that proxies get wrong, each seen through Penstock beside a direct connection. What is tested where:
#
#   16 MiB packets                     PacketsOf16MiB here; packet_test, front_test (unit)
#   sequence numbers                   mysql_wire checks every packet of every test; mysql_malformed; LOCAL INFILE: LocalInfile here
#   DEPRECATE_EOF 2 x 2                deprecate_eof_test (unit), mysql_sweep_test (scripted), Capabilities here (client's side)
#   OUT parameters                     Procedures here; deprecate_eof_test (unit)
#   status flags of the login's OK     mysql_state_leak (the end of the login), Capabilities here
#   LOCAL INFILE                       LocalInfile here; mysql_hostile_servers (unasked), mysql_malformed (a client's nonsense)
#   cursors, long data                 mysql_state_leak, mysql_crossed_rows, mysql_sweep_test; Statements here; front_statements_test (unit)
#   statement id -1, metadata caching,
#   extended metadata, bulk            MariaDbs here
#   optional metadata, attributes      MySqls here; front_test (unit)
#   65535 parameters                   Statements here
#   collations above 255               Charsets here
#   charset changed on the fly         Charsets here; effects_test (unit)
#   auth switch, handshake bounds,
#   SSLRequest against response        client_login_test, client_login_hostile_test, server_login_hostile_test (unit), mysql_malformed
#   server version, 5.5.5- prefix      mysql_connect_and_query
#   session_track, redirect_url        mysql_state_leak (changes compared); front_state_test (unit); Tracking here
#   error amid rows, half a batch      mysql_hostile_servers, mysql_sweep_test; Errors here
#   warnings, LAST_INSERT_ID() ...     mysql_state_leak; LeftBehind here
#   COM_SET_OPTION, COM_FIELD_LIST     Capabilities here, mysql_state_leak
#   COM_QUIT, COM_STMT_CLOSE           Statements here; front_statements_test (unit)
#   duplicate PREPARE, text PREPARE    Statements here, mysql_state_leak
#   max_allowed_packet                 PacketsOf16MiB here
#   8.1 client's probe                 Errors here
#   TLS records, split packets         mysql_sweep_test (octet by octet), net's stream_tls_test (unit)
#   connection attributes              mysql_malformed (bounds), client_login_test (unit)
#   COM_CHANGE_USER                    mysql_change_user; client_login_test (unit)
#   KILL, COM_PROCESS_KILL             mysql_killing
#   compression                        mysql_compression; compressed_test (unit)
#   user variables written by UPDATE   mysql_state_leak; effects_test (unit)

import contextlib
import unittest

import mysql_packets as m
from mysql_fixture import each_product
from mysql_packets import USUAL, Error, frame
from mysql_pair import normal
from mysql_penstock import MySqlPenstock
from mysql_products import PASSWORD
from mysql_wire import Wire

MATRIX = {name: getattr(m, name) for name in (
    "FOUND_ROWS", "LONG_FLAG", "NO_SCHEMA", "ODBC", "LOCAL_FILES", "IGNORE_SPACE", "INTERACTIVE", "IGNORE_SIGPIPE", "TRANSACTIONS",
    "RESERVED", "MULTI_STATEMENTS", "MULTI_RESULTS", "PS_MULTI_RESULTS", "PLUGIN_AUTH_LENENC", "CONNECT_ATTRS", "EXPIRED_PASSWORDS",
    "SESSION_TRACK", "DEPRECATE_EOF", "REMEMBER_OPTIONS")}


class Twins:
    """What a raw client sees through Penstock and directly must be the same."""

    through = staticmethod(lambda cluster: MySqlPenstock(cluster, pool_size=3).start())

    def twins(self, capabilities=USUAL, **options):
        self.server.connect().close()  # so that the server knows the password's hash
        wires = [Wire(port, timeout=30).log_in("app", "app", PASSWORD, capabilities, **options) for port in (self.target.port, self.server.port)]
        for wire in wires:
            self.addCleanup(wire.close)
        return wires

    def same(self, wires, what, action):
        ours, theirs = (normal(action(wire), self.is_mariadb, side == 1) for side, wire in enumerate(wires))
        self.assertEqual(ours, theirs, what)
        return theirs

    def other_sessions_pass(self, count=3):
        """Other sessions use every connection of the pool once, so that what a session left is no longer there."""
        others = [Wire(self.target.port).log_in("app", "app", PASSWORD) for _ in range(count)]
        for text in ("begin", "insert into app.others(x) values (1), (2)", "select 1 from app.others union select 1/0", "commit"):
            for other in others:
                other.query(text)
        for other in others:
            other.close()

    def setUp(self):
        self.server.sql("create table if not exists app.others(id int auto_increment primary key, x int)")
        self.server.sql("create table if not exists app.details(id int auto_increment primary key, x varchar(100), y double default 2.5)")
        self.server.sql("insert ignore into app.details values (1, 'one', 1.5), (2, 'two', null)")


@each_product
class Capabilities(Twins):
    def battery(self, wires):
        def prepared(wire):
            made = wire.prepare("select x, id + ? from details where id < ?")
            results = wire.execute(made.id, ("5", "3"))
            cursor = wire.execute(made.id, ("5", "3"), 1)
            rows = wire.fetch(made.id, 5, cursor[-1].columns)
            return made._replace(id=0), results, cursor, rows
        self.same(wires, "login", lambda wire: wire.welcome)
        for text in ("select * from details where id < 3", "select 1 from details where false", "update details set x = x where id < 3", "selec",
                     "select 1/0", "set @a = 1, time_zone = '+01:00'", "select concat ('a', 'b')", "select 1; select 2, 3", "do 1; selec; do 2"):
            self.same(wires, text, lambda wire, text=text: wire.query(text))
        self.same(wires, "prepared", prepared)
        self.same(wires, "COM_FIELD_LIST", lambda wire: wire.field_list("details"))
        self.same(wires, "COM_FIELD_LIST of nothing", lambda wire: wire.field_list("there_is_none"))
        # Its OK, and COM_PING's, have the number of warnings of whatever ran on that connection before: MySQL.
        self.same(wires, "COM_INIT_DB", lambda wire: wire.simple(m.INIT_DB, b"other")._replace(warnings=0))
        self.same(wires, "COM_INIT_DB of nothing", lambda wire: wire.simple(m.INIT_DB, b"there_is_none"))
        self.same(wires, "COM_PING", lambda wire: wire.ping()._replace(warnings=0))
        self.same(wires, "COM_SET_OPTION", lambda wire: type(wire.simple(m.SET_OPTION, b"\1\0")))
        self.same(wires, "after it", lambda wire: wire.query("select 1; select 2"))
        self.same(wires, "COM_RESET_CONNECTION", lambda wire: wire.simple(m.RESET_CONNECTION)._replace(status=0))
        self.same(wires, "after it", lambda wire: wire.query("select @a, @@session.time_zone, database()"))

    def test_each_bit_on_and_off(self):
        for name, bit in MATRIX.items():
            with self.subTest(name, on=not USUAL & bit):
                options = {"attributes": {"program_name": "matrix"}} if bit == m.CONNECT_ATTRS else {}
                self.battery(self.twins(USUAL ^ bit, **options))

    def test_nothing_but_what_is_needed(self):
        self.battery(self.twins(m.PROTOCOL_41 | m.SECURE_CONNECTION | m.PLUGIN_AUTH))


@each_product
class Statements(Twins):
    def test_very_many_parameters(self):
        text = "select " + ", ".join(["?"] * 3000)
        def run(wire):
            made = wire.prepare(text)
            return made.parameters, wire.execute(made.id, ["1"] * 3000)[-1].rows
        self.same(self.twins(), "3000", run)
        self.same(self.twins(), "65536", lambda wire: type(wire.prepare("select " + ",".join(["?"] * 65536))))

    def test_ids_of_one_text_are_apart(self):
        wire, _ = self.twins()
        one, two = wire.prepare("select ?"), wire.prepare("select ?")
        self.assertNotEqual(one.id, two.id)
        wire.long_data(one.id, 0, b"long")
        self.assertEqual(wire.execute(two.id, ("short",))[-1].rows, [(b"short",)])
        wire.close_statement(two.id)
        self.assertEqual(wire.execute(two.id, ("x",))[-1].code, 1243)
        wire.send_execute(one.id)
        wire.sequence = 1
        wire.results(True)  # refused, as the value is missing, or answered; the connection goes on in any case
        self.assertEqual(wire.rows("select 1"), [(b"1",)])

    def test_a_cursor_of_one_session_does_no_harm_to_another(self):
        """See CursorsOfMySql in mysql_crossed_rows: both sessions have the same statement on the same server connection."""
        text = "select x from details where id < ? and 'cursor of one' <> ''"
        mine, other = (Wire(self.target.port).log_in("app", "app", PASSWORD) for _ in range(2))
        for wire in (mine, other):
            self.addCleanup(wire.close)
        scrolled, plain = mine.prepare(text), other.prepare(text)
        for _ in range(4):
            opened = mine.execute(scrolled.id, ("3",), 1)[-1]
            self.assertEqual(len(mine.fetch(scrolled.id, 1, opened.columns).rows), 1)
            mine.simple(m.RESET, scrolled.id.to_bytes(4, "little"))
            self.assertEqual(len(other.execute(plain.id, ("3",))[-1].rows), 2)
            self.assertEqual(len(mine.execute(scrolled.id, ("3",))[-1].rows), 2)

    def test_statements_follow_the_session_and_are_bounded(self):
        wires = self.twins()
        ids = [[wire.prepare(f"select {number}, ?").id for number in range(30)] for wire in wires]
        for number in range(30):
            self.other_sessions_pass() if number % 10 == 0 else None
            results = [wire.execute(mine[number], ("v",))[-1].rows for wire, mine in zip(wires, ids)]
            self.assertEqual(results[0], results[1])

    def test_a_table_changes_between_two_executions(self):
        wires = self.twins()
        self.server.sql("create or replace table app.changing(a int)" if self.is_mariadb else "create table app.changing(a int)")
        self.server.sql("insert into app.changing values (1)")
        made = [wire.prepare("select * from changing") for wire in wires]
        for _ in range(2):
            results = [wire.execute(each.id)[-1] for wire, each in zip(wires, made)]
            self.assertEqual(results[0].rows, results[1].rows)
            self.server.sql("alter table app.changing add column if not exists b varchar(5) default 'new'" if self.is_mariadb else
                            "alter table app.changing add column b varchar(5) default 'new'") if not results[0].rows[0][1:] else None
        self.server.sql("drop table app.changing")


PROCEDURES = ("outs(in a int, out b int, inout c varchar(20)) begin set b = a + 1; set c = concat(c, '!'); end",
              "rows_and_outs(in a int, out b int) begin select a; select id from details where id < a; select id from details where id < 3; set b = a; end",
              "fails(in a int, out b int) begin select a; set b = 5; signal sqlstate '45000'; end",
              "rows_alone(in a int) begin select a; end", "warns(out b int) begin select 1/0; set b = 7; end")
CALLS = (("outs(?, ?, ?)", ("1", "2", "3")), ("rows_and_outs(?, ?)", ("1", "2")), ("fails(?, ?)", ("1", "2")), ("rows_alone(?)", ("4",)),
         ("warns(?)", ("1",)), ("outs(?, @x, @y)", ("1",)), ("outs(?, ?, ?)", ("1", None, "x" * 100_000)))


# MySQL 9.7.4, without DEPRECATE_EOF: the EOF in front of the OUT parameters says that they are that and that something follows; the one
# behind them does not, and yet an OK follows. MariaDB says it twice, and so do we. But how many warnings there are MariaDB says in the
# first one alone, before the procedure's OK says it again, and to us its server only in the latter.
UNFOLLOWED_EOF, FLAGGED_EOF, WARNING_EOF = b"\xfe\0\0\2\0", b"\xfe\0\0\n\x10", b"\xfe\1\0\n\x10"


@each_product
class Procedures(Twins):
    """CALL, packet by packet: which result is that of OUT parameters, and which one another follows."""

    def setUp(self):
        super().setUp()
        for text in PROCEDURES:
            self.server.sql(f"drop procedure if exists app.{text.split('(')[0]}")
            self.server.sql(f"create procedure app.{text}")

    def packets(self, wire, action):
        seen, take = [], wire.packet
        def packet():
            number = wire.sequence
            came = take()
            seen.append((number, FLAGGED_EOF if came == WARNING_EOF else came))
            return came
        wire.packet = packet
        try:
            action(wire)
            if seen[-1][1] == UNFOLLOWED_EOF and any(came == FLAGGED_EOF for _, came in seen):
                packet()
                seen[-2] = (seen[-2][0], FLAGGED_EOF)
        finally:
            del wire.packet
        return seen

    def test_packet_by_packet(self):
        for leaves_out in (0, m.DEPRECATE_EOF, m.SESSION_TRACK, m.DEPRECATE_EOF | m.SESSION_TRACK, m.PS_MULTI_RESULTS,
                           m.PS_MULTI_RESULTS | m.DEPRECATE_EOF):
            wires = self.twins((USUAL | m.MULTI_STATEMENTS) & ~leaves_out)
            for text in ("call outs(1, @b, @c)", "call rows_and_outs(2, @b)", "call fails(1, @b)", "call rows_alone(1)", "call warns(@b)",
                         "select 1; call rows_and_outs(1, @b)"):
                with self.subTest(text, leaves_out=hex(leaves_out)):
                    self.assertEqual(*(self.packets(wire, lambda wire, text=text: wire.query(text)) for wire in wires))
            for call, values in CALLS:
                ids = [wire.prepare(f"call {call}").id for wire in wires]
                for _ in range(2):
                    with self.subTest(call, leaves_out=hex(leaves_out)):
                        seen = [self.packets(wire, lambda wire, made=made: wire.execute(made, values)) for wire, made in zip(wires, ids)]
                        self.assertEqual(*seen)
            for wire in wires:
                wire.close()


@each_product
class PacketsOf16MiB(Twins):
    def test_around_the_limit_of_a_frame(self):
        wires = self.twins()
        for size in (m.FULL_FRAME - 1, m.FULL_FRAME, m.FULL_FRAME + 1, 2 * m.FULL_FRAME):
            with self.subTest(size):
                text = b"select length('" + b"x" * (size - len(b"\3select length('')")) + b"')"
                self.same(wires, "query", lambda wire, text=text: wire.query(text)[-1].rows)
                self.same(wires, "answer", lambda wire, size=size: hash(wire.query(f"select repeat('y', {size - 5})")[-1].rows[0][0]))
        wire = wires[0]
        made = wire.prepare("select length(?), ?")
        self.assertEqual(wire.execute(made.id, ("z" * (m.FULL_FRAME + 10), "end"))[-1].rows[0][1], b"end")

    def test_beyond_max_allowed_packet_the_error_is_the_servers(self):
        wires = self.twins()
        self.same(wires, "repeat", lambda wire: wire.query("select length(repeat('x', 70 * 1024 * 1024))"))
        self.same(wires, "why", lambda wire: wire.query("show warnings")[-1].rows)


@each_product
class LeftBehind(Twins):
    """What one statement leaves for the next, wherever that runs."""

    def test_after_other_sessions(self):
        wires = self.twins()
        asks = ("select last_insert_id()", "select @@last_insert_id", "select row_count()", "select found_rows()", "show warnings")
        leaves = ("insert into others(x) values (7), (8)", "update others set x = x + 1 where id < 3", "select 1 union select 2 union select 3",
                  "select 1/0, cast('x' as signed)", "selec", "select last_insert_id(77)", "insert into others(id, x) values (null, 1/0)",
                  "drop table if exists there_is_none", "do 1")
        for leave in leaves:
            for ask in asks:
                if (leave[:6], ask) == ("update", "select found_rows()"):
                    continue  # MySQL gives how many rows the UPDATE found, which no manual says
                with self.subTest(leave=leave, ask=ask):
                    self.assertEqual(*(self.left(wire, leave, ask) for wire in wires))

    def left(self, wire, leave, ask):
        """Both wires use the same table, so only what does not depend on whose turn it is can be compared."""
        inserted = getattr(wire.query(leave)[-1], "insert_id", 0)
        self.other_sessions_pass()
        came = wire.query(ask)[-1]
        wire.simple(m.RESET_CONNECTION)
        return [[b"inserted" if inserted and value == str(inserted).encode() else value for value in row] for row in came.rows]

    def test_what_pins_from_its_first_use(self):
        """Texts whose answers cannot be carried to another server: whoever has used one keeps a connection that has something to tell."""
        leaves = ("select 1/0, cast('x' as signed)", "selec", "insert into others(id, x) values (null, 1/0)", "drop table if exists there_is_none",
                  "do 1")
        for ask in ("show errors", "select @@warning_count", "select @@error_count", "show count(*) warnings"):
            wires = self.twins()
            for wire in wires:
                wire.query("select 1/0")
                self.other_sessions_pass(2)
                wire.query(ask)
            for leave in leaves:
                with self.subTest(leave=leave, ask=ask):
                    self.same(wires, ask, lambda wire, leave=leave: wire.query(leave))
                    self.other_sessions_pass(2)
                    self.same(wires, ask, lambda wire, ask=ask: wire.query(ask))
            for wire in wires:
                wire.close()


@each_product
class Errors(Twins):
    def test_in_a_batch_and_amid_rows(self):
        wires = self.twins()
        for text in ("select 1; select * from there_is_none; select 2", "select (select 1 union select 2)", "select 1; do 1; selec",
                     "select id, (select 1 union select id) from details", "select $$", "select $tag$hello$tag$", "select $$hello$$"):
            self.same(wires, text, lambda wire, text=text: wire.query(text))

    def test_the_clients_probe_counts_as_no_fault_of_anybodys(self):
        wire, _ = self.twins()
        self.assertIsInstance(wire.query("select $$")[-1], Error)
        self.assertEqual(wire.rows("select 1"), [(b"1",)])


@each_product
class LocalInfile(Twins):
    def test_the_clients_octets_arrive_and_are_counted(self):
        self.server.sql("create table if not exists app.loaded(x varchar(200))")
        def load(wire):
            wire.query("delete from loaded")
            wire.send_query("load data local infile 'name of the client' into table loaded")
            asked = wire.packet()
            for part in (b"one\ntw", b"o\n", b"three\n" * 1000):
                wire.send(frame(part, wire.sequence))
                wire.sequence += 1
            wire.send(frame(b"", wire.sequence))
            wire.sequence += 1
            return asked, wire.result(), wire.query("select count(*), max(x), min(x) from loaded")[-1].rows
        self.same(self.twins(USUAL | m.LOCAL_FILES), "load", load)

    def test_whoever_does_not_offer_it_gets_the_error(self):
        self.same(self.twins(), "load", lambda wire: wire.query("load data local infile 'x' into table details"))


@each_product
class Charsets(Twins):
    def test_collations_by_number_and_name(self):
        for number in (8, 33, 45, 46, 63, 192, 224, 255):
            with self.subTest(number):
                wires = self.twins(charset=number)
                self.same(wires, number, lambda wire: wire.query("select @@collation_connection, @@character_set_client, "
                                                                 "@@character_set_results, hex('\u00e9'), collation('x')")[-1].rows)
        wires = self.twins()
        for name in ("utf8mb4 collate utf8mb4_general_ci", "gbk", "latin1", "utf8mb4 collate utf8mb4_unicode_520_ci", "sjis", "binary"):
            self.same(wires, name, lambda wire, name=name: wire.query(f"set names {name}"))
            self.other_sessions_pass(2)
            self.same(wires, name, lambda wire: wire.query(b"select @@collation_connection, hex('\xbf\x5c'), length('\x83\x5c\\\\')")
                      if name in ("gbk", "sjis") else wire.query("select @@collation_connection")[-1].rows)


@each_product
class Tracking(Twins):
    def test_clients_are_told_what_they_asked_for(self):
        wires = self.twins()
        for text in ("set session_track_state_change = on", "set time_zone = '+01:00'", "set session_track_system_variables = 'sql_mode'",
                     "set sql_mode = ''", "set time_zone = '+02:00'", "set session_track_schema = off", "use other",
                     "set session_track_system_variables = ''", "set sql_mode = 'ANSI'", "set session_track_schema = on", "use app",
                     "select 1", "set session_track_system_variables = '*'", "set lock_wait_timeout = 7"):
            ours, theirs = (normal(wire.query(text)[-1], self.is_mariadb, side == 1) for side, wire in enumerate(wires))
            told = [tuple(change for change in each.changes if b"session_track" not in change[1] and b"statement_id" not in change[1])
                    for each in (ours, theirs)]
            self.assertEqual(told[0], told[1], text)


class MySqls(Twins):
    """Of MySQL alone."""

    def test_query_attributes(self):
        wires = self.twins(USUAL | m.QUERY_ATTRIBUTES)
        for attributes in ({}, {"traceparent": "00-1"}, {f"name {n}": "v" * n for n in range(20)}):
            self.same(wires, attributes, lambda wire, attributes=attributes: wire.query("select 1", attributes))
            self.same(wires, attributes, lambda wire, attributes=attributes: wire.query("select 1; select 2", attributes))
        self.same(wires, "execute", lambda wire: wire.execute(wire.prepare("select ?").id, ("x",), 8))

    def test_metadata_is_left_out_where_that_is_asked(self):
        wires = self.twins(USUAL | m.OPTIONAL_METADATA)
        self.same(wires, "in full", lambda wire: wire.query("select 1, 'two'"))
        self.same(wires, "off", lambda wire: wire.query("set resultset_metadata = none")[-1].affected)
        for _ in range(2):
            def row(wire):
                wire.send_query("select 1, 'two'")
                return [wire.packet() for _ in range(2)]
            self.same(wires, "none", row)
            for wire in wires:
                wire.packet()
            self.other_sessions_pass()
        self.same(wires, "on", lambda wire: wire.query("set resultset_metadata = full")[-1].affected)
        self.same(wires, "in full again", lambda wire: wire.query("select 1, 'two'"))


class MariaDbs(Twins):
    """Of MariaDB alone."""

    extended = USUAL & ~m.LONG_PASSWORD

    def test_a_collation_it_does_not_know_costs_a_connection_once(self):
        """255 is the usual one of MySQL's clients. Each worker learns of it from the server's refusal, which ends that connection."""
        penstock = MySqlPenstock(self.cluster, {"workers": 2}, pool_size=3).start()
        self.addCleanup(penstock.stop)

        def seen(port):
            with contextlib.closing(Wire(port).log_in("app", "app", PASSWORD, charset=255)) as wire:
                return wire.query("select @@collation_connection, @@character_set_client, @@character_set_results")[-1].rows

        directly = seen(self.server.port)
        for _ in range(20):
            self.assertEqual(seen(penstock.port), directly)
        closed = {name: count for name, count in penstock.metrics().items() if name.startswith("penstock_database_connections_closed_total")}
        self.assertIn(sum(closed.values()), (1, 2), closed)

    def test_the_extended_capabilities_are_offered(self):
        wires = self.twins(self.extended)
        self.assertEqual(*(wire.greeting.capabilities >> 32 & (m.BULK | m.EXTENDED_METADATA | m.CACHE_METADATA) >> 32 for wire in wires))

    def test_extended_metadata(self):
        wires = self.twins(self.extended | m.EXTENDED_METADATA)
        for text in ("select json_array(1), 'x', cast('::1' as inet6), st_geomfromtext('point(1 1)')", "select * from details where id < 3"):
            self.same(wires, text, lambda wire, text=text: wire.query(text))

    def test_metadata_is_cached(self):
        def run(wire):
            made = wire.prepare("select id, x from details where id < ?")
            results = [wire.execute(made.id, ("3",))[-1] for _ in range(2)]
            self.other_sessions_pass()
            results.append(wire.execute(made.id, ("3",))[-1])
            return [result.rows for result in results]
        self.same(self.twins(self.extended | m.CACHE_METADATA), "thrice", run)

    def test_statement_minus_one_is_the_last_prepared(self):
        def run(wire):
            wire.prepare("select 'first'")
            made = wire.prepare("select 'second', ?")
            wire.statements[0xffffffff] = made
            return wire.execute(0xffffffff, ("x",))[-1].rows
        self.same(self.twins(self.extended), "-1", run)

    def test_bulk(self):
        def run(wire):
            wire.query("create temporary table bulk(x varchar(20))")
            made = wire.prepare("insert into bulk values (?)")
            wire.command(m.BULK_EXECUTE, made.id.to_bytes(4, "little") + b"\x80\0\xfe\0" + b"".join(b"\0" + m.string(v) for v in (b"a", b"bc", b"d")))
            return wire.result()._replace(changes=(), status=0), wire.query("select group_concat(x) from bulk")[-1].rows
        self.same(self.twins(self.extended | m.BULK), "bulk", run)


for kind, product in ((MySqls, "mysql"), (MariaDbs, "mariadb")):
    each_product(kind)
    unwanted = "MariaDb" if product == "mysql" else "MySql"
    del globals()[f"{kind.__name__}On{unwanted}"]


if __name__ == "__main__":
    unittest.main()
