// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/server_proof.hpp"

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/md5_auth.hpp"
#include "protocols/postgresql/scram_client.hpp"
#include "protocols/postgresql/server_login.hpp"

#include <string>
#include <utility>

namespace penstock::postgresql {

namespace {

using fault = std::optional<client_error>;

/// An Authentication message.
struct auth_message {
    auth_request request{};
    bytes data{};  ///< valid until the next wait
    std::optional<client_error> fault{};
};

/// One login's proof: what it needs and how far it is.
struct attempt {
    dialogue& line;
    server_account account;
    std::optional<tls_facts> tls;
    std::size_t notices = 0;
    bool may_negotiate = true;  ///< nothing but notices has come yet
};

conversation<auth_message> read_auth(attempt& now);
conversation<auth_message> expect_auth(attempt& now, auth_request wanted);
conversation<fault> answer(attempt& now, auth_request request, std::string data);
conversation<fault> answer_sasl(attempt& now, std::string mechanisms);
fault answer_password(attempt& now);
fault answer_md5(attempt& now, bytes salt);

client_error failed(std::string detail)
{
    return {error_kind::server_login_failed, std::move(detail)};
}

std::uint32_t longest_length(char type)
{
    const bool is_report = type == from_server::error_response || type == from_server::notice_response;
    return is_report ? longest_report : longest_auth_message;
}

client_error to_error(bytes body)
{
    constexpr std::size_t longest_text = 1024;
    const auto report = decode_error(body);
    const auto text = report.message.empty() ? "the server refused the login without a reason" : report.message;
    return {error_kind::server_login_failed, std::string{text.substr(0, longest_text)}, std::string{report.sqlstate}};
}

std::string_view method_name(auth_request request)
{
    switch (request) {
        case auth_request::kerberos_v5: return "Kerberos V5";
        case auth_request::scm_credential: return "SCM credentials";
        case auth_request::gss:
        case auth_request::gss_continue: return "GSSAPI";
        case auth_request::sspi: return "SSPI";
        default: return "an unknown method";
    }
}

/// Whether the list of names, each closed by a zero octet, holds this one.
bool offers(bytes mechanisms, std::string_view wanted)
{
    byte_reader in{mechanisms};
    for (auto name = in.c_string(); !name.empty(); name = in.c_string()) {
        if (name == wanted) {
            return true;
        }
    }
    return false;
}

channel_binding binding_for(bytes mechanisms, const std::optional<tls_facts>& tls)
{
    if (!tls) {
        return channel_binding::none;
    }
    return offers(mechanisms, scram_plus) ? channel_binding::bound : channel_binding::not_offered;
}

}  // namespace

conversation<server_proof> prove_to_server(dialogue& line, server_account account, std::optional<tls_facts> tls)
{
    attempt now{line, std::move(account), std::move(tls)};
    server_proof result{};
    const auto asked = co_await read_auth(now);
    result.fault = asked.fault;
    if (!result.fault && asked.request != auth_request::ok) {
        std::string data{asked.data};
        result.fault = co_await answer(now, asked.request, std::move(data));
        if (!result.fault) {
            const auto end = co_await expect_auth(now, auth_request::ok);
            result.fault = end.fault;
        }
    }
    result.notices = now.notices;
    co_return std::move(result);
}

conversation<server_message> read_server_message(dialogue& line, std::size_t& notices)
{
    server_message message{};
    for (;;) {
        if (!co_await line.need(header_size)) {
            break;
        }
        const auto header = load_header(line.buffered());
        if (header.length < 4 || header.length > longest_length(header.type)) {
            message.fault = failed("the server sent a message of impossible length during login");
            co_return std::move(message);
        }
        if (!co_await line.need(header.frame_size())) {
            break;
        }
        message.type = header.type;
        message.body = line.buffered().substr(header_size, header.body_size());
        line.consume(header.frame_size());
        if (message.type == from_server::error_response) {
            message.fault = to_error(message.body);
            co_return std::move(message);
        }
        if (message.type != from_server::notice_response) {
            co_return std::move(message);
        }
        if (++notices > most_login_notices) {
            message.fault = failed("the server sent too many notices during login");
            co_return std::move(message);
        }
    }
    message.fault = client_error{error_kind::server_unavailable, "the server closed the connection during login"};
    co_return std::move(message);
}

namespace {

/// The next Authentication message. A NegotiateProtocolVersion before it changes nothing: we ask for 3.0 and for no
/// option.
conversation<auth_message> read_auth(attempt& now)
{
    auth_message result{};
    auto message = co_await read_server_message(now.line, now.notices);
    if (!message.fault && message.type == from_server::negotiate_protocol_version && now.may_negotiate) {
        message = co_await read_server_message(now.line, now.notices);
    }
    now.may_negotiate = false;
    result.fault = std::move(message.fault);
    if (!result.fault && (message.type != from_server::authentication || message.body.size() < 4)) {
        result.fault = failed("the server sent an unexpected message instead of an authentication request");
    }
    if (!result.fault) {
        result.request = auth_request{load_u32(message.body.data())};
        result.data = message.body.substr(4);
    }
    co_return std::move(result);
}

conversation<auth_message> expect_auth(attempt& now, auth_request wanted)
{
    auto message = co_await read_auth(now);
    if (!message.fault && message.request != wanted) {
        message.fault = failed("the server broke the order of authentication messages");
    }
    co_return std::move(message);
}

conversation<fault> answer(attempt& now, auth_request request, std::string data)
{
    switch (request) {
        case auth_request::clear_password: co_return answer_password(now);
        case auth_request::md5_password: co_return answer_md5(now, data);
        case auth_request::sasl: co_return co_await answer_sasl(now, std::move(data));
        case auth_request::ok:
        case auth_request::sasl_continue:
        case auth_request::sasl_final: co_return failed("the server broke the order of authentication messages");
        default:
            co_return failed("the server asks for " + std::string{method_name(request)} + ", which is not supported");
    }
}

fault answer_password(attempt& now)
{
    const auto password = now.account.password.reveal();
    if (!now.tls && !now.account.allow_clear_password_without_tls) {
        return failed("the server asks for the password in clear, which is sent under TLS only");
    }
    if (password.empty() || is_md5_hash(password)) {
        return failed("the server asks for the password in clear, but none is known for this user");
    }
    append_password(now.line.output(), password);
    return std::nullopt;
}

fault answer_md5(attempt& now, bytes salt)
{
    if (salt.size() != md5_salt_size) {
        return failed("the server sent a malformed md5 request");
    }
    if (now.account.password.empty()) {
        return failed("the server asks for an md5 answer, but no password is known for this user");
    }
    const auto text = md5_answer(now.account.password.reveal(), now.account.user, salt);
    if (text.empty()) {
        return failed("the server asks for an md5 answer, but MD5 is switched off in this system's OpenSSL");
    }
    append_password(now.line.output(), text);
    return std::nullopt;
}

conversation<fault> answer_sasl(attempt& now, std::string mechanisms)
{
    const auto binding = binding_for(mechanisms, now.tls);
    if (binding != channel_binding::bound && !offers(mechanisms, scram_plain)) {
        co_return failed("the server offers no SASL mechanism that is supported");
    }
    if (binding == channel_binding::bound && now.tls->server_certificate_hash.empty()) {
        // As libpq does. Without binding, a certificate of that kind in the hands of somebody in between would do.
        co_return failed(
            "the server's certificate has a signature without a hash, such as Ed25519, which SCRAM cannot be "
            "bound to (RFC 5929); the server needs one that is signed by RSA or ECDSA");
    }
    const auto& account = now.account;
    if (!account.keys && (account.password.empty() || is_md5_hash(account.password.reveal()))) {
        co_return failed("the server asks for SCRAM, but neither a password nor SCRAM keys are known for this user");
    }
    scram_client scram{binding, now.tls ? now.tls->server_certificate_hash : std::string{}};
    append_sasl_initial_response(now.line.output(), scram.mechanism(), scram.first());
    auto message = co_await expect_auth(now, auth_request::sasl_continue);
    if (message.fault) {
        co_return std::move(message.fault);
    }
    const auto response = scram.respond(message.data, account.password, account.keys);
    if (!response) {
        co_return response.error();
    }
    append_frame(now.line.output(), from_client::password, *response);
    message = co_await expect_auth(now, auth_request::sasl_final);
    if (message.fault) {
        co_return std::move(message.fault);
    }
    co_return scram.finish(message.data);
}

}  // namespace

}  // namespace penstock::postgresql
