// SPDX-License-Identifier: Apache-2.0
//
// Faults as values: result<T> for what a peer, the network or a file did, and client_error for what a client is told.
//
// client_error is the neutral form; protocols/*/errors turns it into that protocol's own message, and docs/errors.md
// lists every kind with its codes.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace penstock {

/// Why a client is being refused or interrupted. docs/errors.md lists codes, causes and remedies by these names.
enum class error_kind : std::uint8_t {
    protocol_violation,        ///< the peer broke the wire protocol
    unsupported_feature,       ///< a feature of the protocol that is refused, politely
    invalid_authorization,     ///< no such user, not allowed to log in, or expired: never says which
    wrong_password,            ///< the proof did not match; told like invalid_authorization
    unknown_database,          ///< no such database
    tls_required,              ///< require_tls is on and the client came without
    too_many_clients,          ///< max_client_connections, for everybody or for this user, is reached
    rate_limited,              ///< max_transactions_per_second of this user, database or rule is reached
    borrow_timeout,            ///< no server connection became free within connection_borrow_timeout
    server_unavailable,        ///< no server connection could be opened
    server_login_failed,       ///< the server refused our login
    server_lost,               ///< the server went away; the request did not run, or cannot have been committed
    outcome_unknown,           ///< the server went away and the request may have run
    shutting_down,             ///< a drain or shutdown is under way
    idle_timeout,              ///< idle_client_timeout passed
    idle_transaction_timeout,  ///< idle_transaction_timeout passed
    client_too_slow,           ///< the client did not take its results for client_write_timeout
    login_timeout,             ///< client_login_timeout passed
    settings_not_applied,      ///< the session's parameters could not be carried to another server connection
    limit_exceeded,            ///< a length or count the peer chose exceeds our bound
    read_only_admin,           ///< a user without admin rights asked the console for a verb
    console_syntax,            ///< the console does not know that command
    internal,                  ///< a fault of ours
};

/// What a client is told, in neutral form.
struct client_error {
    error_kind kind = error_kind::internal;
    std::string detail;        ///< one clear sentence; may be empty, then the kind's standard text is used
    std::string sqlstate{};    ///< overrides the kind's code where a server's own answer is handed on
    std::uint16_t number = 0;  ///< MySQL's error number, likewise; 0: the kind's

    friend bool operator==(const client_error&, const client_error&) = default;
};

/// The kind's name as it stands in logs, metrics and docs/errors.md, for example "borrow_timeout".
[[nodiscard]] std::string_view name_of(error_kind kind);

template <class T>
using result = boost::system::result<T, boost::system::error_code>;

/// A value, or what the client is to be told.
template <class T>
class [[nodiscard]] outcome {
public:
    outcome(T value) : value_{std::move(value)}, has_value_{true} {}  // NOLINT(google-explicit-constructor)
    outcome(client_error error) : error_{std::move(error)} {}         // NOLINT(google-explicit-constructor)

    [[nodiscard]] bool has_value() const { return has_value_; }
    explicit operator bool() const { return has_value_; }
    T& operator*() { return value_; }
    const T& operator*() const { return value_; }
    T* operator->() { return &value_; }
    const T* operator->() const { return &value_; }
    [[nodiscard]] const client_error& error() const { return error_; }

private:
    T value_{};
    client_error error_{};
    bool has_value_ = false;
};

}  // namespace penstock
