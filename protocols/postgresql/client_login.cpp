// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/client_login.hpp"

#include "protocols/postgresql/auth_messages.hpp"
#include "protocols/postgresql/client_proof.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/startup.hpp"

#include <optional>
#include <string>
#include <utility>

namespace penstock::postgresql {

namespace {

constexpr std::string_view alpn_name = "postgresql";

/// A packet without a type octet.
struct startup_packet {
    enum class state : std::uint8_t { whole, bad_length, gone } how = state::gone;
    std::uint32_t code = 0;
    bytes body{};  ///< valid until the next wait
};

/// How the part before authentication ended: with a start-up message, or for good.
struct opening {
    std::optional<login_result> end{};
    startup_message message{};
    std::optional<tls_facts> tls{};
};

conversation<opening> open(dialogue& line, login_context context);
conversation<startup_packet> read_packet(dialogue& line, std::size_t longest);
conversation<std::string> accept_tls(dialogue& line, opening& so_far, bool available);
std::optional<client_error> check_startup(const opening& so_far, bool require_tls);

/// `error`: none where the client merely went away.
login_result gone(std::string reason, std::optional<error_kind> error = error_kind::protocol_violation)
{
    return {.how = login_result::kind::gone, .error = error, .reason = std::move(reason)};
}

login_result refuse(dialogue& line, const client_error& error)
{
    encode_error(error, line.output(), true);
    const auto text = error.detail.empty() ? standard_text(error.kind) : std::string_view{error.detail};
    return {.how = login_result::kind::refused,
            .error = error.kind,
            .reason = std::string{name_of(error.kind)} + ": " + std::string{text}};
}

login_result refuse(dialogue& line, error_kind kind, std::string detail)
{
    return refuse(line, client_error{kind, std::move(detail)});
}

client_identity to_identity(startup_message& message, client_proof& proof, bool tls)
{
    return {.user = std::move(message.user),
            .database = std::move(message.database),
            .parameters = std::move(message.parameters),
            .protocol_minor = message.minor(),
            .keys = std::move(proof.keys),
            .clear_password = std::move(proof.clear_password),
            .tls = tls};
}

}  // namespace

conversation<login_result> client_login(dialogue& line, login_context context)
{
    const bool require_tls = context.require_tls;
    auto start = co_await open(line, std::move(context));
    if (start.end) {
        co_return std::move(*start.end);
    }
    if (start.message.wants_negotiation()) {
        encode_negotiation(start.message, line.output());
    }
    if (const auto fault = check_startup(start, require_tls)) {
        co_return refuse(line, *fault);
    }
    user_question question{.user = start.message.user, .database = start.message.database};
    auto record = co_await line.look_up(std::move(question));
    auto proof = co_await prove(line, start.message.user, std::move(record), start.tls);
    if (proof.how == client_proof::state::gone) {
        co_return gone(std::move(proof.reason), std::nullopt);
    }
    if (proof.how == client_proof::state::failed) {
        auto refused = refuse(line, proof.error);
        refused.reason.append(proof.reason.empty() ? "" : " (" + proof.reason + ")");
        refused.identity.user = std::move(start.message.user);  // claimed, not proved: for the log
        co_return std::move(refused);
    }
    login_result done{.how = login_result::kind::logged_in};
    done.identity = to_identity(start.message, proof, start.tls.has_value());
    co_return std::move(done);
}

namespace {

/// Everything up to the start-up message: encryption, as far as asked for, and cancel requests.
conversation<opening> open(dialogue& line, login_context context)
{
    opening now{};
    now.tls = std::move(context.direct_tls);
    if (now.tls && now.tls->alpn != alpn_name) {
        now.end =
            refuse(line, error_kind::protocol_violation, "direct TLS needs the application protocol \"postgresql\"");
        co_return std::move(now);
    }
    bool tls_asked = now.tls.has_value();
    bool gss_asked = now.tls.has_value();
    while (!now.end) {
        const auto packet = co_await read_packet(line, context.longest_startup);
        if (packet.how == startup_packet::state::gone) {
            now.end = gone("the client went away before its start-up packet", std::nullopt);
        } else if (packet.how == startup_packet::state::bad_length) {
            now.end = refuse(line, error_kind::protocol_violation, "invalid length of the start-up packet");
        } else if (packet.code == cancel_code) {
            auto key = decode_cancel(packet.body);
            now.end = key ? login_result{.how = login_result::kind::cancel, .target = std::move(*key)}
                          : gone("a cancel request with a malformed key");
        } else if (packet.code == tls_code && !std::exchange(tls_asked, true)) {
            auto fault = co_await accept_tls(line, now, context.tls_available);
            gss_asked = gss_asked || now.tls.has_value();
            if (!fault.empty()) {
                now.end = gone(std::move(fault));
            }
        } else if (packet.code == gss_code && !std::exchange(gss_asked, true)) {
            if (!line.buffered().empty()) {
                now.end = gone("data behind GSSENCRequest");
            }
            line.output().push_back('N');
        } else if (packet.code == tls_code || packet.code == gss_code) {
            now.end = refuse(line, error_kind::protocol_violation, "encryption was asked for twice");
        } else if (packet.code >> 16 != 3) {
            now.end = refuse(line,
                             error_kind::unsupported_feature,
                             "unsupported frontend protocol " + std::to_string(packet.code >> 16) + "." +
                                 std::to_string(packet.code & 0xffffU) + ": 3.0 and 3.2 are supported");
        } else {
            auto message = decode_startup(packet.body, packet.code & 0xffffU);
            if (!message) {
                now.end = refuse(line, message.error());
            }
            now.message = std::move(*message);
            break;
        }
    }
    co_return std::move(now);
}

conversation<startup_packet> read_packet(dialogue& line, std::size_t longest)
{
    startup_packet packet{};
    if (!co_await line.need(4)) {
        co_return packet;
    }
    const auto length = load_u32(line.buffered().data());
    if (length < shortest_startup || length > longest) {
        packet.how = startup_packet::state::bad_length;
        co_return packet;
    }
    if (!co_await line.need(length)) {
        co_return packet;
    }
    const auto whole = line.buffered().substr(0, length);
    line.consume(length);
    packet = {startup_packet::state::whole, load_u32(whole.data() + 4), whole.substr(8)};
    co_return packet;
}

/// Answers SSLRequest. Empty, or why this ends the connection.
conversation<std::string> accept_tls(dialogue& line, opening& so_far, bool available)
{
    if (!line.buffered().empty()) {
        co_return std::string{"data behind SSLRequest, before the TLS handshake"};
    }
    line.output().push_back(available ? 'S' : 'N');
    if (!available) {
        co_return std::string{};
    }
    so_far.tls = co_await line.start_tls();
    if (!so_far.tls) {
        co_return std::string{"the TLS handshake failed"};
    }
    if (!line.buffered().empty()) {
        co_return std::string{"unencrypted data during the TLS handshake"};
    }
    if (!so_far.tls->alpn.empty() && so_far.tls->alpn != alpn_name) {
        co_return std::string{"TLS for another application protocol"};
    }
    co_return std::string{};
}

std::optional<client_error> check_startup(const opening& so_far, bool require_tls)
{
    if (require_tls && !so_far.tls) {
        return client_error{error_kind::tls_required, {}};
    }
    if (so_far.message.replication) {
        return client_error{error_kind::unsupported_feature, "replication connections are not supported"};
    }
    return std::nullopt;
}

}  // namespace

void encode_greeting(std::string& out, const parameter_list& parameters, const cancel_key& cancel)
{
    append_auth_request(out, auth_request::ok);
    for (const auto& [name, value] : parameters) {
        const auto place = begin_frame(out, from_server::parameter_status);
        byte_writer{out}.c_string(name).c_string(value);
        end_frame(out, place);
    }
    if (!cancel.key.empty()) {
        const auto place = begin_frame(out, from_server::backend_key_data);
        byte_writer{out}.u32(cancel.process_id).raw(cancel.key);
        end_frame(out, place);
    }
    append_ready(out, 'I');
}

}  // namespace penstock::postgresql
