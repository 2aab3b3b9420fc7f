// SPDX-License-Identifier: Apache-2.0
//
// Servers that refuse, break the protocol, ask for what they may not have, or go away.
#include "tests/unit/mysql/server_support.hpp"

namespace penstock::mysql {
namespace {

using namespace played;

TEST(ServerLoginHostile, UnusableRsaKeysEndTheLogin)
{
    for (const auto& answer :
         {"\x01"s, "\x01nonsense"s, "\x01"s + std::string(9000, 'A'), "\x02"s, plain_ok, "\xfe"s}) {
        auto with = account();
        with.fetch_public_key = true;
        server peer{with};
        peer.says(greeting_by(sha2));
        peer.says(packet(2, "\x01\x04"));
        peer.hears();
        peer.says(packet(4, answer));
        EXPECT_EQ(peer.hears(), "");
        expect_failure(peer, "not a key");
    }
}

TEST(ServerLoginHostile, WhatAServerMayNotAskFor)
{
    const std::vector<std::pair<const char*, std::string>> table{
        {"clear text without TLS", switch_to(clear, "")},
        {"old passwords", "\xfe"},
        {"old passwords by name", switch_to("mysql_old_password", nonce)},
        {"a method we do not know", switch_to("parsec", nonce)},
        {"a name of control characters", switch_to("\x1b[2J", nonce)},
        {"a short nonce", switch_to(native, "short")},
        {"a long nonce", switch_to(sha2, std::string(500, 'x'))},
        {"no nonce to sign", switch_to(ed25519, nonce)},
        {"a name without end", "\xfemysql_native_password"},
        {"a name too long", switch_to(std::string(200, 'p'), nonce)},
        {"a further factor", "\x02plugin"},
        {"data that no method asked for", "\x01\x04"},
        {"a file", "\xfb/etc/passwd"},
        {"nothing", ""},
        {"something else", "\x2a"},
    };
    for (const auto& [why, payload] : table) {
        server peer;
        peer.says(greeting_by(native));
        peer.hears();
        peer.says(packet(2, payload));
        EXPECT_EQ(peer.hears(), "") << why;
        const auto error = expect_failure(peer, why);
        EXPECT_EQ(error.detail.find('\x1b'), std::string::npos) << why;
        EXPECT_EQ(error.detail.find("pencil"), std::string::npos) << why;
    }
}

TEST(ServerLoginHostile, AuthSwitchesWithoutEndAreEnded)
{
    server peer;
    peer.says(greeting_by(native));
    peer.hears();
    std::uint8_t sequence = 2;
    int rounds = 0;
    for (; !peer.back.done() && rounds < 100; ++rounds, sequence = static_cast<std::uint8_t>(sequence + 2)) {
        peer.says(packet(sequence, switch_to(native, nonce + '\0')));
        peer.hears();
    }
    EXPECT_LT(rounds, 10);
    expect_failure(peer, "switches");
}

TEST(ServerLoginHostile, MoreDataComesOncePerMethod)
{
    for (const auto& again : {"\x01\x03"s, "\x01\x04"s, "\x01"s, "\x01\x03\x03"s}) {
        server peer{account(mode::require)};
        peer.says(greeting_by(sha2));
        peer.says(packet(3, "\x01\x04"));
        peer.hears();
        peer.says(packet(5, again));
        EXPECT_EQ(peer.hears(), "");
        expect_failure(peer, "more data again");
    }
}

TEST(ServerLoginHostile, ErrorsCarryTheServersCodesAndWords)
{
    server denied;
    denied.says(greeting_by(native));
    denied.says(packet(2, "\xff\x15\x04#28000Access denied for user 'ann'"));
    const auto error = expect_failure(denied, "denied");
    EXPECT_EQ(error.number, 1045);
    EXPECT_EQ(error.sqlstate, "28000");
    EXPECT_EQ(error.detail, "Access denied for user 'ann'");
}

TEST(ServerLoginHostile, AnErrorMayStandInTheGreetingsPlace)
{
    for (const auto& [number, payload] : {std::pair{1040, "\xff\x10\x04Too many connections"s},
                                          {1129, "\xff\x69\x04Host 'x' is blocked"s},
                                          {1040, "\xff\x10\x04#08004Too many connections"s}}) {
        server peer;
        peer.says(packet(0, payload));
        EXPECT_EQ(expect_failure(peer, payload).number, number);
        EXPECT_EQ(peer.hears(), "");
    }
}

TEST(ServerLoginHostile, MalformedGreetings)
{
    const auto whole = greeting_by(native).substr(header_size);
    const auto minimal = whole.size() - "mysql_native_password"s.size() - 1;
    for (std::size_t cut = 0; cut < minimal; ++cut) {
        server peer;
        peer.says(packet(0, bytes{whole}.substr(0, cut)));
        expect_failure(peer, std::to_string(cut));
        EXPECT_EQ(peer.hears(), "");
    }
    auto other_protocol = whole;
    for (const char version : {'\x09', '\x0b', '\x00'}) {
        other_protocol[0] = version;
        server peer;
        peer.says(packet(0, other_protocol));
        expect_failure(peer, "protocol");
    }
    server too_long;
    too_long.says(greeting_by(native, server_capabilities, std::string(300, '8')));
    expect_failure(too_long, "version of 300 octets");
    server old;
    old.says(greeting_by(native, server_capabilities & ~capability::protocol_41));
    expect_failure(old, "protocol 4.0");
    server second;
    second.says(packet(1, whole));
    expect_failure(second, "sequence number 1");
}

TEST(ServerLoginHostile, LengthsAreBoundedBeforeTheBodyIsAwaited)
{
    for (const auto& header : {"\xff\xff\xff\0"s, "\x01\x00\x01\0"s}) {
        server peer;
        peer.says(header);
        expect_failure(peer, "greeting");
        server later;
        later.says(greeting_by(native));
        auto numbered = header;
        numbered[3] = '\2';
        later.says(numbered);
        expect_failure(later, "answer");
    }
}

TEST(ServerLoginHostile, PacketsComeInOrder)
{
    for (int sequence = 0; sequence < 256; ++sequence) {
        if (sequence == 2) {
            continue;
        }
        server peer;
        peer.says(greeting_by(native));
        peer.says(packet(static_cast<std::uint8_t>(sequence), plain_ok));
        expect_failure(peer, std::to_string(sequence));
    }
}

TEST(ServerLoginHostile, NothingSecretPrecedesTheHandshake)
{
    server peer{account(mode::verify_full)};
    peer.back.tls = std::nullopt;
    peer.says(greeting_by(native));
    const auto request = only_packet(peer.hears());
    EXPECT_EQ(request.payload.size(), 32U);
    EXPECT_TRUE(has(decode_response_start(request.payload, server_capabilities)->capabilities, capability::ssl));
    expect_failure(peer, "the handshake failed");
}

TEST(ServerLoginHostile, DataBehindTheGreetingIsNotTakenForTheServersOwn)
{
    server peer{account(mode::prefer)};
    peer.says(greeting_by(native) + packet(3, plain_ok));
    EXPECT_EQ(peer.hears(), "");
    expect_failure(peer, "an answer before the handshake");
}

TEST(ServerLoginHostile, AnEndAnywhereIsAnEnd)
{
    const auto whole = greeting_by(sha2) + packet(2, "\x01\x03") + packet(3, plain_ok);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
        server peer;
        peer.says(bytes{whole}.substr(0, cut));
        peer.back.end_of_input();
        expect_failure(peer, std::to_string(cut), error_kind::server_unavailable);
    }
    server peer;
    for (const char octet : whole) {
        peer.says(bytes{&octet, 1});
    }
    expect_in(peer);
}

}  // namespace
}  // namespace penstock::mysql
