// SPDX-License-Identifier: Apache-2.0
//
// A session that all goes well with: the order of replies, the lease, and what is injected for its parameters.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

/// The first octets of a message of ours that sets parameters.
constexpr std::string_view catch_up_start = "SET exit_on_error=on;SELECT 1,";

TEST(ScriptedSession, RelaysRepliesInTheOrderOfTheRequests)
{
    world all;
    auto& client = all.log_in();
    const auto requests = wire::query("SELECT 1") + wire::parse("", "SELECT 2") + wire::bind("", "") + wire::execute() +
                          wire::sync() + wire::query("SELECT 3");
    client.send(requests);
    all.settle();
    const auto reply = client.take();
    EXPECT_EQ(types_of(reply), "TDCZ12DCZTDCZ");
    EXPECT_LT(reply.find("SELECT 1|"), reply.find("SELECT 2|"));
    EXPECT_LT(reply.find("SELECT 2|"), reply.find("SELECT 3|"));
    EXPECT_EQ(all.server.connections.size(), 1U);
}

TEST(ScriptedSession, LendsAnIdleConnectionToTheNextSession)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& first = all.log_in();
    auto& second = all.log_in();
    for (int round = 0; round < 3; ++round) {
        first.send(wire::query("SELECT first"));
        all.settle();
        EXPECT_EQ(first.take_types(), "TDCZ");
        second.send(wire::query("SELECT second"));
        all.settle();
        EXPECT_EQ(second.take_types(), "TDCZ");
    }
    EXPECT_EQ(all.server.connections.size(), 1U);
    EXPECT_EQ(types_of(all.server.last().heard()), "QQQQQQ");
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(ScriptedSession, KeepsItsConnectionForATransaction)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& holder = all.log_in();
    auto& waiter = all.log_in();
    holder.send(wire::query("BEGIN"));
    all.settle();
    waiter.send(wire::query("SELECT waiting"));
    all.settle();
    EXPECT_EQ(waiter.take(), "");
    EXPECT_EQ(all.stats().waiters, 1U);
    holder.send(wire::query("COMMIT"));
    all.settle();
    EXPECT_EQ(waiter.take_types(), "TDCZ");
    EXPECT_EQ(all.server.connections.size(), 1U);
}

TEST(ScriptedSession, SetsItsParametersInFrontOfItsMessage)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& one = all.log_in({{"application_name", "one"}});
    auto& two = all.log_in({{"application_name", "two"}});
    one.send(wire::query("SELECT 1"));
    all.settle();
    one.take();
    all.server.last().take_heard();

    two.send(wire::query("SELECT 2"));
    all.settle();
    const auto heard = frames_of(all.server.last().take_heard());
    ASSERT_EQ(heard.size(), 2U);
    EXPECT_TRUE(heard[0].substr(postgresql::header_size).starts_with(catch_up_start)) << heard[0];
    EXPECT_NE(heard[0].find("two"), std::string::npos);
    EXPECT_EQ(heard[1], wire::query("SELECT 2"));
    const auto reply = two.take();
    EXPECT_EQ(types_of(reply), "TDCZ") << "the answer to what was injected is not the client's";
    EXPECT_NE(reply.find("SELECT 2||two"), std::string::npos) << "the server ran it under another name";

    two.send(wire::query("SELECT 3"));
    all.settle();
    EXPECT_EQ(all.server.last().take_heard(), wire::query("SELECT 3")) << "equal parameters cost nothing";
}

TEST(ScriptedSession, AsksForWhatASetHasMade)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& client = all.log_in();
    auto& other = all.log_in();
    all.server.last().take_heard();
    client.send(wire::query("SET timezone TO 'CET'"));
    all.settle();
    EXPECT_EQ(client.take_types(), "CSZ");
    const auto heard = frames_of(all.server.last().take_heard());
    ASSERT_EQ(heard.size(), 2U);
    EXPECT_NE(heard[1].find("current_setting(E'timezone'"), std::string::npos) << heard[1];
    EXPECT_EQ(all.stats().idle, 1U);

    other.send(wire::query("SHOW timezone"));
    all.settle();
    EXPECT_NE(other.take().find("UTC"), std::string::npos);
    client.send(wire::query("SHOW timezone"));
    all.settle();
    const auto shown = client.take();
    EXPECT_NE(shown.find("CET"), std::string::npos);
    EXPECT_EQ(types_of(shown), "TDCZ");
}

TEST(ScriptedSession, KeepsItsConnectionWhilePinned)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("SELECT pg_advisory_lock(1)"));
    all.settle();
    EXPECT_EQ(client.take_types(), "TDCZ");
    EXPECT_EQ(all.stats().active, 1U);
    auto& connection = all.server.last();
    connection.take_heard();
    client.leave();
    all.settle();
    EXPECT_EQ(connection.take_heard(), wire::query("DISCARD ALL"));
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(ScriptedSession, AnswersASyncThatEndsNothing)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_heard();
    client.send(wire::sync());
    all.settle();
    EXPECT_EQ(client.take_types(), "Z");
    EXPECT_EQ(all.server.last().take_heard(), "");
}

TEST(ScriptedSession, LeavesTheConnectionWhenItsClientSaysGoodbye)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("SELECT 1") + wire::frame('X', {}));
    all.settle();
    EXPECT_TRUE(client.was_ended());
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.stats().active, 0U);
}

}  // namespace

}  // namespace penstock::test
