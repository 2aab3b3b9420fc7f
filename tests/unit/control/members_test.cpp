// SPDX-License-Identifier: Apache-2.0
//
// Lists of members as Aurora and Patroni give them. Recorded answers are written after the documentation of each:
// Aurora User Guide, "aurora_replica_status" and "Aurora MySQL information_schema tables"; Patroni, "Cluster status
// endpoints".
#include "control/aurora.hpp"
#include "control/patroni.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

constexpr auto endpoint = "{server_id}.c9akciq32.eu-west-1.rds.amazonaws.com";

sql_answer rows(std::vector<sql_row> all)
{
    sql_answer answer;
    answer.rows = std::move(all);
    return answer;
}

member instance(const std::string& name, std::uint16_t port, bool leads = false)
{
    return {.host = name + ".c9akciq32.eu-west-1.rds.amazonaws.com", .port = port, .leads = leads};
}

TEST(Aurora, ListsItsInstancesAndMarksTheWriter)
{
    const auto list =
        read_aurora(rows({{"shop-1", "1", std::nullopt}, {"shop-2", "0", "0"}, {"shop-3", "0", "0"}}), endpoint, 5432);
    EXPECT_EQ(list.fault, "");
    EXPECT_EQ(
        list.members,
        (std::vector<member>{instance("shop-1", 5432, true), instance("shop-2", 5432), instance("shop-3", 5432)}));
}

TEST(Aurora, PassesOverAReaderThatIsGone)
{
    const auto list = read_aurora(rows({{"shop-1", "1", "1"}, {"shop-2", "0", "1"}}), endpoint, 3306);
    EXPECT_EQ(list.members, std::vector<member>{instance("shop-1", 3306, true)}) << "the writer's row may be old";
}

TEST(Aurora, AsksEachEngineInItsOwnWords)
{
    EXPECT_NE(aurora_question(engine::postgresql).text.find("pg_catalog.aurora_replica_status()"), std::string::npos);
    EXPECT_NE(aurora_question(engine::mysql).text.find("information_schema.replica_host_status"), std::string::npos);
}

TEST(Aurora, HasAPortOfItsOwnWhereTheEndpointNamesOne)
{
    const auto list = read_aurora(rows({{"5433", "1", "0"}}), "127.0.0.1:{server_id}", 5432);
    EXPECT_EQ(list.members, (std::vector<member>{{.host = "127.0.0.1", .port = 5433, .leads = true}}));
}

TEST(Aurora, RefusesWhatIsNoListWithAReason)
{
    sql_answer denied;
    denied.fault = "function pg_catalog.aurora_replica_status() does not exist";
    const std::vector<sql_answer> answers{
        denied,
        rows({}),
        rows({{"shop-1", "1"}}),
        rows({{std::nullopt, "1", "0"}}),
        rows({{"", "1", "0"}}),
        rows({{"evil.example.com:5432/", "1", "0"}}),
        rows({{"-oProxyCommand", "1", "0"}}),
        rows({{std::string(64, 'a'), "1", "0"}}),
        rows({{"shop-1", "1", "0"}, {"shop-1", "0", "0"}}),
        rows(std::vector<sql_row>(65, {"shop", "0", "0"})),
        rows({{"shop-2", "0", "1"}}),
    };
    for (const auto& each : answers) {
        const auto list = read_aurora(each, endpoint, 5432);
        EXPECT_NE(list.fault, "");
        EXPECT_TRUE(list.members.empty());
    }
}

constexpr auto patroni_cluster = R"({
  "members": [
    {"name": "patroni1", "role": "leader", "state": "running", "api_url": "http://10.89.0.4:8008/patroni",
     "host": "10.89.0.4", "port": 5432, "timeline": 5, "tags": {"clonefrom": true}},
    {"name": "patroni2", "role": "sync_standby", "state": "streaming", "api_url": "http://10.89.0.6:8008/patroni",
     "host": "10.89.0.6", "port": 5433, "timeline": 5, "lag": 0},
    {"name": "patroni3", "role": "replica", "state": "running", "api_url": "http://db3.internal:8008/patroni",
     "host": "db3.internal", "port": 5432, "timeline": 5, "tags": {"noloadbalance": true}, "lag": "unknown"},
    {"name": "patroni4", "role": "replica", "state": "creating replica", "host": "10.89.0.9", "port": 5432},
    {"name": "patroni5", "role": "uninitialized", "state": "initializing new cluster"}
  ],
  "scope": "demo",
  "scheduled_switchover": {"at": "2023-09-24T10:36:00+02:00", "from": "patroni1", "to": "patroni3"}
})";

TEST(Patroni, ListsItsMembers)
{
    const auto list = read_patroni(patroni_cluster);
    EXPECT_EQ(list.fault, "");
    EXPECT_EQ(list.members,
              (std::vector<member>{{.host = "10.89.0.4", .port = 5432, .leads = true},
                                   {.host = "10.89.0.6", .port = 5433},
                                   {.host = "db3.internal", .port = 5432, .reads = false},
                                   {.host = "10.89.0.9", .port = 5432, .runs = false}}));
}

TEST(Patroni, ListsTheMembersOfARealCluster)
{
    const auto list = read_patroni(  // of Patroni 3.0.2, some seconds after a switchover
        R"({"members": [{"name": "db1", "role": "replica", "state": "running",)"
        R"( "api_url": "http://127.0.0.1:26452/patroni", "host": "127.0.0.1", "port": 15574, "timeline": 2, "lag": 0},)"
        R"( {"name": "db2", "role": "leader", "state": "running", "api_url": "http://127.0.0.1:26596/patroni",)"
        R"( "host": "127.0.0.1", "port": 23947, "timeline": 2}, {"name": "db3", "role": "replica",)"
        R"( "state": "running", "api_url": "http://127.0.0.1:24466/patroni", "host": "127.0.0.1", "port": 12906,)"
        R"( "timeline": 1, "lag": 224}]})");
    EXPECT_EQ(list.members,
              (std::vector<member>{{.host = "127.0.0.1", .port = 15574},
                                   {.host = "127.0.0.1", .port = 23947, .leads = true},
                                   {.host = "127.0.0.1", .port = 12906}}));
}

TEST(Patroni, RefusesWhatIsNoListWithAReason)
{
    std::string many = R"({"members": [)";
    for (int port = 1; port <= 65; ++port) {
        many += (port > 1 ? "," : "") + std::string{R"({"host": "a", "state": "running", "port": )"} +
                std::to_string(port) + "}";
    }
    many += "]}";
    const std::vector<std::string> answers{
        "",
        "not JSON",
        "[]",
        "{}",
        R"({"members": {}})",
        R"({"members": []})",
        R"({"members": [5]})",
        R"({"members": [{"name": "patroni5"}]})",
        R"({"members": [{"host": "", "port": 5432}]})",
        R"({"members": [{"host": "/run/postgresql", "port": 5432}]})",
        R"({"members": [{"host": "a b", "port": 5432}]})",
        R"({"members": [{"host": "a\u0000b", "port": 5432}]})",
        R"({"members": [{"host": 5, "port": 5432}]})",
        R"({"members": [{"host": "a"}]})",
        R"({"members": [{"host": "a", "port": 0}]})",
        R"({"members": [{"host": "a", "port": 65536}]})",
        R"({"members": [{"host": "a", "port": "5432"}]})",
        R"({"members": [{"host": "a", "port": 5432}, {"host": "a", "port": 5432}]})",
        R"({"members": [{"host": ")" + std::string(254, 'a') + R"(", "port": 5432}]})",
        many,
        std::string(100000, '['),
        std::string{patroni_cluster}.substr(0, 700),
    };
    for (const auto& each : answers) {
        const auto list = read_patroni(each);
        EXPECT_NE(list.fault, "") << each.substr(0, 100);
        EXPECT_TRUE(list.members.empty());
    }
}

TEST(Patroni, IsAskedWhereAUrlSays)
{
    EXPECT_EQ(read_patroni_url("http://db1"), (place{.host = "db1", .port = 8008}));
    EXPECT_EQ(read_patroni_url("http://db1:8009/"), (place{.host = "db1", .port = 8009}));
    EXPECT_EQ(read_patroni_url("http://[::1]:8009/cluster"), (place{.host = "::1", .port = 8009}));
    for (const auto* wrong : {"db1:8008",
                              "https://db1:8008",
                              "http://",
                              "http://db1:0",
                              "http://db1:65536",
                              "http://db1:80x",
                              "http://[::1",
                              "http://[::1]x:5",
                              "http://user@db1",
                              "http://db1/other"}) {
        EXPECT_EQ(read_patroni_url(wrong), std::nullopt) << wrong;
    }
}

}  // namespace
}  // namespace penstock::control
