// SPDX-License-Identifier: Apache-2.0
//
// Whether a shard knows that whoever asked now would have to wait for others: before anybody waits, and whichever shard
// holds the connections.
#include "simulated_world.hpp"

#include <gtest/gtest.h>

namespace penstock::pool::test {
namespace {

pool_limits of_size(std::uint32_t size)
{
    pool_limits limits;
    limits.size = size;
    return limits;
}

class PoolRoom : public testing::Test {
protected:
    /// So many connections of a pool of this size are lent out.
    void lend(simulated_shard& by, int count)
    {
        for (int each = 0; each < count; ++each) {
            of->request(by);
        }
        of->come_to_rest();
    }
    bool at(std::size_t shard) { return of->at(shard).core->has_room(); }
    void TearDown() override { of->drain(); }

    std::unique_ptr<world> of = std::make_unique<world>(shared_limits{}, std::vector{of_size(2)}, 2);
};

TEST_F(PoolRoom, EndsWhenTheLastConnectionIsLent)
{
    EXPECT_TRUE(at(0));
    lend(of->at(0), 1);
    EXPECT_TRUE(at(0) && at(1));
    of->request(of->at(0));
    EXPECT_FALSE(at(0) || at(1)) << "what is being opened is somebody else's";
    of->come_to_rest();
    EXPECT_FALSE(at(0) || at(1)) << "though nobody waits";
}

TEST_F(PoolRoom, IsThereAgainForAllOnceAConnectionIsBack)
{
    lend(of->at(0), 2);
    of->give_back(of->at(0), 0);
    EXPECT_TRUE(at(0) && at(1));
    of->request(of->at(1));
    of->come_to_rest();
    EXPECT_FALSE(at(0) || at(1)) << "it was handed over";
    of->give_back(of->at(1), 0);
    of->lose_idle(of->at(1));
    EXPECT_FALSE(at(0) || at(1)) << "it is being closed";
    of->come_to_rest();
    EXPECT_TRUE(at(0) && at(1));
}

TEST_F(PoolRoom, IsWhatTheNewestLimitSays)
{
    lend(of->at(0), 2);
    of->pool(0).set_limits(of_size(3));
    EXPECT_TRUE(at(1));
    of->pool(0).set_limits(of_size(2));
    EXPECT_FALSE(at(1));
}

TEST_F(PoolRoom, IsNotWhereAnotherPoolHoldsWhatAllShare)
{
    shared_limits all;
    all.process = 2;
    of = std::make_unique<world>(all, std::vector{of_size(2), of_size(2)}, 1);
    lend(of->at(0), 2);
    EXPECT_FALSE(at(1));
    of->give_back(of->at(0), 0);
    EXPECT_TRUE(at(0));
    EXPECT_FALSE(at(1)) << "it would have to be closed first";
}

TEST_F(PoolRoom, IsAlsoWhatAnotherKindCanSpare)
{
    of = std::make_unique<world>(shared_limits{}, std::vector{of_size(1), of_size(1)}, 1, ownership::kinds);
    lend(of->at(0), 1);
    EXPECT_FALSE(at(1));
    of->give_back(of->at(0), 0);
    EXPECT_TRUE(at(1));
}

TEST_F(PoolRoom, IsNotWhereNothingIsGivenOut)
{
    lend(of->at(0), 1);
    of->pool(0).take_in(intake::paused);
    EXPECT_FALSE(at(0) || at(1));
    of->pool(0).take_in(intake::open);
    EXPECT_TRUE(at(0) && at(1));
}

}  // namespace
}  // namespace penstock::pool::test
