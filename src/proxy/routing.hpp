// SPDX-License-Identifier: Apache-2.0
//
// What a worker keeps of each cluster whose reads may go to replicas, and a session's part in it.
//
// Of one worker's thread but for the board. Views and rules come by messages, so that choosing takes no lock.
#pragma once

#include "pool/rate_limit.hpp"
#include "router/balance.hpp"
#include "router/cluster_view.hpp"
#include "router/freshness_board.hpp"
#include "router/policy.hpp"
#include "protocols/wire/route_rules.hpp"
#include "settings/settings.hpp"

#include "core/clock.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace penstock::proxy {

/// When the newest write of a user ended, over all its sessions and workers; a count of duration's ticks.
using write_mark = std::atomic<duration::rep>;

/// One cluster, to one worker.
struct cluster_side {
    router::cluster_view_ptr view{};
    router::policy rules{};
    router::balance replicas{};
    std::shared_ptr<router::freshness_board> board{};
    route_rules_ptr wishes = std::make_shared<const route_rules>();  ///< of the configuration
    /// What those are counted against that have a limit, by their places; null where they have none.
    std::vector<std::shared_ptr<pool::rate_limit>> limits{};
};

[[nodiscard]] router::policy policy_of(const settings::cluster_settings& cluster);
/// The rules that can hold in that cluster.
[[nodiscard]] route_rules_ptr rules_of(const settings::tree& all, const settings::cluster_settings& cluster);

/// A request that a replica has, or is to have. Destruction without a word says nothing of the replica.
class replica_loan {
public:
    replica_loan() = default;
    replica_loan(cluster_side& of, std::size_t node) : of_{&of}, node_{node} { of.replicas.began(node); }
    replica_loan(replica_loan&& other) noexcept : of_{std::exchange(other.of_, nullptr)}, node_{other.node_} {}
    replica_loan& operator=(replica_loan&& other) noexcept
    {
        if (this != &other) {
            drop();
            of_ = std::exchange(other.of_, nullptr);
            node_ = other.node_;
        }
        return *this;
    }
    ~replica_loan() { drop(); }

    explicit operator bool() const { return of_ != nullptr; }
    [[nodiscard]] std::size_t node() const { return node_; }
    void ended(duration took, time_point now)
    {
        if (auto* const of = std::exchange(of_, nullptr)) {
            of->replicas.ended(node_, took, now);
        }
    }
    /// Nothing is known any longer of how far it is, either: it may have started anew.
    void failed(time_point now)
    {
        if (auto* const of = std::exchange(of_, nullptr)) {
            of->replicas.failed(node_, now);
            of->board->set(node_, {});
        }
    }
    void drop()
    {
        if (auto* const of = std::exchange(of_, nullptr)) {
            of->replicas.withdrew(node_);
        }
    }

private:
    cluster_side* of_ = nullptr;
    std::size_t node_ = 0;
};

/// What a session knows of routes.
struct session_routes {
    cluster_side* cluster = nullptr;  ///< null: all goes to the primary, unjudged
    time_point written_at{};          ///< its own last write; the epoch: none
    std::shared_ptr<write_mark> of_user{};
    replica_loan loan{};
    router::freshness_needed needed{};  ///< by the request that the loan is for
    std::uint32_t attempts = 0;         ///< replicas in a row that could not be had
    std::uint64_t refusals = 0;         ///< by replicas, counted so far
    bool is_refused = false;            ///< no server may serve the request at hand; its front has been told

    /// A write of its scope has ended, or may have.
    void note_write();
    /// The last one of its scope.
    [[nodiscard]] time_point last_write() const;
    /// The replica that was chosen covered what is needed and does no longer: it has started anew meanwhile.
    [[nodiscard]] bool has_fallen_behind() const;
};

}  // namespace penstock::proxy
