// SPDX-License-Identifier: Apache-2.0
//
// Random lives of three pools with two shards each under a process limit, with seeds. Whenever the world has come to
// rest, every release of a pool that has too many serves the one with the fewest that waits, so that after a bounded
// number of them each has its max-min fair share; and then connections stay where they are.
#include "simulated_world.hpp"

#include "pool/fair_share.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace penstock::pool::test {
namespace {

constexpr std::size_t pools = 3;
constexpr std::size_t shards = 2;

class shared_life {
public:
    explicit shared_life(std::uint32_t seed)
        : random_{seed}, world_{{.process = limit_, .per_node = 0, .per_user = 0}, random_limits(), shards}
    {
    }

    void live(int steps)
    {
        for (int i = 0; i < steps && !testing::Test::HasFatalFailure(); ++i) {
            step();
            world_.check_invariants();
            if (below(60) == 0) {
                world_.come_to_rest();
                one_pool_rests_and_bursts();
                releases_share_out();
                nothing_moves_any_more();
            }
        }
    }

    int shared_out = 0;  ///< releases that served another pool
    int kept = 0;        ///< releases that served the own one, where each had its share

private:
    std::size_t below(std::size_t bound) { return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random_); }

    std::vector<pool_limits> random_limits()
    {
        std::vector<pool_limits> all(pools);
        for (auto& each : all) {
            each.size = 2 + static_cast<std::uint32_t>(below(8));
            each.borrow_timeout = std::chrono::hours{10};
        }
        return all;
    }

    void step()
    {
        auto& shard = world_.at(below(pools * shards));
        switch (below(8)) {
            case 0:
            case 1:
                if (shard.queue.size() < 12) {
                    world_.request(shard);
                }
                return;
            case 2:
                if (!shard.leased.empty()) {
                    world_.give_back(shard, below(shard.leased.size()));
                }
                return;
            case 3:
                if (!shard.opening.empty()) {
                    world_.finish_opening(shard, 0, world::opening::works);
                }
                return;
            case 4:
                if (!shard.closing.empty()) {
                    world_.finish_closing(shard, 0);
                }
                return;
            case 5: return world_.advance(milliseconds{below(100)});
            default:
                if (!shard.box->messages.empty()) {
                    world_.deliver(shard);
                }
                return;
        }
    }

    std::uint32_t held(std::size_t pool) { return world_.pool(pool).usage().held; }
    simulated_shard& shard_of(std::size_t pool, std::size_t number) { return world_.at(pool * shards + number); }

    bool waits(std::size_t pool)
    {
        return shard_of(pool, 0).queue.size() + shard_of(pool, 1).queue.size() != 0 &&
               held(pool) < world_.pool(pool).limits().size;
    }

    /// The one with waiters that has fewest, and one that has too many beside it and a session to end.
    std::optional<std::pair<std::size_t, std::size_t>> starving_and_holder()
    {
        std::optional<std::pair<std::size_t, std::size_t>> found;
        for (std::size_t poor = 0; poor < pools; ++poor) {
            for (std::size_t rich = 0; rich < pools; ++rich) {
                const bool poorer = !found || held(poor) < held(found->first);
                if (waits(poor) && poorer && has_too_many(held(rich), held(poor)) && holder_of(rich) != nullptr) {
                    found.emplace(poor, rich);
                }
            }
        }
        return found;
    }

    simulated_shard* holder_of(std::size_t pool)
    {
        for (std::size_t i = 0; i < shards; ++i) {
            if (!shard_of(pool, i).leased.empty()) {
                return &shard_of(pool, i);
            }
        }
        return nullptr;
    }

    void release(std::size_t pool)
    {
        auto& from = *holder_of(pool);
        world_.give_back(from, below(from.leased.size()));
        world_.come_to_rest();
        world_.check_invariants();
    }

    /// Others have what it had, when all its clients come back at once.
    void one_pool_rests_and_bursts()
    {
        const auto pool = below(pools);
        while (holder_of(pool) != nullptr) {
            release(pool);
        }
        world_.advance(2 * eviction_margin);
        world_.come_to_rest();
        for (auto asked = below(10); asked > 0; --asked) {
            world_.request(shard_of(pool, below(shards)));
        }
        world_.come_to_rest();
    }

    void releases_share_out()
    {
        for (std::uint32_t releases = 0;; ++releases) {
            const auto next = starving_and_holder();
            if (!next) {
                return;
            }
            ASSERT_LT(releases, limit_) << "each of them was to bring one nearer to its share";
            const auto [poor, rich] = *next;
            std::vector<std::uint32_t> before;
            for (std::size_t i = 0; i < pools; ++i) {
                before.push_back(held(i));
            }
            release(rich);
            ASSERT_EQ(held(rich), before[rich] - 1);
            bool served = false;
            for (std::size_t i = 0; i < pools; ++i) {
                served = served || (before[i] == before[poor] && held(i) == before[i] + 1);
            }
            ASSERT_TRUE(served) << "pool " << poor << " has " << before[poor] << ", pool " << rich << " "
                                << before[rich];
            ++shared_out;
        }
    }

    void nothing_moves_any_more()
    {
        const auto opened = world_.opened();
        for (std::size_t pool = 0; pool < pools; ++pool) {
            while (waits(pool) && holder_of(pool) != nullptr && !starving_and_holder()) {
                release(pool);
                ++kept;
                ASSERT_EQ(world_.opened(), opened);
            }
        }
    }

    std::mt19937 random_;
    std::uint32_t limit_ = 3 + static_cast<std::uint32_t>(below(8));
    world world_;
};

TEST(PoolFairShare, InRandomLivesEveryReleaseAboveTheShareServesThePoorest)
{
    int shared_out = 0;
    int kept = 0;
    for (std::uint32_t seed = 0; seed < 20 && !HasFatalFailure(); ++seed) {
        SCOPED_TRACE(seed);
        shared_life life{seed};
        life.live(2000);
        shared_out += life.shared_out;
        kept += life.kept;
    }
    EXPECT_GT(shared_out, 300);
    EXPECT_GT(kept, 1000);
}

}  // namespace
}  // namespace penstock::pool::test
