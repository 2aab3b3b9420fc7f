// SPDX-License-Identifier: Apache-2.0
//
// A connection of the control plane's own: octets over TCP or a Unix socket, in clear or under TLS, by coroutines.
//
// One operation at a time. cancel() ends the one under way, which then fails; the connection is of no use afterwards.
#pragma once

#include "core/tls_facts.hpp"
#include "net/connect.hpp"
#include "net/tls_session.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::control {

class control_socket {
public:
    explicit control_socket(boost::asio::io_context& io) : socket_{io} {}

    /// Empty where it is connected, else the system's reason.
    boost::asio::awaitable<std::string> connect(net::endpoint to);
    boost::asio::awaitable<bool> send(std::string octets);
    /// Some octets; nothing where the peer has gone.
    boost::asio::awaitable<std::optional<std::string>> receive();
    /// Nothing where it failed: fault() says why.
    boost::asio::awaitable<std::optional<tls_facts>> shake_hands(const net::tls_context& context, std::string host);

    void cancel();
    /// Sends without waiting for room: for a goodbye.
    void send_at_once(bytes octets);
    /// The peer has neither gone nor said anything; of an idle connection.
    [[nodiscard]] bool is_silent();
    /// Why the TLS handshake failed; empty where it did not.
    [[nodiscard]] const std::string& fault() const { return fault_; }

private:
    boost::asio::awaitable<std::optional<std::string>> receive_raw();
    boost::asio::awaitable<bool> send_raw(std::string octets);

    boost::asio::generic::stream_protocol::socket socket_;
    std::unique_ptr<net::tls_session> tls_{};
    std::string fault_{};
};

}  // namespace penstock::control
