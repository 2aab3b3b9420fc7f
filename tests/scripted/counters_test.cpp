// SPDX-License-Identifier: Apache-2.0
//
// Each figure moves when that happens which it counts, and shows in what the admin port and the console report.
#include "admin/reports.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <map>
#include <numeric>

namespace penstock::test {

namespace {

using telemetry::discard_reason;

/// What the process would report now.
telemetry::totals figures_of(world& all)
{
    control::loop loop;
    admin::reporter reports{all.process(), loop};
    admin::snapshot_ptr seen;
    reports.gather(admin::detail::everything, [&seen](admin::snapshot_ptr made) { seen = std::move(made); });
    all.settle();
    EXPECT_TRUE(loop.run_until([&seen] { return seen != nullptr; }, seconds{60}));
    return seen->totals;
}

/// Of the one pool there is.
telemetry::pool_totals pool_figures_of(world& all)
{
    const auto sum = figures_of(all);
    EXPECT_EQ(sum.pools.size(), 1U);
    return sum.pools.empty() ? telemetry::pool_totals{} : sum.pools.begin()->second;
}

/// Exactly one connection was closed, for this reason.
void expect_one_discard(world& all, discard_reason why)
{
    const auto counted = pool_figures_of(all).discards;
    EXPECT_EQ(counted[static_cast<std::size_t>(why)], 1U) << name_of(why);
    EXPECT_EQ(std::accumulate(counted.begin(), counted.end(), std::uint64_t{0}), 1U);
}

void expect_one_login_failure(world& all, error_kind why)
{
    const auto counted = figures_of(all).process.login_failures;
    EXPECT_EQ(counted[static_cast<std::size_t>(why)], 1U) << name_of(why);
    EXPECT_EQ(std::accumulate(counted.begin(), counted.end(), std::uint64_t{0}), 1U);
}

std::string batch(std::string_view name)
{
    return wire::bind("", name) + wire::execute() + wire::sync();
}

TEST(Counters, ServerLoginsThatAreRefused)
{
    world all;
    all.server.plan({.refusal = wire::error("28P01", "password authentication failed", "FATAL")});
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    const auto counted = pool_figures_of(all);
    EXPECT_EQ(counted.server_login_failures, 1U);
    EXPECT_EQ(counted.server_connect_failures, 0U);
    EXPECT_EQ(counted.server_connects, 0U);
}

TEST(Counters, ServersThatCannotBeReached)
{
    world all;
    all.server.stop();
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    const auto counted = pool_figures_of(all);
    EXPECT_EQ(counted.server_login_failures, 0U);
    EXPECT_GE(counted.server_connect_failures, 1U);
}

TEST(Counters, StatementsPreparedAgainOnAnotherServer)
{
    world all;
    auto& first = all.log_in();
    auto& second = all.log_in();
    first.send(wire::parse("s", "SELECT 5") + wire::sync());
    all.settle();
    EXPECT_EQ(pool_figures_of(all).statements_reprepared, 0U);
    second.send(wire::query("BEGIN"));
    all.settle();
    first.send(batch("s"));
    all.settle();
    EXPECT_EQ(first.take_types(), "1Z2DCZ");
    const auto counted = pool_figures_of(all);
    EXPECT_EQ(counted.statements_reprepared, 1U);
    EXPECT_EQ(counted.client_parses, 1U);
    EXPECT_EQ(counted.server_parses, 2U);
    second.send(wire::query("COMMIT"));
    all.settle();
}

TEST(Counters, UnnamedStatementsPreparedAgain)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& first = all.log_in();
    auto& second = all.log_in();
    first.send(wire::parse("", "SELECT 5") + wire::sync());
    all.settle();
    second.send(wire::parse("", "SELECT 6") + wire::sync());
    all.settle();
    first.send(batch(""));
    all.settle();
    EXPECT_EQ(pool_figures_of(all).statements_reprepared, 1U);
}

TEST(Counters, StatementsClosedToMakeRoom)
{
    world all{[](auto& tree) { tree.clients.server_statement_limit = 1; }};
    auto& client = all.log_in();
    client.send(wire::parse("a", "SELECT 1") + wire::parse("b", "SELECT 2") + wire::sync());
    all.settle();
    EXPECT_EQ(client.take_types(), "11Z");
    EXPECT_EQ(pool_figures_of(all).statements_evicted, 1U);
    EXPECT_EQ(pool_figures_of(all).statements_reprepared, 0U);
}

TEST(Counters, ExchangesSentASecondTime)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::parse("s", "SELECT 5") + wire::sync());
    all.settle();
    all.server.last().take_by_hand(true);
    client.send(wire::bind("", "s") + wire::describe('P', "") + wire::execute() + wire::sync());
    all.settle();
    all.server.last().say(wire::error("0A000", "cached plan must not change result type") + wire::ready());
    all.settle();
    all.server.last().say(wire::parse_complete() + wire::bind_complete() + wire::rows("new") + wire::ready());
    all.settle();
    EXPECT_EQ(client.take_types(), "1Z2TDCZ");
    EXPECT_EQ(pool_figures_of(all).retries, (std::array<std::uint64_t, telemetry::retry_reason_count>{1}))
        << "of a stale plan";
    EXPECT_EQ(pool_figures_of(all).statements_healed, 1U);
}

TEST(Discards, ServersThatCloseALentConnection)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    all.server.last().close();
    all.settle();
    expect_one_discard(all, discard_reason::server_closed);
}

TEST(Discards, ServersThatCloseAnIdleConnection)
{
    world all;
    all.log_in();
    all.server.last().close();
    all.settle();
    expect_one_discard(all, discard_reason::server_closed);
}

TEST(Discards, ServersThatBreakTheProtocol)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    all.server.last().say(wire::bind_complete());
    all.settle();
    expect_one_discard(all, discard_reason::protocol_violation);
}

TEST(Discards, ClientsThatLeaveAmidAnExchange)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    client.leave();
    for (int second = 0; second < 20; ++second) {
        all.after(seconds{1});
    }
    expect_one_discard(all, discard_reason::client_gone);
}

TEST(Discards, ClientsThatTakeNothing)
{
    world all{[](auto& tree) { tree.clients.client_write_timeout = seconds{10}; }};
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.wire.reading = false;
    client.send(wire::query("SELECT 1"));
    all.settle();
    std::string rows;
    for (int row = 0; row < 2000; ++row) {
        rows += wire::frame('D', wire::short_number(1) + wire::number(1000) + std::string(1000, 'x'));
    }
    all.server.last().say(wire::frame('T', wire::short_number(0)) + rows);
    for (int second = 0; second < 40; ++second) {
        all.after(seconds{1});
    }
    expect_one_discard(all, discard_reason::client_too_slow);
}

TEST(Discards, ConnectionsThatRefuseASessionsParameters)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& with_zone = all.log_in({{"timezone", "CET"}});
    auto& plain = all.log_in();
    plain.send(wire::query("SELECT 1"));
    all.settle();
    all.server.last().take_by_hand(true);
    with_zone.send(wire::query("SELECT 2"));
    all.settle();
    all.server.last().say(wire::error("22023") + wire::ready() + wire::rows("x") + wire::ready());
    all.settle();
    expect_one_discard(all, discard_reason::unclean);
}

TEST(Discards, CleanUpsThatFail)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    all.server.last().take_by_hand(true);
    client.leave();
    for (int second = 0; second < 10; ++second) {
        all.after(seconds{1});
    }
    expect_one_discard(all, discard_reason::reset_failed);
}

TEST(Discards, ConnectionsThatAreOldEnough)
{
    world all{[](auto& tree) { tree.pool.limits.lifetime = seconds{100}; }};
    all.log_in();
    all.after(seconds{101});
    expect_one_discard(all, discard_reason::lifetime);
}

TEST(Discards, IdleConnectionsBeyondTheShareThatIsKept)
{
    world all{[](auto& tree) {
        tree.pool.limits.max_idle_percent = 0;
        tree.pool.limits.idle_timeout = seconds{100};
    }};
    all.log_in();
    all.after(seconds{101});
    all.after(seconds{2});
    expect_one_discard(all, discard_reason::idle);
}

/// The settings in force, changed.
void reload(world& all, const std::function<void(settings::tree&)>& change)
{
    auto next = std::make_shared<proxy::configuration>(*all.process().current());
    auto tree = *next->settings;
    change(tree);
    next->settings = std::make_shared<const settings::tree>(std::move(tree));
    all.process().configure(std::move(next));
    all.settle();
}

TEST(Discards, ConnectionsOpenedUnderOtherSettings)
{
    const std::map<std::string, std::function<void(settings::tree&)>> changes{
        {"init_query", [](auto& tree) { tree.pool.init_query = "SELECT 1"; }},
        {"options", [](auto& tree) { tree.clusters.front().options = "-c x.y=1"; }},
        {"application_name", [](auto& tree) { tree.clusters.front().application_name = "till"; }},
    };
    for (const auto& [name, change] : changes) {
        SCOPED_TRACE(name);
        world all;
        auto& client = all.log_in();
        reload(all, [](auto& tree) { tree.clients.idle_client_timeout = seconds{5000}; });
        EXPECT_EQ(all.stats().idle, 1U) << "a change that does not concern it";
        reload(all, change);
        expect_one_discard(all, discard_reason::settings_changed);
        client.send(wire::query("SELECT 1"));
        all.settle();
        EXPECT_EQ(client.take_types(), "TDCZ");
    }
}

TEST(Discards, ConnectionsToANodeThatIsThePrimaryNoLonger)
{
    world all;
    all.log_in();
    auto view = std::make_shared<router::cluster_view>(*all.process().view_of("main"));
    view->nodes.push_back(view->nodes.front());
    view->nodes.back().host = "other";
    view->primary_index = 1;
    all.process().publish(std::move(view));
    all.settle();
    expect_one_discard(all, discard_reason::node_down);
}

TEST(Discards, ConnectionsOpenAtTheEnd)
{
    world all;
    all.log_in();
    all.worker().pool_of<postgresql::protocol>(all.process().pools().front()).shard->drain();
    all.settle();
    expect_one_discard(all, discard_reason::shutdown);
}

TEST(LoginFailures, AreCountedByKind)
{
    const auto after_sending = [](const std::string& octets, const std::function<void(settings::tree&)>& adjust = {}) {
        auto all = std::make_unique<world>(adjust);
        all->connect().send(octets);
        all->settle();
        return all;
    };
    const auto startup = startup_packet();
    expect_one_login_failure(*after_sending(wire::number(3)), error_kind::protocol_violation);
    expect_one_login_failure(*after_sending(startup, [](auto& tree) { tree.databases.front().name = "books"; }),
                             error_kind::unknown_database);
    expect_one_login_failure(*after_sending(startup, [](auto& tree) { tree.clients.max_client_connections = 0; }),
                             error_kind::too_many_clients);
    expect_one_login_failure(*after_sending(startup_packet({{"replication", "true"}})),
                             error_kind::unsupported_feature);
}

TEST(LoginFailures, ADatabasesClientsBeyondItsLimit)
{
    world all{[](auto& tree) { tree.databases.front().max_client_connections = 1; }};
    auto& first = all.log_in();
    auto& second = all.connect();
    second.send(startup_packet());
    all.settle();
    EXPECT_EQ(error_in(second.take()), "FATAL 53300");
    expect_one_login_failure(all, error_kind::too_many_clients);
    first.leave();
    all.settle();
    all.log_in();
}

TEST(LoginFailures, StartupPacketsLongerThanTheSettingAllows)
{
    const auto long_startup = startup_packet({{"application_name", std::string(600, 'x')}});
    world strict{[](auto& tree) { tree.clients.max_startup_packet = 512; }};
    auto& refused = strict.connect();
    refused.send(long_startup);
    strict.settle();
    EXPECT_EQ(error_in(refused.take()), "FATAL 08P01");
    expect_one_login_failure(strict, error_kind::protocol_violation);
    world generous{[](auto& tree) { tree.clients.max_startup_packet = 1 << 20; }};
    generous.log_in({{"options", "-c x.y=" + std::string(20'000, 'x')}});
}

TEST(LoginFailures, LoginsThatTakeTooLong)
{
    world all;
    all.connect();
    all.settle();
    all.after(seconds{61});
    expect_one_login_failure(all, error_kind::login_timeout);
}

TEST(LoginFailures, AClientThatOnlyGoesAwayIsNone)
{
    world all;
    all.connect().leave();
    all.settle();
    auto& other = all.connect();
    other.send(startup_packet().substr(0, 10));
    all.settle();
    other.leave();
    all.settle();
    const auto counted = figures_of(all).process.login_failures;
    EXPECT_EQ(std::accumulate(counted.begin(), counted.end(), std::uint64_t{0}), 0U);
}

}  // namespace

}  // namespace penstock::test
