// SPDX-License-Identifier: Apache-2.0
//
// Descriptions and what a reload changes.
#include "settings/diff.hpp"

#include "settings/describe.hpp"
#include "settings/lookup.hpp"
#include "settings/url.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::settings {
namespace {

using namespace std::chrono_literals;
using texts = std::vector<std::string>;

tree example()
{
    auto all = from_url("postgres://app:hunter2@db1/shop").settings;
    all.auth.query.password = secret{"hunter2"};
    all.users[0].server_password = secret{"hunter2"};
    return all;
}

const setting_line& line_of(const std::vector<setting_line>& lines, std::string_view key)
{
    const auto found = std::find_if(lines.begin(), lines.end(), [key](const auto& line) { return line.key == key; });
    EXPECT_NE(found, lines.end()) << key;
    return *found;
}

TEST(Describe, TellsValuesAndDefaults)
{
    auto all = example();
    all.clients.idle_client_timeout = 90s;
    const auto lines = describe(all);
    EXPECT_EQ(line_of(lines, "clients.idle_client_timeout").value, "90s");
    EXPECT_EQ(line_of(lines, "clients.idle_client_timeout").default_value, "30min");
    EXPECT_EQ(line_of(lines, "listen.postgresql").value, "127.0.0.1:6432");
    EXPECT_FALSE(line_of(lines, "listen.postgresql").on_reload);
    EXPECT_EQ(line_of(lines, "cluster[main].nodes").value, "db1:5432");
    EXPECT_EQ(line_of(lines, "database[shop].pool_mode").value, "");
    EXPECT_EQ(line_of(lines, "pool.pool_mode").value, "transaction");
    EXPECT_EQ(line_of(lines, "tls.require_tls").value, "false");
}

TEST(Describe, NeverTellsSecrets)
{
    const auto lines = describe(example());
    EXPECT_EQ(line_of(lines, "user[app].password").value, "********");
    EXPECT_EQ(line_of(lines, "user[app].password").default_value, "");
    EXPECT_EQ(line_of(lines, "cluster[main].monitor_password").value, "********");
    for (const auto& line : lines) {
        EXPECT_EQ((line.key + line.value + line.default_value).find("hunter2"), std::string::npos) << line.key;
    }
}

TEST(Compare, FindsNothingInTheSame)
{
    EXPECT_TRUE(compare(example(), example()).none());
}

TEST(Compare, TellsLiveChangesFromThoseThatNeedARestart)
{
    auto wanted = example();
    wanted.clients.idle_client_timeout = 1h;
    wanted.workers = 4;
    wanted.clusters[0].nodes.push_back({{"db2", 5432}});
    wanted.databases[0].pool.size = 5;
    const auto found = compare(example(), wanted);
    EXPECT_EQ(found.on_reload,
              (texts{"clients.idle_client_timeout: 30min -> 1h", "database[shop].pool_size: (not set) -> 5"}));
    EXPECT_EQ(found.on_restart, (texts{"cluster[main].nodes: db1:5432 -> db1:5432, db2:5432", "workers: 0 -> 4"}));
}

TEST(Compare, TellsEntriesThatCameAndWent)
{
    auto wanted = example();
    wanted.users[0].name = "other";
    wanted.clusters.push_back({.name = "two", .nodes = {{{"x", 1}}}});
    const auto found = compare(example(), wanted);
    EXPECT_EQ(found.on_reload, (texts{"user[other]: added", "user[app]: removed"}));
    EXPECT_EQ(found.on_restart, (texts{"cluster[two]: added"}));
}

TEST(Compare, TellsThatASecretChangedButNotHow)
{
    auto wanted = example();
    wanted.users[0].password = secret{"swordfish"};
    wanted.clusters[0].monitor.password = secret{"swordfish"};
    const auto found = compare(example(), wanted);
    EXPECT_EQ(found.on_reload, (texts{"user[app].password: changed"}));
    EXPECT_EQ(found.on_restart, (texts{"cluster[main].monitor_password: changed"}));
}

TEST(Reloadable, KeepsWhatNeedsARestart)
{
    const auto running = example();
    auto wanted = example();
    wanted.workers = 4;
    wanted.listen.postgresql.clear();
    wanted.listen.require_tls = true;
    wanted.clusters[0].nodes[0].where.host = "elsewhere";
    wanted.clusters[0].max_connections_percent = 50;
    wanted.clusters.push_back({.name = "new"});
    wanted.databases.push_back({.name = "on_new", .cluster = "new"});
    wanted.databases.push_back({.name = "on_main"});
    const auto merged = reloadable(running, wanted);
    EXPECT_EQ(merged.workers, running.workers);
    EXPECT_EQ(merged.listen.postgresql, running.listen.postgresql);
    EXPECT_TRUE(merged.listen.require_tls);
    ASSERT_EQ(merged.clusters.size(), 1U);
    EXPECT_EQ(merged.clusters[0].nodes, running.clusters[0].nodes);
    EXPECT_EQ(merged.clusters[0].max_connections_percent, 50U);
    EXPECT_EQ(find_database(merged, "on_new", engine::postgresql), nullptr);
    EXPECT_NE(find_database(merged, "on_main", engine::postgresql), nullptr);
    EXPECT_TRUE(compare(running, merged).on_restart.empty());
}

}  // namespace
}  // namespace penstock::settings
