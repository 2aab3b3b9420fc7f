// SPDX-License-Identifier: Apache-2.0
//
// Host names to addresses, off every thread that has something else to do.
//
// The system's resolver blocks, for many seconds if a name server is silent, so each question gets a thread of its own
// that ends by itself; there is at most one per question under way, and nobody waits for it at shutdown.
#pragma once

#include "control/loop.hpp"
#include "core/error.hpp"
#include "net/connect.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock::control {

using addresses = result<std::vector<net::endpoint>>;
/// Blocks; net::resolve, or a test's own.
using blocking_resolve = std::function<addresses(const std::string& host, std::uint16_t port)>;

class resolver {
public:
    explicit resolver(loop& on, blocking_resolve resolve = net::resolve);
    ~resolver();  ///< answers under way are dropped
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;

    /// Answers on the control thread, later. To be called on the control thread.
    void resolve(const std::string& host, std::uint16_t port, std::function<void(addresses)> answer);

private:
    struct state;
    std::shared_ptr<state> state_;
};

/// The numeric address without the port, as libpq takes it; empty for a Unix socket.
[[nodiscard]] std::string address_text(const net::endpoint& where);

}  // namespace penstock::control
