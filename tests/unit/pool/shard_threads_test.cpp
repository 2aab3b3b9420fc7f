// SPDX-License-Identifier: Apache-2.0
//
// Three workers with real drivers and threads, two pools with a shard on each, and a process limit that both run into:
// every session is served, no connection is ever held twice, no limit passed, nothing left at the end. For tsan as
// well.
#include "pool/budget.hpp"
#include "pool/pool.hpp"
#include "pool/shared_pool.hpp"

#include "fake_connection.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace penstock::pool::test {
namespace {

using fake_shard = shard<fake_connection>;

struct tally_of_sessions {
    std::atomic<int> served{0};
    std::atomic<int> refused{0};
    std::atomic<int> left{0};
};

task<void> one_session(net::driver& on, fake_shard& of, tally_of_sessions& count, int rounds, std::uint32_t seed)
{
    std::minstd_rand random{seed};
    net::event told{on};
    for (int i = 0; i < rounds; ++i) {
        ticket<fake_connection> place;
        of.enqueue(place, told);
        if (place.is_waiting() && random() % 16 == 0) {
            co_await next_turn(on);
            place.withdraw();
            continue;
        }
        while (place.is_waiting()) {
            co_await told.wait();
        }
        if (place.state() == ticket_state::rejected) {
            ++count.refused;
            continue;
        }
        auto held = place.take();
        EXPECT_EQ(++held->borrowers, 1);
        co_await next_turn(on);
        EXPECT_EQ(--held->borrowers, 0);
        held->dirty = random() % 8 == 0;
        held->reset_works = random() % 8 != 0;
        ++count.served;
        if (random() % 32 != 0) {
            held.release();
        }
    }
    ++count.left;
}

task<void> close_shard(fake_shard& which, std::atomic<int>& closed)
{
    which.drain();
    co_await which.closed();
    ++closed;
}

/// A worker: a thread, its driver, and its shards.
class worker {
public:
    worker(std::vector<std::shared_ptr<shared_pool>> pools, fake_server& server, tally_of_sessions& count)
        : pools_{std::move(pools)}, server_{&server}, count_{&count}
    {
    }

    void run(std::uint32_t seed, int sessions, int rounds)
    {
        thread_ = std::thread{[this, seed, sessions, rounds] {
            for (const auto& pool : pools_) {
                auto opens = std::make_shared<fake_opener>(*server_);
                opens->fail_every = 13;
                shards_.push_back(std::make_unique<fake_shard>(driver_, pool, opens));
            }
            for (int i = 0; i < sessions; ++i) {
                auto& shard = *shards_[static_cast<std::size_t>(i) % shards_.size()];
                driver_.spawn(
                    one_session(driver_, shard, *count_, rounds, seed * 1000 + static_cast<std::uint32_t>(i)));
            }
            driver_.run();
            shards_.clear();
        }};
    }

    /// Closes the shards once all sessions of all workers are done.
    void close(std::atomic<int>& closed)
    {
        driver_.post([this, &closed] {
            for (auto& each : shards_) {
                driver_.spawn(close_shard(*each, closed));
            }
        });
    }

    void join()
    {
        driver_.stop();
        thread_.join();
    }

private:
    net::driver driver_;
    std::vector<std::shared_ptr<shared_pool>> pools_;
    fake_server* server_;
    tally_of_sessions* count_;
    std::vector<std::unique_ptr<fake_shard>> shards_;
    std::thread thread_;
};

template <class Condition>
bool happens_in_time(const Condition& condition)
{
    const auto deadline = clock::now() + seconds{60};
    while (!condition() && clock::now() < deadline) {
        std::this_thread::yield();
    }
    return condition();
}

TEST(PoolThreads, WorkersShareLimitsAndServeEverybody)
{
    constexpr int workers = 3;
    constexpr int sessions = 24;
    const auto shared = std::make_shared<budget>(shared_limits{.process = 7, .per_node = 0, .per_user = 0});
    pool_limits limits;
    limits.size = 5;
    limits.backoff_first = milliseconds{1};
    std::vector<std::shared_ptr<shared_pool>> pools;
    for (const char* user : {"anna", "berta"}) {
        pools.push_back(std::make_shared<shared_pool>(shared, pool_key{"cluster", user, "database"}, limits));
    }
    fake_server server;
    tally_of_sessions count;
    std::vector<std::unique_ptr<worker>> all;
    for (int i = 0; i < workers; ++i) {
        all.push_back(std::make_unique<worker>(pools, server, count));
        all.back()->run(static_cast<std::uint32_t>(i + 1), sessions, 200);
    }
    EXPECT_TRUE(happens_in_time([&] { return count.left == workers * sessions; })) << "somebody waits for ever";
    std::atomic<int> closed{0};
    for (auto& each : all) {
        each->close(closed);
    }
    EXPECT_TRUE(happens_in_time([&] { return closed == workers * 2; }));
    for (auto& each : all) {
        each->join();
    }
    EXPECT_LE(server.most, 7);
    EXPECT_EQ(server.open, 0);
    EXPECT_EQ(count.refused, 0);
    EXPECT_GT(count.served, workers * sessions * 100);
    EXPECT_EQ(shared->usage().held, 0U);
}

}  // namespace
}  // namespace penstock::pool::test
