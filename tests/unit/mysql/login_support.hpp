// SPDX-License-Identifier: Apache-2.0
//
// A MySQL client that a test plays against client_login(), a server that it plays against server_login(), and the
// packets that both say.
#pragma once

#include "protocols/mysql/auth_commons.hpp"
#include "protocols/mysql/auth_digest.hpp"
#include "protocols/mysql/auth_ed25519.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/auth_sha2.hpp"
#include "protocols/mysql/client_login.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/mysql/server_login.hpp"
#include "tests/support/dialogue_script.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::mysql::played {

using how = login_result::kind;
using namespace std::string_literals;

inline constexpr std::string_view native = "mysql_native_password", sha2 = "caching_sha2_password",
                                  ed25519 = "client_ed25519", clear = "mysql_clear_password";

inline std::string packet(std::uint8_t sequence, bytes payload)
{
    std::string out;
    append_packet(out, sequence, payload);
    return out;
}

/// The packets of `stream`, which holds whole ones, with their sequence numbers.
struct heard {
    std::uint8_t sequence;
    std::string payload;
};

inline std::vector<heard> packets_in(bytes stream)
{
    std::vector<heard> all;
    while (stream.size() >= header_size) {
        const auto header = load_header(stream);
        all.push_back({header.sequence, std::string{stream.substr(header_size, header.length)}});
        stream.remove_prefix(std::min(header.frame_size(), stream.size()));
    }
    EXPECT_TRUE(stream.empty()) << "half a packet";
    return all;
}

inline heard only_packet(bytes stream)
{
    auto all = packets_in(stream);
    EXPECT_EQ(all.size(), 1U);
    return all.empty() ? heard{} : std::move(all.front());
}

/// A server's greeting as we may have learnt it.
inline server_greeting greeting_of(std::string_view plugin, bool mariadb = false)
{
    auto facts = modest_greeting();
    facts.version = mariadb ? "5.5.5-10.11.6-MariaDB" : "8.4.3";
    facts.auth_plugin = plugin;
    if (mariadb) {
        facts.capabilities &= ~capability::long_password;
        facts.capabilities |= capability::mariadb_cache_metadata | capability::mariadb_stmt_bulk_operations;
    }
    return facts;
}

/// A key for all tests: making one takes a while.
inline const std::shared_ptr<const rsa_key>& test_key()
{
    static const auto key = std::make_shared<const rsa_key>();
    return key;
}

/// Commons that remember nothing of other tests.
inline std::shared_ptr<auth_commons> fresh_commons()
{
    return std::make_shared<auth_commons>(test_key());
}

inline std::string stored_native(std::string_view password)
{
    std::string text = "*";
    for (const char octet : sha1({native_stage1(password).reveal()})) {
        static constexpr auto digits = "0123456789ABCDEF";
        text.push_back(digits[static_cast<unsigned char>(octet) >> 4]);
        text.push_back(digits[octet & 15]);
    }
    return text;
}

inline std::string stored_sha2(std::string_view password)
{
    constexpr std::string_view salt = "a salt of 20 octets.";
    return "$A$005$" + std::string{salt} + sha256_crypt(password, salt, 5000);
}

inline constexpr capability_flags usual_capabilities =
    capability::long_password | capability::protocol_41 | capability::secure_connection | capability::plugin_auth |
    capability::plugin_auth_lenenc | capability::connect_with_db | capability::connect_attrs |
    capability::session_track | capability::deprecate_eof | capability::multi_results;

/// A client that we play against client_login().
struct client {
    login_context context{};
    user_record record{.exists = true, .stored = secret{"pencil"}};
    user_question asked{};
    capability_flags capabilities = usual_capabilities;
    test::scripted<login_result> front{[this](dialogue& line) { return client_login(line, context); }};
    greeting greeted{};
    std::string greeting_packet{};
    std::uint8_t sequence = 1;

    explicit client(login_context with = {}) : context{complete(std::move(with))}
    {
        front.users = [this](const user_question& question) {
            asked = question;
            return record;
        };
        front.tls = tls_facts{"TLSv1.3", "", "hash", ""};
        front.start();
        greeting_packet = hears();
        greeted = *decode_greeting(bytes{greeting_packet}.substr(header_size));
    }

    static login_context complete(login_context with)
    {
        if (!with.commons) {
            with.commons = fresh_commons();
        }
        if (with.client_address.empty()) {
            with.client_address = "10.0.0.7:40312";
        }
        return with;
    }

    client& says(bytes octets)
    {
        front.feed(octets);
        return *this;
    }
    /// One packet with the sequence number that is due.
    client& sends(bytes payload)
    {
        const auto whole = packet(sequence++, payload);
        return says(whole);
    }
    std::string hears() { return front.sent(); }
    heard hears_packet()
    {
        auto one = only_packet(hears());
        EXPECT_EQ(one.sequence, sequence);
        ++sequence;
        return one;
    }

    client& asks_for_tls()
    {
        std::string start;
        encode_response_start({capabilities | capability::ssl, 1U << 24, 45}, start);
        return sends(start);
    }

    [[nodiscard]] std::string response(std::string_view plugin, bytes answer, bytes attributes = {}) const
    {
        std::string payload;
        encode_response_payload({.capabilities = capabilities,
                                 .max_packet = 1U << 24,
                                 .collation = 45,
                                 .user = "ann",
                                 .answer = answer,
                                 .schema = "shop",
                                 .auth_plugin = plugin,
                                 .attributes = attributes},
                                payload);
        return payload;
    }
    client& responds(std::string_view plugin, bytes answer) { return sends(response(plugin, answer)); }

    /// The answer to the greeting's nonce, or to another one.
    [[nodiscard]] std::string answer(std::string_view plugin, std::string_view password, bytes nonce = {}) const
    {
        const bytes to = nonce.empty() ? bytes{greeted.nonce} : nonce;
        return plugin == native    ? native_answer(native_stage1(password), to)
               : plugin == sha2    ? sha2_answer(sha2_stage1(password), to)
               : plugin == ed25519 ? ed25519_sign(password, to)
                                   : std::string{password} + '\0';
    }

    /// Expects a switch to `plugin` and gives its nonce.
    std::string hears_switch(std::string_view plugin)
    {
        const auto one = hears_packet();
        const auto message = decode_auth_switch(one.payload);
        EXPECT_TRUE(message) << "no auth switch";
        if (!message) {
            return {};
        }
        EXPECT_EQ(message->plugin, plugin);
        return std::string{nonce_in(message->data)};
    }

    login_result end()
    {
        EXPECT_TRUE(front.done()) << "the login still waits for something";
        return front.done() ? front.result() : login_result{};
    }
};

/// The codes of the one ERR packet in `output`.
struct told {
    std::uint16_t number = 0;
    std::string sqlstate{};
    std::string text{};
};

inline told error_in(bytes payload)
{
    const auto report = decode_err(payload);
    if (!report) {
        ADD_FAILURE() << "not an ERR packet";
        return {};
    }
    return {report->code, std::string{report->sqlstate}, std::string{report->message}};
}

inline told expect_refused(client& peer, std::uint16_t number, std::string_view why)
{
    const auto last = packets_in(peer.hears());
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::refused) << why;
    EXPECT_FALSE(result.reason.empty()) << why;
    if (last.empty()) {
        ADD_FAILURE() << why << ": nothing was said";
        return {};
    }
    EXPECT_EQ(last.back().sequence, static_cast<std::uint8_t>(peer.sequence + last.size() - 1)) << why;
    auto error = error_in(last.back().payload);
    EXPECT_EQ(error.number, number) << why;
    return error;
}

inline login_result expect_in(client& peer)
{
    const auto rest = peer.hears();
    EXPECT_TRUE(rest.empty()) << "OK is for the session to say";
    auto result = peer.end();
    EXPECT_EQ(result.how, how::logged_in) << result.reason;
    EXPECT_EQ(result.identity.user, "ann");
    EXPECT_EQ(result.identity.next_sequence, peer.sequence);
    return result;
}

inline void expect_gone(client& peer, std::string_view why)
{
    const auto result = peer.end();
    EXPECT_EQ(result.how, how::gone) << why;
    EXPECT_FALSE(result.reason.empty()) << why;
}

}  // namespace penstock::mysql::played
