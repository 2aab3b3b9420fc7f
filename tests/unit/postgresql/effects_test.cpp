// SPDX-License-Identifier: Apache-2.0
//
// What the statements of a text are, and which of its effects are not settings and not pins.
#include "effects_support.hpp"

namespace penstock::postgresql {
namespace {

TEST(Effects, AreNoneForAnEmptyText)
{
    expect_effects({
        {"", "none"},
        {" \n ", "none"},
        {";", "none"},
        {" ; -- x\n ; /* y */ ;; ", "none"},
    });
    EXPECT_TRUE(inspect("", {}).leaves_nothing());
}

TEST(Effects, TellTheVerb)
{
    expect_effects({
        {"SELECT 1", "select"},
        {"select 1;", "select"},
        {"(SELECT 1) UNION (SELECT 2)", "select"},
        {"((SELECT 1))", "select"},
        {"VALUES (1)", "select"},
        {"TABLE t", "select"},
        {"/* hint */ -- and\n SELECT 1", "select"},
        {"WITH x AS (SELECT 1) SELECT * FROM x", "with"},
        {"INSERT INTO t VALUES (1)", "insert"},
        {"UPDATE t SET a = 1", "update"},
        {"DELETE FROM t", "delete_rows"},
        {"MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN DELETE", "merge"},
        {"TRUNCATE t", "truncate"},
        {"LOCK TABLE t", "lock"},
        {"COPY t FROM STDIN", "copy"},
        {"EXPLAIN SELECT 1", "explain"},
        {"CREATE TABLE t (a int)", "create"},
        {"ALTER TABLE t ADD COLUMN b int", "alter"},
        {"DROP TABLE t", "drop"},
        {"SHOW ALL", "show"},
        {"EXECUTE p(1)", "execute execute:p"},
        {"FETCH 10 FROM c", "fetch"},
        {"MOVE NEXT FROM c", "fetch"},
        {"CLOSE ALL", "close"},
        {"UNLISTEN *", "unlisten"},
        {"NOTIFY a, 'b'", "notify"},
        {"VACUUM", "other"},
        {"CHECKPOINT", "other"},
        {"\"select\" 1", "other"},
        {"1", "other"},
        {"'select'", "other"},
        {"selectx", "other"},
        {"SELECT$1", "other"},
        {"SELECT'a'", "select"},
        {"SELECT\"a\"", "select"},
        {"SELECT*FROM t", "select"},
    });
}

TEST(Effects, TellHowATransactionIsControlled)
{
    expect_effects({
        {"BEGIN", "begin"},
        {"BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY", "begin"},
        {"START TRANSACTION READ ONLY", "begin"},
        {"COMMIT", "commit"},
        {"COMMIT WORK", "commit"},
        {"END", "commit"},
        {"END TRANSACTION;", "commit"},
        {"COMMIT AND CHAIN", "commit chain"},
        {"COMMIT WORK AND CHAIN", "commit chain"},
        {"COMMIT AND NO CHAIN", "commit"},
        {"ROLLBACK", "rollback"},
        {"ABORT", "rollback"},
        {"ABORT WORK", "rollback"},
        {"ROLLBACK AND CHAIN", "rollback chain"},
        {"ROLLBACK TO a", "rollback_to"},
        {"ROLLBACK WORK TO SAVEPOINT a", "rollback_to"},
        {"ROLLBACK TRANSACTION TO SAVEPOINT a", "rollback_to"},
        {"SAVEPOINT a", "savepoint"},
        {"RELEASE SAVEPOINT a", "release"},
        {"RELEASE a", "release"},
        {"PREPARE TRANSACTION 'x'", "prepare_transaction"},
        {"COMMIT PREPARED 'x'", "commit_prepared"},
        {"ROLLBACK PREPARED 'x'", "rollback_prepared"},
        {"SELECT 1; COMMIT AND CHAIN", "select*2"},
    });
}

TEST(Effects, KnowAnExitFromTheTransaction)
{
    for (const std::string_view text : {"COMMIT", "end;", "ROLLBACK", "/* x */ abort ;;", "COMMIT AND NO CHAIN"}) {
        EXPECT_TRUE(is_transaction_exit(inspect(text, {}))) << text;
    }
    for (const std::string_view text : {"",
                                        "BEGIN",
                                        "ROLLBACK TO a",
                                        "COMMIT AND CHAIN",
                                        "COMMIT PREPARED 'a'",
                                        "ROLLBACK PREPARED 'a'",
                                        "PREPARE TRANSACTION 'a'",
                                        "COMMIT; SELECT 1",
                                        "SELECT 1; COMMIT",
                                        "\"commit\""}) {
        EXPECT_FALSE(is_transaction_exit(inspect(text, {}))) << text;
    }
}

TEST(Effects, CountStatements)
{
    expect_effects({
        {"SELECT 1; SELECT 2", "select*2"},
        {";SELECT 1;;SELECT 2;", "select*2"},
        {"BEGIN; UPDATE t SET a = 1; COMMIT", "begin*3"},
        {"SELECT ';'", "select"},
        {"SELECT \";\"", "select"},
        {"SELECT 1 /* ; */ -- ;", "select"},
        {"SELECT $$;$$", "select"},
        {"SELECT $a$;$$;$a$; SELECT 2", "select*2"},
        {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)", "create"},
        {"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); SELECT 3", "create*2"},
        {")SELECT 1;)SELECT 2", "other*2"},
    });
}

TEST(Effects, TakeARoutinesBodyForPartOfIt)
{
    expect_effects({
        {"CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END", "create"},
        {"CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO t VALUES (1); END; SET a = 1", "create*2 touched:a"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END; SELECT 1", "create*2"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end; SELECT 1 case; END; SELECT 1", "create*2"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC END; SELECT 1", "create*2"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT nextval('s'); END", "create"},
        {"CREATE FUNCTION f(a int DEFAULT (1)) RETURNS int BEGIN ATOMIC ; END; SET a = 1", "create*2 touched:a"},
        {"CREATE FUNCTION f() RETURNS int AS $$ BEGIN SELECT set_config('a', 'b', false); END $$", "create"},
        {"SELECT 1 AS begin, atomic; SET a = 1", "select*2 touched:a"},
        {"BEGIN; SELECT 1; END", "begin*3"},
    });
}

TEST(Effects, TellWhatIsDiscarded)
{
    expect_effects({
        {"DISCARD ALL", "discard_all discard_all"},
        {"discard all;", "discard_all discard_all"},
        {"DISCARD TEMP", "discard discard_temp"},
        {"DISCARD TEMPORARY", "discard discard_temp"},
        {"DISCARD SEQUENCES", "discard discard_sequences"},
        {"DISCARD PLANS", "discard"},
        {"DISCARD", "discard"},
        {"DISCARD \"all\"", "discard"},
    });
}

TEST(Effects, TellWhatIsDeallocated)
{
    expect_effects({
        {"DEALLOCATE ALL", "deallocate_all deallocate_all"},
        {"DEALLOCATE PREPARE ALL", "deallocate_all deallocate_all"},
        {"DEALLOCATE a", "deallocate deallocate:a"},
        {"DEALLOCATE PREPARE Abc", "deallocate deallocate:abc"},
        {"DEALLOCATE \"Abc\"", "deallocate deallocate:Abc"},
        {"DEALLOCATE \"a\"\"b\"", "deallocate deallocate:a\"b"},
        {"DEALLOCATE \"all\"", "deallocate deallocate:all"},
        {"DEALLOCATE prepare", "deallocate deallocate:prepare"},
        {"DEALLOCATE PREPARE prepare", "deallocate deallocate:prepare"},
        {"DEALLOCATE \"prepare\";", "deallocate deallocate:prepare"},
        {"DEALLOCATE pdo_stmt_00000001", "deallocate deallocate:pdo_stmt_00000001"},
        {"DEALLOCATE", "deallocate"},
        {"DEALLOCATE 'a'", "deallocate"},
    });
    const std::string name(70, 'n');
    EXPECT_EQ(inspect("DEALLOCATE " + name, {}).deallocate_name, name.substr(0, 63));
}

TEST(Effects, LeaveNothingAfterOrdinaryStatements)
{
    for (const std::string_view text : {"SELECT * FROM users WHERE id = $1",
                                        "INSERT INTO temp VALUES (1) RETURNING id",
                                        "UPDATE a SET b = now() WHERE c IN (SELECT d FROM e)",
                                        "DELETE FROM t USING u WHERE t.a = u.a",
                                        "BEGIN",
                                        "COMMIT",
                                        "SET LOCAL a = 1",
                                        "SELECT pg_advisory_xact_lock(1)",
                                        "EXPLAIN ANALYZE SELECT 1"}) {
        EXPECT_TRUE(inspect(text, {}).leaves_nothing()) << text;
    }
    for (const std::string_view text : {"SET a = 1",
                                        "RESET ALL",
                                        "DISCARD ALL",
                                        "DISCARD TEMP",
                                        "DISCARD SEQUENCES",
                                        "DEALLOCATE ALL",
                                        "DEALLOCATE a",
                                        "LISTEN a"}) {
        EXPECT_FALSE(inspect(text, {}).leaves_nothing()) << text;
    }
}

TEST(Effects, TellWhatMayChangeTheMeaningOfTexts)
{
    for (const std::string_view text : {"CREATE TABLE app.t(x int)",
                                        "SELECT 1; CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                                        "ALTER TABLE t RENAME TO u",
                                        "SELECT 1 AS x INTO t",
                                        "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1",
                                        "DO $$BEGIN END$$"}) {
        EXPECT_TRUE(inspect(text, {}).defines) << text;
        EXPECT_TRUE(inspect(text, {}).changes_meanings()) << text;
    }
    for (const std::string_view text : {"CREATE TEMP TABLE t(x int)",
                                        "CREATE TEMP TABLE t(x int) ON COMMIT DROP",
                                        "CREATE TABLE pg_temp.t(x int)",
                                        "SELECT 1 AS x INTO TEMP t"}) {
        EXPECT_TRUE(inspect(text, {}).makes_temporary) << text;
        EXPECT_FALSE(inspect(text, {}).defines) << text;
    }
    for (const std::string_view text : {"SET array_nulls = off",
                                        "SET LOCAL XmlOption = document",
                                        "RESET backslash_quote",
                                        "SELECT set_config('Array_Nulls', 'off', true)",
                                        "SELECT set_config($1, 'off', true)"}) {
        EXPECT_TRUE(inspect(text, {}).sets_reading || !inspect(text, {}).pins.empty()) << text;
    }
    for (const std::string_view text :
         {"SELECT 1", "SET work_mem = 1", "SET LOCAL work_mem = 1", "INSERT INTO t VALUES (1)"}) {
        EXPECT_FALSE(inspect(text, {}).changes_meanings()) << text;
    }
}

TEST(Effects, OfOneTextDoNotReachTheNext)
{
    const std::vector<std::string_view> unfinished{"SET a = 'x",
                                                   "SELECT set_config('a', ",
                                                   "CREATE FUNCTION f() BEGIN ATOMIC ",
                                                   "DEALLOCATE ALL; RESET ALL; DISCARD ALL; LISTEN a; /*",
                                                   "SELECT ((((",
                                                   "DISCARD TEMP; DISCARD SEQUENCES; DEALLOCATE a; $x$",
                                                   "COMMIT AND CHAIN"};
    effects_collector collector;
    for (const auto text : unfinished) {
        for (const bool ended : {true, false}) {
            collector.begin({});
            collector.feed(text);
            if (ended) {
                static_cast<void>(collector.finish());
            }
            collector.begin({});
            collector.feed("SELECT 1; SELECT 2");
            EXPECT_EQ(write_effects(collector.finish()), "select*2") << text;
        }
    }
}

TEST(Effects, SurviveDeepAndLongTexts)
{
    EXPECT_EQ(write_effects(inspect(std::string(100000, '('), {})), "none");
    std::string comments;
    for (int level = 0; level < 100000; ++level) {
        comments.append("/*");
    }
    EXPECT_EQ(write_effects(inspect(comments, {})), "none unterminated");
    std::string many;
    for (int statement = 0; statement < 5000; ++statement) {
        many.append("SELECT 1;");
    }
    EXPECT_EQ(write_effects(inspect(many, {})), "select*5000");
}

}  // namespace
}  // namespace penstock::postgresql
