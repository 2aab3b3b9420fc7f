// SPDX-License-Identifier: Apache-2.0
//
// Who gets what between shards and between pools, in worlds small enough to follow: hand-over to the older waiter, room
// made by other pools, the reserve, the minimum, idle connections that go.
#include "simulated_world.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace penstock::pool::test {
namespace {

pool_limits of_size(std::uint32_t size)
{
    pool_limits limits;
    limits.size = size;
    return limits;
}

/// One pool with two shards.
struct two_shards : world {
    explicit two_shards(const pool_limits& limits, const shared_limits& shared = {}) : world{shared, {limits}, 2} {}
    simulated_shard& left = at(0);
    simulated_shard& right = at(1);
};

/// Two pools with one shard each.
struct two_pools : world {
    two_pools(const pool_limits& first, const pool_limits& second, const shared_limits& shared)
        : world{shared, {first, second}, 1}
    {
    }
    simulated_shard& left = at(0);
    simulated_shard& right = at(1);
};

TEST(PoolFairness, AnIdleConnectionGoesToTheStarvingShard)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.give_back(world.left, 0);
    ASSERT_EQ(world.left.core->state().counts().idle, 1U);
    world.request(world.right);
    EXPECT_EQ(world.right.leased.size(), 0U);
    world.come_to_rest();
    EXPECT_EQ(world.right.leased.size(), 1U);
    EXPECT_EQ(world.hand_overs, 1U);
    EXPECT_EQ(world.open_sockets(), 1);
    world.drain();
}

TEST(PoolFairness, AReturningConnectionGoesToTheOldestWaiterOfAllShards)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    std::vector<std::size_t> order;
    for (const std::size_t shard : {1, 0, 0, 1, 0, 1, 1, 0}) {
        world.advance(milliseconds{10});
        world.request(world.at(shard));
        order.push_back(shard);
    }
    world.come_to_rest();
    world.grants.clear();
    for (std::size_t i = 0; i < order.size(); ++i) {
        auto& holder = world.left.leased.empty() ? world.right : world.left;
        world.give_back(holder, 0);
        world.come_to_rest();
        ASSERT_EQ(world.grants.size(), i + 1);
        EXPECT_EQ(world.grants.back().first, order[i]);
    }
    world.drain();
}

TEST(PoolFairness, AWaiterHardlyYoungerIsServedOnTheSpot)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.advance(hand_over_margin);
    world.request(world.left);
    world.come_to_rest();
    world.give_back(world.left, 0);
    EXPECT_EQ(world.left.leased.size(), 1U);
    EXPECT_EQ(world.hand_overs, 0U);
    world.drain();
}

TEST(PoolFairness, APermitGoesToTheOldestWaiterAndIsDeclinedByOneWhoLeft)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.advance(milliseconds{10});
    world.request(world.left);
    world.come_to_rest();
    world.give_back(world.left, 0, world::returning::broken);
    world.finish_closing(world.left, 0);
    ASSERT_EQ(world.right.box->messages.front().what, message::kind::permit);
    world.withdraw(world.right, 0);
    EXPECT_TRUE(world.left.opening.empty()) << "the permit is on its way to the right";
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 1U);
    world.drain();
}

TEST(PoolFairness, AConnectionHandedToOneWhoLeftGoesOn)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.left, 0);
    ASSERT_EQ(world.hand_overs, 1U);
    world.withdraw(world.right, 0);
    world.request(world.left);
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 1U);
    EXPECT_EQ(world.hand_overs, 2U);
    world.drain();
}

TEST(PoolFairness, AConnectionThatDiesOnItsWayIsReplaced)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.left, 0);
    world.deliver(world.right, false);
    world.come_to_rest();
    EXPECT_EQ(world.right.leased.size(), 1U);
    world.drain();
}

TEST(PoolFairness, OtherPoolsMakeRoomUnderASharedLimitOldestIdleFirst)
{
    world world{{.process = 3, .per_node = 0, .per_user = 0}, {of_size(3), of_size(3), of_size(3)}, 1};
    for (const std::size_t pool : {0, 1, 2}) {
        world.request(world.at(pool));
    }
    world.come_to_rest();
    world.give_back(world.at(1), 0);
    world.advance(seconds{1});
    world.give_back(world.at(2), 0);
    world.request(world.at(0));
    world.come_to_rest();
    EXPECT_EQ(world.at(0).leased.size(), 2U);
    EXPECT_EQ(world.at(1).core->state().counts().idle, 0U);
    EXPECT_EQ(world.at(2).core->state().counts().idle, 1U);
    world.drain();
}

TEST(PoolFairness, RoomPromisedByAShardThatLeavesIsSoughtElsewhere)
{
    world world{{.process = 2, .per_node = 0, .per_user = 0}, {of_size(3), of_size(3), of_size(3)}, 1};
    for (const std::size_t pool : {1, 2}) {
        world.request(world.at(pool));
    }
    world.come_to_rest();
    world.give_back(world.at(1), 0);
    world.advance(seconds{1});
    world.give_back(world.at(2), 0);
    world.request(world.at(0));
    world.request(world.at(0));
    for (const std::size_t pool : {1, 2}) {
        while (!world.at(pool).box->messages.empty() && world.at(pool).closing.empty()) {
            world.deliver(world.at(pool));
        }
    }
    ASSERT_EQ(world.at(1).box->messages.size(), 1U) << "make_room";
    world.lose_idle(world.at(1));
    world.finish_closing(world.at(1), 0);
    world.leave(1);
    world.come_to_rest();
    EXPECT_EQ(world.at(0).leased.size(), 1U);
    world.advance(eviction_margin);
    world.come_to_rest();
    EXPECT_EQ(world.at(0).leased.size(), 2U) << "the other's only one, since it has been idle for long";
    world.drain();
}

TEST(PoolFairness, PoolsTakeTurnsUnderASharedLimit)
{
    two_pools world{of_size(3), of_size(3), {.process = 1, .per_node = 0, .per_user = 0}};
    for (int i = 0; i < 5; ++i) {
        for (auto* shard : {&world.left, &world.right}) {
            world.request(*shard);
            world.come_to_rest();
            ASSERT_EQ(shard->leased.size(), 1U);
            world.advance(eviction_margin);
            world.give_back(*shard, 0);
        }
    }
    world.drain();
}

TEST(PoolFairness, RoomThatCouldNotBeMadeIsMadeWhenAConnectionIsIdleAgain)
{
    two_pools world{of_size(3), of_size(3), {.process = 1, .per_node = 0, .per_user = 0}};
    world.request(world.right);
    world.come_to_rest();
    world.advance(eviction_margin);
    world.give_back(world.right, 0);
    world.request(world.left);
    world.deliver(world.right);  // look
    world.request(world.right);  // takes the idle one before make_room comes
    world.come_to_rest();
    ASSERT_EQ(world.right.leased.size(), 1U);
    ASSERT_EQ(world.left.queue.size(), 1U);
    world.give_back(world.right, 0);
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 1U);
    world.drain();
}

TEST(PoolFairness, AnAnswerThatNeverComesHoldsNobodyUp)
{
    world world{{.process = 1, .per_node = 0, .per_user = 0}, {of_size(3), of_size(3), of_size(3)}, 1};
    world.request(world.at(2));
    world.come_to_rest();
    world.advance(eviction_margin);
    world.give_back(world.at(2), 0);
    world.request(world.at(0));
    world.deliver(world.at(2));
    ASSERT_TRUE(world.at(2).box->messages.empty()) << "the other may have an older one";
    world.leave(1);
    world.come_to_rest();
    EXPECT_EQ(world.at(0).leased.size(), 1U);
    world.drain();
}

TEST(PoolFairness, APermitFreedMeanwhileNeedsNoRoom)
{
    world world{{.process = 2, .per_node = 0, .per_user = 0}, {of_size(3), of_size(3), of_size(3)}, 1};
    world.request(world.at(1));
    world.request(world.at(2));
    world.come_to_rest();
    world.advance(eviction_margin);
    world.give_back(world.at(1), 0);
    world.request(world.at(0));
    world.deliver(world.at(1));  // look
    world.deliver(world.at(2));
    world.deliver(world.at(1));  // make_room
    ASSERT_EQ(world.at(1).closing.size(), 1U);
    world.give_back(world.at(2), 0, world::returning::broken);
    world.finish_closing(world.at(2), 0);
    world.deliver(world.at(0));
    EXPECT_EQ(world.at(0).opening.size(), 1U) << "although the first is still saying goodbye";
    world.come_to_rest();
    world.drain();
}

TEST(PoolFairness, AShardThatLeavesLeavesItsPlaceAndItsPermitToOthers)
{
    two_shards world{of_size(1)};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.left, 0, world::returning::broken);
    world.finish_closing(world.left, 0);
    world.request(world.left);
    ASSERT_EQ(world.right.box->messages.front().what, message::kind::permit);
    world.right.core->drain(world.now);
    world.right.core->actions().clear();
    world.leave(1);
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 1U);
    EXPECT_EQ(world.pool(0).usage().starving, 0U);
    world.drain();
}

TEST(PoolFairness, AnotherUsersConnectionIsNoHelpAgainstAUserLimit)
{
    two_pools world{of_size(5), of_size(5), {.process = 0, .per_node = 0, .per_user = 1}};
    world.request(world.left);
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.right, 0);
    world.request(world.left);
    world.come_to_rest();
    EXPECT_EQ(world.left.queue.size(), 1U);
    EXPECT_EQ(world.right.core->state().counts().idle, 1U);
    world.drain();
}

TEST(PoolFairness, ABusyPoolGivesItsOnlyConnectionToOneThatHasNoneAfterAWhile)
{
    two_pools world{of_size(1), of_size(1), {.process = 1, .per_node = 0, .per_user = 0}};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.request(world.left);
    world.advance(eviction_margin - milliseconds{1});
    world.come_to_rest();
    world.give_back(world.left, 0);
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 1U) << "it has not been open for so long";
    world.advance(milliseconds{1});
    world.request(world.left);
    world.give_back(world.left, 0);
    world.come_to_rest();
    EXPECT_EQ(world.right.leased.size(), 1U);
    EXPECT_EQ(world.left.queue.size(), 1U);
    world.drain();
}

TEST(PoolFairness, TheReserveOpensForWhoHasWaitedLongAndGoesWhenIdle)
{
    auto limits = of_size(1);
    limits.reserve = 1;
    two_shards world{limits};
    world.request(world.left);
    world.come_to_rest();
    world.request(world.right);
    world.advance(limits.reserve_timeout - milliseconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 1);
    world.advance(milliseconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.right.leased.size(), 1U);
    EXPECT_EQ(world.open_sockets(), 2);
    world.give_back(world.right, 0);
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 1) << "above the size nothing is kept idle";
    world.drain();
}

TEST(PoolFairness, TheMinimumIsKeptOnceThePoolIsUsed)
{
    auto limits = of_size(5);
    limits.minimum = 3;
    two_shards world{limits};
    world.advance(seconds{10});
    EXPECT_EQ(world.open_sockets(), 0);
    world.request(world.left);
    world.come_to_rest();
    world.advance(seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    world.lose_idle(world.left);
    world.come_to_rest();
    world.advance(seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    world.advance(seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    world.drain();
}

TEST(PoolFairness, IdleConnectionsAboveTheirShareGoAfterTheTimeOut)
{
    auto limits = of_size(4);
    limits.max_idle_percent = 50;
    limits.idle_timeout = seconds{60};
    two_shards world{limits};
    for (auto* shard : {&world.left, &world.left, &world.right, &world.right}) {
        world.request(*shard);
    }
    world.come_to_rest();
    for (auto* shard : {&world.left, &world.left, &world.right, &world.right}) {
        world.give_back(*shard, 0);
    }
    world.advance(seconds{59});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 4);
    world.advance(seconds{2});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2);
    world.advance(seconds{100});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2);
    world.drain();
}

TEST(PoolFairness, NoShareOfIdleOnesLeavesTheMinimum)
{
    auto limits = of_size(4);
    limits.max_idle_percent = 0;
    limits.minimum = 1;
    two_shards world{limits};
    world.request(world.left);
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.left, 0);
    world.give_back(world.right, 0);
    world.advance(limits.idle_timeout + seconds{1});
    world.come_to_rest();
    world.advance(limits.idle_timeout + seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 1);
    world.drain();
}

TEST(PoolFairness, ALoweredSizeIsReachedAsConnectionsComeFree)
{
    two_shards world{of_size(4)};
    for (int i = 0; i < 2; ++i) {
        world.request(world.left);
        world.request(world.right);
    }
    world.come_to_rest();
    world.give_back(world.left, 0);
    world.pool(0).set_limits(of_size(2));
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3) << "the idle one goes at once";
    world.request(world.right);
    world.give_back(world.right, 0);
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2) << "the next even past a waiter";
    EXPECT_EQ(world.right.queue.size(), 1U);
    world.give_back(world.right, 0);
    world.come_to_rest();
    EXPECT_EQ(world.right.queue.size(), 0U);
    EXPECT_EQ(world.open_sockets(), 2);
    world.drain();
}

TEST(PoolFairness, ALoweredProcessLimitIsReachedByIdleOnes)
{
    two_pools world{of_size(4), of_size(4), {}};
    world.request(world.left);
    world.request(world.right);
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.right, 0);
    world.give_back(world.right, 0);
    world.shared().set_limits({.process = 2, .per_node = 0, .per_user = 0});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2);
    world.drain();
}

TEST(PoolFairness, ADownServerIsTriedByOneAndRoomIsNotMadeForMore)
{
    two_pools world{of_size(4), of_size(4), {.process = 2, .per_node = 0, .per_user = 0}};
    world.request(world.right);
    world.request(world.right);
    world.come_to_rest();
    world.give_back(world.right, 0);
    world.give_back(world.right, 0);
    world.advance(eviction_margin);
    for (int i = 0; i < 3; ++i) {
        world.request(world.left);
    }
    while (!world.right.box->messages.empty()) {
        world.deliver(world.right);
    }
    while (!world.right.closing.empty()) {
        world.finish_closing(world.right, 0);
    }
    while (!world.left.box->messages.empty()) {
        world.deliver(world.left);
    }
    ASSERT_EQ(world.left.opening.size(), 2U);
    world.finish_opening(world.left, 0, world::opening::fails);
    world.finish_opening(world.left, 0, world::opening::fails);
    EXPECT_EQ(world.left.opening.size(), 0U);
    EXPECT_EQ(world.shared().usage().held, 0U);
    world.advance(seconds{1});
    EXPECT_EQ(world.left.opening.size(), 1U);
    EXPECT_EQ(world.shared().usage().held, 1U);
    world.come_to_rest();
    EXPECT_EQ(world.left.leased.size(), 2U);
    world.drain();
}

}  // namespace
}  // namespace penstock::pool::test
