// SPDX-License-Identifier: Apache-2.0
//
// A server that disappears: every batch that waits for it is told once, and the session goes on.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const client_error gone{error_kind::server_lost, "the server is gone", {}};

TEST(ServerLost, EachQueryAndBatchIsToldOnce)
{
    exchange talk;
    talk.send(wire::query("SELECT 1") + wire::parse("", "SELECT 2") + wire::bind("", "") + wire::execute() +
              wire::sync() + wire::sync() + wire::function_call(955));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZEZEZEZ");
    EXPECT_EQ(talk.send(wire::query("SELECT 3")), front_need::server);
}

TEST(ServerLost, WhatWasAnsweredBeforeIsNotToldAgain)
{
    exchange talk;
    talk.send(wire::query("SELECT 1") + wire::query("SELECT 2"));
    talk.answer(wire::rows("1") + wire::ready() + wire::row_description(1));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, ABatchWithoutASyncIsToldAndSkippedToIt)
{
    exchange talk;
    talk.send(wire::parse("", "SELECT 2") + wire::bind("", ""));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "E");
    EXPECT_EQ(talk.send(wire::execute() + wire::query("SELECT 1") + wire::flush()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send(wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::server);
}

TEST(ServerLost, AnErrorThatTheClientHasIsEnough)
{
    for (const bool synced : {true, false}) {
        exchange talk;
        talk.send(wire::parse("", "SELEC") + (synced ? wire::sync() : ""));
        talk.answer(wire::error("42601"));
        EXPECT_EQ(types_of(talk.sent_to_client()), "E");
        EXPECT_TRUE(talk.lose_server(gone));
        talk.send(synced ? "" : wire::sync());
        EXPECT_EQ(talk.sent_to_client(), wire::ready());
    }
    exchange talk;
    talk.send(wire::query("SELEC"));
    talk.answer(wire::error("42601"));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
}

TEST(ServerLost, WhatWasInjectedIsNobodysLoss)
{
    exchange talk{{{"timezone", "CET"}}};
    talk.send(wire::query("SELECT 1"));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, AHalfRelayedFrameCannotBeMended)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::row_description(1) + wire::data_row("a long value").substr(0, 12));
    EXPECT_FALSE(talk.lose_server(gone));
}

TEST(ServerLost, AReplyThatIsHeldHasNotBeenRelayed)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::row_description(1).substr(0, 12));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, NamesAreAsTheyWereConfirmed)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send(wire::bind("", "a") + wire::close('S', "a") + wire::parse("a", "SELECT 2") + wire::close('S', "a") +
              wire::parse("b", "SELECT 3") + wire::sync());
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.client.statement_count(), 1U);
    talk.move_to(1);
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_NE(talk.sent_to_server().find("SELECT 1"), std::string::npos);
}

TEST(ServerLost, TheRestOfALongMessageIsDropped)
{
    exchange talk;
    const auto query = wire::query(std::string(100'000, ' ') + "SET work_mem = '5MB'");
    talk.send(query.substr(0, 50'000));
    EXPECT_TRUE(talk.client.is_mid_message());
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_FALSE(talk.client.is_mid_message());
    EXPECT_EQ(talk.send(query.substr(50'000)), front_need::more);
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::server);
}

TEST(ServerLost, AmidCopyInTheRestOfTheDataIsDropped)
{
    exchange talk;
    talk.send(wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::copy_in_response());
    talk.send(wire::copy_data("1\n"));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "E");
    EXPECT_EQ(talk.send(wire::copy_data("2\n") + wire::copy_done() + wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
}

TEST(ServerLost, AFatalErrorIsNotRelayedButTold)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.answer(wire::error("57P01", "terminating connection", "FATAL")), advance_result::lost);
    EXPECT_EQ(talk.server->last_error().detail, "terminating connection");
    EXPECT_EQ(talk.sent_to_client(), "");
}

}  // namespace
