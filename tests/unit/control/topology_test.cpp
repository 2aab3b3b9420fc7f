// SPDX-License-Identifier: Apache-2.0
//
// Who is the primary, who is down, and when a new version is published.
#include "control/topology.hpp"

#include <gtest/gtest.h>

#include <utility>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;
using router::node_role;
using router::node_state;

/// Every node has refused to tell once, so that nobody is waited for.
topology all_heard(topology nodes)
{
    for (std::uint32_t index = 0; index < nodes.view().nodes.size() && nodes.view().nodes.size() > 1; ++index) {
        nodes.observe(probe_observation{.node = {index}, .how = kind::refused, .fault = "too many clients already"});
    }
    return nodes;
}

topology cluster_of(std::size_t count)
{
    std::vector<node_address> nodes;
    for (std::size_t index = 0; index < count; ++index) {
        nodes.push_back({"db" + std::to_string(index), 5432});
    }
    return all_heard(topology{"main", nodes});
}

probe_observation primary(std::uint32_t node)
{
    return {.node = {node}, .how = kind::answered, .max_connections = 100, .reserved_connections = 3};
}

probe_observation replica(std::uint32_t node)
{
    return {.node = {node}, .how = kind::answered, .in_recovery = true, .max_connections = 100};
}

probe_observation failure(std::uint32_t node)
{
    return {.node = {node}, .how = kind::failed, .fault = "connection refused"};
}

probe_observation refusal(std::uint32_t node)
{
    return {.node = {node}, .how = kind::refused, .fault = "too many clients already"};
}

net::endpoint address(const char* host)
{
    return *net::numeric_endpoint(host, 5432);
}

std::optional<std::size_t> primary_after(topology& nodes, const std::vector<probe_observation>& seen)
{
    for (const auto& each : seen) {
        nodes.observe(each);
    }
    return nodes.view().primary_index;
}

TEST(Topology, PresumesTheOnlyNodeToBeThePrimary)
{
    const auto nodes = cluster_of(1);
    ASSERT_NE(nodes.view().primary(), nullptr);
    EXPECT_EQ(nodes.view().primary()->role, node_role::primary);
    EXPECT_TRUE(nodes.view().primary()->is_up());
    EXPECT_EQ(nodes.view().version, 1U);
}

topology cluster_with_roles(const std::vector<node_role>& roles)
{
    std::vector<node_address> nodes;
    for (const auto role : roles) {
        nodes.push_back({"db" + std::to_string(nodes.size()), 5432, role});
    }
    return topology{"main", nodes};
}

TEST(Topology, TakesAGivenRoleWithoutAProbe)
{
    const auto nodes = cluster_with_roles({node_role::replica, node_role::primary});
    EXPECT_EQ(nodes.view().primary_index, 1U);
    EXPECT_EQ(nodes.view().nodes[0].role, node_role::replica);
    EXPECT_EQ(nodes.view().nodes[1].reason, "its role is given by the configuration");
}

TEST(Topology, AGivenRoleOutranksWhatTheNodeSays)
{
    auto nodes = cluster_with_roles({node_role::primary, node_role::replica});
    EXPECT_EQ(primary_after(nodes, {replica(0), primary(1)}), 0U);
    EXPECT_EQ(nodes.view().nodes[0].role, node_role::primary);
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::replica);
    EXPECT_EQ(nodes.view().nodes[0].max_connections, 100U) << "the rest of the answer counts";
    EXPECT_EQ(nodes.view().nodes[0].reason,
              "its role is given by the configuration, though it is in recovery, says its probe");
}

TEST(Topology, BesideAGivenPrimaryNobodyElseCanBeIt)
{
    auto nodes = cluster_with_roles({node_role::primary, node_role::unknown});
    EXPECT_EQ(primary_after(nodes, {primary(0), primary(1)}), 0U);
    EXPECT_EQ(primary_after(nodes, {failure(0), failure(0), failure(0), primary(1)}), std::nullopt);
    EXPECT_EQ(primary_after(nodes, {primary(0)}), 0U);
}

TEST(Topology, AGivenReplicaLeavesTheRestToTheirProbes)
{
    auto nodes = cluster_with_roles({node_role::replica, node_role::unknown});
    EXPECT_EQ(primary_after(nodes, {primary(0)}), std::nullopt);
    EXPECT_EQ(primary_after(nodes, {primary(1)}), 1U);
}

TEST(Topology, PresumesNothingOfSeveralNodes)
{
    const auto nodes = cluster_of(2);
    EXPECT_EQ(nodes.view().primary(), nullptr);
    EXPECT_EQ(nodes.view().nodes[0].role, node_role::unknown);
    EXPECT_FALSE(nodes.view().reason.empty());
}

TEST(Topology, WaitsForTheFirstProbeOfEveryNode)
{
    topology nodes{"main", {{"db0", 5432}, {"db1", 5432}, {"db2", 5432}}};
    EXPECT_EQ(primary_after(nodes, {primary(0), replica(2), primary(0)}), std::nullopt);
    EXPECT_EQ(nodes.view().reason, "waiting for the first probe of db1:5432");
    EXPECT_EQ(primary_after(nodes, {refusal(1)}), 0U) << "it is there, and is not known to have gone on";
}

TEST(Topology, WaitsForTheFirstProbeThatAnswersUntilTheNodeIsDown)
{
    topology nodes{"main", {{"db0", 5432}, {"db1", 5432}, {"db2", 5432}}};
    EXPECT_EQ(primary_after(nodes, {primary(0), replica(2), failure(1), failure(1)}), std::nullopt);
    EXPECT_EQ(nodes.view().reason, "waiting for the first probe of db1:5432");
    EXPECT_EQ(primary_after(nodes, {failure(1)}), 0U);
}

TEST(Topology, SendsEverythingToAnOnlyNodeThatIsAReplica)
{
    auto nodes = cluster_of(1);
    EXPECT_EQ(primary_after(nodes, {replica(0)}), 0U);
    EXPECT_EQ(nodes.view().nodes[0].role, node_role::replica);
}

TEST(Topology, KeepsAnOnlyNodeThatIsDownAsTheOneToTry)
{
    auto nodes = cluster_of(1);
    EXPECT_EQ(primary_after(nodes, {failure(0), failure(0), failure(0)}), 0U);
    EXPECT_EQ(nodes.view().nodes[0].state, node_state::down);
}

TEST(Topology, ChoosesThePrimaryOfAClusterByItsProbe)
{
    struct row {
        const char* name;
        std::vector<probe_observation> seen;
        std::optional<std::size_t> primary;
    };
    const std::vector<row> table = {
        {"only replicas so far", {replica(0), replica(2)}, std::nullopt},
        {"one says so", {replica(0), primary(1)}, 1},
        {"one failure is not the end of it", {primary(0), failure(0)}, 0},
        {"two failures are not either", {primary(0), failure(0), failure(0)}, 0},
        {"three are", {primary(0), failure(0), failure(0), failure(0)}, std::nullopt},
        {"an answer between starts the count anew",
         {primary(0), failure(0), failure(0), primary(0), failure(0), failure(0)},
         0},
        {"a full server is alive", {primary(0), refusal(0), refusal(0), refusal(0), refusal(0)}, 0},
        {"a refusal starts the count anew", {primary(0), failure(0), failure(0), refusal(0), failure(0)}, 0},
        {"two claim it: the earlier one stays", {primary(0), primary(1)}, 0},
        {"two claim it and the earlier one fails: the promoted one", {primary(0), failure(0), primary(1)}, 1},
        {"two claim it and the earlier one only refuses: the promoted one", {primary(0), refusal(0), primary(1)}, 1},
        {"the old one returns as primary: the new one stays", {primary(0), failure(0), primary(1), primary(0)}, 1},
        {"the old one returns as replica", {primary(0), failure(0), primary(1), replica(0)}, 1},
        {"demoted, and nobody promoted yet", {primary(0), replica(0)}, std::nullopt},
        {"a switch-over", {primary(0), replica(1), replica(0), primary(1)}, 1},
    };
    for (const auto& each : table) {
        auto nodes = cluster_of(3);
        EXPECT_EQ(primary_after(nodes, each.seen), each.primary) << each.name;
    }
}

TEST(Topology, HoldsWhereNothingTellsWhichOfSeveralClaimantsItIs)
{
    auto nodes = cluster_of(3);
    EXPECT_EQ(primary_after(nodes, {primary(0), primary(1), failure(1), failure(0)}), std::nullopt);
    EXPECT_EQ(nodes.view().reason, "several nodes claim to be the primary, and nothing tells which of them it is");
    EXPECT_EQ(primary_after(nodes, {primary(0)}), 0U);
}

TEST(Topology, TakesLimitsFromTheProbe)
{
    auto nodes = cluster_of(2);
    nodes.observe(primary(1));
    EXPECT_EQ(nodes.view().nodes[1].max_connections, 100U);
    EXPECT_EQ(nodes.view().nodes[1].reserved_connections, 3U);
}

TEST(Topology, GivesANewVersionOnlyForAChange)
{
    auto nodes = cluster_of(2);
    const auto before = nodes.view().version;
    EXPECT_TRUE(nodes.observe(primary(0)));
    EXPECT_EQ(nodes.view().version, before + 1);
    EXPECT_FALSE(nodes.observe(primary(0)));
    EXPECT_EQ(nodes.view().version, before + 1);
    EXPECT_TRUE(nodes.events().empty());
    EXPECT_TRUE(nodes.observe(failure(0)));  // the reason is news
    EXPECT_FALSE(nodes.observe(failure(0)));
    EXPECT_TRUE(nodes.observe(failure(0)));  // down
    EXPECT_FALSE(nodes.observe(failure(0)));
}

TEST(Topology, TellsOfChangesThatNeedAttention)
{
    auto nodes = cluster_of(2);
    primary_after(nodes, {primary(0), failure(0), failure(0), failure(0)});
    ASSERT_EQ(nodes.events().size(), 2U);
    EXPECT_EQ(nodes.events()[0], (topology_event{"node is down", "db0:5432", "connection refused", true}));
    EXPECT_EQ(nodes.events()[1].what, "cluster has no primary");
    EXPECT_TRUE(nodes.events()[1].needs_attention);
}

TEST(Topology, KeepsAddressesThatCannotBeResolvedAnyMore)
{
    auto nodes = cluster_of(2);
    EXPECT_TRUE(nodes.observe(address_observation{.node = {0}, .endpoints = {address("10.0.0.1")}}));
    EXPECT_FALSE(nodes.observe(address_observation{.node = {0}, .fault = "no answer"}));
    EXPECT_EQ(nodes.view().nodes[0].endpoints.size(), 1U);
}

TEST(Topology, TakesNoNoteOfTheOrderOfAddresses)
{
    auto nodes = cluster_of(2);
    const auto one = address("10.0.0.1");
    const auto two = address("10.0.0.2");
    EXPECT_TRUE(nodes.observe(address_observation{.node = {0}, .endpoints = {one, two}}));
    EXPECT_FALSE(nodes.observe(address_observation{.node = {0}, .endpoints = {two, one}}));
    EXPECT_TRUE(nodes.observe(address_observation{.node = {0}, .endpoints = {two}}));
    EXPECT_EQ(nodes.events().size(), 1U);
}

/// A member of a group that takes writes on every member.
probe_observation writer(std::uint32_t node, const char* group)
{
    auto seen = primary(node);
    seen.says = "not read_only";
    seen.writes_with = group;
    seen.version_text = "8.0.36";
    return seen;
}

TEST(Topology, TakesTheFirstOfThoseThatWriteToTheSameData)
{
    auto nodes = cluster_of(3);
    nodes.observe(failure(0));
    nodes.observe(writer(2, "g"));
    EXPECT_EQ(nodes.view().primary_index, 2U);
    EXPECT_EQ(primary_after(nodes, {writer(1, "g"), writer(0, "g")}), 2U) << "the primary stays";
    EXPECT_EQ(primary_after(nodes, {failure(2), failure(2), failure(2)}), 0U) << "any other one may follow it";
}

TEST(Topology, ChoosesNobodyWhereWritersHaveDataOfTheirOwn)
{
    using groups = std::pair<const char*, const char*>;
    for (const auto& [one, other] : {groups{"g", "h"}, groups{"g", ""}, groups{"", "g"}, groups{"", ""}}) {
        auto nodes = cluster_of(3);
        EXPECT_EQ(primary_after(nodes, {writer(2, "g"), writer(0, one), writer(1, other)}), 2U);
        EXPECT_EQ(primary_after(nodes, {failure(2), failure(2), failure(2)}), std::nullopt) << one << other;
    }
}

TEST(Topology, KeepsWhatTheProbeSays)
{
    auto nodes = cluster_of(1);
    nodes.observe(writer(0, "g"));
    EXPECT_EQ(nodes.view().nodes[0].reason, "not read_only, says its probe");
    EXPECT_EQ(nodes.view().nodes[0].version_text, "8.0.36");
    nodes.observe(replica(0));
    EXPECT_EQ(nodes.view().nodes[0].reason, "in recovery, says its probe");
}

}  // namespace
}  // namespace penstock::control
