// SPDX-License-Identifier: Apache-2.0
#include "proxy/routing.hpp"

#include <algorithm>

namespace penstock::proxy {

router::policy policy_of(const settings::cluster_settings& cluster)
{
    const auto& split = cluster.split;
    router::policy rules;
    rules.split = split.enabled;
    rules.reads = split.consistency;
    rules.max_lag = split.max_replica_lag;
    rules.write_window = split.write_window;
    rules.method = split.balance;
    for (const auto& node : cluster.nodes) {
        const bool near = split.zone.empty() || node.zone == split.zone;
        rules.nodes.push_back({.weight = node.weight, .backup = node.backup, .near = near});
    }
    return rules;
}

/// The time is read anew: what the loop remembers may be older than the write's end.
void session_routes::note_write()
{
    if (cluster == nullptr || cluster->rules.reads == router::consistency::off) {
        return;
    }
    written_at = clock::now();
    if (of_user) {
        const auto mine = written_at.time_since_epoch().count();
        auto newest = of_user->load(std::memory_order_relaxed);
        while (newest < mine && !of_user->compare_exchange_weak(newest, mine)) {
        }
    }
    cluster->board->want(written_at);
}

time_point session_routes::last_write() const
{
    if (of_user && cluster->rules.reads == router::consistency::user) {
        return std::max(written_at, time_point{duration{of_user->load()}});
    }
    return written_at;
}

}  // namespace penstock::proxy
