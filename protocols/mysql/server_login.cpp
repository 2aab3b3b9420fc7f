// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/server_login.hpp"

#include "protocols/mysql/compression_codec.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/mysql/server_login_proof.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace penstock::mysql {

namespace {

/// What the server said first.
struct acquaintance {
    std::optional<client_error> fault{};
    server_identity identity{};
    std::string nonce{};
};

/// How the question for TLS ended.
struct encryption {
    std::optional<client_error> fault{};
    bool tls = false;
};

conversation<acquaintance> read_greeting(dialogue& line);
conversation<encryption> ask_for_tls(dialogue& line, response_start start, bool offered, server_account::tls_mode mode);

client_error failed(std::string detail)
{
    return {error_kind::server_login_failed, std::move(detail)};
}

bool wants_tls(server_account::tls_mode mode)
{
    return mode != server_account::tls_mode::disable && mode != server_account::tls_mode::allow;
}

/// Whether the server may do without TLS. (That the certificate is the right one is for the handshake to see.)
bool does_without_tls(server_account::tls_mode mode)
{
    return mode == server_account::tls_mode::prefer || !wants_tls(mode);
}

/// What we ask for of what the server offers.
capability_flags agree(const server_account& account, capability_flags offered)
{
    auto wanted = back_capabilities | account.capabilities;
    wanted &= ~(capability::ssl | capability::compress | capability::zstd_compression);
    wanted |= account.compression == wire_compression::zlib   ? capability::compress
              : account.compression == wire_compression::zstd ? capability::zstd_compression
                                                              : 0;
    wanted |= account.database.empty() ? 0 : capability::connect_with_db;
    // Bit 0 tells a server that we are not MariaDB's client; only without it are extended capabilities looked at.
    const bool extended = !has(offered, capability::long_password);
    wanted =
        extended ? wanted & ~capability::long_password : (wanted | capability::long_password) & capability::lower_half;
    return wanted & offered;
}

/// What a connection cannot do without.
std::optional<client_error> lacks(const server_account& account, capability_flags offered)
{
    if (!has(offered, capability::protocol_41 | capability::secure_connection)) {
        return failed("the server is too old: it does not speak protocol 4.1");
    }
    if (!account.database.empty() && !has(offered, capability::connect_with_db)) {
        return failed("the server does not let clients name a schema at login");
    }
    return std::nullopt;
}

/// The handshake has room for collations up to 255; a higher one has to be set by a statement afterwards.
std::uint8_t collation_for(const server_account& account, const server_identity& server)
{
    return account.collation > 0 && account.collation <= 255 ? static_cast<std::uint8_t>(account.collation)
                                                             : server.greeting.collation;
}

/// Takes the OK packet in; false where it is malformed or too much.
bool learn(server_identity& identity, bytes payload)
{
    const auto ok = decode_ok(payload, identity.capabilities);
    if (!ok) {
        return false;
    }
    identity.status = ok->status;
    session_change_reader changes{ok->changes};
    while (const auto change = changes.next()) {
        if (identity.parameters.size() >= most_server_variables) {
            return false;
        }
        if (change->kind == change_kind::system_variable) {
            identity.parameters.emplace_back(change->name, change->value);
        } else if (change->kind == change_kind::schema) {
            identity.parameters.emplace_back("schema", change->name);
        }
    }
    return !changes.failed();
}

}  // namespace

conversation<outcome<server_identity>> server_login(dialogue& line, server_account account)
{
    auto met = co_await read_greeting(line);
    if (met.fault) {
        co_return std::move(*met.fault);
    }
    auto& identity = met.identity;
    const auto offered = identity.greeting.capabilities;
    if (auto fault = lacks(account, offered)) {
        co_return std::move(*fault);
    }
    if (account.over_local_socket && account.tls == server_account::tls_mode::prefer) {
        account.tls = server_account::tls_mode::disable;  // nobody listens there
    }
    const response_start start{agree(account, offered), longest_frame, collation_for(account, identity)};
    const auto encrypted = co_await ask_for_tls(line, start, has(offered, capability::ssl), account.tls);
    if (encrypted.fault) {
        co_return *encrypted.fault;
    }
    identity.tls = encrypted.tls;
    identity.capabilities = start.capabilities | (encrypted.tls ? capability::ssl : 0);
    server_question asked{identity.greeting.auth_plugin, std::move(met.nonce)};
    const bool is_secure = identity.tls || account.over_local_socket;
    const auto answer = first_answer(account, asked, is_secure);
    if (!answer) {
        co_return answer.error();
    }
    const auto attributes = encode_attributes(account.attributes);
    handshake_response response{.capabilities = identity.capabilities,
                                .max_packet = start.max_packet,
                                .collation = start.collation,
                                .user = account.user,
                                .answer = *answer,
                                .schema = account.database,
                                .auth_plugin = asked.plugin,
                                .attributes = attributes,
                                .zstd_level = usual_zstd_level};
    std::uint8_t sequence = encrypted.tls ? 2 : 1;
    const auto place = begin_packet(line.output());
    encode_response_payload(response, line.output());
    sequence = end_packet(line.output(), place, sequence);
    const auto schema = account.database;
    const auto proof = co_await prove_to_server(line, std::move(account), std::move(asked), is_secure, sequence);
    if (proof.fault) {
        co_return *proof.fault;
    }
    if (!learn(identity, proof.ok)) {
        co_return failed("the server sent a malformed OK packet after login");
    }
    const bool has_reported = std::any_of(identity.parameters.begin(), identity.parameters.end(), [](const auto& each) {
        return each.first == "schema";
    });
    if (!schema.empty() && !has_reported) {
        identity.parameters.emplace_back("schema", schema);
    }
    co_return std::move(identity);
}

namespace {

conversation<acquaintance> read_greeting(dialogue& line)
{
    acquaintance result{};
    auto packet = co_await read_server_packet(line, 0);
    if (packet.fault) {
        result.fault = std::move(packet.fault);
        co_return std::move(result);
    }
    if (static_cast<std::uint8_t>(packet.payload[0]) != protocol_version) {
        result.fault = failed("the server speaks protocol version " +
                              std::to_string(static_cast<unsigned char>(packet.payload[0])) + "; 10 is supported");
        co_return std::move(result);
    }
    const auto message = decode_greeting(packet.payload);
    constexpr std::size_t longest_version = 256;
    if (!message || message->version.size() > longest_version || message->auth_plugin.size() > longest_plugin_name) {
        result.fault = failed("the server sent a malformed greeting");
        co_return std::move(result);
    }
    auto& identity = result.identity;
    identity.greeting = {.version = std::string{message->version},
                         .auth_plugin = std::string{message->auth_plugin},
                         .capabilities = message->capabilities,
                         .status = message->status,
                         .collation = message->collation};
    if (identity.greeting.auth_plugin.empty()) {
        identity.greeting.auth_plugin = name_of(auth_plugin::native);
    }
    identity.cancel.process_id = message->connection_id;
    result.nonce = message->nonce;
    co_return std::move(result);
}

conversation<encryption> ask_for_tls(dialogue& line, response_start start, bool offered, server_account::tls_mode mode)
{
    encryption result{};
    if (!wants_tls(mode) || !offered) {
        if (!does_without_tls(mode)) {
            result.fault = failed("the server does not support TLS");
        }
        co_return std::move(result);
    }
    if (!line.buffered().empty()) {
        result.fault =
            failed("the server sent data before the TLS handshake; something may be tampering with the connection");
        co_return std::move(result);
    }
    start.capabilities |= capability::ssl;
    const auto place = begin_packet(line.output());
    encode_response_start(start, line.output());
    end_packet(line.output(), place, 1);
    const auto facts = co_await line.start_tls();
    result.tls = facts.has_value();
    if (!result.tls) {
        result.fault = failed("the TLS handshake with the server failed");
    } else if (!line.buffered().empty()) {
        result.fault = failed("the server sent unencrypted data during the TLS handshake");
    }
    co_return std::move(result);
}

}  // namespace

}  // namespace penstock::mysql
