// SPDX-License-Identifier: Apache-2.0
//
// Telling a server to give up what a connection of ours is doing, from a connection of its own.
//
// While the request is under way the connection it aims at is not lent to anybody else (cancel_gate): the conversation
// ends only once the server has acted on it. How a server is told is the protocol's: see protocol::cancel.
#pragma once

#include "core/task.hpp"
#include "net/driver.hpp"
#include "net/tls_context.hpp"
#include "proxy/server_connection.hpp"

#include <functional>
#include <memory>

namespace penstock::proxy {

struct cancel_order {
    cancel_key target{};
    server_place where{};
    server_account account{};  ///< of the connection's pool, for protocols in which one has to log in first
    std::shared_ptr<const net::tls_context> tls{};
    std::shared_ptr<cancel_gate> gate{};
};

/// Carries the order out, no longer than until `deadline`; then opens the gate and calls `done` with whether the server
/// knows. The gate has been closed by the caller.
template <protocol P>
task<void> send_cancel(net::driver& on, cancel_order order, time_point deadline, std::function<void(bool)> done);

}  // namespace penstock::proxy
