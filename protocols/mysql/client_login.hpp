// SPDX-License-Identifier: Apache-2.0
//
// How a client logs in to us: our greeting, TLS if it wants, its response, its proof. See "Connection Phase" in the
// MySQL source documentation.
//
// Clients see the server's version, collation and capabilities, as far as we can speak them. Of a client's two sets of
// capabilities (SSLRequest and response) only the second counts, since the first came unprotected and some clients
// (mysqljs) send another one. What came unencrypted behind SSLRequest is never looked at: it is part of the TLS
// handshake or that fails.
#pragma once

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstdint>
#include <string>

namespace penstock::mysql {

/// What a client may be offered if its server offers it, too.
inline constexpr capability_flags front_capabilities =
    capability::long_password | capability::found_rows | capability::long_flag | capability::connect_with_db |
    capability::no_schema | capability::odbc | capability::local_files | capability::ignore_space |
    capability::interactive | capability::ignore_sigpipe | capability::transactions | capability::reserved |
    capability::multi_statements | capability::multi_results | capability::ps_multi_results |
    capability::can_handle_expired_passwords | capability::session_track | capability::deprecate_eof |
    capability::optional_resultset_metadata | capability::query_attributes | capability::remember_options |
    capability::mariadb_stmt_bulk_operations | capability::mariadb_extended_metadata |
    capability::mariadb_cache_metadata | capability::mariadb_bulk_unit_results;

/// What every client is offered, whatever its server does: logging in is ours.
inline constexpr capability_flags login_capabilities = capability::protocol_41 | capability::secure_connection |
                                                       capability::plugin_auth | capability::connect_attrs |
                                                       capability::plugin_auth_lenenc | capability::connect_with_db;

/// What clients are greeted with before any server has been seen.
[[nodiscard]] server_greeting modest_greeting();

/// Runs from our greeting to the point where the client has proved who it is, or was refused (the error has been
/// written). Does not write OK: that is encode_login_ok()'s, with the sequence number and capabilities of the identity.
conversation<login_result> client_login(dialogue& line, login_context context);

/// COM_CHANGE_USER: the client logs in anew, on the connection that it has. `payload` is the command's, `before` who
/// the client was. The nonce is that of the greeting again, as with servers: clients count on it.
conversation<login_result> client_change_user(dialogue& line,
                                              login_context context,
                                              client_identity before,
                                              std::string payload);

/// Appends the OK packet that a client waits for after its proof. `ok` is what the server says: status (the autocommit
/// bit above all), and session changes, which are left out for clients that do not track them.
void encode_login_ok(std::string& out, const client_identity& who, const ok_packet& ok);

/// Appends what a client is told instead of a greeting: an ERR packet without SQLSTATE, since no capabilities are known
/// yet.
void encode_refusal(const client_error& error, std::string& out);

}  // namespace penstock::mysql
