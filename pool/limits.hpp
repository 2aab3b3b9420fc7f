// SPDX-License-Identifier: Apache-2.0
//
// The limits of a pool, as the settings give them. Names follow RDS Proxy, then PgBouncer (docs/configuration.md).
#pragma once

#include "core/clock.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace penstock::pool {

/// Which connections can take each other's place: those of one account to one database of one cluster, and of one kind.
/// All kinds of them together are one pool to the settings: they share its limits.
struct pool_key {
    std::string cluster;
    std::string user;
    std::string database;
    std::uint64_t kind = 0;  ///< what connections were opened with, where that makes them differ for their users
    std::string node{};  ///< the replica they lead to; empty: wherever the primary is. A pool of its own, with limits
    friend auto operator<=>(const pool_key&, const pool_key&) = default;
    /// What all kinds have in common.
    [[nodiscard]] pool_key of_all_kinds() const { return {cluster, user, database, 0, node}; }
};

/// Limits of one pool. Counts are connections, 0 meaning "no limit" only where said.
struct pool_limits {
    std::uint32_t size = 20;    ///< most server connections, 1 to 10000
    std::uint32_t minimum = 0;  ///< kept open once the pool is used, at most size
    std::uint32_t reserve = 0;  ///< further ones, opened when a waiter has waited reserve_timeout
    duration reserve_timeout = seconds{5};
    duration borrow_timeout = seconds{120};  ///< longest wait for a connection
    std::uint32_t max_waiters = 0;  ///< sessions that may wait at once, on all workers and for all kinds; 0: no limit
    std::uint32_t max_idle_percent = 50;   ///< idle connections above this share of size are closed after idle_timeout
    duration idle_timeout = seconds{600};  ///< 0: never closed for being idle
    duration lifetime = seconds{3600};     ///< 0: no end; a jitter of up to a tenth is subtracted
    duration connect_timeout = seconds{10};      ///< for connecting and logging in
    duration backoff_first = milliseconds{100};  ///< wait after the first failed connect; doubles, with jitter
    duration backoff_longest = seconds{15};
    friend bool operator==(const pool_limits&, const pool_limits&) = default;
};

/// How many wait in all shards of one pool, of every kind: what max_waiters bounds. Each shard counts its own in and
/// out; whoever is counted in above the bound is refused, so that it is never passed.
using waiter_count = std::atomic<std::uint32_t>;

/// Limits shared by several pools; 0 means no limit.
struct shared_limits {
    std::uint32_t process = 0;  ///< server connections of the whole process
    std::uint32_t per_node = 0;
    std::uint32_t per_user = 0;
    std::map<std::string, std::uint32_t> of_users{};  ///< in the place of per_user, for the users named here; never 0
    friend bool operator==(const shared_limits&, const shared_limits&) = default;
};

}  // namespace penstock::pool
