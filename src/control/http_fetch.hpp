// SPDX-License-Identifier: Apache-2.0
//
// One GET over HTTP/1.1 without TLS, on the control thread, with a connection of its own.
#pragma once

#include "core/clock.hpp"
#include "net/connect.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace penstock::control {

struct fetch_request {
    std::vector<net::endpoint> at{};  ///< tried in turn
    std::string host{};               ///< for the Host header
    std::string path{"/"};
    std::size_t longest_answer = 64 * 1024;
    duration patience = seconds{3};  ///< for all of it
};

struct fetched {
    std::string body{};
    std::string fault{};  ///< one sentence; empty where there is an answer of status 200
};

/// Never throws for what the peer does.
boost::asio::awaitable<fetched> fetch(fetch_request what);

}  // namespace penstock::control
