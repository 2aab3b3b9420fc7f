// SPDX-License-Identifier: Apache-2.0
//
// Permits: every limit refuses at its number and not before, all or nothing, and what was taken comes back once.
#include "pool/board.hpp"
#include "pool/budget.hpp"
#include "pool/shared_pool.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::pool {
namespace {

std::shared_ptr<shared_pool> make_pool(const std::shared_ptr<budget>& in,
                                       const std::string& user,
                                       const std::string& database,
                                       const std::string& node = "node",
                                       std::uint32_t size = 100)
{
    pool_limits limits;
    limits.size = size;
    return std::make_shared<shared_pool>(in, pool_key{"cluster", user, database}, limits, node);
}

permit take(const std::shared_ptr<shared_pool>& from, refusal* why = nullptr, purpose what = purpose::demand)
{
    return from->shared_budget().take(from->own_account(), what, why);
}

std::vector<permit> take_all(const std::shared_ptr<shared_pool>& from, refusal& why)
{
    std::vector<permit> taken;
    for (auto next = take(from, &why); next; next = take(from, &why)) {
        taken.push_back(std::move(next));
    }
    return taken;
}

TEST(PoolBudget, EveryLimitRefusesAtItsNumber)
{
    struct row {
        shared_limits limits;
        std::size_t expected;
        refusal why;
    };
    for (const auto& row : {row{{}, 6, refusal::pool},
                            row{{.process = 5, .per_node = 0, .per_user = 0}, 5, refusal::process},
                            row{{.process = 5, .per_node = 4, .per_user = 0}, 4, refusal::node},
                            row{{.process = 5, .per_node = 4, .per_user = 3}, 3, refusal::user}}) {
        const auto shared = std::make_shared<budget>(row.limits);
        const auto pool = make_pool(shared, "anna", "shop", "node", 6);
        refusal why = refusal::none;
        auto taken = take_all(pool, why);
        EXPECT_EQ(taken.size(), row.expected);
        EXPECT_EQ(why, row.why);
        taken.pop_back();
        EXPECT_TRUE(take(pool));
    }
}

TEST(PoolBudget, ARefusalTakesNothing)
{
    const auto shared = std::make_shared<budget>(shared_limits{.process = 10, .per_node = 10, .per_user = 1});
    const auto pool = make_pool(shared, "anna", "shop");
    const auto held = take(pool);
    for (int i = 0; i < 100; ++i) {
        EXPECT_FALSE(take(pool));
    }
    EXPECT_EQ(shared->usage().held, 1U);
    EXPECT_EQ(pool->usage().held, 1U);
    refusal why = refusal::none;
    EXPECT_EQ(take_all(make_pool(shared, "berta", "shop"), why).size(), 1U);
}

TEST(PoolBudget, UsersAndNodesAreCountedOverPools)
{
    const auto shared = std::make_shared<budget>(shared_limits{.process = 0, .per_node = 3, .per_user = 2});
    const auto shop = make_pool(shared, "anna", "shop");
    const auto stock = make_pool(shared, "anna", "stock");
    const auto other = make_pool(shared, "berta", "shop");
    const auto elsewhere = make_pool(shared, "berta", "shop", "node-2");
    refusal why = refusal::none;
    const auto first = take(shop);
    const auto second = take(stock);
    EXPECT_FALSE(take(shop, &why));
    EXPECT_EQ(why, refusal::user);
    const auto third = take(other);
    EXPECT_TRUE(third);
    EXPECT_FALSE(take(other, &why));
    EXPECT_EQ(why, refusal::node);
    EXPECT_TRUE(take(elsewhere));
}

TEST(PoolBudget, AUsersOwnLimitOutranksTheGeneralOne)
{
    const auto shared = std::make_shared<budget>(
        shared_limits{.process = 0, .per_node = 0, .per_user = 2, .of_users = {{"anna", 1}, {"berta", 4}}});
    refusal why = refusal::none;
    const auto annas = take_all(make_pool(shared, "anna", "shop"), why);
    EXPECT_EQ(annas.size(), 1U);
    EXPECT_EQ(why, refusal::user);
    EXPECT_FALSE(take(make_pool(shared, "anna", "stock"))) << "counted over all pools";
    EXPECT_EQ(take_all(make_pool(shared, "berta", "shop"), why).size(), 4U);
    EXPECT_EQ(take_all(make_pool(shared, "clara", "shop"), why).size(), 2U);
    shared->set_limits({.process = 0, .per_node = 0, .per_user = 2});
    EXPECT_TRUE(take(make_pool(shared, "anna", "shop"))) << "live";
}

TEST(PoolBudget, AMovedPermitComesBackOnce)
{
    const auto shared = std::make_shared<budget>();
    const auto pool = make_pool(shared, "anna", "shop");
    auto first = take(pool);
    auto second = std::move(first);
    EXPECT_EQ(shared->usage().held, 1U);
    second = take(pool);
    EXPECT_EQ(shared->usage().held, 1U) << "assignment gives back what was there";
    second.mark_leaving();
    second.mark_leaving();
    EXPECT_EQ(shared->usage().held, 1U) << "who leaves still counts";
    EXPECT_EQ(shared->usage().leaving, 1U);
    second.give_back();
    second.give_back();
    EXPECT_EQ(shared->usage().held, 0U);
    EXPECT_EQ(shared->usage().leaving, 0U);
}

TEST(PoolBudget, LoweringALimitRefusesUntilEnoughHaveGone)
{
    const auto shared = std::make_shared<budget>();
    const auto pool = make_pool(shared, "anna", "shop", "node", 4);
    refusal why = refusal::none;
    auto taken = take_all(pool, why);
    auto limits = pool->limits();
    limits.size = 2;
    pool->set_limits(limits);
    EXPECT_EQ(pool->usage().held, 4U);
    while (taken.size() > 2) {
        taken.pop_back();
        EXPECT_FALSE(take(pool));
    }
    taken.pop_back();
    EXPECT_TRUE(take(pool));
    shared->set_limits({.process = 1, .per_node = 0, .per_user = 0});
    EXPECT_FALSE(take(pool, &why));
    EXPECT_EQ(why, refusal::process);
}

TEST(PoolBudget, TheReserveIsForThoseWhoMayUseIt)
{
    const auto shared = std::make_shared<budget>();
    const auto pool = make_pool(shared, "anna", "shop", "node", 1);
    auto limits = pool->limits();
    limits.reserve = 1;
    pool->set_limits(limits);
    const auto first = take(pool);
    EXPECT_FALSE(take(pool));
    const auto second = take(pool, nullptr, purpose::reserve);
    EXPECT_TRUE(second);
    EXPECT_FALSE(take(pool, nullptr, purpose::reserve));
}

TEST(PoolBudget, ANewNodeIsCountedApart)
{
    const auto shared = std::make_shared<budget>(shared_limits{.process = 0, .per_node = 1, .per_user = 0});
    const auto pool = make_pool(shared, "anna", "shop", "node-1");
    auto old = take(pool);
    EXPECT_EQ(old.node(), "node-1");
    EXPECT_FALSE(take(pool));
    pool->set_node("node-2");
    auto fresh = take(pool);
    EXPECT_EQ(fresh.node(), "node-2");
    old.give_back();
    EXPECT_FALSE(take(pool));
    fresh.give_back();
    EXPECT_EQ(shared->usage().held, 0U);
}

}  // namespace
}  // namespace penstock::pool
