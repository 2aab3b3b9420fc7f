// SPDX-License-Identifier: Apache-2.0
//
// The settings as a typed tree of plain aggregates whose defaults are the product's defaults.
//
// load.hpp reads a tree from a TOML file, url.hpp makes one from a database URL, lookup.hpp answers what holds for one
// database and user. A tree that came from either is valid: references resolve, bounds hold, names are unique. Names in
// the file are those of docs/configuration.md; where a field's name differs, its comment says so.
#pragma once

#include "core/clock.hpp"
#include "core/engine.hpp"
#include "core/secret.hpp"
#include "net/tls_context.hpp"
#include "pool/limits.hpp"
#include "protocols/wire/login_types.hpp"
#include "router/policy.hpp"
#include "telemetry/log_options.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace penstock::settings {

inline constexpr std::uint16_t default_postgresql_port = 5432;  ///< of servers
inline constexpr std::uint16_t default_mysql_port = 3306;
inline constexpr std::uint16_t default_listen_port = 6432;  ///< of Penstock
inline constexpr std::uint16_t default_read_only_port = 6433;
inline constexpr std::uint16_t default_mysql_listen_port = 6033;
inline constexpr std::uint16_t default_mysql_read_only_port = 6034;
inline constexpr std::uint16_t default_admin_port = 6430;

/// A host name, a numeric address (IPv6 without brackets), or a Unix socket, which starts with '/': its folder, or with
/// port 0 its whole path, as MySQL has it.
struct address {
    std::string host;
    std::uint16_t port = 0;
    [[nodiscard]] bool is_unix() const { return host.starts_with('/'); }
    /// "host:port", "[::1]:port", or "unix:/folder:port".
    [[nodiscard]] std::string text() const;
    friend bool operator==(const address&, const address&) = default;
};

[[nodiscard]] constexpr std::uint16_t default_server_port(engine of)
{
    return of == engine::postgresql ? default_postgresql_port : default_mysql_port;
}

/// When a session gives its server connection back.
enum class pool_mode : std::uint8_t {
    transaction,  ///< after each transaction
    session,      ///< when the client leaves
};

/// [listen]: where clients reach us, and their TLS ([tls]). An engine that no cluster has is not listened for.
struct listen_settings {
    std::vector<address> postgresql{{"127.0.0.1", default_listen_port}};
    std::vector<address> postgresql_read_only{};  ///< for clients that are to get replicas
    std::vector<address> mysql{{"127.0.0.1", default_mysql_listen_port}};
    std::vector<address> mysql_read_only{};  ///< likewise
    net::tls_options tls{.alpn_postgresql =
                             true};  ///< [tls] certificate, key, client_ca, client_verify, minimum_version
    bool require_tls = false;  ///< [tls] require_tls: TCP clients without TLS are refused; Unix sockets are exempt
    friend bool operator==(const listen_settings&, const listen_settings&) = default;

    [[nodiscard]] const std::vector<address>& of(engine which) const
    {
        return which == engine::postgresql ? postgresql : mysql;
    }
    [[nodiscard]] std::vector<address>& of(engine which) { return which == engine::postgresql ? postgresql : mysql; }
    [[nodiscard]] const std::vector<address>& for_reading(engine which) const
    {
        return which == engine::postgresql ? postgresql_read_only : mysql_read_only;
    }
    [[nodiscard]] std::vector<address>& for_reading(engine which)
    {
        return which == engine::postgresql ? postgresql_read_only : mysql_read_only;
    }
    [[nodiscard]] bool tls_available() const { return !tls.certificate_file.empty(); }
};

/// [clients]: limits on what clients may take and how long they may take it. A duration of 0 means no limit.
struct client_settings {
    std::uint32_t max_client_connections = 10000;   ///< of the whole process
    std::uint32_t max_user_client_connections = 0;  ///< per user, 0: no limit; a user's own value outranks it
    duration client_login_timeout = seconds{60};
    duration idle_client_timeout = seconds{1800};  ///< without an open transaction
    duration idle_transaction_timeout = seconds{0};
    duration client_write_timeout = seconds{60};        ///< for a client that takes none of its results
    std::uint32_t client_statement_limit = 10000;       ///< prepared statements one client may hold
    std::size_t client_statement_memory = 16ULL << 20;  ///< octets of statement text one client may hold
    std::uint32_t server_statement_limit = 200;         ///< prepared on one server connection; the oldest unused goes
    std::size_t max_inspected_statement = 1ULL << 20;   ///< longer texts are streamed and not classified: they pin
    std::size_t max_startup_packet = 10000;             ///< octets, as PostgreSQL's own limit
    bool compression = true;                            ///< offered to clients of MySQL's protocol
    friend bool operator==(const client_settings&, const client_settings&) = default;
};

/// Which role a node has.
enum class node_role : std::uint8_t {
    automatic,  ///< the node is asked ("auto")
    primary,
    replica,
};

struct node_settings {
    address where{};
    node_role role = node_role::automatic;
    std::uint32_t weight = 100;  ///< its share of the reads that go to replicas; 0: none
    std::string zone{};          ///< where it stands; empty: everywhere
    bool backup = false;         ///< reads go there only where no other replica can serve them
    friend bool operator==(const node_settings&, const node_settings&) = default;
};

/// Reads on replicas: read_write_split, read_consistency, ... of [[cluster]].
struct split_settings {
    bool enabled = false;                                            ///< read_write_split
    router::consistency consistency = router::consistency::session;  ///< read_consistency
    duration max_replica_lag = seconds{0};                           ///< 0: any
    duration position_interval = milliseconds{10};  ///< least time between two questions for a node's position
    duration write_window = seconds{10};  ///< how long a write keeps its scope's reads where positions cannot be had
    router::balance_method balance = router::balance_method::least_outstanding;
    std::string zone{};              ///< ours: replicas of it come first; empty: zones do not matter
    bool read_only_fallback = true;  ///< clients of read-only listeners get the primary where no replica serves
    friend bool operator==(const split_settings&, const split_settings&) = default;
};

using tls_mode = server_account::tls_mode;

/// The account of the health checks. Without a user it is the first of [[user]] whose password is known in clear text.
struct monitor_settings {
    std::string user{};
    secret password{};
    std::string database{"postgres"};
    duration probe_interval = seconds{2};
    duration probe_timeout = seconds{3};
    std::uint32_t probe_failures = 3;  ///< in a row, until a node counts as down
    friend bool operator==(const monitor_settings&, const monitor_settings&) = default;
};

/// Who lists the members of a cluster.
enum class discovery : std::uint8_t {
    none,  ///< nobody: its nodes are those of the configuration
    aurora,
    patroni,
};

struct discovery_settings {
    discovery from = discovery::none;         ///< discovery
    std::string aurora_endpoint{};            ///< how an instance is reached; has {server_id} in it
    std::vector<std::string> patroni_urls{};  ///< asked one after the other until one answers
    duration interval = seconds{10};          ///< discovery_interval
    friend bool operator==(const discovery_settings&, const discovery_settings&) = default;
};

/// [[cluster]]: a primary and its replicas.
struct cluster_settings {
    std::string name{"main"};
    penstock::engine engine = engine::postgresql;
    std::vector<node_settings> nodes{};
    tls_mode sslmode = tls_mode::prefer;
    net::tls_options tls{};                       ///< sslrootcert, sslcert, sslkey; verify_peer follows sslmode
    std::uint32_t max_connections_percent = 100;  ///< of the server's max_connections (less what it reserves)
    std::uint32_t max_connections_per_node = 0;   ///< 0: only the percentage counts
    monitor_settings monitor{};                   ///< monitor_user, monitor_password, ..., probe_interval, ...
    discovery_settings discovery{};               ///< discovery, aurora_endpoint, ...
    wire_compression compression = wire_compression::off;
    std::string application_name{};  ///< told to servers where the client gives none
    std::string options{};           ///< start-up `options` of every server connection
    bool fetch_public_key = false;   ///< MySQL, without TLS: believe the RSA key that a server sends
    split_settings split{};          ///< read_write_split, read_consistency, ...
    std::string public_key{};        ///< MySQL: file with the servers' RSA key, which need not be sent
    friend bool operator==(const cluster_settings&, const cluster_settings&) = default;
};

/// In session_pinning_filters, as RDS Proxy calls it: variables whose new values cannot be told do not pin.
inline constexpr std::string_view exclude_variable_sets = "EXCLUDE_VARIABLE_SETS";

/// What becomes of a statement that leaves something behind which only its server connection has.
enum class pin_policy : std::uint8_t {
    pin,       ///< the session keeps the connection
    reject,    ///< it gets an error, and the statement does not run
    log_only,  ///< it is counted and logged; the connection is given back all the same, and cleaned
};

/// What a database or a user may set over the [pool] defaults.
struct pool_overrides {
    std::optional<pool_mode> mode{};           ///< pool_mode
    std::optional<std::uint32_t> size{};       ///< pool_size
    std::optional<std::uint32_t> minimum{};    ///< min_pool_size
    std::optional<std::uint32_t> reserve{};    ///< reserve_pool_size
    std::optional<duration> borrow_timeout{};  ///< connection_borrow_timeout
    friend bool operator==(const pool_overrides&, const pool_overrides&) = default;
};

/// [[database]]: a name clients may connect to.
struct database_settings {
    std::string name{"*"};  ///< "*": any name that no other entry has, passed on as it is
    std::string cluster{"main"};
    std::string server_database{};  ///< the name on the server; empty: the same
    pool_overrides pool{};
    std::optional<std::string> init_query{};        ///< outranks [pool] init_query
    std::uint32_t max_client_connections = 0;       ///< 0: no limit of its own
    std::uint32_t max_transactions_per_second = 0;  ///< of all its clients together; 0: no limit
    friend bool operator==(const database_settings&, const database_settings&) = default;
};

/// [[user]]: who may log in, beside the userlist file and the auth_query.
struct user_settings {
    std::string name{};
    secret password{};                    ///< clear text, "md5..." or "SCRAM-SHA-256$..."
    std::optional<auth_method> method{};  ///< auth_method; none: [auth] auth_method
    std::string server_user{};            ///< empty: the same user, with what the client's login proved
    secret server_password{};             ///< empty: `password` where it is clear text, else SCRAM pass-through
    pool_overrides pool{};
    std::uint32_t max_user_connections = 0;  ///< server connections of this user over all pools; 0: no own limit
    std::optional<std::uint32_t> max_user_client_connections{};
    std::uint32_t max_transactions_per_second = 0;  ///< of all clients of this user together; 0: no limit
    std::optional<pin_policy> on_pin{};             ///< pin_policy: outranks [pool]'s
    friend bool operator==(const user_settings&, const user_settings&) = default;
};

/// [[rule]]: where requests go for which somebody knows better, or how many of them may come. Of those that say where,
/// the first one counts that holds; limits all count.
struct rule_settings {
    std::string name{};
    // Patterns, in which '*' stands for any text; empty: whatever it is.
    std::string user{};
    std::string database{};
    std::string application_name{};
    std::string statement{};  ///< of the statement's shape
    std::string digest{};     ///< of the statement's shape, as `penstock explain` tells it; empty: any
    std::string route{};      ///< "primary", "replica", or "node=" and one of the nodes; empty: wherever they belong
    std::uint32_t max_transactions_per_second = 0;  ///< of all that it holds for together; 0: no limit
    friend bool operator==(const rule_settings&, const rule_settings&) = default;
};

/// Looking users up in the database itself.
struct auth_query_settings {
    std::string query{};               ///< auth_query: $1 is the user's name; empty: no look-ups
    std::string mysql_query{};         ///< mysql_auth_query: ? is the user's name; empty: no look-ups
    std::string user{};                ///< auth_query_user
    secret password{};                 ///< auth_query_password
    std::string database{"postgres"};  ///< auth_query_database: asked there
    friend bool operator==(const auth_query_settings&, const auth_query_settings&) = default;
};

/// [auth]
struct auth_settings {
    auth_method method = auth_method::scram_sha_256;  ///< auth_method
    std::string userlist_file{};                      ///< auth_file: PgBouncer's "user" "password" lines
    auth_query_settings query{};
    duration cache_time = seconds{30};  ///< auth_cache_time: how long an answer of the auth_query holds
    friend bool operator==(const auth_settings&, const auth_settings&) = default;
};

/// [pool]: defaults of every pool.
struct pool_settings {
    pool_mode mode = pool_mode::transaction;
    pool::pool_limits limits{};
    pool::shared_limits shared{};  ///< max_server_connections; per_user is max_user_connections, per_node the cluster's
    std::string init_query{};      ///< run once on each new server connection
    pin_policy on_pin = pin_policy::pin;         ///< pin_policy
    std::vector<std::string> pinning_filters{};  ///< session_pinning_filters
    bool pin_notice = false;                     ///< PostgreSQL: a client is told when it is pinned
    duration cancel_timeout = seconds{10};       ///< cancel_wait_timeout: longest a cancel request may take
    friend bool operator==(const pool_settings&, const pool_settings&) = default;
};

/// [admin]
struct admin_settings {
    std::vector<address> listen{{"127.0.0.1", default_admin_port}};  ///< empty: no admin port
    std::vector<address> console{};                                  ///< where there is the console and nothing else
    std::vector<std::string> admin_users{};                          ///< may run the console's verbs
    std::vector<std::string> stats_users{};                          ///< may read only
    friend bool operator==(const admin_settings&, const admin_settings&) = default;
};

/// Everything. Handed to threads as shared_ptr<const tree>.
struct tree {
    std::uint32_t workers = 0;  ///< 0: one per core
    duration drain_timeout = seconds{25};
    log::options logging{};  ///< [log]
    listen_settings listen{};
    client_settings clients{};
    pool_settings pool{};
    auth_settings auth{};
    admin_settings admin{};
    std::vector<cluster_settings> clusters{};
    std::vector<database_settings> databases{};
    std::vector<user_settings> users{};
    std::vector<rule_settings> rules{};
    friend bool operator==(const tree&, const tree&) = default;
};

}  // namespace penstock::settings
