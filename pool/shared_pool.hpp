// SPDX-License-Identifier: Apache-2.0
//
// shared_pool: what the shards of one pool have in common. One per pool_key and process; thread-safe.
//
// It holds the pool's limits and node, and its account in the process-wide budget. Where a pool has several kinds, each
// has a shared_pool, and limits and usage are those of all of them together. Changes reach the shards by messages, so
// they take effect within a turn of each worker's loop.
#pragma once

#include "pool/intake.hpp"
#include "pool/limits.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace penstock::pool {

class budget;
struct account;

/// How many connections of a pool exist, over all workers and kinds.
struct pool_usage {
    std::uint32_t held = 0;      ///< permits: everything from before connecting until known closed
    std::uint32_t leaving = 0;   ///< of these, being closed
    std::uint32_t starving = 0;  ///< shards with waiters and no permit for them
};

class shared_pool {
public:
    /// `node` names the server its connections go to, for the per-node limit; empty: not counted against one. `limits`
    /// become the pool's with its first kind; another one follows those in force.
    shared_pool(std::shared_ptr<budget> shared, pool_key key, const pool_limits& limits, std::string node = {});
    ~shared_pool();
    shared_pool(const shared_pool&) = delete;
    shared_pool& operator=(const shared_pool&) = delete;

    [[nodiscard]] const pool_key& key() const;
    [[nodiscard]] pool_limits limits() const;
    /// New limits, live, for all kinds. Lowering closes no connection in use: surplus ones go as they come free.
    void set_limits(const pool_limits& limits);

    [[nodiscard]] std::string node() const;
    /// From now on connections are opened to this node; existing ones are retired.
    void set_node(std::string node);
    /// Every connection open now is closed when it is idle; new ones take their place (new settings, a failover,
    /// RECONNECT).
    void retire();
    /// Whether connections are given out. From the return of a stop on no connection is opened that is not held
    /// already, so that usage() falls, and once it is zero stays there.
    void take_in(intake next);

    [[nodiscard]] pool_usage usage() const;

    /// For the shards.
    [[nodiscard]] budget& shared_budget() const { return *budget_; }
    [[nodiscard]] const std::shared_ptr<account>& own_account() const { return account_; }

private:
    std::shared_ptr<budget> budget_;
    std::shared_ptr<account> account_;
};

}  // namespace penstock::pool
