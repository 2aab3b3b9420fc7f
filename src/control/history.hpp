// SPDX-License-Identifier: Apache-2.0
//
// Which of two nodes that take writes has the later history: what tells a promoted replica from the primary that it
// replaced, and both from a stranger. Pure.
//
// PostgreSQL: a database has a system identifier that all its copies share, and every promotion begins a new timeline
// (documentation, "Continuous Archiving", 26.3.5). MySQL: the set of transactions that a server has (manual, "GTID
// Format and Storage"). MariaDB's positions do not tell whether one server has all that another has.
#pragma once

#include "router/gtid_set.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace penstock::control {

/// What a node tells of its data; each part may be missing.
struct history {
    std::string database{};                      ///< PostgreSQL's system identifier; empty: not told
    std::uint64_t timeline = 0;                  ///< PostgreSQL's, 1 and up; 0: not told
    std::optional<router::gtid_set> executed{};  ///< MySQL
    friend bool operator==(const history&, const history&) = default;
};

/// How a node stands to another one.
enum class lineage : std::uint8_t {
    unknown,  ///< nothing is proved
    later,    ///< it has gone on from what the other one has
    earlier,  ///< the other one has gone on from what it has
    apart,    ///< each has what the other one lacks
    foreign,  ///< they are of different databases
};

/// How `newer` stands to `older`, which was asked before it. Both take writes. A set of transactions only grows: that
/// `newer` has more proves nothing, since `older` may have got as many meanwhile; that it lacks some does.
[[nodiscard]] lineage lineage_of(const history& newer, const history& older);

/// Whether they are known to be of different databases.
[[nodiscard]] bool are_foreign(const history& one, const history& other);

}  // namespace penstock::control
