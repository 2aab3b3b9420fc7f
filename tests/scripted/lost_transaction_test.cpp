// SPDX-License-Identifier: Apache-2.0
//
// Servers that disappear in the middle of a transaction, from pinned sessions, and behind a SET.
//
// The transaction is lost, and nothing of it runs anywhere else; the session goes on where nothing but the transaction
// was lost.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

std::string ask(world& all, scripted_client& client, bytes octets)
{
    client.send(octets);
    all.settle();
    return client.take();
}

scripted_client& begun(world& all)
{
    auto& client = all.log_in();
    EXPECT_EQ(ask(all, client, wire::query("BEGIN")), wire::command_complete("BEGIN") + wire::ready('T'));
    return client;
}

/// The session works, and its server hears nothing but what it asks now.
void check_fresh(world& all, scripted_client& client)
{
    const auto before = all.server.connections.size();
    EXPECT_EQ(types_of(ask(all, client, wire::query("SELECT fresh"))), "TDCZ");
    ASSERT_EQ(all.server.connections.size(), before + 1);
    EXPECT_EQ(all.server.last().heard(), wire::query("SELECT fresh"));
    EXPECT_EQ(all.stats().active, 0U);
}

TEST(LostServer, WithARequestUnderWayFailsTheTransactionOnly)
{
    world all;
    auto& client = begun(all);
    all.server.last().take_by_hand(true);
    client.send(wire::query("INSERT"));
    all.settle();
    all.server.last().close();
    all.settle();
    const auto told = client.take();
    EXPECT_EQ(error_in(told), "ERROR 08006");
    EXPECT_TRUE(told.ends_with(wire::ready('E')));
    EXPECT_EQ(error_in(ask(all, client, wire::query("INSERT"))), "ERROR 25P02");
    EXPECT_EQ(all.server.connections.size(), 1U) << "it needs no server to be refused";
    EXPECT_EQ(ask(all, client, wire::query("COMMIT")), wire::command_complete("ROLLBACK") + wire::ready());
    check_fresh(all, client);
}

TEST(LostServer, BetweenRequestsIsToldWithTheNext)
{
    world all;
    auto& client = begun(all);
    all.server.last().close();
    all.settle();
    all.after(seconds{5});
    EXPECT_EQ(client.take(), "");
    EXPECT_FALSE(client.was_ended());
    EXPECT_EQ(all.usage().held, 0U);
    EXPECT_EQ(error_in(ask(all, client, wire::query("INSERT"))), "ERROR 08006");
    EXPECT_EQ(ask(all, client, wire::query("ROLLBACK")), wire::command_complete("ROLLBACK") + wire::ready());
    check_fresh(all, client);
}

TEST(LostServer, ThatSaysWhyIsQuoted)
{
    world all;
    auto& client = begun(all);
    all.server.last().say(wire::error("57P01", "terminating connection due to administrator command", "FATAL"));
    all.server.last().close();
    all.settle();
    const auto told = ask(all, client, wire::query("INSERT"));
    EXPECT_EQ(error_in(told), "ERROR 08006");
    EXPECT_NE(told.find("administrator command"), std::string::npos);
}

TEST(LostServer, AmidAPipelineRunsNothingOfItElsewhere)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("BEGIN") + wire::query("INSERT 1"));
    all.settle();
    all.server.last().close();
    client.send(wire::query("INSERT 2") + wire::query("COMMIT") + wire::query("SELECT after"));
    all.settle();
    EXPECT_EQ(types_of(client.take()), "EZEZEZCZTDCZ");
    EXPECT_EQ(all.server.last().heard(), wire::query("SELECT after"));
}

TEST(LostServer, OfAPinnedSessionEndsItAndNamesTheReason)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("LISTEN news"));
    all.settle();
    all.server.last().say(wire::command_complete("LISTEN") + wire::ready());
    all.settle();
    EXPECT_EQ(client.take_types(), "CZ");
    all.server.last().close();
    all.settle();
    const auto told = client.take();
    EXPECT_EQ(error_in(told), "FATAL 08006");
    EXPECT_NE(told.find("listen"), std::string::npos);
    EXPECT_TRUE(client.was_ended());
}

TEST(LostServer, BehindASetIsToldAndTheParameterIsAsBefore)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SET timezone TO 'CET'"));
    all.settle();
    all.server.last().say(wire::command_complete("SET") + wire::parameter_status("TimeZone", "CET") + wire::ready());
    all.settle();
    EXPECT_EQ(client.take_types(), "CS");
    all.server.last().close();
    all.settle();
    const auto told = client.take();
    EXPECT_EQ(types_of(told), "SEZ");
    EXPECT_EQ(error_in(told), "ERROR 08007");
    EXPECT_TRUE(told.starts_with(wire::parameter_status("TimeZone", "UTC")));
    EXPECT_NE(ask(all, client, wire::query("SHOW timezone")).find("UTC"), std::string::npos);
}

TEST(LostServer, LeavesATransactionThatADrainNeedNotWaitFor)
{
    world all;
    auto& client = begun(all);
    all.server.last().close();
    all.settle();
    all.worker().drain(clock::now() + seconds{20});
    all.settle();
    EXPECT_EQ(error_in(client.take()), "FATAL 57P01");
    EXPECT_TRUE(client.was_ended());
}

}  // namespace

}  // namespace penstock::test
