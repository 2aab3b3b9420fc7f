// SPDX-License-Identifier: Apache-2.0
//
// Passing a cancel request on to a server, in a connection of its own.
//
// While it is under way the connection it aims at is not lent to anybody else (cancel_gate): the server closes the
// request's connection only after it has signalled the backend, so the end of that connection is the proof of arrival.
#pragma once

#include "core/task.hpp"
#include "net/driver.hpp"
#include "proxy/server_connection.hpp"

#include <functional>
#include <memory>
#include <string>

namespace penstock::proxy {

/// Sends `request` to `where` and waits for the server's end, no longer than until `deadline`; then opens the gate and
/// calls `done`. The gate has been closed by the caller.
task<void> send_cancel(net::driver& on,
                       server_place where,
                       std::string request,
                       time_point deadline,
                       std::shared_ptr<cancel_gate> gate,
                       std::function<void()> done);

}  // namespace penstock::proxy
