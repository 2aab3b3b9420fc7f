// SPDX-License-Identifier: Apache-2.0
//
// Waiting for a connection, cancelling, and the deadlines of sessions.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

void one_connection(settings::tree& tree)
{
    tree.pool.limits.size = 1;
    tree.clients.idle_transaction_timeout = seconds{0};
}

/// A session in a transaction and one that waits for its connection.
struct full_pool {
    explicit full_pool(world& all) : holder{all.log_in()}, waiter{all.log_in()}
    {
        holder.send(wire::query("BEGIN"));
        all.settle();
        EXPECT_EQ(holder.take_types(), "CZ");
        waiter.send(wire::query("SELECT 1"));
        all.settle();
        EXPECT_EQ(waiter.take(), "");
    }
    scripted_client& holder;
    scripted_client& waiter;
};

TEST(Waiting, EndsWithAnErrorAndTheSessionGoesOn)
{
    world all{one_connection};
    full_pool pool{all};
    all.after(seconds{121});
    const auto told = pool.waiter.take();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_EQ(error_in(told), "ERROR 57P03");
    EXPECT_FALSE(pool.waiter.was_ended());
    pool.holder.send(wire::query("COMMIT"));
    pool.waiter.send(wire::query("SELECT 2"));
    all.settle();
    EXPECT_EQ(pool.holder.take_types(), "CZ");
    EXPECT_EQ(pool.waiter.take_types(), "TDCZ");
}

TEST(Waiting, RefusesAPipelineOnceForEachSync)
{
    world all{one_connection};
    full_pool pool{all};
    const auto batch = wire::parse("", "SELECT 2") + wire::bind("", "") + wire::execute() + wire::sync();
    pool.waiter.send(batch + batch);
    all.after(seconds{121});
    EXPECT_EQ(pool.waiter.take_types(), "EZ");
    pool.holder.send(wire::query("COMMIT"));
    all.settle();
    all.after(seconds{121});
    EXPECT_EQ(pool.waiter.take_types(), "12DCZ12DCZ") << "what came behind the refused query waits anew";
}

/// Sends it while no connection becomes free, waits for the refusal, and tells the status in the last ReadyForQuery.
char status_after_refusal(world& all, scripted_client& client, const std::string& request)
{
    client.send(request);
    all.settle();
    all.after(seconds{121});
    const auto told = client.take();
    return told.empty() ? '-' : told.back();
}

TEST(Waiting, RefusedBeginIsAFailedTransaction)
{
    world all{one_connection};
    full_pool pool{all};
    all.after(seconds{121});
    pool.waiter.take();
    pool.waiter.send(wire::query("BEGIN") + wire::query("INSERT INTO t VALUES (1)"));
    all.settle();
    all.after(seconds{121});
    EXPECT_EQ(pool.waiter.take_types(), "EZEZ") << "what was sent for the block must not run outside of it";
    pool.holder.send(wire::query("COMMIT"));
    pool.waiter.send(wire::query("INSERT INTO t VALUES (2)"));
    all.settle();
    EXPECT_EQ(pool.waiter.take_types(), "EZ");
    pool.waiter.send(wire::query("ROLLBACK"));
    all.settle();
    EXPECT_EQ(pool.waiter.take().back(), 'I');
    pool.waiter.send(wire::query("SELECT 2"));
    all.settle();
    EXPECT_EQ(pool.waiter.take_types(), "TDCZ");
}

TEST(Waiting, RefusedBeginOfTheExtendedProtocolFailsItsTransactionWhereItWasExecuted)
{
    world all{one_connection};
    full_pool pool{all};
    all.after(seconds{121});
    pool.waiter.take();
    const auto begin = wire::parse("", "BEGIN") + wire::bind("", "");
    EXPECT_EQ(status_after_refusal(all, pool.waiter, wire::parse("b", "BEGIN") + wire::sync()), 'I')
        << "it was only prepared";
    EXPECT_EQ(status_after_refusal(all, pool.waiter, begin + wire::sync()), 'I');
    EXPECT_EQ(status_after_refusal(all, pool.waiter, begin + wire::execute() + wire::sync()), 'E');
    EXPECT_EQ(status_after_refusal(all, pool.waiter, wire::query("SELECT 1")), 'E');
    EXPECT_EQ(status_after_refusal(all, pool.waiter, wire::query("ROLLBACK")), 'I');
}

TEST(Waiting, IsLeftByAClientThatVanishes)
{
    world all{one_connection};
    full_pool pool{all};
    pool.waiter.leave();
    all.settle();
    EXPECT_EQ(all.stats().waiters, 0U);
    EXPECT_EQ(all.worker().sessions(), 1U);
}

TEST(Waiting, IsInOrderOfArrival)
{
    world all{one_connection};
    full_pool pool{all};
    auto& third = all.log_in();
    third.send(wire::query("SELECT third"));
    all.settle();
    pool.holder.send(wire::query("COMMIT"));
    all.settle();
    const auto& heard = all.server.last().heard();
    EXPECT_LT(heard.find("SELECT 1"), heard.find("SELECT third"));
    EXPECT_EQ(pool.waiter.take_types(), "TDCZ");
    EXPECT_EQ(third.take_types(), "TDCZ");
}

// --- cancel requests ---

TEST(Cancel, EndsAWait)
{
    world all{one_connection};
    full_pool pool{all};
    auto& request = all.request_cancel(pool.waiter);
    EXPECT_TRUE(request.was_ended());
    const auto told = pool.waiter.take();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_EQ(error_in(told), "ERROR 57014");
    EXPECT_TRUE(all.server.cancels.empty());
    EXPECT_EQ(all.stats().waiters, 0U);
    pool.holder.send(wire::query("COMMIT"));
    pool.waiter.send(wire::query("SELECT 2"));
    all.settle();
    EXPECT_EQ(pool.waiter.take_types(), "TDCZ");
}

TEST(Cancel, ReachesTheConnectionOfTheQuery)
{
    world all;
    auto& client = all.log_in();
    auto& other = all.log_in();
    other.send(wire::query("BEGIN"));
    all.settle();
    other.take();
    all.server.plan({.by_hand = true});
    client.send(wire::query("SELECT slow"));
    all.settle();
    auto& busy = all.server.last();
    ASSERT_EQ(types_of(busy.heard()), "Q");
    all.request_cancel(client);
    ASSERT_EQ(all.server.cancels.size(), 1U);
    EXPECT_EQ(all.server.cancels.front()->cancel_request(),
              wire::number(1000 + busy.number()) + wire::number(7000 + busy.number()));
    busy.say(wire::error("57014") + wire::ready());
    all.settle();
    EXPECT_EQ(client.take_types(), "EZ");
    EXPECT_EQ(other.take(), "");
}

/// The server may act on the request until it closes its connection, so nobody else gets the one it aims at before.
TEST(Cancel, KeepsTheConnectionBackUntilItHasArrived)
{
    world all{one_connection};
    auto& client = all.log_in();
    auto& next = all.log_in();
    auto& busy = all.server.last();
    busy.take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    next.send(wire::query("SELECT next"));
    all.server.holds_cancels = true;
    auto& request = all.request_cancel(client);
    busy.say(wire::command_complete("SELECT 0") + wire::ready());
    busy.take_by_hand(false);
    all.settle();
    EXPECT_EQ(client.take_types(), "CZ");
    EXPECT_EQ(types_of(busy.heard()), "Q") << "lent while a cancel request was on its way";
    EXPECT_FALSE(request.was_ended());
    all.server.holds_cancels = false;
    all.settle();
    EXPECT_TRUE(request.was_ended());
    EXPECT_EQ(next.take_types(), "TDCZ");
    EXPECT_EQ(all.server.connections.size(), 1U);
}

TEST(Cancel, IsGivenUpAfterItsDeadline)
{
    world all{one_connection};
    auto& client = all.log_in();
    auto& busy = all.server.last();
    busy.take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    all.server.holds_cancels = true;
    auto& request = all.request_cancel(client);
    all.after(seconds{11});
    EXPECT_TRUE(request.was_ended());
}

TEST(Cancel, WithAnotherKeyDoesNothing)
{
    world all;
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    client.key[0] = static_cast<char>(client.key[0] ^ 1);
    auto& request = all.request_cancel(client);
    EXPECT_TRUE(request.was_ended());
    EXPECT_TRUE(all.server.cancels.empty());
    EXPECT_EQ(client.take(), "");
    client.process_id = 0xffffffff;
    EXPECT_TRUE(all.request_cancel(client).was_ended());
}

TEST(Cancel, OfAnIdleSessionDoesNothing)
{
    world all;
    auto& client = all.log_in();
    EXPECT_TRUE(all.request_cancel(client).was_ended());
    EXPECT_TRUE(all.server.cancels.empty());
    client.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(client.take_types(), "TDCZ");
}

// --- deadlines of sessions ---

TEST(IdleClient, IsEndedAfterItsTimeout)
{
    world all{[](auto& tree) { tree.clients.idle_client_timeout = seconds{60}; }};
    auto& client = all.log_in();
    all.after(seconds{59});
    EXPECT_FALSE(client.was_ended());
    all.after(seconds{2});
    EXPECT_EQ(error_in(client.take()), "FATAL 57P05");
    EXPECT_TRUE(client.was_ended());
}

TEST(IdleClient, InATransactionHasATimeoutOfItsOwn)
{
    world all{[](auto& tree) {
        tree.clients.idle_client_timeout = seconds{5};
        tree.clients.idle_transaction_timeout = seconds{20};
    }};
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    client.take();
    all.after(seconds{19});
    EXPECT_FALSE(client.was_ended());
    auto& connection = all.server.last();
    connection.take_heard();
    all.after(seconds{2});
    EXPECT_EQ(error_in(client.take()), "FATAL 25P03");
    EXPECT_TRUE(client.was_ended());
    EXPECT_EQ(connection.take_heard(), wire::query("ROLLBACK"));
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(IdleClient, IsNotOneThatWaitsForItsAnswer)
{
    world all{[](auto& tree) {
        tree.clients.idle_client_timeout = seconds{5};
        tree.clients.idle_transaction_timeout = seconds{5};
    }};
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT slow"));
    all.settle();
    all.after(seconds{60});
    EXPECT_FALSE(client.was_ended());
    all.server.last().say(wire::rows("1") + wire::ready());
    all.settle();
    EXPECT_EQ(client.take_types(), "TDCZ");
}

TEST(LoginTimeout, EndsAClientThatSaysNothing)
{
    world all;
    auto& silent = all.connect();
    auto& halfway = all.connect();
    halfway.send(startup_packet().substr(0, 20));
    all.settle();
    all.after(seconds{61});
    EXPECT_TRUE(silent.was_ended());
    EXPECT_TRUE(halfway.was_ended());
    silent.leave();
    halfway.leave();
    all.settle();
    EXPECT_EQ(all.worker().sessions(), 0U);
}

// --- slow clients ---

constexpr std::size_t much = 16U << 20;

/// A session whose client does not read and whose server has much to say.
struct slow_client {
    explicit slow_client(world& all) : client{all.log_in()}, server{all.server.last()}
    {
        server.take_by_hand(true);
        client.send(wire::query("SELECT much"));
        all.settle();
        client.wire.reading = false;
        answer = wire::row_description(1);
        while (answer.size() < much) {
            answer += wire::data_row(std::string(10'000, 'x'));
        }
        answer += wire::command_complete("SELECT 1") + wire::ready();
        server.say(answer);
        all.settle();
    }
    scripted_client& client;
    server_connection_end& server;
    std::string answer;
};

TEST(SlowClient, StopsTheReadingFromItsServer)
{
    world all;
    slow_client slow{all};
    constexpr std::size_t buffers = 2U << 20;  // of two sockets, and what the session holds
    EXPECT_GT(slow.server.unsent(), much - buffers);
    slow.client.wire.reading = true;
    all.settle();
    EXPECT_TRUE(slow.client.take() == slow.answer);
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(SlowClient, IsEndedAfterItsTimeout)
{
    world all{[](auto& tree) { tree.clients.client_write_timeout = seconds{30}; }};
    slow_client slow{all};
    all.after(seconds{1});
    all.after(seconds{29});
    EXPECT_EQ(all.worker().sessions(), 1U);
    for (int second = 0; second < 20; ++second) {
        all.after(seconds{1});
    }
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.stats().active, 0U);
    slow.client.wire.reading = true;
    all.settle();
    EXPECT_TRUE(slow.client.was_ended());
    const auto got = slow.client.take();
    EXPECT_TRUE(slow.answer.starts_with(got)) << "something was put into the middle of a row";
}

TEST(SlowClient, ThatTakesALittleNowAndThenStays)
{
    world all{[](auto& tree) { tree.clients.client_write_timeout = seconds{30}; }};
    slow_client slow{all};
    std::string got;
    for (int round = 0; round < 20; ++round) {
        slow.client.wire.reading = round % 2 == 1;
        all.after(seconds{20});
        got += slow.client.take();
    }
    EXPECT_TRUE(got == slow.answer);
    EXPECT_FALSE(slow.client.was_ended());
}

}  // namespace

}  // namespace penstock::test
