// SPDX-License-Identifier: Apache-2.0
//
// Which prepared statements a text names, and what it does with them.
#include "effects_support.hpp"

#include <string>

namespace penstock::postgresql {

namespace {

TEST(NamesOfStatements, AreIdentifiers)
{
    expect_effects({
        {"EXECUTE Plan", "execute execute:plan"},
        {"EXECUTE \"Plan\"(1, 'x')", "execute execute:Plan"},
        {"EXECUTE \"a\"\"b\"", "execute execute:a\"b"},
        {"EXECUTE /* which */ p -- this", "execute execute:p"},
        {"EXECUTE execute", "execute execute:execute"},
        {"EXECUTE function(1)", "execute execute:function"},
        {"PREPARE a.b AS SELECT 1", "prepare prepare:a"},  // which PostgreSQL refuses
        {"EXECUTE", "execute"},
        {"EXECUTE 'p'", "execute"},
        {"DEALLOCATE PREPARE \"X\"", "deallocate deallocate:X"},
    });
}

TEST(NamesOfStatements, AreCutAsPostgresqlCutsThem)
{
    const std::string longest(63, 'x');
    const auto longer = longest + "yz";
    expect_effects({{"EXECUTE " + longer, "execute execute:" + longest},
                    {"EXECUTE \"" + longer + std::string(100, 'z') + "\"", "execute execute:" + longest}});
}

TEST(NamesOfStatements, MayBeWrittenByNumbers)
{
    expect_effects({
        {"EXECUTE U&\"d\\0061t\\+000061\"(1)", "execute execute:data"},
        {"PREPARE U&\"a\\\\b\" AS SELECT 1", "prepare prepare:a\\b"},
        {"DEALLOCATE U&\"a\"\"b\"", "deallocate deallocate:a\"b"},
        {"EXECUTE u&\"d!0061\" UESCAPE '!'", "execute execute:da"},
        {"EXECUTE U&\"d!0061\" /* by */ uescape '!' (1)", "execute execute:da"},
        {"PREPARE U&\"p\" AS SELECT set_config('a.b', 'c', false)", "prepare touched:a.b prepare:p"},
        {"EXECUTE U&\"a\"; EXECUTE b", "execute*2 execute:a execute:b"},
    });
}

TEST(NamesOfStatements, PinWhereTheyCannotBeTold)
{
    expect_effects({
        {"PREPARE U&\"\\00e9\" AS SELECT 1", "prepare pins:sql_prepare,opaque"},
        {"EXECUTE U&\"\\00\"", "execute pins:sql_prepare,opaque"},
        {"EXECUTE U&\"\\0000\"", "execute pins:sql_prepare,opaque"},
        {"EXECUTE U&\"" + std::string(140, 'x') + "\"", "execute pins:sql_prepare,opaque"},
    });
}

TEST(NamesOfStatements, AreExecutedByOtherStatementsToo)
{
    expect_effects({
        {"EXPLAIN EXECUTE p", "explain execute:p"},
        {"EXPLAIN ANALYZE VERBOSE EXECUTE p(1)", "explain execute:p"},
        {"EXPLAIN (ANALYZE, COSTS off) EXECUTE \"P\"", "explain execute:P"},
        {"CREATE TABLE t AS EXECUTE p", "create execute:p"},
        {"CREATE TABLE IF NOT EXISTS t (a, b) WITH (fillfactor = 70) AS EXECUTE p(1) WITH NO DATA", "create execute:p"},
        {"CREATE UNLOGGED TABLE t AS EXECUTE p", "create execute:p"},
        {"CREATE TEMP TABLE t ON COMMIT DROP AS EXECUTE p", "create execute:p"},
        {"EXPLAIN ANALYZE CREATE TABLE t AS EXECUTE p", "explain execute:p"},
        {"CREATE TABLE t AS SELECT execute FROM u", "create execute:from"},  // errs to the harmless side
        {"CREATE TRIGGER g AFTER INSERT ON t EXECUTE FUNCTION p()", "create"},
        {"CREATE EVENT TRIGGER g ON ddl_command_end EXECUTE FUNCTION p()", "create"},
        {"CREATE EVENT TRIGGER g ON ddl_command_end EXECUTE PROCEDURE p()", "create"},
        {"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC EXECUTE p; END", "create"},
        {"GRANT EXECUTE ON FUNCTION f() TO u", "other"},
        {"SELECT execute FROM t", "select"},
        {"CREATE TABLE t (execute int)", "create"},
    });
}

TEST(NamesOfStatements, ThatOneOfSeveralStatementsPreparesPin)
{
    expect_effects({
        {"PREPARE p AS SELECT 1; EXECUTE p", "prepare*2 prepare:p execute:p pins:sql_prepare"},
        {"SELECT 1; PREPARE p AS SELECT 1", "select*2 prepare:p pins:sql_prepare"},
        {"EXECUTE p; EXECUTE q", "execute*2 execute:p execute:q"},
        {";PREPARE p AS SELECT 1;", "prepare prepare:p"},
    });
    std::string many;
    for (std::size_t place = 0; place <= text_effects::most_names; ++place) {
        many.append("EXECUTE p").append(std::to_string(place)).append(";");
    }
    const auto found = inspect(many, {});
    EXPECT_EQ(found.names.size(), text_effects::most_names);
    EXPECT_TRUE(found.pins.has(pin_reason::sql_prepare));
    EXPECT_TRUE(found.pins.has(pin_reason::opaque));
}

}  // namespace

}  // namespace penstock::postgresql
