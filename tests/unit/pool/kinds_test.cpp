// SPDX-License-Identifier: Apache-2.0
//
// Kinds of one pool: they share its limits to the last connection, give their places to each other, and none starves.
#include "simulated_world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace penstock::pool::test {
namespace {

pool_limits of_size(std::uint32_t size)
{
    pool_limits limits;
    limits.size = size;
    return limits;
}

/// One pool with kinds, of one shard each unless more are asked for.
struct kinds : world {
    explicit kinds(const pool_limits& limits, std::size_t count = 2, std::size_t shards = 1, shared_limits shared = {})
        : world{shared, std::vector<pool_limits>(count, limits), shards, ownership::kinds}
    {
    }
    simulated_shard& first = at(0);
    simulated_shard& second = at(1);
};

TEST(PoolKinds, TheSizeHoldsForAllOfThemTogether)
{
    kinds world{of_size(3), 4};
    for (std::size_t i = 0; i < 12; ++i) {
        world.request(world.at(i % 4));
        world.check_invariants();
    }
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    EXPECT_EQ(world.pool(0).usage().held, 3U);
    EXPECT_EQ(world.pool(3).usage().held, 3U) << "each of them tells of all";
    for (int round = 0; round < 100 && world.granted < 12; ++round) {
        for (std::size_t i = 0; i < 4; ++i) {
            if (!world.at(i).leased.empty()) {
                world.give_back(world.at(i), 0);
            }
        }
        world.come_to_rest();
        world.check_invariants();
    }
    EXPECT_EQ(world.granted, 12U);
    world.drain();
}

TEST(PoolKinds, TheBoundOfWaitersIsOneForAllKindsAndShards)
{
    auto limits = of_size(1);
    limits.max_waiters = 2;
    kinds world{limits, 2, 2};
    world.request(world.at(0));
    world.come_to_rest();
    ASSERT_EQ(world.granted, 1U);
    for (std::size_t i = 0; i < 4; ++i) {
        world.request(world.at(i));
    }
    EXPECT_EQ(world.rejected, 2U);
    world.give_back(world.at(0), 0);
    world.come_to_rest();
    EXPECT_EQ(world.granted, 2U);
    world.request(world.at(3));
    EXPECT_EQ(world.rejected, 2U) << "a place came free";
    world.request(world.at(3));
    EXPECT_EQ(world.rejected, 3U);
    world.drain();
}

TEST(PoolKinds, AnIdleConnectionOfAnotherKindIsClosedToMakeRoom)
{
    kinds world{of_size(2)};
    world.request(world.first);
    world.request(world.first);
    world.come_to_rest();
    world.give_back(world.first, 0);
    world.request(world.second);
    world.come_to_rest();
    EXPECT_EQ(world.second.leased.size(), 1U);
    EXPECT_EQ(world.first.core->state().counts().idle, 0U);
    EXPECT_EQ(world.open_sockets(), 2);
    world.drain();
}

TEST(PoolKinds, BelowTheSizeNobodyGivesWay)
{
    kinds world{of_size(3)};
    world.request(world.first);
    world.request(world.first);
    world.come_to_rest();
    world.give_back(world.first, 0);
    world.request(world.second);
    world.come_to_rest();
    EXPECT_EQ(world.first.core->state().counts().idle, 1U);
    EXPECT_EQ(world.open_sockets(), 3);
    world.drain();
}

TEST(PoolKinds, TheOneIdleLongestGoes)
{
    kinds world{of_size(2), 3};
    world.request(world.at(1));
    world.request(world.at(2));
    world.come_to_rest();
    world.give_back(world.at(2), 0);
    world.advance(milliseconds{1});
    world.give_back(world.at(1), 0);
    world.request(world.at(0));
    world.come_to_rest();
    EXPECT_EQ(world.at(1).core->state().counts().idle, 1U);
    EXPECT_EQ(world.at(2).core->state().counts().idle, 0U);
    world.drain();
}

TEST(PoolKinds, TheOlderWaiterOfAnotherKindIsNextWhenALongTransactionEnds)
{
    kinds world{of_size(1)};
    world.request(world.first);
    world.come_to_rest();
    world.request(world.second);
    world.advance(milliseconds{1});
    world.request(world.first);
    world.advance(seconds{10});
    world.give_back(world.first, 0);
    world.come_to_rest();
    EXPECT_EQ(world.second.leased.size(), 1U) << "it came first, although by a millisecond";
    EXPECT_EQ(world.first.queue.size(), 1U);
    world.advance(seconds{10});
    world.give_back(world.second, 0);
    world.come_to_rest();
    EXPECT_EQ(world.first.leased.size(), 1U);
    world.drain();
}

TEST(PoolKinds, TheOlderWaiterOfTheOwnKindIsNextWhateverOthersWant)
{
    kinds world{of_size(1)};
    world.request(world.first);
    world.come_to_rest();
    world.request(world.first);
    world.advance(milliseconds{1});
    world.request(world.second);
    world.advance(seconds{10});
    world.give_back(world.first, 0);
    world.come_to_rest();
    EXPECT_EQ(world.first.leased.size(), 1U);
    EXPECT_EQ(world.second.queue.size(), 1U);
    world.drain();
}

TEST(PoolKinds, ShortTransactionsOfOneKindShareAConnectionForAWhileOnly)
{
    kinds world{of_size(1)};
    world.request(world.first);
    world.come_to_rest();
    world.request(world.second);
    const auto began = world.now;
    while (world.second.leased.empty() && world.now - began < seconds{5}) {
        world.advance(milliseconds{1});
        world.request(world.first);
        world.give_back(world.first, 0);
        while (!world.first.closing.empty() || !world.second.box->messages.empty() || !world.second.opening.empty()) {
            world.come_to_rest();
        }
    }
    EXPECT_EQ(world.now - began, eviction_margin);
    world.drain();
}

TEST(PoolKinds, AConnectionNobodyOfItsKindWaitsForIsClosedAtOnceForAnother)
{
    kinds world{of_size(1)};
    world.request(world.first);
    world.come_to_rest();
    world.request(world.second);
    world.deliver(world.first);  // look: it has nothing idle
    world.give_back(world.first, 0);
    EXPECT_EQ(world.first.closing.size(), 1U) << "idle, the next session of its kind might take it again and again";
    world.come_to_rest();
    EXPECT_EQ(world.second.leased.size(), 1U);
    world.drain();
}

TEST(PoolKinds, ShardsOfOneKindDoNotHandAConnectionRoundPastAnOlderWaiterOfAnother)
{
    kinds world{of_size(1), 2, 2};  // shards 0 and 1 are of the first kind
    world.request(world.at(0));
    world.come_to_rest();
    world.request(world.at(2));
    world.advance(milliseconds{10});
    world.request(world.at(1));
    world.come_to_rest();
    world.advance(seconds{1});
    world.give_back(world.at(0), 0);
    world.come_to_rest();
    EXPECT_EQ(world.hand_overs, 0U);
    EXPECT_EQ(world.at(2).leased.size(), 1U);
    world.drain();
}

/// Three kinds with sessions that come back for more at once, and one kind that has ten times as many.
TEST(PoolKinds, NoKindStarvesWhereAllAreBusyAllTheTime)
{
    kinds world{of_size(2), 3, 2};
    duration longest{};
    const auto fill = [&](std::size_t shard, std::size_t up_to) {
        while (world.at(shard).queue.size() < up_to) {
            world.request(world.at(shard));
        }
    };
    for (int round = 0; round < 20000; ++round) {
        for (std::size_t i = 0; i < world.shard_count(); ++i) {
            fill(i, i < 2 ? 10 : 1);
            for (const auto& client : world.at(i).queue) {
                longest = std::max(longest, world.now - client->since);
            }
        }
        for (std::size_t i = 0; i < world.shard_count(); ++i) {
            if (!world.at(i).leased.empty()) {
                world.give_back(world.at(i), 0);
            }
        }
        world.come_to_rest();
        world.check_invariants();
        ASSERT_FALSE(HasFatalFailure());
        world.advance(milliseconds{1});
    }
    EXPECT_LT(longest, 3 * eviction_margin) << "a turn of each kind";
    std::vector<std::uint64_t> served(3);
    for (const auto& [shard, since] : world.grants) {
        ++served[shard / 2];
    }
    EXPECT_GT(*std::min_element(served.begin(), served.end()), 20000U / 10);
    world.drain();
}

TEST(PoolKinds, AServerThatRefusesOneKindKeepsNoPlaceFromTheOther)
{
    kinds world{of_size(1)};
    world.request(world.first);
    world.finish_opening(world.first, 0, world::opening::fails);
    world.request(world.second);
    world.come_to_rest();
    EXPECT_EQ(world.second.leased.size(), 1U);
    world.advance(seconds{30});
    world.come_to_rest();
    EXPECT_EQ(world.first.queue.size(), 1U);
    world.give_back(world.second, 0);
    world.come_to_rest();
    EXPECT_EQ(world.first.leased.size(), 1U);
    world.drain();
}

TEST(PoolKinds, TheReserveIsOneForAll)
{
    auto limits = of_size(1);
    limits.reserve = 1;
    kinds world{limits, 3};
    for (const std::size_t kind : {0, 1, 2}) {
        world.request(world.at(kind));
    }
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 1);
    world.advance(limits.reserve_timeout);
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2);
    EXPECT_EQ(world.at(1).queue.size() + world.at(2).queue.size(), 1U);
    world.drain();
}

TEST(PoolKinds, TheMinimumIsOfAllAndOfTheKindThatWasWantedLast)
{
    auto limits = of_size(5);
    limits.minimum = 3;
    kinds world{limits};
    world.request(world.first);
    world.come_to_rest();
    world.request(world.second);
    world.come_to_rest();
    world.advance(seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    EXPECT_EQ(world.second.core->state().counts().open_or_opening(), 2U);
    world.advance(seconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 3);
    world.drain();
}

TEST(PoolKinds, TheShareOfIdleOnesIsOfAll)
{
    auto limits = of_size(4);
    limits.max_idle_percent = 50;
    limits.idle_timeout = seconds{60};
    kinds world{limits};
    for (auto* shard : {&world.first, &world.first, &world.second, &world.second}) {
        world.request(*shard);
    }
    world.come_to_rest();
    for (auto* shard : {&world.first, &world.first, &world.second, &world.second}) {
        world.give_back(*shard, 0);
    }
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 4);
    world.advance(seconds{61});
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 2);
    world.drain();
}

TEST(PoolKinds, LimitsSetThroughOneHoldForAll)
{
    kinds world{of_size(4)};
    for (auto* shard : {&world.first, &world.first, &world.second, &world.second}) {
        world.request(*shard);
    }
    world.come_to_rest();
    world.pool(0).set_limits(of_size(1));
    EXPECT_EQ(world.pool(1).limits().size, 1U);
    world.give_back(world.second, 0);
    world.give_back(world.second, 0);
    world.give_back(world.first, 0);
    world.come_to_rest();
    EXPECT_EQ(world.open_sockets(), 1);
    world.drain();
}

TEST(PoolKinds, OtherPoolsStandAsideUnderASharedLimitOnly)
{
    const auto shared = std::make_shared<budget>(shared_limits{.process = 3, .per_node = 0, .per_user = 0});
    const auto pool_of = [&](const char* user, std::uint64_t kind) {
        return std::make_shared<shared_pool>(shared, pool_key{"cluster", user, "database", kind}, of_size(2));
    };
    const auto plain = pool_of("anna", 0);
    const auto special = pool_of("anna", 7);
    const auto other = pool_of("berta", 0);
    const auto take = [&](const std::shared_ptr<shared_pool>& from, refusal& why) {
        return shared->take(from->own_account(), purpose::demand, &why);
    };
    refusal why = refusal::none;
    const auto one = take(plain, why);
    auto two = take(special, why);
    EXPECT_FALSE(take(plain, why));
    EXPECT_EQ(why, refusal::pool);
    EXPECT_FALSE(take(special, why));
    EXPECT_EQ(why, refusal::pool);
    const auto three = take(other, why);
    EXPECT_FALSE(take(other, why));
    EXPECT_EQ(why, refusal::process);
    two.give_back();
    EXPECT_TRUE(take(special, why));
}

}  // namespace
}  // namespace penstock::pool::test
