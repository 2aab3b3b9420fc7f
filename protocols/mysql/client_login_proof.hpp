// SPDX-License-Identifier: Apache-2.0
//
// How a client proves that it is the user it claims to be: by the method that its stored secret allows, after an auth
// switch where its own answer is to another method. See "Authentication Phase" in the MySQL source documentation.
//
// A user that does not exist goes the way that existing ones usually go, is refused in the same words as one with a
// wrong password, and takes as long.
#pragma once

#include "core/error.hpp"
#include "protocols/mysql/auth_commons.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/wire/conversation.hpp"
#include "protocols/wire/login_types.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace penstock::mysql {

/// The longest packet that answers an auth switch or carries a password.
inline constexpr std::size_t longest_auth_answer = 4096;

/// What a client has claimed and answered so far.
struct client_claim {
    std::string user{};
    std::string host{};  ///< for the message
    user_record record{};
    capability_flags capabilities = 0;
    auth_plugin greeted{};  ///< the method whose nonce the greeting was
    std::string plugin{};   ///< the method that the client says its answer is by
    std::string answer{};
    std::string nonce{};     ///< what it answers: the session's, which every scramble of the session is
    bool is_secure = false;  ///< nobody can listen: TLS, or a socket of this machine
    std::optional<tls_facts> tls{};
    std::uint8_t sequence = 0;  ///< of our next packet
    std::shared_ptr<auth_commons> commons{};
};

/// How a proof ended, and what it left behind.
struct client_proof {
    enum class state : std::uint8_t { passed, failed, gone } how = state::gone;
    client_error error{};  ///< what the client is to be told where it failed
    std::string reason{};  ///< for the log only: what the client is not told
    secret clear_password{};
    std::optional<password_hashes> hashes{};
    std::uint8_t sequence = 0;  ///< of our next packet
};

/// Asks for the proof and checks it. Neither OK nor an error is written here.
conversation<client_proof> prove(dialogue& line, client_claim claim);

}  // namespace penstock::mysql
