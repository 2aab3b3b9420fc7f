// SPDX-License-Identifier: Apache-2.0
//
// How we log in to a server: TLS as configured, the start-up packet, our proof, and what the server tells of itself up
// to its first ReadyForQuery. See "Start-up" and "SASL Authentication" in the chapter "Message Flow" of the PostgreSQL
// manual.
//
// The server is a peer like any other and may be hostile: every length and count is bounded before it is used, messages
// come in order or not at all, nothing that came before the TLS handshake is looked at after it, and a password goes
// out in clear only under TLS. A SCRAM login that does not end with the server's own proof has failed.
#pragma once

#include "core/error.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>

namespace penstock::postgresql {

/// What a server may send while we log in. PostgreSQL 18 reports 15 parameters; extensions and forks report a few more.
inline constexpr std::size_t most_server_parameters = 256;
inline constexpr std::size_t longest_server_parameters = 64 * 1024;  ///< octets of all of them
inline constexpr std::size_t most_login_notices = 32;
inline constexpr std::uint32_t longest_report = 30'000;  ///< an ErrorResponse or NoticeResponse, as in libpq

/// Runs from our first octet to the server's ReadyForQuery. The error is the server's own words and SQLSTATE where it
/// sent an ErrorResponse; server_unavailable where it went away, server_login_failed for everything else.
conversation<outcome<server_identity>> server_login(dialogue& line, server_account account);

}  // namespace penstock::postgresql
