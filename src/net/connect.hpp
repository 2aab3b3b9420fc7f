// SPDX-License-Identifier: Apache-2.0
//
// Opening connections: endpoints, non-blocking connect with a deadline, and listening sockets.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "net/stream.hpp"

#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
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
    /// A Unix socket: nobody is between us and the other end.
    [[nodiscard]] bool is_local() const { return address.ss_family == AF_UNIX; }
    friend bool operator==(const endpoint& left, const endpoint& right);
};

/// Numeric addresses, or a path starting with '/' (PostgreSQL's folder form: "/run/postgresql" means its
/// .s.PGSQL.<port>; with port 0 the path is the socket itself).
result<endpoint> numeric_endpoint(const std::string& host, std::uint16_t port);
/// Asks the resolver, in its order of preference; blocks, so never on a worker's thread. Errors: resolver_category().
result<std::vector<endpoint>> resolve(const std::string& host, std::uint16_t port);

/// Categorises getaddrinfo()'s EAI_ codes.
const boost::system::error_category& resolver_category();

/// Connects, TCP_NODELAY and keep-alive on. Gives the socket's own error, or timed_out at the deadline.
task<result<std::unique_ptr<stream>>> connect(driver& on, endpoint to, time_point deadline);

/// A listening socket on one driver; each accepted descriptor (non-blocking, TCP_NODELAY, keep-alive) goes to the
/// handler, which may close() the acceptor but not destroy it.
class acceptor final : public pollable {
public:
    using handler = std::function<void(int descriptor)>;
    /// `on_shortage` is told of each pause for want of descriptors; it may be empty.
    acceptor(driver& on, int listening, handler on_accept, std::function<void()> on_shortage = {});
    ~acceptor() override;
    acceptor(const acceptor&) = delete;
    acceptor& operator=(const acceptor&) = delete;
    void on_ready(std::uint32_t events) override;
    /// Stops listening; a Unix socket's file goes as well.
    void close();
    /// Out of descriptors (EMFILE): pauses for a moment instead of spinning.
    [[nodiscard]] std::uint64_t times_out_of_descriptors() const { return times_out_of_descriptors_; }
    static constexpr milliseconds pause{100};

private:
    void listen();
    void rest();
    /// Takes one connection; false where there is none (left) to take now.
    bool accept_one();

    driver* driver_;
    int descriptor_;
    handler on_accept_;
    std::function<void()> on_shortage_;
    driver::registration registration_ = 0;
    driver::timer_id resting_ = 0;
    std::uint64_t times_out_of_descriptors_ = 0;
};

/// Opens a listening socket (SO_REUSEADDR; IPv6 only where IPv6 is asked for). A stale Unix socket file that nobody
/// listens on is replaced; a live one gives address_in_use. The file gets `file_mode`.
result<int> listen_on(const endpoint& where, int backlog = 4096, mode_t file_mode = 0777);
/// The port a listening socket got, for port 0.
std::uint16_t local_port(int descriptor);

}  // namespace penstock::net
