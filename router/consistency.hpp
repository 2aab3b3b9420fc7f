// SPDX-License-Identifier: Apache-2.0
//
// From positions that were sampled to what each node covers: the control plane's half of read-your-writes, pure.
//
// A position of the primary that was asked for at a moment has every write that ended before it. A replica that has
// replayed past that position covers that moment. Positions are compared within one term only: with each new primary
// whatever was known is void, since the old one's may tell of writes that the new one never had.
#pragma once

#include "router/cluster_view.hpp"
#include "router/gtid_set.hpp"

#include "core/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

namespace penstock::router {

/// How far a node is, in the words of its product.
struct position {
    std::uint64_t timeline = 0;  ///< PostgreSQL: of the write-ahead log, and the octet there
    std::uint64_t offset = 0;
    gtid_set executed{};       ///< MySQL
    gtid_position last{};      ///< MariaDB
    std::uint32_t writer = 0;  ///< MariaDB: the number of the server itself
    /// About what it takes to keep and to compare it.
    [[nodiscard]] std::size_t weight() const { return 1 + executed.size() + last.size(); }
    friend bool operator==(const position&, const position&) = default;
};

/// Whether a replica at `replica` has everything that the primary had at `primary`. Of another timeline nothing is
/// known, nor of transactions that another server than the primary has numbered.
[[nodiscard]] bool has_reached(const position& replica, const position& primary);

/// Folds samples into what each node covers.
class replay_progress {
public:
    /// The node that is primary now, if any: with another one than before, all is forgotten. True where it was.
    bool follow(std::optional<std::size_t> primary);

    /// What the primary answered to a question that was sent at `asked_at`.
    void primary_at(time_point asked_at, const position& where);
    /// What a replica answered; what it covers now.
    time_point replica_at(std::size_t node, const position& where);
    /// It does not answer, or may have started anew at an earlier position.
    void lost(std::size_t node);

    [[nodiscard]] time_point covers(std::size_t node) const;
    /// The newest moment that the primary was asked at; the epoch where it was not.
    [[nodiscard]] time_point newest() const { return samples_.empty() ? time_point{} : samples_.back().asked_at; }

private:
    struct sample {
        time_point asked_at;
        position where;
    };
    struct replica {
        position last{};
        time_point covers{};
    };

    /// Older ones tell nothing that the oldest kept one does not, save to replicas that are far behind.
    static constexpr std::size_t most_samples = 4096;
    static constexpr std::size_t most_weight = 1 << 19;  ///< of all samples: some 16 MiB

    replica& at(std::size_t node);

    void clear();

    std::optional<std::size_t> primary_{};
    std::deque<sample> samples_;  ///< in order of time, and so of position: each has all of the one before
    std::size_t weight_ = 0;      ///< of all of them
    std::vector<replica> replicas_;
};

}  // namespace penstock::router
