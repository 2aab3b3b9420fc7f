// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/net/tls_fixture.hpp"

#include <gtest/gtest.h>

#include <malloc.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <deque>
#include <memory>
#include <string>
#include <thread>

namespace penstock::net {

namespace {

using testing::certificates;
using testing::client_context;
using testing::make_non_blocking;
using testing::server_context;
using testing::server_options;
using testing::talk;
using testing::talk_both_ways;
using testing::tally;
using testing::tcp_pair;
using testing::tls_pair;
using testing::turn_until;
using testing::unix_pair;

constexpr std::size_t mebibyte = 1024 * 1024;

class StreamTls : public ::testing::TestWithParam<const char*> {
protected:
    /// Contexts for just the version under test.
    testing::context_pointer server_side = server_context(with_version(server_options()));
    testing::context_pointer client_side = client_context(with_version({}));
    driver on;

    static tls_options with_version(tls_options options)
    {
        options.minimum_version = GetParam();
        return options;
    }
    void SetUp() override
    {
        if (std::string{GetParam()} == "TLSv1.2") {
            SSL_CTX_set_max_proto_version(client_side->native(), TLS1_2_VERSION);
        }
    }
};

INSTANTIATE_TEST_SUITE_P(Versions, StreamTls, ::testing::Values("TLSv1.2", "TLSv1.3"));

TEST_P(StreamTls, CarriesTenMegabytesBothWaysThroughTinyUnixBuffers)
{
    tls_pair pair{on, unix_pair(4096)};
    pair.shake(server_side, client_side);
    pair.expect_established();
    EXPECT_EQ(pair.server->facts().version, GetParam());
    talk_both_ways(on, *pair.server, *pair.client, 10 * mebibyte, 30000);
    EXPECT_EQ(pair.server->octets_sent(), 10 * mebibyte);
    EXPECT_EQ(pair.client->octets_received(), 10 * mebibyte);
}

TEST_P(StreamTls, CarriesTenMegabytesBothWaysThroughTinyTcpBuffers)
{
    tls_pair pair{on, tcp_pair(4096)};
    pair.shake(server_side, client_side);
    pair.expect_established();
    talk_both_ways(on, *pair.server, *pair.client, 10 * mebibyte, 70001);
}

TEST_P(StreamTls, CarriesSmallMessages)
{
    tls_pair pair{on, tcp_pair()};
    pair.shake(server_side, client_side);
    for (int i = 0; i < 100; ++i) {
        const auto text = testing::pattern(static_cast<std::size_t>(i), 50);
        pair.client->send(text);
        const auto got = pair.next(*pair.server);
        EXPECT_EQ(got.data, text);
        EXPECT_FALSE(pair.server->readable());
        testing::overwrite(got);
        pair.server->send(text);
        EXPECT_EQ(pair.next(*pair.client).data, text);
    }
}

TEST_P(StreamTls, WhatFollowsTheHandshakeAtOnceIsGivenAfterIt)
{
    // The client's first message travels with its last handshake message, byte by byte in reach of the server.
    tls_pair pair{on, unix_pair()};
    pair.client->start_tls(*client_side, tls_role::client);
    pair.server->start_tls(*server_side, tls_role::server);
    EXPECT_TRUE(turn_until(on, [&] {
        if (pair.client->tls() != tls_state::established) {
            pair.client->receive();
        }
        if (pair.client->tls() != tls_state::established) {
            pair.server->receive();
        }
        return pair.client->tls() == tls_state::established;
    }));
    pair.client->send("startup");
    if (pair.server->tls() == tls_state::handshaking) {
        const auto ending = pair.server->receive();
        EXPECT_EQ(ending.how, received::kind::would_block);
        EXPECT_EQ(pair.server->tls(), tls_state::established);
        EXPECT_TRUE(pair.server->readable());
    }
    EXPECT_EQ(pair.next(*pair.server).data, "startup");
}

TEST_P(StreamTls, AGoodbyeIsAnEndAfterTheData)
{
    tls_pair pair{on, tcp_pair()};
    pair.shake(server_side, client_side);
    pair.client->send("last words");
    pair.client->shut_down_sending();
    pair.client->send("too late");
    EXPECT_EQ(pair.next(*pair.server).data, "last words");
    EXPECT_TRUE(pair.server->readable());
    EXPECT_EQ(pair.next(*pair.server).how, received::kind::end);
    EXPECT_FALSE(pair.server->readable());
    EXPECT_FALSE(pair.server->failed());
    pair.server->send("answer");
    EXPECT_EQ(pair.next(*pair.client).data, "answer");
}

TEST_P(StreamTls, AGoodbyeBehindABacklogWaitsForIt)
{
    tls_pair pair{on, unix_pair(4096)};
    pair.shake(server_side, client_side);
    event woken{on};
    tally told;
    pair.client->send(testing::pattern(0, 100000));
    EXPECT_GT(pair.client->backlog(), 0U);
    pair.client->shut_down_sending();
    on.spawn(talk(*pair.server, woken, 0, 100001, 1, told));
    EXPECT_TRUE(turn_until(on, [&] { return told.done; }));
    EXPECT_EQ(told.received, 100000U);
    EXPECT_EQ(told.last, received::kind::end);
    EXPECT_TRUE(told.intact);
}

TEST_P(StreamTls, ACloseWithoutGoodbyeIsAnEndToo)
{
    tls_pair pair{on, unix_pair()};
    pair.shake(server_side, client_side);
    pair.client->send("cut");
    pair.client.reset();
    EXPECT_EQ(pair.next(*pair.server).data, "cut");
    EXPECT_EQ(pair.next(*pair.server).how, received::kind::end);
}

TEST_P(StreamTls, ATamperedRecordIsAnErrorAfterTheGoodData)
{
    auto sockets = unix_pair();
    const int wire = ::dup(sockets.theirs.get());
    const testing::owned_socket forger{wire};
    tls_pair pair{on, std::move(sockets)};
    pair.shake(server_side, client_side);
    pair.client->send("good");
    forger.say(std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'x'));
    EXPECT_EQ(pair.next(*pair.server).data, "good");
    EXPECT_TRUE(pair.server->readable());
    EXPECT_EQ(pair.next(*pair.server).how, received::kind::error);
    EXPECT_TRUE(pair.server->failed());
    EXPECT_EQ(pair.server->tls(), tls_state::failed);
    EXPECT_FALSE(pair.server->fault().empty());
    pair.server->send("dropped");
    EXPECT_EQ(pair.server->backlog(), 0U);
    EXPECT_EQ(pair.next(*pair.client).how, received::kind::error);  // told by an alert
}

TEST_P(StreamTls, AnIdleSessionFitsItsBudget)
{
    tls_pair warm_up{on, unix_pair()};
    warm_up.shake(server_side, client_side);
    const auto before = ::mallinfo2();
    std::deque<tls_pair> pairs;
    constexpr std::size_t count = 20;
    for (std::size_t i = 0; i < count; ++i) {
        pairs.emplace_back(on, unix_pair());
        pairs.back().shake(server_side, client_side);
        pairs.back().client->send("hello");
        EXPECT_EQ(pairs.back().next(*pairs.back().server).data, "hello");
    }
    const auto after = ::mallinfo2();
    const auto each = (after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / count;
    RecordProperty("octets_of_both_ends", std::to_string(each));
    if (before.uordblks > 0) {  // an allocator that keeps such counts: not a sanitizer's
        EXPECT_LT(each, 40U * 1024U);
    }
}

TEST_P(StreamTls, MovesBetweenDriversWithHalfARecord)
{
    tls_pair pair{on, unix_pair()};
    pair.shake(server_side, client_side);
    pair.client->send(testing::pattern(0, 300000));  // more than fits: some of it waits in the backlog
    const auto first = pair.next(*pair.server).data.size();
    EXPECT_GT(first, 0U);
    driver other;
    pair.server->detach();
    std::thread elsewhere{[&] {
        pair.server->attach(other);
        pair.server->send("from elsewhere");
        std::size_t total = first;
        EXPECT_TRUE(turn_until(other, [&] {
            while (pair.server->readable()) {
                const auto got = pair.server->receive();
                EXPECT_EQ(got.data, testing::pattern(total, got.data.size()));
                total += got.data.size();
            }
            return total == 300000;
        }));
        pair.server->detach();
        on.post([&] { pair.server->attach(on); });
    }};
    EXPECT_EQ(pair.next(*pair.client).data, "from elsewhere");
    EXPECT_TRUE(turn_until(on, [&] { return pair.client->backlog() == 0; }));
    elsewhere.join();
    on.run_once(duration{});
    pair.client->send("back again");
    EXPECT_EQ(pair.next(*pair.server).data, "back again");
}

TEST(StreamTlsFaults, GarbageInsteadOfAHandshakeFails)
{
    driver on;
    auto sockets = unix_pair();
    stream server{on, sockets.ours.release()};
    server.start_tls(*server_context(), tls_role::server);
    EXPECT_EQ(server.tls(), tls_state::handshaking);
    server.send("dropped: there is no way to say this yet");
    sockets.theirs.say(std::string{"\x16\x03\x01\x00\x05hello", 10});
    EXPECT_TRUE(turn_until(on, [&] { return server.readable() && server.receive().how == received::kind::error; }));
    EXPECT_EQ(server.tls(), tls_state::failed);
    EXPECT_TRUE(server.fault().starts_with("TLS: ")) << server.fault();
    EXPECT_EQ(server.receive().how, received::kind::error);
    EXPECT_EQ(sockets.theirs.hear().substr(0, 1), "\x15");  // an alert, and no plain text
}

TEST(StreamTlsFaults, AnEndDuringTheHandshakeIsAnEnd)
{
    driver on;
    auto sockets = unix_pair();
    stream server{on, sockets.ours.release()};
    server.start_tls(*server_context(), tls_role::server);
    sockets.theirs.say("\x16");
    sockets.theirs.close();
    EXPECT_TRUE(turn_until(on, [&] { return server.readable() && server.receive().how == received::kind::end; }));
    EXPECT_EQ(server.facts().version, "");
}

TEST(StreamTlsFaults, DirectTlsFollowsAPeek)
{
    driver on;
    tls_pair pair{on, unix_pair()};
    pair.client->start_tls(*client_context({.alpn_postgresql = true}), tls_role::client);
    EXPECT_TRUE(turn_until(on, [&] { return pair.server->readable(); }));
    char first = 0;
    EXPECT_EQ(pair.server->peek(&first, 1), 1U);
    EXPECT_EQ(first, '\x16');
    pair.server->start_tls(*server_context(), tls_role::server);
    EXPECT_TRUE(turn_until(on, [&] {
        for (auto* side : {&*pair.server, &*pair.client}) {
            if (side->readable() && side->tls() == tls_state::handshaking) {
                side->receive();
            }
        }
        return pair.server->tls() == tls_state::established;
    }));
    EXPECT_EQ(pair.server->facts().alpn, "postgresql");
}

TEST(StreamTlsFaults, AHandshakeMayBeginWithWhatHasBeenReceivedAlready)
{
    for (const std::size_t cut : {std::size_t{1}, std::size_t{4}, std::size_t{100}, std::size_t{100000}}) {
        driver on;
        tls_pair pair{on, unix_pair()};
        pair.client->start_tls(*client_context(), tls_role::client);
        std::string early{pair.next(*pair.server).data};
        ASSERT_EQ(early.substr(0, 1), "\x16");
        const auto later = early.size() > cut ? early.substr(cut) : std::string{};
        pair.server->start_tls(*server_context(), tls_role::server, {}, bytes{early}.substr(0, cut));
        EXPECT_EQ(pair.server->tls(), tls_state::handshaking);
        EXPECT_EQ(::write(pair.client->descriptor(), later.data(), later.size()), static_cast<ssize_t>(later.size()));
        EXPECT_TRUE(turn_until(on, [&] {
            for (auto* side : {&*pair.server, &*pair.client}) {
                if (side->readable() && side->tls() == tls_state::handshaking) {
                    side->receive();
                }
            }
            return pair.server->tls() == tls_state::established;
        })) << cut;
    }
    driver on;
    tls_pair pair{on, unix_pair()};
    pair.server->start_tls(*server_context(), tls_role::server, {}, "plain octets that were never TLS");
    EXPECT_EQ(pair.server->tls(), tls_state::failed);
}

/// A client of OpenSSL's own, for what a stream would never do.
class foreign_client {
public:
    foreign_client(driver& on, stream& server, int descriptor) : context_{client_context()}
    {
        make_non_blocking(descriptor);
        server.start_tls(*server_context(), tls_role::server);
        SSL_CTX_set_max_proto_version(context_->native(), TLS1_2_VERSION);
        ssl_.reset(SSL_new(context_->native()));
        SSL_clear_options(get(), SSL_OP_NO_RENEGOTIATION);
        BIO* wire = BIO_new(BIO_s_socket());
        BIO_set_fd(wire, descriptor, BIO_NOCLOSE);
        SSL_set_bio(get(), wire, wire);
        EXPECT_TRUE(turn_until(on, [&] {
            const bool connected = SSL_connect(get()) == 1;
            while (server.readable()) {
                server.receive();
            }
            return connected;
        }));
    }
    [[nodiscard]] SSL* get() const { return ssl_.get(); }

private:
    testing::context_pointer context_;
    std::unique_ptr<SSL, testing::freed_by<SSL_free>> ssl_;
};

TEST(StreamTlsFaults, AGoodbyeCountsWithTheSocketStillOpen)
{
    driver on;
    auto sockets = unix_pair();
    stream server{on, sockets.ours.release()};
    const foreign_client client{on, server, sockets.theirs.get()};
    EXPECT_EQ(SSL_write(client.get(), "bye", 3), 3);
    SSL_shutdown(client.get());
    EXPECT_TRUE(turn_until(on, [&] { return server.readable(); }));
    EXPECT_EQ(server.receive().data, "bye");
    EXPECT_TRUE(server.readable());
    EXPECT_EQ(server.receive().how, received::kind::end);
    EXPECT_FALSE(server.readable());
    EXPECT_FALSE(server.peer_gone());
}

TEST(StreamTlsFaults, APeerThatTakesNoAnswersCannotMakeUsHoardThem)
{
    // An attempt at renegotiation is answered by a refusal, which this client does not read.
    driver on;
    auto sockets = unix_pair();
    stream server{on, sockets.ours.release()};
    const foreign_client client{on, server, sockets.theirs.get()};
    server.send(std::string(2 * mebibyte, 'x'));
    EXPECT_EQ(SSL_write(client.get(), "query", 5), 5);
    EXPECT_TRUE(turn_until(on, [&] { return server.readable(); }));
    EXPECT_EQ(server.receive().data, "query");  // a large backlog alone is no fault
    SSL_set0_rbio(client.get(), BIO_new(BIO_s_mem()));
    EXPECT_EQ(SSL_renegotiate(client.get()), 1);
    EXPECT_NE(SSL_do_handshake(client.get()), 1);
    EXPECT_TRUE(turn_until(on, [&] { return server.readable(); }));
    server.receive();
    EXPECT_TRUE(server.failed());
    EXPECT_TRUE(server.fault().starts_with("the peer does not read")) << server.fault();
    EXPECT_EQ(server.backlog(), 0U);
}

}  // namespace

}  // namespace penstock::net
