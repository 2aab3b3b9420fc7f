// SPDX-License-Identifier: Apache-2.0
//
// tls_session: TLS as a transform of bytes, tied to no socket, driver or thread.
//
// open() takes octets from the wire and gives plain ones, seal() the reverse; what OpenSSL wants to say by itself
// (handshake, alerts) comes out of either. Between calls a session keeps no buffers, save what of the input it could
// not use yet.
#pragma once

#include "core/bytes.hpp"
#include "core/tls_facts.hpp"
#include "net/stream.hpp"

#include <cstddef>
#include <memory>
#include <string>

struct ssl_st;

namespace penstock::net {

class tls_session {
public:
    /// The context need not outlive the session. A client's first message goes `to_wire` at once.
    tls_session(const tls_context& context, tls_role role, const std::string& host_name, std::string& to_wire);
    ~tls_session();
    tls_session(const tls_session&) = delete;
    tls_session& operator=(const tls_session&) = delete;

    /// Takes octets from the wire and puts plain ones `into`; gives how many. The call that ends the handshake gives
    /// none, so that nobody mistakes what follows for a part of it: has_input() then tells whether to call again, with
    /// nothing new.
    std::size_t open(bytes from_wire, char* into, std::size_t room, std::string& to_wire);
    /// Appends `plain` to `to_wire` in records. Only once established.
    void seal(bytes plain, std::string& to_wire);
    /// Says goodbye (close_notify).
    void close(std::string& to_wire);

    [[nodiscard]] tls_state state() const { return state_; }
    /// The peer has said goodbye; nothing more will be opened.
    [[nodiscard]] bool peer_closed() const;
    /// open() has more to give without new octets from the wire.
    [[nodiscard]] bool has_input() const;
    /// A record has begun to come and is not whole.
    [[nodiscard]] bool holds_part() const;
    /// Octets a single open() may give for `wire` new ones: these and the rest of a record held by OpenSSL.
    static constexpr std::size_t largest_record = 17 * 1024;

    [[nodiscard]] tls_facts facts() const;
    /// Why the session failed; empty where it did not.
    [[nodiscard]] std::string fault() const { return fault_ ? *fault_ : std::string{}; }

private:
    friend struct tls_wire;
    struct ssl_freed {
        void operator()(ssl_st* session) const;
    };

    void shake_hands();
    std::size_t decrypt(char* into, std::size_t room);
    void fail(int status);

    std::unique_ptr<ssl_st, ssl_freed> ssl_;
    tls_role role_;
    tls_state state_ = tls_state::handshaking;
    bytes input_;                            ///< during open(): what OpenSSL has not read yet
    std::string* output_ = nullptr;          ///< during a call: where OpenSSL's records go
    std::unique_ptr<std::string> leftover_;  ///< input that open() could not use yet
    std::unique_ptr<std::string> fault_;
};

}  // namespace penstock::net
