// SPDX-License-Identifier: Apache-2.0
//
// A replica covers a moment only if it has replayed what the primary had when it was asked after that moment.
#include "router/consistency.hpp"
#include "router/freshness_board.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::router;

namespace {

constexpr time_point at(int second)
{
    return time_point{seconds{1000 + second}};
}

TEST(ReplayProgress, CoversTheNewestMomentThatIsReached)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), {1, 100});
    known.primary_at(at(2), {1, 200});
    known.primary_at(at(3), {1, 300});
    EXPECT_EQ(known.covers(1), time_point{});
    EXPECT_EQ(known.replica_at(1, {1, 99}), time_point{});
    EXPECT_EQ(known.replica_at(1, {1, 100}), at(1));
    EXPECT_EQ(known.replica_at(1, {1, 299}), at(2));
    EXPECT_EQ(known.replica_at(1, {1, 300}), at(3));
    EXPECT_EQ(known.covers(2), time_point{});
}

TEST(ReplayProgress, TakesANewerMomentForTheSamePosition)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), {1, 100});
    known.replica_at(1, {1, 100});
    known.primary_at(at(5), {1, 100});
    EXPECT_EQ(known.covers(1), at(1));
    EXPECT_EQ(known.replica_at(1, {1, 100}), at(5));
}

TEST(ReplayProgress, BelievesNoPositionOfAnotherTimeline)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), {2, 100});
    EXPECT_EQ(known.replica_at(1, {1, 500}), time_point{});
    EXPECT_EQ(known.replica_at(1, {2, 500}), at(1));
}

TEST(ReplayProgress, ForgetsAllWithANewPrimary)
{
    replay_progress known;
    EXPECT_TRUE(known.follow(0));
    EXPECT_FALSE(known.follow(0));
    known.primary_at(at(1), {1, 100});
    known.replica_at(1, {1, 100});
    EXPECT_TRUE(known.follow(2));
    EXPECT_EQ(known.covers(1), time_point{});
    EXPECT_EQ(known.newest(), time_point{});
    EXPECT_EQ(known.replica_at(1, {1, 100}), time_point{});
}

TEST(ReplayProgress, ForgetsAReplicaThatStartsAnew)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), {1, 100});
    known.primary_at(at(2), {1, 200});
    known.replica_at(1, {1, 200});
    EXPECT_EQ(known.replica_at(1, {1, 150}), at(1));
    known.lost(1);
    EXPECT_EQ(known.covers(1), time_point{});
}

TEST(ReplayProgress, ForgetsAllWhereThePrimaryWasSetBack)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), {1, 100});
    known.replica_at(1, {1, 150});
    known.primary_at(at(2), {1, 90});
    EXPECT_EQ(known.covers(1), time_point{});
    EXPECT_EQ(known.replica_at(1, {1, 95}), at(2));
}

TEST(FreshnessBoard, WakesTheSamplerOnce)
{
    int woken = 0;
    freshness_board board{[&woken] { ++woken; }};
    board.want(at(1));
    board.want(at(2));
    board.want(at(1));
    EXPECT_EQ(woken, 1);
    EXPECT_EQ(board.wanted(), at(2));
    EXPECT_FALSE(board.rest(at(1)));  // somebody wants more than that
    EXPECT_TRUE(board.rest(at(2)));
    board.want(at(3));
    EXPECT_EQ(woken, 2);
}

TEST(FreshnessBoard, CoversNothingAtFirstAndBeyondItsBounds)
{
    freshness_board board;
    EXPECT_EQ(board.covers(0), time_point{});
    board.set(most_nodes, at(1));
    EXPECT_EQ(board.covers(most_nodes), time_point{});
    board.set(0, at(1));
    EXPECT_EQ(board.covers(0), at(1));
    board.forget_all();
    EXPECT_EQ(board.covers(0), time_point{});
}

}  // namespace
