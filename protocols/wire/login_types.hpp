// SPDX-License-Identifier: Apache-2.0
//
// What logging in needs to know and what it learns, for every protocol and for both directions.
#pragma once

#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/tls_facts.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
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
    std::string cluster{};  ///< of that database; filled in where the settings are known
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

/// Hashes of a MySQL password that a client's own proof yields; a server that knows the same password accepts them.
struct password_hashes {
    secret sha1{};    ///< SHA1(password), for mysql_native_password; may be empty
    secret sha256{};  ///< SHA256(password), for the fast path of caching_sha2_password; may be empty
    friend bool operator==(const password_hashes&, const password_hashes&) = default;
};

/// What a MySQL server says of itself before anybody has logged in; our own clients are greeted with the same.
struct server_greeting {
    std::string version{};           ///< as sent, MariaDB's prefix included
    std::string auth_plugin{};       ///< the server's default
    std::uint64_t capabilities = 0;  ///< mysql::capability_flags
    std::uint16_t status = 0;
    std::uint8_t collation = 0;  ///< the handshake has room for the lower eight bits only
    friend bool operator==(const server_greeting&, const server_greeting&) = default;
};

/// What all logins of one protocol share, such as a key made at start; each protocol knows its own.
struct login_commons {
    login_commons() = default;
    login_commons(const login_commons&) = delete;
    login_commons& operator=(const login_commons&) = delete;
    virtual ~login_commons() = default;
};

using parameter_list = std::vector<std::pair<std::string, std::string>>;

/// What the front of the protocol needs before a client has said who it is.
struct login_context {
    bool tls_available = false;  ///< a certificate is configured
    bool require_tls = false;
    std::string client_address{};  ///< for messages; "127.0.0.1:40312" or "unix"
    /// Set where TLS was established before the first message of the protocol (direct TLS).
    std::optional<tls_facts> direct_tls{};
    std::string early_input{};            ///< octets that came with the end of that handshake
    std::size_t longest_startup = 10000;  ///< octets of the first message
    // MySQL, where we speak first:
    server_greeting greeting{};  ///< empty: a modest one of our own
    bool offer_compression = false;
    std::uint32_t connection_id = 0;           ///< the number that KILL and CONNECTION_ID() know
    std::shared_ptr<login_commons> commons{};  ///< null: those of the process
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
    // MySQL:
    std::uint64_t capabilities = 0;           ///< agreed with this client
    int zstd_level = 0;                       ///< that the client asked for
    std::uint16_t collation = 0;              ///< the client's choice; lower eight bits only, unless by COM_CHANGE_USER
    parameter_list attributes{};              ///< connection attributes
    std::optional<password_hashes> hashes{};  ///< where the proof yielded them
    std::uint8_t next_sequence = 0;           ///< of the packet that answers the login
    std::uint32_t connection_id = 0;
    std::string nonce{};  ///< of our greeting; COM_CHANGE_USER goes back to it
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
    std::optional<error_kind> error{};  ///< where it failed; none where the peer merely went away
    client_identity identity{};
    cancel_key target{};
    std::string reason{};  ///< for the log
};

/// How octets between Penstock and a server are compressed, where the server can.
enum class wire_compression : std::uint8_t { off, zlib, zstd };

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
    // MySQL:
    std::uint64_t capabilities = 0;  ///< wanted besides those that every login asks for
    std::uint16_t collation = 0;     ///< 0: the server's default
    wire_compression compression = wire_compression::off;
    parameter_list attributes{};              ///< connection attributes
    std::optional<password_hashes> hashes{};  ///< pass-through where the clear password is not known
    bool over_local_socket = false;           ///< the connection is a Unix socket: as good as TLS for a password
    bool fetch_public_key = false;            ///< without TLS, trust the RSA key that the server itself sends
    std::string public_key{};                 ///< the server's RSA key (PEM), where it is known beforehand
};

/// What a server told us at login.
struct server_identity {
    parameter_list parameters{};  ///< ParameterStatus
    cancel_key cancel{};          ///< process_id 0 and an empty key where the server gave none
    bool tls = false;
    // MySQL:
    server_greeting greeting{};
    std::uint64_t capabilities = 0;  ///< agreed with this server
    std::uint16_t status = 0;        ///< of the OK packet that ended the login
};

}  // namespace penstock
