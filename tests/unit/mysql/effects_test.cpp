// SPDX-License-Identifier: Apache-2.0
//
// What a text of MySQL's SQL is seen to leave behind.
#include "protocols/mysql/effects.hpp"

#include "protocols/mysql/builtin_functions.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

std::string pins_of(std::string_view text, sql_reading reading = {})
{
    return to_string(inspect(text, reading).pins);
}

TEST(MysqlEffects, OfPlainStatementsAreNone)
{
    for (const auto* const text : {"SELECT 1",
                                   "select * from get_lock",
                                   "INSERT INTO t VALUES ('SET @a=1', \"GET_LOCK(1)\")",
                                   "SELECT 1 -- into @a",
                                   "SELECT 1 # into @a",
                                   "SELECT /* into @a */ 1",
                                   "SELECT `into @a`, @@sql_mode",
                                   "UPDATE t SET a = 1, b = 'it''s \\' @x:=1'",
                                   "BEGIN",
                                   "COMMIT",
                                   "CREATE TABLE t (a int)",
                                   "USE app",
                                   "CREATE PROCEDURE p() BEGIN SET @a = b; SELECT 1 INTO @c; END",
                                   "SET GLOBAL x = 5",
                                   ""}) {
        EXPECT_TRUE(inspect(text, {}).is_plain()) << text;
    }
}

TEST(MysqlEffects, PinWhatCannotBeCarried)
{
    EXPECT_EQ(pins_of("CREATE TEMPORARY TABLE t (a int)"), "temporary_object");
    EXPECT_EQ(pins_of("create or replace temporary table t (a int)"), "temporary_object");
    EXPECT_EQ(pins_of("/*!50000 CREATE TEMPORARY */ TABLE t (a int)"), "temporary_object");
    EXPECT_EQ(pins_of("/*M!100100 CREATE TEMPORARY*/ TABLE t (a int)"), "temporary_object");
    EXPECT_EQ(pins_of("SELECT GET_LOCK('a', 1)"), "advisory_lock");
    EXPECT_EQ(pins_of("DO get_lock ('a', 1)"), "advisory_lock");
    EXPECT_EQ(pins_of("PREPARE s FROM 'SELECT 1'"), "sql_prepare");
    EXPECT_EQ(pins_of("FLUSH TABLES WITH READ LOCK"), "table_lock");
    EXPECT_EQ(pins_of("FLUSH TABLES t FOR EXPORT"), "table_lock");
    EXPECT_EQ(pins_of("LOCK INSTANCE FOR BACKUP"), "advisory_lock");
    EXPECT_EQ(pins_of("BACKUP LOCK t"), "advisory_lock");
    EXPECT_EQ(pins_of("backup /* all */ stage start"), "advisory_lock");
    for (const auto* const text : {"BACKUP UNLOCK", "BACKUP STAGE FLUSH", "BACKUP STAGE END", "SELECT backup FROM stage"}) {
        EXPECT_EQ(pins_of(text), "") << text;
    }
    EXPECT_TRUE(inspect("UNLOCK TABLES", {}).unlocks);
    EXPECT_FALSE(inspect("UNLOCK INSTANCE", {}).unlocks) << "a read lock may be held beside it";
    EXPECT_EQ(pins_of("LOCK TABLES t READ"), "");  // the server reports these itself
    EXPECT_EQ(pins_of("HANDLER t OPEN"), "handler");
    EXPECT_EQ(pins_of("SET ROLE a"), "role");
    EXPECT_EQ(pins_of("SET RESOURCE GROUP a"), "unknown_setting");
    EXPECT_EQ(pins_of("EXECUTE IMMEDIATE 'SET @a=1'"), "opaque");
    EXPECT_EQ(pins_of("BEGIN NOT ATOMIC SET @a = b; END"), "opaque");
    EXPECT_EQ(pins_of("SELECT 1; SELECT 2; CREATE TEMPORARY TABLE t (a int)"), "temporary_object");
}

TEST(MysqlEffects, LastOverAReset)
{
    const auto lasting = [](std::string_view text) { return to_string(inspect(text, {}).lasting); };
    for (const auto* const text : {"SET ROLE a",
                                   "set @x = 1, role a",
                                   "SET sql_mode = '', ROLE a, @x = 1",
                                   "SET PASSWORD = 'x', ROLE NONE",
                                   "SET STATEMENT max_statement_time = 1 FOR SET ROLE a",
                                   "DO 1; SET ROLE a"}) {
        EXPECT_EQ(lasting(text), "role") << text;
    }
    EXPECT_EQ(lasting("SET RESOURCE GROUP a"), "unknown_setting");
    for (const auto* const text : {"SET @role = 1",
                                   "SET @x = role, @y = (SELECT a, role FROM t)",
                                   "SET DEFAULT ROLE a TO b",
                                   "SET @@role = 1",
                                   "SET `role` = 1",
                                   "CREATE ROLE a"}) {
        EXPECT_EQ(lasting(text), "") << text;
    }
    const auto several = inspect("SET ROLE a, sql_mode = 'ANSI', @x = 5", {});
    EXPECT_TRUE(several.sets);
    EXPECT_EQ(several.user_variables.size(), 1U);
    EXPECT_FALSE(inspect("SET ROLE a", {}).sets);
}

/// MariaDB runs them without a procedure around them; under sql_mode=ORACLE also BEGIN and DECLARE.
TEST(MysqlEffects, OfCompoundStatementsAreThoseOfCode)
{
    for (const auto* const text : {"BEGIN NOT ATOMIC SET @a = 5; END",
                                   "IF 1 THEN SET @a = 5; END IF",
                                   "case 1 when 1 then set @a = 5; end case",
                                   "FOR i IN 1..1 DO SET @a = 5; END FOR",
                                   "LOOP SET @a = 5; END LOOP",
                                   "REPEAT SET @a = 5; UNTIL 1 END REPEAT",
                                   "WHILE 1 DO SET @a = 5; END WHILE",
                                   "BEGIN SET @a = 5; END",
                                   "DECLARE x INT; BEGIN SET @a = 5; END",
                                   "SET STATEMENT max_statement_time=5 FOR IF 1 THEN SET @a = 5; END IF",
                                   "SELECT 1; IF 1 THEN SET @a = 5; END IF"}) {
        const auto effects = inspect(text, {});
        EXPECT_EQ(to_string(effects.pins), "opaque") << text;
        EXPECT_EQ(effects.calls_unknown & unknown_to_mariadb, unknown_to_mariadb) << text;
        EXPECT_TRUE(effects.user_variables.empty()) << "it may not come to run: " << text;
        EXPECT_GT(effects.statements, 1U) << text;
        EXPECT_FALSE(effects.kills) << text;
    }
    EXPECT_TRUE(inspect("IF 1 THEN KILL 5; END IF", {}).kills) << "the number is another connection's there";
    EXPECT_TRUE(inspect("BEGIN KILL 5; END", {}).kills);
    for (const auto* const text : {"BEGIN WORK", "BEGIN; SELECT 1", "SELECT IF(1, 2, 3)", "INSERT INTO t VALUES (1)"}) {
        EXPECT_TRUE(inspect(text, {}).pins.empty()) << text;
        EXPECT_EQ(inspect(text, {}).calls_unknown, 0) << text;
    }
}

TEST(MysqlEffects, OfWhatIsSaidForTheNextTransactionAreNone)
{
    for (const auto* const text : {"SET @@tx_read_only = 1", "SET @@transaction_isolation = 'SERIALIZABLE'"}) {
        EXPECT_TRUE(inspect(text, {}).is_plain()) << text;
    }
    const auto effects = inspect("SET @@tx_isolation = 'SERIALIZABLE', @@sort_buffer_size = 5", {});
    EXPECT_EQ(effects.unscoped, std::vector<std::string>{"sort_buffer_size"});
    EXPECT_TRUE(inspect("SET tx_read_only = 1", {}).sets);
    EXPECT_EQ(inspect("SET @@session.tx_read_only = 1", {}).unscoped.size(), 0U);
}

TEST(MysqlEffects, OfSequencesInOracleModePin)
{
    const sql_reading oracle{.oracle = true};
    EXPECT_EQ(pins_of("SELECT s.NEXTVAL", oracle), "sequence");
    EXPECT_EQ(pins_of("INSERT INTO t VALUES (app.s.currval)", oracle), "sequence");
    EXPECT_EQ(pins_of("SELECT t.nextval FROM t"), "") << "a column";
    EXPECT_EQ(pins_of("SELECT nextval FROM t", oracle), "");
    EXPECT_EQ(pins_of("SET sql_mode = 'ORACLE'; SELECT s.nextval"), "sequence");
}

TEST(MysqlEffects, TellWhatEndsTheConnection)
{
    for (const auto* const text :
         {"COMMIT RELEASE", "rollback work and no chain release", "SELECT 1; COMMIT RELEASE"}) {
        EXPECT_TRUE(inspect(text, {}).releases) << text;
    }
    for (const auto* const text :
         {"COMMIT", "COMMIT NO RELEASE", "ROLLBACK AND CHAIN NO RELEASE", "RELEASE SAVEPOINT a"}) {
        EXPECT_FALSE(inspect(text, {}).releases) << text;
    }
    EXPECT_TRUE(inspect("SELECT @@last_gtid", {}).reads_last_gtid);
    EXPECT_TRUE(inspect("SELECT @@session.last_gtid", {}).reads_last_gtid);
}

TEST(MysqlEffects, PinUserVariablesThatGetWhatIsNoLiteral)
{
    for (const auto* const text : {"SET @a = b",
                                   "SET @a = 1 + 1",
                                   "SET @a := @b",
                                   "SELECT @a := 1",
                                   "SELECT 1 INTO @a",
                                   "SELECT 1, 2 INTO @a, @b",
                                   "CALL p(@a)",
                                   "SET @a = 'it''s'",
                                   "SET @a = 'x\\n'",
                                   "SET @`a``b` = 1",
                                   "SET @a = 1, @b = (SELECT 1)",
                                   "LOAD DATA INFILE 'f' INTO TABLE t (@a) SET b = @a",
                                   "GET DIAGNOSTICS @n = NUMBER",
                                   "SET @a = '\xc3\xa9'",
                                   "SET @a = N'x'",
                                   "SET x = @b := 5"}) {
        EXPECT_TRUE(inspect(text, {}).pins.has(pin_reason::user_variable)) << text;
    }
}

TEST(MysqlEffects, NameLiteralUserVariables)
{
    using list = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(inspect("SET @A = 5, @b='x', @c := -1.5, @d = NULL", {}).user_variables,
              (list{{"a", "5"}, {"b", "'x'"}, {"c", "-1.5"}, {"d", "null"}}));
    EXPECT_EQ(pins_of("SET @a = 5, sql_mode = ''"), "");
    EXPECT_TRUE(inspect("SET @a = 5, sql_mode = ''", {}).sets);
}

TEST(MysqlEffects, TellWhatAsksForEarlierStatements)
{
    EXPECT_TRUE(inspect("SELECT LAST_INSERT_ID()", {}).reads_insert_id);
    EXPECT_TRUE(inspect("SELECT @@identity", {}).reads_insert_id);
    EXPECT_TRUE(inspect("SELECT @@session.last_insert_id", {}).reads_insert_id);
    EXPECT_FALSE(inspect("SELECT last_insert_id FROM t", {}).reads_insert_id);
    EXPECT_TRUE(inspect("SELECT LAST_INSERT_ID(5)", {}).sets_insert_id);
    EXPECT_TRUE(inspect("UPDATE t SET a = last_insert_id( a + 1 )", {}).sets_insert_id);
    EXPECT_FALSE(inspect("SELECT LAST_INSERT_ID(), 1", {}).sets_insert_id);
    EXPECT_TRUE(inspect("SET last_insert_id = 5", {}).sets_insert_id);
    EXPECT_TRUE(inspect("SET a = 1, @@session.identity = 5", {}).sets_insert_id);
    EXPECT_TRUE(inspect("LOAD DATA INFILE 'x' INTO TABLE t", {}).draws_untold);
    EXPECT_TRUE(inspect("SELECT 1; INSERT INTO t VALUES () RETURNING x", {}).draws_untold);
    EXPECT_FALSE(inspect("SELECT 'returning' AS `returning`", {}).draws_untold);
    EXPECT_TRUE(inspect("SELECT ROW_COUNT()", {}).reads_row_count);
    EXPECT_TRUE(inspect("SELECT FOUND_ROWS ()", {}).reads_found_rows);
    EXPECT_TRUE(inspect("SELECT SQL_CALC_FOUND_ROWS 1", {}).calculates_found_rows);
    EXPECT_TRUE(inspect("SHOW COUNT(*) WARNINGS", {}).reads_diagnostics);
    EXPECT_TRUE(inspect("SELECT @@warning_count", {}).reads_diagnostics);
    EXPECT_TRUE(inspect("GET DIAGNOSTICS CONDITION 1 @a = MESSAGE_TEXT", {}).reads_diagnostics);
}

TEST(MysqlEffects, NameUserVariablesThatAreReadOrComputed)
{
    using names = std::vector<std::string>;
    const auto other = [](std::string_view text) { return inspect(text, {}).other_variables; };
    EXPECT_EQ(other("SELECT @a, @B, @a"), (names{"a", "b"}));
    EXPECT_EQ(other("SET @a = 1, @b = @c, @d = 1 + 1"), (names{"c", "b", "d"}));
    EXPECT_EQ(other("SELECT 1 INTO @`The Third`"), names{"the third"});
    EXPECT_EQ(other("SELECT @'x', @\"y\""), (names{"x", "y"}));
    EXPECT_EQ(other("CALL p(@a)"), names{"a"});
    EXPECT_EQ(other("SELECT @a := 5"), names{"a"});
    EXPECT_EQ(other("LOAD DATA INFILE 'f' INTO TABLE t (@a, b) SET c = @a"), names{"a"});
    EXPECT_EQ(other("SELECT '@a', `@b`, @@c -- @d"), names{});
    EXPECT_EQ(other("SELECT @`a``b`"), names{""});    // one that cannot be told
    EXPECT_EQ(other("SELECT @\xc3\xa9"), names{""});  // compared without accents
    std::string many = "SELECT 1";
    for (std::size_t each = 0; each < text_effects::most_names + 5; ++each) {
        many += ",@v" + std::to_string(each);
    }
    EXPECT_EQ(other(many).back(), "");
}

TEST(MysqlEffects, TellOfWhatMayBeAStoredFunction)
{
    constexpr int mysql = unknown_to_mysql, mariadb = unknown_to_mariadb, both = mysql | mariadb;
    const auto where = [](std::string_view text) { return int{inspect(text, {}).calls_unknown}; };
    EXPECT_EQ(where("SELECT f(1)"), both);
    EXPECT_EQ(where("SELECT F (1)"), both);
    EXPECT_EQ(where("SELECT `f`(1)"), both);
    EXPECT_EQ(where("SELECT app.concat(1)"), both);
    EXPECT_EQ(where("SELECT `app`.`f`(1)"), both);
    EXPECT_EQ(where("/*!50000 SELECT f(1) */"), both);
    EXPECT_EQ(where("INSERT INTO t (a, b) VALUES (1, f(2))"), both);
    EXPECT_EQ(where("INSERT INTO t SET a = f(2)"), both);
    EXPECT_EQ(where("INSERT INTO t (a) SELECT f(2)"), both);
    EXPECT_EQ(where("UPDATE t SET a = f(1)"), both);
    EXPECT_EQ(where("DELETE FROM t WHERE f(a) > 2"), both);
    EXPECT_EQ(where("DO f()"), both);
    EXPECT_EQ(where("SET @a = f()"), both);
    EXPECT_EQ(where("SET STATEMENT max_statement_time = 1 FOR SELECT f()"), both);
    EXPECT_EQ(where("CREATE TABLE t (a int) AS SELECT f(1)"), both);
    EXPECT_EQ(where("LOAD DATA INFILE 'x' INTO TABLE t (a) SET b = f(a)"), both);
    EXPECT_EQ(where("WITH c AS (SELECT f(1)) SELECT * FROM c"), both);
    EXPECT_EQ(where("SELECT uuid_to_bin('x')"), mariadb);
    EXPECT_EQ(where("SELECT json_detailed('x')"), mysql);
}

TEST(MysqlEffects, TakeServersOwnFunctionsAndListsOfColumnsForWhatTheyAre)
{
    for (const auto* const text :
         {"SELECT COUNT(*), concat('a', b), NOW(6), IF(a, b, c), CAST(a AS DECIMAL(10, 2)), (a)",
          "SELECT * FROM t WHERE a IN (1, 2) AND (b OR NOT (c)) AND EXISTS (SELECT 1)",
          "SELECT * FROM t JOIN u USING (a) JOIN v ON (v.a = t.a) USE INDEX (i) GROUP BY (a)",
          "SELECT ROW_NUMBER() OVER (PARTITION BY a), SUM(b) OVER w FROM t WINDOW w AS (ORDER BY c)",
          "INSERT INTO t (a, b) VALUES (1, 2), (3, 4)",
          "INSERT INTO `app`.`t` (`a`) VALUES (1) ON DUPLICATE KEY UPDATE a = VALUES(a)",
          "INSERT t (a) SELECT b FROM u",
          "REPLACE INTO t(a) VALUES(1)",
          "INSERT INTO t () VALUES ()",
          "WITH c (a, b) AS (SELECT 1, 2) SELECT * FROM c",
          "WITH RECURSIVE c (a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM c) SELECT * FROM c",
          "SELECT * FROM (SELECT 1) AS d (a)",
          "CREATE TABLE t (a decimal(10, 2), KEY k (a)) PARTITION BY RANGE (a) "
          "(PARTITION p VALUES LESS THAN (5))",
          "ALTER TABLE t ADD INDEX i (a)",
          "CREATE INDEX i ON t (a)",
          "GRANT SELECT (a) ON t TO u",
          "SELECT MATCH (a) AGAINST ('b' IN BOOLEAN MODE) FROM t",
          "SELECT GROUP_CONCAT(a SEPARATOR ','), JSON_EXTRACT(b, '$.c'), LEFT(d, 1) FROM t",
          "SELECT CAST('test plain returns' AS CHAR(60)) AS anon_1",
          "SELECT 'f(1)', `f(1)` -- f(1)"}) {
        EXPECT_EQ(int{inspect(text, {}).calls_unknown}, 0) << text;
    }
}

TEST(MysqlEffects, TellOfSequences)
{
    for (const auto* const text : {"SELECT NEXTVAL(s)",
                                   "SELECT lastval(s)",
                                   "DO setval(s, 5)",
                                   "SELECT NEXT VALUE FOR s",
                                   "SELECT PREVIOUS VALUE FOR s"}) {
        EXPECT_TRUE(inspect(text, {}).runs_code) << text;
        EXPECT_EQ(pins_of(text), "sequence") << text;
    }
}

TEST(MysqlEffects, TellOfFilesXaAndCode)
{
    EXPECT_TRUE(inspect("LOAD DATA LOCAL INFILE 'f' INTO TABLE t", {}).load_local);
    EXPECT_TRUE(inspect("LOAD DATA LOW_PRIORITY LOCAL INFILE 'f' INTO TABLE t", {}).load_local);
    EXPECT_FALSE(inspect("LOAD DATA INFILE 'local' INTO TABLE t", {}).load_local);
    EXPECT_TRUE(inspect("XA START 'a'", {}).begins_xa);
    EXPECT_TRUE(inspect("XA ROLLBACK 'a'", {}).ends_xa);
    EXPECT_TRUE(inspect("CALL p()", {}).runs_code);
    EXPECT_TRUE(inspect("SET timestamp = DEFAULT", {}).timestamp_default);
    EXPECT_TRUE(inspect("SET @@session.timestamp = 0", {}).timestamp_default);
    EXPECT_FALSE(inspect("SET timestamp = 5", {}).timestamp_default);
    for (const auto* const both :
         {"SET timestamp = 5; SET timestamp = DEFAULT", "SET timestamp = DEFAULT, timestamp = 5"}) {
        EXPECT_FALSE(inspect(both, {}).timestamp_default) << "which of them came last is not told";
        EXPECT_TRUE(inspect(both, {}).pins.has(pin_reason::unknown_setting));
    }
    EXPECT_TRUE(inspect("SET timestamp = 0; SET timestamp = DEFAULT", {}).timestamp_default);
    EXPECT_TRUE(inspect("SET NAMES utf8mb4", {}).sets);
    EXPECT_TRUE(inspect("SET SESSION TRANSACTION READ ONLY", {}).sets);
    EXPECT_FALSE(inspect("SET TRANSACTION READ ONLY", {}).sets);
}

TEST(MysqlEffects, OfSetStatementAreThoseOfTheStatementItIsFor)
{
    const auto found = inspect("SET STATEMENT max_statement_time = 5, `Sort_Buffer_Size`=(1 + 1) FOR SELECT 1", {});
    EXPECT_EQ(found.for_one, (std::vector<std::string>{"max_statement_time", "sort_buffer_size"}));
    EXPECT_FALSE(found.sets || found.runs_code);
    EXPECT_EQ(found.statements, 1U);
    EXPECT_EQ(pins_of("SET STATEMENT a=1 FOR CREATE TEMPORARY TABLE t(x INT)"), "temporary_object");
    EXPECT_EQ(pins_of("SET STATEMENT a=1 FOR SELECT 1 INTO @x"), "user_variable");
    EXPECT_TRUE(inspect("SET STATEMENT a=1 FOR CALL p()", {}).runs_code);
    EXPECT_TRUE(inspect("SET STATEMENT a=1 FOR SELECT LAST_INSERT_ID()", {}).reads_insert_id);
    EXPECT_TRUE(inspect("SET STATEMENT a=1 FOR SELECT 1; SET b=2", {}).sets);
    std::string many = "SET STATEMENT a=1";
    for (int count = 0; count < 40; ++count) {
        many.append(", a=1");
    }
    EXPECT_EQ(pins_of(many + " FOR SELECT 1"), "unknown_setting");
}

TEST(MysqlEffects, NameWhatIsSetWithoutAScope)
{
    EXPECT_EQ(inspect("SET @@a=1, @@session.b=2, c=3, @@D = DEFAULT", {}).unscoped,
              (std::vector<std::string>{"a", "d"}));
    EXPECT_TRUE(inspect("SET @@timestamp=5", {}).sets_odd_unscoped);
    EXPECT_TRUE(inspect("SET @@hot.key_buffer_size=5", {}).unscoped.empty());
}

TEST(MysqlEffects, OfACommentThatNobodyExecutesAreNone)
{
    const auto found = inspect("/*M!999999\\- enable the sandbox mode */\n/*!40101 SET @a=5 */", {});
    EXPECT_EQ(found.user_variables.size(), 1U);
    EXPECT_EQ(found.statements, 1U);
    EXPECT_EQ(pins_of("/*!999999 DO GET_LOCK('a', 1) */ SELECT 1"), "");
    EXPECT_EQ(pins_of("/*!99999 DO GET_LOCK('a', 1) */"), "advisory_lock");
}

TEST(MysqlEffects, BehindALineCommentAreThoseOfTheStatement)
{
    for (const std::string comment : {"-- c\n", "--\n", "# c\n", "-- c\n-- d\n", "/* c */"}) {
        EXPECT_TRUE(inspect(comment + "call p()", {}).runs_code) << comment;
        EXPECT_EQ(inspect(comment + "set @a = 1", {}).user_variables.size(), 1U) << comment;
        EXPECT_EQ(inspect(comment + "create temporary table t (n int)", {}).held.made_temporary, 1U) << comment;
    }
}

TEST(MysqlEffects, OfCodeThatSomeServersOnlySeeAreOpaque)
{
    // A server older than 9.99.99 ends each of these comments at the first */ and runs what is behind it.
    EXPECT_EQ(pins_of("SELECT 1 /*!99999 ' */ , GET_LOCK('a', 1) -- '"), "opaque");
    EXPECT_EQ(pins_of("SELECT 1 /*!99999 \" */ , GET_LOCK('a', 1) -- \""), "opaque");
    EXPECT_EQ(pins_of("SELECT 1 /*!99999 '\\*/ , GET_LOCK(2, 1) -- '"), "opaque");
    EXPECT_EQ(pins_of("SELECT 1 /*!99999 # */ , GET_LOCK('a', 1)\n */"), "opaque");
    EXPECT_EQ(pins_of("SELECT 1 /*M! -- */ , GET_LOCK('a', 1)\n */"), "opaque");
    EXPECT_EQ(pins_of("/*!40101 SET NAMES 'utf8' */"), "");
    EXPECT_EQ(pins_of("SELECT /*!40001 SQL_NO_CACHE */ '*/' FROM t -- */"), "");
    EXPECT_EQ(pins_of("SELECT 1 /*!99999 '*' '/' */"), "");
}

TEST(MysqlEffects, TellWhenWhatIsReportedChanges)
{
    EXPECT_TRUE(inspect("SET session_track_system_variables='a'", {}).sets_tracking);
    EXPECT_TRUE(inspect("SET @@session.session_track_system_variables=CONCAT('a', 'b')", {}).sets_tracking);
    EXPECT_FALSE(inspect("SET GLOBAL session_track_system_variables='a'", {}).sets_tracking);
    const auto both = inspect("SET session_track_schema=1, session_track_system_variables='a'", {});
    EXPECT_TRUE(both.sets_tracking && !both.sets);
    const auto more = inspect("SET session_track_system_variables='a', sql_mode=''", {});
    EXPECT_TRUE(more.sets_tracking && more.sets);
}

TEST(MysqlEffects, FollowTheSessionsReading)
{
    const auto* const text = "SELECT 'a\\', GET_LOCK('b', 1), '";
    EXPECT_EQ(pins_of(text), "");
    EXPECT_EQ(pins_of(text, {.no_backslash_escapes = true}), "advisory_lock");
    EXPECT_EQ(pins_of("SELECT \"a\\\", GET_LOCK('b', 1), \"", {.ansi_quotes = true}), "advisory_lock");
    EXPECT_EQ(pins_of("SELECT '\x83\\', 1", {.ambiguous = true}), "opaque");
}

TEST(MysqlEffects, DoNotDependOnHowTheTextIsCut)
{
    const std::string text =
        "/*!50000 SET*/ @a = 'x', @@session.sql_mode = '' ; -- c\nSELECT GET_LOCK('a\\'b', 1) INTO @b # d\n; CALL p()";
    const auto whole = inspect(text, {});
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        effects_collector collector;
        collector.begin({});
        collector.feed(std::string_view{text}.substr(0, cut));
        collector.feed(std::string_view{text}.substr(cut));
        EXPECT_EQ(collector.finish(), whole) << cut;
    }
}

/// made, dropped, opened and closed
std::array<std::uint32_t, 4> counts_of(std::string_view text)
{
    const auto held = inspect(text, {}).held;
    return {held.made_temporary, held.dropped_temporary, held.opened_handlers, held.closed_handlers};
}

TEST(MySqlEffects, CountWhatIsMadeAndDropped)
{
    using counts = std::array<std::uint32_t, 4>;
    EXPECT_EQ(counts_of("CREATE TEMPORARY TABLE a (x int, y int)"), (counts{1, 0, 0, 0}));
    EXPECT_EQ(counts_of("CREATE OR REPLACE TEMPORARY TABLE a (x int)"), (counts{1, 0, 0, 0}));
    EXPECT_EQ(counts_of("DROP TEMPORARY TABLE a"), (counts{0, 1, 0, 0}));
    EXPECT_EQ(counts_of("DROP TEMPORARY TABLE a, b.c, `d,e` RESTRICT"), (counts{0, 3, 0, 0}));
    EXPECT_EQ(counts_of("DROP TABLE a, b"), (counts{0, 0, 0, 0}));
    EXPECT_EQ(counts_of("DROP TEMPORARY TABLE a; DROP TABLE b, c"), (counts{0, 1, 0, 0}));
    EXPECT_EQ(counts_of("HANDLER a OPEN AS close"), (counts{0, 0, 1, 0}));
    EXPECT_EQ(counts_of("HANDLER a.open CLOSE"), (counts{0, 0, 1, 1})) << "an open one too many does no harm";
    EXPECT_EQ(counts_of("HANDLER close READ close FIRST"), (counts{0, 0, 0, 0}));
    EXPECT_TRUE(inspect("DROP TEMPORARY TABLE IF EXISTS a", {}).held.drops_if_exists);
    EXPECT_FALSE(inspect("DROP TEMPORARY TABLE a", {}).held.may_be_passed_over);
    EXPECT_TRUE(inspect("DROP TEMPORARY TABLE a /*!99998 , b */", {}).held.may_be_passed_over);
}

TEST(MySqlEffects, LocksHaveTheirNamesWhereTheyAreLiterals)
{
    const auto names = [](std::string_view text) { return inspect(text, {}).held.named_locks; };
    using list = std::vector<std::string>;
    EXPECT_EQ(names("SELECT GET_LOCK('a', 1), get_lock ( \"b c\" , 2)"), (list{"a", "b c"}));
    EXPECT_EQ(names("SELECT GET_LOCK(@a, 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK(x'41', 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK('it''s', 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK('a\\n', 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK('a' 'b', 1)"), (list{"a", ""}));
    EXPECT_EQ(names("SELECT GET_LOCK('a' || 'b', 1)"), (list{"a", ""}));
    EXPECT_EQ(names("SELECT GET_LOCK(?, 1)"), (list{}));
    EXPECT_EQ(names("SELECT GET_LOCK(?, ?), GET_LOCK(?, 1)"), (list{""}));
    EXPECT_EQ(names("SELECT ?, GET_LOCK(?, 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK(? 'b', 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK('', 1)"), (list{""}));
    EXPECT_EQ(names("SELECT GET_LOCK('" + std::string(65, 'x') + "', 1)"), (list{""}));
    EXPECT_TRUE(inspect("SELECT GET_LOCK(?, ?)", {}).held.lock_by_parameter);
    EXPECT_FALSE(inspect("SELECT ?, GET_LOCK(?, 1)", {}).held.lock_by_parameter);
    EXPECT_TRUE(inspect("LOCK INSTANCE FOR BACKUP", {}).held.other_locks);
    EXPECT_TRUE(inspect("SELECT service_get_write_locks('a', 'b', 1)", {}).held.other_locks);
}

TEST(MySqlEffects, OnlyACallByItselfReleasesAllLocksForCertain)
{
    EXPECT_TRUE(inspect("SELECT RELEASE_ALL_LOCKS()", {}).held.releases_all);
    EXPECT_TRUE(inspect("do release_all_locks();", {}).held.releases_all);
    for (const auto* text : {"SELECT RELEASE_ALL_LOCKS() WHERE false",
                             "SELECT 1 + RELEASE_ALL_LOCKS()",
                             "SELECT IF(0, RELEASE_ALL_LOCKS(), 1)",
                             "SELECT RELEASE_ALL_LOCKS(); SELECT 1",
                             "SELECT x.RELEASE_ALL_LOCKS()"}) {
        EXPECT_FALSE(inspect(text, {}).held.releases_all) << text;
    }
    EXPECT_TRUE(inspect("SELECT RELEASE_LOCK('a')", {}).held.releases_locks);
}

}  // namespace
}  // namespace penstock::mysql
