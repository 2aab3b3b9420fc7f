// SPDX-License-Identifier: Apache-2.0
//
// The end of a drain: whatever a client or a server keeps back, at the deadline it is given up and the worker ends.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

constexpr auto drain_time = seconds{3};  // less than any time-out of the settings
/// For the thread to notice that there is nothing left to do.
constexpr auto at_once = milliseconds{300};

/// Drains, and fails the test if anything is left at the deadline.
void expect_gone_in_time(world& all)
{
    constexpr auto step = milliseconds{100};
    all.worker().drain(clock::now() + drain_time);
    all.settle();
    for (duration passed{}; passed < drain_time; passed += step) {
        all.after(step);
    }
    EXPECT_EQ(all.worker().sessions(), 0U) << "a session outlives the drain";
    EXPECT_LT(all.end(), at_once);
    EXPECT_EQ(all.usage().held, 0U);
}

TEST(DrainLimit, HoldsWhileAServerDoesNotAcceptConnections)
{
    world all;
    all.server.accepting = false;
    all.connect().send(startup_packet());
    all.settle();
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAServerStallsInItsLogin)
{
    world all;
    all.server.plan({.what = fault::stall, .after = 20, .from_login = true});
    all.connect().send(startup_packet());
    all.settle();
    EXPECT_EQ(all.stats().connecting, 1U);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAServerStallsInItsGreeting)
{
    world all;
    all.server.plan({.by_hand = true});
    all.connect().send(startup_packet({{"search_path", "mine"}}));
    all.settle();
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAServerStallsInAReset)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    all.server.last().take_by_hand(true);
    client.leave();
    all.settle();
    EXPECT_EQ(all.stats().resetting, 1U);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAServerKeepsACancelRequest)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    all.server.holds_cancels = true;
    all.request_cancel(client);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAServerAnswersNothingAtAll)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    all.server.last().read(false);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWhileAnIdleServerDoesNotSayGoodbye)
{
    world all;
    all.log_in();
    all.server.last().read(false);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWithManyClientsThatDoNotClose)
{
    world all;
    for (int client = 0; client < 50; ++client) {
        all.log_in();
    }
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWithAClientThatTakesNothing)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT much"));
    all.settle();
    client.wire.reading = false;
    all.server.last().say(wire::row_description(1) + wire::data_row(std::string(4U << 20, 'x')));
    all.settle();
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWithClientsThatDoNotFinishTheirLogin)
{
    world all;
    all.connect();
    all.connect().send(startup_packet().substr(0, 20));
    all.settle();
    expect_gone_in_time(all);
}

/// Nobody turns the loop that would answer.
TEST(DrainLimit, HoldsWhileALookUpIsNotAnswered)
{
    world all;
    auto packet = startup_packet();
    packet.replace(packet.find("ann"), 3, "bob");
    all.connect().send(packet);
    all.settle();
    EXPECT_EQ(all.worker().sessions(), 1U);
    expect_gone_in_time(all);
}

TEST(DrainLimit, HoldsWithATransactionThatGoesOn)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    client.take();
    expect_gone_in_time(all);
    EXPECT_EQ(error_in(client.take()), "FATAL 57P01");
}

}  // namespace

}  // namespace penstock::test
