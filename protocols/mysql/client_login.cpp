// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/client_login.hpp"

#include "protocols/mysql/auth_commons.hpp"
#include "protocols/mysql/auth_digest.hpp"
#include "protocols/mysql/auth_native.hpp"
#include "protocols/mysql/client_login_proof.hpp"
#include "protocols/mysql/compression_codec.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"

#include <optional>
#include <utility>

namespace penstock::mysql {

namespace {

/// How the part before authentication ended: with a response, or for good.
struct opening {
    std::optional<login_result> end{};
    client_claim claim{};
    client_identity who{};
};

conversation<opening> open(dialogue& line, login_context context);
std::string greet(dialogue& line, const login_context& context, capability_flags offered, auth_plugin plugin);
conversation<std::string> accept_tls(dialogue& line, opening& so_far);
conversation<login_result> finish(dialogue& line, client_claim claim, client_identity who);

login_result gone(std::string reason)
{
    return {.how = login_result::kind::gone, .reason = std::move(reason)};
}

login_result refuse(dialogue& line, const client_error& error, std::uint8_t sequence)
{
    encode_error(error, line.output(), sequence);
    const auto text = error.detail.empty() ? standard_text(error.kind) : std::string_view{error.detail};
    return {.how = login_result::kind::refused, .reason = std::string{name_of(error.kind)} + ": " + std::string{text}};
}

client_error bad_level(unsigned level)
{
    return {error_kind::protocol_violation,
            "Invalid compression level " + std::to_string(level) + " for connection",
            "HY000",
            3923};
}

client_error bad_handshake()
{
    return {error_kind::protocol_violation, "Bad handshake", "08S01", 1043};
}

/// What ends the login where no sound packet came.
login_result no_packet(dialogue& line, const login_packet& packet, std::uint8_t sequence)
{
    switch (packet.how) {
        case login_packet::state::gone: return gone("the client went away before its handshake response");
        case login_packet::state::out_of_order:
            return refuse(line, {error_kind::protocol_violation, "Got packets out of order", "08S01", 1156}, sequence);
        case login_packet::state::too_long:
            return refuse(line, {error_kind::limit_exceeded, "Got a packet bigger than a login may be"}, sequence);
        case login_packet::state::whole: break;
    }
    return refuse(line, bad_handshake(), sequence);
}

/// "127.0.0.1:40312", "[::1]:40312" and "unix" as MySQL names hosts.
std::string host_of(const std::string& address)
{
    if (address == "unix" || address.empty()) {
        return "localhost";
    }
    auto host = address.substr(0, address.rfind(':'));
    return host.size() > 2 && host.front() == '[' ? host.substr(1, host.size() - 2) : host;
}

capability_flags offered_by(const login_context& context)
{
    const auto& greeting = context.greeting;
    auto offered = (greeting.capabilities & front_capabilities) | login_capabilities;
    if (has(offered, capability::long_password)) {
        offered &= capability::lower_half;
    }
    if (context.offer_compression) {
        const bool is_mysql = has(offered, capability::long_password);  // that bit means something else to MariaDB
        offered |= capability::compress | (is_mysql ? capability::zstd_compression : 0);
    }
    return offered | (context.tls_available ? capability::ssl : 0);
}

/// The server's default where a greeting can carry its nonce and we know the method.
auth_plugin greeted_plugin(const server_greeting& greeting)
{
    const auto plugin = plugin_of(greeting.auth_plugin);
    if (plugin == auth_plugin::native || plugin == auth_plugin::caching_sha2) {
        return plugin;
    }
    return has(greeting.capabilities, capability::long_password) ? auth_plugin::caching_sha2 : auth_plugin::native;
}

std::shared_ptr<auth_commons> commons_of(const login_context& context)
{
    auto given = std::dynamic_pointer_cast<auth_commons>(context.commons);
    return given ? given : auth_commons::of_process();
}

/// Whether a SSLRequest has come: the first 32 octets of a response and no more.
bool is_tls_request(bytes payload, const std::optional<response_start>& start)
{
    return payload.size() == tls_request_size && start && has(start->capabilities, capability::ssl);
}

}  // namespace

server_greeting modest_greeting()
{
    constexpr std::uint8_t utf8mb4_general_ci = 45;
    return {.version = "8.0.0-penstock",
            .auth_plugin = "caching_sha2_password",
            .capabilities = (front_capabilities | login_capabilities) & capability::lower_half,
            .status = server_status::autocommit,
            .collation = utf8mb4_general_ci};
}

conversation<login_result> client_login(dialogue& line, login_context context)
{
    const bool require_tls = context.require_tls;
    auto start = co_await open(line, std::move(context));
    if (start.end) {
        co_return std::move(*start.end);
    }
    if (require_tls && !start.who.tls) {
        auto refused = refuse(line, client_error{error_kind::tls_required, {}}, start.claim.sequence);
        refused.identity.user = std::move(start.who.user);
        co_return std::move(refused);
    }
    co_return co_await finish(line, std::move(start.claim), std::move(start.who));
}

conversation<login_result> client_change_user(dialogue& line,
                                              login_context context,
                                              client_identity before,
                                              std::string payload)
{
    const auto agreed = before.capabilities;
    const auto message = decode_change_user(payload, agreed);
    auto attributes = message ? attributes_in(message->attributes) : std::nullopt;
    if (!attributes) {
        co_return refuse(line, client_error{error_kind::protocol_violation, {}}, 1);
    }
    if (before.nonce.size() != scramble_size) {
        before.nonce = random_scramble(scramble_size);
    }
    client_claim claim{.user = std::string{message->user},
                       .host = host_of(context.client_address),
                       .capabilities = agreed,
                       .greeted = greeted_plugin(context.greeting),
                       .plugin = std::string{message->auth_plugin},
                       .answer = std::string{message->answer},
                       .nonce = before.nonce,
                       .is_secure = before.tls || context.client_address == "unix",
                       .sequence = 1,
                       .commons = commons_of(context)};
    client_identity who{.user = claim.user,
                        .database = std::string{message->schema},
                        .tls = before.tls,
                        .capabilities = agreed,
                        .collation = message->collation.value_or(before.collation),
                        .attributes = message->attributes.empty() ? before.attributes : std::move(*attributes),
                        .connection_id = before.connection_id,
                        .nonce = before.nonce};
    co_return co_await finish(line, std::move(claim), std::move(who));
}

namespace {

/// Everything up to the response: greeting and encryption, if it is asked for.
conversation<opening> open(dialogue& line, login_context context)
{
    if (context.greeting.capabilities == 0) {
        auto version = std::move(context.greeting.version);  // which may be all that is known
        context.greeting = modest_greeting();
        context.greeting.version = version.empty() ? context.greeting.version : std::move(version);
    }
    opening now{};
    const auto offered = offered_by(context);
    now.claim.greeted = greeted_plugin(context.greeting);
    now.claim.nonce = greet(line, context, offered, now.claim.greeted);
    now.claim.sequence = 1;
    auto packet = co_await read_login_packet(line, now.claim.sequence++, longest_login_packet);
    if (packet.is_whole() && is_tls_request(packet.payload, decode_response_start(packet.payload, offered))) {
        if (!context.tls_available) {
            now.end = refuse(line, bad_handshake(), now.claim.sequence);
            co_return std::move(now);
        }
        auto fault = co_await accept_tls(line, now);
        if (!fault.empty()) {
            now.end = gone(std::move(fault));
            co_return std::move(now);
        }
        packet = co_await read_login_packet(line, now.claim.sequence++, longest_login_packet);
    }
    if (!packet.is_whole()) {
        now.end = no_packet(line, packet, now.claim.sequence);
        co_return std::move(now);
    }
    const auto message = decode_response(packet.payload, offered);
    auto attributes = message ? attributes_in(message->attributes) : std::nullopt;
    if (!attributes) {
        now.end = refuse(line, bad_handshake(), now.claim.sequence);
        co_return std::move(now);
    }
    if (compression_of(message->capabilities & offered) == compression::zstd && message->zstd_level > 22) {
        now.end = refuse(line, bad_level(message->zstd_level), now.claim.sequence);
        co_return std::move(now);
    }
    now.who.user = message->user;
    now.who.database = message->schema;
    now.who.tls = now.claim.tls.has_value();
    now.who.capabilities = message->capabilities & offered;
    now.who.zstd_level = message->zstd_level == 0 ? usual_zstd_level : message->zstd_level;
    now.who.collation = message->collation;
    now.who.attributes = std::move(*attributes);
    now.who.connection_id = context.connection_id;
    now.claim.user = message->user;
    now.claim.host = host_of(context.client_address);
    now.claim.capabilities = now.who.capabilities;
    now.claim.plugin = message->auth_plugin;
    now.claim.answer = message->answer;
    now.claim.is_secure = now.who.tls || context.client_address == "unix";
    now.claim.commons = commons_of(context);
    now.who.nonce = now.claim.nonce;
    co_return std::move(now);
}

/// Writes the greeting and gives its nonce.
std::string greet(dialogue& line, const login_context& context, capability_flags offered, auth_plugin plugin)
{
    const auto& facts = context.greeting;
    greeting message{.version = facts.version,
                     .connection_id = context.connection_id,
                     .nonce = random_scramble(scramble_size),
                     .capabilities = offered,
                     .collation = facts.collation,
                     .status = facts.status,
                     .auth_plugin = name_of(plugin)};
    const auto place = begin_packet(line.output());
    encode_greeting_payload(message, line.output());
    end_packet(line.output(), place, 0);
    return std::move(message.nonce);
}

/// Behind SSLRequest: empty, or why this ends the connection. A client does not wait for an answer before it begins the
/// TLS handshake, so octets that came with the request belong to that; the driver takes them out of the dialogue.
conversation<std::string> accept_tls(dialogue& line, opening& so_far)
{
    so_far.claim.tls = co_await line.start_tls();
    if (!so_far.claim.tls) {
        co_return std::string{"the TLS handshake failed"};
    }
    if (!line.buffered().empty()) {
        co_return std::string{"unencrypted data during the TLS handshake"};
    }
    co_return std::string{};
}

/// From the response to the end: who is it, can it prove that.
conversation<login_result> finish(dialogue& line, client_claim claim, client_identity who)
{
    user_question question{.user = who.user, .database = who.database};
    claim.record = co_await line.look_up(std::move(question));
    auto proof = co_await prove(line, std::move(claim));
    if (proof.how == client_proof::state::gone) {
        co_return gone(std::move(proof.reason));
    }
    if (proof.how == client_proof::state::failed) {
        auto refused = refuse(line, proof.error, proof.sequence);
        refused.reason.append(proof.reason.empty() ? "" : " (" + proof.reason + ")");
        refused.identity.user = std::move(who.user);  // claimed, not proved: for the log
        co_return std::move(refused);
    }
    login_result done{.how = login_result::kind::logged_in};
    done.identity = std::move(who);
    done.identity.clear_password = std::move(proof.clear_password);
    done.identity.hashes = std::move(proof.hashes);
    done.identity.next_sequence = proof.sequence;
    co_return std::move(done);
}

}  // namespace

void encode_login_ok(std::string& out, const client_identity& who, const ok_packet& ok)
{
    encode_ok(ok, who.capabilities, out, who.next_sequence);
}

void encode_refusal(const client_error& error, std::string& out)
{
    const std::string_view text = error.detail.empty() ? standard_text(error.kind) : std::string_view{error.detail};
    const auto number = error.number != 0 ? error.number : code_of(error.kind).number;
    const auto place = begin_packet(out);
    wire_writer{out}.u8(err_header).u16(number).raw(text.substr(0, 512));
    end_packet(out, place, 0);
}

}  // namespace penstock::mysql
