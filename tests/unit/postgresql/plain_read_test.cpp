// SPDX-License-Identifier: Apache-2.0
//
// The short way must never say more than the long one: whatever it calls plain leaves nothing behind.
#include "protocols/postgresql/plain_read.hpp"

#include "protocols/postgresql/effects.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace penstock::postgresql {
namespace {

TEST(PlainRead, OrdinarySelects)
{
    for (const std::string_view text : {
             "SELECT abalance FROM pgbench_accounts WHERE aid = 12345;",
             "select 1",
             "SELECT\n*\nFROM t -- ",
             "SELECT count(*), max(a.b) FROM t a JOIN u ON a.x = u.y WHERE a.z IN ($1, $2) AND 3 - 2 / 1 > 0 ; ",
             "SELECT x FROM t WHERE id = $1 FOR UPDATE",
             "select ;",
         }) {
        EXPECT_EQ(is_plain_read(text), text.find("--") == std::string_view::npos) << text;
    }
}

TEST(PlainRead, EverythingThatMightCount)
{
    for (const std::string_view text : {
             "",
             "select",
             "selection from t",
             "SELECT 1; SELECT 2",
             "SELECT 1;;",
             "UPDATE t SET x = 1",
             "WITH x AS (INSERT INTO t VALUES (1) RETURNING 1) SELECT 1",
             "SELECT 'a'",
             "SELECT \"a\"",
             "SELECT $$a$$",
             "SELECT $a$a$a$",
             "SELECT 1 /* x */",
             "SELECT 1 -- x",
             "SELECT 1 INTO TEMP x",
             "SELECT * iNtO x FROM y",
             "SELECT pg_advisory_lock(1)",
             "SELECT PG_TEMP.f()",
             "SELECT set_config(a, b, c)",
             "SELECT setseed(1)",
             "SELECT nextval(x)",
             "SELECT dblink_connect(x)",
             "SELECT \xC3\xA9",
         }) {
        EXPECT_FALSE(is_plain_read(text)) << text;
    }
}

/// Each suspect at each place of a text, so also across the edges of what is looked at in one go.
TEST(PlainRead, EverySuspectAtEveryPlace)
{
    for (const std::string_view suspect :
         {"'", "\"", ";", "--", "/*", "$$", "$x", "into", "pg_", "set", "val", "dbl", "\x80"}) {
        for (std::size_t before = 0; before < 70; ++before) {
            for (const std::size_t behind : {std::size_t{1}, std::size_t{2}, std::size_t{15}, std::size_t{40}}) {
                const auto text =
                    "select " + std::string(before, '1') + std::string{suspect} + std::string(behind, '+');
                ASSERT_FALSE(is_plain_read(text)) << text;
            }
        }
    }
}

TEST(PlainRead, NothingPlainHasEffects)
{
    constexpr auto pieces = std::to_array<std::string_view>({"select",
                                                             "SELECT ",
                                                             " ",
                                                             "\n",
                                                             "into",
                                                             " temp ",
                                                             "x",
                                                             "a1",
                                                             "pg_temp",
                                                             ".",
                                                             "(",
                                                             ")",
                                                             "set_config",
                                                             "setseed",
                                                             "nextval",
                                                             "pg_advisory_lock",
                                                             "dblink_connect",
                                                             "'",
                                                             "\"",
                                                             "$1",
                                                             "$$",
                                                             "$q$",
                                                             "--",
                                                             "/*",
                                                             "*/",
                                                             ";",
                                                             ",",
                                                             "=",
                                                             "1",
                                                             "2.5",
                                                             "update ",
                                                             "insert ",
                                                             "for",
                                                             "from ",
                                                             "\xC3\xA9",
                                                             "u&",
                                                             "-",
                                                             "discard all",
                                                             "set x = 1",
                                                             "listen y",
                                                             "values",
                                                             "setval(",
                                                             "currval ",
                                                             "merge ",
                                                             "pg_settings",
                                                             "-",
                                                             "/",
                                                             "*"});
    constexpr unsigned seed = 20;
    std::mt19937 random{seed};
    int plain = 0;
    text_effects expected;
    expected.statements = 1;
    expected.first_verb = statement_verb::select;
    for (int round = 0; round < 200000; ++round) {
        std::string text{"select "};
        for (auto left = random() % 12; left > 0; --left) {
            text += pieces[random() % pieces.size()];
        }
        if (!is_plain_read(text)) {
            continue;
        }
        ++plain;
        ASSERT_EQ(inspect(text, {}), expected) << text;
    }
    EXPECT_GT(plain, 10000);
}

}  // namespace
}  // namespace penstock::postgresql
