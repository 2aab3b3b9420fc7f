// SPDX-License-Identifier: Apache-2.0
//
// The cache's bounds in time and number.
#include "control/user_cache.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

found_user user_with(const char* stored)
{
    found_user user;
    user.record.exists = true;
    user.record.stored = secret{stored};
    return user;
}

TEST(UserCache, BelievesUntilTheTimeIsUp)
{
    user_cache cache{10};
    const time_point start{};
    cache.remember("app", user_with("x"), start, seconds{30});
    ASSERT_NE(cache.find("app", start + seconds{29}), nullptr);
    EXPECT_EQ(cache.find("app", start + seconds{30}), nullptr);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(UserCache, DropsTheLeastRecentlyUsed)
{
    user_cache cache{2};
    const time_point now{};
    cache.remember("a", user_with("x"), now, seconds{30});
    cache.remember("b", user_with("x"), now, seconds{30});
    EXPECT_NE(cache.find("a", now), nullptr);
    cache.remember("c", user_with("x"), now, seconds{30});
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_EQ(cache.find("b", now), nullptr);
    EXPECT_NE(cache.find("a", now), nullptr);
}

TEST(UserCache, ReplacesWhatItKnew)
{
    user_cache cache{2};
    const time_point now{};
    cache.remember("a", user_with("x"), now, seconds{30});
    cache.remember("a", user_with("y"), now, seconds{30});
    EXPECT_EQ(cache.size(), 1U);
    EXPECT_EQ(cache.find("a", now)->record.stored.reveal(), "y");
}

TEST(UserCache, KeepsNothingWithoutRoomOrTime)
{
    user_cache none{0};
    none.remember("a", user_with("x"), {}, seconds{30});
    EXPECT_EQ(none.size(), 0U);
    user_cache cache{2};
    cache.remember("a", user_with("x"), {}, seconds{0});
    EXPECT_EQ(cache.size(), 0U);
}

TEST(UserCache, ForgetsOnlyWhatIsOlderThanTheGrace)
{
    user_cache cache{2};
    const time_point start{};
    cache.remember("a", user_with("x"), start, seconds{30});
    cache.forget("a", start + milliseconds{999}, seconds{1});
    EXPECT_EQ(cache.size(), 1U);
    cache.forget("a", start + seconds{1}, seconds{1});
    EXPECT_EQ(cache.size(), 0U);
    cache.forget("a", start + seconds{1}, seconds{1});
}

}  // namespace
}  // namespace penstock::control
