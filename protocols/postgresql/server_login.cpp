// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/server_login.hpp"

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/server_proof.hpp"
#include "protocols/postgresql/startup.hpp"

#include <optional>
#include <string>
#include <utility>

namespace penstock::postgresql {

namespace {

/// How the question for TLS ended.
struct encryption {
    std::optional<client_error> fault{};
    std::optional<tls_facts> tls{};
};

conversation<encryption> ask_for_tls(dialogue& line, server_account::tls_mode mode);
conversation<outcome<server_identity>> learn_identity(dialogue& line, std::size_t notices);

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

/// Keeps a ParameterStatus within bounds.
bool keep_parameter(server_identity& identity, std::size_t& octets, bytes body)
{
    byte_reader in{body};
    const auto name = in.c_string();
    const auto value = in.c_string();
    octets += body.size();
    if (!in.finished_cleanly() || identity.parameters.size() >= most_server_parameters ||
        octets > longest_server_parameters) {
        return false;
    }
    identity.parameters.emplace_back(name, value);
    return true;
}

/// Keeps BackendKeyData: once, with a key that a CancelRequest can hold.
bool keep_cancel_key(server_identity& identity, bytes body)
{
    auto key = decode_cancel(body);
    if (!key || !identity.cancel.key.empty()) {
        return false;
    }
    identity.cancel = std::move(*key);
    return true;
}

}  // namespace

conversation<outcome<server_identity>> server_login(dialogue& line, server_account account)
{
    auto encrypted = co_await ask_for_tls(line, account.tls);
    if (encrypted.fault) {
        co_return std::move(*encrypted.fault);
    }
    const bool tls = encrypted.tls.has_value();
    encode_startup(account.user, account.database, account.parameters, line.output());
    const auto proof = co_await prove_to_server(line, std::move(account), std::move(encrypted.tls));
    if (proof.fault) {
        co_return *proof.fault;
    }
    auto identity = co_await learn_identity(line, proof.notices);
    if (identity) {
        identity->tls = tls;
    }
    co_return std::move(identity);
}

namespace {

conversation<encryption> ask_for_tls(dialogue& line, server_account::tls_mode mode)
{
    encryption result{};
    if (!wants_tls(mode)) {
        co_return std::move(result);
    }
    encode_tls_request(line.output());
    if (!co_await line.need(1)) {
        result.fault =
            client_error{error_kind::server_unavailable, "the server closed the connection when asked for TLS"};
        co_return std::move(result);
    }
    const char answer = line.buffered().front();
    line.consume(1);
    if (answer == 'E') {  // what it says came unencrypted and from nobody knows whom, so it is not handed on
        result.fault = failed("the server answered the question for TLS with an error");
    } else if (answer != 'S' && answer != 'N') {
        result.fault = failed("the server answered the question for TLS with something that is not PostgreSQL");
    } else if (!line.buffered().empty()) {
        result.fault =
            failed("the server sent data before the TLS handshake; something may be tampering with the connection");
    } else if (answer == 'N') {
        result.fault = does_without_tls(mode) ? std::nullopt : std::optional{failed("the server does not support TLS")};
    } else {
        result.tls = co_await line.start_tls();
        if (!result.tls) {
            result.fault = failed("the TLS handshake with the server failed");
        } else if (!line.buffered().empty()) {
            result.fault = failed("the server sent unencrypted data during the TLS handshake");
        }
    }
    co_return std::move(result);
}

/// From AuthenticationOk to ReadyForQuery.
conversation<outcome<server_identity>> learn_identity(dialogue& line, std::size_t notices)
{
    server_identity identity{};
    std::size_t octets = 0;
    for (;;) {
        const auto message = co_await read_server_message(line, notices);
        if (message.fault) {
            co_return *message.fault;
        }
        switch (message.type) {
            case from_server::parameter_status:
                if (!keep_parameter(identity, octets, message.body)) {
                    co_return failed("the server reports malformed parameters or too many of them");
                }
                break;
            case from_server::backend_key_data:
                if (!keep_cancel_key(identity, message.body)) {
                    co_return failed("the server sent a malformed cancel key");
                }
                break;
            case from_server::ready_for_query:
                if (message.body != "I") {
                    co_return failed("the server is not idle after login");
                }
                co_return std::move(identity);
            default: co_return failed("the server sent an unexpected message after authentication");
        }
    }
}

}  // namespace

}  // namespace penstock::postgresql
