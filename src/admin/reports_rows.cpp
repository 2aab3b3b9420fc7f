// SPDX-License-Identifier: Apache-2.0
//
// What goes on now: pools, traffic, clients, servers, nodes.
#include "admin/reports_rows.hpp"
#include "admin/reports_text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <map>

namespace penstock::admin {

namespace {

constexpr auto console_database = "pgbouncer";

/// Beyond whole_seconds().
std::int64_t rest_in_micros(duration time)
{
    return std::chrono::duration_cast<std::chrono::microseconds>(time % seconds{1}).count();
}

std::string_view name_of(settings::pool_mode mode)
{
    return mode == settings::pool_mode::session ? "session" : "transaction";
}

std::string client_pointer(std::uint64_t id)
{
    return id == 0 ? std::string{} : "c" + text_of(id);
}

std::string server_pointer(std::uint64_t id)
{
    return id == 0 ? std::string{} : "s" + text_of(id);
}

/// What several pools have done together.
struct joint_traffic {
    traffic total{};
    period last{};

    void add(const pool_report& pool)
    {
        total.add(traffic_of(pool.totals));
        last.add(pool.last_period);
    }
};

/// By the database's name as clients know it, as PgBouncer counts.
std::map<std::string, joint_traffic> traffic_by_database(const snapshot& from)
{
    std::map<std::string, joint_traffic> sums;
    for (const auto& pool : from.pools) {
        sums[pool.database].add(pool);
    }
    return sums;
}

void append(row& to, const traffic& figures)
{
    for (const auto value : {figures.assignments,
                             figures.transactions,
                             figures.queries,
                             figures.received,
                             figures.sent,
                             figures.transaction_time,
                             figures.query_time,
                             figures.wait_time,
                             figures.client_parses,
                             figures.server_parses,
                             figures.binds}) {
        to.emplace_back(text_of(value));
    }
}

row row_of(const client_report& client)
{
    using state = proxy::session_report::state;
    const auto [host, port] = host_and_port(client.client_address);
    const auto [local_host, local_port] = host_and_port(client.local_address);
    const auto* const what = client.what == state::waiting ? "waiting" : client.what == state::idle ? "idle" : "active";
    return {"C",
            client.user,
            client.database,
            "none",
            what,
            host,
            port,
            local_host,
            local_port,
            text_of(client.connected_at),
            text_of(client.requested_at),
            text_of(whole_seconds(client.waiting_for)),
            text_of(rest_in_micros(client.waiting_for)),
            "0",
            client_pointer(client.id),
            server_pointer(client.server_id),
            "0",
            client.tls,
            client.application_name,
            text_of(client.prepared_statements),
            text_of(client.id)};
}

row row_of(const server_report& server, const snapshot& from)
{
    const auto [host, port] = host_and_port(server.address);
    const auto [local_host, local_port] = host_and_port(server.local_address);
    const auto* const what = server.use == pool::slot_use::active    ? "active"
                             : server.use == pool::slot_use::idle    ? "idle"
                             : server.use == pool::slot_use::closing ? "used"
                                                                     : "tested";
    return {"S",
            server.pool.user,
            client_name_of(*from.settings, server.pool),
            "none",
            what,
            host,
            port,
            local_host,
            local_port,
            text_of(server.opened_at),
            text_of(server.requested_at),
            "0",
            "0",
            server.use == pool::slot_use::closing ? "1" : "0",
            server_pointer(server.id),
            client_pointer(server.lent_to),
            text_of(server.backend_pid),
            server.tls,
            server.application_name,
            text_of(server.prepared_statements),
            text_of(server.id)};
}

row latency_row(const pool_report& pool, std::string_view what, const telemetry::distribution& times)
{
    return {pool.database,
            pool.key.user,
            std::string{what},
            text_of(times.count()),
            text_of(times.percentile(0.50)),
            text_of(times.percentile(0.95)),
            text_of(times.percentile(0.99)),
            text_of(times.largest())};
}

}  // namespace

std::int64_t whole_seconds(duration time)
{
    return std::chrono::duration_cast<seconds>(time).count();
}

std::string text_of(wall_time when)
{
    if (when == wall_time{}) {
        return {};
    }
    const auto time = std::chrono::system_clock::to_time_t(when);
    std::tm parts{};
    gmtime_r(&time, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &parts)};
}

std::pair<std::string, std::string> host_and_port(const std::string& address)
{
    const auto colon = address.rfind(':');
    if (colon == std::string::npos || address.starts_with('/')) {
        return {address, "0"};
    }
    auto host = address.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return {host, address.substr(colon + 1)};
}

std::vector<row> rows_of_version(const snapshot& from)
{
    return {{"PgBouncer 1.25.2 (Penstock " + from.version + ")"}};
}

std::vector<row> rows_of_pools(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& pool : from.pools) {
        const auto longest = std::max(pool.clients.longest_wait, pool.servers.oldest_wait);
        rows.push_back({pool.database,
                        pool.key.user,
                        text_of(pool.clients.active + pool.clients.idle),
                        text_of(pool.clients.waiting),
                        "0",
                        "0",
                        text_of(pool.servers.active),
                        "0",
                        "0",
                        text_of(pool.servers.idle),
                        text_of(pool.servers.closing),
                        text_of(pool.servers.resetting),
                        text_of(pool.servers.connecting),
                        text_of(whole_seconds(longest)),
                        text_of(rest_in_micros(longest)),
                        std::string{name_of(pool.mode)},
                        std::nullopt});
    }
    row own{console_database, console_database, text_of(from.console_clients)};
    own.insert(own.end(), 12, "0");
    own.insert(own.end(), {"statement", std::nullopt});
    rows.push_back(std::move(own));
    return rows;
}

/// The last row is the console's.
std::vector<row> rows_of_extended_pools(const snapshot& from)
{
    auto rows = rows_of_pools(from);
    for (std::size_t index = 0; index < rows.size(); ++index) {
        rows[index].emplace_back(index < from.pools.size() && from.pools[index].paused ? "1" : "0");
    }
    return rows;
}

std::vector<row> rows_of_stats(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& [database, figures] : traffic_by_database(from)) {
        row one{database};
        append(one, figures.total);
        append(one, figures.last.average());
        rows.push_back(std::move(one));
    }
    return rows;
}

std::vector<row> rows_of_stats_totals(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& [database, figures] : traffic_by_database(from)) {
        append(rows.emplace_back(row{database}), figures.total);
    }
    return rows;
}

std::vector<row> rows_of_stats_averages(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& [database, figures] : traffic_by_database(from)) {
        append(rows.emplace_back(row{database}), figures.last.average());
    }
    return rows;
}

/// One row for each figure of SHOW STATS, over all databases.
std::vector<row> rows_of_totals(const snapshot& from)
{
    constexpr std::array<std::string_view, 11> names{"server_assignment_count",
                                                     "xact_count",
                                                     "query_count",
                                                     "client_bytes",
                                                     "server_bytes",
                                                     "xact_time",
                                                     "query_time",
                                                     "wait_time",
                                                     "ps_client_parse_count",
                                                     "ps_server_parse_count",
                                                     "ps_bind_count"};
    joint_traffic all;
    for (const auto& pool : from.pools) {
        all.add(pool);
    }
    row figures;
    append(figures, all.total);
    append(figures, all.last.average());
    std::vector<row> rows;
    for (std::size_t index = 0; index < figures.size(); ++index) {
        const std::string_view what = index < names.size() ? "total_" : "avg_";
        rows.push_back({std::string{what} + std::string{names[index % names.size()]}, figures[index]});
    }
    return rows;
}

/// Those who have not logged in yet are left out, as PgBouncer does.
std::vector<row> rows_of_clients(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& client : from.clients) {
        if (client.what != proxy::session_report::state::login) {
            rows.push_back(row_of(client));
        }
    }
    return rows;
}

std::vector<row> rows_of_extended_clients(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& client : from.clients) {
        if (client.what != proxy::session_report::state::login) {
            auto& one = rows.emplace_back(row_of(client));
            one.emplace_back(client.pins.empty() ? "0" : "1");
            one.emplace_back(to_string(client.pins));
        }
    }
    return rows;
}

std::vector<row> rows_of_servers(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& server : from.servers) {
        rows.push_back(row_of(server, from));
    }
    return rows;
}

/// Clients and servers, with PgBouncer's seven figures of its packet buffers, which have no counterpart here.
std::vector<row> rows_of_sockets(const snapshot& from)
{
    auto rows = rows_of_clients(from);
    auto servers = rows_of_servers(from);
    rows.insert(rows.end(), std::make_move_iterator(servers.begin()), std::make_move_iterator(servers.end()));
    for (auto& each : rows) {
        each.insert(each.end(), 7, "0");
    }
    return rows;
}

std::vector<row> rows_of_active_sockets(const snapshot& from)
{
    auto rows = rows_of_sockets(from);
    constexpr std::size_t state = 4;
    std::erase_if(rows, [](const row& each) { return each[state] != "active"; });
    return rows;
}

std::vector<row> rows_of_nodes(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& cluster : from.clusters) {
        for (const auto& node : cluster->nodes) {
            rows.push_back({cluster->cluster,
                            settings::address{node.host, node.port}.text(),
                            router::name_of(node.role),
                            node.drained && node.is_up() ? "drained" : router::name_of(node.state),
                            text_of(node.server_version),
                            text_of(node.max_connections),
                            node.reason});
        }
    }
    return rows;
}

std::vector<row> rows_of_latency(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& pool : from.pools) {
        rows.push_back(latency_row(pool, "wait", pool.totals.wait_time));
        rows.push_back(latency_row(pool, "query", pool.totals.query_time));
        rows.push_back(latency_row(pool, "transaction", pool.totals.transaction_time));
    }
    return rows;
}

std::vector<row> no_rows(const snapshot&)
{
    return {};
}

}  // namespace penstock::admin
