// SPDX-License-Identifier: Apache-2.0
//
// A server that a test plays against server_login(), and what it says.
#pragma once

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/client_login.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/scram_server.hpp"
#include "protocols/postgresql/server_login.hpp"
#include "protocols/postgresql/startup.hpp"
#include "tests/support/dialogue_script.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace penstock::postgresql::served {

using namespace std::string_literals;
using mode = server_account::tls_mode;

inline std::string message(char type, bytes body)
{
    std::string out;
    append_frame(out, type, body);
    return out;
}

inline std::string auth(auth_request request, bytes data = {})
{
    std::string out;
    append_auth_request(out, request, data);
    return out;
}

inline const auto auth_ok = auth(auth_request::ok);
inline const auto ready = message('Z', "I");
inline const auto offers_scram = auth(auth_request::sasl, "SCRAM-SHA-256\0\0"s);

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

    outcome<server_identity> end()
    {
        EXPECT_TRUE(back.done()) << "the login still waits for something";
        return back.done() ? back.result() : outcome<server_identity>{server_identity{}};
    }
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

/// Plays a server's SCRAM up to the point where server-final is due, and gives that message.
inline std::string play_scram(server& peer)
{
    scram_server scram{scram_account::of("ann", {.exists = true, .stored = secret{"pencil"}}), ""};
    peer.hears();
    peer.says(offers_scram);
    const auto first = peer.hears();
    const auto challenge = scram.challenge(scram_plain, bytes{first}.substr(5 + 14 + 4));
    EXPECT_TRUE(challenge);
    peer.says(auth(auth_request::sasl_continue, *challenge));
    const auto final = peer.hears();
    return *scram.finish(bytes{final}.substr(5));
}

}  // namespace penstock::postgresql::served
