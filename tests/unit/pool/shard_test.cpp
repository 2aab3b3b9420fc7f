// SPDX-License-Identifier: Apache-2.0
//
// One shard on a real driver with connections that have no sockets: borrowing, waiting, giving back, losing, closing.
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

class PoolShard : public testing::Test {
protected:
    void start(const pool_limits& limits = {}, const shared_limits& shared = {})
    {
        budget_ = std::make_shared<budget>(shared);
        pool_ = std::make_shared<shared_pool>(budget_, pool_key{"cluster", "user", "database"}, limits, "node-1");
        shard_ = std::make_unique<shard<fake_connection>>(driver_, pool_, opener_);
    }

    void TearDown() override
    {
        if (!shard_) {
            return;
        }
        bool done = false;
        shard_->drain();
        driver_.spawn(await_closed(*shard_, done));
        EXPECT_TRUE(turns_until([&] { return done; }));
        shard_.reset();
        EXPECT_EQ(server_.open, 0);
        EXPECT_EQ(budget_->usage().held, 0U);
        EXPECT_EQ(driver_.running(), 0U);
    }

    template <class Condition>
    bool turns_until(const Condition& condition)
    {
        for (int i = 0; i < 2000 && !condition(); ++i) {
            driver_.run_once(milliseconds{1});
        }
        return condition();
    }

    fake_lease borrow()
    {
        fake_ticket ticket;
        net::event told{driver_};
        shard_->enqueue(ticket, told);
        EXPECT_TRUE(turns_until([&] { return !ticket.is_waiting(); }));
        EXPECT_EQ(ticket.state(), ticket_state::granted);
        return ticket.take();
    }

    net::driver driver_;
    fake_server server_;
    std::shared_ptr<fake_opener> opener_ = std::make_shared<fake_opener>(server_);
    std::shared_ptr<budget> budget_;
    std::shared_ptr<shared_pool> pool_;
    std::unique_ptr<shard<fake_connection>> shard_;
};

task<void> wait_for(net::event& what, int& times)
{
    co_await what.wait();
    ++times;
}

TEST_F(PoolShard, OpensForAWaiterAndTellsItByItsEvent)
{
    start();
    EXPECT_FALSE(shard_->try_acquire());
    fake_ticket waiter;
    net::event told{driver_};
    int woken = 0;
    shard_->enqueue(waiter, told);
    EXPECT_TRUE(waiter.is_waiting());
    EXPECT_EQ(shard_->stats().waiters, 1U);
    EXPECT_EQ(shard_->stats().connecting, 1U);
    driver_.spawn(wait_for(told, woken));
    EXPECT_TRUE(turns_until([&] { return woken == 1; }));
    EXPECT_EQ(waiter.state(), ticket_state::granted);
    EXPECT_EQ(opener_->nodes, std::vector<std::string>{"node-1"});

    auto held = waiter.take();
    EXPECT_EQ(waiter.state(), ticket_state::unused);
    EXPECT_EQ(shard_->stats().active, 1U);
    held.release();
    EXPECT_FALSE(held);
    EXPECT_EQ(shard_->stats().idle, 1U);
    EXPECT_EQ(shard_->stats().waited, 1U);
}

TEST_F(PoolShard, ReusesTheConnectionUsedLast)
{
    start();
    auto first = borrow();
    auto second = borrow();
    const int first_number = first->number;
    const int second_number = second->number;
    second.release();
    first.release();
    auto again = shard_->try_acquire();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->number, first_number);
    auto other = shard_->try_acquire();
    ASSERT_TRUE(other);
    EXPECT_EQ(other->number, second_number);
    again.release();
    other.release();
    EXPECT_EQ(server_.ever, 2);
}

TEST_F(PoolShard, ReleaseGrantsTheFirstWaiterWithoutRunningIt)
{
    pool_limits limits;
    limits.size = 1;
    start(limits);
    auto held = borrow();
    fake_ticket first;
    fake_ticket second;
    net::event told{driver_};
    int woken = 0;
    shard_->enqueue(first, told);
    shard_->enqueue(second, told);
    driver_.spawn(wait_for(told, woken));
    held.release();
    EXPECT_EQ(first.state(), ticket_state::granted);
    EXPECT_TRUE(second.is_waiting());
    EXPECT_EQ(woken, 0);
    EXPECT_TRUE(turns_until([&] { return woken == 1; }));
    first.take().release();
    EXPECT_EQ(second.state(), ticket_state::granted);
    EXPECT_EQ(server_.most, 1);
}

TEST_F(PoolShard, AConnectionOpenedForOneWhoLeftBecomesIdle)
{
    start();
    net::event told{driver_};
    {
        fake_ticket impatient;
        shard_->enqueue(impatient, told);
    }
    EXPECT_EQ(shard_->stats().waiters, 0U);
    EXPECT_TRUE(turns_until([&] { return shard_->stats().idle == 1; }));
}

TEST_F(PoolShard, AGrantNotTakenGoesToTheNext)
{
    pool_limits limits;
    limits.size = 1;
    start(limits);
    auto held = borrow();
    net::event told{driver_};
    fake_ticket first;
    fake_ticket second;
    shard_->enqueue(first, told);
    shard_->enqueue(second, told);
    held.release();
    ASSERT_EQ(first.state(), ticket_state::granted);
    first.withdraw();
    EXPECT_EQ(first.state(), ticket_state::unused);
    EXPECT_EQ(second.state(), ticket_state::granted);
}

TEST_F(PoolShard, ResetsBeforeReuseAndDiscardsWhereThatFails)
{
    start();
    auto held = borrow();
    held->dirty = true;
    held.release();
    EXPECT_EQ(shard_->stats().resetting, 1U);
    EXPECT_TRUE(turns_until([&] { return shard_->stats().idle == 1; }));

    held = shard_->try_acquire();
    held->dirty = true;
    held->reset_works = false;
    held.release();
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
    EXPECT_EQ(shard_->stats().closed, 1U);
}

TEST_F(PoolShard, DropsAnIdleConnectionThatSpokeUnasked)
{
    start();
    borrow().release();
    auto held = shard_->try_acquire();
    auto& connection = *held;
    EXPECT_EQ(connection.subscriber, nullptr);
    held.release();
    ASSERT_NE(connection.subscriber, nullptr);
    connection.subscriber->fire();
    driver_.run_once({});
    EXPECT_EQ(shard_->stats().idle, 1U) << "a usable one stays";
    connection.usable = false;
    connection.subscriber->fire();
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
}

TEST_F(PoolShard, NeverGrantsAnUnusableOne)
{
    start();
    auto first = borrow();
    auto second = borrow();
    auto& used_last = *second;
    first.release();
    second.release();
    used_last.usable = false;  // and its watcher has not spoken yet
    auto third = shard_->try_acquire();
    ASSERT_TRUE(third);
    EXPECT_NE(&*third, &used_last);
    EXPECT_TRUE(turns_until([&] { return server_.open == 1; }));
    third->usable = false;
    third.release();
    EXPECT_FALSE(shard_->try_acquire());
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
}

TEST_F(PoolShard, ALeaseThatIsNotReleasedIsClosed)
{
    start();
    {
        const auto lost = borrow();
    }
    EXPECT_EQ(shard_->stats().closing, 1U);
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
}

TEST_F(PoolShard, ThePermitComesBackOnlyWhenClosingHasEnded)
{
    pool_limits limits;
    limits.size = 1;
    start(limits);
    net::event goodbye{driver_};
    auto held = borrow();
    held->hold_closing = &goodbye;
    held.discard();
    net::event told{driver_};
    fake_ticket waiter;
    shard_->enqueue(waiter, told);
    for (int i = 0; i < 20; ++i) {
        driver_.run_once({});
    }
    EXPECT_TRUE(waiter.is_waiting());
    EXPECT_EQ(shard_->stats().connecting, 0U);
    goodbye.notify();
    EXPECT_TRUE(turns_until([&] { return !waiter.is_waiting(); }));
    EXPECT_EQ(waiter.state(), ticket_state::granted);
    EXPECT_EQ(server_.most, 1);
}

TEST_F(PoolShard, ARefusedLoginRejectsAtOnceAndIsRemembered)
{
    start();
    opener_->failing = true;
    opener_->definitive = true;
    net::event told{driver_};
    fake_ticket first;
    shard_->enqueue(first, told);
    EXPECT_TRUE(turns_until([&] { return !first.is_waiting(); }));
    EXPECT_EQ(first.state(), ticket_state::rejected);
    EXPECT_EQ(first.error().detail, "connection refused");
    fake_ticket second;
    shard_->enqueue(second, told);
    EXPECT_EQ(second.state(), ticket_state::rejected);
    EXPECT_EQ(opener_->nodes.size(), 1U);
}

TEST_F(PoolShard, AnUnreachableServerIsTriedAgainWhileTheDeadlineAllows)
{
    pool_limits limits;
    limits.borrow_timeout = milliseconds{60};
    limits.backoff_first = milliseconds{4};
    limits.backoff_longest = milliseconds{8};
    start(limits);
    opener_->failing = true;
    net::event told{driver_};
    fake_ticket waiter;
    shard_->enqueue(waiter, told);
    EXPECT_TRUE(turns_until([&] { return !waiter.is_waiting(); }));
    EXPECT_EQ(waiter.state(), ticket_state::rejected);
    EXPECT_EQ(waiter.error().kind, error_kind::borrow_timeout);
    EXPECT_NE(waiter.error().detail.find("connection refused"), std::string::npos);
    EXPECT_GT(opener_->nodes.size(), 1U);

    opener_->failing = false;
    EXPECT_TRUE(borrow());
}

TEST_F(PoolShard, DrainingClosesLeasesAsTheyComeBack)
{
    start();
    auto held = borrow();
    borrow().release();
    shard_->drain();
    EXPECT_TRUE(shard_->is_draining());
    EXPECT_TRUE(turns_until([&] { return server_.open == 1; }));
    net::event told{driver_};
    fake_ticket late;
    shard_->enqueue(late, told);
    EXPECT_EQ(late.state(), ticket_state::rejected);
    EXPECT_EQ(late.error().kind, error_kind::shutting_down);
    held.release();
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
}

TEST_F(PoolShard, RetiringReplacesConnections)
{
    start();
    borrow().release();
    auto held = borrow();
    pool_->set_node("node-2");
    driver_.run_once({});
    held.release();
    EXPECT_TRUE(turns_until([&] { return server_.open == 0; }));
    borrow().release();
    EXPECT_EQ(opener_->nodes.back(), "node-2");
}

TEST_F(PoolShard, ListsItsConnections)
{
    start();
    auto held = borrow();
    auto other = borrow();
    other.release();
    int active = 0;
    int idle = 0;
    shard_->for_each([&](const fake_connection&, slot_use use) {
        active += use == slot_use::active ? 1 : 0;
        idle += use == slot_use::idle ? 1 : 0;
    });
    EXPECT_EQ(active, 1);
    EXPECT_EQ(idle, 1);
    held.release();
}

}  // namespace
}  // namespace penstock::pool::test
