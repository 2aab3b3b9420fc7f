// SPDX-License-Identifier: Apache-2.0
//
// A MySQL server that a test plays against server_login(), and its packets.
#pragma once

#include "tests/unit/mysql/login_support.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace penstock::mysql::played {

using mode = server_account::tls_mode;

inline constexpr capability_flags server_capabilities =
    back_capabilities | capability::long_password | capability::connect_with_db | capability::ssl |
    capability::local_files | capability::multi_statements | capability::found_rows;

inline const auto nonce = "abcdefghij0123456789"s;

inline std::string greeting_by(std::string_view plugin,
                               capability_flags capabilities = server_capabilities,
                               std::string_view version = "8.4.3")
{
    std::string payload;
    encode_greeting_payload({.version = version,
                             .connection_id = 4711,
                             .nonce = nonce,
                             .capabilities = capabilities,
                             .collation = 255,
                             .status = server_status::autocommit,
                             .auth_plugin = plugin},
                            payload);
    return packet(0, payload);
}

inline const auto plain_ok = "\0\0\0\2\0\0\0"s;

inline server_account account(mode tls = mode::disable)
{
    return {.user = "ann", .database = "shop", .password = secret{"pencil"}, .tls = tls};
}

/// A server that we play against server_login().
struct server {
    server_account with;
    test::scripted<outcome<server_identity>> back{[this](dialogue& line) { return server_login(line, with); }};

    explicit server(server_account to_use = account()) : with{std::move(to_use)}
    {
        back.tls = tls_facts{"TLSv1.3", "", "hash", ""};
        back.start();
    }

    server& says(bytes octets)
    {
        back.feed(octets);
        return *this;
    }
    std::string hears() { return back.sent(); }
    handshake_response hears_response(std::uint8_t sequence, capability_flags offered = server_capabilities)
    {
        kept = only_packet(hears());
        EXPECT_EQ(kept.sequence, sequence);
        return decode_response(kept.payload, offered).value_or(handshake_response{});
    }

    outcome<server_identity> end()
    {
        EXPECT_TRUE(back.done()) << "the login still waits for something";
        return back.done() ? back.result() : outcome<server_identity>{server_identity{}};
    }

    heard kept{};
};

inline client_error expect_failure(server& peer,
                                   std::string_view why,
                                   error_kind kind = error_kind::server_login_failed)
{
    const auto result = peer.end();
    EXPECT_FALSE(result.has_value()) << why;
    EXPECT_EQ(result.error().kind, kind) << why;
    EXPECT_FALSE(result.error().detail.empty()) << why;
    return result.error();
}

inline server_identity expect_in(server& peer)
{
    const auto result = peer.end();
    EXPECT_TRUE(result.has_value()) << result.error().detail;
    return *result;
}

inline std::string switch_to(std::string_view plugin, bytes data)
{
    std::string payload;
    encode_auth_switch_payload({plugin, data}, payload);
    return payload;
}

}  // namespace penstock::mysql::played
