// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements: names, what is undone after an error, what is evicted, and what nobody can reach.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// The name by which servers know this text.
std::string server_name(exchange& talk, std::string_view text)
{
    return talk.store.intern(wire::c_string(text) + wire::short_number(0), {})->server_name;
}

/// The client has prepared `name`, and nothing is under way.
void prepare(exchange& talk, std::string_view name, std::string_view text)
{
    talk.send(wire::parse(name, text) + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(FrontStatements, AnErrorUndoesParseAndCloseUpToTheSyncNewestFirst)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::bind("", "nothing") + wire::close('S', "a") + wire::parse("a", "SELECT 2") + wire::close('S', "a") +
              wire::parse("b", "SELECT 3") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_EQ(talk.client.statement_count(), 1U);
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::bind("", server_name(talk, "SELECT 1")) + wire::execute() + wire::sync());
}

TEST(FrontStatements, ARefusedParseLeavesTheNameFree)
{
    exchange talk;
    talk.send(wire::parse("a", "SELEC") + wire::sync());
    talk.answer(wire::error("42601") + wire::ready());
    EXPECT_EQ(talk.client.statement_count(), 0U);
    EXPECT_EQ(talk.server->statements.size(), 0U);
    prepare(talk, "a", "SELECT 1");
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontStatements, ALaterBatchThatTookTheNameKeepsIt)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::bind("", "nothing") + wire::close('S', "a") + wire::sync());
    talk.send(wire::parse("a", "SELECT 2") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready() + wire::parse_complete() + wire::ready());
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::bind("", server_name(talk, "SELECT 2")) + wire::sync());
}

TEST(FrontStatements, ANameThatIsTakenIsTheServersToRefuse)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::parse("a", "SELECT 2") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PPS");
    talk.answer(wire::parse_complete() + wire::error("42P05") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::bind("", server_name(talk, "SELECT 1")) + wire::sync());
}

TEST(FrontStatements, AnUnknownNameIsTheServersToRefuse)
{
    exchange talk;
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::bind("", "a") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(FrontStatements, NobodyReachesAnothersStatementByTheServersName)
{
    exchange talk;
    const auto name = server_name(talk, "SET work_mem = '1GB'");
    talk.send(wire::bind("", name) + wire::describe('S', name) + wire::sync());
    EXPECT_EQ(talk.sent_to_server(),
              wire::bind("", "unknown " + name) + wire::describe('S', "unknown " + name) + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    talk.sent_to_client();
    talk.send(wire::query("EXECUTE " + name));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(FrontStatements, WhatAFailedBatchWasToPrepareIsPreparedByTheNext)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.move_to(1);
    // The first batch fails before the injected Parse is reached; the second was sent when nobody knew.
    talk.send(wire::bind("", "nothing") + wire::bind("", "a") + wire::sync());
    talk.send(wire::bind("", "a") + wire::execute() + wire::sync());
    const auto name = server_name(talk, "SELECT 1");
    EXPECT_EQ(talk.sent_to_server(),
              wire::bind("", "nothing") + wire::parse(name, "SELECT 1") + wire::bind("", name) + wire::sync() +
                  wire::close('S', name) + wire::parse(name, "SELECT 1") + wire::bind("", name) + wire::execute() +
                  wire::sync());
    talk.answer(wire::error("26000") + wire::ready() + wire::close_complete() + wire::parse_complete() +
                wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ2CZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontStatements, OverTheLimitTheOldestIsClosedUnseen)
{
    exchange talk{{}, {}, 2};
    prepare(talk, "a", "SELECT 1");
    prepare(talk, "b", "SELECT 2");
    talk.send(wire::parse("c", "SELECT 3") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(),
              wire::close('S', server_name(talk, "SELECT 1")) + wire::parse(server_name(talk, "SELECT 3"), "SELECT 3") +
                  wire::sync());
    talk.answer(wire::close_complete() + wire::parse_complete() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "1Z");
    EXPECT_EQ(talk.server->statements.size(), 2U);
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "CPBS");
}

TEST(FrontStatements, AnEvictionThatWasSkippedIsUndone)
{
    exchange talk{{}, {}, 2};
    prepare(talk, "a", "SELECT 1");
    prepare(talk, "b", "SELECT 2");
    talk.send(wire::bind("", "nothing") + wire::parse("c", "SELECT 3") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    talk.sent_to_server();
    // The server still has a; whether it does is no longer relied on.
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "CPBS");
    talk.answer(wire::close_complete() + wire::parse_complete() + wire::bind_complete() + wire::ready());
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontStatements, EvictionInASkippedBatchEnds)
{
    exchange talk{{}, {}, 1};
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::bind("", "nothing"));
    talk.answer(wire::error("26000"));
    talk.send(wire::parse("b", "SELECT 2") + wire::bind("", "b") + wire::parse("c", "SELECT 3") + wire::sync());
    talk.answer(wire::ready());
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontStatements, AStatementTheServerHasUnknownToUsIsClosedNextTime)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::error("42P05") + wire::ready());
    talk.sent_to_server();
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "CPS");
}

TEST(FrontStatements, AStatementTheServerHasLostUnknownToUsIsPreparedNextTime)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::bind("", "a") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready());
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBS");
}

TEST(FrontStatements, DeallocateNamesWhatTheServerCallsIt)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    const auto name = server_name(talk, "SELECT 1");
    talk.send(wire::query("DEALLOCATE a"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("DEALLOCATE \"" + name + "\""));
    talk.answer(wire::command_complete("DEALLOCATE") + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("DEALLOCATE") + wire::ready());
    EXPECT_EQ(talk.client.statement_count(), 0U);
    EXPECT_EQ(talk.server->statements.size(), 0U);
}

TEST(FrontStatements, DeallocateOnAServerWithoutItPreparesItFirst)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.move_to(1);
    talk.send(wire::query("DEALLOCATE a"));
    EXPECT_EQ(types_of(talk.sent_to_server()), "PSQ");
    talk.answer(wire::parse_complete() + wire::ready() + wire::command_complete("DEALLOCATE") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(FrontStatements, ARefusedDeallocateGivesTheNameBack)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::query("DEALLOCATE a"));
    talk.answer(wire::error("25P02") + wire::ready());
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontStatements, UnnamedDeallocateMeansWhatTheNameStandsForWhenItRuns)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::parse("", "DEALLOCATE a") + wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(),
              wire::parse("", "DEALLOCATE a") + wire::bind("", "") + wire::parse("a", "SELECT 1") + wire::execute() +
                  wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::parse_complete() +
                wire::command_complete("DEALLOCATE") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "12CZ");
    EXPECT_EQ(talk.client.statement_count(), 0U);
}

TEST(FrontStatements, DeallocateAllAndDiscardAllForgetEverythingHereAndThere)
{
    for (const auto* text : {"DEALLOCATE ALL", "DISCARD ALL"}) {
        exchange talk;
        prepare(talk, "a", "SELECT 1");
        talk.send(wire::query(text));
        EXPECT_EQ(talk.send(wire::parse("a", "SELECT 1") + wire::sync()), front_need::answers);
        talk.answer(wire::command_complete(text) + wire::ready());
        talk.sent_to_server();
        EXPECT_EQ(talk.send({}), front_need::more);
        EXPECT_EQ(types_of(talk.sent_to_server()), "PS") << text;
    }
}

TEST(FrontStatements, ARefusedDiscardAllForgetsNothing)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    talk.send(wire::query("DISCARD ALL"));
    talk.answer(wire::error("25001") + wire::ready('T'));
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    // It is not known that the server still has it.
    EXPECT_EQ(types_of(talk.sent_to_server()), "CPBS");
}

TEST(FrontStatements, OnlyOneServerParsesWhatTwoSessionsShare)
{
    exchange talk;
    prepare(talk, "a", "SELECT 1");
    front other{talk.store, {}, parameter_set::none(), 2};
    std::string server_scratch;
    std::string client_scratch;
    outbox to_server{server_scratch};
    outbox to_client{client_scratch};
    const auto sent = wire::parse("z", "SELECT 1") + wire::bind("", "z") + wire::sync();
    other.consume(sent, talk.server, to_server, to_client);
    EXPECT_EQ(to_server.contents(), wire::bind("", server_name(talk, "SELECT 1")) + wire::sync());
    EXPECT_EQ(to_client.contents(), wire::parse_complete());
}

TEST(FrontStatements, TextsWithLiteralsAreSharedOnlyUnderEqualParameters)
{
    statement_store store;
    front tokyo{store, {}, parameter_set::none(), 1};
    front berlin{store, {}, parameter_set::none(), 2};
    tokyo.greeted(std::make_shared<const parameter_list>(parameter_list{{"TimeZone", "Asia/Tokyo"}}));
    berlin.greeted(std::make_shared<const parameter_list>(parameter_list{{"TimeZone", "Europe/Berlin"}}));
    back server{10};
    const auto types = [&server](front& client, std::string_view text) {
        std::string server_scratch;
        std::string client_scratch;
        outbox to_server{server_scratch};
        outbox to_client{client_scratch};
        const auto sent = wire::parse(text, text) + wire::sync();
        client.consume(sent, &server, to_server, to_client);
        const auto answer = (to_client.empty() ? wire::parse_complete() : "") + wire::ready();
        const std::string went{types_of(to_server.contents())};
        to_server.clear();
        to_client.clear();
        server.advance(answer, client, to_client);
        return went;
    };
    EXPECT_EQ(types(tokyo, "SELECT $1::timestamptz"), "PS");
    EXPECT_EQ(types(berlin, "SELECT $1::timestamptz"), "S");
    EXPECT_EQ(types(tokyo, "SELECT '2024-01-01 00:00'::timestamptz"), "PS");
    EXPECT_EQ(types(berlin, "SELECT '2024-01-01 00:00'::timestamptz"), "PS");
}

TEST(FrontStatements, OneClientCannotHoldMoreThanItsShare)
{
    exchange talk{{}, {.statements = 2}};
    prepare(talk, "a", "SELECT 1");
    prepare(talk, "b", "SELECT 2");
    talk.send(wire::parse("c", "SELECT 3") + wire::sync());
    talk.answer(wire::error("42601") + wire::ready());
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_NE(told.find("too many prepared statements"), std::string::npos);
    EXPECT_EQ(talk.client.statement_count(), 2U);
}

}  // namespace
