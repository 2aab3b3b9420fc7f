// SPDX-License-Identifier: Apache-2.0
//
// Messages too long to be held pass through in pieces, and what they leave behind is noted all the same.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// Longer than what any message but Parse is held up to.
const std::string padding(100'000, ' ');

/// Sends in pieces; gives the most that was ever held back.
std::size_t send_in_pieces(exchange& talk, bytes octets, std::size_t piece)
{
    std::size_t most = 0;
    while (!octets.empty()) {
        EXPECT_EQ(talk.send(octets.substr(0, piece)), front_need::more);
        octets.remove_prefix(std::min(piece, octets.size()));
        most = std::max(most, talk.unconsumed().size());
    }
    return most;
}

TEST(FrontStreaming, ALongQueryIsNotHeld)
{
    for (const std::size_t piece : {1000, 16'000, 65'536}) {
        exchange talk;
        const auto query = wire::query("SELECT 1" + padding);
        EXPECT_LT(send_in_pieces(talk, query, piece), 66'000U);
        EXPECT_EQ(talk.sent_to_server(), query);
        EXPECT_EQ(talk.server->outstanding(), 1U);
        talk.answer(wire::rows("1") + wire::ready());
        EXPECT_FALSE(talk.client.must_stay());
    }
}

TEST(FrontStreaming, WhatALongQuerySetsIsNoted)
{
    for (const auto& text : {"SET work_mem = '5MB';" + padding, padding + "SET work_mem = '5MB'"}) {
        exchange talk;
        send_in_pieces(talk, wire::query(text), 7000);
        talk.answer(wire::command_complete("SET") + wire::ready());
        EXPECT_TRUE(talk.client.parameters().needs_probe());
    }
}

TEST(FrontStreaming, ALongQueryThatPinsPins)
{
    exchange talk;
    send_in_pieces(talk, wire::query(padding + "LISTEN news"), 7000);
    talk.answer(wire::command_complete("LISTEN") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::listen));
}

TEST(FrontStreaming, ALongBindGetsTheServersName)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT $1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.move_to(1);
    talk.sent_to_server();
    const auto name = talk.store.intern(wire::c_string("SELECT $1") + wire::short_number(0), {})->server_name;
    for (const std::size_t piece : {999, 20'000}) {
        EXPECT_LT(send_in_pieces(talk, wire::bind("p", "a", {padding}) + wire::sync(), piece), 21'000U);
        const auto sent = talk.sent_to_server();
        EXPECT_EQ(sent.substr(sent.find('B')), wire::bind("p", name, {padding}) + wire::sync());
        talk.answer((sent[0] == 'P' ? wire::parse_complete() : "") + wire::bind_complete() + wire::ready());
        EXPECT_TRUE(talk.server->is_idle());
    }
}

TEST(FrontStreaming, ALongBindOfTheUnnamedStatement)
{
    exchange talk;
    talk.send(wire::parse("", "SELECT $1"));
    const auto bind = wire::bind("", "", {padding});
    send_in_pieces(talk, bind, 5000);
    EXPECT_EQ(talk.sent_to_server(), wire::parse("", "SELECT $1") + bind);
}

TEST(FrontStreaming, ANamedStatementIsHeldUpToItsBound)
{
    exchange talk;
    const auto parse = wire::parse("a", "SELECT 1" + padding);
    send_in_pieces(talk, parse, 7000);
    EXPECT_EQ(types_of(talk.sent_to_server()), "P");
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontStreaming, AnUnnamedStatementBeyondTheBoundPassesThroughAndPins)
{
    exchange talk{{}, {.inspected_statement = 20'000}};
    const auto parse = wire::parse("", "SELECT 1" + padding);
    EXPECT_LT(send_in_pieces(talk, parse, 7000), 21'000U);
    EXPECT_EQ(talk.sent_to_server(), parse);
    EXPECT_TRUE(talk.client.pins().has(pin_reason::large_statement));
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BES");
}

TEST(FrontStreaming, CopyDataPassesThroughAtOnce)
{
    exchange talk;
    talk.send(wire::query("COPY t FROM STDIN"));
    talk.answer(wire::copy_in_response());
    talk.sent_to_server();
    const auto data = wire::copy_data(padding);
    EXPECT_LT(send_in_pieces(talk, data, 999), 5U);
    EXPECT_EQ(talk.sent_to_server(), data);
}

TEST(FrontStreaming, NothingIsInjectedIntoTheMiddleOfAMessage)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = '5MB'"));
    const auto data = wire::copy_data(padding);
    talk.send(data.substr(0, 50));
    talk.answer(wire::command_complete("SET") + wire::ready());
    talk.sent_to_server();
    EXPECT_TRUE(talk.client.is_mid_message());
    EXPECT_FALSE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.send(data.substr(50));
    EXPECT_EQ(talk.sent_to_server(), data.substr(50));
    EXPECT_TRUE(talk.settle());
}

TEST(FrontStreaming, ALongMessageInASkippedBatchIsDropped)
{
    exchange talk;
    talk.send(wire::parse("", "SELEC"));
    talk.answer(wire::error("42601"));
    talk.sent_to_server();
    send_in_pieces(
        talk, wire::query(padding) + wire::bind("", "", {padding}) + wire::parse("", padding) + wire::sync(), 7000);
    EXPECT_EQ(talk.sent_to_server(), wire::sync());
    talk.answer(wire::ready());
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontStreaming, LongFunctionCalls)
{
    exchange talk;
    std::string call = wire::function_call(955);
    call += padding;
    store_u32(call.data() + 1, static_cast<std::uint32_t>(call.size() - 1));
    send_in_pieces(talk, call, 7000);
    EXPECT_EQ(talk.sent_to_server(), call);
    talk.answer(wire::frame('V', wire::number(0xffffffff)) + wire::ready());
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_TRUE(talk.client.pins().empty());
    talk.send(wire::function_call(12345));
    talk.answer(wire::frame('V', wire::number(0xffffffff)) + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::opaque));
}

}  // namespace
