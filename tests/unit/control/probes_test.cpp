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

}  // namespace
}  // namespace penstock::control
