// SPDX-License-Identifier: Apache-2.0
//
// How a client proves that it is the user it claims to be, by the method that the user's record asks for.
//
// A user that does not exist is asked the same questions and refused in the same words as one with a wrong password.
#pragma once

#include "core/error.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <optional>
#include <string>

namespace penstock::postgresql {

/// How a proof ended, and what it left behind.
struct client_proof {
    enum class state : std::uint8_t { passed, failed, gone } how = state::gone;
    client_error error{};  ///< what the client is to be told where it failed
    std::string reason{};  ///< for the log only: what the client is not told
    std::optional<scram_keys> keys{};
    secret clear_password{};
};

/// Asks for the proof and checks it. AuthenticationSASLFinal is written here, AuthenticationOk is not, nor is an error.
conversation<client_proof> prove(dialogue& line, std::string user, user_record record, std::optional<tls_facts> tls);

}  // namespace penstock::postgresql
