// SPDX-License-Identifier: Apache-2.0
//
// Averages, metrics and JSON of a snapshot.
#include "admin/reports_json.hpp"
#include "admin/reports_metrics.hpp"

#include "snapshots.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <set>

namespace penstock::admin {
namespace {

using namespace std::chrono_literals;

const telemetry::pool_name shop{"main", "app", "shop"};

TEST(AdminAverages, AreZeroBeforeTheFirstPeriodEnds)
{
    const averages some{time_point{}};
    EXPECT_EQ(some.of(shop).average(), traffic{});
}

TEST(AdminAverages, ArePerSecondOfTheLastPeriod)
{
    averages some{time_point{}};
    some.end_period({{shop, {.queries = 600, .received = 120}}}, time_point{} + 60s);
    EXPECT_EQ(some.of(shop).average().queries, 10U);
    EXPECT_EQ(some.of(shop).average().received, 2U);
    some.end_period({{shop, {.queries = 660, .received = 120}}}, time_point{} + 120s);
    EXPECT_EQ(some.of(shop).average().queries, 1U);
    EXPECT_EQ(some.of(shop).average().received, 0U);
}

TEST(AdminAverages, TimesArePerTransactionAndQuery)
{
    averages some{time_point{}};
    some.end_period({{shop, {.transactions = 2, .queries = 10, .transaction_time = 900, .query_time = 500}}},
                    time_point{} + 60s);
    EXPECT_EQ(some.of(shop).average().transaction_time, 450U);
    EXPECT_EQ(some.of(shop).average().query_time, 50U);
}

TEST(AdminAverages, ANewPoolCountsFromZeroAndAnUnknownOneIsZero)
{
    averages some{time_point{}};
    some.end_period({}, time_point{} + 60s);
    some.end_period({{shop, {.queries = 60}}}, time_point{} + 120s);
    EXPECT_EQ(some.of(shop).average().queries, 1U);
    EXPECT_EQ(some.of({"main", "app", "books"}).average(), traffic{});
}

TEST(AdminAverages, FiguresThatSeemToShrinkAverageToZero)
{
    EXPECT_EQ(average_of({.queries = 10}, {.queries = 9}, 1s).queries, 0U);
    EXPECT_EQ(average_of({.queries = 1, .query_time = 100}, {.queries = 2, .query_time = 50}, 1s).query_time, 0U);
    EXPECT_EQ(average_of({}, {.queries = 9}, 0s), traffic{});
}

std::string metrics_text(const snapshot& from)
{
    return telemetry::prometheus_text(metrics_of(from));
}

TEST(AdminMetrics, TellClientsByState)
{
    auto from = example_snapshot();
    from.all_clients.active = 3;
    from.console_clients = 1;
    const auto text = metrics_text(from);
    EXPECT_NE(text.find("penstock_client_connections{state=\"active\"} 2\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_client_connections{state=\"console\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_client_connections{state=\"waiting\"} 2\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_pinned_clients{reason=\"listen\"} 1\n"), std::string::npos);
}

TEST(AdminMetrics, TellServerConnectionsByPoolAndState)
{
    const auto text = metrics_text(example_snapshot());
    const std::string pool = "{cluster=\"main\",user=\"app\",database=\"shop_production\"";
    EXPECT_NE(text.find("penstock_database_connections" + pool + ",state=\"idle\"} 2\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_database_connections" + pool + ",state=\"login\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_max_wait_seconds" + pool + "} 1.5\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_pool_size" + pool + "} 20\n"), std::string::npos);
}

TEST(AdminMetrics, TellNodesAndTheBuild)
{
    const auto text = metrics_text(example_snapshot());
    const std::string node = "{cluster=\"main\",node=\"db.internal:5432\"";
    EXPECT_NE(text.find("penstock_node_up" + node + "} 1\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_node_role" + node + ",role=\"primary\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_cluster_has_primary{cluster=\"main\"} 1\n"), std::string::npos);
    EXPECT_NE(text.find("penstock_build_info{version=\"1.2.3\"} 1\n"), std::string::npos);
}

TEST(AdminMetrics, NoFamilyIsGivenTwice)
{
    std::set<std::string> names;
    for (const auto& family : metrics_of(example_snapshot())) {
        EXPECT_TRUE(names.insert(family.name).second) << family.name;
    }
}

TEST(AdminMetrics, TheProcessKnowsItself)
{
    const auto used = usage_of_this_process();
    EXPECT_GT(used.resident_octets, 100'000U);
    EXPECT_GT(used.open_descriptors, 2U);
    EXPECT_GT(used.descriptor_limit, 0U);
}

TEST(AdminJson, HoldsTheTablesAsObjectsWithNumbers)
{
    const auto all = boost::json::parse(json_of(example_snapshot())).as_object();
    EXPECT_EQ(all.at("version").as_string(), "1.2.3");
    EXPECT_EQ(all.at("clients").at("waiting").as_int64(), 2);
    EXPECT_EQ(all.at("clients").at("pinned").at("listen").as_int64(), 1);
    const auto& pool = all.at("pools").as_array().at(0).as_object();
    EXPECT_EQ(pool.at("database").as_string(), "shop");
    EXPECT_EQ(pool.at("sv_idle").as_int64(), 2);
    EXPECT_TRUE(pool.at("load_balance_hosts").is_null());
    EXPECT_EQ(all.at("stats").as_array().at(0).at("total_query_count").as_int64(), 30);
    EXPECT_EQ(all.at("nodes").as_array().at(0).at("role").as_string(), "primary");
    EXPECT_EQ(all.at("latency").as_array().size(), 3U);
}

}  // namespace
}  // namespace penstock::admin
