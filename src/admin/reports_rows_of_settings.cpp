// SPDX-License-Identifier: Apache-2.0
//
// What was set up and what it takes: settings, databases, users, lists, memory.
#include "admin/reports_rows.hpp"

#include "proxy/session.hpp"
#include "settings/describe.hpp"
#include "settings/lookup.hpp"

#include <algorithm>
#include <set>

namespace penstock::admin {

namespace {

template <class Number>
std::string text_of(Number value)
{
    return std::to_string(value);
}

std::string seconds_of(duration time)
{
    return text_of(std::chrono::duration_cast<seconds>(time).count());
}

std::string_view name_of(settings::pool_mode mode)
{
    return mode == settings::pool_mode::session ? "session" : "transaction";
}

/// PgBouncer's names and units for what tools look up under them.
std::vector<std::pair<std::string, std::string>> in_pgbouncers_words(const settings::tree& all)
{
    const auto& clients = all.clients;
    const auto& pool = all.pool;
    const settings::address nowhere{};
    const auto& listen = all.listen.postgresql.empty() ? nowhere : all.listen.postgresql.front();
    return {{"listen_addr", listen.host},
            {"listen_port", text_of(listen.port)},
            {"max_client_conn", text_of(clients.max_client_connections)},
            {"max_user_client_connections", text_of(clients.max_user_client_connections)},
            {"max_user_connections", text_of(pool.shared.per_user)},
            {"max_db_connections", "0"},
            {"default_pool_size", text_of(pool.limits.size)},
            {"min_pool_size", text_of(pool.limits.minimum)},
            {"reserve_pool_size", text_of(pool.limits.reserve)},
            {"reserve_pool_timeout", seconds_of(pool.limits.reserve_timeout)},
            {"pool_mode", std::string{name_of(pool.mode)}},
            {"query_wait_timeout", seconds_of(pool.limits.borrow_timeout)},
            {"server_idle_timeout", seconds_of(pool.limits.idle_timeout)},
            {"server_lifetime", seconds_of(pool.limits.lifetime)},
            {"server_connect_timeout", seconds_of(pool.limits.connect_timeout)},
            {"client_idle_timeout", seconds_of(clients.idle_client_timeout)},
            {"client_login_timeout", seconds_of(clients.client_login_timeout)},
            {"idle_transaction_timeout", seconds_of(clients.idle_transaction_timeout)},
            {"stats_period", seconds_of(reporter::period_length)}};
}

bool is_paused(const settings::database_settings& database, const std::string& name, const snapshot& from)
{
    return from.stops.is_paused({database.cluster, settings::server_database(database, name)});
}

/// `name` is the one clients use, which a "*" entry does not tell.
row row_of(const settings::database_settings& database, const std::string& name, const snapshot& from)
{
    const auto& all = *from.settings;
    const auto limits = settings::effective_limits(all, database, nullptr);
    const auto* cluster = settings::find_cluster(all, database.cluster);
    settings::address where;
    if (cluster != nullptr && !cluster->nodes.empty()) {
        where = cluster->nodes.front().where;
    }
    for (const auto& view : from.clusters) {
        if (view->cluster == database.cluster && view->primary() != nullptr) {
            where = {view->primary()->host, view->primary()->port};
        }
    }
    std::uint32_t connections = 0;
    std::uint32_t clients = 0;
    for (const auto& pool : from.pools) {
        if (pool.database == name) {
            connections += pool.held;
            clients += pool.clients.all();
        }
    }
    return {name,
            where.host,
            text_of(where.port),
            settings::server_database(database, name),
            std::nullopt,
            text_of(limits.size),
            text_of(limits.minimum),
            text_of(limits.reserve),
            seconds_of(limits.lifetime),
            std::string{name_of(settings::effective_pool_mode(all, database, nullptr))},
            std::nullopt,
            "0",
            text_of(connections),
            text_of(database.max_client_connections),
            text_of(clients),
            is_paused(database, name, from) ? "1" : "0",
            "0"};
}

row row_of_user(const std::string& name, const snapshot& from)
{
    const auto& all = *from.settings;
    const auto* user = settings::find_user(all, name);
    std::uint32_t connections = 0;
    for (const auto& pool : from.pools) {
        connections += pool.key.user == name ? pool.held : 0;
    }
    const auto clients = std::count_if(
        from.clients.begin(), from.clients.end(), [&name](const auto& client) { return client.user == name; });
    const auto number = [](const std::optional<std::uint32_t>& value) {
        return value ? cell{text_of(*value)} : std::nullopt;
    };
    const auto own_limit =
        user != nullptr && user->max_user_connections > 0 ? user->max_user_connections : all.pool.shared.per_user;
    return {name,
            user == nullptr ? std::nullopt : number(user->pool.size),
            user == nullptr ? std::nullopt : number(user->pool.reserve),
            user == nullptr || !user->pool.mode ? std::nullopt : cell{name_of(*user->pool.mode)},
            text_of(own_limit),
            text_of(connections),
            text_of(settings::effective_user_client_limit(all, user)),
            text_of(clients)};
}

/// The configured ones, and those of whom there are clients now.
std::set<std::string> user_names(const snapshot& from)
{
    std::set<std::string> names;
    for (const auto& user : from.settings->users) {
        names.insert(user.name);
    }
    for (const auto& client : from.clients) {
        if (!client.user.empty()) {
            names.insert(client.user);
        }
    }
    return names;
}

row memory_row(std::string_view name, std::size_t size, std::size_t used)
{
    return {std::string{name}, text_of(size), text_of(used), "0", text_of(size * used)};
}

}  // namespace

std::vector<row> rows_of_config(const snapshot& from)
{
    std::vector<row> rows;
    const auto defaults = in_pgbouncers_words(settings::tree{});
    const auto values = in_pgbouncers_words(*from.settings);
    for (std::size_t index = 0; index < values.size(); ++index) {
        rows.push_back({values[index].first, values[index].second, defaults[index].second, "no"});
    }
    for (const auto& line : settings::describe(*from.settings)) {
        rows.push_back({line.key, line.value, line.default_value, line.on_reload ? "yes" : "no"});
    }
    return rows;
}

/// The named ones, then those that a "*" entry has let clients ask for, each by its own name, as PgBouncer does.
std::vector<row> rows_of_databases(const snapshot& from)
{
    std::vector<row> rows;
    std::set<std::string> others;
    for (const auto& pool : from.pools) {
        others.insert(pool.database);
    }
    for (const auto& database : from.settings->databases) {
        if (database.name != "*") {
            rows.push_back(row_of(database, database.name, from));
            others.erase(database.name);
        }
    }
    for (const auto& name : others) {
        for (const auto each : all_engines) {
            const auto* database = settings::find_database(*from.settings, name, each);
            if (database != nullptr && database->name == "*") {
                rows.push_back(row_of(*database, name, from));
            }
        }
    }
    return rows;
}

std::vector<row> rows_of_users(const snapshot& from)
{
    std::vector<row> rows;
    for (const auto& name : user_names(from)) {
        rows.push_back(row_of_user(name, from));
    }
    return rows;
}

std::vector<row> rows_of_lists(const snapshot& from)
{
    std::uint32_t idle = 0;
    std::uint32_t used = 0;
    for (const auto& pool : from.pools) {
        idle += pool.servers.idle;
        used += pool.held - std::min(pool.held, pool.servers.idle);
    }
    const auto& clients = from.all_clients;
    return {{"databases", text_of(from.settings->databases.size())},
            {"users", text_of(user_names(from).size())},
            {"peers", "0"},
            {"pools", text_of(from.pools.size())},
            {"peer_pools", "0"},
            {"free_clients", "0"},
            {"used_clients", text_of(clients.all() - clients.login)},
            {"login_clients", text_of(clients.login)},
            {"free_servers", text_of(idle)},
            {"used_servers", text_of(used)},
            {"dns_names", "0"},
            {"dns_zones", "0"},
            {"dns_queries", "0"},
            {"dns_pending", "0"}};
}

/// Values are words, not numbers, as with PgBouncer.
std::vector<row> rows_of_state(const snapshot& from)
{
    const bool paused = from.stops.is_all_paused();
    return {{"active", paused ? "no" : "yes"}, {"paused", paused ? "yes" : "no"}, {"suspended", "no"}};
}

std::vector<row> rows_of_mem(const snapshot& from)
{
    using protocol = postgresql::protocol;
    return {memory_row("client_cache", sizeof(proxy::session<protocol>), from.clients.size()),
            memory_row("server_cache", sizeof(proxy::server_connection<protocol>), from.servers.size()),
            memory_row("pool_cache", sizeof(proxy::worker_pool<protocol>), from.pools.size())};
}

}  // namespace penstock::admin
