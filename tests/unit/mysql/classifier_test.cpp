// SPDX-License-Identifier: Apache-2.0
//
// What is a read and what is not, statement by statement; and that a text's shape has the text's class.
#include "protocols/mysql/classifier.hpp"

#include "protocols/mysql/shape.hpp"
#include "tests/support/statement_table.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace penstock::mysql {
namespace {

const std::vector<statement_row>& table()
{
    static const auto rows = read_statement_table(
#include "tests/unit/mysql/statements.inc"
    );
    return rows;
}

statement_class class_of(std::string_view text, sql_reading reading = {})
{
    return classify(text, reading);
}

std::string kind_of(std::string_view text, sql_reading reading = {})
{
    return name_of(class_of(text, reading).obstacle);
}

TEST(MysqlClassifier, TellsReadsFromTheRest)
{
    EXPECT_GT(table().size(), 350U);
    for (const auto& [kind, functions, text] : table()) {
        const auto found = class_of(text);
        EXPECT_EQ(name_of(found.obstacle), kind) << text;
        EXPECT_EQ(functions_of(found), functions) << text;
    }
}

TEST(MysqlClassifier, DoesNotDependOnCaseSpacesOrComments)
{
    for (const auto& [kind, functions, text] : table()) {
        if (kind == "unparsed") {
            continue;
        }
        std::string upper;
        for (const char octet : text) {
            upper.append(octet == ' ' ? "\t\n " : std::string(1, octet));
        }
        EXPECT_EQ(kind_of("/* a */ -- b\n " + upper + " /* c */;"),
                  text.find_first_of("-#") == std::string::npos ? kind : kind_of("-- b\n " + upper + " /* c */;"))
            << text;
    }
}

TEST(MysqlClassifier, TheShapeOfATextHasItsClass)
{
    for (const auto& [kind, functions, text] : table()) {
        std::string shape;
        if (!make_shape(text, {}, shape).understood) {
            EXPECT_EQ(kind, "unparsed") << text;
            continue;
        }
        const auto found = class_of(shape);
        EXPECT_EQ(name_of(found.obstacle), kind) << text << "\n" << shape;
        EXPECT_EQ(functions_of(found), functions) << text << "\n" << shape;
    }
}

TEST(MysqlClassifier, TakesTheStrictestOfSeveralStatements)
{
    for (const auto& [kind, functions, text] : table()) {
        if (kind == "write") {
            EXPECT_EQ(kind_of("SELECT 1; " + text), "write") << text;
        } else if (kind != "read" && kind != "empty") {
            EXPECT_FALSE(class_of("SELECT 1; " + text).reads_only()) << text;
        }
    }
}

TEST(MysqlClassifier, TellsWhatATransactionIsFor)
{
    const auto access = [](const char* text) { return class_of(text).access; };
    EXPECT_EQ(access("begin"), transaction_access::unstated);
    EXPECT_EQ(access("start transaction"), transaction_access::unstated);
    EXPECT_EQ(access("START TRANSACTION READ ONLY"), transaction_access::read_only);
    EXPECT_EQ(access("start transaction with consistent snapshot, read only"), transaction_access::read_only);
    EXPECT_EQ(access("start transaction read write"), transaction_access::read_write);
    EXPECT_EQ(access("select 1"), transaction_access::unstated);
}

TEST(MysqlClassifier, ReadsTextsAsTheSessionDoes)
{
    const sql_reading ansi{.ansi_quotes = true};
    const sql_reading plain{.no_backslash_escapes = true};
    EXPECT_EQ(kind_of(R"(SELECT "a'" INTO @x -- ')"), "select_into");
    EXPECT_EQ(kind_of(R"(SELECT 'a\' INTO @x -- ')"), "read");
    EXPECT_EQ(kind_of(R"(SELECT 'a\' INTO @x -- ')", plain), "select_into");
    EXPECT_EQ(kind_of(R"(SELECT "a\" INTO @x -- ")"), "read");
    EXPECT_EQ(kind_of(R"(SELECT "a\" INTO @x -- ")", ansi), "select_into");
    EXPECT_EQ(functions_of(class_of(R"(SELECT "f"(1))", ansi)), "f");
    EXPECT_EQ(functions_of(class_of(R"(SELECT "f"(1))")), "");
}

TEST(MysqlClassifier, ProvesNothingWhereOctetsAreAmbiguous)
{
    EXPECT_EQ(kind_of("SELECT '\x81\x27 INTO @x -- '", {.ambiguous = true}), "unparsed");
    EXPECT_EQ(kind_of("SELECT '\x81\x27 INTO @x -- '"), "select_into");
    // A blank that does not break in latin1; in UTF-8 these are octets of a name.
    EXPECT_EQ(kind_of("SELECT 1\xa0INTO\xa0@x"), "unparsed");
    EXPECT_EQ(kind_of("SELECT \xc3\xa4 FROM t"), "unparsed");
    EXPECT_EQ(kind_of("SELECT \xc3\xa4 FROM t", {.utf8 = true}), "read");
    EXPECT_EQ(kind_of("SELECT '\xe4', `\xe4` FROM t"), "read");
    EXPECT_EQ(kind_of("SELECT 1 --\x7f'\n INTO @x -- '"), "select_into");
}

struct hostile {
    const char* what;
    std::string text;
    bool is_read = false;
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
        {"a long unterminated comment", "SELECT 1 /*" + std::string(megabytes, '*')},
        {"many quotes", "SELECT " + std::string(megabytes, '\'')},
        {"parentheses", "SELECT " + std::string(100'000, '(') + "1" + std::string(100'000, ')')},
        {"fewer parentheses", "SELECT " + std::string(30'000, '(') + "1" + std::string(30'000, ')'), true},
        {"open parentheses", std::string(100'000, '(')},
        {"executable comments", repeated("/*!50000 SELECT 1 ", 60'000)},
        {"executable comments of all versions", repeated("/*!50000 1*/ /*!50001 1*/", 4'000)},
        {"comments", repeated("/* a */", 1'000'000)},
        {"functions", "SELECT " + repeated("f(", 100'000)},
        {"statements", repeated("SELECT 1;", 100'000)},
        {"points", "SELECT " + std::string(1'000'000, '.')},
        {"at signs", "SELECT " + std::string(1'000'000, '@')},
        {"numbers", "SELECT " + repeated("1e", 500'000)},
        {"NUL", "SELECT 1" + std::string(1, '\0') + " INTO @x"},
        {"invalid UTF-8", "SELECT 1 \xff\xfe\xc0 INTO @x"},
        {"backslashes", "SELECT '\\"},
        {"half a comment", "SELECT 1 /", true},
        {"half an executable comment", "SELECT 1 /*!5"},
        {"half a mark", "SELECT 1 /*M"},
    };
}

TEST(MysqlClassifier, IsBoundedAndConservativeForHostileTexts)
{
    for (const auto& [what, text, is_read] : hostile_texts()) {
        for (unsigned mode = 0; mode < 16; ++mode) {
            const sql_reading reading{.no_backslash_escapes = (mode & 1U) != 0,
                                      .ansi_quotes = (mode & 2U) != 0,
                                      .ambiguous = (mode & 4U) != 0,
                                      .utf8 = (mode & 8U) != 0};
            const auto begun = std::chrono::steady_clock::now();
            const auto found = classify(text, reading);
            EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{5}) << what;
            EXPECT_EQ(found.reads_only(), is_read) << what << " under " << mode;
        }
    }
}

}  // namespace
}  // namespace penstock::mysql
