// SPDX-License-Identifier: Apache-2.0
//
// What stands in strings, comments, quoted names and dollar quotes is no statement, and what stands behind them is: the
// places where a reader that loses count would go wrong. Random texts are read alike however they are cut.
#include "effects_support.hpp"

#include <random>

namespace penstock::postgresql {
namespace {

TEST(EffectsLexing, SeesWhatFollowsAString)
{
    expect_effects({
        {"SELECT '\\'; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT E'\\'; SET a = 1; --'", "select"},
        {"SELECT 'it''s'; SET a = 1", "select*2 touched:a"},
        {"SELECT E'it\\'s'; SET a = 1", "select*2 touched:a"},
        {"SELECT E'\\\\'; SET a = 1", "select*2 touched:a"},
        {"SELECT 'a''; SET a = 1; --'", "select"},
        {"SELECT U&'\\'; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT B'\\'; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT name'\\'; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT E'a'\n'\\'; SET a = 1; --'", "select"},
        {"SELECT E'a' '\\'; SET a = 1; --'", "select*2 touched:a"},
    });
}

TEST(EffectsLexing, FollowsStandardConformingStrings)
{
    expect_effects(
        {
            {"SELECT '\\'; SET a = 1; --'", "select"},
            {"SELECT '\\''; SET a = 1; --'", "select*2 touched:a"},
            {"SELECT E'\\'; SET a = 1; --'", "select"},
            {"SELECT B'\\'; SET a = 1; --'", "select*2 touched:a"},
            {"SELECT \"\\\"; SET a = 1; --\"", "select*2 touched:a"},
            {"SELECT $$\\$$; SET a = 1", "select*2 touched:a"},
            {"SELECT set_config('a\\'b', 'c', false)", "select pins:unknown_setting"},
            {"SELECT set_config('a', '\\', ', false)", "select touched:a"},
        },
        old_strings);
}

TEST(EffectsLexing, SeesWhatFollowsADollarQuote)
{
    expect_effects({
        {"SELECT $$'$$; SET a = 1", "select*2 touched:a"},
        {"SELECT $a$ $$ '; $a$; SET a = 1", "select*2 touched:a"},
        {"SELECT $a$ $A$; SET a = 1 $a$", "select"},
        {"SELECT a$a$; SET b = 1; --$a$", "select*2 touched:b"},
        {"SELECT $1, $$x$$; SET a = 1", "select*2 touched:a"},
        {"SELECT $1$$; SET a = 1; $$", "select"},
        {"DO $$ SET a = 1; $$; SET b = 1", "do_block*2 touched:b pins:opaque"},
    });
}

TEST(EffectsLexing, SeesWhatFollowsAComment)
{
    expect_effects({
        {"SELECT 1 -- x; SET a = 1", "select"},
        {"SELECT 1 -- x\n; SET a = 1", "select*2 touched:a"},
        {"SELECT 1 -- x\r; SET a = 1", "select*2 touched:a"},
        {"SELECT 1 /* ; SET a = 1 */", "select"},
        {"SELECT 1 /* /* */ ; SET a = 1; */", "select"},
        {"SELECT 1 /* /* */ */ ; SET a = 1", "select*2 touched:a"},
        {"SELECT 1 /* ' */ ; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT 1 +-- '\n1; SET a = 1", "select*2 touched:a"},
        {"SELECT 1 */* ' */1; SET a = 1", "select*2 touched:a"},
        {"SELECT 1 - - 1; SET a = 1", "select*2 touched:a"},
        {"/**/SET/**/a/**/=/**/1", "set touched:a"},
        {"SET--\na--\n=--\n1", "set touched:a"},
    });
}

TEST(EffectsLexing, SeesWhatFollowsAQuotedName)
{
    expect_effects({
        {"SELECT \"a'b\"; SET a = 1; --'", "select*2 touched:a"},
        {"SELECT \"a\"\"; SET a = 1; --\"", "select"},
        {"SELECT \"a\\\"; SET a = 1; --\"", "select*2 touched:a"},
        {"SELECT \"$$\"; SET a = 1; --$$", "select*2 touched:a"},
        {"SELECT \"--\"; SET a = 1", "select*2 touched:a"},
    });
}

TEST(EffectsLexing, SaysThatTheTextEndsInside)
{
    expect_effects({
        {"SET a = 'x", "set touched:a unterminated"},
        {"LISTEN a; SELECT 'x", "listen*2 pins:listen unterminated"},
        {"SELECT 1 /* x", "select unterminated"},
        {"SELECT $$ x", "select unterminated"},
        {"SELECT \"x", "select unterminated"},
        {"SELECT 1 -- x", "select"},
    });
}

TEST(EffectsLexing, FindsWordsBehindLongNames)
{
    const std::string name(300, 'n');
    const auto quoted = "SELECT \"" + name + "\", " + name + "(1), '" + name + "', nextval('s')";
    const auto value = "SET a = '" + name + "'; SET b.c = 1";
    expect_effects({{quoted, "select pins:sequence"}, {value, "set*2 touched:a,b.c"}});
}

TEST(EffectsLexing, ReadsRandomTextsAlikeHoweverTheyAreCut)
{
    const std::vector<std::string_view> pieces{"SET ",
                                               "SESSION ",
                                               "LOCAL ",
                                               "a",
                                               ".",
                                               "=",
                                               "'x'",
                                               "TO ",
                                               "DEFAULT",
                                               ";",
                                               "RESET ",
                                               "ALL ",
                                               "TIME ",
                                               "ZONE ",
                                               "ROLE ",
                                               "NONE ",
                                               "NAMES",
                                               "SCHEMA ",
                                               "CREATE ",
                                               "TEMP ",
                                               "TABLE ",
                                               "ON ",
                                               "COMMIT ",
                                               "DROP ",
                                               "SELECT ",
                                               "set_config",
                                               "(",
                                               ")",
                                               ",",
                                               "true",
                                               "false",
                                               "$1",
                                               "::",
                                               "text",
                                               "INTO ",
                                               "pg_temp",
                                               "\"a\"",
                                               "U&\"a\"",
                                               "$$",
                                               "$a$",
                                               "'",
                                               "\"",
                                               "--",
                                               "/*",
                                               "*/",
                                               "\n",
                                               " ",
                                               "nextval",
                                               "LISTEN ",
                                               "PREPARE ",
                                               "TRANSACTION ",
                                               "DEALLOCATE ",
                                               "BEGIN ",
                                               "ATOMIC ",
                                               "END ",
                                               "FUNCTION ",
                                               "EXPLAIN ",
                                               "WITH ",
                                               "HOLD ",
                                               "DECLARE ",
                                               "E'",
                                               "\\",
                                               "search_path ",
                                               "UPDATE ",
                                               "pg_settings ",
                                               "AUTHORIZATION "};
    std::mt19937 random{1234};
    for (int round = 0; round < 3000; ++round) {
        std::string text;
        const auto length = random() % 20;
        for (unsigned piece = 0; piece < length; ++piece) {
            text.append(pieces[random() % pieces.size()]);
        }
        expect_every_split_alike(text, {.backslash_escapes = round % 2 == 1});
        if (::testing::Test::HasFatalFailure()) {
            return;
        }
    }
}

}  // namespace
}  // namespace penstock::postgresql
