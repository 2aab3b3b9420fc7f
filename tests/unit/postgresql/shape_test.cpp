// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/shape.hpp"

#include "tests/support/look_alikes.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace penstock::postgresql {

namespace {

std::string shape_of(std::string_view text, lexical_mode mode = {})
{
    std::string shape;
    return make_shape(text, mode, shape).understood ? shape : "(not understood)";
}

const std::string unknown = "(not understood)";

TEST(Shape, IsTheTextWithoutItsLiterals)
{
    const std::vector<std::pair<const char*, const char*>> table{
        {"SELECT 1", "select 0"},
        {"SELECT  a ,\n\tb FROM T;", "select a , b from t"},
        {"select 1.5, .5, 1e10, 1.e-3 , 12.", "select 0, 0 , 0"},
        {"select a1, b2c, _3 from t4", "select a1, b2c, _3 from t4"},
        {"select 'it''s', 'x'", "select '', ''"},
        {"select E'a\\'b', N'c', B'101', X'1f'", "select '', '', b'', x''"},
        {"select e'a'\n  'b\\'c', 1", "select '', 0"},
        {"select 'a'\n'b'", "select ''"},
        {"select 'a' -- c\n 'b'", "select ''"},
        {"select 'a' 'b'", "select '' ''"},
        {"select 'a' /* c */\n 'b'", "select '' ''"},
        {"select date'2020-01-01'", "select date''"},
        {"select $$a'b$$, $t$ $$ ' $t$", "select '', ''"},
        {"select $1, $12, $3 from t where a = $4", "select $1, $1 from t where a = $1"},
        {"select * from t where a in (1, 2, 3, 4,5)", "select * from t where a in (0, 0,0)"},
        {"select * from t where a in (1,2,3,4)", "select * from t where a in (0,0)"},
        {"select * from t where a in ('a','b','c') and b = 1", "select * from t where a in ('','') and b = 0"},
        {"select a0,0,0", "select a0,0,0"},
        {"select \"A b\"\"c\", \"x\"", "select \"A b\"\"c\", \"x\""},
        {"select 1 -- end", "select 0"},
        {"select /* a /* nested */ 'x' */ 1", "select 0"},
        {"/* lead */ select 1", "select 0"},
        {"select a-1, a - -1, a--1\n+2", "select a-0, a - -0, a +0"},
        {"select a/b, a/*c*/b", "select a/b, a b"},
        {"select t.a, t.*, (x).y[1]", "select t.a, t.*, (x).y[0]"},
        {"select a::int, b->>'c', d @> '{}'", "select a::int, b->>'', d @> ''"},
        {"select \xc3\xa4"
         "b, 'x'",
         "select \xc3\xa4"
         "b, ''"},
        {"", ""},
        {" ;; ", ""},
    };
    for (const auto& [text, shape] : table) {
        EXPECT_EQ(shape_of(text), shape) << text;
    }
}

TEST(Shape, IsNotMadeOfWhatIsNotUnderstood)
{
    for (const char* const text : {"select 'a",
                                   "select \"a",
                                   "select /* a",
                                   "select /* /* */",
                                   "select $a$ x $b$",
                                   "select U&'a'",
                                   "select u&\"a\"",
                                   "select 1a",
                                   "select 0x1f",
                                   "select 1_000",
                                   "select $1a",
                                   "select E'a\\'"}) {
        EXPECT_EQ(shape_of(text), unknown) << text;
    }
    const lexical_mode ambiguous{.ambiguous_encoding = true};
    for (const char* const text : {"select '\x81'", "select \"\x81\"", "select \x81", "/* \x81 */", "select a\x81"}) {
        EXPECT_EQ(shape_of(text, ambiguous), unknown) << text;
    }
    EXPECT_EQ(shape_of("select 'a'", ambiguous), "select ''");
}

TEST(Shape, ReadsBackslashesAsTheSessionDoes)
{
    EXPECT_EQ(shape_of(R"(select 'a\', 'b')"), "select '', ''");
    EXPECT_EQ(shape_of(R"(select 'a\', 'b')", {.backslash_escapes = true}), unknown);
    EXPECT_EQ(shape_of(R"(select 'a\'', 'b')", {.backslash_escapes = true}), "select '', ''");
    EXPECT_EQ(shape_of(R"(select b'\', 1)", {.backslash_escapes = true}), "select b'', 0");
}

TEST(Shape, FindsAHintInAnyComment)
{
    std::string shape;
    EXPECT_EQ(make_shape("/* penstock: primary */ select 1", {}, shape).hint, "penstock: primary ");
    EXPECT_EQ(make_shape("select 1 -- penstock: replica", {}, shape).hint, "penstock: replica");
    EXPECT_EQ(make_shape("select '/* penstock: primary */'", {}, shape).hint, "");
    EXPECT_EQ(make_shape("/* a */ /* x penstock: b *//* penstock: c */", {}, shape).hint, "penstock: b ");
}

TEST(Shape, IsNeverLonger)
{
    for (const char* const text : {"b''", "x'1'", "e''", "n''", "$$$$", "1", "$1", "''", "b''b''b''b''"}) {
        EXPECT_LE(shape_of(text).size(), std::string_view{text}.size()) << text;
    }
}

/// What a text is taken for by known_texts has its shape.
TEST(Shape, IsTheSameForWhateverIsTakenForAKnownText)
{
    std::size_t taken = 0;
    for (const auto& mode : {lexical_mode{}, lexical_mode{.backslash_escapes = true}}) {
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

}  // namespace penstock::postgresql
