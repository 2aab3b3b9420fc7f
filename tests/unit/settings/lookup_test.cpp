// SPDX-License-Identifier: Apache-2.0
//
// What holds for one database and one user.
#include "settings/lookup.hpp"

#include <gtest/gtest.h>

namespace penstock::settings {
namespace {

using namespace std::chrono_literals;

tree example()
{
    tree all;
    all.clusters.push_back({.max_connections_per_node = 50});
    all.databases.push_back({.name = "shop",
                             .server_database = "shop_live",
                             .pool = {.mode = pool_mode::session, .size = 5},
                             .init_query = ""});
    all.databases.push_back({.name = "*"});
    all.users.push_back({.name = "app",
                         .pool = {.size = 3, .borrow_timeout = 1s},
                         .max_user_connections = 4,
                         .max_user_client_connections = 0});
    all.users.push_back({.name = "plain"});
    all.pool.init_query = "select 1";
    all.pool.shared.per_user = 9;
    all.clients.max_user_client_connections = 7;
    return all;
}

TEST(Lookup, PrefersTheExactDatabaseToTheStar)
{
    const auto all = example();
    EXPECT_EQ(find_database(all, "shop", engine::postgresql), &all.databases[0]);
    EXPECT_EQ(find_database(all, "other", engine::postgresql), &all.databases[1]);
    EXPECT_EQ(server_database(all.databases[0], "shop"), "shop_live");
    EXPECT_EQ(server_database(all.databases[1], "other"), "other");
    EXPECT_EQ(find_database(tree{}, "shop", engine::postgresql), nullptr);
    EXPECT_EQ(find_user(all, "nobody"), nullptr);
    EXPECT_EQ(find_cluster(all, "main"), &all.clusters[0]);
}

TEST(Lookup, UserOutranksDatabaseOutranksDefault)
{
    const auto all = example();
    const auto& shop = all.databases[0];
    const auto* app = find_user(all, "app");
    EXPECT_EQ(effective_limits(all, shop, nullptr).size, 5U);
    EXPECT_EQ(effective_limits(all, shop, app).size, 3U);
    EXPECT_EQ(effective_limits(all, all.databases[1], nullptr).size, 20U);
    EXPECT_EQ(effective_limits(all, shop, app).borrow_timeout, 1s);
    EXPECT_EQ(effective_limits(all, shop, nullptr).borrow_timeout, 120s);
    EXPECT_EQ(effective_pool_mode(all, shop, app), pool_mode::session);
    EXPECT_EQ(effective_pool_mode(all, all.databases[1], app), pool_mode::transaction);
    EXPECT_EQ(effective_init_query(all, shop), "");
    EXPECT_EQ(effective_init_query(all, all.databases[1]), "select 1");
}

TEST(Lookup, SharedLimitsComeFromWhereTheyBelong)
{
    const auto all = example();
    EXPECT_EQ(shared_limits(all), (pool::shared_limits{0, 0, 9, {{"app", 4}}}));
    EXPECT_EQ(effective_user_client_limit(all, nullptr), 7U);
    EXPECT_EQ(effective_user_client_limit(all, find_user(all, "plain")), 7U);
    EXPECT_EQ(effective_user_client_limit(all, find_user(all, "app")), 0U);
}

TEST(Lookup, UsersOfOneAccountShareTheLowestOfTheirLimits)
{
    auto all = example();
    all.users.clear();
    for (const std::uint32_t limit : {5U, 0U, 3U, 8U}) {
        user_settings one;
        one.name = "user" + std::to_string(limit);
        one.server_user = "shared";
        one.max_user_connections = limit;
        all.users.push_back(one);
    }
    EXPECT_EQ(shared_limits(all).of_users, (std::map<std::string, std::uint32_t>{{"shared", 3}}));
}

TEST(Lookup, EveryNameHasACluster)
{
    auto all = example();
    all.clusters.push_back(all.clusters.front());
    all.clusters.back().name = "other";
    all.databases.front().cluster = "other";
    EXPECT_EQ(cluster_of(all, all.databases.front().name, engine::postgresql), "other");
    all.databases.clear();
    EXPECT_EQ(cluster_of(all, "pgbouncer", engine::postgresql), all.clusters.front().name);
    all.clusters.clear();
    EXPECT_EQ(cluster_of(all, "pgbouncer", engine::postgresql), "");
}

}  // namespace
}  // namespace penstock::settings
