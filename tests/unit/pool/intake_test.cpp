// SPDX-License-Identifier: Apache-2.0
//
// A pool that gives out nothing for a while: idle connections go, lent ones go when they come back, who asks waits, and
// all of it ends with the stop.
#include "pool/budget.hpp"
#include "pool/pool.hpp"
#include "pool/shared_pool.hpp"

#include "fake_connection.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace penstock::pool::test {
namespace {

/// Two workers' shards of one pool, both on the test's thread.
class PoolIntake : public testing::Test {
protected:
    void start(const pool_limits& limits = {})
    {
        pool_ = std::make_shared<shared_pool>(budget_, pool_key{"cluster", "user", "database"}, limits, "node-1");
        one_ = std::make_unique<shard<fake_connection>>(driver_, pool_, opener_);
        two_ = std::make_unique<shard<fake_connection>>(driver_, pool_, opener_);
    }

    void TearDown() override
    {
        for (auto* each : {&one_, &two_}) {
            bool done = false;
            (*each)->drain();
            driver_.spawn(await_closed(**each, done));
            EXPECT_TRUE(turns_until([&] { return done; }));
            each->reset();
        }
        EXPECT_EQ(server_.open, 0);
        EXPECT_EQ(budget_->usage().held, 0U);
    }

    template <class Condition>
    bool turns_until(const Condition& condition)
    {
        for (int i = 0; i < 2000 && !condition(); ++i) {
            driver_.run_once(milliseconds{1});
        }
        return condition();
    }
    void turn_often()
    {
        int turns = 0;
        turns_until([&turns] { return ++turns > 20; });
    }

    fake_lease borrow()
    {
        fake_ticket ticket;
        one_->enqueue(ticket, told_);
        EXPECT_TRUE(turns_until([&] { return !ticket.is_waiting(); }));
        return ticket.take();
    }
    bool is_at_rest() { return pool_->usage().held == 0; }

    net::driver driver_;
    fake_server server_;
    net::event told_{driver_};
    std::shared_ptr<fake_opener> opener_ = std::make_shared<fake_opener>(server_);
    std::shared_ptr<budget> budget_ = std::make_shared<budget>();
    std::shared_ptr<shared_pool> pool_;
    std::unique_ptr<shard<fake_connection>> one_;
    std::unique_ptr<shard<fake_connection>> two_;
};

TEST_F(PoolIntake, AStopClosesIdleConnectionsAndThoseThatComeBack)
{
    start();
    auto held = borrow();
    borrow().release();
    EXPECT_EQ(server_.open, 2);
    pool_->take_in(intake::paused);
    EXPECT_TRUE(turns_until([this] { return server_.open == 1; }));
    turn_often();
    EXPECT_TRUE(held) << "who has one keeps it";
    EXPECT_FALSE(is_at_rest());
    held.release();
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
    EXPECT_EQ(server_.open, 0);
    EXPECT_EQ(one_->stats().closed_for[static_cast<std::size_t>(close_reason::paused)], 2U);
}

TEST_F(PoolIntake, AConnectionThatNeedsCleaningIsClosedWithout)
{
    start();
    auto held = borrow();
    held->dirty = true;
    pool_->take_in(intake::paused);
    turn_often();
    held.release();
    EXPECT_EQ(one_->stats().resetting, 0U);
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
}

TEST_F(PoolIntake, WhoAsksWaitsUntilTheStopEnds)
{
    start();
    borrow().release();
    pool_->take_in(intake::paused);
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
    fake_ticket first;
    fake_ticket second;
    one_->enqueue(first, told_);
    two_->enqueue(second, told_);
    turn_often();
    EXPECT_TRUE(first.is_waiting());
    EXPECT_TRUE(second.is_waiting());
    EXPECT_EQ(server_.open, 0);
    pool_->take_in(intake::open);
    EXPECT_TRUE(turns_until([&] { return !first.is_waiting() && !second.is_waiting(); }));
    EXPECT_EQ(first.state(), ticket_state::granted);
    EXPECT_EQ(second.state(), ticket_state::granted);
    first.take().release();
    second.take().release();
}

TEST_F(PoolIntake, NothingIsOpenedByAShardThatHasNotHeardYet)
{
    start();
    pool_->take_in(intake::paused);
    fake_ticket waiter;
    one_->enqueue(waiter, told_);  // before its message has come
    EXPECT_TRUE(waiter.is_waiting());
    EXPECT_EQ(one_->stats().connecting, 0U);
    EXPECT_TRUE(is_at_rest());
    turn_often();
    EXPECT_EQ(server_.ever, 0);
    pool_->take_in(intake::open);
    EXPECT_TRUE(turns_until([&] { return !waiter.is_waiting(); }));
    waiter.take().release();
}

TEST_F(PoolIntake, AConnectionThatWasBeingOpenedIsClosed)
{
    start();
    net::event gate{driver_};
    opener_->gate = &gate;
    fake_ticket waiter;
    one_->enqueue(waiter, told_);
    turn_often();
    pool_->take_in(intake::paused);
    turn_often();
    EXPECT_FALSE(is_at_rest());
    opener_->gate = nullptr;
    gate.notify();
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
    EXPECT_TRUE(waiter.is_waiting());
    EXPECT_EQ(server_.ever, 1);
    waiter.withdraw();
}

TEST_F(PoolIntake, ARefusedLoginMeanwhileIsNobodysError)
{
    start();
    net::event gate{driver_};
    opener_->gate = &gate;
    opener_->failing = opener_->definitive = true;
    fake_ticket waiter;
    one_->enqueue(waiter, told_);
    turn_often();
    pool_->take_in(intake::paused);
    turn_often();
    gate.notify();
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
    EXPECT_TRUE(waiter.is_waiting());
    opener_->gate = nullptr;
    opener_->failing = false;
    pool_->take_in(intake::open);
    EXPECT_TRUE(turns_until([&] { return !waiter.is_waiting(); }));
    EXPECT_EQ(waiter.state(), ticket_state::granted);
    waiter.take().release();
}

TEST_F(PoolIntake, PatienceEndsWithTheReason)
{
    pool_limits limits;
    limits.borrow_timeout = milliseconds{30};
    start(limits);
    const std::pair<intake, std::string> stops[] = {{intake::paused, "the database is paused"},
                                                    {intake::drained, "its primary is being drained"}};
    for (const auto& [stop, text] : stops) {
        pool_->take_in(stop);
        fake_ticket waiter;
        one_->enqueue(waiter, told_);
        EXPECT_TRUE(turns_until([&] { return !waiter.is_waiting(); }));
        EXPECT_EQ(waiter.state(), ticket_state::rejected);
        EXPECT_EQ(waiter.error().kind, error_kind::borrow_timeout);
        EXPECT_NE(waiter.error().detail.find(text), std::string::npos) << waiter.error().detail;
    }
}

TEST_F(PoolIntake, WhoIsToGoElsewhereIsToldAtOnce)
{
    start();
    auto held = borrow();
    net::event gate{driver_};
    opener_->gate = &gate;
    fake_ticket before;
    one_->enqueue(before, told_);
    pool_->take_in(intake::elsewhere);
    EXPECT_TRUE(turns_until([&] { return !before.is_waiting(); }));
    fake_ticket after;
    one_->enqueue(after, told_);
    for (auto* each : {&before, &after}) {
        EXPECT_EQ(each->state(), ticket_state::rejected);
        EXPECT_EQ(each->error().kind, error_kind::server_unavailable);
    }
    gate.notify();
    held.release();
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
}

TEST_F(PoolIntake, TheMinimumIsNotKeptMeanwhile)
{
    pool_limits limits;
    limits.minimum = 2;
    start(limits);
    borrow().release();
    EXPECT_TRUE(turns_until([this] { return server_.open == 2; }));
    pool_->take_in(intake::paused);
    EXPECT_TRUE(turns_until([this] { return is_at_rest(); }));
    const auto later = driver_.now() + milliseconds{1200};
    turns_until([this, later] { return driver_.now() > later; });
    EXPECT_EQ(server_.open, 0);
    pool_->take_in(intake::open);
    EXPECT_TRUE(turns_until([this] { return server_.open == 2; }));
}

TEST_F(PoolIntake, APoolMadeDuringAStopIsStoppedToo)
{
    const auto late = std::make_shared<shared_pool>(budget_, pool_key{"cluster", "late", "database"}, pool_limits{});
    late->take_in(intake::paused);
    pool_ = late;
    one_ = std::make_unique<shard<fake_connection>>(driver_, late, opener_);
    two_ = std::make_unique<shard<fake_connection>>(driver_, late, opener_);
    fake_ticket waiter;
    one_->enqueue(waiter, told_);
    turn_often();
    EXPECT_TRUE(waiter.is_waiting());
    EXPECT_EQ(server_.ever, 0);
    waiter.withdraw();
}

TEST_F(PoolIntake, UseOfOneNodeIsKnown)
{
    start();
    EXPECT_EQ(budget_->usage_of_node("node-1").held, 0U);
    auto held = borrow();
    EXPECT_EQ(budget_->usage_of_node("node-1").held, 1U);
    EXPECT_EQ(budget_->usage_of_node("node-2").held, 0U);
    held.release();
}

}  // namespace
}  // namespace penstock::pool::test
