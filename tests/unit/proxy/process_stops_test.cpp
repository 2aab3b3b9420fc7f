// SPDX-License-Identifier: Apache-2.0
//
// Names of databases and nodes as an operator gives them, and what is stopped by them.
#include "proxy/process.hpp"

#include <gtest/gtest.h>

namespace penstock::proxy {
namespace {

settings::database_settings database(const std::string& name, const std::string& cluster, const std::string& on_server)
{
    settings::database_settings made;
    made.name = name;
    made.cluster = cluster;
    made.server_database = on_server;
    return made;
}

settings::tree two_engines()
{
    settings::tree tree;
    tree.clusters.resize(2);
    tree.clusters[0].name = "pg";
    tree.clusters[0].nodes = {{.where = {"one", 5432}}, {.where = {"two", 5433}}};
    tree.clusters[1].name = "my";
    tree.clusters[1].engine = engine::mysql;
    tree.clusters[1].nodes = {{.where = {"my", 3306}}};
    tree.databases = {database("shop", "pg", "shop_production"), database("*", "pg", ""), database("till", "my", "")};
    return tree;
}

configuration_ptr configuration_of(settings::tree tree)
{
    auto made = std::make_shared<configuration>();
    made->settings = std::make_shared<const settings::tree>(std::move(tree));
    return made;
}

router::cluster_view_ptr postgresql_view(std::optional<std::size_t> primary, std::uint64_t version = 1)
{
    auto made = std::make_shared<router::cluster_view>();
    made->cluster = "pg";
    made->version = version;
    made->nodes = {{.id = {0}, .host = "one"}, {.id = {1}, .host = "two", .port = 5433}};
    made->primary_index = primary;
    return made;
}

class ProcessStops : public testing::Test {
protected:
    ProcessStops() { made.publish(postgresql_view(0)); }

    std::shared_ptr<pool_record> pool(const std::string& cluster, const std::string& database)
    {
        server_account account;
        account.user = "app";
        return made.pool_for(
            {cluster, "app", database}, made.current()->settings->databases.front(), nullptr, std::move(account));
    }
    pool::permit take(const std::shared_ptr<pool_record>& from)
    {
        return made.budget()->take(from->shared->own_account(), pool::purpose::demand);
    }
    static std::string text(const std::optional<client_error>& why) { return why ? why->detail : "done"; }

    control::loop loop;
    control::credentials users{loop, {}, {}};
    process made{configuration_of(two_engines()), users};
};

TEST_F(ProcessStops, APausedDatabaseGetsNoConnectionAndTheOthersDo)
{
    const auto shop = pool("pg", "shop_production");
    EXPECT_EQ(text(made.pause("shop")), "done");
    EXPECT_FALSE(take(shop));
    EXPECT_TRUE(take(pool("pg", "other")));
    EXPECT_TRUE(take(pool("my", "till")));
    EXPECT_FALSE(take(made.pool_on_replica(shop, "two:5433"))) << "nor one made later, to a replica";
    EXPECT_EQ(text(made.resume("shop")), "done");
    EXPECT_TRUE(take(shop));
}

TEST_F(ProcessStops, APauseIsDoneWhenTheLastConnectionIsGone)
{
    const auto shop = pool("pg", "shop_production");
    auto held = take(shop);
    auto of_another = take(pool("pg", "other"));
    made.pause("shop");
    EXPECT_EQ(made.progress_of_pause("shop"), stop_progress::under_way);
    held.give_back();
    EXPECT_EQ(made.progress_of_pause("shop"), stop_progress::done);
    made.pause({});
    EXPECT_EQ(made.progress_of_pause({}), stop_progress::under_way);
    of_another.give_back();
    EXPECT_EQ(made.progress_of_pause({}), stop_progress::done);
    made.resume({});
    EXPECT_EQ(made.progress_of_pause({}), stop_progress::taken_back);
    EXPECT_EQ(made.progress_of_pause("shop"), stop_progress::done) << "it was paused by itself";
}

TEST_F(ProcessStops, ErrorsArePgBouncers)
{
    auto tree = two_engines();
    tree.databases.erase(tree.databases.begin() + 1);  // that of any name
    made.configure(configuration_of(tree));
    for (const auto& why : {made.pause("nowhere"), made.resume("nowhere"), made.reconnect("nowhere")}) {
        ASSERT_TRUE(why);
        EXPECT_EQ(why->detail, "no such database: nowhere");
        EXPECT_EQ(why->kind, error_kind::unknown_database);
    }
    EXPECT_EQ(text(made.resume({})), "pooler is not paused/suspended");
    EXPECT_EQ(text(made.resume("shop")), "database shop is not paused");
    EXPECT_EQ(text(made.pause({})), "done");
    EXPECT_EQ(text(made.pause({})), "already suspended/paused");
    EXPECT_EQ(made.pause({})->sqlstate, "55000");
    EXPECT_EQ(text(made.pause("shop")), "done");
    EXPECT_EQ(text(made.pause("shop")), "done") << "so that one can wait for it anew";
}

TEST_F(ProcessStops, ANameOfMySqlsStopsMySqlOnly)
{
    const auto till = pool("my", "till");
    const auto none = pool("my", "");
    EXPECT_EQ(text(made.pause("till")), "done");
    EXPECT_FALSE(take(till));
    EXPECT_FALSE(take(none)) << "clients that ask for no database are led by this entry";
    EXPECT_TRUE(take(pool("pg", "till")));
}

TEST_F(ProcessStops, ANameLedByTheEntryForAnyIsPaused)
{
    EXPECT_EQ(text(made.pause("any")), "done");
    EXPECT_FALSE(take(pool("pg", "any"))) << "made during the pause";
    EXPECT_TRUE(take(pool("pg", "some")));
}

TEST_F(ProcessStops, NewSettingsKeepAPauseAndFollowTheName)
{
    const auto before = pool("pg", "shop_production");
    made.pause("shop");
    auto tree = two_engines();
    tree.databases.front().server_database = "shop_new";
    made.configure(configuration_of(tree));
    EXPECT_FALSE(take(before));
    const auto after = pool("pg", "shop_new");
    EXPECT_FALSE(take(after));
    made.resume("shop");
    EXPECT_TRUE(take(before));
    EXPECT_TRUE(take(after));
}

TEST_F(ProcessStops, ReconnectRetiresThePoolsOfThatDatabase)
{
    const auto generation = [this](const std::shared_ptr<pool_record>& of) {
        return made.budget()->settings_of(*of->shared->own_account()).generation;
    };
    const auto shop = pool("pg", "shop_production");
    const auto other = pool("pg", "other");
    const auto before = std::pair{generation(shop), generation(other)};
    EXPECT_EQ(text(made.reconnect("shop")), "done");
    EXPECT_EQ(generation(shop), before.first + 1);
    EXPECT_EQ(generation(other), before.second);
    EXPECT_EQ(text(made.reconnect({})), "done");
    EXPECT_EQ(generation(shop), before.first + 2);
    EXPECT_EQ(generation(other), before.second + 1);
}

TEST_F(ProcessStops, ADrainedNodeIsMarkedInViewsOfANewVersion)
{
    const auto before = made.view_of("pg")->version;
    EXPECT_EQ(text(made.drain_node("two:5433")), "done");
    auto view = made.view_of("pg");
    EXPECT_GT(view->version, before);
    EXPECT_FALSE(view->nodes[0].drained);
    EXPECT_TRUE(view->nodes[1].drained);
    made.publish(postgresql_view(0, 2));
    EXPECT_GT(made.view_of("pg")->version, view->version);
    EXPECT_TRUE(made.view_of("pg")->nodes[1].drained) << "the monitor knows nothing of it";
    view = made.view_of("pg");
    EXPECT_EQ(text(made.undrain_node("two")), "done");
    EXPECT_GT(made.view_of("pg")->version, view->version);
    EXPECT_FALSE(made.view_of("pg")->nodes[1].drained);
    EXPECT_EQ(text(made.undrain_node("two")), "node two is not drained");
    EXPECT_EQ(text(made.drain_node("three")), "no such node: three");
}

TEST_F(ProcessStops, WorkOfADrainedPrimaryWaitsForItsSuccessor)
{
    const auto shop = pool("pg", "shop_production");
    auto held = take(shop);
    EXPECT_EQ(held.node(), "one:5432");
    made.drain_node("one");
    EXPECT_FALSE(take(shop));
    EXPECT_EQ(made.progress_of_drain("one"), stop_progress::under_way);
    held.give_back();
    EXPECT_EQ(made.progress_of_drain("one"), stop_progress::done);
    made.publish(postgresql_view(1, 2));
    EXPECT_EQ(take(shop).node(), "two:5433");
    made.publish(postgresql_view(0, 3));
    EXPECT_FALSE(take(shop)) << "it is drained still";
    made.undrain_node("one");
    EXPECT_TRUE(take(shop));
    EXPECT_EQ(made.progress_of_drain("one"), stop_progress::taken_back);
}

}  // namespace
}  // namespace penstock::proxy
