// SPDX-License-Identifier: Apache-2.0
//
// From observations of single nodes to a view of the cluster. Pure: no I/O, no clock, no thread.
//
// A single node is presumed to be the primary until a probe says otherwise. With several, nobody is until a probe told.
// Of two that claim it, the one that was primary before stays, as long as its own probes still say so; otherwise nobody
// is, unless all of them write to the same data: then it is the first in the configuration. What the configuration says
// of a node's role outranks what its probes say; a node that it calls the primary is the only one that can be.
#pragma once

#include "router/cluster_view.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::control {

/// A node as the configuration names it.
struct node_address {
    std::string host{};
    std::uint16_t port = 5432;
    router::node_role role = router::node_role::unknown;  ///< unknown: the node is asked
    friend bool operator==(const node_address&, const node_address&) = default;
};

/// What one probe of one node found.
struct probe_observation {
    enum class kind : std::uint8_t {
        answered,  ///< it told its role and limits
        refused,   ///< it is alive but would not tell: full, or our account is not let in
        failed,    ///< no answer, or it is starting up or shutting down
    };
    router::node_id node{};
    kind how = kind::failed;
    bool in_recovery = false;
    std::uint32_t max_connections = 0;
    std::uint32_t reserved_connections = 0;
    std::uint32_t server_version = 0;
    std::string version_text{};  ///< MySQL and MariaDB: as their greeting has it
    std::string fault{};         ///< one sentence, unless answered
    std::string says{};          ///< where answered: why this role, in a few words; empty: PostgreSQL's "in recovery"
    /// Nodes that name the same here write to the same data, so that any one of them may be the primary: a group that
    /// replicates synchronously, or one server under two names. Empty: this node writes for itself.
    std::string writes_with{};
};

/// What the resolver found for one node.
struct address_observation {
    router::node_id node{};
    std::vector<net::endpoint> endpoints{};  ///< empty where it failed; then earlier ones are kept
    std::string fault{};
};

/// Something that the log should tell.
struct topology_event {
    std::string_view what;  ///< a constant sentence
    std::string subject{};  ///< the node or cluster
    std::string detail{};
    bool needs_attention = false;
    friend bool operator==(const topology_event&, const topology_event&) = default;
};

class topology {
public:
    topology(std::string cluster, const std::vector<node_address>& nodes, std::uint32_t failures_until_down = 3);

    /// Takes an observation in. True where the view changed; then it has a new version.
    bool observe(const probe_observation& seen);
    bool observe(const address_observation& seen);

    [[nodiscard]] const router::cluster_view& view() const { return view_; }
    /// What the last observation changed; empty where it changed nothing worth a line.
    [[nodiscard]] const std::vector<topology_event>& events() const { return events_; }

private:
    struct memory {
        std::uint32_t failures_in_a_row = 0;
        bool last_probe_answered = false;
        bool role_is_given = false;  ///< by the configuration
        std::string writes_with{};   ///< by the last answer
    };

    static void take_addresses(router::node& node, const address_observation& seen);
    static void take_answer(router::node& node, memory& past, const probe_observation& seen);
    static void take_refusal(router::node& node, memory& past, const probe_observation& seen);
    void take_failure(router::node& node, memory& past, const probe_observation& seen) const;
    void choose_primary();
    [[nodiscard]] std::vector<std::size_t> claimants(bool proved) const;
    [[nodiscard]] bool claims_to_be_primary(std::size_t index) const;
    [[nodiscard]] bool may_be_primary(std::size_t index) const;
    [[nodiscard]] bool write_together(const std::vector<std::size_t>& nodes) const;
    bool publish_if_changed(const router::cluster_view& before);
    void note_changes(const router::cluster_view& before);

    router::cluster_view view_{};
    std::vector<memory> past_{};
    std::uint32_t failures_until_down_;
    std::vector<topology_event> events_{};
};

}  // namespace penstock::control
