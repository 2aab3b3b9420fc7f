// SPDX-License-Identifier: Apache-2.0
//
// How we prove to a server who we are, by the method that it asks for and that our account allows.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstddef>
#include <optional>

namespace penstock::postgresql {

/// One message of a server's login; notices are passed over and an ErrorResponse is a fault.
struct server_message {
    char type = 0;
    bytes body{};  ///< valid until the next wait
    std::optional<client_error> fault{};
};

/// `notices` counts those that have been passed over in this login.
conversation<server_message> read_server_message(dialogue& line, std::size_t& notices);

/// How the proof ended.
struct server_proof {
    std::optional<client_error> fault{};  ///< none: AuthenticationOk has come
    std::size_t notices = 0;
};

/// From the start-up packet, which has been written, to AuthenticationOk.
conversation<server_proof> prove_to_server(dialogue& line, server_account account, std::optional<tls_facts> tls);

}  // namespace penstock::postgresql
