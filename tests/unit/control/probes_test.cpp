// SPDX-License-Identifier: Apache-2.0
//
// What a probe's answer says about a node.
#include "control/probes.hpp"

#include "fake_sql_client.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;

TEST(Probe, ReadsRoleAndLimits)
{
    auto answer = one_row({"t", "100", "6"});
    answer.server_version = 160003;
    const auto seen = read_probe({2}, answer);
    EXPECT_EQ(seen.node.value, 2U);
    EXPECT_EQ(seen.how, kind::answered);
    EXPECT_TRUE(seen.in_recovery);
    EXPECT_EQ(seen.max_connections, 100U);
    EXPECT_EQ(seen.reserved_connections, 6U);
    EXPECT_EQ(seen.server_version, 160003U);
    EXPECT_FALSE(read_probe({2}, one_row({"f", "1", "0"})).in_recovery);
}

TEST(Probe, TellsAliveFromDead)
{
    EXPECT_EQ(read_probe({0}, fault("connection refused")).how, kind::failed);
    EXPECT_EQ(read_probe({0}, fault("the database system is starting up", "57P03")).how, kind::failed);
    EXPECT_EQ(read_probe({0}, fault("terminating connection", "57P01")).how, kind::failed);
    EXPECT_EQ(read_probe({0}, fault("too many clients already", "53300")).how, kind::refused);
    EXPECT_EQ(read_probe({0}, fault("password authentication failed", "28P01")).how, kind::refused);
}

TEST(Probe, DoesNotBelieveAStrangeAnswer)
{
    for (const auto& row : {sql_row{},
                            sql_row{"t"},
                            sql_row{"true", "1", "1"},
                            sql_row{"t", "-1", "1"},
                            sql_row{"t", "1", std::nullopt},
                            sql_row{"t", "99999999999", "1"},
                            sql_row{"t", "1x", "1"}}) {
        EXPECT_EQ(read_probe({0}, one_row(row)).how, kind::failed);
    }
    EXPECT_EQ(read_probe({0}, {}).how, kind::failed);
}

TEST(Probe, AsksForTheHistoryOfOneThatAnswers)
{
    const auto probing = begin_probe(engine::postgresql, {1});
    EXPECT_EQ(probing->question()->text, role_query().text);
    probing->take(one_row({"f", "100", "3"}));
    EXPECT_EQ(probing->question()->text, history_query().text);
    probing->take(one_row({"7431", "2", "1700000000.123456"}));
    EXPECT_EQ(probing->question(), std::nullopt);
    EXPECT_EQ(probing->seen().how, kind::answered);
    EXPECT_EQ(probing->seen().past, (history{.database = "7431", .timeline = 2}));
    EXPECT_EQ(probing->seen().writes_with, "server 7431 started at 1700000000.123456");
}

TEST(Probe, AsksNothingMoreOfOneThatDoesNotAnswer)
{
    const auto probing = begin_probe(engine::postgresql, {1});
    probing->take(fault("connection refused"));
    EXPECT_EQ(probing->question(), std::nullopt);
}

TEST(Probe, DoesWithoutAHistory)
{
    for (const auto& row : {sql_row{},
                            sql_row{"7431"},
                            sql_row{"7431", std::nullopt, "1.5"},
                            sql_row{std::nullopt, "1", "1.5"},
                            sql_row{"abc", "1", "1.5"},
                            sql_row{std::string(21, '1'), "1", "1.5"},
                            sql_row{"7431", "99999999999", "1.5"}}) {
        probe_observation seen{.how = kind::answered};
        read_history(one_row(row), seen);
        EXPECT_EQ(seen.past, std::nullopt);
        EXPECT_EQ(seen.how, kind::answered);
    }
    probe_observation seen{.how = kind::answered};
    read_history(fault("permission denied for function pg_control_system", "42501"), seen);
    EXPECT_EQ(seen.past, std::nullopt);
    EXPECT_EQ(seen.how, kind::answered);
}

}  // namespace
}  // namespace penstock::control
