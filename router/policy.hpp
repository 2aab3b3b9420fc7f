// SPDX-License-Identifier: Apache-2.0
//
// What the configuration says of routes: plain values, per cluster.
#pragma once

#include "core/clock.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace penstock::router {

/// Whose writes a read is to see.
enum class consistency : std::uint8_t {
    session,  ///< those of its own session
    user,     ///< those of all sessions of its user
    off,      ///< none: a read may be as old as max_replica_lag allows
};

/// Which of several replicas serves.
enum class balance_method : std::uint8_t {
    least_outstanding,  ///< the one with the fewest requests under way, in proportion to its weight
    round_robin,        ///< one after the other
    weighted,           ///< one after the other, as often as its weight says
    latency,            ///< as least_outstanding, by the time that answers have taken
};

/// What is said of one node.
struct node_preference {
    std::uint32_t weight = 100;  ///< 0: serves no reads
    bool backup = false;         ///< serves only where no other can
    bool near = true;            ///< in our zone, or zones are not told apart
    friend bool operator==(const node_preference&, const node_preference&) = default;
};

struct policy {
    bool split = false;  ///< reads may go to replicas at all
    consistency reads = consistency::session;
    duration max_lag{};       ///< 0: any
    duration write_window{};  ///< how long a write holds its scope's reads where positions cannot be had
    balance_method method = balance_method::least_outstanding;
    bool read_only_fallback = true;        ///< who has come for replicas gets the primary where none serves
    std::vector<node_preference> nodes{};  ///< by place in the view
    node_preference others{};              ///< of nodes that were found
    friend bool operator==(const policy&, const policy&) = default;
};

}  // namespace penstock::router
