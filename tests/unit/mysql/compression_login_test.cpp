// SPDX-License-Identifier: Apache-2.0
//
// How logins agree on compression, on either side.
#include "protocols/mysql/compression_codec.hpp"
#include "protocols/mysql/protocol.hpp"
#include "tests/unit/mysql/login_support.hpp"
#include "tests/unit/mysql/server_support.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql {
namespace {

using namespace played;

constexpr auto both = capability::compress | capability::zstd_compression;

/// A client that logs in with these capabilities more, and this level.
client_identity logged_in(capability_flags more, std::uint8_t level, bool mariadb = false)
{
    client peer{{.greeting = greeting_of(native, mariadb), .offer_compression = true}};
    peer.capabilities |= more;
    auto response = peer.response(native, peer.answer(native, "pencil"));
    if (has(more, capability::zstd_compression)) {
        response.back() = static_cast<char>(level);
    }
    peer.sends(response);
    return expect_in(peer).identity;
}

TEST(CompressionOfClients, IsOfferedAsConfiguredWhateverTheServerOffers)
{
    EXPECT_EQ(client{}.greeted.capabilities & both, 0U);
    EXPECT_EQ((client{{.greeting = greeting_of(sha2), .offer_compression = true}}.greeted.capabilities & both), both);
    EXPECT_EQ((client{{.greeting = greeting_of(native, true), .offer_compression = true}}.greeted.capabilities & both),
              capability::compress)
        << "MariaDB has no zstd";
    auto facts = greeting_of(sha2);
    facts.capabilities |= both;
    EXPECT_EQ((client{{.greeting = facts}}.greeted.capabilities & both), 0U);
}

TEST(CompressionOfClients, IsWhatTheClientAsksFor)
{
    EXPECT_EQ(compression_of(logged_in(0, 0).capabilities), compression::none);
    EXPECT_EQ(compression_of(logged_in(capability::compress, 0).capabilities), compression::zlib);
    EXPECT_EQ(compression_of(logged_in(both, 3).capabilities), compression::zlib) << "as servers and clients decide";
    EXPECT_EQ(compression_of(logged_in(capability::compress, 0, true).capabilities), compression::zlib);
    const auto who = logged_in(capability::zstd_compression, 22);
    EXPECT_EQ(compression_of(who.capabilities), compression::zstd);
    EXPECT_EQ(who.zstd_level, 22);
    EXPECT_EQ(logged_in(capability::zstd_compression, 0).zstd_level, usual_zstd_level) << "it was left out";
    EXPECT_EQ(protocol::layer_for(logged_in(0, 0)), nullptr);
    EXPECT_NE(protocol::layer_for(who), nullptr);
}

TEST(CompressionOfClients, ALevelThatThereIsNotIsRefused)
{
    client peer{{.greeting = greeting_of(native), .offer_compression = true}};
    peer.capabilities |= capability::zstd_compression;
    auto response = peer.response(native, peer.answer(native, "pencil"));
    response.back() = 23;
    peer.sends(response);
    expect_refused(peer, 3923, "zstd has 22 levels");
}

TEST(CompressionOfServers, IsAskedForWhereConfiguredAndOffered)
{
    const auto asked_by = [](wire_compression how, capability_flags offered) {
        auto with = account();
        with.compression = how;
        server peer{with};
        peer.says(greeting_by(native, server_capabilities | offered));
        return peer.hears_response(1).capabilities & both;
    };
    EXPECT_EQ(asked_by(wire_compression::off, both), 0U);
    EXPECT_EQ(asked_by(wire_compression::zlib, both), capability::compress);
    EXPECT_EQ(asked_by(wire_compression::zstd, both), capability::zstd_compression);
    EXPECT_EQ(asked_by(wire_compression::zlib, 0), 0U);
    EXPECT_EQ(asked_by(wire_compression::zstd, capability::compress), 0U) << "no other one than was asked for";
}

TEST(CompressionOfServers, ZstdComesWithItsLevel)
{
    auto with = account();
    with.compression = wire_compression::zstd;
    server peer{with};
    peer.says(greeting_by(native, server_capabilities | both));
    const auto sent = peer.hears();
    EXPECT_EQ(sent.back(), static_cast<char>(usual_zstd_level));
}

}  // namespace
}  // namespace penstock::mysql
