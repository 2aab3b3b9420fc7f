// SPDX-License-Identifier: Apache-2.0
//
// How a client logs in to us: TLS if asked, the start-up packet, proof of identity. See "Start-up" and "SASL
// Authentication" in the chapter "Message Flow" of the PostgreSQL manual.
//
// Before a client is known it may send exactly the message that is expected and nothing else: any other ends the login.
// Every length is checked before a single octet of the body is waited for, and nothing that came before the TLS
// handshake is looked at after it.
#pragma once

#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <string>

namespace penstock::postgresql {

/// Runs from the first octet to the point where the client has proved who it is, or was refused (the error has been
/// written), or turned out to ask for a cancellation. Does not write AuthenticationOk: that is encode_greeting()'s.
conversation<login_result> client_login(dialogue& line, login_context context);

/// Appends what a client waits for after its proof: AuthenticationOk, ParameterStatus for each parameter,
/// BackendKeyData (left out where the key is empty: RDS Proxy's way, since a key of no octets breaks drivers) and
/// ReadyForQuery.
void encode_greeting(std::string& out, const parameter_list& parameters, const cancel_key& cancel);

}  // namespace penstock::postgresql
