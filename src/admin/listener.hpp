// SPDX-License-Identifier: Apache-2.0
//
// The admin port: accepts on the control thread and finds out by the first octet who is talking.
//
// PostgreSQL's start-up packet begins with the zero octet of its length (and TLS with 0x16), HTTP with a letter. The
// octet is looked at, not read, so whoever takes the socket over sees everything.
#pragma once

#include "control/loop.hpp"
#include "core/clock.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace penstock::admin {

struct listener_options {
    duration first_octet_timeout = seconds{10};
    std::size_t most_undecided = 64;  ///< connections that have sent nothing yet; more are closed at once
};

/// Who takes a connected, non-blocking, close-on-exec socket over. An empty function: such connections are closed.
struct listener_handlers {
    std::function<void(int descriptor)> http{};
    std::function<void(int descriptor)> console{};
};

class listener {
public:
    /// Takes over a listening, non-blocking socket (net::listen_on).
    listener(control::loop& on, int listening, listener_handlers handlers, listener_options options = {});
    ~listener();  ///< stops listening. On the control thread, or once it has ended
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::admin
