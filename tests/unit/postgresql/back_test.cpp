// SPDX-License-Identifier: Apache-2.0
//
// The server's half of an exchange: where replies end, and servers that break the protocol.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// Every kind of thing a server may owe, and messages of the client's that make it so.
struct debt {
    const char* name;
    std::string request;
    std::string_view fitting;  ///< types that may come next, beside N, A, S and E
};

const debt debts[] = {
    {"nothing", "", ""},
    {"Query", wire::query("SELECT 1"), "CITDHdcGZ"},
    {"Parse", wire::parse("", "SELECT 1"), "1"},
    {"Bind", wire::bind("", "x"), "2"},
    {"Describe of a statement", wire::describe('S', "x"), "tTn"},
    {"Describe of a portal", wire::describe('P', ""), "Tn"},
    {"Execute", wire::execute(), "CDIsHdcG"},
    {"Close", wire::close('P', ""), "3"},
    {"Sync", wire::sync(), "Z"},
    {"FunctionCall", wire::function_call(955), "VZ"},
};

TEST(Back, TakesNoReplyThatFitsNoRequest)
{
    for (const auto& [name, request, fitting] : debts) {
        for (int type = 0; type < 256; ++type) {
            const char letter = static_cast<char>(type);
            if (letter == 'N' || letter == 'A' || letter == 'S' || letter == 'E') {
                continue;
            }
            exchange talk;
            talk.send(request);
            const auto outcome = talk.answer(wire::frame(letter, letter == 'Z' ? "I" : ""));
            const bool fits = type != 0 && fitting.find(letter) != std::string_view::npos;
            EXPECT_EQ(outcome, fits ? advance_result::ok : advance_result::violation) << name << ' ' << type;
            if (!fits) {
                EXPECT_FALSE(talk.server->last_error().detail.empty());
                EXPECT_EQ(talk.sent_to_client(), "");
            }
        }
    }
}

TEST(Back, TakesNoImpossibleLength)
{
    for (const auto& each : debts) {
        for (const std::uint32_t length : {0U, 1U, 3U, 0x3fffffffU, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
            for (const char type : {'D', 'Z', 'E', 'N', 'S', 'T'}) {
                exchange talk;
                talk.send(each.request);
                EXPECT_EQ(talk.answer(type + wire::number(length)), advance_result::violation) << each.name;
                exchange bytewise;
                bytewise.send(each.request);
                auto outcome = advance_result::ok;
                for (const char octet : type + wire::number(length)) {
                    EXPECT_EQ(outcome, advance_result::ok);
                    outcome = bytewise.answer({&octet, 1});
                }
                EXPECT_EQ(outcome, advance_result::violation);
            }
        }
    }
}

TEST(Back, TakesNoUnknownTransactionStatus)
{
    for (const auto* body : {"", "X", "II", "i"}) {
        exchange talk;
        talk.send(wire::sync());
        EXPECT_EQ(talk.answer(wire::frame('Z', body)), advance_result::violation) << body;
    }
}

TEST(Back, TakesNoMalformedParameterStatus)
{
    for (const auto& body : {std::string{},
                             std::string{"a"},
                             wire::c_string("a"),
                             wire::c_string("a") + "b",
                             wire::c_string("a") + wire::c_string("b") + "c"}) {
        exchange talk;
        EXPECT_EQ(talk.answer(wire::frame('S', body)), advance_result::violation);
        EXPECT_FALSE(talk.server->advance_idle(wire::frame('S', body)));
    }
}

TEST(Back, AFloodOfParametersIsBounded)
{
    exchange talk;
    auto outcome = advance_result::ok;
    int taken = 0;
    for (; taken < 5000 && outcome == advance_result::ok; ++taken) {
        outcome = talk.answer(wire::parameter_status("p" + std::to_string(taken), "x"));
    }
    EXPECT_EQ(outcome, advance_result::violation);
    EXPECT_LE(talk.server->reported.size(), 1000U);
    back idle{10};
    bool usable = true;
    for (taken = 0; taken < 5000 && usable; ++taken) {
        usable = idle.advance_idle(wire::parameter_status("p" + std::to_string(taken), "x"));
    }
    EXPECT_FALSE(usable);
}

TEST(Back, WhatHasToBeHeldIsBounded)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.answer("E" + wire::number(64 * 1024 * 1024) + "whatever"), advance_result::violation);
}

TEST(Back, RowsAreNotHeld)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    const auto row = wire::data_row(std::string(1'000'000, 'x'));
    talk.answer(wire::row_description(1));
    talk.sent_to_client();
    for (std::size_t at = 0; at < row.size(); at += 4096) {
        const auto part = row.substr(at, 4096);
        EXPECT_EQ(talk.answer(part), advance_result::ok);
        EXPECT_EQ(talk.sent_to_client(), part);
    }
    EXPECT_FALSE(talk.server->is_mid_relay());
}

TEST(Back, AnErrorThatAnswersNothingIsAFault)
{
    exchange talk;
    EXPECT_EQ(talk.answer(wire::error("XX000")), advance_result::violation);
}

TEST(Back, ErrorsWithoutFieldsAreRelayed)
{
    for (const auto& body : {std::string{}, std::string{"\0", 1}, std::string{"S"}, std::string{"SERROR"}}) {
        exchange talk;
        talk.send(wire::query("SELECT 1"));
        EXPECT_EQ(talk.answer(wire::frame('E', body) + wire::ready()), advance_result::ok);
        EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
        EXPECT_TRUE(talk.server->is_idle());
    }
}

TEST(Back, NoticesAndNotificationsMayComeAnyTime)
{
    exchange talk;
    const auto unasked = wire::notice("look out") + wire::notification("news");
    EXPECT_EQ(talk.answer(unasked), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), unasked);
    talk.send(wire::parse("", "SELECT 1"));
    EXPECT_EQ(talk.answer(unasked + wire::parse_complete()), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), unasked + wire::parse_complete());
}

TEST(Back, NoticesOfInjectedRequestsAreSwallowedAndNotificationsAreNot)
{
    exchange talk{{{"timezone", "CET"}}};
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::notice("swallowed") + wire::notification("news"));
    EXPECT_EQ(talk.sent_to_client(), wire::notification("news"));
}

TEST(Back, AMadeUpReplyDoesNotGoIntoTheMiddleOfAFrame)
{
    exchange talk;
    const auto notice = wire::notification("news");
    talk.answer(notice.substr(0, 9));
    talk.send(wire::close('S', "a") + wire::sync());
    talk.answer(notice.substr(9) + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), notice + wire::close_complete() + wire::ready());
}

TEST(Back, MadeUpRepliesComeInTheirPlace)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::bind("", "a") + wire::close('S', "a") +
              wire::parse("b", "SELECT 1") + wire::close('S', "nothing") + wire::execute() + wire::close('S', "b") +
              wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBES");
    const auto answer =
        wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready();
    for (const char octet : answer) {
        EXPECT_EQ(talk.answer({&octet, 1}), advance_result::ok);
    }
    EXPECT_EQ(types_of(talk.sent_to_client()), "12313C3Z");
}

TEST(Back, HundredBatchesMayBeUnderWay)
{
    exchange talk;
    std::string batches;
    std::string answers;
    for (int count = 0; count < 100; ++count) {
        batches += wire::parse("", "SELECT 1") + wire::bind("", "") + wire::execute() + wire::sync();
        answers += count % 3 == 0 ? wire::error("42601") + wire::ready()
                                  : wire::parse_complete() + wire::bind_complete() +
                                        wire::command_complete("SELECT 1") + wire::ready();
    }
    EXPECT_EQ(talk.send(batches), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), batches);
    EXPECT_EQ(talk.answer(answers), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), answers);
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(Back, AFailedBatchThatEndsInAQueryWithoutASyncIsNotOver)
{
    exchange talk;
    talk.send(wire::parse("", "SELEC") + wire::query("SELECT 1"));
    talk.answer(wire::error("42601"));
    EXPECT_FALSE(talk.server->is_quiet());  // the server has skipped the query and waits for a Sync
    talk.send(wire::sync());
    talk.answer(wire::ready());
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(Back, AnErrorAtTheSyncLeavesTheNextBatchAlone)
{
    exchange talk;
    talk.send(wire::execute() + wire::sync() + wire::execute() + wire::sync());
    const auto answer = wire::command_complete("INSERT 0 1") + wire::error("23505") + wire::ready() +
                        wire::command_complete("INSERT 0 1") + wire::ready();
    EXPECT_EQ(talk.answer(answer), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), answer);
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(Back, FlushGoesThroughAndEndsNothing)
{
    exchange talk;
    talk.send(wire::flush());
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.send(wire::parse("", "SELECT 1") + wire::flush());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PH");
    talk.answer(wire::parse_complete());
    EXPECT_FALSE(talk.server->is_quiet());
}

TEST(Back, WhatComesWhileIdleIsTakenOrEndsTheConnection)
{
    back server{10};
    EXPECT_TRUE(server.advance_idle(wire::parameter_status("TimeZone", "CET") + wire::notice("reloading")));
    EXPECT_EQ(server.reported["TimeZone"], "CET");
    EXPECT_FALSE(server.advance_idle(wire::ready()));
    EXPECT_FALSE(server.advance_idle(wire::data_row("of somebody else")));
    EXPECT_FALSE(server.advance_idle(wire::error("57P01", "shutdown", "FATAL")));
    EXPECT_FALSE(server.advance_idle(wire::notice("cut").substr(0, 4)));
    EXPECT_FALSE(server.advance_idle("N" + wire::number(3)));
}

TEST(Back, WhatItOwesTheClient)
{
    exchange talk{{{"timezone", "CET"}}};
    EXPECT_FALSE(talk.server->owes_client());
    std::string scratch;
    std::string nobody;
    outbox to_server{scratch};
    outbox to_client{nobody};
    talk.client.catch_up(*talk.server, to_server, to_client);
    EXPECT_FALSE(talk.server->owes_client());
    EXPECT_FALSE(talk.server->is_quiet());
    talk.send(wire::query("SELECT 1"));
    EXPECT_TRUE(talk.server->owes_client());
}

}  // namespace
