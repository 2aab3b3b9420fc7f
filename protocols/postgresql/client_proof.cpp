// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/client_proof.hpp"

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/md5_auth.hpp"
#include "protocols/postgresql/scram_server.hpp"

#include <utility>

namespace penstock::postgresql {

namespace {

/// A message with a password, an md5 answer or a step of SASL in it.
struct password_message {
    enum class state : std::uint8_t { whole, unexpected, gone } how = state::gone;
    bytes body{};  ///< valid until the next wait

    [[nodiscard]] bool is_whole() const { return how == state::whole; }
};

struct sasl_start {
    std::string_view mechanism;
    bytes data;
};

conversation<client_proof> prove_by_scram(dialogue& line, std::string user, user_record record, std::string binding);
conversation<client_proof> prove_by_md5(dialogue& line, std::string user, user_record record);
conversation<client_proof> prove_by_password(dialogue& line, std::string user, user_record record);
conversation<password_message> read_password(dialogue& line);

client_proof passed()
{
    return {.how = client_proof::state::passed};
}

client_proof failed(error_kind kind, std::string detail, std::string reason = {})
{
    client_error error{kind, std::move(detail)};
    return {.how = client_proof::state::failed, .error = std::move(error), .reason = std::move(reason)};
}

/// The one answer to whoever could not prove to be `user`.
client_proof wrong_password(const std::string& user, const user_record& record)
{
    const char* reason = !record.exists          ? "no such user"
                         : record.stored.empty() ? "the user has no password"
                                                 : "wrong password";
    return failed(error_kind::wrong_password, "password authentication failed for user \"" + user + '"', reason);
}

/// What ends the login where no password message came.
client_proof not_proved(const password_message& answer)
{
    if (answer.how == password_message::state::gone) {
        return {.how = client_proof::state::gone, .reason = "the client went away during authentication"};
    }
    return failed(error_kind::protocol_violation, "expected a password message of sound length");
}

client_proof from_certificate(const std::string& user, const user_record& record, const std::optional<tls_facts>& tls)
{
    if (record.exists && tls && !tls->peer_common_name.empty() && tls->peer_common_name == user) {
        return passed();
    }
    return failed(error_kind::invalid_authorization,
                  "certificate authentication failed for user \"" + user + '"',
                  !record.exists ? "no such user" : "no verified certificate with this common name");
}

/// Of a PasswordMessage: text and its zero octet.
std::optional<std::string_view> password_in(bytes body)
{
    byte_reader in{body};
    const auto text = in.c_string();
    return in.finished_cleanly() ? std::optional{text} : std::nullopt;
}

std::optional<sasl_start> sasl_start_in(bytes body)
{
    byte_reader in{body};
    const auto mechanism = in.c_string();
    const auto length = in.u32();
    const auto data = in.take(length);
    return in.finished_cleanly() ? std::optional{sasl_start{mechanism, data}} : std::nullopt;
}

}  // namespace

conversation<client_proof> prove(dialogue& line, std::string user, user_record record, std::optional<tls_facts> tls)
{
    const bool has_verifier = parse_scram_verifier(record.stored.reveal()).has_value();
    auto method = record.method;
    if (method == auth_method::md5 && has_verifier) {
        method = auth_method::scram_sha_256;
    }
    switch (method) {
        case auth_method::scram_sha_256: {
            auto binding = tls ? tls->server_certificate_hash : std::string{};
            co_return co_await prove_by_scram(line, std::move(user), std::move(record), std::move(binding));
        }
        case auth_method::md5: co_return co_await prove_by_md5(line, std::move(user), std::move(record));
        case auth_method::password:
            if (!tls) {
                co_return failed(error_kind::tls_required,
                                 "this user logs in with a password in clear, which needs TLS");
            }
            co_return co_await prove_by_password(line, std::move(user), std::move(record));
        case auth_method::certificate: co_return from_certificate(user, record, tls);
        case auth_method::trust:
            if (record.exists) {
                co_return passed();
            }
            break;
        case auth_method::reject: break;
    }
    co_return failed(error_kind::invalid_authorization,
                     "user \"" + user + "\" may not log in",
                     record.exists ? "authentication method reject" : "no such user");
}

namespace {

conversation<client_proof> prove_by_scram(dialogue& line, std::string user, user_record record, std::string binding)
{
    scram_server scram{scram_account::of(user, record), std::move(binding)};
    append_auth_request(line.output(), auth_request::sasl, scram.mechanisms());
    auto answer = co_await read_password(line);
    if (!answer.is_whole()) {
        co_return not_proved(answer);
    }
    const auto start = sasl_start_in(answer.body);
    if (!start) {
        co_return failed(error_kind::protocol_violation, "malformed SASL initial response");
    }
    const auto challenge = scram.challenge(start->mechanism, start->data);
    if (!challenge) {
        co_return failed(challenge.error().kind, challenge.error().detail);
    }
    append_auth_request(line.output(), auth_request::sasl_continue, *challenge);
    answer = co_await read_password(line);
    if (!answer.is_whole()) {
        co_return not_proved(answer);
    }
    const auto final = scram.finish(answer.body);
    if (!final && final.error().kind == error_kind::wrong_password) {
        co_return wrong_password(user, record);
    }
    if (!final) {
        co_return failed(final.error().kind, final.error().detail);
    }
    append_auth_request(line.output(), auth_request::sasl_final, *final);
    auto proof = passed();
    proof.keys = scram.keys();
    co_return std::move(proof);
}

conversation<client_proof> prove_by_md5(dialogue& line, std::string user, user_record record)
{
    const auto salt = random_octets(md5_salt_size);
    append_auth_request(line.output(), auth_request::md5_password, salt);
    const auto answer = co_await read_password(line);
    if (!answer.is_whole()) {
        co_return not_proved(answer);
    }
    const auto given = password_in(answer.body);
    if (!given) {
        co_return failed(error_kind::protocol_violation, "malformed password message");
    }
    const bool can_match = record.exists && !record.stored.empty();  // if not, the work is done all the same
    const auto expected = md5_answer(can_match ? record.stored.reveal() : "nobody's password", user, salt);
    if (!can_match || expected.empty() || !secret::equal_in_constant_time(*given, expected)) {
        co_return wrong_password(user, record);
    }
    co_return passed();
}

conversation<client_proof> prove_by_password(dialogue& line, std::string user, user_record record)
{
    append_auth_request(line.output(), auth_request::clear_password);
    const auto answer = co_await read_password(line);
    if (!answer.is_whole()) {
        co_return not_proved(answer);
    }
    const auto given = password_in(answer.body);
    if (!given || given->empty()) {
        co_return failed(error_kind::protocol_violation, "malformed or empty password message");
    }
    auto account = scram_account::of(user, record);
    bool matches = account.accepts(*given);
    if (record.exists && is_md5_hash(record.stored.reveal())) {
        matches = secret::equal_in_constant_time(md5_hash(*given, user), record.stored.reveal());
    }
    if (!matches) {
        co_return wrong_password(user, record);
    }
    auto proof = passed();
    proof.clear_password = secret{*given};
    co_return std::move(proof);
}

/// The only message a client may send while it proves itself; whatever else it sends is not read any further.
conversation<password_message> read_password(dialogue& line)
{
    password_message message{};
    if (!co_await line.need(header_size)) {
        co_return message;
    }
    const auto header = load_header(line.buffered());
    if (header.type != from_client::password || header.length < 4 || header.length > longest_auth_message) {
        message.how = password_message::state::unexpected;
        co_return message;
    }
    if (!co_await line.need(header.frame_size())) {
        co_return message;
    }
    message.how = password_message::state::whole;
    message.body = line.buffered().substr(header_size, header.body_size());
    line.consume(header.frame_size());
    co_return message;
}

}  // namespace

}  // namespace penstock::postgresql
