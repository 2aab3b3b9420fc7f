// SPDX-License-Identifier: Apache-2.0
//
// First in, first out, whatever the block's size and wherever its beginning.
#include "protocols/wire/ring.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

using penstock::ring;

namespace {

TEST(Ring, KeepsTheOrderWhileItGrowsAndTurns)
{
    ring<int> queue;
    std::deque<int> wanted;
    std::mt19937 random{7};
    for (int count = 0; count < 20'000; ++count) {
        switch (random() % 5) {
            case 0:
            case 1:
            case 2:
                queue.push(int{count});
                wanted.push_back(count);
                break;
            case 3:
                if (!wanted.empty()) {
                    EXPECT_EQ(queue.pop(), wanted.front());
                    wanted.pop_front();
                }
                break;
            default:
                if (!wanted.empty() && random() % 4 == 0) {
                    queue.pop_back();
                    wanted.pop_back();
                }
        }
        ASSERT_EQ(queue.size(), wanted.size());
        ASSERT_EQ(queue.empty(), wanted.empty());
        if (!wanted.empty()) {
            const auto place = random() % wanted.size();
            ASSERT_EQ(queue[place], wanted[place]);
            ASSERT_EQ(queue.front(), wanted.front());
            ASSERT_EQ(queue.back(), wanted.back());
        }
    }
}

TEST(Ring, LetsGoOfWhatLeaves)
{
    const auto held = std::make_shared<int>(1);
    ring<std::shared_ptr<int>> queue;
    queue.push(std::shared_ptr<int>{held});
    queue.push(std::shared_ptr<int>{held});
    queue.push(std::shared_ptr<int>{held});
    EXPECT_EQ(held.use_count(), 4);
    queue.pop();
    queue.pop_back();
    EXPECT_EQ(held.use_count(), 2);
    queue.clear();
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_TRUE(queue.empty());
}

TEST(RingDeathTest, AnEmptyOneHasNothingToGive)
{
    ring<int> queue;
    EXPECT_DEATH(queue.pop(), "count_ > 0");
    EXPECT_DEATH(queue.pop_back(), "count_ > 0");
}

}  // namespace
