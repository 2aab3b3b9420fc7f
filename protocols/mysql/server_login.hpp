// SPDX-License-Identifier: Apache-2.0
//
// How we log in to a server: its greeting, TLS as configured, our response, our proof, and what its OK packet tells.
// See "Connection Phase" in the MySQL source documentation.
//
// The server is a peer like any other and may be hostile: every length is bounded before it is used, packets come in
// order or not at all, nothing that came before the TLS handshake is looked at after it, and what a server can ask for
// is counted. LOAD DATA LOCAL is offered only where the account asks for it.
#pragma once

#include "core/error.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>

namespace penstock::mysql {

/// What every login asks for, if the server has it.
inline constexpr capability_flags back_capabilities =
    capability::long_flag | capability::protocol_41 | capability::transactions | capability::secure_connection |
    capability::multi_results | capability::plugin_auth | capability::connect_attrs | capability::plugin_auth_lenenc |
    capability::session_track | capability::deprecate_eof | capability::mariadb_stmt_bulk_operations;

/// Octets and number of the session variables that the OK packet of a login may report.
inline constexpr std::size_t most_server_variables = 256;

/// Runs to the OK packet that ends the login. The error is the server's own words, number and SQLSTATE where it sent an
/// ERR packet (a greeting of 1040 or 1129 included); server_unavailable where it went away, server_login_failed for
/// everything else. The identity's cancel.process_id is the connection id, its parameters are the session variables of
/// the OK packet, and the schema as "schema".
conversation<outcome<server_identity>> server_login(dialogue& line, server_account account);

}  // namespace penstock::mysql
