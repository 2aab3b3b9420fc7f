// SPDX-License-Identifier: Apache-2.0
//
// Pools under a limit they share: the policy on numbers, and what comes of it among shards, where one pool has many
// more clients than another.
#include "simulated_world.hpp"

#include "pool/fair_share.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace penstock::pool::test {
namespace {

constexpr time_point start = time_point{} + std::chrono::hours{1};

TEST(FairShare, WhoHasFewerIsNext)
{
    EXPECT_TRUE(
        is_next({.connections = 1, .turn = 9, .oldest = start + seconds{9}}, {.connections = 2, .oldest = start}));
    EXPECT_FALSE(is_next({.connections = 2, .oldest = start}, {.connections = 1, .oldest = start + seconds{9}}));
}

TEST(FairShare, AmongEqualsTheOlderWaiterIsNext)
{
    const claimant older{.connections = 2, .turn = 8, .oldest = start};
    const claimant younger{.connections = 2, .turn = 3, .oldest = start + milliseconds{1}};
    EXPECT_TRUE(is_next(older, younger));
    EXPECT_FALSE(is_next(younger, older));
    EXPECT_FALSE(is_next(older, older));
}

TEST(FairShare, AmongThoseWhoHaveNoneTheOneWithoutForLongestIsNext)
{
    const claimant burst{.connections = 0, .turn = 8, .oldest = start};
    const claimant patient{.connections = 0, .turn = 3, .oldest = start + seconds{1}};
    const claimant newcomer{.connections = 0, .turn = 0, .oldest = start + seconds{2}};
    EXPECT_TRUE(is_next(patient, burst));
    EXPECT_FALSE(is_next(burst, patient));
    EXPECT_TRUE(is_next(newcomer, patient));
}

TEST(FairShare, OnlyWhatMakesNobodyWorseOffIsGivenUp)
{
    EXPECT_TRUE(has_too_many(2, 0));
    EXPECT_TRUE(has_too_many(10, 8));
    EXPECT_FALSE(has_too_many(1, 0));
    EXPECT_FALSE(has_too_many(6, 5));
    EXPECT_FALSE(has_too_many(5, 5));
    EXPECT_FALSE(has_too_many(1, 9));
}

TEST(FairShare, TheLastConnectionIsGivenUpInTurn)
{
    const claimant without{.connections = 0, .oldest = start};
    const auto later = start + eviction_margin;
    const auto just = milliseconds{1};
    EXPECT_TRUE(gives_way(released_connection{.of = 1, .opened = start, .now = later}, without));
    EXPECT_FALSE(gives_way(released_connection{.of = 1, .opened = start + just, .now = later}, without));
    EXPECT_FALSE(gives_way(released_connection{.of = 1, .opened = start - just, .now = later - just}, without));
    EXPECT_FALSE(gives_way(released_connection{.of = 2, .opened = start, .now = later + seconds{9}},
                           claimant{.connections = 1, .oldest = start}));
    EXPECT_TRUE(gives_way(released_connection{.of = 2, .opened = start, .now = start}, without)) << "at once";
}

TEST(FairShare, WhatWasIdleForAMomentIsKeptUnlessItIsTooMany)
{
    EXPECT_FALSE(gives_way(idle_connection{.of = 5}, 5));
    EXPECT_FALSE(gives_way(idle_connection{.of = 6}, 5));
    EXPECT_TRUE(gives_way(idle_connection{.of = 7}, 5));
    EXPECT_TRUE(gives_way(idle_connection{.of = 1, .for_long = true}, 9));
    EXPECT_TRUE(gives_way(idle_connection{.of = 1, .has_served = true, .is_the_only_way = true}, 0));
    EXPECT_FALSE(gives_way(idle_connection{.of = 1, .has_served = true}, 0));
    EXPECT_FALSE(gives_way(idle_connection{.of = 1, .is_the_only_way = true}, 0));
    EXPECT_FALSE(gives_way(idle_connection{.of = 2, .has_served = true, .is_the_only_way = true}, 1));
}

pool_limits of_size(std::uint32_t size)
{
    pool_limits limits;
    limits.size = size;
    return limits;
}

shared_limits process_limit(std::uint32_t count)
{
    return {.process = count, .per_node = 0, .per_user = 0};
}

/// Pools of a user and a shard each under a process limit, unless said otherwise. The first is the one with the burst.
struct tenants : world {
    explicit tenants(std::uint32_t limit, std::size_t count = 2, std::uint32_t size = 20)
        : tenants{process_limit(limit), count, size, ownership::users}
    {
    }
    tenants(const shared_limits& shared, std::size_t count, std::uint32_t size, ownership whose)
        : world{shared, std::vector<pool_limits>(count, of_size(size)), 1, whose}
    {
    }

    void ask(simulated_shard& shard, int times)
    {
        for (int i = 0; i < times; ++i) {
            request(shard);
        }
        come_to_rest();
    }

    /// One of its transactions ends.
    void release(simulated_shard& shard)
    {
        give_back(shard, 0);
        come_to_rest();
    }

    simulated_shard& burst = at(0);
    simulated_shard& other = at(1);
};

TEST(PoolFairShare, EachReleaseAboveTheShareIsTheOtherPoolsAtOnce)
{
    tenants world{10};
    world.ask(world.burst, 200);
    ASSERT_EQ(world.burst.leased.size(), 10U);
    world.advance(seconds{10});
    world.ask(world.other, 20);
    for (std::size_t releases = 1; releases <= 5; ++releases) {
        world.release(world.burst);
        EXPECT_EQ(world.other.leased.size(), releases);
        world.check_invariants();
    }
    world.release(world.burst);
    EXPECT_EQ(world.burst.leased.size(), 5U) << "now it has its share, too";
    EXPECT_EQ(world.other.leased.size(), 5U);
    world.drain();
}

TEST(PoolFairShare, WhoNeedsLessThanItsShareGetsThatAndTheRestIsTheOthers)
{
    tenants world{9, 3};
    world.ask(world.burst, 50);
    world.ask(world.at(1), 1);
    world.ask(world.at(2), 50);
    for (int i = 0; i < 20; ++i) {
        world.release(world.burst);
    }
    EXPECT_EQ(world.at(1).leased.size(), 1U);
    EXPECT_EQ(world.at(0).leased.size(), 4U);
    EXPECT_EQ(world.at(2).leased.size(), 4U);
    world.drain();
}

/// All three want more than there is: whoever has its share works on its own connections.
TEST(PoolFairShare, WhereAllHaveTheirSharesNoConnectionIsOpenedAnyMore)
{
    tenants world{11, 3};
    for (std::size_t i = 0; i < 3; ++i) {
        world.ask(world.at(i), 40);
    }
    const auto work = [&](int rounds) {
        for (int round = 0; round < rounds; ++round) {
            for (std::size_t i = 0; i < 3; ++i) {
                if (!world.at(i).leased.empty()) {
                    world.release(world.at(i));
                    world.ask(world.at(i), 1);
                }
            }
            world.advance(milliseconds{7});
            world.check_invariants();
        }
    };
    work(20);
    const auto opened = world.opened();
    work(1000);
    EXPECT_EQ(world.opened(), opened);
    std::vector<std::size_t> held;
    for (std::size_t i = 0; i < 3; ++i) {
        held.push_back(world.at(i).leased.size());
    }
    EXPECT_EQ(std::ranges::max(held), 4U);
    EXPECT_EQ(std::ranges::min(held), 3U);
    world.drain();
}

TEST(PoolFairShare, WhatIsIdleBetweenTwoTransactionsIsNotTakenFromAPoolAtItsShare)
{
    tenants world{10};
    world.ask(world.other, 5);
    world.ask(world.burst, 200);
    ASSERT_EQ(world.burst.leased.size(), 5U);
    const auto opened = world.opened();
    for (int i = 0; i < 1000; ++i) {
        world.release(world.other);
        EXPECT_EQ(world.other.core->state().counts().idle, 1U);
        world.advance(milliseconds{i % 200});
        world.come_to_rest();
        world.ask(world.other, 1);
        ASSERT_EQ(world.other.queue.size(), 0U);
    }
    EXPECT_EQ(world.opened(), opened);
    world.drain();
}

TEST(PoolFairShare, WhatIsIdleForLongIsForWhoeverWaits)
{
    tenants world{10};
    world.ask(world.other, 5);
    world.ask(world.burst, 200);
    world.release(world.other);
    world.advance(eviction_margin - milliseconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.burst.leased.size(), 5U);
    world.advance(milliseconds{1});
    world.come_to_rest();
    EXPECT_EQ(world.burst.leased.size(), 6U);
    EXPECT_EQ(world.other.core->state().counts().idle, 0U);
    world.drain();
}

TEST(PoolFairShare, AnOrderToMakeRoomDoesNotHitWhatWasUsedMeanwhile)
{
    tenants world{10};
    world.ask(world.other, 5);
    world.release(world.other);
    world.advance(eviction_margin);
    for (int i = 0; i < 6; ++i) {
        world.request(world.burst);
    }
    ASSERT_EQ(world.burst.opening.size(), 5U);
    world.deliver(world.other);  // look
    ASSERT_FALSE(world.other.box->messages.empty());
    ASSERT_EQ(world.other.box->messages.front().what, message::kind::make_room);
    world.request(world.other);
    world.give_back(world.other, 0);
    world.come_to_rest();
    EXPECT_EQ(world.other.core->state().counts().idle, 1U);
    EXPECT_EQ(world.burst.leased.size(), 5U);
    world.drain();
}

TEST(PoolFairShare, AFreePermitIsForThePoolWithTheFewest)
{
    tenants world{6, 3};
    world.ask(world.burst, 20);
    world.ask(world.at(1), 20);
    world.ask(world.at(2), 20);
    for (int i = 0; i < 3; ++i) {
        world.release(world.burst);
    }
    ASSERT_EQ(world.burst.leased.size(), 3U);
    ASSERT_EQ(world.at(1).leased.size(), 2U);
    world.give_back(world.burst, 0, world::returning::broken);
    world.come_to_rest();
    EXPECT_EQ(world.burst.leased.size(), 2U);
    EXPECT_EQ(world.at(1).leased.size(), 2U);
    EXPECT_EQ(world.at(2).leased.size(), 2U) << "although both others have waited longer";
    world.drain();
}

/// Three pools on one connection, and the burst's waiters are always the oldest.
TEST(PoolFairShare, PoolsThatAreMoreThanConnectionsTakeTurns)
{
    tenants world{1, 3};
    world.ask(world.burst, 1000);
    std::vector<int> served(3);
    duration longest{};
    constexpr int rounds = 900;
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < 3; ++i) {
            auto& shard = world.at(i);
            if (!shard.leased.empty()) {
                ++served[i];
                world.release(shard);
            }
            if (i != 0 && shard.queue.empty()) {
                world.ask(shard, 1);
            }
            if (i != 0 && !shard.queue.empty()) {
                longest = std::max(longest, world.now - shard.queue.front()->since);
            }
        }
        world.advance(milliseconds{10});
        world.come_to_rest();
    }
    EXPECT_GT(*std::ranges::min_element(served), rounds / 4);
    EXPECT_LT(longest, 3 * eviction_margin);
    EXPECT_LT(world.opened(), 1 + rounds * milliseconds{10} / eviction_margin);
    world.drain();
}

TEST(PoolFairShare, WhereThoseWithManyDoNotComeBackTheOthersTakeTurns)
{
    tenants world{4, 3};
    world.ask(world.burst, 3);  // long transactions
    world.ask(world.at(1), 2);
    world.ask(world.at(2), 1);
    world.release(world.at(1));
    EXPECT_EQ(world.at(1).leased.size(), 1U) << "the burst has too many, and may release one any moment";
    world.advance(eviction_margin);
    world.ask(world.at(1), 1);
    world.release(world.at(1));
    EXPECT_EQ(world.at(2).leased.size(), 1U);
    world.drain();
}

TEST(PoolFairShare, WhoHasNoneTakesTheMomentarilyIdleOneOnlyWhereNobodyHasTooMany)
{
    tenants world{4, 3};
    world.ask(world.burst, 50);
    world.ask(world.at(1), 1);
    world.release(world.burst);
    ASSERT_EQ(world.at(1).leased.size(), 1U);
    world.ask(world.at(2), 1);
    world.release(world.at(1));
    EXPECT_EQ(world.at(1).core->state().counts().idle, 1U);
    world.release(world.burst);
    EXPECT_EQ(world.at(2).leased.size(), 1U);
    EXPECT_EQ(world.at(1).core->state().counts().idle, 1U);
    world.drain();
}

TEST(PoolFairShare, TheDatabasesOfOneUserShareItsLimit)
{
    tenants world{{.process = 0, .per_node = 0, .per_user = 8}, 2, 20, ownership::databases};
    world.ask(world.burst, 100);
    world.ask(world.other, 10);
    for (int i = 0; i < 4; ++i) {
        world.release(world.burst);
    }
    EXPECT_EQ(world.burst.leased.size(), 4U);
    EXPECT_EQ(world.other.leased.size(), 4U);
    world.drain();
}

TEST(PoolFairShare, TheKindsOfAPoolHaveOneShareTogether)
{
    tenants world{process_limit(10), 4, 20, ownership::kinds_of_users};
    world.ask(world.at(0), 5);
    world.ask(world.at(1), 50);
    ASSERT_EQ(world.at(0).leased.size() + world.at(1).leased.size(), 10U);
    world.ask(world.at(2), 3);
    world.ask(world.at(3), 20);
    for (int i = 0; i < 20; ++i) {
        world.release(world.at(world.at(0).leased.empty() ? 1 : 0));
    }
    EXPECT_EQ(world.at(2).leased.size() + world.at(3).leased.size(), 5U);
    EXPECT_EQ(world.at(0).leased.size() + world.at(1).leased.size(), 5U);
    world.drain();
}

TEST(PoolFairShare, NoMoreIsClosedForAPoolThanItsSizeLets)
{
    tenants world{process_limit(10), 2, 10, ownership::users};
    world.pool(1).set_limits(of_size(2));
    world.ask(world.burst, 50);
    for (int i = 0; i < 20; ++i) {
        world.request(world.other);
    }
    for (int i = 0; i < 5; ++i) {
        world.give_back(world.burst, 0);
    }
    EXPECT_EQ(world.burst.closing.size(), 2U);
    world.come_to_rest();
    EXPECT_EQ(world.other.leased.size(), 2U);
    EXPECT_EQ(world.burst.leased.size(), 8U);
    world.drain();
}

TEST(PoolFairShare, NoMoreIsClosedForAUserThanItsLimitLets)
{
    tenants world{{.process = 10, .per_node = 0, .per_user = 0, .of_users = {{"user1", 3}}}, 2, 20, ownership::users};
    world.ask(world.burst, 50);
    for (int i = 0; i < 20; ++i) {
        world.request(world.other);
    }
    for (int i = 0; i < 5; ++i) {
        world.give_back(world.burst, 0);
    }
    EXPECT_EQ(world.burst.closing.size(), 3U);
    world.come_to_rest();
    EXPECT_EQ(world.other.leased.size(), 3U);
    world.drain();
}

/// The other shard may have an idle connection for it: one of another pool need not be closed.
TEST(PoolFairShare, OwnConnectionsAreAskedForFirst)
{
    world world{process_limit(6), {of_size(20), of_size(20)}, 2};
    auto& burst = world.at(0);
    auto& here = world.at(2);
    auto& there = world.at(3);
    world.request(there);
    world.come_to_rest();
    world.give_back(there, 0);
    for (int i = 0; i < 20; ++i) {
        world.request(burst);
    }
    world.come_to_rest();
    ASSERT_EQ(burst.leased.size(), 5U);
    world.request(here);
    ASSERT_FALSE(there.box->messages.empty());
    world.give_back(burst, 0);
    EXPECT_EQ(burst.leased.size(), 5U);
    world.come_to_rest();
    EXPECT_EQ(here.leased.size(), 1U);
    EXPECT_EQ(world.hand_overs, 1U);
    world.drain();
}

}  // namespace
}  // namespace penstock::pool::test
