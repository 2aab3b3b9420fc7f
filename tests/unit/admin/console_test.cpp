// SPDX-License-Identifier: Apache-2.0
//
// The console's protocol, message by message: what is answered, in which order, and what an error skips.
#include "admin/console.hpp"
#include "admin/console_dialogue.hpp"

#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "snapshots.hpp"

#include <gtest/gtest.h>

namespace penstock::admin {
namespace {

using need = console_dialogue::need;
using namespace std::string_literals;

class Console : public testing::Test {
protected:
    /// Sends one message and gives the answers' types.
    std::string say(char type, const std::string& body = {})
    {
        facts.now = std::make_shared<const snapshot>(example_snapshot());
        answer.clear();
        dialogue.answer(type, body, facts, answer);
        std::string types;
        for (bytes rest = answer; !rest.empty();) {
            const auto frame = postgresql::load_header(rest);
            types.push_back(frame.type);
            rest.remove_prefix(frame.frame_size());
        }
        return types;
    }

    /// The body of the answer's first message of a type.
    std::string body_of(char type) const
    {
        for (bytes rest = answer; !rest.empty();) {
            const auto frame = postgresql::load_header(rest);
            if (frame.type == type) {
                return std::string{rest.substr(postgresql::header_size, frame.body_size())};
            }
            rest.remove_prefix(frame.frame_size());
        }
        return {};
    }

    std::string sqlstate() const
    {
        const auto body = body_of('E');
        return std::string{postgresql::decode_error(body).sqlstate};
    }

    std::string query(const std::string& text) { return say('Q', text + '\0'); }
    std::string parse(const std::string& text, const std::string& name = {})
    {
        return say('P', name + '\0' + text + "\0\0\0"s);
    }
    std::string bind(const std::string& formats = "\0\0"s, const std::string& name = {})
    {
        return say('B', name + '\0' + "\0\0\0\0\0"s + formats);
    }
    std::string execute(const std::string& limit = "\0\0\0\0"s) { return say('E', '\0' + limit); }

    console_dialogue dialogue{console_role::admin};
    console_facts facts;
    std::string answer;
};

TEST_F(Console, ASimpleShowGivesRowsAndReady)
{
    EXPECT_EQ(query("show pools;"), "TDDCZ");
    EXPECT_EQ(body_of('C'), "SHOW\0"s);
    EXPECT_EQ(body_of('Z'), "I");
}

TEST_F(Console, TheEmptyQueryHasItsOwnAnswer)
{
    EXPECT_EQ(query(";"), "IZ");
    EXPECT_EQ(query(""), "IZ");
}

TEST_F(Console, SetAndTransactionsAreAcceptedWithTheirTag)
{
    EXPECT_EQ(query("SET extra_float_digits = 3"), "CZ");
    EXPECT_EQ(body_of('C'), "SET\0"s);
    EXPECT_EQ(query("begin"), "CZ");
    EXPECT_EQ(body_of('C'), "BEGIN\0"s);
    EXPECT_EQ(query("DISCARD ALL"), "CZ");
    EXPECT_EQ(body_of('C'), "DISCARD ALL\0"s);
}

TEST_F(Console, HelpIsANotice)
{
    EXPECT_EQ(query("show help"), "NCZ");
}

TEST_F(Console, UnknownCommandsAreSyntaxErrors)
{
    for (const auto* text : {"SHOW NONSENSE", "SELECT 1", "SHOW POOLS; SHOW POOLS"}) {
        EXPECT_EQ(query(text), "EZ") << text;
        EXPECT_EQ(sqlstate(), "42601") << text;
    }
}

TEST_F(Console, UnsupportedVerbsSaySo)
{
    EXPECT_EQ(query("SUSPEND"), "EZ");
    EXPECT_EQ(sqlstate(), "0A000");
}

TEST_F(Console, StatsUsersMayRunNoVerb)
{
    dialogue = console_dialogue{console_role::stats};
    for (const auto* text : {"RELOAD", "PAUSE", "RESUME app", "DRAIN NODE a", "KILL app", "SHUTDOWN"}) {
        EXPECT_EQ(query(text), "EZ") << text;
        EXPECT_EQ(sqlstate(), "42501") << text;
        EXPECT_EQ(parse(text), "1");
        EXPECT_EQ(bind(), "2");
        EXPECT_EQ(execute(), "E") << text;
        EXPECT_EQ(sqlstate(), "42501") << text;
        EXPECT_EQ(say('S'), "Z");
    }
    EXPECT_EQ(dialogue.needs('Q', "RELOAD\0"s), need::nothing);
    EXPECT_EQ(query("SHOW POOLS"), "TDDCZ");
}

TEST_F(Console, AReloadIsAskedForAndItsFailureTold)
{
    EXPECT_EQ(dialogue.needs('Q', "RELOAD\0"s), need::order);
    EXPECT_EQ(query("RELOAD"), "CZ");
    EXPECT_EQ(body_of('C'), "RELOAD\0"s);
    facts.refused = client_error{error_kind::internal, "line 3: unknown key", "F0000"};
    EXPECT_EQ(query("RELOAD"), "EZ");
    EXPECT_EQ(sqlstate(), "F0000");
}

TEST_F(Console, AnOrderIsCarriedOutFirstAndAnsweredWithItsTag)
{
    EXPECT_EQ(dialogue.needs('Q', "PAUSE \"my shop\"\0"s), need::order);
    EXPECT_EQ(dialogue.order_in('Q', "PAUSE \"my shop\"\0"s).name, "my shop");
    EXPECT_EQ(query("PAUSE \"my shop\""), "CZ");
    EXPECT_EQ(body_of('C'), "PAUSE\0"s);
    EXPECT_EQ(query("DRAIN NODE a:1"), "CZ");
    EXPECT_EQ(body_of('C'), "DRAIN NODE\0"s);
    facts.refused = client_error{error_kind::unknown_database, "no such database: shop", {}};
    EXPECT_EQ(query("PAUSE shop"), "EZ");
    EXPECT_EQ(sqlstate(), "3D000");
}

TEST_F(Console, AnOrderOfTheExtendedProtocolIsCarriedOutByExecute)
{
    parse("RESUME shop");
    bind();
    EXPECT_EQ(dialogue.needs('E', "\0\0\0\0\0"s), need::order);
    EXPECT_EQ(dialogue.order_in('E', "\0\0\0\0\0"s).kind, command_kind::resume);
    EXPECT_EQ(execute(), "C");
    EXPECT_EQ(body_of('C'), "RESUME\0"s);
}

TEST_F(Console, SaysWhatItNeedsToKnow)
{
    EXPECT_EQ(dialogue.needs('Q', "show pools\0"s), need::counts);
    EXPECT_EQ(dialogue.needs('Q', "show clients\0"s), need::everything);
    EXPECT_EQ(dialogue.needs('Q', ";\0"s), need::nothing);
    EXPECT_EQ(dialogue.needs('S', {}), need::nothing);
    parse("show servers");
    bind();
    EXPECT_EQ(dialogue.needs('E', "\0\0\0\0\0"s), need::everything);
    EXPECT_EQ(dialogue.needs('E', "nobody\0\0\0\0\0"s), need::nothing);
}

TEST_F(Console, TheExtendedProtocolGivesTheSameRows)
{
    EXPECT_EQ(parse("show pools"), "1");
    EXPECT_EQ(say('D', "S\0"s), "tT");
    EXPECT_EQ(bind(), "2");
    EXPECT_EQ(say('D', "P\0"s), "T");
    EXPECT_EQ(execute(), "DDC");
    EXPECT_EQ(say('C', "P\0"s), "3");
    EXPECT_EQ(say('H'), "");
    EXPECT_EQ(say('S'), "Z");
}

TEST_F(Console, CommandsWithoutRowsAreDescribedAsSuch)
{
    parse("set a = b");
    EXPECT_EQ(say('D', "S\0"s), "tn");
    bind();
    EXPECT_EQ(execute(), "C");
    parse("");
    bind();
    EXPECT_EQ(execute(), "I");
}

TEST_F(Console, RowsCanBeTakenInPortions)
{
    parse("show lists");
    bind();
    EXPECT_EQ(execute("\0\0\0\x0a"s), "DDDDDDDDDDs");
    EXPECT_EQ(execute("\0\0\0\x0a"s), "DDDDC");
    EXPECT_EQ(execute("\0\0\0\x0a"s), "C");
}

TEST_F(Console, AnErrorSkipsToSync)
{
    EXPECT_EQ(parse("show nonsense at all"), "E");
    EXPECT_EQ(bind(), "");
    EXPECT_EQ(execute(), "");
    EXPECT_EQ(query("show version"), "");
    EXPECT_EQ(say('S'), "Z");
    EXPECT_EQ(query("show version"), "TDCZ");
}

TEST_F(Console, WhatDoesNotExistIsAnError)
{
    EXPECT_EQ(bind(), "E");
    EXPECT_EQ(sqlstate(), "26000");
    say('S');
    EXPECT_EQ(execute(), "E");
    EXPECT_EQ(sqlstate(), "34000");
    say('S');
    EXPECT_EQ(say('C', "Snobody\0"s), "3");
}

TEST_F(Console, PortalsEndAtSyncAndStatementsStay)
{
    parse("show version", "s");
    say('B', "p\0s\0\0\0\0\0\0\0"s);
    EXPECT_EQ(say('S'), "Z");
    EXPECT_EQ(say('D', "Pp\0"s), "E");
    say('S');
    EXPECT_EQ(say('D', "Ss\0"s), "tT");
    EXPECT_EQ(parse("show pools", "s"), "E");
    EXPECT_EQ(sqlstate(), "42P05");
}

TEST_F(Console, StatementsAreBounded)
{
    for (int index = 0; index < 64; ++index) {
        ASSERT_EQ(parse("show version", std::to_string(index)), "1");
    }
    EXPECT_EQ(parse("show version", "one more"), "E");
    say('S');
    say('C', "S0\0"s);
    EXPECT_EQ(parse("show version", "one more"), "1");
}

TEST_F(Console, BinaryResultsAreGivenWhereAskedFor)
{
    parse("show lists");
    EXPECT_EQ(bind("\0\x01\0\x01"s), "2");
    execute("\0\0\0\x01"s);
    EXPECT_EQ(body_of('D'),
              "\0\x02\0\0\0\x09"
              "databases\0\0\0\x04\0\0\0\x02"s);

    parse("show stats_totals");
    EXPECT_EQ(bind("\0\x01\0\x01"s), "2");
    execute();
    const auto thirty = "\0\0\0\x0a\0\x01\0\0\0\0\0\0\0\x1e"s;  // one digit, weight 0, positive, scale 0, 30
    EXPECT_NE(body_of('D').find(thirty), std::string::npos);
}

TEST_F(Console, FormatsMustFitTheColumns)
{
    parse("show lists");
    EXPECT_EQ(bind("\0\x03\0\0\0\0\0\0"s), "E");
    EXPECT_EQ(sqlstate(), "08P01");
}

TEST_F(Console, ParametersAreRefused)
{
    parse("show lists");
    EXPECT_EQ(say('B', "\0\0\0\0\0\x01\0\0\0\x01x\0\0"s), "E");
    EXPECT_FALSE(dialogue.has_ended());
}

TEST_F(Console, MalformedMessagesEndTheSession)
{
    const std::vector<std::pair<char, std::string>> wrong{{'Q', "no end"},
                                                          {'Q', "two\0ends\0"s},
                                                          {'P', "\0\0\0\x05"s},
                                                          {'B', "\0\0\0\0\0\0\xff\xff"s},
                                                          {'D', "X\0"s},
                                                          {'C', ""},
                                                          {'E', "\0"s},
                                                          {'p', "secret\0"s},
                                                          {'?', ""}};
    for (const auto& [type, body] : wrong) {
        dialogue = console_dialogue{console_role::admin};
        parse("show version");
        const auto told = say(type, body);
        EXPECT_EQ(told.substr(0, 1), "E") << type;
        EXPECT_EQ(sqlstate(), "08P01") << type;
        EXPECT_TRUE(dialogue.has_ended()) << type;
    }
}

TEST_F(Console, EveryCutOfAMessageIsSafe)
{
    const std::vector<std::pair<char, std::string>> whole{{'Q', "show pools\0"s},
                                                          {'P', "\0show pools\0\0\0"s},
                                                          {'B', "\0\0\0\0\0\0\0\x01\0\x01"s},
                                                          {'D', "S\0"s},
                                                          {'E', "\0\0\0\0\x01"s},
                                                          {'C', "S\0"s}};
    for (const auto& [type, body] : whole) {
        for (std::size_t size = 0; size < body.size(); ++size) {
            dialogue = console_dialogue{console_role::admin};
            parse("show pools");
            bind();
            (void)dialogue.needs(type, bytes{body}.substr(0, size));
            EXPECT_EQ(say(type, body.substr(0, size)).substr(0, 1), "E") << type << size;
        }
    }
}

TEST_F(Console, GoodbyeEndsTheSession)
{
    EXPECT_EQ(say('X'), "");
    EXPECT_TRUE(dialogue.has_ended());
}

TEST_F(Console, AFunctionCallIsRefusedAndEndsWithReady)
{
    EXPECT_EQ(say('F', "\0\0\0\x01"s), "EZ");
    EXPECT_EQ(query("show version"), "TDCZ");
}

TEST(ConsoleRoles, ComeFromTheSettings)
{
    auto all = example_settings();
    EXPECT_EQ(role_of(all, "app"), console_role::stats);  // the only user there is
    EXPECT_EQ(role_of(all, "nobody"), console_role::none);
    all.admin.stats_users = {"watcher"};
    EXPECT_EQ(role_of(all, "app"), console_role::none);
    EXPECT_EQ(role_of(all, "watcher"), console_role::stats);
    all.admin.admin_users = {"root", "watcher"};
    EXPECT_EQ(role_of(all, "root"), console_role::admin);
    EXPECT_EQ(role_of(all, "watcher"), console_role::admin);
}

TEST(ConsoleRoles, TwoUsersAndNoListLetNobodyIn)
{
    auto all = example_settings();
    all.users.push_back(all.users.front());
    all.users.back().name = "second";
    EXPECT_EQ(role_of(all, "app"), console_role::none);
}

TEST_F(Console, TellsTheRouteOfAStatement)
{
    EXPECT_EQ(dialogue.needs('Q', "SHOW ROUTE select 1\0"s), need::route);
    EXPECT_EQ(dialogue.asked_route('Q', "SHOW ROUTE IN app select 1\0"s).database, "app");
    facts.route.cells = {"read", "replica", "read", "why", "", "", "select 0", "00"};
    EXPECT_EQ(query("SHOW ROUTE select 1"), "TDCZ");
    EXPECT_NE(body_of('D').find("replica"), std::string::npos);
    EXPECT_EQ(parse("SHOW ROUTE IN app select 2", "s"), "1");
    EXPECT_EQ(say('D', "Ss\0"s), "tT");
    EXPECT_EQ(say('B', "\0s\0\0\0\0\0\0\0"s), "2");
    EXPECT_EQ(dialogue.needs('E', "\0\0\0\0\0"s), need::route);
    EXPECT_EQ(dialogue.asked_route('E', "\0\0\0\0\0"s).statement, "select 2");
    EXPECT_EQ(say('E', "\0\0\0\0\0"s), "DC");
}

TEST_F(Console, RefusesARouteWithoutItsDatabase)
{
    facts.route.refused = client_error{error_kind::unknown_database, "there is no database \"x\"", {}};
    EXPECT_EQ(query("SHOW ROUTE IN x select 1"), "EZ");
    EXPECT_EQ(sqlstate(), "3D000");
    EXPECT_EQ(query("SHOW ROUTE"), "EZ");
}

}  // namespace
}  // namespace penstock::admin
