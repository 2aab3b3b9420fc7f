// SPDX-License-Identifier: Apache-2.0
//
// The unnamed statement is where the client is, and nobody else's ever runs in its place.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

void prepare(exchange& talk, std::string_view text)
{
    talk.send(wire::parse("", text) + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(FrontUnnamed, StaysAcrossSyncsOnItsServer)
{
    exchange talk;
    prepare(talk, "SELECT 1");
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BES");
}

TEST(FrontUnnamed, IsPreparedAgainOnAnotherServer)
{
    exchange talk;
    prepare(talk, "SELECT 1");
    talk.move_to(1);
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::parse("", "SELECT 1") + wire::bind("", "") + wire::execute() + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "2CZ");
    talk.send(wire::describe('S', "") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "DS");
}

TEST(FrontUnnamed, CountsAgainstTheClientsMemory)
{
    exchange talk{{}, {.statement_memory = 3000}};
    prepare(talk, "SELECT '" + std::string(1500, 'x') + "'");
    EXPECT_FALSE(talk.client.must_stay());
    talk.send(wire::parse("a", "SELECT '" + std::string(1500, 'y') + "'") + wire::sync());
    talk.answer(wire::error("42601") + wire::ready());
    EXPECT_NE(talk.sent_to_client().find("too many prepared statements"), std::string::npos);
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::rows("1") + wire::ready());
    talk.sent_to_client();
    talk.send(wire::parse("a", "SELECT '" + std::string(1500, 'y') + "'") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "1Z") << "a simple query ends the unnamed one";
}

TEST(FrontUnnamed, ReplacesTheOneBeforeInTheCount)
{
    exchange talk{{}, {.statement_memory = 3000}};
    for (int round = 0; round < 5; ++round) {
        prepare(talk, "SELECT '" + std::string(1600, 'x') + "'");
    }
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(FrontUnnamed, ThatDoesNotFitIsNotHeldAndStaysWithItsServer)
{
    exchange talk{{}, {.statement_memory = 1000}};
    prepare(talk, "SELECT '" + std::string(1500, 'x') + "'");
    EXPECT_TRUE(talk.client.pins().has(pin_reason::large_statement));
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BES") << "where it was prepared";
}

TEST(FrontUnnamed, OfAnotherSessionIsNeverUsed)
{
    exchange talk;
    prepare(talk, "SELECT 'of somebody else'");
    front other{talk.store, {}, parameter_set::none(), 2};
    std::string server_scratch;
    std::string client_scratch;
    outbox to_server{server_scratch};
    outbox to_client{client_scratch};
    const auto sent = wire::bind("", "") + wire::execute() + wire::sync();
    other.consume(sent, talk.server, to_server, to_client);
    EXPECT_EQ(to_server.contents(), wire::close('S', "") + sent);
    to_server.clear();
    const auto answer = wire::close_complete() + wire::error("26000") + wire::ready();
    talk.server->advance(answer, other, to_client);
    EXPECT_EQ(types_of(to_client.contents()), "EZ");
}

TEST(FrontUnnamed, OfAnotherSessionIsNotUsedIfTheOwnOneWasSkipped)
{
    exchange talk;
    prepare(talk, "SELECT 'of somebody else'");
    front other{talk.store, {}, parameter_set::none(), 2};
    std::string server_scratch;
    std::string client_scratch;
    outbox to_server{server_scratch};
    outbox to_client{client_scratch};
    const auto failing = wire::bind("", "nothing") + wire::parse("", "SELECT 2") + wire::sync();
    other.consume(failing, talk.server, to_server, to_client);
    to_server.clear();
    // Whether SELECT 2 has been prepared is not known yet.
    const auto next = wire::bind("", "") + wire::execute() + wire::sync();
    EXPECT_EQ(other.consume(next, talk.server, to_server, to_client).need, front_need::answers);
    const auto answer = wire::error("26000") + wire::ready();
    talk.server->advance(answer, other, to_client);
    EXPECT_EQ(other.consume(next, talk.server, to_server, to_client).need, front_need::more);
    EXPECT_EQ(to_server.contents(), wire::close('S', "") + next);
}

TEST(FrontUnnamed, AmidABatchItIsPreparedAgainWhereItMayHaveBeenSkipped)
{
    exchange talk;
    talk.send(wire::bind("", "nothing") + wire::parse("", "SELECT 2") + wire::sync() + wire::flush());
    talk.sent_to_server();
    EXPECT_EQ(talk.send(wire::close('P', "p") + wire::bind("", "") + wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_server(),
              wire::close('P', "p") + wire::parse("", "SELECT 2") + wire::bind("", "") + wire::sync());
}

TEST(FrontUnnamed, WhatASkippedParseWasToReplaceComesBack)
{
    exchange talk;
    prepare(talk, "SELECT 1");
    talk.send(wire::bind("", "nothing") + wire::parse("", "SELECT 2") + wire::close('S', "") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    talk.sent_to_server();
    talk.move_to(1);
    talk.send(wire::bind("", "") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::parse("", "SELECT 1") + wire::bind("", "") + wire::sync());
}

TEST(FrontUnnamed, ARefusedParseLeavesNone)
{
    exchange talk;
    prepare(talk, "SELECT 1");
    talk.send(wire::parse("", "SELEC") + wire::sync());
    talk.answer(wire::error("42601") + wire::ready());
    talk.sent_to_server();
    talk.move_to(1);
    talk.send(wire::bind("", "") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "") + wire::bind("", "") + wire::sync());
}

TEST(FrontUnnamed, ASimpleQueryDestroysIt)
{
    exchange talk;
    prepare(talk, "SELECT 1");
    talk.send(wire::query("SELECT 2"));
    talk.answer(wire::rows("2") + wire::ready());
    talk.sent_to_server();
    talk.move_to(1);
    talk.send(wire::bind("", "") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "") + wire::bind("", "") + wire::sync());
}

TEST(FrontUnnamed, WhatIsInjectedDestroysItAndItIsPreparedAgain)
{
    exchange talk;
    prepare(talk, "SET work_mem = '5MB'");
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    talk.answer(wire::bind_complete() + wire::command_complete("SET") + wire::ready());
    ASSERT_TRUE(talk.settle());
    talk.answer(wire::rows("5MB") + wire::ready());
    talk.sent_to_server();
    talk.send(wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBES");
}

}  // namespace
