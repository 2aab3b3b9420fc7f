// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/server_login_proof.hpp"

#include "protocols/mysql/auth_ed25519.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/auth_rsa.hpp"
#include "protocols/mysql/auth_sha2.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <utility>

namespace penstock::mysql {

namespace {

using fault = std::optional<client_error>;

constexpr char sha256_ask_public_key = '\x01';
constexpr std::uint8_t more_data_header = 0x01, next_factor_header = 0x02, switch_header = 0xfe;

/// One login's proof: what it needs and how far it is.
struct attempt {
    dialogue& line;
    server_account account;
    server_question asked;
    bool is_secure;
    std::uint8_t sequence;
    int switches = 0;
    bool has_more_data = false;  ///< this method's AuthMoreData has come, which comes once
};

conversation<fault> answer_switch(attempt& now, std::string payload);
conversation<fault> answer_more_data(attempt& now, std::string data);
conversation<fault> full_exchange(attempt& now);
void say(attempt& now, bytes payload);

client_error failed(std::string detail)
{
    return {error_kind::server_login_failed, std::move(detail)};
}

/// What an ERR packet says, with the server's own codes.
client_error to_error(bytes payload)
{
    constexpr std::size_t longest_text = 512;
    const auto report = decode_err(payload);
    if (!report) {
        return failed("the server sent a malformed error during login");
    }
    const auto text = report->message.empty() ? "the server refused the login without a reason" : report->message;
    client_error error{error_kind::server_login_failed, std::string{text.substr(0, longest_text)}};
    error.sqlstate = report->sqlstate;
    error.number = report->code;
    return error;
}

/// A name of the server's as it may stand in a message.
std::string printable(std::string_view name)
{
    constexpr std::size_t longest_name = 64;
    std::string text{name.substr(0, longest_name)};
    std::replace_if(
        text.begin(), text.end(), [](char octet) { return octet < 0x20 || octet > 0x7e; }, '?');
    return text;
}

/// SHA1(password) or SHA256(password), from whatever the account has. Empty where it has neither.
secret stage1_of(const server_account& account, auth_plugin plugin)
{
    const bool native = plugin == auth_plugin::native;
    if (!account.password.empty()) {
        return native ? native_stage1(account.password.reveal()) : sha2_stage1(account.password.reveal());
    }
    if (!account.hashes) {
        return {};
    }
    return native ? account.hashes->sha1 : account.hashes->sha256;
}

/// The password under the server's RSA key.
outcome<std::string> answer_by_rsa(const server_account& account, bytes nonce, bytes key)
{
    auto block = encrypt_password(account.password, nonce, key);
    if (!block) {
        return failed("the server's RSA public key is unusable, or too short for the password");
    }
    return std::move(*block);
}

/// sha256_password: the password, under TLS or RSA, or the question for the key.
outcome<std::string> answer_sha256(const server_account& account, const server_question& asked, bool is_secure)
{
    if (account.password.empty()) {
        return failed("the server asks for sha256_password, but no password is known for this user");
    }
    if (is_secure) {
        return std::string{account.password.reveal()} + '\0';
    }
    if (!account.public_key.empty()) {
        return answer_by_rsa(account, asked.nonce, account.public_key);
    }
    if (!account.fetch_public_key) {
        return failed("the server asks for sha256_password, which needs TLS, or its RSA public key");
    }
    return std::string(1, sha256_ask_public_key);
}

outcome<std::string> answer_clear(const server_account& account, bool is_secure)
{
    if (!is_secure && !account.allow_clear_password_without_tls) {
        return failed("the server asks for the password in clear, which needs TLS");
    }
    return std::string{account.password.reveal()} + '\0';
}

/// The answer to a nonce, or to none.
outcome<std::string> answer_to(const server_account& account, const server_question& asked, bool is_secure)
{
    const auto plugin = plugin_of(asked.plugin);
    const bool nameless = account.password.empty() && !account.hashes;  // logs in without a password
    switch (plugin) {
        case auth_plugin::clear_password: return answer_clear(account, is_secure);
        case auth_plugin::sha256: return answer_sha256(account, asked, is_secure);
        case auth_plugin::ed25519:
            if (asked.nonce.size() != ed25519_nonce_size) {
                return failed("the server sent a malformed request for client_ed25519");
            }
            if (account.password.empty()) {
                return failed("the server asks for client_ed25519, but no password is known for this user");
            }
            return ed25519_sign(account.password.reveal(), asked.nonce);
        case auth_plugin::native:
        case auth_plugin::caching_sha2: {
            if (nameless) {
                return std::string{};
            }
            if (asked.nonce.size() != scramble_size) {
                return failed("the server sent a malformed request for " + printable(asked.plugin));
            }
            const auto stage1 = stage1_of(account, plugin);
            if (stage1.empty()) {
                return failed("the server asks for " + printable(asked.plugin) +
                              ", but what the client proved is not good for that");
            }
            return plugin == auth_plugin::native ? native_answer(stage1, asked.nonce)
                                                 : sha2_answer(stage1, asked.nonce);
        }
        case auth_plugin::unknown: break;
    }
    return failed("the server asks for the authentication method \"" + printable(asked.plugin) +
                  "\", which is not supported");
}

}  // namespace

conversation<server_packet> read_server_packet(dialogue& line, std::uint8_t sequence)
{
    server_packet result{};
    const auto packet = co_await read_login_packet(line, sequence, longest_server_packet);
    switch (packet.how) {
        case login_packet::state::gone:
            result.fault =
                client_error{error_kind::server_unavailable, "the server closed the connection during login"};
            break;
        case login_packet::state::too_long:
            result.fault = failed("the server sent a packet of impossible length during login");
            break;
        case login_packet::state::out_of_order:
            result.fault = failed("the server sent packets out of order during login");
            break;
        case login_packet::state::whole:
            if (packet.payload.empty()) {
                result.fault = failed("the server sent an empty packet during login");
            } else if (is_err(packet.payload)) {
                result.fault = to_error(packet.payload);
            } else {
                result.payload = packet.payload;
            }
    }
    co_return std::move(result);
}

outcome<std::string> first_answer(const server_account& account, const server_question& asked, bool is_secure)
{
    const auto plugin = plugin_of(asked.plugin);
    if (plugin != auth_plugin::native && plugin != auth_plugin::caching_sha2) {
        return std::string{};  // the server switches to what this user needs
    }
    if (!account.password.empty() || !account.hashes) {
        return answer_to(account, asked, is_secure);
    }
    // With hashes of one method only, the server may still switch to the one that fits.
    return stage1_of(account, plugin).empty() ? std::string{} : answer_to(account, asked, is_secure);
}

conversation<server_proof> prove_to_server(
    dialogue& line, server_account account, server_question asked, bool is_secure, std::uint8_t sequence)
{
    attempt now{line, std::move(account), std::move(asked), is_secure, sequence};
    server_proof result{};
    while (!result.fault) {
        auto packet = co_await read_server_packet(line, now.sequence++);
        if (packet.fault) {
            result.fault = std::move(packet.fault);
            break;
        }
        std::string payload{packet.payload};
        switch (static_cast<std::uint8_t>(payload[0])) {
            case ok_header: result.ok = std::move(payload); co_return std::move(result);
            case switch_header: result.fault = co_await answer_switch(now, std::move(payload)); break;
            case more_data_header: result.fault = co_await answer_more_data(now, payload.substr(1)); break;
            case next_factor_header:
                result.fault = failed("the server asks for a further factor of authentication, which is not supported");
                break;
            default: result.fault = failed("the server sent an unexpected packet during login");
        }
    }
    co_return std::move(result);
}

namespace {

void say(attempt& now, bytes payload)
{
    now.sequence = append_packet(now.line.output(), now.sequence, payload);
}

conversation<fault> answer_switch(attempt& now, std::string payload)
{
    if (payload.size() == 1) {
        co_return failed("the server asks for mysql_old_password, which is not safe");
    }
    const auto message = decode_auth_switch(payload);
    if (!message) {
        co_return failed("the server sent a malformed request for another authentication method");
    }
    if (++now.switches > most_auth_switches) {
        co_return failed("the server asks for one authentication method after the other");
    }
    now.asked = {std::string{message->plugin}, std::string{nonce_in(message->data)}};
    now.has_more_data = false;
    const auto answer = answer_to(now.account, now.asked, now.is_secure);
    if (!answer) {
        co_return answer.error();
    }
    say(now, *answer);
    co_return std::nullopt;
}

conversation<fault> answer_more_data(attempt& now, std::string data)
{
    const auto plugin = plugin_of(now.asked.plugin);
    const bool expected = plugin == auth_plugin::caching_sha2 && !now.has_more_data;
    const bool is_key = plugin == auth_plugin::sha256 && !now.has_more_data && !now.is_secure &&
                        now.account.public_key.empty() && now.account.fetch_public_key;
    now.has_more_data = true;
    if (expected && data == bytes{&sha2_fast_success, 1}) {
        co_return std::nullopt;
    }
    if (expected && data == bytes{&sha2_full_exchange, 1}) {
        co_return co_await full_exchange(now);
    }
    if (is_key) {
        const auto block = answer_by_rsa(now.account, now.asked.nonce, data);
        if (!block) {
            co_return block.error();
        }
        say(now, *block);
        co_return std::nullopt;
    }
    co_return failed("the server sent unexpected authentication data");
}

conversation<fault> full_exchange(attempt& now)
{
    const auto& account = now.account;
    if (account.password.empty()) {
        co_return failed("the server wants the password itself (caching_sha2_password), but only a hash is known");
    }
    if (now.is_secure) {
        say(now, std::string{account.password.reveal()} + '\0');
        co_return std::nullopt;
    }
    auto key = account.public_key;
    if (key.empty() && !account.fetch_public_key) {
        co_return failed(
            "the server wants the password itself (caching_sha2_password), which needs TLS, or its RSA public key");
    }
    if (key.empty()) {
        say(now, bytes{&sha2_ask_public_key, 1});
        auto packet = co_await read_server_packet(now.line, now.sequence++);
        if (packet.fault) {
            co_return std::move(packet.fault);
        }
        if (static_cast<std::uint8_t>(packet.payload[0]) != more_data_header) {
            co_return failed("the server did not send its RSA public key");
        }
        key = packet.payload.substr(1);
    }
    const auto block = answer_by_rsa(account, now.asked.nonce, key);
    if (!block) {
        co_return block.error();
    }
    say(now, *block);
    co_return std::nullopt;
}

}  // namespace

}  // namespace penstock::mysql
