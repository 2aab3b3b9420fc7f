// SPDX-License-Identifier: Apache-2.0
//
// Texts that are plain at one look, and those that are not; and that whatever is said to be plain has no effects.
#include "protocols/mysql/plain_text.hpp"

#include "protocols/mysql/effects.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace penstock::mysql {
namespace {

TEST(MysqlPlainText, IsWhatApplicationsMostlySend)
{
    for (const auto* const text : {"SELECT c FROM sbtest1 WHERE id=4999",
                                   "select SUM(k) from t where id between 1 and -5",
                                   "INSERT INTO t (id, some_name) VALUES (5, 'a-b')",
                                   "UPDATE t SET c='83868641912-28773972837' WHERE id=7",
                                   "delete from t where id in (1, 2)",
                                   "BEGIN",
                                   "commit",
                                   "ROLLBACK",
                                   "select current_value, next from t"}) {
        EXPECT_TRUE(is_plain_text(text)) << text;
    }
}

TEST(MysqlPlainText, IsNothingInDoubt)
{
    for (const auto* const text : {"",
                                   "selects",
                                   "(select 1)",
                                   "SET sql_mode=''",
                                   "BEGIN NOT ATOMIC SELECT 1; END",
                                   "SELECT GET_LOCK('a', 1)",
                                   "SELECT get_lock\n('a', 1)",
                                   "SELECT `get`(1)",
                                   "SELECT f(1)",
                                   "SELECT app . concat(1)",
                                   "UPDATE t SET a = F (1)",
                                   "SELECT NEXT VALUE FOR s",
                                   "SELECT nextval(s)",
                                   "SELECT s.nextval",
                                   "INSERT INTO t VALUES (5, s.CURRVAL)",
                                   "COMMIT RELEASE",
                                   "rollback work release",
                                   "SELECT averylongnameofastoredfunction(1)",
                                   "SELECT get_lock -- c\n('a', 1)",
                                   "SELECT get_lock # c\n('a', 1)",
                                   "SELECT get_lock/**/('a', 1)",
                                   "SELECT Sql_Calc_Found_Rows 1",
                                   "SELECT 1 INTO @x",
                                   "SELECT @@warning_count",
                                   "SELECT 1; SET @a=5",
                                   "SELECT '\xc3\xa9'"}) {
        EXPECT_FALSE(is_plain_text(text)) << text;
    }
}

/// The quick look goes over sixteen places at a time: what it has to find stands at each of them, and at the end.
TEST(MysqlPlainText, FindsDoubtsWhereverTheyStand)
{
    const std::string doubts[] = {"@", ";", "/", "#", "--", std::string(1, '\0'), "\xc3", "f(", "value for", "_calc"};
    for (const auto& doubt : doubts) {
        for (std::size_t before = 0; before < 40; ++before) {
            for (const std::size_t behind : {0, 1, 2, 15, 16, 17}) {
                auto text = "select " + std::string(before, ' ') + doubt + std::string(behind, ' ');
                EXPECT_FALSE(is_plain_text(text)) << text << "|";
                text.replace(7 + before, doubt.size(), doubt.size(), 'x');
                EXPECT_TRUE(is_plain_text(text)) << text << "|";
            }
        }
    }
}

/// Pieces put together at random: whenever the quick look is sure, the lexer agrees, however it reads.
TEST(MysqlPlainText, HasNoEffectsUnderAnyReading)
{
    const std::string pieces[] = {"select",
                                  "insert into t",
                                  "update t set a=",
                                  "begin",
                                  "commit",
                                  " ",
                                  "\n",
                                  "(",
                                  ")",
                                  "'",
                                  "\"",
                                  "`",
                                  "\\",
                                  "--",
                                  "-",
                                  "#",
                                  "/*!",
                                  "*/",
                                  "/*",
                                  "@a",
                                  "@@x",
                                  ";",
                                  "get_lock",
                                  "last_insert_id",
                                  "row_count",
                                  "sum",
                                  "f",
                                  ".",
                                  "into t",
                                  "value for",
                                  "sql_calc_found_rows",
                                  "into",
                                  ":=",
                                  "=",
                                  "call p",
                                  "set ",
                                  "temporary",
                                  "not",
                                  "a",
                                  "_",
                                  "5",
                                  "\x83",
                                  ","};
    std::mt19937 random{20261121};
    unsigned plain = 0;
    for (int round = 0; round < 200000; ++round) {
        std::string text = pieces[random() % 5];
        for (auto count = random() % 8; count > 0; --count) {
            text.append(random() % 2 == 0 ? " " : "").append(pieces[random() % std::size(pieces)]);
        }
        if (!is_plain_text(text)) {
            continue;
        }
        ++plain;
        for (const bool ansi : {false, true}) {
            for (const bool escapes : {false, true}) {
                const auto found =
                    inspect(text, {.no_backslash_escapes = !escapes, .ansi_quotes = ansi, .ambiguous = true});
                ASSERT_TRUE(found.is_plain()) << text;
                ASSERT_EQ(found.statements, 1U) << text;
            }
        }
    }
    EXPECT_GT(plain, 5000U);
}

}  // namespace
}  // namespace penstock::mysql
