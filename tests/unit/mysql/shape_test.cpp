// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/shape.hpp"

#include "tests/support/look_alikes.hpp"

#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

namespace penstock::mysql {
namespace {

const std::string unknown = "(not understood)";

std::string shape_of(std::string_view text, sql_reading reading = {})
{
    std::string shape;
    return make_shape(text, reading, shape).understood ? shape : unknown;
}

TEST(MysqlShape, IsTheTextWithoutItsLiterals)
{
    const std::vector<std::pair<const char*, const char*>> table{
        {"SELECT 1", "select 0"},
        {"SELECT  a ,\n\tb FROM T;", "select a , b from t"},
        {"select 1.5, .5, 1e10, 1.e-3 , 12.", "select 0, 0 , 0"},
        {"select 0x1f, 0b101, 1e-5, 1E+5", "select 0, 0"},
        {"select 0x1g, 0b2, 1a, 2nd, 1e, 0x", "select 0x1g, 0b2, 1a, 2nd, 1e, 0x"},
        {"select t.1, t.1a, `t`.5, 1 .5", "select t.1, t.1a, `t`.5, 0 0"},
        {"select 'it''s', 'x'", "select '', ''"},
        {"select \"it\"\"s\", 'a\\'b'", "select '', ''"},
        {"select N'c', b'101', X'1f', _utf8mb4'x'", "select n'', b'', x'', _utf8mb4''"},
        {"select 'a' 'b'", "select '' ''"},
        {"select 'a'/**/'b'", "select '' ''"},
        {"select * from t where a in (1, 2, 3, 4,5)", "select * from t where a in (0, 0,0)"},
        {"select * from t where a in (1,2,3,4)", "select * from t where a in (0,0)"},
        {"select * from t where a in ('a',\"b\",'c') and b = 1", "select * from t where a in ('','') and b = 0"},
        {"select * from t where a in (?, ?, ?) and b = ?", "select * from t where a in (?, ?) and b = ?"},
        {"select `A b``c`, `x`", "select `A b``c`, `x`"},
        {"select 1 -- end", "select 0"},
        {"select 1 --", "select 0"},
        {"select 1 # end\n + 2", "select 0 + 0"},
        {"select 1--2", "select 0--0"},
        {"select /* a /* 'x' */ 1", "select 0"},
        {"select a/b, a/*c*/b, a*b", "select a/b, a b, a*b"},
        {"select @a, @'B c', @`D`, @@Session.x, @a.b := 1", "select @a, @'', @`D`, @@session.x, @a.b := 0"},
        {"select /*!50100 A, 'x' */ 1", "select /*!50100 a, '' */ 0"},
        {"select /*M!100100 1 */ 2, /*! 3*/", "select /*M!100100 0 */ 0, /*! 0*/"},
        {"select /*!999999 x */ 1", "select 0"},
        {"select a->>'$.b', {d '2020-01-01'}", "select a->>'', {d ''}"},
        {"", ""},
        {" ;; ", ""},
    };
    for (const auto& [text, shape] : table) {
        EXPECT_EQ(shape_of(text), shape) << text;
    }
}

TEST(MysqlShape, IsNotMadeOfWhatIsNotUnderstood)
{
    for (const char* const text : {"select 'a",
                                   "select \"a",
                                   "select `a",
                                   "select /* a",
                                   "select /*! a",
                                   "select '\\'",
                                   "select 1e5a",
                                   "select 1.5a",
                                   "select .5e1",
                                   "select [a]",
                                   "select /*!5010 a */ 1",
                                   "select /*!5010012 a */ 1",
                                   "select /*!50100 '*/' */ 1",
                                   "select /*!50100 `/*` */ 1",
                                   "select /*!50100 -- */\n */ 1",
                                   "select /*!50100 /* */ */ 1",
                                   "select /*!50100 /*! 1 */ */ 1",
                                   "select /*!999999 /* */ 1",
                                   "select \xc3\xa4",
                                   "select a\xc3\xa4"}) {
        EXPECT_EQ(shape_of(text), unknown) << text;
    }
    EXPECT_EQ(shape_of("select \xc3\xa4", {.utf8 = true}), "select \xc3\xa4");
    const sql_reading ambiguous{.ambiguous = true};
    for (const char* const text : {"select '\x81'", "select `\x81`", "/* \x81 */"}) {
        EXPECT_EQ(shape_of(text, ambiguous), unknown) << text;
    }
    EXPECT_EQ(shape_of("select 'a'", ambiguous), "select ''");
    EXPECT_EQ(shape_of(std::string(longest_shaped + 1, ' ')), unknown);
}

TEST(MysqlShape, ReadsQuotesAsTheSessionDoes)
{
    EXPECT_EQ(shape_of(R"(select "a\"", 'b\'')"), "select '', ''");
    EXPECT_EQ(shape_of(R"(select "a\"", 'b\'')", {.no_backslash_escapes = true}), unknown);
    EXPECT_EQ(shape_of(R"(select "a\", 'b\')", {.no_backslash_escapes = true}), "select '', ''");
    EXPECT_EQ(shape_of(R"(select "A ""b", 'b\'')", {.ansi_quotes = true}), R"(select "A ""b", '')");
    EXPECT_EQ(shape_of(R"(select "a\", 'b')", {.ansi_quotes = true}), R"(select "a\", '')");
}

TEST(MysqlShape, FindsAHintInAnyComment)
{
    std::string shape;
    EXPECT_EQ(make_shape("/* penstock: primary */ select 1", {}, shape).hint, "penstock: primary ");
    EXPECT_EQ(make_shape("select 1 -- penstock: replica", {}, shape).hint, "penstock: replica");
    EXPECT_EQ(make_shape("select 1 # penstock: replica\n", {}, shape).hint, "penstock: replica");
    EXPECT_EQ(make_shape("select '/* penstock: primary */'", {}, shape).hint, "");
    EXPECT_EQ(make_shape("/* a */ /* x penstock: b *//* penstock: c */", {}, shape).hint, "penstock: b ");
}

TEST(MysqlShape, IsNeverLongerAndIsItsOwnShape)
{
    std::mt19937 random{5};
    constexpr std::string_view octets = "aZ09.'\"`/*!M-#@ \n\\x?,;(:=eb_$\xc3\xa4";
    for (int round = 0; round < 200'000; ++round) {
        std::string text;
        for (std::size_t length = random() % 24; length > 0; --length) {
            text.push_back(octets[random() % octets.size()]);
        }
        const sql_reading reading{.no_backslash_escapes = random() % 2 == 0,
                                  .ansi_quotes = random() % 2 == 0,
                                  .ambiguous = false,
                                  .utf8 = random() % 2 == 0};
        const auto shape = shape_of(text, reading);
        if (shape == unknown) {
            continue;
        }
        ASSERT_LE(shape.size(), text.size()) << text;
        // Neighbouring literals merge, so once more may be needed.
        const auto again = shape_of(shape, reading);
        ASSERT_NE(again, unknown) << text << "\n" << shape;
    }
}

/// What a text is taken for by known_texts has its shape.
TEST(MysqlShape, IsTheSameForWhateverIsTakenForAKnownText)
{
    std::size_t taken = 0;
    for (const auto& mode : {sql_reading{},
                             sql_reading{.utf8 = true},
                             sql_reading{.no_backslash_escapes = true},
                             sql_reading{.ansi_quotes = true}}) {
        test::look_alikes texts{17};
        for (int each = 0; each < 60000; ++each) {
            const auto text = texts.text();
            const auto other = texts.like(text);
            std::string shape;
            if (!make_shape(text, mode, shape).understood) {
                continue;
            }
            known_texts known;
            known.learn(text, 0, literals_of(text, mode), {});
            if (known.find(other, 0) == nullptr) {
                continue;
            }
            ++taken;
            std::string other_shape;
            const auto made = make_shape(other, mode, other_shape);
            ASSERT_TRUE(made.understood && made.hint.empty()) << text << "\n" << other;
            ASSERT_EQ(shape, other_shape) << text << "\n" << other;
        }
    }
    EXPECT_GT(taken, 1000U);
}

}  // namespace
}  // namespace penstock::mysql
