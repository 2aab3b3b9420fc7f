// SPDX-License-Identifier: Apache-2.0
//
// Clients that send a part of a request and then nothing, or an octet now and then: they are as idle as those that send
// nothing at all, and what they hold is given back by the same deadlines. Time that a server takes is nobody's
// idleness.
#include "protocols/mysql/packet.hpp"
#include "tests/scripted/mysql_client.hpp"
#include "tests/scripted/mysql_server.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

void limited(settings::tree& tree)
{
    tree.pool.limits.size = 1;
    tree.clients.idle_client_timeout = seconds{60};
    tree.clients.idle_transaction_timeout = seconds{20};
}

std::string mysql_query(std::string_view text)
{
    std::string out;
    mysql::append_packet(out, 0, '\3' + std::string{text});
    return out;
}

/// So much of it comes by itself: what is taken whole, and what passes through in pieces.
const auto short_query = mysql_query("SELECT '" + std::string(100, 'x') + "'");
const auto long_query = mysql_query("SELECT '" + std::string(2'000'000, 'x') + "'");

struct mysql_half {
    mysql_server server{};
    world all{engine::mysql, server, limited};

    scripted_client& log_in()
    {
        auto& made = all.connect();
        all.settle();
        made.take();
        made.send(mysql_login());
        all.settle();
        EXPECT_FALSE(made.take().empty());
        return made;
    }
    std::string ask(scripted_client& client, bytes octets)
    {
        client.send(octets);
        all.settle();
        return client.take();
    }
    scripted_client& begun()
    {
        auto& client = log_in();
        ask(client, mysql_query("BEGIN"));
        return client;
    }
    void expect_ended(scripted_client& client)
    {
        EXPECT_TRUE(client.was_ended());
        EXPECT_NE(client.take().find("#25P03"), std::string::npos);
        EXPECT_FALSE(ask(log_in(), mysql_query("SELECT 1")).empty()) << "the connection is not free";
    }
};

TEST(HalfARequest, InATransactionHasTheTimeThatNoRequestWouldHave)
{
    mysql_half here;
    auto& client = here.begun();
    here.all.after(seconds{10});
    EXPECT_EQ(here.ask(client, short_query.substr(0, 24)), "");
    here.all.after(seconds{9});
    EXPECT_FALSE(client.was_ended());
    here.all.after(seconds{2});
    here.expect_ended(client);
    EXPECT_EQ(here.server.open_connections(), 1U) << "it was cleaned, not closed";
    EXPECT_TRUE(here.server.last().is_clean());
}

TEST(HalfARequest, DoesNotWinTimeByComingOctetByOctet)
{
    mysql_half here;
    auto& client = here.begun();
    for (std::size_t at = 0; at < 4; ++at) {
        EXPECT_FALSE(client.was_ended());
        EXPECT_EQ(here.ask(client, short_query.substr(at, 1)), "");
        here.all.after(seconds{5});
    }
    here.all.after(seconds{1});
    here.expect_ended(client);
}

TEST(HalfARequest, OutsideOfATransactionIsThatOfAnIdleClient)
{
    mysql_half here;
    auto& client = here.log_in();
    here.ask(client, short_query);
    here.all.after(seconds{59});
    here.ask(client, short_query.substr(0, 24));
    here.all.after(seconds{2});
    EXPECT_TRUE(client.was_ended());
}

TEST(HalfARequest, IsTakenWhereTheRestComesInTime)
{
    mysql_half here;
    auto& client = here.begun();
    here.all.after(seconds{15});
    here.ask(client, short_query.substr(0, 24));
    here.all.after(seconds{4});
    EXPECT_FALSE(here.ask(client, short_query.substr(24)).empty());
    here.all.after(seconds{19});
    EXPECT_FALSE(client.was_ended()) << "its time begins anew";
    here.all.after(seconds{2});
    here.expect_ended(client);
}

TEST(HalfARequest, ThatAServerHasGotTheOtherHalfOfHoldsThatServerNoLongerThanATransaction)
{
    for (const bool in_transaction : {false, true}) {
        mysql_half here;
        auto& client = in_transaction ? here.begun() : here.log_in();
        here.ask(client, long_query.substr(0, 1'000'000));
        here.all.after(seconds{19});
        EXPECT_FALSE(client.was_ended());
        here.all.after(seconds{2});
        here.expect_ended(client);
    }
}

TEST(HalfARequest, ThatComesSlowlyAndPassesThroughIsNotIdle)
{
    mysql_half here;
    auto& client = here.begun();
    const auto part = long_query.size() / 4 + 1;
    for (std::size_t at = 0; at < long_query.size(); at += part) {
        here.all.after(seconds{15});
        ASSERT_FALSE(client.was_ended());
        client.send(long_query.substr(at, part));
        here.all.settle();
    }
    EXPECT_FALSE(client.take().empty());
}

TEST(HalfARequest, OfPostgresqlIsTheSame)
{
    world all{limited};
    auto& client = all.log_in();
    client.send(wire::query("BEGIN"));
    all.settle();
    client.take();
    all.after(seconds{15});
    client.send(wire::query("SELECT 1").substr(0, 9));
    all.settle();
    all.after(seconds{6});
    EXPECT_EQ(error_in(client.take()), "FATAL 25P03");
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST(HalfARequest, OfPostgresqlHoldsNoServerEither)
{
    for (const bool in_transaction : {false, true}) {
        world all{limited};
        auto& client = all.log_in();
        auto& next = all.log_in();
        if (in_transaction) {
            client.send(wire::query("BEGIN"));
            all.settle();
            client.take();
        }
        client.send(wire::query("SELECT '" + std::string(2'000'000, 'x') + "'").substr(0, 1'000'000));
        all.settle();
        all.after(seconds{19});
        EXPECT_FALSE(client.was_ended());
        all.after(seconds{2});
        EXPECT_EQ(error_in(client.take()), "FATAL 25P03");
        EXPECT_TRUE(client.was_ended());
        next.send(wire::query("SELECT 1"));
        all.settle();
        EXPECT_EQ(next.take_types(), "TDCZ");
    }
}

TEST(IdleTime, DoesNotCountWhatTheServerTook)
{
    for (const bool in_transaction : {false, true}) {
        world all{limited};
        auto& client = all.log_in();
        if (in_transaction) {
            client.send(wire::query("BEGIN"));
            all.settle();
        }
        all.server.last().take_by_hand(true);
        client.send(wire::query("SELECT slow"));
        all.settle();
        all.after(seconds{300});
        all.server.last().say(wire::rows("1") + wire::ready(in_transaction ? 'T' : 'I'));
        all.settle();
        client.take();
        all.server.last().take_by_hand(false);
        all.after(seconds{19});
        EXPECT_FALSE(client.was_ended());
        all.after(seconds{2});
        EXPECT_EQ(client.was_ended(), in_transaction);
    }
}

}  // namespace

}  // namespace penstock::test
