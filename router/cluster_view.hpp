// SPDX-License-Identifier: Apache-2.0
//
// What is known of a cluster's nodes at one moment: an immutable snapshot, published by control/monitor and read by
// everyone.
//
// A view is never changed once published. Whoever waits (for a primary, say) looks again after each new version.
#pragma once

#include "net/connect.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace penstock::router {

/// A node's place: configured ones first, in their order, then those that were found. The same in every version of a
/// view; that of a node that was left long ago may be given to another one.
struct node_id {
    std::uint32_t value = 0;
    friend auto operator<=>(node_id, node_id) = default;
};

enum class node_role : std::uint8_t {
    unknown,  ///< no probe has told yet
    primary,  ///< takes writes
    replica,  ///< in recovery: reads only
};

enum class node_state : std::uint8_t {
    up,           ///< it answers, or nothing speaks against it yet
    down,         ///< several probes in a row failed
    quarantined,  ///< it answers, but must not be used; its reason tells why
    left,         ///< it was found once, and its cluster lists it no more: not used, not probed
};

/// One database server.
struct node {
    node_id id{};
    std::string host{};  ///< as configured; what TLS verifies. A path starting with '/' is a Unix socket's folder
    std::uint16_t port = 5432;
    std::vector<net::endpoint> endpoints{};  ///< resolved, in the resolver's order; empty until the name is resolved
    node_role role = node_role::unknown;
    node_state state = node_state::up;
    std::uint32_t max_connections = 0;       ///< the server's own setting; 0 until a probe told
    std::uint32_t reserved_connections = 0;  ///< of those, kept for superusers
    std::uint32_t server_version = 0;        ///< for example 150020 or 80036; 0 until a probe told
    std::string version_text{};              ///< MySQL and MariaDB: as their greeting has it; empty until a probe told
    std::string reason{};                    ///< one sentence: why this role and state
    bool drained = false;                    ///< an operator wants no new work to go there
    bool spared = false;                     ///< its cluster wants no reads to go there
    bool found = false;                      ///< a list of its cluster's members has named it, not the configuration
    [[nodiscard]] bool is_up() const { return state == node_state::up; }
    friend bool operator==(const node&, const node&) = default;
};

struct cluster_view {
    std::string cluster{};
    std::uint64_t version = 0;  ///< grows with every publication, beginning at 1
    std::vector<node> nodes{};  ///< by place
    std::optional<std::size_t> primary_index{};
    std::string reason{};  ///< why there is no primary; empty where there is one

    /// The node that takes writes, or nullptr.
    [[nodiscard]] const node* primary() const { return primary_index ? &nodes[*primary_index] : nullptr; }
    [[nodiscard]] const node* find(node_id id) const
    {
        for (const auto& each : nodes) {
            if (each.id == id) {
                return &each;
            }
        }
        return nullptr;
    }
};

using cluster_view_ptr = std::shared_ptr<const cluster_view>;

/// Words for reports and metrics.
[[nodiscard]] constexpr const char* name_of(node_role role)
{
    switch (role) {
        case node_role::primary: return "primary";
        case node_role::replica: return "replica";
        case node_role::unknown: break;
    }
    return "unknown";
}
[[nodiscard]] constexpr const char* name_of(node_state state)
{
    switch (state) {
        case node_state::up: return "up";
        case node_state::quarantined: return "quarantined";
        case node_state::left: return "left";
        case node_state::down: break;
    }
    return "down";
}

}  // namespace penstock::router
