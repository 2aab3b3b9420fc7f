// SPDX-License-Identifier: Apache-2.0
//
// Nodes that are found in lists of members, return, and are left.
#include "control/topology.hpp"

#include "router/freshness_board.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;
using router::node_role;
using router::node_state;

probe_observation told(std::uint32_t node, bool in_recovery)
{
    return {.node = {node}, .how = kind::answered, .in_recovery = in_recovery, .max_connections = 100};
}

member_list listing(const std::vector<std::string>& hosts, const std::string& leader = "db0")
{
    member_list list;
    for (const auto& each : hosts) {
        list.members.push_back({.host = each, .port = 5432, .leads = each == leader});
    }
    return list;
}

void observe_often(topology& nodes, const member_list& list, std::uint32_t times)
{
    for (std::uint32_t each = 0; each < times; ++each) {
        nodes.observe(list);
    }
}

/// db0, the primary.
topology one_node()
{
    topology nodes{"main", {{"db0", 5432}}, 3, true};
    nodes.observe(told(0, false));
    return nodes;
}

/// And db1, a replica that was found.
topology two_nodes()
{
    auto nodes = one_node();
    nodes.observe(listing({"db0", "db1"}));
    nodes.observe(told(1, true));
    return nodes;
}

TEST(TopologyMembers, ASingleNodeIsPresumedToBeNothingWhereMoreMayBeFound)
{
    topology nodes{"main", {{"db0", 5432}}, 3, true};
    EXPECT_EQ(nodes.view().primary(), nullptr);
    nodes.observe(told(0, true));
    EXPECT_EQ(nodes.view().primary(), nullptr);
    EXPECT_EQ(nodes.view().nodes[0].role, node_role::replica);
    nodes.observe(told(0, false));
    EXPECT_EQ(nodes.view().primary_index, 0U);
}

TEST(TopologyMembers, AFoundNodeIsWhatItsProbeSaysNotWhatTheListSays)
{
    auto nodes = one_node();
    const auto version = nodes.view().version;
    EXPECT_TRUE(nodes.observe(listing({"db0", "db1"}, "db1")));
    EXPECT_GT(nodes.view().version, version);
    ASSERT_EQ(nodes.view().nodes.size(), 2U);
    EXPECT_EQ(nodes.view().nodes[1].id.value, 1U);
    EXPECT_EQ(nodes.view().nodes[1].host, "db1");
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::unknown);
    EXPECT_EQ(nodes.view().primary_index, 0U);
    EXPECT_TRUE(nodes.contradicts(listing({"db0", "db1"}, "db1")));
    EXPECT_FALSE(nodes.contradicts(listing({"db0", "db1"}, "db0")));
    ASSERT_EQ(nodes.events().size(), 1U);
    EXPECT_EQ(nodes.events()[0], (topology_event{"node is found", "db1:5432", "its cluster lists it"}));
    nodes.observe(told(1, true));
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::replica);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
}

TEST(TopologyMembers, TheSameListAgainChangesNothing)
{
    auto nodes = two_nodes();
    EXPECT_FALSE(nodes.observe(listing({"db0", "db1"})));
    EXPECT_FALSE(nodes.observe(listing({"DB1", "db0"}))) << "names of hosts have no case";
    EXPECT_TRUE(nodes.events().empty());
}

TEST(TopologyMembers, AListWithAFaultChangesNothing)
{
    auto nodes = two_nodes();
    auto broken = listing({"db2"});
    broken.fault = "its answer is no JSON object";
    for (std::uint32_t each = 0; each < 10; ++each) {
        EXPECT_FALSE(nodes.observe(broken));
    }
    EXPECT_EQ(nodes.view().nodes.size(), 2U);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
}

TEST(TopologyMembers, AFoundNodeIsLeftAfterSeveralListsWithoutIt)
{
    auto nodes = two_nodes();
    observe_often(nodes, listing({"db0"}), topology::lists_until_left - 1);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
    nodes.observe(listing({"db0", "db1"}));
    observe_often(nodes, listing({"db0"}), topology::lists_until_left - 1);
    EXPECT_TRUE(nodes.view().nodes[1].is_up()) << "in a row";
    EXPECT_TRUE(nodes.observe(listing({"db0"})));
    ASSERT_EQ(nodes.view().nodes.size(), 2U) << "places stay";
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::left);
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::unknown);
    ASSERT_EQ(nodes.events().size(), 1U);
    EXPECT_EQ(nodes.events()[0].what, "node is left: its cluster lists it no more");
    EXPECT_FALSE(nodes.observe(told(1, true))) << "a probe that was under way";
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::left);
}

TEST(TopologyMembers, ANodeThatReturnsHasItsPlaceAgainAndIsProbedFirst)
{
    auto nodes = two_nodes();
    observe_often(nodes, listing({"db0"}), topology::lists_until_left);
    nodes.observe(listing({"db0", "db2"}));
    EXPECT_TRUE(nodes.observe(listing({"db0", "db1", "db2"})));
    ASSERT_EQ(nodes.view().nodes.size(), 3U);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::unknown);
    nodes.observe(told(1, true));
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::replica);
}

TEST(TopologyMembers, WhatIsConfiguredIsNeverLeft)
{
    topology nodes{"main", {{"db0", 5432}, {"db1", 5432}}, 3, true};
    nodes.observe(told(0, false));
    nodes.observe(told(1, true));
    observe_often(nodes, listing({"db0"}), 10);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
}

TEST(TopologyMembers, ThePrimaryByItsOwnProbesIsNotLeft)
{
    auto nodes = two_nodes();
    nodes.observe(told(1, false));
    nodes.observe(told(0, true));
    ASSERT_EQ(nodes.view().primary_index, 1U);
    observe_often(nodes, listing({"db0"}), 10);
    EXPECT_EQ(nodes.view().primary_index, 1U);
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
    for (int each = 0; each < 3; ++each) {
        nodes.observe(probe_observation{.node = {1}, .how = kind::failed, .fault = "connection refused"});
    }
    nodes.observe(listing({"db0"}));
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::left);
    EXPECT_EQ(nodes.view().primary(), nullptr);
    nodes.observe(told(0, false));
    EXPECT_EQ(nodes.view().primary_index, 0U);
}

TEST(TopologyMembers, AnOldPrimaryThatReturnsIsNotWrittenTo)
{
    auto nodes = two_nodes();
    const auto with = [](probe_observation seen, std::uint64_t timeline) {
        seen.past = history{.database = "7", .timeline = timeline};
        return seen;
    };
    nodes.observe(with(told(1, true), 1));
    nodes.observe(with(told(0, true), 1));
    nodes.observe(with(told(1, false), 2));
    nodes.observe(with(told(0, true), 2));
    ASSERT_EQ(nodes.view().primary_index, 1U);
    nodes.observe(listing({"db1", "db2"}, "db1"));
    nodes.observe(with(told(2, true), 2));
    nodes.observe(with(told(2, false), 3));
    ASSERT_EQ(nodes.view().primary_index, 2U) << "the later timeline";
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined);
    observe_often(nodes, listing({"db0", "db2"}, "db2"), topology::lists_until_left);
    ASSERT_EQ(nodes.view().nodes[1].state, node_state::left);
    nodes.observe(listing({"db0", "db1", "db2"}, "db1"));
    nodes.observe(with(told(1, false), 2));
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined);
    EXPECT_EQ(nodes.view().primary_index, 2U);
}

probe_observation of_database(const std::string& database, probe_observation seen)
{
    seen.past = history{.database = database, .timeline = 1};
    return seen;
}

TEST(TopologyMembers, WhatIsConfiguredTellsWhichClusterItIsHoweverManyWereFound)
{
    topology nodes{"main", {{"db0", 5432}}, 3, true};
    nodes.observe(listing({"db0", "db1", "db2"}));
    nodes.observe(of_database("9", told(1, false)));
    nodes.observe(of_database("9", told(2, true)));
    nodes.observe(of_database("7", told(0, false)));
    EXPECT_EQ(nodes.view().primary_index, 0U);
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined);
    EXPECT_EQ(nodes.view().nodes[2].state, node_state::quarantined);
}

TEST(TopologyMembers, WhereNoConfiguredNodeAnswersThoseThatWereFoundTell)
{
    topology nodes{"main", {{"db0", 5432}}, 3, true};
    nodes.observe(listing({"db0", "db1", "db2", "db3"}));
    nodes.observe(of_database("7", told(1, false)));
    nodes.observe(of_database("7", told(2, true)));
    nodes.observe(of_database("9", told(3, false)));
    for (int each = 0; each < 3; ++each) {
        nodes.observe(probe_observation{.node = {0}, .how = kind::failed, .fault = "connection refused"});
    }
    EXPECT_EQ(nodes.view().primary_index, 1U);
}

TEST(TopologyMembers, AFoundNodeThatDoesNotTellWhichClusterItIsOfIsNotUsed)
{
    topology nodes{"main", {{"db0", 5432}, {"db1", 5432}}, 3, true};
    nodes.observe(of_database("7", told(0, false)));
    nodes.observe(told(1, true));
    EXPECT_TRUE(nodes.view().nodes[1].is_up()) << "what is configured need not tell";
    nodes.observe(listing({"db0", "db1", "db2"}));
    EXPECT_TRUE(nodes.view().nodes[2].is_up()) << "it has not been asked yet";
    nodes.observe(told(2, true));
    EXPECT_EQ(nodes.view().nodes[2].state, node_state::quarantined);
    for (int each = 0; each < 3; ++each) {
        nodes.observe(probe_observation{.node = {0}, .how = kind::failed, .fault = "connection refused"});
    }
    nodes.observe(told(2, false));
    EXPECT_EQ(nodes.view().primary(), nullptr);
    nodes.observe(of_database("7", told(2, false)));
    EXPECT_EQ(nodes.view().primary_index, 2U);
}

TEST(TopologyMembers, ANodeIsOfTheClusterThatItToldLast)
{
    auto nodes = one_node();
    nodes.observe(of_database("7", told(0, false)));
    nodes.observe(listing({"db0", "db1", "db2"}));
    nodes.observe(of_database("7", told(1, true)));
    nodes.observe(of_database("9", told(2, true)));
    nodes.observe(told(1, true));
    EXPECT_TRUE(nodes.view().nodes[1].is_up());
    nodes.observe(told(2, true));
    EXPECT_EQ(nodes.view().nodes[2].state, node_state::quarantined);
    observe_often(nodes, listing({"db0"}), topology::lists_until_left);
    nodes.observe(listing({"db0", "db1"}));
    nodes.observe(told(1, true));
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined) << "another server may be there now";
}

TEST(TopologyMembers, OneThatDoesNotRunYetIsNoNewNode)
{
    auto nodes = one_node();
    auto list = listing({"db0", "db1"});
    list.members[1].runs = false;
    EXPECT_FALSE(nodes.observe(list));
    EXPECT_EQ(nodes.view().nodes.size(), 1U);
    list.members[1].runs = true;
    EXPECT_TRUE(nodes.observe(list));
    list.members[1].runs = false;
    observe_often(nodes, list, 10);
    EXPECT_NE(nodes.view().nodes[1].state, node_state::left) << "it is still listed: its probes tell how it is";
}

TEST(TopologyMembers, TheClusterMaySpareAReplica)
{
    auto nodes = two_nodes();
    auto list = listing({"db0", "db1"});
    list.members[1].reads = false;
    EXPECT_TRUE(nodes.observe(list));
    EXPECT_TRUE(nodes.view().nodes[1].spared);
    EXPECT_TRUE(nodes.observe(listing({"db0", "db1"})));
    EXPECT_FALSE(nodes.view().nodes[1].spared);
}

TEST(TopologyMembers, AnAddressOfAConfiguredNodeIsThatNode)
{
    auto nodes = one_node();
    nodes.observe(address_observation{{0}, {*net::numeric_endpoint("10.0.0.1", 5432)}, {}});
    auto list = listing({"10.0.0.1"});
    EXPECT_FALSE(nodes.observe(list));
    EXPECT_EQ(nodes.view().nodes.size(), 1U);
    list.members[0].port = 5433;
    EXPECT_TRUE(nodes.observe(list)) << "another server there";
}

TEST(TopologyMembers, ANameOfAllServersIsNoneOfThem)
{
    auto nodes = one_node();
    const auto first = *net::numeric_endpoint("10.0.0.1", 5432);
    nodes.observe(address_observation{{0}, {first, *net::numeric_endpoint("10.0.0.2", 5432)}, {}});
    nodes.observe(listing({"10.0.0.1", "10.0.0.2"}));
    EXPECT_EQ(nodes.view().nodes.size(), 3U);
    auto other = one_node();
    other.observe(address_observation{{0}, {*net::numeric_endpoint("::1", 5432), first}, {}});
    EXPECT_FALSE(other.observe(listing({"10.0.0.1"}))) << "one server has an address of each kind";
}

TEST(TopologyMembers, OneFoundByAddressBeforeTheNameWasResolvedIsLeft)
{
    auto nodes = one_node();
    nodes.observe(listing({"10.0.0.1"}));
    ASSERT_EQ(nodes.view().nodes.size(), 2U);
    nodes.observe(address_observation{{1}, {*net::numeric_endpoint("10.0.0.1", 5432)}, {}});
    nodes.observe(address_observation{{0}, {*net::numeric_endpoint("10.0.0.1", 5432)}, {}});
    observe_often(nodes, listing({"10.0.0.1"}), topology::lists_until_left);
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::left);
}

std::vector<std::string> hosts(std::size_t from, std::size_t until)
{
    std::vector<std::string> names{"db0"};
    for (auto each = from; each < until; ++each) {
        names.push_back("db" + std::to_string(each));
    }
    return names;
}

TEST(TopologyMembers, APlaceIsGivenAwayOnlyWhenThereIsNoOtherAndAfterLong)
{
    auto nodes = one_node();
    nodes.observe(listing(hosts(1, router::most_nodes)));
    ASSERT_EQ(nodes.view().nodes.size(), router::most_nodes);
    observe_often(nodes, listing(hosts(2, router::most_nodes)), topology::lists_until_left);
    ASSERT_EQ(nodes.view().nodes[1].state, node_state::left);
    auto list = listing(hosts(2, router::most_nodes + 1));
    nodes.observe(list);
    EXPECT_EQ(nodes.view().nodes[1].host, "db1");
    ASSERT_EQ(nodes.events().size(), 1U);
    EXPECT_TRUE(nodes.events()[0].needs_attention);
    nodes.observe(list);
    EXPECT_TRUE(nodes.events().empty()) << "said once";
    observe_often(nodes, list, topology::lists_until_reused);
    EXPECT_EQ(nodes.view().nodes.size(), router::most_nodes);
    EXPECT_EQ(nodes.view().nodes[1].host, "db64");
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::up);
    EXPECT_EQ(nodes.view().nodes[1].role, node_role::unknown);
    EXPECT_TRUE(nodes.view().nodes[1].endpoints.empty());
}

/// As many as there may be; db1 is the primary.
topology full_cluster()
{
    auto nodes = one_node();
    nodes.observe(listing(hosts(1, router::most_nodes)));
    nodes.observe(told(1, false));
    nodes.observe(told(0, true));
    return nodes;
}

void fail(topology& nodes, std::uint32_t node, int times)
{
    for (int each = 0; each < times; ++each) {
        nodes.observe(probe_observation{.node = {node}, .how = kind::failed, .fault = "connection refused"});
    }
}

/// All but that one, and one that has no place.
member_list without(std::size_t left)
{
    auto list = listing(hosts(1, router::most_nodes + 1));
    list.members.erase(list.members.begin() + static_cast<std::ptrdiff_t>(left));
    return list;
}

constexpr auto long_enough = 2 * (topology::lists_until_left + topology::lists_until_reused);

TEST(TopologyMembers, TheLastPrimarysPlaceIsNotGivenAway)
{
    auto nodes = full_cluster();
    ASSERT_EQ(nodes.view().primary_index, 1U);
    fail(nodes, 1, 3);
    observe_often(nodes, without(1), long_enough);
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::left);
    EXPECT_EQ(nodes.view().nodes[1].host, "db1");
    nodes.observe(told(0, false));
    ASSERT_EQ(nodes.view().primary_index, 0U);
    nodes.observe(without(1));
    EXPECT_EQ(nodes.view().nodes[1].host, "db64") << "now there is another one";
}

TEST(TopologyMembers, ThePlaceOfOneThatHasReplacedAPrimaryIsNotGivenAway)
{
    auto nodes = full_cluster();
    fail(nodes, 1, 1);
    nodes.observe(told(2, false));
    ASSERT_EQ(nodes.view().primary_index, 2U);
    fail(nodes, 2, 3);
    nodes.observe(told(3, false));
    ASSERT_EQ(nodes.view().primary_index, 3U);
    nodes.observe(told(1, false));
    ASSERT_EQ(nodes.view().nodes[1].state, node_state::quarantined);
    observe_often(nodes, without(2), long_enough);
    EXPECT_EQ(nodes.view().nodes[2].state, node_state::left);
    EXPECT_EQ(nodes.view().nodes[2].host, "db2");
    EXPECT_EQ(nodes.view().nodes[1].state, node_state::quarantined) << "db2 has replaced it";
    nodes.observe(told(1, true));
    nodes.observe(without(2));
    EXPECT_EQ(nodes.view().nodes[2].host, "db64") << "db1 is a replica, whoever replaced it";
}

TEST(TopologyMembers, ANodeInAnothersPlaceIsNotTakenForIt)
{
    auto nodes = full_cluster();
    nodes.observe(of_database("7", told(1, false)));
    nodes.observe(of_database("9", told(2, true)));
    ASSERT_EQ(nodes.view().nodes[2].state, node_state::quarantined);
    observe_often(nodes, without(2), long_enough);
    ASSERT_EQ(nodes.view().nodes[2].host, "db64");
    EXPECT_TRUE(nodes.view().nodes[2].is_up());
    nodes.observe(of_database("7", told(2, true)));
    EXPECT_EQ(nodes.view().nodes[2].role, node_role::replica);
    EXPECT_TRUE(nodes.view().nodes[2].is_up());
}

}  // namespace
}  // namespace penstock::control
