// SPDX-License-Identifier: Apache-2.0
//
// From observations of single nodes to a view of the cluster. Pure: no I/O, no clock, no thread.
//
// A single node is presumed to be the primary until a probe says otherwise. With several, nobody is until a probe told.
// Of two that claim it, the one with the later history is the primary; where each has what the other one lacks, nobody
// is. Where nothing is known of their histories, the one that was primary before stays, as long as its own probes still
// say so; otherwise nobody is, unless all of them write to the same data: then it is the first in the configuration.
// What the configuration says of a node's role outranks what its probes say; a node that it calls the primary is the
// only one that can be. A node that takes writes but replicates from another one is a replica, unless all that take
// writes do.
//
// Nodes are found and left where whoever manages the cluster lists its members. A list decides who is probed, and no
// role: one that was found is left once several lists in a row do not have it, unless it is the primary by its own
// probes. What the configuration names is never left.
//
// Quarantined, which means that nothing is sent there but probes, are: a primary that another one has replaced, until
// it is a replica or has gone on from its successor; a node of another database than the primary's, and one that was
// found and does not tell of which it is; and one whose role changes with every few probes.
#pragma once

#include "control/history.hpp"
#include "control/members.hpp"
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
    std::optional<history> past{};  ///< where it told
    /// It takes writes though it replicates from another server: a replica that nobody has made read-only, or one of
    /// two that follow each other.
    bool follows = false;
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
    /// Lists in a row without a node that was found, until it is left; and then until its place may be another one's.
    static constexpr std::uint32_t lists_until_left = 3;
    static constexpr std::uint32_t lists_until_reused = 60;

    /// `grows`: more nodes may be found, so that a single one is not presumed to be the primary.
    topology(std::string cluster,
             const std::vector<node_address>& nodes,
             std::uint32_t failures_until_down = 3,
             bool grows = false);

    /// Takes an observation in. True where the view changed; then it has a new version.
    bool observe(const probe_observation& seen);
    bool observe(const address_observation& seen);
    /// A list with a fault changes nothing.
    bool observe(const member_list& seen);

    /// Whether that list has another primary than is known.
    [[nodiscard]] bool contradicts(const member_list& seen) const;
    [[nodiscard]] const router::cluster_view& view() const { return view_; }
    /// Whether the primary has failed to answer, or none is known.
    [[nodiscard]] bool is_in_doubt() const;
    /// What the last observation changed; empty where it changed nothing worth a line.
    [[nodiscard]] const std::vector<topology_event>& events() const { return events_; }

private:
    struct memory {
        std::uint32_t failures_in_a_row = 0;
        bool last_probe_answered = false;
        bool was_heard = false;                                    ///< it has answered once, if only to refuse
        bool role_is_given = false;                                ///< by the configuration
        std::string writes_with{};                                 ///< by the last answer
        router::node_state alive = router::node_state::up;         ///< by its probes alone
        router::node_role probed = router::node_role::unknown;     ///< by the last answer
        router::node_role told_role = router::node_role::unknown;  ///< what they make of it, beside the others
        std::string says{};                                        ///< why
        std::string reason{};                                      ///< why it is what its probes make of it
        bool follows = false;                                      ///< likewise
        /// A bit for each of the last answers: its role was another one right before, on the same timeline.
        std::uint32_t role_changes = 0;
        std::optional<history> told{};           ///< by the last answer
        std::string database{};                  ///< by the last answer that told it
        std::optional<std::size_t> later{};      ///< a node that is known to have gone on from what this one has
        std::optional<std::size_t> apart{};      ///< a node that takes writes that this one does not have
        std::optional<std::size_t> successor{};  ///< the primary that has replaced this one
        std::uint32_t unlisted = 0;              ///< lists in a row that do not have it
    };

    static void take_addresses(router::node& node, const address_observation& seen);
    static void take_answer(router::node& node, memory& past, const probe_observation& seen);
    static void take_refusal(memory& past, const probe_observation& seen);
    void take_failure(memory& past, const probe_observation& seen) const;
    [[nodiscard]] bool stands_alone() const { return !grows_ && view_.nodes.size() == 1; }
    [[nodiscard]] std::optional<std::size_t> place_of(const member& listed) const;
    std::optional<std::size_t> place_for(const member& found);
    [[nodiscard]] std::optional<std::size_t> reusable_place() const;
    void take_member(std::size_t index, const member& listed);
    void leave(std::size_t index);
    void set_roles();
    void compare_histories(std::size_t index);
    void forgive(std::size_t index);
    void choose_primary();
    void crown(std::size_t index);
    [[nodiscard]] std::optional<std::size_t> best_of(const std::vector<std::size_t>& claims,
                                                     std::optional<std::size_t> before) const;
    [[nodiscard]] std::vector<std::size_t> claimants(bool proved) const;
    [[nodiscard]] bool claims_to_be_primary(std::size_t index) const;
    [[nodiscard]] bool may_be_primary(std::size_t index) const;
    [[nodiscard]] bool write_together(const std::vector<std::size_t>& nodes) const;
    [[nodiscard]] bool are_apart(const std::vector<std::size_t>& nodes) const;
    [[nodiscard]] std::string why_quarantined(std::size_t index) const;
    [[nodiscard]] std::string quarantined_primaries() const;
    [[nodiscard]] const router::node* first_unheard() const;
    [[nodiscard]] std::string most_common_database() const;
    void set_states();
    bool publish_if_changed(const router::cluster_view& before);
    void note_changes(const router::cluster_view& before);

    router::cluster_view view_{};
    std::vector<memory> past_{};
    std::uint32_t failures_until_down_;
    bool grows_;
    bool is_full_ = false;  ///< a member was passed over for want of a place
    std::optional<std::size_t> last_primary_{};
    std::string database_{};  ///< the primary's, and so the cluster's; empty: not told
    std::vector<topology_event> events_{};
};

}  // namespace penstock::control
