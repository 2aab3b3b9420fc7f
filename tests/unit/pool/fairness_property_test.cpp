// SPDX-License-Identifier: Apache-2.0
//
// Random lives of two pools with three shards each, or of one pool with two kinds, many thousand steps, with seeds:
// limits hold after every step, nobody is stranded whenever the world comes to rest, everybody is served in the end,
// and every permit comes back.
#include "simulated_world.hpp"

#include <gtest/gtest.h>

#include <random>

namespace penstock::pool::test {
namespace {

struct odds {
    bool failures = true;
    bool resizes = true;
    ownership whose = ownership::users;
};

class random_life {
public:
    random_life(std::uint32_t seed, const odds& which)
        : random_{seed}, odds_{which}, world_{shared_at_first(), {limits_at_first(), limits_at_first()}, 3, which.whose}
    {
    }

    void live(int steps)
    {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            world_.check_invariants();
            if (below(50) == 0) {
                rest();
            }
        }
    }

    /// Everybody gives back what it holds, until nobody waits; then the pools are closed.
    void end()
    {
        world_.shared().set_limits({});
        rest();
        for (int round = 0; round < 500 && anybody_waits() && !testing::Test::HasFatalFailure(); ++round) {
            for (std::size_t i = 0; i < world_.shard_count(); ++i) {
                if (!world_.at(i).leased.empty()) {
                    world_.give_back(world_.at(i), 0);
                }
            }
            rest();
        }
        EXPECT_FALSE(anybody_waits()) << "not served, although everything was given back";
        world_.drain();
        EXPECT_EQ(world_.open_sockets(), 0);
        EXPECT_EQ(world_.shared().usage().held, 0U);
        EXPECT_EQ(world_.shared().usage().leaving, 0U);
    }

    world& simulated() { return world_; }

private:
    static shared_limits shared_at_first() { return {.process = 9, .per_node = 8, .per_user = 7}; }
    static pool_limits limits_at_first()
    {
        pool_limits limits;
        limits.size = 5;
        limits.reserve = 1;
        limits.minimum = 1;
        limits.borrow_timeout = std::chrono::hours{10};  // nobody is to be saved by a time-out
        limits.idle_timeout = seconds{20};
        limits.lifetime = seconds{200};
        return limits;
    }

    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_); }
    simulated_shard& any_shard() { return world_.at(below(world_.shard_count())); }

    void step()
    {
        auto& shard = any_shard();
        switch (below(24)) {
            case 0:
            case 1:
            case 2:
            case 3: return request(shard);
            case 4:
                if (!shard.queue.empty()) {
                    world_.withdraw(shard, below(shard.queue.size()));
                }
                return;
            case 5:
            case 6:
            case 7:
                if (!shard.opening.empty()) {
                    world_.finish_opening(shard, below(shard.opening.size()), outcome_of_opening());
                }
                return;
            case 8:
            case 9:
                if (!shard.closing.empty()) {
                    world_.finish_closing(shard, below(shard.closing.size()));
                }
                return;
            case 10:
            case 11:
            case 12:
            case 13:
                if (!shard.leased.empty()) {
                    world_.give_back(shard, below(shard.leased.size()), way_of_returning());
                }
                return;
            case 14:
                if (!shard.resetting.empty()) {
                    world_.finish_reset(shard, below(shard.resetting.size()), below(4) != 0);
                }
                return;
            case 15: return world_.lose_idle(shard);
            case 16:
            case 17: return world_.advance(milliseconds{below(400)});
            case 18:
                if (odds_.resizes && below(10) == 0) {
                    change_something();
                }
                return;
            default:
                if (!shard.box->messages.empty()) {
                    world_.deliver(shard, below(10) != 0);
                }
                return;
        }
    }

    void request(simulated_shard& on)
    {
        if (on.queue.size() < 20) {
            world_.request(on);
        }
    }

    world::opening outcome_of_opening()
    {
        const auto draw = odds_.failures ? below(12) : 11;
        return draw == 0 ? world::opening::refused : draw < 3 ? world::opening::fails : world::opening::works;
    }

    world::returning way_of_returning()
    {
        const auto draw = below(10);
        return draw == 0  ? world::returning::broken
               : draw < 3 ? world::returning::needs_reset
                          : world::returning::clean;
    }

    void change_something()
    {
        auto& pool = world_.pool(below(2));
        const auto count = [this](std::size_t bound) { return static_cast<std::uint32_t>(below(bound)); };
        switch (below(4)) {
            case 0: {
                auto limits = pool.limits();
                limits.size = 1 + count(6);
                limits.reserve = count(3);
                return pool.set_limits(limits);
            }
            case 1: return world_.shared().set_limits({4 + count(8), 4 + count(8), 3 + count(8)});
            case 2: return pool.retire();
            default: return world_.shared().set_limits(shared_at_first());
        }
    }

    bool anybody_waits()
    {
        for (std::size_t i = 0; i < world_.shard_count(); ++i) {
            if (!world_.at(i).queue.empty()) {
                return true;
            }
        }
        return false;
    }

    void rest()
    {
        world_.come_to_rest();
        world_.advance(seconds{3});  // no back-off is as long, after a success
        world_.come_to_rest();
        for (int i = 0; i < 3; ++i) {
            world_.advance(seconds{20});  // what is idle now is to be had after eviction_margin
            world_.come_to_rest();
        }
        world_.check_invariants();
        world_.check_nobody_stranded();
    }

    std::mt19937 random_;
    odds odds_;
    world world_;
};

TEST(PoolFairness, RandomLivesStrandNobody)
{
    std::uint64_t granted = 0;
    std::uint64_t hand_overs = 0;
    for (std::uint32_t seed = 0; seed < 60 && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        random_life life{seed, {}};
        life.live(3000);
        life.end();
        granted += life.simulated().granted;
        hand_overs += life.simulated().hand_overs;
    }
    EXPECT_GT(granted, 10000U);
    EXPECT_GT(hand_overs, 300U);
}

TEST(PoolFairness, RandomLivesWithoutFailuresRejectNobody)
{
    for (std::uint32_t seed = 100; seed < 130 && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        random_life life{seed, {.failures = false, .resizes = false}};
        life.live(3000);
        life.end();
        EXPECT_EQ(life.simulated().rejected, 0U);
    }
}

TEST(PoolFairness, RandomLivesOfKindsStrandNobody)
{
    std::uint64_t granted = 0;
    for (std::uint32_t seed = 200; seed < 260 && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        random_life life{seed, {.whose = ownership::kinds}};
        life.live(3000);
        life.end();
        granted += life.simulated().granted;
    }
    EXPECT_GT(granted, 10000U);
}

TEST(PoolFairness, RandomLivesOfKindsWithoutFailuresRejectNobody)
{
    for (std::uint32_t seed = 300; seed < 330 && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        random_life life{seed, {.failures = false, .resizes = false, .whose = ownership::kinds}};
        life.live(3000);
        life.end();
        EXPECT_EQ(life.simulated().rejected, 0U);
    }
}

}  // namespace
}  // namespace penstock::pool::test
