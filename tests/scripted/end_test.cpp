// SPDX-License-Identifier: Apache-2.0
//
// Draining and ending a worker, with sessions in every state: clients are told, and the end comes soon.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

/// A drain has 25 s of the 30 s that a container gets; what is left at its end has to go quickly.
constexpr auto soon = seconds{4};

TEST(Drain, EndsIdleSessionsAtOnceAndBusyOnesAfterTheirTransaction)
{
    world all;
    auto& idle = all.log_in();
    auto& busy = all.log_in();
    busy.send(wire::query("BEGIN"));
    all.settle();
    busy.take();
    all.worker().drain(clock::now() + seconds{20});
    all.settle();
    EXPECT_EQ(error_in(idle.take()), "FATAL 57P01");
    EXPECT_TRUE(idle.was_ended());
    EXPECT_FALSE(busy.was_ended());
    busy.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(busy.take_types(), "TDCZ");
    busy.send(wire::query("COMMIT"));
    all.settle();
    EXPECT_EQ(busy.take_types(), "CZE");
    EXPECT_TRUE(busy.was_ended());
}

TEST(Drain, LetsAWaitingSessionHaveItsAnswer)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& busy = all.log_in();
    auto& waiter = all.log_in();
    busy.send(wire::query("BEGIN"));
    all.settle();
    waiter.send(wire::query("SELECT 1"));
    all.settle();
    all.worker().drain(clock::now() + seconds{20});
    all.settle();
    EXPECT_EQ(waiter.take(), "");
    busy.send(wire::query("COMMIT"));
    all.settle();
    EXPECT_EQ(waiter.take_types(), "TDCZE");
    EXPECT_TRUE(waiter.was_ended());
    EXPECT_TRUE(busy.was_ended());
}

TEST(Drain, EndsTheRestAtItsDeadline)
{
    world all;
    auto& busy = all.log_in();
    busy.send(wire::query("BEGIN"));
    all.settle();
    busy.take();
    auto& connection = all.server.last();
    all.worker().drain(clock::now() + seconds{20});
    all.after(milliseconds{18'900});
    EXPECT_FALSE(busy.was_ended());
    all.after(milliseconds{200});
    EXPECT_EQ(error_in(busy.take()), "FATAL 57P01");
    EXPECT_TRUE(busy.was_ended());
    EXPECT_TRUE(connection.heard().ends_with(wire::query("ROLLBACK")) || !connection.is_open());
}

TEST(Drain, RefusesNewClients)
{
    world all;
    all.log_in();
    all.worker().drain(clock::now() + seconds{20});
    all.settle();
    auto& late = all.connect();
    late.send(startup_packet());
    all.settle();
    EXPECT_EQ(error_in(late.take()), "FATAL 57P01");
    EXPECT_TRUE(late.was_ended());
}

TEST(EndOfWorker, WithIdleSessionsTellsThem)
{
    world all;
    auto& client = all.log_in();
    EXPECT_LT(all.end(), soon);
    EXPECT_EQ(error_in(client.take()), "FATAL 57P01");
    EXPECT_TRUE(client.was_ended());
}

TEST(EndOfWorker, InATransaction)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    client.take();
    EXPECT_LT(all.end(), soon);
    EXPECT_EQ(error_in(client.take()), "FATAL 57P01");
}

TEST(EndOfWorker, WithAQueryThatTheServerDoesNotAnswer)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_EQ(error_in(client.take()), "FATAL 57P01");
}

TEST(EndOfWorker, AmidARow)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    const auto part = wire::row_description(1) + wire::data_row(std::string(5000, 'x')).substr(0, 4990);
    all.server.last().say(part);
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(client.take() == part) << "something was put into the middle of a row";
    EXPECT_TRUE(client.was_ended());
}

TEST(EndOfWorker, WithASessionThatWaits)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& busy = all.log_in();
    auto& waiter = all.log_in();
    busy.send(wire::query("BEGIN"));
    all.settle();
    waiter.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(error_in(waiter.take()).ends_with(" 57P01"));
}

TEST(EndOfWorker, WithAClientHalfwayThroughItsLogin)
{
    world all;
    auto& silent = all.connect();
    auto& halfway = all.connect();
    halfway.send(startup_packet().substr(0, 20));
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(silent.was_ended());
    EXPECT_TRUE(halfway.was_ended());
}

TEST(EndOfWorker, WithAServerHalfwayThroughItsLogin)
{
    world all;
    all.server.plan({.what = fault::stall, .after = 20, .from_login = true});
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(client.was_ended());
}

TEST(EndOfWorker, WithAServerThatDoesNotAccept)
{
    world all;
    all.server.accepting = false;
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(client.was_ended());
}

TEST(EndOfWorker, WithAGreetingThatIsBeingLearnt)
{
    world all;
    all.server.plan({.by_hand = true});
    auto& client = all.connect();
    client.send(startup_packet({{"search_path", "mine"}}));
    all.settle();
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(client.was_ended());
}

TEST(EndOfWorker, WithACancelRequestOnItsWay)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    all.server.holds_cancels = true;
    auto& request = all.request_cancel(client);
    EXPECT_LT(all.end(), soon);
    EXPECT_TRUE(client.was_ended());
    EXPECT_TRUE(request.was_ended());
}

TEST(EndOfWorker, WithAClientThatTakesNothing)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT much"));
    all.settle();
    client.wire.reading = false;
    all.server.last().say(wire::row_description(1) + wire::data_row(std::string(4U << 20, 'x')));
    all.settle();
    EXPECT_LT(all.end(), soon);
}

TEST(EndOfWorker, WithACleanUpThatTheServerDoesNotAnswer)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    all.server.last().take_by_hand(true);
    client.leave();
    all.settle();
    EXPECT_EQ(all.stats().resetting, 1U);
    EXPECT_LT(all.end(), soon);
}

TEST(EndOfWorker, AfterADrain)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    all.worker().drain(clock::now() + seconds{20});
    all.settle();
    EXPECT_LT(all.end(), soon);
}

}  // namespace

}  // namespace penstock::test
