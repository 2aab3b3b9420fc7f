// SPDX-License-Identifier: Apache-2.0
//
// The console's grammar: which text means which command.
#include "admin/commands.hpp"

#include <gtest/gtest.h>

namespace penstock::admin {
namespace {

TEST(ConsoleCommands, ShowIsReadInAnyCaseAndSpacing)
{
    for (const auto* text :
         {"SHOW POOLS", "show pools", " Show\t pools ;", "show/* all */pools", "show pools -- x", "show pools;\n"}) {
        const auto read = parse_command(text);
        EXPECT_EQ(read.kind, command_kind::show) << text;
        EXPECT_EQ(read.subject, "POOLS") << text;
        EXPECT_FALSE(read.extended) << text;
    }
}

TEST(ConsoleCommands, ShowExtendedNamesItsSubject)
{
    const auto read = parse_command("show extended clients");
    EXPECT_EQ(read.kind, command_kind::show);
    EXPECT_EQ(read.subject, "CLIENTS");
    EXPECT_TRUE(read.extended);
}

TEST(ConsoleCommands, NothingButASemicolonIsEmpty)
{
    for (const auto* text : {"", ";", "  ", " ; ", "-- hello", "/* hello */;", "/* open"}) {
        EXPECT_EQ(parse_command(text).kind, command_kind::empty) << text;
    }
}

TEST(ConsoleCommands, OneTextHoldsOneCommand)
{
    for (const auto* text : {"SHOW",
                             "SHOW;",
                             "SHOW POOLS now",
                             "SHOW POOLS; SHOW STATS",
                             "SHOW POOLS;;",
                             "SHOW \"pools\"",
                             "RELOAD now",
                             "RELOAD; SHOW POOLS",
                             "SELECT 1",
                             "'",
                             "SHOWPOOLS"}) {
        EXPECT_EQ(parse_command(text).kind, command_kind::unknown) << text;
    }
    EXPECT_EQ(parse_command("show " + std::string(64, 'a')).kind, command_kind::unknown);
}

TEST(ConsoleCommands, VerbsAreKnownByTheirWord)
{
    EXPECT_EQ(parse_command("reload;").kind, command_kind::reload);
    for (const auto* text : {"KILL app",
                             "DISABLE app",
                             "ENABLE app",
                             "SUSPEND",
                             "SHUTDOWN",
                             "SHUTDOWN WAIT_FOR_CLIENTS",
                             "KILL_CLIENT 7",
                             "WAIT_CLOSE app"}) {
        const auto read = parse_command(text);
        EXPECT_EQ(read.kind, command_kind::unsupported) << text;
        EXPECT_TRUE(read.is_verb()) << text;
    }
    EXPECT_EQ(parse_command("kill app").word, "KILL");
}

TEST(ConsoleCommands, StopsNameADatabaseOrNone)
{
    const std::pair<const char*, command_kind> verbs[] = {
        {"PAUSE", command_kind::pause}, {"resume", command_kind::resume}, {"Reconnect", command_kind::reconnect}};
    for (const auto& [verb, kind] : verbs) {
        const std::string word{verb};
        EXPECT_EQ(parse_command(word + " ; ").kind, kind);
        EXPECT_EQ(parse_command(word).name, "");
        for (const auto& [written, name] : {std::pair{"app", "app"},
                                            {" My_App ;", "My_App"},
                                            {"/* here */my-app.v2", "my-app.v2"},
                                            {"\"a \"\"b\"\";\";", "a \"b\";"},
                                            {"'it''s'", "it's"}}) {
            const auto read = parse_command(word + " " + written);
            EXPECT_EQ(read.kind, kind) << written;
            EXPECT_EQ(read.name, name) << written;
            EXPECT_TRUE(read.is_verb());
            EXPECT_TRUE(read.is_order());
        }
        for (const auto* wrong : {"a b", "\"a", "\"\"", "a; PAUSE b", "\"a\"b", "a;;"}) {
            EXPECT_EQ(parse_command(word + " " + wrong).kind, command_kind::unknown) << wrong;
        }
        EXPECT_EQ(parse_command(word + " " + std::string(513, 'a')).kind, command_kind::unknown);
    }
    EXPECT_EQ(parse_command("pause app").word, "PAUSE");
}

TEST(ConsoleCommands, NodesAreDrainedByTheirAddress)
{
    auto read = parse_command("drain node 10.0.0.1:5432;");
    EXPECT_EQ(read.kind, command_kind::drain_node);
    EXPECT_EQ(read.word, "DRAIN NODE");
    EXPECT_EQ(read.name, "10.0.0.1:5432");
    read = parse_command("UNDRAIN NODE '[::1]:5432'");
    EXPECT_EQ(read.kind, command_kind::undrain_node);
    EXPECT_EQ(read.word, "UNDRAIN NODE");
    EXPECT_EQ(read.name, "[::1]:5432");
    for (const auto* text :
         {"DRAIN", "DRAIN NODE", "DRAIN NODE;", "DRAIN app", "DRAIN NODE a b", "UNDRAIN NODE \"\""}) {
        EXPECT_EQ(parse_command(text).kind, command_kind::unknown) << text;
    }
}

TEST(ConsoleCommands, WhatDriversSendByThemselvesIsNoVerb)
{
    EXPECT_EQ(parse_command("SET client_encoding TO 'UTF8'").kind, command_kind::set);
    for (const auto* text :
         {"BEGIN", "begin isolation level serializable", "COMMIT", "ROLLBACK", "DISCARD ALL", "RESET ALL"}) {
        EXPECT_EQ(parse_command(text).kind, command_kind::transaction) << text;
        EXPECT_FALSE(parse_command(text).is_verb()) << text;
    }
}

TEST(ConsoleCommands, ShowRouteTakesTheRestAsItIs)
{
    auto read = parse_command("show route SELECT 'IN x; AS y' /* penstock: replica */;");
    EXPECT_EQ(read.kind, command_kind::show_route);
    EXPECT_EQ(read.route.statement, "SELECT 'IN x; AS y' /* penstock: replica */;");
    EXPECT_EQ(read.route.database + read.route.user + read.route.dialect, "");
    read = parse_command("SHOW ROUTE IN Shop AS \"some one\" mysql /* a */ select `x`");
    EXPECT_EQ(read.route.statement, "select `x`");
    EXPECT_EQ(read.route.database, "Shop");
    EXPECT_EQ(read.route.user, "some one");
    EXPECT_EQ(read.route.dialect, "MYSQL");
    read = parse_command("SHOW ROUTE AS u APPLICATION 'my app' IN d select 1");
    EXPECT_EQ(read.route.statement, "select 1");
    EXPECT_EQ(read.route.application_name, "my app");
    EXPECT_EQ(read.route.user + read.route.database, "ud");
    for (const auto* text :
         {"SHOW ROUTE", "SHOW ROUTE IN", "SHOW ROUTE IN app", "SHOW ROUTE IN \"app", "SHOW ROUTE AS u IN d  "}) {
        EXPECT_EQ(parse_command(text).kind, command_kind::unknown) << text;
    }
    EXPECT_EQ(parse_command("SHOW ROUTES").kind, command_kind::show);
}

}  // namespace
}  // namespace penstock::admin
