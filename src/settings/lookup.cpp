// SPDX-License-Identifier: Apache-2.0
#include "settings/lookup.hpp"

#include <algorithm>

namespace penstock::settings {

namespace {

constexpr std::string_view any_name = "*";

template <class Entries>
auto find_named(const Entries& entries, std::string_view name) -> decltype(entries.data())
{
    const auto found =
        std::find_if(entries.begin(), entries.end(), [name](const auto& one) { return one.name == name; });
    return found == entries.end() ? nullptr : &*found;
}

void apply(const pool_overrides& from, pool::pool_limits& to)
{
    to.size = from.size.value_or(to.size);
    to.minimum = from.minimum.value_or(to.minimum);
    to.reserve = from.reserve.value_or(to.reserve);
    to.borrow_timeout = from.borrow_timeout.value_or(to.borrow_timeout);
}

}  // namespace

const database_settings* find_database(const tree& all, std::string_view name, engine of)
{
    const database_settings* first = nullptr;
    const database_settings* any = nullptr;
    for (const auto& each : all.databases) {
        if (engine_of(all, each.cluster) != of) {
            continue;
        }
        if (each.name == name) {
            return &each;
        }
        any = any == nullptr && each.name == any_name ? &each : any;
        first = first == nullptr ? &each : first;
    }
    return any == nullptr && name.empty() && of == engine::mysql ? first : any;
}

engine engine_of(const tree& all, std::string_view cluster)
{
    const auto* found = find_cluster(all, cluster);
    return found == nullptr ? engine::postgresql : found->engine;
}

bool has_engine(const tree& all, engine which)
{
    return std::any_of(
        all.clusters.begin(), all.clusters.end(), [which](const auto& each) { return each.engine == which; });
}

std::vector<address> addresses_for(const tree& all, engine which)
{
    return has_engine(all, which) ? all.listen.of(which) : std::vector<address>{};
}

const std::string& auth_query_for(const tree& all, engine which)
{
    return which == engine::mysql ? all.auth.query.mysql_query : all.auth.query.query;
}

const user_settings* find_user(const tree& all, std::string_view name)
{
    return find_named(all.users, name);
}

bool has_server_login(const user_settings& user)
{
    return !user.server_user.empty() || !user.server_password.empty();
}

const cluster_settings* find_cluster(const tree& all, std::string_view name)
{
    return find_named(all.clusters, name);
}

std::string cluster_of(const tree& all, std::string_view database, engine of)
{
    if (const auto* entry = find_database(all, database, of)) {
        return entry->cluster;
    }
    const auto first =
        std::find_if(all.clusters.begin(), all.clusters.end(), [of](const auto& each) { return each.engine == of; });
    return first == all.clusters.end() ? std::string{} : first->name;
}

std::string server_database(const database_settings& database, std::string_view requested)
{
    return database.server_database.empty() ? std::string{requested} : database.server_database;
}

pool_mode effective_pool_mode(const tree& all, const database_settings& database, const user_settings* user)
{
    const auto of_database = database.pool.mode.value_or(all.pool.mode);
    return user != nullptr ? user->pool.mode.value_or(of_database) : of_database;
}

pool::pool_limits effective_limits(const tree& all, const database_settings& database, const user_settings* user)
{
    auto limits = all.pool.limits;
    apply(database.pool, limits);
    if (user != nullptr) {
        apply(user->pool, limits);
    }
    return limits;
}

/// Users that share an account on the servers share its connections, and the lowest of their limits.
pool::shared_limits shared_limits(const tree& all)
{
    auto limits = all.pool.shared;
    for (const auto& user : all.users) {
        if (user.max_user_connections == 0) {
            continue;
        }
        const auto& account = user.server_user.empty() ? user.name : user.server_user;
        auto& own = limits.of_users.emplace(account, user.max_user_connections).first->second;
        own = std::min(own, user.max_user_connections);
    }
    return limits;
}

const std::string& effective_init_query(const tree& all, const database_settings& database)
{
    return database.init_query ? *database.init_query : all.pool.init_query;
}

std::uint32_t effective_user_client_limit(const tree& all, const user_settings* user)
{
    const auto general = all.clients.max_user_client_connections;
    return user != nullptr ? user->max_user_client_connections.value_or(general) : general;
}

}  // namespace penstock::settings
