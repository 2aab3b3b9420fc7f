// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/protocol.hpp"

#include "protocols/postgresql/client_login.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/server_login.hpp"

namespace penstock::postgresql {

conversation<login_result> protocol::client_login(dialogue& line, login_context context)
{
    return postgresql::client_login(line, std::move(context));
}

conversation<login_result> protocol::login_again(dialogue&, login_context, client_identity, std::string)
{
    co_return login_result{};
}

conversation<outcome<server_identity>> protocol::server_login(dialogue& line, server_account account)
{
    return postgresql::server_login(line, std::move(account));
}

parameter_set_ptr protocol::carried_parameters(const client_identity& who)
{
    return parameter_set::of(who.parameters);
}

void front::greet(std::string& out, const parameter_list& parameters, const cancel_key& key) const
{
    postgresql::encode_greeting(out, parameters, key);
}

bool protocol::is_clear_text(const secret& stored)
{
    return !stored.reveal().starts_with("SCRAM-SHA-256$");
}

void protocol::encode_greeting(std::string& out, const parameter_list& parameters, const cancel_key& key)
{
    postgresql::encode_greeting(out, parameters, key);
}

void front::tell_error(const client_error& why, const back*, std::string& out, bool fatal) const
{
    postgresql::encode_error(why, out, fatal);
}

void back::logged_in(const server_identity& who)
{
    for (const auto& [name, value] : who.parameters) {
        reported[name] = value;
    }
}

void protocol::encode_refusal(const client_error& error, const client_identity&, std::string& out)
{
    postgresql::encode_error(error, out, true);
}

void protocol::encode_cancel(const cancel_key& key, std::string& out)
{
    constexpr std::uint32_t cancel_request_code = 80877102;  // 1234 << 16 | 5678
    byte_writer{out}
        .u32(static_cast<std::uint32_t>(12 + key.key.size()))
        .u32(cancel_request_code)
        .u32(key.process_id)
        .raw(key.key);
}

/// The server closes the connection once it has signalled the backend: that is the proof.
conversation<bool> protocol::cancel(dialogue& line, cancel_key target, server_account)
{
    encode_cancel(target, line.output());
    bool has_ended = false;
    while (!has_ended) {  // GCC 12 traps on co_await in the condition
        line.consume(line.buffered().size());
        const bool more = co_await line.need(1);
        has_ended = !more;
    }
    co_return true;
}

void protocol::encode_goodbye(std::string& out)
{
    append_frame(out, from_client::terminate, {});
}

void protocol::announce_query(std::string_view text, front& asker, back& server, outbox& to_server)
{
    std::string nobody;
    outbox to_client{nobody};
    append_query(to_server.made(), text);
    server.unnamed_stamp = 0;
    expected_reply reply{reply_kind::query, reply_disposition::swallow, purpose::housekeeping};
    server.announce(std::move(reply), asker, to_client);
}

void protocol::announce_reset(cleanup how, front& asker, back& server, outbox& to_server)
{
    server.forget_withheld();
    if (server.transaction_status() != 'I') {
        announce_query("ROLLBACK", asker, server, to_server);
    }
    if (how == cleanup::everything) {
        if (server.parameters->find("default_transaction_deferrable") != nullptr) {
            announce_query("SET default_transaction_deferrable=off", asker, server, to_server);  // it would wait
        }
        // Also ends SET ROLE and SET SESSION AUTHORIZATION, which RESET ALL leaves alone ("DISCARD" in the manual).
        announce_query("DISCARD ALL", asker, server, to_server);
        server.parameters = parameter_set::none();
        server.statements.clear();
        server.own.clear();
        server.user_stamp = 0;
        server.foreign_sequences = false;
    }
}

void protocol::end_abandoned(front& asker, back& server, outbox& to_server)
{
    std::string nobody;
    outbox to_client{nobody};
    if (server.is_copying_in()) {
        append_frame(to_server.made(), from_client::copy_fail, bytes{"the client has left", 20});
    }
    if (server.is_unsynced()) {
        append_frame(to_server.made(), from_client::sync, {});
        server.announce(expected_reply{reply_kind::sync}, asker, to_client);
    }
}

}  // namespace penstock::postgresql
