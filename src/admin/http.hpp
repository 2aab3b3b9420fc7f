// SPDX-License-Identifier: Apache-2.0
//
// The admin port's HTTP/1.1 server: GET and HEAD of a fixed list of paths, on the control thread.
//
// It asks handlers for what to say; they may answer later and from another thread, since reports are gathered from the
// workers. Whoever talks to it is not trusted: headers, time and the number of connections are bounded. Beast stays in
// the .cpp file.
#pragma once

#include "control/loop.hpp"
#include "core/clock.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::admin {

struct http_response {
    unsigned status = 200;
    std::string content_type{"text/plain; charset=utf-8"};
    std::string body{};
};

/// To be called once, from any thread, as long as the loop lives; later calls and late ones do nothing.
using http_answer = std::function<void(http_response)>;

/// One path that the server knows.
struct http_route {
    std::string path{};     ///< "/health"
    std::string summary{};  ///< for the list at "/"
    /// Called on the control thread with the request's target as sent, query included ("/stats?pool=a"); the target is
    /// valid during the call only.
    std::function<void(std::string_view target, http_answer answer)> handler{};
};

/// A route whose answer is at hand.
[[nodiscard]] http_route immediate_route(std::string path,
                                         std::string summary,
                                         std::function<http_response(std::string_view target)> handler);

struct http_options {
    std::size_t header_limit = 8 * 1024;     ///< octets of the request line and headers
    duration request_timeout = seconds{30};  ///< for a request to come, on a new or a kept connection
    duration answer_timeout = seconds{10};   ///< for a handler; then 503
    duration write_timeout = seconds{10};
    std::size_t most_connections = 64;  ///< beyond, requests are told 503; beyond twice that, a new one is closed
};

class http_server {
public:
    http_server(control::loop& on, std::vector<http_route> routes, http_options options = {});
    ~http_server();  ///< closes its connections. On the control thread, or once it has ended
    http_server(const http_server&) = delete;
    http_server& operator=(const http_server&) = delete;

    /// Takes over a connected, non-blocking socket, TCP or Unix. On the control thread.
    void serve(int descriptor);

    [[nodiscard]] std::size_t connections() const;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::admin
