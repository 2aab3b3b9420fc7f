// SPDX-License-Identifier: Apache-2.0
//
// Clients that break the protocol, stop amid a message or send faster than their server reads; modes and limits.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace penstock::test {

namespace {

std::string header(char type, std::uint32_t length)
{
    return std::string{type} + wire::number(length);
}

/// Too long to be taken whole, so it passes through in pieces.
std::string long_query()
{
    return wire::query("SELECT '" + std::string(200'000, 'x') + "'");
}

TEST(HostileClient, IsToldAndEndedAndItsConnectionStaysGood)
{
    const std::vector<std::pair<std::string, std::string>> hostile{
        {"an unknown type", wire::frame('!', "what")},
        {"type zero", wire::frame('\0', "what")},
        {"a length of 0", header('Q', 0)},
        {"a length of 2 GiB and more", header('Q', 0x80000000)},
        {"a long Sync", header('S', 1U << 20)},
        {"a Bind without its end", wire::frame('B', "portal")},
        {"an Execute without its end", wire::frame('E', "p")},
        {"a Close of nothing known", wire::frame('C', "Xname" + std::string(1, '\0'))},
        {"a second start-up", startup_packet()},
    };
    for (const bool in_transaction : {false, true}) {
        for (const auto& [name, octets] : hostile) {
            SCOPED_TRACE(name + (in_transaction ? " in a transaction" : ""));
            world all{[](auto& tree) { tree.pool.limits.size = 1; }};
            auto& client = all.log_in();
            auto& other = all.log_in();
            client.send(in_transaction ? wire::query("BEGIN") : wire::sync());
            all.settle();
            client.take();
            client.send(octets);
            all.settle();
            EXPECT_TRUE(error_in(client.take()).starts_with("FATAL "));
            EXPECT_TRUE(client.was_ended());
            client.leave();
            other.send(wire::query("SELECT 1"));
            all.settle();
            EXPECT_EQ(other.take_types(), "TDCZ");
            EXPECT_EQ(all.worker().sessions(), 1U);
            ASSERT_FALSE(HasFailure());
        }
    }
}

TEST(HostileClient, ThatAsksAmidItsCopyIsEndedAndTheCopyToo)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& client = all.log_in();
    all.server.last().take_heard();
    client.send(wire::query("COPY t FROM STDIN"));
    all.settle();
    EXPECT_EQ(client.take_types(), "G");
    client.send(wire::copy_data("one\n") + wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(error_in(client.take()), "FATAL 08P01");
    EXPECT_EQ(types_of(all.server.last().take_heard()), "Qdf");
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(HostileClient, IsOnlyClosedWhereItHasAPartOfARow)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    const auto part = wire::row_description(1) + wire::data_row(std::string(5000, 'x')).substr(0, 4990);
    all.server.last().say(part);
    all.settle();
    client.send(wire::frame('!', "what"));
    all.settle();
    EXPECT_TRUE(client.take() == part) << "something was put into the middle of a row";
    EXPECT_TRUE(client.was_ended());
}

TEST(LongMessage, PassesThroughWhole)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_heard();
    client.send(long_query());
    all.settle();
    EXPECT_TRUE(all.server.last().take_heard() == long_query());
    EXPECT_EQ(client.take_types(), "TDCZ");
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(LongMessage, OfAClientThatVanishesClosesTheConnection)
{
    world all{[](auto& tree) { tree.pool.limits.size = 1; }};
    auto& client = all.log_in();
    auto& next = all.log_in();
    client.send(long_query().substr(0, 100'000));
    all.settle();
    EXPECT_EQ(all.stats().active, 1U);
    client.leave();
    all.settle();
    EXPECT_FALSE(all.server.last().is_open());
    next.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(next.take_types(), "TDCZ");
    EXPECT_EQ(all.server.connections.size(), 2U);
}

TEST(LongMessage, WhoseServerIsLostIsAnsweredAndTheSessionGoesOn)
{
    world all;
    auto& client = all.log_in();
    client.send(long_query().substr(0, 100'000));
    all.settle();
    all.server.last().close();
    all.settle();
    client.send(long_query().substr(100'000));
    all.settle();
    const auto told = client.take();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_EQ(error_in(told), "ERROR 08007");
    client.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(client.take_types(), "TDCZ");
}

TEST(SlowServer, StopsTheReadingFromItsClient)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("COPY t FROM STDIN"));
    all.settle();
    client.take();
    all.server.last().read(false);
    constexpr std::size_t much = 16U << 20;
    constexpr std::size_t buffers = 2U << 20;  // of two sockets, and what the session holds
    const auto row = wire::copy_data(std::string(10'000, 'x'));
    std::string rows;
    while (rows.size() < much) {
        rows += row;
    }
    client.send(rows + wire::copy_done());
    all.settle();
    EXPECT_GT(client.wire.unsent(), much - buffers);
    all.server.last().read(true);
    all.settle();
    EXPECT_EQ(client.take_types(), "CZ");
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(SlowServer, DoesNotKeepAClientThatVanishes)
{
    world all;
    auto& client = all.log_in();
    client.send(wire::query("COPY t FROM STDIN"));
    all.settle();
    all.server.last().read(false);
    client.send(wire::copy_data(std::string(4U << 20, 'x')));
    all.settle();
    client.leave();
    for (int second = 0; second < 20; ++second) {
        all.after(seconds{1});
    }
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.stats().active, 0U);
}

TEST(SessionPooling, KeepsTheConnectionUntilTheClientLeaves)
{
    world all{[](auto& tree) {
        tree.pool.mode = settings::pool_mode::session;
        tree.pool.limits.size = 1;
    }};
    auto& client = all.log_in();
    auto& waiter = all.log_in();
    client.send(wire::query("SET timezone TO 'CET'"));
    all.settle();
    EXPECT_EQ(client.take_types(), "CSZ");
    waiter.send(wire::query("SHOW timezone"));
    all.settle();
    EXPECT_EQ(waiter.take(), "");
    client.leave();
    all.settle();
    EXPECT_NE(waiter.take().find("UTC"), std::string::npos);
    EXPECT_NE(all.server.last().heard().find("DISCARD ALL"), std::string::npos);
    EXPECT_EQ(all.server.connections.size(), 1U);
}

TEST(ClientLimits, RefuseOneTooManyAndForgetThoseThatLeft)
{
    world all{[](auto& tree) { tree.users.front().max_user_client_connections = 1; }};
    auto& first = all.log_in();
    auto& second = all.connect();
    second.send(startup_packet());
    all.settle();
    EXPECT_EQ(error_in(second.take()), "FATAL 53300");
    second.leave();
    first.leave();
    all.settle();
    for (int round = 0; round < 3; ++round) {  // a login that fails later does not count for ever
        all.server.last().close();
        all.settle();
        all.server.plan({.refusal = wire::error("3D000", "no such database", "FATAL")});
        auto& failing = all.connect();
        failing.send(startup_packet({{"search_path", "round " + std::to_string(round)}}));
        all.settle();
        EXPECT_EQ(error_in(failing.take()), "FATAL 3D000");
        failing.leave();
        all.settle();
    }
    all.log_in();
}

// --- what is known of the cluster ---

router::cluster_view_ptr view_of(const net::endpoint& where, const std::string& host, std::uint64_t version)
{
    auto view = std::make_shared<router::cluster_view>();
    view->cluster = "main";
    view->version = version;
    view->nodes.push_back({.host = host, .endpoints = {where}, .role = router::node_role::primary});
    view->primary_index = 0;
    return view;
}

TEST(Failover, BringsIdleSessionsToTheNewPrimaryAndBusyOnesAfterTheirTransaction)
{
    world all;
    scripted_server successor;
    auto& idle = all.log_in();
    auto& busy = all.log_in();
    busy.send(wire::query("BEGIN"));
    all.settle();
    busy.take();
    all.process().publish(view_of(successor.where(), "other", 2));
    const auto settle_both = [&all, &successor] {
        for (int round = 0; round < 10; ++round) {
            all.settle();
            successor.serve();
        }
    };
    idle.send(wire::query("SELECT 1"));
    settle_both();
    EXPECT_EQ(idle.take_types(), "TDCZ");
    ASSERT_EQ(successor.connections.size(), 1U);
    busy.send(wire::query("COMMIT"));
    settle_both();
    EXPECT_EQ(busy.take_types(), "CZ");
    EXPECT_EQ(all.server.open_connections(), 0U) << "a connection to the old primary stays";
    busy.send(wire::query("SELECT 2"));
    settle_both();
    EXPECT_EQ(busy.take_types(), "TDCZ");
}

TEST(Failover, WithoutAPrimaryMakesClientsWaitUntilThereIsOne)
{
    world all;
    auto& client = all.log_in();
    all.server.last().close();
    all.settle();
    auto nobody = std::make_shared<router::cluster_view>();
    nobody->cluster = "main";
    nobody->version = 2;
    all.process().publish(nobody);
    client.send(wire::query("SELECT 1"));
    all.settle();
    all.after(seconds{5});
    EXPECT_EQ(client.take(), "");
    all.process().publish(view_of(all.server.where(), "db", 3));
    for (int second = 0; second < 20; ++second) {  // the back-off has its end
        all.after(seconds{1});
    }
    EXPECT_EQ(client.take_types(), "TDCZ");
}

}  // namespace

}  // namespace penstock::test
