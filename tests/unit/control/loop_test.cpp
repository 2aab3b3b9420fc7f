// SPDX-License-Identifier: Apache-2.0
//
// Posts, timers and the end of the control plane's loop.
#include "control/loop.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace penstock::control {
namespace {

TEST(Loop, RunsPostsOfAnotherThreadInOrderUntilStopped)
{
    loop on;
    std::vector<int> seen;
    std::thread other{[&on, &seen] {
        for (int number = 0; number < 100; ++number) {
            on.post([&seen, number] { seen.push_back(number); });
        }
        on.post([&on] { on.stop(); });
    }};
    on.run();
    other.join();
    ASSERT_EQ(seen.size(), 100U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

TEST(Loop, CallsAfterAWhile)
{
    loop on;
    std::vector<int> order;
    on.call_after(milliseconds{2}, [&order] { order.push_back(2); });
    on.call_after(milliseconds{1}, [&order] { order.push_back(1); });
    EXPECT_TRUE(on.run_until([&order] { return order.size() == 2; }, seconds{5}));
    EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Loop, GivesUpWaitingAtTheLimit)
{
    loop on;
    EXPECT_FALSE(on.run_until([] { return false; }, milliseconds{1}));
}

TEST(Loop, StoppedLoopNeitherWaitsNorSpins)
{
    loop on;
    bool ran = false;
    on.stop();
    on.post([&ran] { ran = true; });
    int asked = 0;
    EXPECT_FALSE(on.run_until(
        [&asked] {
            ++asked;
            return false;
        },
        seconds{60}));
    EXPECT_EQ(asked, 1);
    EXPECT_FALSE(ran);
}

TEST(Loop, DropsWhatIsUnderWayWhenItGoes)
{
    bool called = false;
    auto token = std::make_shared<int>(1);
    {
        loop on;
        on.call_after(seconds{3600}, [&called, token] { called = true; });
        on.post([&called, token] { called = true; });
        EXPECT_EQ(token.use_count(), 3);
    }
    EXPECT_FALSE(called);
    EXPECT_EQ(token.use_count(), 1);
}

}  // namespace
}  // namespace penstock::control
