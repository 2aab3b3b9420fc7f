// SPDX-License-Identifier: Apache-2.0
#include "router/doubt.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace penstock::router {

namespace {

using enum doubt_verdict;

cluster_view view_of(std::vector<node> nodes, std::optional<std::size_t> primary)
{
    cluster_view view;
    view.nodes = std::move(nodes);
    view.primary_index = primary;
    return view;
}

node named(std::string host, node_role role, node_state state = node_state::up)
{
    return {.host = std::move(host), .port = 1, .role = role, .state = state};
}

const auto as_before = view_of({named("a", node_role::primary), named("b", node_role::replica)}, 0);

doubt_verdict of_demoted(const cluster_view& view, node_finding seen = node_finding::none)
{
    return judge_doubt(doubt::demoted, view, "a:1", seen);
}

TEST(Doubt, OfAPrimaryThatRefusesWritesIsAskedAbout)
{
    EXPECT_EQ(of_demoted(as_before), ask);
    EXPECT_EQ(of_demoted(as_before, node_finding::silent), ask);
    EXPECT_EQ(of_demoted(as_before, node_finding::alive), again) << "it was read-only for a moment";
    EXPECT_EQ(of_demoted(as_before, node_finding::unknown), answer);
}

TEST(Doubt, EndsWhereThereIsAnotherPrimaryOrNone)
{
    for (const auto seen : {node_finding::none, node_finding::silent, node_finding::unknown}) {
        EXPECT_EQ(of_demoted(view_of({named("a", node_role::replica), named("b", node_role::primary)}, 1), seen),
                  again);
        EXPECT_EQ(of_demoted(view_of({named("a", node_role::replica), named("b", node_role::replica)}, {}), seen),
                  again);
    }
    EXPECT_EQ(of_demoted(view_of({named("b", node_role::primary)}, 0)), again) << "it was left";
}

TEST(Doubt, OfTheOnlyNodeEndsWhereItIsReadOnly)
{
    EXPECT_EQ(of_demoted(view_of({named("a", node_role::primary)}, 0)), ask);
    EXPECT_EQ(of_demoted(view_of({named("a", node_role::replica)}, 0)), answer);
    EXPECT_EQ(of_demoted(view_of({named("a", node_role::primary, node_state::down)}, 0)), again) << "it is waited for";
}

TEST(Doubt, OfAServerThatBreaksAReadOffEndsWithWhatItIs)
{
    const auto of = [](const cluster_view& view, node_finding seen) {
        return judge_doubt(doubt::interrupted, view, "b:1", seen);
    };
    EXPECT_EQ(of(as_before, node_finding::none), ask);
    EXPECT_EQ(of(as_before, node_finding::silent), again);
    EXPECT_EQ(of(as_before, node_finding::alive), answer) << "somebody has meant it";
    EXPECT_EQ(of(as_before, node_finding::unknown), answer);
    EXPECT_EQ(of(view_of({named("b", node_role::replica, node_state::down)}, {}), node_finding::none), again);
}

TEST(Doubt, OfAPrimaryThatWasLostEndsWhereItAnswersOrIsItNoMore)
{
    const auto of = [](const cluster_view& view, node_finding seen) {
        return judge_doubt(doubt::lost, view, "a:1", seen);
    };
    EXPECT_EQ(of(as_before, node_finding::none), ask);
    EXPECT_EQ(of(as_before, node_finding::silent), ask);
    EXPECT_EQ(of(as_before, node_finding::alive), again);
    EXPECT_EQ(of(as_before, node_finding::unknown), again);
    EXPECT_EQ(of(view_of({named("a", node_role::primary, node_state::down)}, 0), node_finding::silent), again);
    EXPECT_EQ(of(view_of({named("a", node_role::replica), named("b", node_role::primary)}, 1), node_finding::none),
              again);
    EXPECT_EQ(of(view_of({named("a", node_role::replica)}, {}), node_finding::silent), again);
}

TEST(Doubt, OfAPrimaryThatSaysSomebodyHasEndedItEndsWithWhatItIs)
{
    const auto of = [](const cluster_view& view, node_finding seen) {
        return judge_doubt(doubt::ended, view, "a:1", seen);
    };
    EXPECT_EQ(of(as_before, node_finding::none), ask);
    EXPECT_EQ(of(as_before, node_finding::silent), again);
    EXPECT_EQ(of(as_before, node_finding::alive), answer) << "the connection alone was meant";
    EXPECT_EQ(of(as_before, node_finding::unknown), answer);
    EXPECT_EQ(of(view_of({named("a", node_role::primary, node_state::down)}, 0), node_finding::none), again);
    EXPECT_EQ(of(view_of({named("a", node_role::replica), named("b", node_role::primary)}, 1), node_finding::alive),
              again)
        << "its server was to be the primary no more";
}

TEST(Doubt, OfNobodyIsNone)
{
    EXPECT_EQ(judge_doubt(doubt::none, as_before, "a:1", node_finding::none), answer);
}

}  // namespace
}  // namespace penstock::router
