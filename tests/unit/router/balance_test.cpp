// SPDX-License-Identifier: Apache-2.0
//
// Which replica serves, and that none of them is chosen that cannot.
#include "router/balance.hpp"

#include <gtest/gtest.h>

#include <map>

using namespace penstock;
using namespace penstock::router;

namespace {

constexpr time_point start{seconds{100000}};

/// A primary and so many replicas behind it.
cluster_view cluster_of(std::size_t replicas)
{
    cluster_view view;
    for (std::size_t place = 0; place <= replicas; ++place) {
        node one;
        one.id = {static_cast<std::uint32_t>(place)};
        one.role = place == 0 ? node_role::primary : node_role::replica;
        one.endpoints.push_back(*net::numeric_endpoint("127.0.0.1", 5432));
        view.nodes.push_back(one);
    }
    view.primary_index = 0;
    return view;
}

class Balance : public testing::Test {
protected:
    std::map<std::size_t, int> choose_often(int times, bool finish = true)
    {
        std::map<std::size_t, int> chosen;
        for (int each = 0; each < times; ++each) {
            const auto route = choose();
            ++chosen[route.replica.value_or(0)];
            if (route.replica && finish) {
                own.began(*route.replica);
                own.ended(*route.replica, milliseconds{1}, now);
            } else if (route.replica) {
                own.began(*route.replica);
            }
        }
        return chosen;
    }
    route choose()
    {
        own.follow(view, now);
        return own.choose(rules, board, needed, route_reason::read, now, {}, full);
    }

    cluster_view view = cluster_of(2);
    policy rules{.split = true};
    freshness_board board;
    freshness_needed needed;
    time_point now = start;
    node_set full;
    balance own;
};

TEST_F(Balance, SendsNothingToADrainedNode)
{
    view.nodes[1].drained = true;
    EXPECT_EQ(choose_often(10), (std::map<std::size_t, int>{{2, 10}}));
    view.nodes[2].drained = true;
    EXPECT_EQ(choose().replica, std::nullopt);
}

TEST_F(Balance, KnowsNothingOfANodeThatHasAnothersPlace)
{
    own.began(1);
    own.failed(1, now);
    own.began(1);
    ASSERT_TRUE(own.is_set_aside(1, now));
    own.forget(1);
    EXPECT_FALSE(own.is_set_aside(1, now));
    EXPECT_EQ(own.outstanding(1), 1U) << "what is under way there has yet to end";
    own.ended(1, seconds{10}, now);
    rules.method = balance_method::latency;
    EXPECT_EQ(choose_often(10), (std::map<std::size_t, int>{{2, 10}}));
    own.forget(1);
    EXPECT_EQ(choose_often(10).count(1), 1U) << "its own latency is not known";
}

TEST_F(Balance, GivesTheIdleOnesEqualShares)
{
    const auto chosen = choose_often(100);
    EXPECT_EQ(chosen.at(1), 50);
    EXPECT_EQ(chosen.at(2), 50);
}

TEST_F(Balance, PrefersTheOneWithFewerRequestsUnderWay)
{
    own.began(1);
    own.began(1);
    EXPECT_EQ(choose_often(20).at(2), 20);
}

TEST_F(Balance, WeighsWhatIsUnderWay)
{
    rules.nodes = {{}, {.weight = 300}, {.weight = 100}};
    const auto chosen = choose_often(80, false);
    EXPECT_EQ(chosen.at(1), 60);
    EXPECT_EQ(chosen.at(2), 20);
}

TEST_F(Balance, TakesTurns)
{
    rules.method = balance_method::round_robin;
    rules.nodes = {{}, {.weight = 300}, {.weight = 100}};
    own.began(1);
    EXPECT_EQ(choose_often(10).at(1), 5);
}

TEST_F(Balance, TakesTurnsByWeight)
{
    rules.method = balance_method::weighted;
    rules.nodes = {{}, {.weight = 300}, {.weight = 100}};
    EXPECT_EQ(choose_often(80).at(1), 60);
}

TEST_F(Balance, PrefersTheFasterOne)
{
    rules.method = balance_method::latency;
    for (const std::size_t node : {1U, 2U}) {
        own.began(node);
        own.ended(node, node == 1 ? milliseconds{1} : milliseconds{5}, now);
    }
    EXPECT_EQ(choose_often(20).at(1), 20);
}

TEST_F(Balance, TriesASlowNodeAgainAndBelievesWhatItSees)
{
    rules.method = balance_method::latency;
    for (const std::size_t node : {1U, 2U}) {
        own.began(node);
        own.ended(node, node == 1 ? milliseconds{1} : seconds{10}, now);
    }
    std::map<std::size_t, int> chosen;
    for (int second = 0; second < 120; ++second) {
        now += seconds{1};
        for (const auto& [node, times] : choose_often(10)) {
            chosen[node] += times;
        }
        if (second == 30) {
            EXPECT_FALSE(chosen.contains(2)) << "it took ten thousand times as long";
        }
    }
    EXPECT_GT(chosen[2], 100) << "it is as fast as the other by now";
}

TEST_F(Balance, ChoosesNoNodeThatCannotServe)
{
    struct row {
        const char* what;
        std::function<void(node&)> change;
    };
    const row table[] = {
        {"down", [](node& one) { one.state = node_state::down; }},
        {"its role is not known", [](node& one) { one.role = node_role::unknown; }},
        {"it has become the primary", [](node& one) { one.role = node_role::primary; }},
        {"no address", [](node& one) { one.endpoints.clear(); }},
    };
    for (const auto& row : table) {
        view = cluster_of(2);
        row.change(view.nodes[1]);
        EXPECT_EQ(choose_often(10).at(2), 10) << row.what;
    }
    rules.nodes = {{}, {.weight = 0}, {}};
    view = cluster_of(2);
    EXPECT_EQ(choose_often(10).at(2), 10) << "of no weight";
}

TEST_F(Balance, GoesToThePrimaryWhereThereIsNoReplica)
{
    view = cluster_of(0);
    EXPECT_EQ(choose(), (route{.replica = {}, .reason = route_reason::no_replica}));
}

TEST_F(Balance, PrefersWhatIsNearAndTakesBackupsLast)
{
    view = cluster_of(3);
    rules.nodes = {{}, {.backup = true}, {.near = false}, {}};
    EXPECT_EQ(choose_often(10).at(3), 10);
    view.nodes[3].state = node_state::down;
    EXPECT_EQ(choose_often(10).at(2), 10);
    view.nodes[2].state = node_state::down;
    EXPECT_EQ(choose_often(10).at(1), 10);
}

TEST_F(Balance, PassesOverWhatIsFullWhileAnotherHasRoom)
{
    full.set(1);
    for (const auto method : {balance_method::least_outstanding,
                              balance_method::round_robin,
                              balance_method::weighted,
                              balance_method::latency}) {
        rules.method = method;
        EXPECT_EQ(choose_often(10), (std::map<std::size_t, int>{{2, 10}}));
    }
    full.set(2);
    rules.method = balance_method::least_outstanding;
    EXPECT_EQ(choose_often(10), (std::map<std::size_t, int>{{1, 5}, {2, 5}})) << "all are: as if none were";
    full.reset(1);
    EXPECT_EQ(choose_often(10), (std::map<std::size_t, int>{{1, 10}}));
}

TEST_F(Balance, GoesFartherWhereAllThatIsNearIsFull)
{
    view = cluster_of(3);
    rules.nodes = {{}, {.backup = true}, {.near = false}, {}};
    full.set(3);
    EXPECT_EQ(choose_often(10).at(2), 10);
    full.set(2);
    EXPECT_EQ(choose_often(10).at(1), 10);
    full.set(1);
    EXPECT_EQ(choose_often(10).at(3), 10);
}

TEST_F(Balance, SendsWhatMustGoToOneNodeThereThoughItIsFull)
{
    full.set(1);
    own.follow(view, now);
    EXPECT_EQ(own.choose(rules, board, needed, route_reason::node, now, 1, full).replica, 1U);
}

TEST_F(Balance, PassesOverWhatIsFullOnlyIfAnotherIsFreshEnough)
{
    full.set(1);
    needed.own_write = start;
    board.set(1, start + duration{1});
    EXPECT_EQ(choose().replica, 1U);
    board.set(2, start + duration{1});
    EXPECT_EQ(choose().replica, 2U);
}

TEST_F(Balance, TakesTurnsAlsoWhereOneIsFullNowAndThen)
{
    view = cluster_of(3);
    rules.method = balance_method::round_robin;
    std::map<std::size_t, int> chosen;
    for (int each = 0; each < 3000; ++each) {
        full.reset();
        auto way = choose();
        if (way.replica == 1U && each % 10 != 0) {
            full.set(1);
            way = choose();
        }
        ++chosen[*way.replica];
    }
    EXPECT_NEAR(chosen.at(2), chosen.at(3), 30);
    EXPECT_GT(chosen.at(1), 90);
}

TEST_F(Balance, TakesOnlyWhatCoversTheOwnWrite)
{
    needed.own_write = start;
    EXPECT_EQ(choose(), (route{.replica = {}, .reason = route_reason::own_write}));
    board.set(1, start);  // asked for as the write ended: it may have been read before
    EXPECT_EQ(choose().reason, route_reason::own_write);
    board.set(1, start + duration{1});
    EXPECT_EQ(choose_often(10).at(1), 10);
}

TEST_F(Balance, TakesOnlyWhatIsYoungEnough)
{
    needed.for_lag = start - seconds{10};
    EXPECT_EQ(choose(), (route{.replica = {}, .reason = route_reason::lag}));
    board.set(2, start - seconds{10});
    EXPECT_EQ(choose_often(10).at(2), 10);
    needed.own_write = start;
    EXPECT_EQ(choose().reason, route_reason::own_write);
}

TEST_F(Balance, SetsAFailingNodeAsideForGrowingTimes)
{
    view = cluster_of(1);
    auto rest = balance::first_rest;
    for (int failure = 0; failure < 10; ++failure) {
        own.began(1);
        own.failed(1, now);
        EXPECT_EQ(choose(), (route{.replica = {}, .reason = route_reason::set_aside}));
        now += std::min(rest, balance::longest_rest) - duration{1};
        EXPECT_FALSE(choose().replica) << failure;
        now += duration{1};
        EXPECT_TRUE(choose().replica) << failure;
        rest *= 2;
    }
    own.began(1);
    own.ended(1, milliseconds{1}, now);
    own.failed(1, now);
    now += balance::first_rest;
    EXPECT_TRUE(choose().replica);
    EXPECT_EQ(own.outstanding(1), 0U);
}

TEST_F(Balance, CountsFailuresAtTheSameTimeOnce)
{
    for (int each = 0; each < 5; ++each) {
        own.failed(1, now);
    }
    now += balance::first_rest;
    EXPECT_FALSE(own.is_set_aside(1, now));
}

TEST_F(Balance, SetsNobodyAsideWhileThereIsNoPrimary)
{
    view = cluster_of(1);
    view.primary_index.reset();
    own.failed(1, now);
    EXPECT_TRUE(choose().replica);
}

TEST_F(Balance, StartsSlowlyAfterAReturn)
{
    rules.method = balance_method::weighted;
    view.nodes[1].state = node_state::down;
    choose_often(1);
    view.nodes[1].state = node_state::up;
    EXPECT_LE(choose_often(110).at(1), 11);
    now += balance::slow_start;
    EXPECT_GE(choose_often(100).at(1), 49);
}

TEST_F(Balance, IsServedAShareOfTheReadsByOneThatReturnsHoweverFewThereAre)
{
    for (const auto method : {balance_method::least_outstanding, balance_method::latency}) {
        own = {};
        rules.method = method;
        view.nodes[1].state = node_state::down;
        choose_often(10);
        view.nodes[1].state = node_state::up;
        const int served = choose_often(200)[1];
        EXPECT_GE(served, 9);
        EXPECT_LE(served, 20);
        now += balance::slow_start;
        EXPECT_GE(choose_often(200)[1], 99);
    }
}

TEST_F(Balance, IsServedByThoseThatReturnWhereThereAreNoOthers)
{
    view.nodes[1].state = view.nodes[2].state = node_state::down;
    choose_often(1);
    view.nodes[1].state = view.nodes[2].state = node_state::up;
    const auto chosen = choose_often(100);
    EXPECT_NEAR(chosen.at(1), 50, 5);
    EXPECT_NEAR(chosen.at(2), 50, 5);
}

TEST_F(Balance, GivesTiesToTheOneChosenLongestAgo)
{
    view = cluster_of(3);
    view.nodes[3].drained = true;
    choose_often(9);
    view.nodes[3].drained = false;
    EXPECT_EQ(choose().replica, 3U);
    EXPECT_EQ(choose_often(99), (std::map<std::size_t, int>{{1, 33}, {2, 33}, {3, 33}}));
}

}  // namespace
