// SPDX-License-Identifier: Apache-2.0
//
// Every command of the manual with its class; and hostile texts, for which time and memory are bounded.
#include "protocols/postgresql/classifier.hpp"
#include "protocols/postgresql/shape.hpp"
#include "tests/support/statement_table.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace penstock::postgresql {
namespace {

const std::vector<statement_row>& table()
{
    static const auto rows = read_statement_table(
#include "tests/unit/postgresql/statements.inc"
    );
    return rows;
}

TEST(ClassifierTable, TellsReadsFromTheRest)
{
    EXPECT_GT(table().size(), 270U);
    for (const auto& [kind, functions, text] : table()) {
        const auto found = classify(text, {});
        EXPECT_EQ(name_of(found.obstacle), kind) << text;
        EXPECT_EQ(functions_of(found), functions) << text;
    }
}

TEST(ClassifierTable, TheShapeOfATextHasItsClass)
{
    for (const auto& [kind, functions, text] : table()) {
        std::string shape;
        if (!make_shape(text, {}, shape).understood) {
            EXPECT_EQ(kind, "unparsed") << text;
            continue;
        }
        const auto found = classify(shape, {});
        EXPECT_EQ(name_of(found.obstacle), kind) << text << "\n" << shape;
        EXPECT_EQ(functions_of(found), functions) << text << "\n" << shape;
    }
}

TEST(ClassifierTable, TakesTheStrictestOfSeveralStatements)
{
    for (const auto& [kind, functions, text] : table()) {
        if (kind != "read" && kind != "empty") {
            EXPECT_FALSE(classify("SELECT 1; " + text, {}).reads_only()) << text;
        }
    }
}

struct hostile {
    const char* what;
    std::string text;
};

std::vector<hostile> hostile_texts()
{
    constexpr std::size_t megabytes = 100 * 1024 * 1024;
    const auto repeated = [](std::string_view each, std::size_t times) {
        std::string all;
        all.reserve(each.size() * times);
        for (std::size_t round = 0; round < times; ++round) {
            all.append(each);
        }
        return all;
    };
    return {
        {"a long string", "SELECT '" + std::string(megabytes, 'x') + "'"},
        {"a long unterminated string", "SELECT '" + std::string(megabytes, '\\')},
        {"many quotes", "SELECT " + std::string(megabytes, '\'')},
        {"parentheses", "SELECT " + std::string(100'000, '(') + "1" + std::string(100'000, ')')},
        {"nested comments", repeated("/*", 100'000)},
        {"dollar tags", "SELECT " + repeated("$a$ $", 150'000)},
        {"many dollar tags", "SELECT " + repeated("$", 200'001)},
        {"functions", "SELECT " + repeated("f(", 100'000)},
        {"not", "SELECT " + repeated("NOT ", 8'000) + "true"},
        {"brackets", "SELECT " + repeated("ARRAY[", 5'000)},
        {"NUL", "SELECT 1" + std::string(1, '\0') + "; DELETE FROM t"},
        {"invalid UTF-8", "SELECT 1 \xff\xfe\xc0 INTO"},
        {"half a string", "SELECT E'\\"},
        {"half a comment", "SELECT 1 /* /"},
    };
}

TEST(ClassifierTable, IsBoundedAndConservativeForHostileTexts)
{
    for (const auto& [what, text] : hostile_texts()) {
        for (unsigned mode = 0; mode < 4; ++mode) {
            const lexical_mode how{.backslash_escapes = (mode & 1U) != 0, .ambiguous_encoding = (mode & 2U) != 0};
            const auto begun = std::chrono::steady_clock::now();
            std::string shape;
            static_cast<void>(make_shape(text, how, shape));
            EXPECT_LE(shape.capacity(), 2 * longest_shaped) << what;
            EXPECT_FALSE(classify(text, how).reads_only()) << what << " under " << mode;
            EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{5}) << what;
        }
    }
}

}  // namespace
}  // namespace penstock::postgresql
