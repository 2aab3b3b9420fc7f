// SPDX-License-Identifier: Apache-2.0
//
// Opening connections: endpoints, non-blocking connect with a deadline, and listening sockets.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "net/stream.hpp"

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace penstock::net {

/// A resolved address: TCP over IPv4 or IPv6, or a Unix socket.
struct endpoint {
    sockaddr_storage address{};
    socklen_t size = 0;
    [[nodiscard]] std::string text() const;
    friend bool operator==(const endpoint& left, const endpoint& right);
};

/// Numeric addresses, or a path starting with '/' (PostgreSQL's folder form: "/run/postgresql" means its .s.PGSQL.<port>).
result<endpoint> numeric_endpoint(const std::string& host, std::uint16_t port);
/// Asks the resolver; blocks, so never on a worker's thread.
result<std::vector<endpoint>> resolve(const std::string& host, std::uint16_t port);

/// Connects, TCP_NODELAY and keep-alive on. Gives the socket's own error, or timed_out at the deadline.
task<result<std::unique_ptr<stream>>> connect(driver& on, endpoint to, time_point deadline);

/// A listening socket on one driver; each accepted descriptor (non-blocking, TCP_NODELAY, keep-alive) goes to the handler.
class acceptor final : public pollable {
public:
    using handler = std::function<void(int descriptor)>;
    acceptor(driver& on, int listening, handler on_accept);
    ~acceptor() override;
    acceptor(const acceptor&) = delete;
    acceptor& operator=(const acceptor&) = delete;
    void on_ready(std::uint32_t events) override;
    /// Stops listening.
    void close();
    /// Out of descriptors (EMFILE): pauses for a moment instead of spinning. Counted for the log and metrics.
    [[nodiscard]] std::uint64_t times_out_of_descriptors() const { return times_out_of_descriptors_; }

private:
    driver* driver_;
    int descriptor_;
    handler on_accept_;
    driver::registration registration_ = 0;
    std::uint64_t times_out_of_descriptors_ = 0;
};

/// Opens a listening socket (SO_REUSEADDR; a stale Unix socket file that nobody listens on is replaced).
result<int> listen_on(const endpoint& where, int backlog = 4096);
/// The port a listening socket got, for port 0.
std::uint16_t local_port(int descriptor);

}  // namespace penstock::net
