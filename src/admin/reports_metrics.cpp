// SPDX-License-Identifier: Apache-2.0
#include "admin/reports_metrics.hpp"

#include "protocols/wire/pin_reason.hpp"
#include "router/route.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace penstock::admin {

namespace {

using telemetry::label_list;
using telemetry::metric_family;
using telemetry::metric_kind;
using families = std::vector<metric_family>;

double in_seconds(duration time)
{
    return std::chrono::duration<double>(time).count();
}

constexpr auto pin_names = [] {
    std::array<std::string_view, pin_reason_count> names{};
    for (unsigned index = 0; index < pin_reason_count; ++index) {
        names[index] = name_of(static_cast<pin_reason>(index));
    }
    return names;
}();

constexpr auto route_names = [] {
    std::array<telemetry::route_name, router::route_reason_count> names{};
    for (std::size_t index = 0; index < names.size(); ++index) {
        const auto why = static_cast<router::route_reason>(index);
        names[index] = {goes_to_replica(why) ? "replica" : "primary", name_of(why)};
    }
    return names;
}();

void add(metric_family& to, label_list labels, double value)
{
    to.samples.push_back({.labels = std::move(labels), .value = value});
}

void add_one(families& to, std::string name, std::string help, double value, metric_kind kind = metric_kind::gauge)
{
    add(to.emplace_back(metric_family{std::move(name), std::move(help), kind}), {}, value);
}

label_list labels_of(const pool_report& pool)
{
    return {{"cluster", pool.key.cluster}, {"user", pool.key.user}, {"database", pool.key.database}};
}

label_list with(label_list labels, std::string name, std::string_view value)
{
    labels.emplace_back(std::move(name), value);
    return labels;
}

void add_clients(families& to, const snapshot& from)
{
    const auto& all = from.all_clients;
    metric_family states{"penstock_client_connections", "Clients, by what they do", metric_kind::gauge};
    add(states, {{"state", "login"}}, all.login);
    add(states, {{"state", "idle"}}, all.idle);
    add(states, {{"state", "waiting"}}, all.waiting);
    add(states, {{"state", "active"}}, all.active - std::min(all.active, from.console_clients));
    add(states, {{"state", "console"}}, from.console_clients);
    to.push_back(std::move(states));
    add_one(to,
            "penstock_max_client_connections",
            "As many clients as are let in",
            from.settings->clients.max_client_connections);
}

void add_pinned(families& to, const snapshot& from)
{
    metric_family pinned{"penstock_pinned_clients", "Clients pinned now, by reason", metric_kind::gauge};
    for (unsigned index = 0; index < pin_reason_count; ++index) {
        if (const auto count = from.all_clients.pinned[index]; count > 0) {
            add(pinned, {{"reason", std::string{pin_names[index]}}}, count);
        }
    }
    to.push_back(std::move(pinned));
}

void add_pools(families& to, const snapshot& from)
{
    metric_family connections{
        "penstock_database_connections", "Server connections, by what they do", metric_kind::gauge};
    metric_family clients{"penstock_pool_clients", "Clients of a pool, by what they do", metric_kind::gauge};
    metric_family waiting{"penstock_waiting_clients", "Clients waiting for a server connection", metric_kind::gauge};
    metric_family longest{
        "penstock_max_wait_seconds", "How long the first of the waiting clients waits", metric_kind::gauge};
    metric_family paused{"penstock_pool_paused", "Whether PAUSE lets nobody have a connection", metric_kind::gauge};
    metric_family sizes{"penstock_pool_size", "Server connections a pool may have", metric_kind::gauge};
    for (const auto& pool : from.pools) {
        const auto labels = labels_of(pool);
        const auto by_use = {std::pair{"active", pool.servers.active},
                             std::pair{"idle", pool.servers.idle},
                             std::pair{"login", pool.servers.connecting},
                             std::pair{"reset", pool.servers.resetting},
                             std::pair{"closing", pool.servers.closing}};
        for (const auto& [use, count] : by_use) {
            add(connections, with(labels, "state", use), count);
        }
        add(clients, with(labels, "state", "idle"), pool.clients.idle);
        add(clients, with(labels, "state", "waiting"), pool.clients.waiting);
        add(clients, with(labels, "state", "active"), pool.clients.active);
        add(waiting, labels, pool.clients.waiting);
        add(longest, labels, in_seconds(std::max(pool.clients.longest_wait, pool.servers.oldest_wait)));
        add(paused, labels, pool.paused ? 1 : 0);
        add(sizes, labels, pool.limits.size + pool.limits.reserve);
    }
    for (auto* each : {&connections, &clients, &waiting, &longest, &paused, &sizes}) {
        to.push_back(std::move(*each));
    }
    add_one(to,
            "penstock_database_connections_held",
            "Server connections that count against the limits, over all pools",
            from.connections_held);
    add_one(to,
            "penstock_max_database_connections",
            "The process-wide limit of server connections; 0: none",
            from.shared_limits.process);
    add_one(to,
            "penstock_max_database_connections_per_node",
            "The limit of server connections to one node; 0: none",
            from.shared_limits.per_node);
}

void add_nodes(families& to, const snapshot& from)
{
    metric_family up{"penstock_node_up", "Whether a node answers", metric_kind::gauge};
    metric_family drained{"penstock_node_drained", "Whether no new work goes to a node", metric_kind::gauge};
    metric_family role{"penstock_node_role", "A node's role: 1 for the one it has", metric_kind::gauge};
    metric_family primary{"penstock_cluster_has_primary", "Whether a cluster takes writes", metric_kind::gauge};
    for (const auto& cluster : from.clusters) {
        add(primary, {{"cluster", cluster->cluster}}, cluster->primary() == nullptr ? 0 : 1);
        for (const auto& node : cluster->nodes) {
            if (node.state == router::node_state::left) {
                continue;
            }
            const label_list labels{{"cluster", cluster->cluster},
                                    {"node", settings::address{node.host, node.port}.text()}};
            add(up, labels, node.is_up() ? 1 : 0);
            add(drained, labels, node.drained ? 1 : 0);
            add(role, with(labels, "role", router::name_of(node.role)), 1);
        }
    }
    for (auto* each : {&up, &drained, &role, &primary}) {
        to.push_back(std::move(*each));
    }
}

void add_process(families& to, const snapshot& from)
{
    metric_family build{"penstock_build_info", "What runs", metric_kind::gauge};
    add(build, {{"version", from.version}}, 1);
    to.push_back(std::move(build));
    const auto& used = from.process;
    add_one(to, "penstock_uptime_seconds", "Time since the start", in_seconds(from.uptime));
    add_one(to, "penstock_draining", "Whether the process is about to end", from.draining ? 1 : 0);
    add_one(to, "penstock_process_cpu_seconds_total", "User and system time", used.cpu_seconds, metric_kind::counter);
    add_one(to, "penstock_process_resident_memory_bytes", "Memory in use", static_cast<double>(used.resident_octets));
    add_one(to, "penstock_process_open_fds", "Open file descriptors", used.open_descriptors);
    add_one(to, "penstock_process_max_fds", "As many as there may be", static_cast<double>(used.descriptor_limit));
}

}  // namespace

families metrics_of(const snapshot& from)
{
    auto all = telemetry::counter_families(from.totals, pin_names, route_names);
    add_clients(all, from);
    add_pinned(all, from);
    add_pools(all, from);
    add_nodes(all, from);
    add_process(all, from);
    return all;
}

}  // namespace penstock::admin
