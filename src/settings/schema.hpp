// SPDX-License-Identifier: Apache-2.0
//
// Every key of the configuration, once: its name, its field, its bounds, and whether a reload changes it in a running
// process. Loading, describing and comparing are visitors of these lists, so they cannot disagree.
//
// A visitor has one function per kind of value (count, octets, time, flag, text, path, secret_text, choice, addresses,
// names, nodes), section(name, function) for a table, and list(name, vector, function) for an array of tables.
// `Section` may be const.
#pragma once

#include "settings/settings.hpp"

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock::settings::schema {

/// When a changed value takes effect.
enum class applies : std::uint8_t { on_reload, on_restart };

struct bounds {
    std::uint64_t least;
    std::uint64_t most;
};

struct time_bounds {
    duration least;
    duration most;
};

template <class Enum>
struct named {
    std::string_view name;
    Enum value;
};

inline constexpr std::uint64_t most_connections = 1'000'000;
inline constexpr std::uint64_t most_pool_size = 10'000;
inline constexpr time_bounds any_time{seconds{0}, std::chrono::hours{24 * 365}};
inline constexpr time_bounds up_to_a_second{milliseconds{1}, seconds{1}};
inline constexpr time_bounds up_to_an_hour{milliseconds{1}, std::chrono::hours{1}};

inline constexpr auto pool_modes = std::to_array<named<pool_mode>>({
    {"transaction", pool_mode::transaction},
    {"session", pool_mode::session},
});
inline constexpr auto pin_policies = std::to_array<named<pin_policy>>({
    {"pin", pin_policy::pin},
    {"reject", pin_policy::reject},
    {"log_only", pin_policy::log_only},
});
inline constexpr auto auth_methods = std::to_array<named<auth_method>>({
    {"scram-sha-256", auth_method::scram_sha_256},
    {"md5", auth_method::md5},
    {"password", auth_method::password},
    {"trust", auth_method::trust},
    {"certificate", auth_method::certificate},
    {"reject", auth_method::reject},
});
inline constexpr auto tls_modes = std::to_array<named<tls_mode>>({
    {"disable", tls_mode::disable},
    {"allow", tls_mode::allow},
    {"prefer", tls_mode::prefer},
    {"require", tls_mode::require},
    {"verify-ca", tls_mode::verify_ca},
    {"verify-full", tls_mode::verify_full},
});
inline constexpr auto client_verifications = std::to_array<named<net::tls_options::verify>>({
    {"none", net::tls_options::verify::none},
    {"optional", net::tls_options::verify::optional},
    {"required", net::tls_options::verify::required},
});
inline constexpr auto engines = std::to_array<named<engine>>({
    {"postgresql", engine::postgresql},
    {"mysql", engine::mysql},
    {"mariadb", engine::mysql},
});
inline constexpr auto compressions = std::to_array<named<wire_compression>>({
    {"off", wire_compression::off},
    {"zlib", wire_compression::zlib},
    {"zstd", wire_compression::zstd},
});
inline constexpr auto node_roles = std::to_array<named<node_role>>({
    {"auto", node_role::automatic},
    {"primary", node_role::primary},
    {"replica", node_role::replica},
});
inline constexpr auto discoveries = std::to_array<named<discovery>>({
    {"none", discovery::none},
    {"aurora", discovery::aurora},
    {"patroni", discovery::patroni},
});
inline constexpr auto consistencies = std::to_array<named<router::consistency>>({
    {"session", router::consistency::session},
    {"user", router::consistency::user},
    {"off", router::consistency::off},
});
inline constexpr auto balance_methods = std::to_array<named<router::balance_method>>({
    {"least_outstanding", router::balance_method::least_outstanding},
    {"round_robin", router::balance_method::round_robin},
    {"weighted", router::balance_method::weighted},
    {"latency", router::balance_method::latency},
});
inline constexpr auto log_levels = std::to_array<named<log::level>>({
    {"debug", log::level::debug},
    {"info", log::level::info},
    {"warning", log::level::warning},
    {"error", log::level::error},
    {"off", log::level::off},
});
inline constexpr auto log_formats = std::to_array<named<log::format>>({
    {"auto", log::format::automatic},
    {"text", log::format::text},
    {"json", log::format::json},
});

template <class Visitor, class Section>
void visit_log(Visitor& to, Section& from)
{
    to.choice("level", from.minimum, log_levels);
    to.choice("format", from.form, log_formats);
}

template <class Visitor, class Section>
void visit_listen(Visitor& to, Section& from)
{
    to.addresses("postgresql", from.postgresql, default_listen_port, applies::on_restart);
    to.addresses("postgresql_read_only", from.postgresql_read_only, default_read_only_port, applies::on_restart);
    to.addresses("mysql", from.mysql, default_mysql_listen_port, applies::on_restart);
    to.addresses("mysql_read_only", from.mysql_read_only, default_mysql_read_only_port, applies::on_restart);
}

template <class Visitor, class Section>
void visit_tls(Visitor& to, Section& from)
{
    to.path("certificate", from.tls.certificate_file);
    to.path("key", from.tls.key_file);
    to.path("client_ca", from.tls.ca_file);
    to.choice("client_verify", from.tls.verify_peer, client_verifications);
    to.text("minimum_version", from.tls.minimum_version);
    to.flag("require_tls", from.require_tls);
}

template <class Visitor, class Section>
void visit_clients(Visitor& to, Section& from)
{
    to.count("max_client_connections", from.max_client_connections, bounds{1, most_connections});
    to.count("max_user_client_connections", from.max_user_client_connections, bounds{0, most_connections});
    to.time("client_login_timeout", from.client_login_timeout, any_time);
    to.time("idle_client_timeout", from.idle_client_timeout, any_time);
    to.time("idle_transaction_timeout", from.idle_transaction_timeout, any_time);
    to.time("client_write_timeout", from.client_write_timeout, any_time);
    to.count("client_statement_limit", from.client_statement_limit, bounds{1, 1'000'000});
    to.octets("client_statement_memory", from.client_statement_memory, bounds{64ULL << 10, 4ULL << 30});
    to.count("server_statement_limit", from.server_statement_limit, bounds{1, 100'000});
    to.octets("max_inspected_statement", from.max_inspected_statement, bounds{1ULL << 10, 64ULL << 20});
    to.octets("max_startup_packet", from.max_startup_packet, bounds{512, 1ULL << 20});
    to.flag("compression", from.compression);
}

template <class Visitor, class Section>
void visit_pool(Visitor& to, Section& from)
{
    to.choice("pool_mode", from.mode, pool_modes);
    to.count("pool_size", from.limits.size, bounds{1, most_pool_size});
    to.count("min_pool_size", from.limits.minimum, bounds{0, most_pool_size});
    to.count("reserve_pool_size", from.limits.reserve, bounds{0, most_pool_size});
    to.time("reserve_pool_timeout", from.limits.reserve_timeout, any_time);
    to.time("connection_borrow_timeout", from.limits.borrow_timeout, up_to_an_hour);
    to.count("max_waiting_clients", from.limits.max_waiters, bounds{0, most_connections});
    to.count("max_idle_connections_percent", from.limits.max_idle_percent, bounds{0, 100});
    to.time("server_idle_timeout", from.limits.idle_timeout, any_time);
    to.time("server_lifetime", from.limits.lifetime, any_time);
    to.time("server_connect_timeout", from.limits.connect_timeout, up_to_an_hour);
    to.time("server_retry_first", from.limits.backoff_first, up_to_an_hour);
    to.time("server_retry_longest", from.limits.backoff_longest, up_to_an_hour);
    to.count("max_server_connections", from.shared.process, bounds{0, most_connections});
    to.count("max_user_connections", from.shared.per_user, bounds{0, most_connections});
    to.text("init_query", from.init_query);
    to.time("cancel_wait_timeout", from.cancel_timeout, up_to_an_hour);
    to.choice("pin_policy", from.on_pin, pin_policies);
    to.names("session_pinning_filters", from.pinning_filters);
    to.flag("pin_notice", from.pin_notice);
}

template <class Visitor, class Section>
void visit_auth(Visitor& to, Section& from)
{
    to.choice("auth_method", from.method, auth_methods);
    to.path("auth_file", from.userlist_file);
    to.text("auth_query", from.query.query);
    to.text("mysql_auth_query", from.query.mysql_query);
    to.text("auth_query_user", from.query.user);
    to.secret_text("auth_query_password", from.query.password);
    to.text("auth_query_database", from.query.database);
    to.time("auth_cache_time", from.cache_time, any_time);
}

template <class Visitor, class Section>
void visit_admin(Visitor& to, Section& from)
{
    to.addresses("listen", from.listen, default_admin_port, applies::on_restart);
    to.addresses("console", from.console, default_listen_port, applies::on_restart);
    to.names("admin_users", from.admin_users);
    to.names("stats_users", from.stats_users);
}

template <class Visitor, class Section>
void visit_cluster(Visitor& to, Section& from)
{
    to.text("name", from.name, applies::on_restart);
    to.choice("engine", from.engine, engines, applies::on_restart);
    to.nodes("nodes", from.nodes, default_server_port(from.engine), applies::on_restart);
    to.choice("sslmode", from.sslmode, tls_modes);
    to.path("sslrootcert", from.tls.ca_file);
    to.path("sslcert", from.tls.certificate_file);
    to.path("sslkey", from.tls.key_file);
    to.choice("compression", from.compression, compressions);
    to.count("max_connections_percent", from.max_connections_percent, bounds{1, 100});
    to.count("max_connections_per_node", from.max_connections_per_node, bounds{0, most_connections});
    to.text("monitor_user", from.monitor.user, applies::on_restart);
    to.secret_text("monitor_password", from.monitor.password, applies::on_restart);
    to.text("monitor_database", from.monitor.database, applies::on_restart);
    to.time("probe_interval", from.monitor.probe_interval, up_to_an_hour, applies::on_restart);
    to.time("probe_timeout", from.monitor.probe_timeout, up_to_an_hour, applies::on_restart);
    to.count("probe_failures", from.monitor.probe_failures, bounds{1, 100}, applies::on_restart);
    to.choice("discovery", from.discovery.from, discoveries, applies::on_restart);
    to.text("aurora_endpoint", from.discovery.aurora_endpoint, applies::on_restart);
    to.names("patroni_urls", from.discovery.patroni_urls, applies::on_restart);
    to.time("discovery_interval", from.discovery.interval, up_to_an_hour, applies::on_restart);
    to.text("application_name", from.application_name);
    to.text("options", from.options);
    to.flag("fetch_public_key", from.fetch_public_key);
    to.path("public_key", from.public_key);
    to.flag("read_write_split", from.split.enabled);
    to.choice("read_consistency", from.split.consistency, consistencies);
    to.time("max_replica_lag", from.split.max_replica_lag, any_time);
    to.time("position_interval", from.split.position_interval, up_to_a_second, applies::on_restart);
    to.time("write_window", from.split.write_window, any_time);
    to.choice("balance", from.split.balance, balance_methods);
    to.text("zone", from.split.zone);
    to.flag("read_only_fallback", from.split.read_only_fallback);
}

/// The keys of [pool] that a database or a user may set for itself.
template <class Visitor, class Section>
void visit_pool_overrides(Visitor& to, Section& from)
{
    to.choice("pool_mode", from.mode, pool_modes);
    to.count("pool_size", from.size, bounds{1, most_pool_size});
    to.count("min_pool_size", from.minimum, bounds{0, most_pool_size});
    to.count("reserve_pool_size", from.reserve, bounds{0, most_pool_size});
    to.time("connection_borrow_timeout", from.borrow_timeout, up_to_an_hour);
}

template <class Visitor, class Section>
void visit_database(Visitor& to, Section& from)
{
    to.text("name", from.name);
    to.text("cluster", from.cluster);
    to.text("server_database", from.server_database);
    visit_pool_overrides(to, from.pool);
    to.text("init_query", from.init_query);
    to.count("max_client_connections", from.max_client_connections, bounds{0, most_connections});
    to.count("max_transactions_per_second", from.max_transactions_per_second, bounds{0, 1'000'000});
}

template <class Visitor, class Section>
void visit_user(Visitor& to, Section& from)
{
    to.text("name", from.name);
    to.secret_text("password", from.password);
    to.choice("auth_method", from.method, auth_methods);
    to.text("server_user", from.server_user);
    to.secret_text("server_password", from.server_password);
    visit_pool_overrides(to, from.pool);
    to.count("max_user_connections", from.max_user_connections, bounds{0, most_connections});
    to.count("max_user_client_connections", from.max_user_client_connections, bounds{0, most_connections});
    to.count("max_transactions_per_second", from.max_transactions_per_second, bounds{0, 1'000'000});
    to.choice("pin_policy", from.on_pin, pin_policies);
}

template <class Visitor, class Section>
void visit_rule(Visitor& to, Section& from)
{
    to.text("name", from.name);
    to.text("user", from.user);
    to.text("database", from.database);
    to.text("application_name", from.application_name);
    to.text("statement", from.statement);
    to.text("digest", from.digest);
    to.text("route", from.route);
    to.count("max_transactions_per_second", from.max_transactions_per_second, bounds{0, 1'000'000});
}

/// Everything. `Tree` is tree or const tree.
template <class Visitor, class Tree>
void visit(Visitor& to, Tree& all)
{
    to.count("workers", all.workers, bounds{0, 1024}, applies::on_restart);
    to.time("drain_timeout", all.drain_timeout, any_time);
    to.section("log", [&all](auto& in) { visit_log(in, all.logging); });
    to.section("listen", [&all](auto& in) { visit_listen(in, all.listen); });
    to.section("tls", [&all](auto& in) { visit_tls(in, all.listen); });
    to.section("clients", [&all](auto& in) { visit_clients(in, all.clients); });
    to.section("pool", [&all](auto& in) { visit_pool(in, all.pool); });
    to.section("auth", [&all](auto& in) { visit_auth(in, all.auth); });
    to.section("admin", [&all](auto& in) { visit_admin(in, all.admin); });
    to.list("cluster", all.clusters, [](auto& in, auto& one) { visit_cluster(in, one); });
    to.list("database", all.databases, [](auto& in, auto& one) { visit_database(in, one); });
    to.list("user", all.users, [](auto& in, auto& one) { visit_user(in, one); });
    to.list("rule", all.rules, [](auto& in, auto& one) { visit_rule(in, one); });
}

}  // namespace penstock::settings::schema
