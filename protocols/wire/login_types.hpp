// SPDX-License-Identifier: Apache-2.0
//
// What logging in needs to know and what it learns, for every protocol and for both directions.
#pragma once

#include "core/secret.hpp"
#include "core/tls_facts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock {

/// Whose record a login asks for.
struct user_question {
    std::string user;
    std::string database;
};

/// How a user may prove to be who they are.
enum class auth_method : std::uint8_t {
    scram_sha_256,  ///< SCRAM-SHA-256, and -PLUS under TLS
    md5,            ///< PostgreSQL's md5; a user with only a SCRAM verifier is asked for SCRAM all the same
    password,       ///< clear text; refused without TLS
    trust,          ///< no proof at all
    certificate,    ///< the verified client certificate's common name is the user's name
    reject,         ///< nobody gets in
};

/// What is known of a user. A user that does not exist has exists == false and a made-up verifier, so that both take as
/// long.
struct user_record {
    bool exists = false;
    auth_method method = auth_method::scram_sha_256;
    /// Clear-text password, "md5..." hash, or "SCRAM-SHA-256$..." verifier, as in pg_authid. Empty: nothing can match.
    secret stored{};
    /// Whoever knows could not be asked: exists is false, yet the user may be real. Tell the client to try again.
    bool temporarily_unavailable = false;
};

/// The keys a client's own SCRAM proof yields, with which Penstock can log in to a server holding the same verifier.
struct scram_keys {
    secret client_key;  ///< 32 octets
    secret server_key;  ///< 32 octets
    friend bool operator==(const scram_keys&, const scram_keys&) = default;
};

using parameter_list = std::vector<std::pair<std::string, std::string>>;

/// What the front of the protocol needs before a client has said who it is.
struct login_context {
    bool tls_available = false;  ///< a certificate is configured
    bool require_tls = false;
    std::string client_address{};  ///< for messages; "127.0.0.1:40312" or "unix"
    /// Set where TLS was established before the first message of the protocol (direct TLS).
    std::optional<tls_facts> direct_tls{};
    std::string early_input{};  ///< octets that came with the end of that handshake
};

/// What a cancel request names.
struct cancel_key {
    std::uint32_t process_id = 0;
    std::string key;  ///< 4 octets for protocol 3.0, up to 256 for 3.2
    friend bool operator==(const cancel_key&, const cancel_key&) = default;
};

/// A client that has proved who it is.
struct client_identity {
    std::string user;
    std::string database;
    parameter_list parameters{};       ///< start-up parameters and those in `options`, in order, names as sent
    std::uint32_t protocol_minor = 0;  ///< PostgreSQL: 0 or 2
    std::optional<scram_keys> keys{};  ///< where the client proved itself by SCRAM
    secret clear_password{};           ///< where it came in clear (under TLS)
    bool tls = false;
    bool replication = false;
};

/// How a client's first conversation ends.
struct login_result {
    enum class kind : std::uint8_t {
        logged_in,  ///< identity is set
        cancel,     ///< it was a cancel request for `target`
        refused,    ///< the error has been written; close once it is sent
        gone,       ///< the peer went away or broke the protocol in a way that has no answer
    };
    kind how = kind::gone;
    client_identity identity{};
    cancel_key target{};
    std::string reason{};  ///< for the log
};

/// The account with which Penstock logs in to a server.
struct server_account {
    std::string user;
    std::string database;
    secret password{};                 ///< clear text; may be empty where keys are given
    std::optional<scram_keys> keys{};  ///< SCRAM pass-through
    parameter_list parameters{};       ///< start-up parameters of our own (never a client's)
    enum class tls_mode : std::uint8_t { disable, allow, prefer, require, verify_ca, verify_full };
    tls_mode tls = tls_mode::prefer;
    bool allow_clear_password_without_tls = false;
};

/// What a server told us at login.
struct server_identity {
    parameter_list parameters{};  ///< ParameterStatus
    cancel_key cancel{};          ///< process_id 0 and an empty key where the server gave none
    bool tls = false;
};

}  // namespace penstock
