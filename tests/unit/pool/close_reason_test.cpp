// SPDX-License-Identifier: Apache-2.0
//
// Every connection that a shard closes is counted once, under the reason why; failed opens are told apart.
#include "pool/budget.hpp"
#include "pool/pool.hpp"
#include "pool/shared_pool.hpp"

#include "fake_connection.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>

namespace penstock::pool::test {
namespace {

/// A pool with one shard, on a driver that the test turns.
struct small_pool {
    small_pool(
        net::driver& on, fake_server& to, std::shared_ptr<budget> in, const std::string& user, pool_limits limits)
        : opens{std::make_shared<fake_opener>(to)},
          shared{std::make_shared<shared_pool>(std::move(in), pool_key{"cluster", user, "shop"}, limits, "node-1")},
          own{std::make_unique<shard<fake_connection>>(on, shared, opens)}
    {
    }
    std::shared_ptr<fake_opener> opens;
    std::shared_ptr<shared_pool> shared;
    std::unique_ptr<shard<fake_connection>> own;
};

class PoolClosings : public testing::Test {
protected:
    void start(const pool_limits& limits = {}, const shared_limits& shared = {})
    {
        budget_ = std::make_shared<budget>(shared);
        first_ = std::make_unique<small_pool>(driver_, server_, budget_, "anna", limits);
        second_ = std::make_unique<small_pool>(driver_, server_, budget_, "berta", limits);
    }

    void TearDown() override
    {
        end(*first_);
        end(*second_);
    }

    void end(small_pool& which)
    {
        bool done = false;
        which.own->drain();
        driver_.spawn(await_closed(*which.own, done));
        EXPECT_TRUE(turns_until([&] { return done; }));
    }

    template <class Condition>
    bool turns_until(const Condition& condition)
    {
        for (int i = 0; i < 3000 && !condition(); ++i) {
            driver_.run_once(milliseconds{1});
        }
        return condition();
    }

    fake_lease borrow(small_pool& from)
    {
        fake_ticket ticket;
        net::event told{driver_};
        from.own->enqueue(ticket, told);
        EXPECT_TRUE(turns_until([&] { return !ticket.is_waiting(); }));
        return ticket.take();
    }

    /// Waits until a connection is gone, and looks that it went for this reason and no other.
    void expect_closed_for(close_reason why)
    {
        const auto& of = *first_->own;
        EXPECT_TRUE(turns_until([&] { return of.stats().closed > 0 && of.stats().closing == 0; }));
        const auto counted = of.stats().closed_for;
        EXPECT_EQ(counted[static_cast<std::size_t>(why)], of.stats().closed);
        EXPECT_EQ(std::accumulate(counted.begin(), counted.end(), std::uint64_t{0}), of.stats().closed);
    }

    net::driver driver_;
    fake_server server_;
    std::shared_ptr<budget> budget_;
    std::unique_ptr<small_pool> first_;
    std::unique_ptr<small_pool> second_;
};

TEST_F(PoolClosings, UnusableWhereTheServerEndedIt)
{
    start();
    auto held = borrow(*first_);
    auto* const connection = &*held;
    held.release();
    connection->usable = false;
    EXPECT_FALSE(first_->own->try_acquire());
    expect_closed_for(close_reason::unusable);
}

TEST_F(PoolClosings, IdleBeyondWhatIsKept)
{
    pool_limits limits;
    limits.max_idle_percent = 0;
    limits.idle_timeout = milliseconds{1};
    start(limits);
    borrow(*first_).release();
    expect_closed_for(close_reason::idle);
}

TEST_F(PoolClosings, LifetimeOnReturn)
{
    pool_limits limits;
    limits.lifetime = milliseconds{50};
    start(limits);
    auto held = borrow(*first_);
    EXPECT_TRUE(turns_until([this, end = driver_.now() + limits.lifetime] { return driver_.now() > end; }));
    held.release();
    expect_closed_for(close_reason::lifetime);
}

TEST_F(PoolClosings, LifetimeOnReturnBeforeAnyCleaning)
{
    pool_limits limits;
    limits.lifetime = milliseconds{50};
    start(limits);
    auto held = borrow(*first_);
    held->dirty = true;
    EXPECT_TRUE(turns_until([this, end = driver_.now() + limits.lifetime] { return driver_.now() > end; }));
    held.release();
    EXPECT_EQ(first_->own->stats().resetting, 0U);
    expect_closed_for(close_reason::lifetime);
}

TEST_F(PoolClosings, RetiredByNewSettings)
{
    start();
    borrow(*first_).release();
    first_->shared->retire();
    expect_closed_for(close_reason::retired);
}

TEST_F(PoolClosings, MovedToAnotherNode)
{
    start();
    borrow(*first_).release();
    first_->shared->set_node("node-2");
    expect_closed_for(close_reason::moved);
}

TEST_F(PoolClosings, MovedWhileItWasLentAndRetiredSince)
{
    start();
    auto held = borrow(*first_);
    first_->shared->set_node("node-2");
    first_->shared->retire();
    int turns = 0;
    EXPECT_TRUE(turns_until([&turns] { return ++turns > 5; }));
    held.release();
    expect_closed_for(close_reason::moved);
}

TEST_F(PoolClosings, LimitWhereAnotherPoolNeedsThePlace)
{
    start({}, {.process = 1, .per_node = 0, .per_user = 0});
    borrow(*first_).release();
    EXPECT_TRUE(turns_until([this] { return first_->own->stats().idle == 1; }));
    auto other = borrow(*second_);
    EXPECT_TRUE(other);
    other.release();
    expect_closed_for(close_reason::limit);
}

TEST_F(PoolClosings, ResetThatFailed)
{
    start();
    auto held = borrow(*first_);
    held->dirty = true;
    held->reset_works = false;
    held.release();
    expect_closed_for(close_reason::reset_failed);
}

TEST_F(PoolClosings, DrainedAtTheEnd)
{
    start();
    borrow(*first_).release();
    first_->own->drain();
    expect_closed_for(close_reason::drained);
}

TEST_F(PoolClosings, BorrowersThatGiveItUp)
{
    start();
    borrow(*first_).discard();
    expect_closed_for(close_reason::borrower);
}

TEST_F(PoolClosings, FailedLoginsAreNoFailedConnects)
{
    start();
    first_->opens->failing = true;
    first_->opens->connected = true;
    first_->opens->definitive = true;
    EXPECT_FALSE(borrow(*first_));
    second_->opens->failing = true;
    second_->opens->definitive = true;
    EXPECT_FALSE(borrow(*second_));
    EXPECT_EQ(first_->own->stats().failed_logins, 1U);
    EXPECT_EQ(first_->own->stats().failed_opens, 0U);
    EXPECT_EQ(second_->own->stats().failed_logins, 0U);
    EXPECT_EQ(second_->own->stats().failed_opens, 1U);
}

}  // namespace
}  // namespace penstock::pool::test
