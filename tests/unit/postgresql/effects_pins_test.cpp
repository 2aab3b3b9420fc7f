// SPDX-License-Identifier: Apache-2.0
//
// What pins a session, and what only looks as if it did.
#include "effects_support.hpp"

namespace penstock::postgresql {
namespace {

TEST(PinsOfCreate, AreForTemporaryObjects)
{
    expect_effects({
        {"CREATE TEMP TABLE t (a int)", "create pins:temporary_object"},
        {"CREATE TEMPORARY TABLE IF NOT EXISTS t (a int)", "create pins:temporary_object"},
        {"CREATE LOCAL TEMP TABLE t (a int)", "create pins:temporary_object"},
        {"CREATE GLOBAL TEMPORARY TABLE t (a int)", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t AS SELECT 1", "create pins:temporary_object"},
        {"CREATE TEMP VIEW v AS SELECT 1", "create pins:temporary_object"},
        {"CREATE OR REPLACE TEMP VIEW v AS SELECT 1", "create pins:temporary_object"},
        {"CREATE OR REPLACE TEMPORARY RECURSIVE VIEW v (a) AS SELECT 1", "create pins:temporary_object"},
        {"CREATE TEMP SEQUENCE s", "create pins:temporary_object"},
        {"CREATE /* a */ TEMP -- b\n TABLE t (a int)", "create pins:temporary_object"},
        {"EXPLAIN ANALYZE CREATE TEMP TABLE t AS SELECT 1", "explain pins:temporary_object"},
        {"EXPLAIN (ANALYZE, BUFFERS) CREATE TEMP TABLE t AS SELECT 1", "explain pins:temporary_object"},
        {"EXPLAIN (FORMAT text, ANALYZE) CREATE TEMP TABLE t AS SELECT 1", "explain pins:temporary_object"},
        {"BEGIN; CREATE TEMP TABLE t (a int); COMMIT", "begin*3 pins:temporary_object"},
    });
}

TEST(PinsOfCreate, AreNotForTablesThatGoOnCommit)
{
    expect_effects({
        {"CREATE TEMP TABLE t (a int) ON COMMIT DROP", "create"},
        {"CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 1", "create"},
        {"create temporary table t (a int) on commit drop tablespace x", "create"},
        {"CREATE TABLE pg_temp.t (a int) ON COMMIT DROP", "create"},
        {"CREATE TEMP TABLE t (a int) ON COMMIT PRESERVE ROWS", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t (a int) ON COMMIT DELETE ROWS", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t (a text DEFAULT ' ON COMMIT DROP')", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t (a int) -- ON COMMIT DROP", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t (a int); CREATE TEMP TABLE u (a int) ON COMMIT DROP", "create*2 pins:temporary_object"},
        {"CREATE TEMP TABLE t (a int) ON COMMIT DROP; CREATE TEMP TABLE u (a int)", "create*2 pins:temporary_object"},
        {"CREATE TEMP TABLE t (\"on\" int) commit drop", "create pins:temporary_object"},
        {"CREATE TEMP TABLE t (on commit drop)", "create pins:temporary_object"},
    });
}

TEST(PinsOfCreate, AreNotForOtherObjects)
{
    expect_effects({
        {"CREATE TABLE temp (a int)", "create"},
        {"CREATE TABLE t (temp int, temporary int)", "create"},
        {"CREATE UNLOGGED TABLE t (a int)", "create"},
        {"CREATE VIEW temp AS SELECT 1", "create"},
        {"CREATE TABLE \"temp\" (a int)", "create"},
        {"SELECT temp FROM t", "select"},
        {"DROP TABLE temp", "drop"},
        {"CREATE TABLE t AS SELECT 'CREATE TEMP TABLE'", "create"},
        {"CREATE INDEX temp ON t (a)", "create"},
    });
}

TEST(PinsOfSelectInto, AreForTemporaryTables)
{
    expect_effects({
        {"SELECT * INTO TEMP t FROM s", "select pins:temporary_object"},
        {"SELECT * INTO TEMPORARY TABLE t FROM s", "select pins:temporary_object"},
        {"SELECT * INTO LOCAL TEMP t FROM s", "select pins:temporary_object"},
        {"SELECT * INTO GLOBAL TEMPORARY TABLE t FROM s", "select pins:temporary_object"},
        {"WITH x AS (SELECT 1) SELECT * INTO TEMP t FROM x", "with pins:temporary_object"},
        {"EXPLAIN ANALYZE SELECT 1 AS a INTO TEMP t", "explain pins:temporary_object"},
        {"SELECT insert, a INTO TEMP t FROM s", "select pins:temporary_object"},
        {"SELECT * INTO t FROM temp", "select"},
        {"SELECT * INTO \"temp\" FROM s", "select"},
        {"INSERT INTO temp VALUES (1)", "insert"},
        {"INSERT /* a */ INTO temporary SELECT 1", "insert"},
        {"WITH x AS (SELECT 1) INSERT INTO temp SELECT * FROM x", "with"},
        {"MERGE INTO temp USING s ON true WHEN MATCHED THEN DELETE", "merge"},
        {"SELECT local, temp FROM t", "select"},
        {"SELECT a INTO x.temp FROM t", "select"},
    });
}

TEST(PinsOfTheTemporarySchema, AreForAnyMentionOfIt)
{
    expect_effects({
        {"CREATE TABLE pg_temp.t (a int)", "create pins:temporary_object"},
        {"CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'select 1'", "create pins:temporary_object"},
        {"CREATE TYPE pg_temp . t AS (a int)", "create pins:temporary_object"},
        {"CREATE TABLE \"pg_temp\".\"t\" (a int)", "create pins:temporary_object"},
        {"SELECT pg_temp.f()", "select pins:temporary_object"},
        {"SELECT * FROM pg_temp_3.t", "select pins:temporary_object"},
        {"SELECT * FROM PG_TEMP.t", "select pins:temporary_object"},
        {"ALTER TABLE pg_temp.t ADD COLUMN b int", "alter pins:temporary_object"},
        {"IMPORT FOREIGN SCHEMA x FROM SERVER s INTO pg_temp", "other pins:temporary_object"},
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql SET search_path = a, pg_temp AS 'select 1'", "create"},
        {"ALTER FUNCTION f() SET search_path = a, pg_temp", "alter"},
        {"SELECT 'pg_temp.t'", "select"},
        {"SELECT \"PG_TEMP\".f()", "select"},
        {"SELECT * FROM pg_temporary.t", "select"},
        {"SELECT * FROM pg_temp_", "select"},
        {"SELECT U&\"pg\\005ftemp\".f()", "select pins:opaque"},
    });
}

TEST(PinsOfFunctions, AreForCallsThatHoldTheSession)
{
    expect_effects({
        {"SELECT pg_advisory_lock(1)", "select pins:advisory_lock"},
        {"SELECT pg_advisory_lock($1, $2)", "select pins:advisory_lock"},
        {"SELECT pg_advisory_lock_shared(1)", "select pins:advisory_lock"},
        {"SELECT pg_try_advisory_lock(1)", "select pins:advisory_lock"},
        {"SELECT pg_try_advisory_lock_shared(1)", "select pins:advisory_lock"},
        {"SELECT pg_catalog.pg_try_advisory_lock ( 1 )", "select pins:advisory_lock"},
        {"SELECT \"pg_catalog\".\"pg_advisory_lock\"(1)", "select pins:advisory_lock"},
        {"SELECT PG_ADVISORY_LOCK(1)", "select pins:advisory_lock"},
        {"SELECT setseed(0.5)", "select pins:setseed"},
        {"SELECT nextval('s')", "select pins:sequence"},
        {"SELECT setval('s', 1)", "select pins:sequence"},
        {"SELECT currval('s')", "select pins:sequence"},
        {"SELECT lastval()", "select pins:sequence"},
        {"INSERT INTO t VALUES (nextval('s'), 1)", "insert pins:sequence"},
        {"SELECT dblink_connect('c', 'host=x')", "select pins:dblink"},
        {"SELECT dblink_connect_u('host=x')", "select pins:dblink"},
        {"SELECT extensions.dblink_connect('host=x')", "select pins:dblink"},
        {"SELECT pg_backup_start('x')", "select pins:opaque"},
        {"SELECT pg_create_logical_replication_slot('x', 'y', true)", "select pins:opaque"},
        {"SELECT pg_copy_physical_replication_slot('x', 'y', true)", "select pins:opaque"},
        {"SELECT pg_copy_logical_replication_slot('x', 'y', true)", "select pins:opaque"},
        {"SELECT pg_replication_origin_session_setup('x')", "select pins:opaque"},
        {"SELECT nextval\n-- a\n/* b */\t('s')", "select pins:sequence"},
        {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(g(nextval('s'))))", "select pins:sequence"},
        {"WITH x AS (SELECT pg_advisory_lock(1)) SELECT 1", "with pins:advisory_lock"},
        {"CREATE TABLE t AS SELECT nextval('s')", "create pins:sequence"},
        {"CREATE MATERIALIZED VIEW v AS SELECT nextval('s')", "create pins:sequence"},
        {"ALTER TABLE t ADD COLUMN a int DEFAULT nextval('s')", "alter pins:sequence"},
        {"COPY (SELECT nextval('s')) TO STDOUT", "copy pins:sequence"},
        {"DECLARE c CURSOR FOR SELECT nextval('s')", "declare pins:sequence"},
        {"SELECT U&\"next\\0076al\"('s')", "select pins:opaque"},
    });
}

TEST(PinsOfFunctions, AreNotForWhatOnlyLooksLikeACall)
{
    expect_effects({
        {"SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(1)", "select"},
        {"SELECT pg_advisory_unlock(1), pg_advisory_unlock_all()", "select"},
        {"SELECT nextval FROM t", "select"},
        {"SELECT nextval, (1)", "select"},
        {"SELECT nextval IN (1)", "select"},
        {"SELECT 'nextval(' || x || ')'", "select"},
        {"SELECT \"NEXTVAL\"('s')", "select"},
        {"SELECT \"nextval \"('s')", "select"},
        {"SELECT nextvals('s'), xnextval('s'), next$val('s')", "select"},
        {"SELECT 1 /* nextval('s') */", "select"},
        {"SELECT 1 -- nextval('s')", "select"},
        {"SELECT $$nextval('s')$$, $x$lastval()$x$", "select"},
        {"SELECT nextval 'x' (1)", "select"},
        {"SELECT nextval $1 (1)", "select"},
        {"SELECT nextval::(x)", "select"},
        {"SELECT dblink('host=x', 'select 1')", "select"},
    });
}

TEST(PinsOfFunctions, AreNotForDefinitions)
{
    expect_effects({
        {"CREATE VIEW v AS SELECT nextval('s')", "create"},
        {"CREATE OR REPLACE VIEW v AS SELECT set_config('a', 'b', false)", "create"},
        {"CREATE FUNCTION f(a bigint DEFAULT nextval('s')) RETURNS int LANGUAGE sql AS 'select 1'", "create"},
        {"CREATE RULE r AS ON INSERT TO t DO ALSO SELECT nextval('s')", "create"},
        {"CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION setval('s')", "create"},
        {"CREATE POLICY p ON t USING (setseed(1) IS NULL)", "create"},
        {"CREATE VIEW v AS SELECT 1; SELECT nextval('s')", "create*2 pins:sequence"},
    });
}

TEST(PinsOfStatements, AreForWhatStaysInTheSession)
{
    expect_effects({
        {"LISTEN a", "listen pins:listen"},
        {"LISTEN \"A\"", "listen pins:listen"},
        {"SELECT 1; LISTEN a", "select*2 pins:listen"},
        {"LOAD 'auto_explain'", "load pins:load"},
        {"DO $$ BEGIN END $$", "do_block pins:opaque"},
        {"DO LANGUAGE plpgsql 'begin end'", "do_block pins:opaque"},
        {"CALL p(1)", "call pins:opaque"},
        {"PREPARE p AS SELECT 1", "prepare prepare:p"},
        {"PREPARE p (int, text) AS SELECT $1", "prepare prepare:p"},
        {"PREPARE \"P\" AS SELECT 1", "prepare prepare:P"},
        {"PREPARE transaction AS SELECT 1", "prepare prepare:transaction"},
        {"PREPARE transaction (int) AS SELECT 1", "prepare prepare:transaction"},
        {"PREPARE \"transaction\" AS SELECT 1", "prepare prepare:transaction"},
        {"PREPARE", "prepare"},
        {"DECLARE c CURSOR WITH HOLD FOR SELECT 1", "declare pins:hold_cursor"},
        {"DECLARE c BINARY INSENSITIVE NO SCROLL CURSOR WITH /* x */ HOLD FOR SELECT 1", "declare pins:hold_cursor"},
        {"DECLARE c CURSOR WITHOUT HOLD FOR SELECT 1", "declare"},
        {"DECLARE hold CURSOR FOR SELECT 1", "declare"},
        {"DECLARE c CURSOR FOR WITH hold AS (SELECT 1) SELECT * FROM hold", "declare"},
        {"SELECT 'LISTEN a; LOAD x; DO y'", "select"},
        {"SELECT do, load, listen, call FROM t", "select"},
    });
}

TEST(PinsOfAmbiguousEncodings, AreForOctetsThatMayHideQuotes)
{
    constexpr lexical_mode ambiguous{.ambiguous_encoding = true};
    expect_effects(
        {{"SELECT 'abc'", "select"}, {"SELECT E'\x83\x5C'", "select pins:unknown_setting,opaque unterminated"}},
        ambiguous);
    expect_effects({{"SELECT '\xC3\xA9'", "select"}});
}

TEST(PinsOfAbsurdDollarTags, AreForAllThatFollows)
{
    const auto tag = "$" + std::string(200, 'x') + "$";
    const auto text = "SELECT " + tag + " a " + tag + "; LISTEN a";
    expect_effects({{text, "select pins:unknown_setting,opaque unterminated"}});
}

TEST(PinReason, HasANameForEachValue)
{
    pin_set all;
    for (unsigned index = 0; index < pin_reason_count; ++index) {
        all.add(static_cast<pin_reason>(index));
        EXPECT_NE(penstock::name_of(static_cast<pin_reason>(index)), "unknown");
    }
    EXPECT_EQ(to_string(pin_set{}), "");
    EXPECT_EQ(to_string(pin_set{pin_reason::load}), "load");
    EXPECT_EQ(to_string(all).substr(0, 31), "temporary_object,advisory_lock,");
    all.remove(pin_reason::load);
    EXPECT_FALSE(all.has(pin_reason::load));
    EXPECT_TRUE(all.has(pin_reason::listen));
}

}  // namespace
}  // namespace penstock::postgresql
