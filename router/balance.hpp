// SPDX-License-Identifier: Apache-2.0
//
// Which replica serves a read: a worker's own view of them, pure but for what it remembers.
//
// Candidates are up, known to be replicas, fresh enough and of a weight above 0. Those near us come first, then the
// others, then backups; one whose connections are all lent out comes behind all that have room. A node that fails is
// set aside for a time that doubles with each further failure, and comes back slowly; while there is no primary none
// is, since then each of them may be the last.
#pragma once

#include "router/cluster_view.hpp"
#include "router/decide.hpp"
#include "router/freshness_board.hpp"
#include "router/policy.hpp"
#include "router/route.hpp"

#include "core/clock.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace penstock::router {

/// Some of a cluster's nodes, by place.
using node_set = std::bitset<most_nodes>;

class balance {
public:
    static constexpr duration first_rest = seconds{1};
    static constexpr duration longest_rest = seconds{60};
    static constexpr duration slow_start = seconds{30};
    /// A node that is not chosen is believed to be half as slow after this, so that one slow answer is not its last.
    static constexpr duration latency_half_life = seconds{5};

    /// What is known of the nodes from now on: before the first choose(), and for each later view.
    void follow(const cluster_view& view, time_point now);

    /// A replica and `wish`, or the primary and why none serves. `only`: this one, whatever its weight. `full`: those
    /// where a request would wait; they serve only where no other can.
    [[nodiscard]] route choose(const policy& rules,
                               const freshness_board& board,
                               const freshness_needed& needed,
                               route_reason wish,
                               time_point now,
                               std::optional<std::size_t> only = {},
                               const node_set& full = {});

    /// A request was sent there; ended() or failed() follows.
    void began(std::size_t node) { ++at(node).outstanding; }
    void ended(std::size_t node, duration took, time_point now);
    /// It was not served for a reason of the node's: no connection, or a lost one.
    void failed(std::size_t node, time_point now);
    /// No longer under way, for a reason that says nothing of the node.
    void withdrew(std::size_t node);
    /// Another node has its place from now on; what is under way at the former one still ends.
    void forget(std::size_t node);

    [[nodiscard]] std::uint32_t outstanding(std::size_t node) const
    {
        return node < nodes_.size() ? nodes_[node].outstanding : 0;
    }
    [[nodiscard]] bool is_set_aside(std::size_t node, time_point now) const
    {
        return node < nodes_.size() && nodes_[node].rests_until > now;
    }

private:
    struct alignas(64) memory {
        std::uint32_t outstanding = 0;
        std::uint32_t failures = 0;  ///< in a row
        time_point rests_until{};
        time_point returned_at{};  ///< when it began to serve again after a failure, or was seen up after down
        bool was_up = true;
        float latency = 0;  ///< seconds, as of heard_at; the newest counts an eighth, and more after a time of silence
        float part = 0;     ///< of the ways that go by load: earned by one that has come back, 1 lets it take part
        time_point heard_at{};
        double credit = 0;         ///< of the ways that take turns
        std::uint64_t chosen = 0;  ///< at which choice, the last time
    };
    /// Whom to ask first; the others only where there is none of these.
    enum class tier : std::uint8_t { near, far, backup, full_near, full_far, full_backup, none };
    [[nodiscard]] static tier tier_of(const node_preference& wanted, bool is_full);
    struct candidate {
        std::size_t node;
        double weight;
        double share;  ///< of its weight: below 1 after a return
    };

    memory& at(std::size_t node)
    {
        if (node >= nodes_.size()) {
            nodes_.resize(node + 1);
        }
        return nodes_[node];
    }
    [[nodiscard]] static double share_of(const memory& past, time_point now);
    std::size_t pick(std::size_t count, const policy& rules, time_point now);
    std::size_t take_turns(bool equal);
    [[nodiscard]] bool takes_part(const candidate& which);
    [[nodiscard]] static double latency_of(const memory& past, time_point now);
    std::size_t least_loaded(bool by_latency, time_point now);

    std::uint64_t serving_ = 0;  ///< a bit for each place, where the view has a replica that may be read from
    bool has_primary_ = false;
    std::vector<memory> nodes_;
    std::uint64_t choices_ = 0;
    std::vector<std::size_t> places_;    ///< those of the best tier that has any, as many as choose() has found
    std::vector<candidate> candidates_;  ///< and what they weigh, where there are several
};

}  // namespace penstock::router
