// SPDX-License-Identifier: Apache-2.0
//
// Two nodes that take writes, strangers, and nodes that flap: who is the primary, and who is quarantined.
#include "control/topology.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;
using router::node_state;

/// Every node has refused to tell once, so that nobody is waited for.
topology all_heard(topology nodes)
{
    for (std::uint32_t index = 0; index < nodes.view().nodes.size() && nodes.view().nodes.size() > 1; ++index) {
        nodes.observe(probe_observation{.node = {index}, .how = kind::refused, .fault = "too many clients already"});
    }
    return nodes;
}

topology cluster_of(std::size_t count, router::node_role first = router::node_role::unknown)
{
    std::vector<node_address> nodes;
    for (std::size_t index = 0; index < count; ++index) {
        nodes.push_back({"db" + std::to_string(index), 5432});
    }
    nodes.front().role = first;
    return all_heard(topology{"main", nodes});
}

/// A node that answers, with its history.
probe_observation says(std::uint32_t node, bool in_recovery, std::optional<history> past)
{
    probe_observation seen;
    seen.node = {node};
    seen.how = kind::answered;
    seen.in_recovery = in_recovery;
    seen.past = std::move(past);
    return seen;
}

probe_observation primary(std::uint32_t node, std::uint64_t timeline, const char* database = "7")
{
    return says(node, false, history{.database = database, .timeline = timeline});
}

probe_observation replica(std::uint32_t node, std::uint64_t timeline, const char* database = "7")
{
    return says(node, true, history{.database = database, .timeline = timeline});
}

probe_observation failure(std::uint32_t node)
{
    return {.node = {node}, .how = kind::failed, .fault = "connection refused"};
}

probe_observation untold(std::uint32_t node)
{
    return says(node, false, std::nullopt);
}

/// A MySQL server that takes writes and has these transactions.
probe_observation writer(std::uint32_t node, const char* executed)
{
    return says(node, false, history{.executed = router::gtid_set::parse(executed)});
}

probe_observation reader(std::uint32_t node)
{
    return says(node, true, std::nullopt);
}

void take(topology& nodes, const std::vector<probe_observation>& seen)
{
    for (const auto& each : seen) {
        nodes.observe(each);
    }
}

constexpr auto a1 = "aaaaaaaa-0000-0000-0000-000000000001:1-5";
constexpr auto a1_more = "aaaaaaaa-0000-0000-0000-000000000001:1-7";
constexpr auto a1_and_b = "aaaaaaaa-0000-0000-0000-000000000001:1-5,bbbbbbbb-0000-0000-0000-000000000001:1";
constexpr auto a1_more_and_b = "aaaaaaaa-0000-0000-0000-000000000001:1-7,bbbbbbbb-0000-0000-0000-000000000001:1-2";

struct row {
    const char* name;
    std::vector<probe_observation> seen;
    std::optional<std::size_t> primary;
    std::vector<std::uint32_t> quarantined;
};

void check(const std::vector<row>& table)
{
    for (const auto& each : table) {
        auto nodes = cluster_of(3);
        take(nodes, each.seen);
        EXPECT_EQ(nodes.view().primary_index, each.primary) << each.name;
        std::vector<std::uint32_t> quarantined;
        for (const auto& node : nodes.view().nodes) {
            if (node.state == node_state::quarantined) {
                quarantined.push_back(node.id.value);
            }
        }
        EXPECT_EQ(quarantined, each.quarantined) << each.name;
    }
}

TEST(TopologyHistories, TheLaterTimelineWins)
{
    check({
        {"a replica is promoted beside the primary", {primary(0, 1), replica(1, 1), primary(1, 2)}, 1, {0}},
        {"in whatever order they are seen first", {primary(1, 2), primary(0, 1)}, 1, {0}},
        {"the old one goes on saying so", {primary(0, 1), primary(1, 2), primary(0, 1), primary(1, 2)}, 1, {0}},
        {"and becomes a replica", {primary(0, 1), primary(1, 2), replica(0, 1)}, 1, {}},
        {"and is promoted again", {primary(0, 1), primary(1, 2), replica(0, 2), primary(0, 3)}, 0, {1}},
        {"the old one returns while the new one is down",
         {primary(0, 1),
          failure(0),
          failure(0),
          failure(0),
          primary(1, 2),
          failure(1),
          failure(1),
          failure(1),
          primary(0, 1)},
         std::nullopt,
         {0}},
        {"a replica has followed a promotion that was not seen", {replica(1, 2), primary(0, 1)}, std::nullopt, {0}},
        {"the replica is made anew from the old primary", {replica(1, 2), primary(0, 1), replica(1, 1)}, 0, {}},
        {"a replica that is still on the old timeline", {primary(0, 2), replica(1, 1)}, 0, {}},
    });
}

TEST(TopologyHistories, TwoWritersOnOneTimelineAreHeld)
{
    check({
        {"none of them was it before", {replica(0, 1), replica(1, 1), primary(0, 2), primary(1, 2)}, std::nullopt, {}},
        {"one of them was", {primary(0, 1), primary(1, 1)}, std::nullopt, {}},
        {"until one is a replica", {primary(0, 1), primary(1, 1), replica(1, 1)}, 0, {}},
        {"or has failed", {primary(0, 1), primary(1, 1), failure(0), failure(0), failure(0)}, 1, {}},
    });
    auto nodes = cluster_of(2);
    take(nodes, {primary(0, 1), primary(1, 1)});
    EXPECT_EQ(nodes.view().reason, "several nodes take writes, and each has what another one lacks");
}

TEST(TopologyHistories, OneServerUnderTwoNamesIsNotTwoWriters)
{
    auto nodes = cluster_of(2);
    auto one = primary(0, 1);
    auto other = primary(1, 1);
    one.writes_with = other.writes_with = "server 7 started at 1";
    take(nodes, {one, other});
    EXPECT_EQ(nodes.view().primary_index, 0U);
    take(nodes, {failure(0), failure(0), failure(0)});
    EXPECT_EQ(nodes.view().primary_index, 1U);
    take(nodes, {one});
    EXPECT_TRUE(nodes.view().nodes[0].is_up()) << "nobody has replaced it";
}

TEST(TopologyHistories, TheSetOfTransactionsThatHasTheOtherWins)
{
    check({
        {"made writable by mistake, and nothing written there",
         {writer(0, a1), reader(1), writer(1, a1), writer(0, a1_more)},
         0,
         {}},
        {"the old one that comes back has what was not sent to the new one in time, which has nothing of its own yet",
         {writer(0, a1), failure(0), failure(0), failure(0), writer(1, a1), writer(0, a1_more), writer(1, a1)},
         1,
         {0}},
        {"the newer answer may only be newer", {writer(0, a1), writer(1, a1_more)}, 0, {}},
        {"what the older answer lacked then it may have now", {writer(0, a1), writer(1, a1_and_b)}, 0, {}},
        {"but not once it says that it has not", {writer(0, a1), writer(1, a1_and_b), writer(0, a1)}, 1, {0}},
        {"the old primary returns without what was written since",
         {writer(0, a1), failure(0), failure(0), failure(0), writer(1, a1_and_b), writer(0, a1)},
         1,
         {0}},
        {"both have what the other one lacks",
         {writer(0, a1), writer(1, a1_and_b), writer(0, a1_more)},
         std::nullopt,
         {}},
        {"and then one has it all",
         {writer(0, a1), writer(1, a1_and_b), writer(0, a1_more), reader(1), writer(0, a1_more_and_b)},
         0,
         {}},
    });
}

TEST(TopologyHistories, APrimaryThatWasReplacedIsNotWrittenToAgain)
{
    check({
        {"nothing is known of their histories: it returns", {untold(0), failure(0), untold(1), untold(0)}, 1, {0}},
        {"and its successor fails",
         {untold(0), failure(0), untold(1), untold(0), failure(1), failure(1), failure(1)},
         std::nullopt,
         {0}},
        {"it becomes a replica and is promoted",
         {untold(0), failure(0), untold(1), reader(0), untold(0), failure(1), failure(1), failure(1)},
         0,
         {}},
        {"its successor was a replica before it", {untold(0), reader(0), untold(1), reader(1), untold(0)}, 0, {}},
    });
    auto nodes = cluster_of(2);
    take(nodes, {untold(0), failure(0), untold(1), untold(0), failure(1), failure(1), failure(1)});
    EXPECT_EQ(nodes.view().reason,
              "no node that is up is known to be the primary; of db0:5432: it takes writes, but db1:5432 has replaced "
              "it as the primary");
    EXPECT_EQ(nodes.view().nodes[0].reason, "it takes writes, but db1:5432 has replaced it as the primary");
}

TEST(TopologyHistories, ARoleThatIsGivenIsNotDoubted)
{
    auto nodes = cluster_of(2, router::node_role::primary);
    take(nodes, {primary(0, 1), primary(1, 2)});
    EXPECT_EQ(nodes.view().primary_index, 0U);
    EXPECT_TRUE(nodes.view().nodes[0].is_up());
}

TEST(TopologyHistories, AnotherClustersNodeIsQuarantined)
{
    check({
        {"a replica", {primary(0, 1), replica(1, 1, "8")}, 0, {1}},
        {"a primary with a later timeline", {primary(0, 1), primary(1, 5, "8")}, 0, {1}},
        {"though the primary is down",
         {primary(0, 1), replica(2, 1), failure(0), failure(0), failure(0), primary(1, 5, "8")},
         std::nullopt,
         {1}},
        {"it is made anew from the primary", {primary(0, 1), replica(1, 1, "8"), replica(1, 1)}, 0, {}},
        {"nobody knows which of them is the stranger", {primary(0, 1, ""), replica(1, 1, "8")}, 0, {}},
        {"the whole cluster is made anew",
         {primary(0, 4), replica(1, 4), replica(1, 1, "8"), primary(0, 1, "8")},
         0,
         {}},
    });
    auto nodes = cluster_of(2);
    take(nodes, {primary(0, 1), replica(1, 1, "8")});
    ASSERT_EQ(nodes.events().size(), 2U);
    EXPECT_EQ(nodes.events()[0],
              (topology_event{"node is quarantined",
                              "db1:5432",
                              "it belongs to another cluster: its system identifier is 8, that of the primary 7",
                              true}));
}

/// A MySQL server that takes writes though it replicates from another one.
probe_observation follower(std::uint32_t node, const char* executed)
{
    auto seen = writer(node, executed);
    seen.follows = true;
    return seen;
}

TEST(TopologyHistories, OneThatReplicatesIsAReplicaThoughItTakesWrites)
{
    check({
        {"beside the primary", {writer(0, a1), follower(1, a1), writer(0, a1_more), follower(1, a1)}, 0, {}},
        {"seen first", {follower(1, a1), writer(0, a1)}, 0, {}},
        {"the primary fails, nobody is promoted",
         {writer(0, a1), follower(1, a1), failure(0), failure(0), failure(0), follower(1, a1)},
         std::nullopt,
         {}},
        {"it is promoted", {writer(0, a1), follower(1, a1), failure(0), failure(0), failure(0), writer(1, a1)}, 1, {}},
        {"both follow each other: the one that was it stays", {follower(0, a1), follower(1, a1)}, 0, {}},
        {"and is followed by the other one",
         {follower(0, a1), follower(1, a1), failure(0), failure(0), failure(0), follower(1, a1)},
         1,
         {}},
    });
    auto nodes = cluster_of(2);
    take(nodes, {writer(0, a1), follower(1, a1)});
    EXPECT_EQ(nodes.view().nodes[1].role, router::node_role::replica);
}

TEST(TopologyHistories, AtFirstTheMajorityTellsWhoTheStrangerIs)
{
    topology nodes{"main", {{"db0", 5432}, {"db1", 5432}, {"db2", 5432}}};
    take(nodes, {primary(0, 9, "8"), replica(1, 1), primary(2, 1)});
    EXPECT_EQ(nodes.view().primary_index, 2U);
    EXPECT_EQ(nodes.view().nodes[0].state, node_state::quarantined);
    topology pair{"main", {{"db0", 5432}, {"db1", 5432}}};
    take(pair, {primary(0, 9, "8"), primary(1, 1)});
    EXPECT_EQ(pair.view().primary_index, std::nullopt);
}

TEST(TopologyHistories, ANodeThatFlapsIsQuarantinedUntilItIsSteady)
{
    auto nodes = cluster_of(2);
    take(nodes, {untold(0), reader(1)});
    for (int change = 0; change < 3; ++change) {
        EXPECT_TRUE(nodes.view().nodes[1].is_up());
        take(nodes, {untold(1), reader(1)});
    }
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined);
    EXPECT_EQ(nodes.view().nodes[1].reason, "it flaps: its role has changed 6 times in its last 16 answers");
    for (int steady = 0; steady < 11; ++steady) {
        EXPECT_FALSE(nodes.view().nodes[1].is_up()) << steady;
        take(nodes, {reader(1)});
    }
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
}

TEST(TopologyHistories, ManyPromotionsInARowAreNoFlapping)
{
    auto nodes = cluster_of(2);
    take(nodes, {primary(0, 1), replica(1, 1)});
    for (std::uint32_t timeline = 2; timeline < 20; ++timeline) {
        const auto promoted = (timeline + 1) % 2;
        take(nodes, {failure(1 - promoted), failure(1 - promoted), failure(1 - promoted), primary(promoted, timeline)});
        EXPECT_EQ(nodes.view().primary_index, promoted) << timeline;
        take(nodes, {replica(1 - promoted, timeline)});
        EXPECT_TRUE(nodes.view().nodes[0].is_up() && nodes.view().nodes[1].is_up()) << timeline;
    }
}

TEST(TopologyHistories, OnesThatComeBackAsReplicasDoNotFlapForThat)
{
    auto nodes = cluster_of(2);
    take(nodes, {untold(0), reader(1)});
    for (std::uint32_t failover = 0; failover < 20; ++failover) {
        const auto promoted = (failover + 1) % 2;
        take(nodes,
             {failure(1 - promoted), failure(1 - promoted), failure(1 - promoted), untold(promoted), untold(promoted)});
        EXPECT_EQ(nodes.view().primary_index, promoted) << failover;
        take(nodes, {reader(1 - promoted), reader(1 - promoted)});
        EXPECT_TRUE(nodes.view().nodes[0].is_up() && nodes.view().nodes[1].is_up()) << failover;
    }
}

TEST(TopologyHistories, AnOnlyNodeIsNeverQuarantined)
{
    auto nodes = cluster_of(1);
    take(nodes, {primary(0, 3), replica(0, 1, "8"), primary(0, 1, "9")});
    EXPECT_EQ(nodes.view().primary_index, 0U);
    EXPECT_TRUE(nodes.view().nodes[0].is_up());
}

}  // namespace
}  // namespace penstock::control
