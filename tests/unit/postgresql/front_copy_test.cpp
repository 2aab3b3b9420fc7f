// SPDX-License-Identifier: Apache-2.0
//
// COPY in both directions: data that goes through, Syncs the server ignores, failures half-way.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

std::string copy_batch()
{
    return wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute();
}

/// The extended COPY has begun, and the client knows.
void begin(exchange& talk, std::string_view behind = {})
{
    talk.send(copy_batch().append(behind));
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::copy_in_response());
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(FrontCopy, InBySimpleQuery)
{
    exchange talk;
    talk.send(wire::query("COPY t FROM STDIN"));
    talk.answer(wire::copy_in_response());
    EXPECT_TRUE(talk.server->is_copying_in());
    talk.send(wire::copy_data("1\n") + wire::flush() + wire::copy_data("2\n") + wire::copy_done());
    talk.answer(wire::command_complete("COPY 2") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_server()), "QdHdc");
    EXPECT_EQ(types_of(talk.sent_to_client()), "GCZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, OutIsRelayedAsItComes)
{
    exchange talk;
    talk.send(wire::query("COPY t TO STDOUT"));
    const auto answer = wire::copy_out_response() + wire::copy_data("1\n") + wire::copy_done() +
                        wire::command_complete("COPY 1") + wire::ready();
    EXPECT_EQ(talk.answer(answer), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), answer);
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, ASyncSentBeforeTheServerAskedForDataIsNotAnswered)
{
    exchange talk;
    begin(talk, wire::sync());
    talk.send(wire::copy_data("1\n") + wire::copy_done() + wire::sync());
    talk.answer(wire::command_complete("COPY 1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, NorIsASyncThatComesAfterTheServerAskedAndBeforeTheData)
{
    exchange talk;
    begin(talk);
    talk.send(wire::sync());
    talk.send(wire::copy_data("1\n") + wire::copy_done() + wire::sync());
    talk.answer(wire::command_complete("COPY 1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, TheWholeOfItMayBeSentAtOnce)
{
    exchange talk;
    talk.send(copy_batch() + wire::sync() + wire::copy_data("1\n") + wire::copy_done() + wire::sync() +
              wire::query("SELECT 1"));
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::copy_in_response() +
                wire::command_complete("COPY 1") + wire::ready() + wire::rows("1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "12GCZTDCZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, TwoCopiesOfOneTextMayBeSentAtOnce)
{
    exchange talk;
    talk.send(wire::query("COPY t FROM STDIN; COPY u FROM STDIN") + wire::copy_data("1\n") + wire::copy_done() +
              wire::copy_data("2\n") + wire::copy_done() + wire::query("SELECT 1"));
    talk.answer(wire::copy_in_response() + wire::command_complete("COPY 1") + wire::copy_in_response() +
                wire::command_complete("COPY 1") + wire::ready() + wire::rows("1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "GCGCZTDCZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontCopy, AFailureSkipsToTheSync)
{
    for (const bool by_client : {false, true}) {
        exchange talk;
        begin(talk, wire::sync());
        talk.send(by_client ? wire::copy_fail("no more") : wire::copy_data("bad\n"));
        talk.answer(wire::error(by_client ? "57014" : "22P02"));
        talk.send(wire::copy_data("late\n") + wire::copy_done() + wire::sync());
        talk.answer(wire::ready());
        EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
        EXPECT_TRUE(talk.server->is_idle());
    }
}

TEST(FrontCopy, DataThatComesTooLateIsDropped)
{
    exchange talk;
    talk.send(wire::query("COPY t FROM STDIN"));
    talk.answer(wire::copy_in_response());
    talk.send(wire::copy_data("bad\n"));
    talk.answer(wire::error("22P02") + wire::ready());
    talk.sent_to_server();
    const std::string long_data(100'000, 'x');
    talk.send(wire::copy_data("late\n") + wire::copy_data(long_data) + wire::copy_done());
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_FALSE(talk.client.is_mid_message());
    talk.server = nullptr;
    EXPECT_EQ(talk.send(wire::copy_data("later\n") + wire::copy_fail("so")), front_need::more);
    EXPECT_EQ(talk.unconsumed(), "");
}

TEST(FrontCopy, ARequestAmidTheDataEndsTheSession)
{
    for (const auto& request : {wire::query("SELECT 1"), wire::parse("", "SELECT 1"), wire::execute()}) {
        exchange talk;
        talk.send(wire::query("COPY t FROM STDIN"));
        talk.answer(wire::copy_in_response());
        talk.send(wire::copy_data("1\n"));
        EXPECT_EQ(talk.send(request), front_need::close);
        EXPECT_NE(talk.client.error().detail.find("during COPY"), std::string::npos);
    }
}

// Whether the server reads the second query as a fault or, after a bad row, as a query is for nobody to know; were it
// taken for idle, its answer could reach whoever comes next.
TEST(FrontCopy, AQuerySentBehindACopyWithoutAnEndGivesTheServerUp)
{
    exchange talk;
    talk.send(wire::query("COPY t FROM STDIN") + wire::copy_data("bad\n") + wire::query("SET ROLE boss"));
    EXPECT_EQ(talk.answer(wire::copy_in_response() + wire::error("22P02") + wire::ready()), advance_result::lost);
    EXPECT_FALSE(talk.server->is_idle());
}

TEST(FrontCopy, ASyncAmidTheDataThatMayBeAnsweredGivesTheServerUpIfTheCopyFails)
{
    exchange talk;
    begin(talk);
    talk.send(wire::copy_data("bad\n") + wire::sync());
    EXPECT_EQ(talk.answer(wire::error("22P02")), advance_result::lost);
    EXPECT_TRUE(talk.lose_server({error_kind::server_lost, {}, {}}));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(FrontCopy, AnExtendedRequestBehindACopyWithoutAnEndIsSkipped)
{
    exchange talk;
    talk.send(copy_batch() + wire::close('P', "") + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::copy_in_response() + wire::error("08P01") +
                wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "12GEZ");
    EXPECT_TRUE(talk.server->is_idle());
}

}  // namespace
