// SPDX-License-Identifier: Apache-2.0
#include "pool/rate_limit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace penstock;
using pool::rate_limit;

namespace {

const time_point start{seconds{1000}};

int taken(rate_limit& from, time_point now, int tries)
{
    int count = 0;
    for (int turn = 0; turn < tries; ++turn) {
        count += from.take(now) ? 1 : 0;
    }
    return count;
}

TEST(RateLimit, WithoutOneAllIsAllowed)
{
    rate_limit limit;
    EXPECT_EQ(taken(limit, start, 1000), 1000);
}

TEST(RateLimit, IsFullOnceAllHasComeBack)
{
    rate_limit limit;
    limit.set(10);
    EXPECT_TRUE(limit.is_full(start));
    EXPECT_EQ(taken(limit, start, 2), 2);
    EXPECT_FALSE(limit.is_full(start + milliseconds{199}));
    EXPECT_TRUE(limit.is_full(start + milliseconds{200}));
}

TEST(RateLimit, GivesASecondsWorthAtOnceAndThenWhatComesBack)
{
    rate_limit limit;
    limit.set(10);
    EXPECT_EQ(taken(limit, start, 100), 10);
    EXPECT_EQ(taken(limit, start + milliseconds{99}, 100), 0);
    EXPECT_EQ(taken(limit, start + milliseconds{100}, 100), 1);
    EXPECT_EQ(taken(limit, start + milliseconds{350}, 100), 2);
    EXPECT_EQ(taken(limit, start + seconds{100}, 100), 10) << "no more is saved than a second's worth";
}

TEST(RateLimit, OfOneInASecondGivesOne)
{
    rate_limit limit;
    limit.set(1);
    EXPECT_EQ(taken(limit, start, 10), 1);
    EXPECT_EQ(taken(limit, start + milliseconds{999}, 10), 0);
    EXPECT_EQ(taken(limit, start + seconds{1}, 10), 1);
}

TEST(RateLimit, IsChangedWhileItIsInUse)
{
    rate_limit limit;
    limit.set(1);
    EXPECT_EQ(taken(limit, start, 10), 1);
    limit.set(0);
    EXPECT_EQ(taken(limit, start, 10), 10);
    limit.set(1000);
    EXPECT_EQ(taken(limit, start + seconds{1}, 2000), 1000);
}

TEST(RateLimit, HoldsOverAllThreads)
{
    rate_limit limit;
    limit.set(1000);
    std::atomic<int> sum{0};
    std::vector<std::thread> threads;
    for (int number = 0; number < 4; ++number) {
        threads.emplace_back([&] { sum += taken(limit, start, 1000); });
    }
    for (auto& each : threads) {
        each.join();
    }
    EXPECT_EQ(sum.load(), 1000);
}

TEST(RateLimit, OfSeveralNothingIsUsedUpWhereOneLeavesNoRoom)
{
    rate_limit wide, narrow;
    wide.set(10);
    narrow.set(1);
    int done = 0;
    for (int turn = 0; turn < 100; ++turn) {
        pool::joint_take all{start};
        if (all.take(&wide) && all.take(nullptr) && all.take(&narrow)) {
            all.keep();
            ++done;
        }
    }
    EXPECT_EQ(done, 1);
    EXPECT_EQ(taken(wide, start, 100), 9);
}

}  // namespace
