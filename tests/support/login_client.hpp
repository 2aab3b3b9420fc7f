// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL client that a test plays against client_login(), and what it expects to hear.
#pragma once

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/client_login.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/scram_client.hpp"
#include "protocols/postgresql/startup.hpp"
#include "tests/support/dialogue_script.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::postgresql::played {

using how = login_result::kind;

inline std::string packet(std::uint32_t code, bytes body)
{
    std::string out;
    byte_writer{out}.u32(static_cast<std::uint32_t>(body.size() + 8)).u32(code).raw(body);
    return out;
}

inline std::string startup(std::uint32_t minor = 0, bytes parameters = bytes{"user\0ann\0database\0shop\0\0", 24})
{
    return packet(protocol_version(3, minor), parameters);
}

inline std::string tls_request()
{
    return packet(tls_code, {});
}

inline std::string gss_request()
{
    return packet(gss_code, {});
}

inline std::string message(char type, bytes body)
{
    std::string out;
    append_frame(out, type, body);
    return out;
}

inline std::string asks_for(auth_request request, bytes data = {})
{
    std::string out;
    append_auth_request(out, request, data);
    return out;
}

inline const auto asks_for_scram = asks_for(auth_request::sasl, bytes{"SCRAM-SHA-256\0\0", 15});

/// A client that we play against client_login().
struct client {
    login_context context{};
    user_record record{.exists = true, .method = auth_method::scram_sha_256, .stored = secret{"pencil"}};
    user_question asked{};
    test::scripted<login_result> front{[this](dialogue& line) { return client_login(line, context); }};

    explicit client(login_context with = {}) : context{std::move(with)}
    {
        front.users = [this](const user_question& question) {
            asked = question;
            return record;
        };
        front.tls = tls_facts{"TLSv1.3", "", "hash", "postgresql"};
        front.start();
    }

    client& says(bytes octets)
    {
        front.feed(octets);
        return *this;
    }
    std::string hears() { return front.sent(); }

    /// How the login ended, with what the client was told.
    login_result end()
    {
        EXPECT_TRUE(front.done()) << "the login still waits for something";
        return front.done() ? front.result() : login_result{};
    }
};

/// The one frame of an ErrorResponse, taken apart.
struct told {
    std::string severity;
    std::string sqlstate;
    std::string text;
};

inline told error_in(const std::string& output)
{
    if (output.size() < header_size || output[0] != from_server::error_response ||
        load_header(output).frame_size() != output.size()) {
        ADD_FAILURE() << "not exactly one ErrorResponse: " << output;
        return {};
    }
    const auto report = decode_error(bytes{output}.substr(header_size));
    return {std::string{report.severity}, std::string{report.sqlstate}, std::string{report.message}};
}

inline void expect_refused(client& peer, std::string_view sqlstate, std::string_view why)
{
    const auto output = peer.hears();
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::refused) << why;
    EXPECT_FALSE(result.reason.empty()) << why;
    const auto error = error_in(output);
    EXPECT_EQ(error.sqlstate, sqlstate) << why;
    EXPECT_EQ(error.severity, "FATAL") << why;
}

inline void expect_gone(client& peer, std::string_view why)
{
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::gone) << why;
    EXPECT_FALSE(result.reason.empty()) << why;
}

inline scram_client begin_scram(client& peer)
{
    peer.says(startup());
    EXPECT_EQ(peer.hears(), asks_for_scram);
    scram_client scram{channel_binding::none, ""};
    std::string first;
    append_sasl_initial_response(first, scram.mechanism(), scram.first());
    peer.says(first);
    return scram;
}

inline std::string final_of(client& peer, scram_client& scram, std::string_view password)
{
    const auto challenge = peer.hears();
    EXPECT_EQ(challenge.substr(5, 4), std::string("\0\0\0\x0b", 4));
    return message('p', *scram.respond(bytes{challenge}.substr(9), secret{password}, std::nullopt));
}

}  // namespace penstock::postgresql::played
