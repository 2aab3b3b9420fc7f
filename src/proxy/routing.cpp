// SPDX-License-Identifier: Apache-2.0
#include "proxy/routing.hpp"

#include "protocols/wire/route_comment.hpp"

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
    rules.read_only_fallback = split.read_only_fallback;
    for (const auto& node : cluster.nodes) {
        const bool near = split.zone.empty() || node.zone == split.zone;
        rules.nodes.push_back({.weight = node.weight, .backup = node.backup, .near = near});
    }
    rules.others = {.near = split.zone.empty()};  // where found nodes stand, nobody says
    return rules;
}

route_rules_ptr rules_of(const settings::tree& all, const settings::cluster_settings& cluster)
{
    std::vector<std::string> nodes;
    for (const auto& node : cluster.nodes) {
        nodes.push_back(node.where.text());
    }
    const route_rules names{{}, nodes};
    std::vector<route_rule> rules;
    for (const auto& each : all.rules) {
        const auto wanted = each.route.empty() ? route_comment{} : read_route_comment("penstock:" + each.route);
        const auto place = wanted.hint == route_hint::node ? names.place_of(wanted.node) : 0;
        if (place != route_rules::unknown) {
            rules.push_back({.name = each.name,
                             .user = each.user,
                             .database = each.database,
                             .application_name = each.application_name,
                             .statement = each.statement,
                             .digest = each.digest,
                             .route = wanted.hint,
                             .node = static_cast<node_place>(place),
                             .limit = each.max_transactions_per_second > 0 ? each.name : std::string{}});
        }
    }
    return std::make_shared<const route_rules>(std::move(rules), std::move(nodes));
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

bool session_routes::has_fallen_behind() const
{
    if (!loan) {
        return false;
    }
    const auto covered = cluster->board->covers(loan.node());
    return !needed.has_own_write(covered) || !needed.is_recent(covered);
}

}  // namespace penstock::proxy
