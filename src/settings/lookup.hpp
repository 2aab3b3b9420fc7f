// SPDX-License-Identifier: Apache-2.0
//
// What the settings say of one database and one user: the entries, and the pool's limits and mode that result from
// them.
//
// A user's value outranks its database's, which outranks the default of [pool].
#pragma once

#include "settings/settings.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace penstock::settings {

/// The entry of that name on a cluster of that engine, else its "*" entry, else null. Valid as long as the tree.
/// MySQL's clients may ask for none (an empty name): that is the "*" entry, or the first.
[[nodiscard]] const database_settings* find_database(const tree& all, std::string_view name, engine of);
[[nodiscard]] const user_settings* find_user(const tree& all, std::string_view name);
/// Whether servers are told `server_user` or `server_password` instead of what the client's login says and proves.
[[nodiscard]] bool has_server_login(const user_settings& user);
[[nodiscard]] const cluster_settings* find_cluster(const tree& all, std::string_view name);

/// The engine of that cluster; PostgreSQL for a name that there is no cluster of.
[[nodiscard]] engine engine_of(const tree& all, std::string_view cluster);
[[nodiscard]] bool has_engine(const tree& all, engine which);

/// Where clients of that engine are listened for: nowhere if there is no cluster of it.
[[nodiscard]] std::vector<address> addresses_for(const tree& all, engine which);

/// The cluster of the database of that name; the engine's first one for a name that leads to none, such as the
/// console's.
[[nodiscard]] std::string cluster_of(const tree& all, std::string_view database, engine of);

/// The query that finds users of that engine's clusters; empty where there is none.
[[nodiscard]] const std::string& auth_query_for(const tree& all, engine which);

/// What the database is called on its servers, for a client that asked for `requested`.
[[nodiscard]] std::string server_database(const database_settings& database, std::string_view requested);

/// `user` may be null: a user known only to the userlist or the auth_query.
[[nodiscard]] pool_mode effective_pool_mode(const tree& all,
                                            const database_settings& database,
                                            const user_settings* user);
[[nodiscard]] pool::pool_limits effective_limits(const tree& all,
                                                 const database_settings& database,
                                                 const user_settings* user);
/// The process's limits and those of its users, by the name they have on the servers; per_node is the clusters' to say.
[[nodiscard]] pool::shared_limits shared_limits(const tree& all);
[[nodiscard]] const std::string& effective_init_query(const tree& all, const database_settings& database);
/// 0: no limit.
[[nodiscard]] std::uint32_t effective_user_client_limit(const tree& all, const user_settings* user);

}  // namespace penstock::settings
