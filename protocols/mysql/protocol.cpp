// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/protocol.hpp"

#include "protocols/mysql/auth_secret.hpp"
#include "protocols/mysql/client_login.hpp"
#include "protocols/mysql/compressed_layer.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/server_login.hpp"
#include "protocols/mysql/server_login_proof.hpp"
#include "protocols/mysql/session_state.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

void announce(bytes payload, reply_kind kind, back& server, outbox& to_server, purpose why = purpose::housekeeping)
{
    const bool has_attributes = payload[0] == '\3' && has(server.agreed(), capability::query_attributes);
    const auto text = payload.substr(1);
    append_packet(
        to_server.made(), 0, has_attributes ? std::string{'\3', '\0', '\1'}.append(text) : std::string{payload});
    expected_reply reply{kind, why};
    server.announce(std::move(reply));
    server.forget_last_statement();
}

/// What the server shows of us. A server connection is many clients', so it speaks for none of them.
void introduce(server_account& account)
{
    parameter_list named{};
    for (const auto& [name, value] : account.parameters) {
        if (name == "application_name") {
            named.emplace_back("program_name", value);
        }
    }
    account.attributes = attributes_for_server(named, {});
}

}  // namespace

conversation<login_result> protocol::client_login(dialogue& line, login_context context)
{
    return mysql::client_login(line, std::move(context));
}

conversation<login_result> protocol::login_again(dialogue& line,
                                                 login_context context,
                                                 client_identity before,
                                                 std::string request)
{
    return mysql::client_change_user(line, std::move(context), std::move(before), std::move(request));
}

conversation<outcome<server_identity>> protocol::server_login(dialogue& line, server_account account)
{
    account.capabilities |= capability::query_attributes;
    introduce(account);
    return mysql::server_login(line, std::move(account));
}

/// Collations go out by number, as they came; servers take those in the place of names.
parameter_set_ptr protocol::carried_parameters(const client_identity& who)
{
    parameter_list carried;
    if (who.collation != 0) {
        const auto number = std::to_string(who.collation);
        for (const auto* const variable : {"character_set_client", "character_set_results", "collation_connection"}) {
            carried.emplace_back(variable, number);
        }
    }
    if (has(who.capabilities, capability::multi_statements)) {
        carried.emplace_back(multi_statements_entry, "on");
    }
    return parameter_set::of(carried);
}

std::uint64_t protocol::connection_kind(const client_identity& who)
{
    return who.capabilities & (capability::found_rows | capability::ignore_space | capability::no_schema |
                               capability::odbc | capability::local_files | capability::ps_multi_results |
                               capability::mariadb_bulk_unit_results |
                               capability::mariadb_extended_metadata | capability::optional_resultset_metadata);
}

bool protocol::is_clear_text(const secret& stored)
{
    return parse_secret(stored.reveal()).kind == stored_secret::form::clear;
}

std::unique_ptr<stream_layer> protocol::layer_for(const client_identity& who)
{
    const auto how = compression_of(who.capabilities);
    const auto level = std::clamp(who.zstd_level, 1, highest_zstd_level);
    return how == compression::none ? nullptr : std::make_unique<compressed_client_layer>(how, level);
}

std::unique_ptr<stream_layer> protocol::layer_for(const server_identity& server)
{
    const auto how = compression_of(server.capabilities);
    return how == compression::none ? nullptr : std::make_unique<compressed_server_layer>(how, usual_zstd_level);
}

void protocol::encode_refusal(const client_error& error, const client_identity& who, std::string& out)
{
    mysql::encode_error(error, out, who.next_sequence);
}

/// MySQL has no cancel request that needs no login: KILL, from a connection of the same account, is its place.
conversation<bool> protocol::cancel(dialogue& line, cancel_key target, server_account account)
{
    constexpr std::uint16_t no_such_thread = 1094;
    account.database.clear();
    account.capabilities = 0;
    account.compression = wire_compression::off;
    introduce(account);
    const auto known = co_await mysql::server_login(line, std::move(account));
    if (!known) {
        co_return false;
    }
    append_packet(line.output(), 0, "\3KILL QUERY " + std::to_string(target.process_id));
    const auto reply = co_await read_server_packet(line, 1);
    encode_goodbye(line.output());
    co_return !reply.fault || reply.fault->number == no_such_thread;
}

void protocol::encode_goodbye(std::string& out)
{
    append_packet(out, 0, bytes{"\1", 1});
}

void protocol::announce_query(std::string_view text, front&, back& server, outbox& to_server)
{
    announce('\3' + std::string{text}, reply_kind::query, server, to_server);
}

/// Of what a reset does not take away the connection cannot be cleaned.
void protocol::announce_reset(cleanup how, front& asker, back& server, outbox& to_server)
{
    if (how == cleanup::everything && !server.lasting.empty()) {
        server.must_close = true;
        return;
    }
    if (server.in_transaction()) {
        announce_query("ROLLBACK", asker, server, to_server);
    }
    if (how == cleanup::everything) {
        announce(bytes{"\x1f", 1}, reply_kind::ok, server, to_server);
        server.was_reset();
        if (server.may_have_role) {
            announce(role_query, reply_kind::query, server, to_server, purpose::check_role);
        }
    }
}

/// KILL may hit a connection just as its statement ends, and then waits there for the next one.
void protocol::announce_absorber(front& asker, back& server, outbox& to_server)
{
    announce_query("DO 0", asker, server, to_server);
}

/// A file that is half sent ends here: the server takes what it has, and the transaction it is in is rolled back, or
/// the statement is one of its own and stands as it would if the client had sent no more.
void protocol::end_abandoned(front&, back& server, outbox& to_server)
{
    if (server.wants_file()) {
        server.must_close = true;
    }
    static_cast<void>(to_server);
}

}  // namespace penstock::mysql
