// SPDX-License-Identifier: Apache-2.0
#include "settings/validate.hpp"

#include "control/aurora.hpp"
#include "control/patroni.hpp"
#include "control/userlist.hpp"
#include "protocols/wire/route_comment.hpp"
#include "protocols/wire/route_rules.hpp"
#include "protocols/wire/shape_digest.hpp"
#include "settings/lookup.hpp"

#include <algorithm>
#include <set>
#include <string_view>

namespace penstock::settings {

namespace {

constexpr std::size_t longest_name = 255;
constexpr std::string_view console_database = "pgbouncer";

std::string in_quotes(std::string_view text)
{
    return '"' + std::string{text} + '"';
}

std::string entry(std::string_view list, std::size_t index)
{
    return std::string{list} + '[' + std::to_string(index) + ']';
}

/// Names are to be different; `space` tells which entries are to be told apart at all.
template <class Entries, class Space>
void check_names(std::string_view list, const Entries& entries, Space space, const complaint& complain)
{
    std::set<std::pair<engine, std::string_view>> seen;
    for (std::size_t index = 0; index < entries.size(); ++index) {
        const auto& name = entries[index].name;
        const auto path = entry(list, index) + ".name";
        if (name.empty() || name.size() > longest_name) {
            complain(path, "a " + std::string{list} + " has no usable name", "give it a name of 1 to 255 octets");
        } else if (!seen.insert({space(entries[index]), name}).second) {
            complain(
                path, "there is another " + std::string{list} + " called " + in_quotes(name), "rename or remove one");
        }
    }
}

void check_tls(const listen_settings& listen, const complaint& complain)
{
    using verify = net::tls_options::verify;
    const auto& tls = listen.tls;
    if (tls.certificate_file.empty() != tls.key_file.empty()) {
        const bool lacks_key = tls.key_file.empty();
        complain(lacks_key ? "tls.certificate" : "tls.key",
                 lacks_key ? "certificate is given without its key" : "key is given without its certificate",
                 lacks_key ? "add key" : "add certificate");
    }
    if (listen.require_tls && !listen.tls_available()) {
        complain("tls.require_tls",
                 "require_tls is true, but there is no certificate to do TLS with",
                 "add certificate and key");
    }
    if (tls.verify_peer != verify::none && tls.ca_file.empty()) {
        complain("tls.client_verify", "client_verify needs to know who signs clients' certificates", "add client_ca");
    }
    if (tls.verify_peer == verify::none && !tls.ca_file.empty()) {
        complain("tls.client_ca",
                 "client_ca has no effect while client_verify is \"none\"",
                 "set client_verify to \"optional\" or \"required\"");
    }
    if (tls.minimum_version != "TLSv1.2" && tls.minimum_version != "TLSv1.3") {
        complain("tls.minimum_version", "minimum_version is neither \"TLSv1.2\" nor \"TLSv1.3\"", "write one of these");
    }
}

void check_addresses(const tree& all, const complaint& complain)
{
    std::set<std::string> seen;
    const auto check = [&](const std::string& path, const std::vector<address>& addresses) {
        for (const auto& one : addresses) {
            if (one.port != 0 && !seen.insert(one.text()).second) {
                complain(path, one.text() + " is to be listened on twice", "give each its own port");
            }
        }
    };
    const listen_settings usual;
    for (const auto each : all_engines) {
        const auto key = "listen." + std::string{name_of(each)};
        const auto& wanted = all.listen.of(each);
        check(key, addresses_for(all, each));
        if (wanted.empty() && has_engine(all, each)) {
            complain(key, "there is no address to listen on", "leave the key out, or name an address");
        } else if (wanted != usual.of(each) && !wanted.empty() && !all.clusters.empty() && !has_engine(all, each)) {
            complain(key,
                     "there is no cluster for clients who come here",
                     "add a [[cluster]] with engine = " + in_quotes(name_of(each)) + ", or leave the key out");
        }
    }
    for (const auto each : all_engines) {
        const auto key = "listen." + std::string{name_of(each)} + "_read_only";
        const auto& reading = all.listen.for_reading(each);
        check(key, reading);
        const auto has_replicas = [each](const cluster_settings& cluster) {
            return cluster.engine == each && (cluster.nodes.size() > 1 || cluster.discovery.from != discovery::none);
        };
        if (!reading.empty() && !all.clusters.empty() &&
            std::none_of(all.clusters.begin(), all.clusters.end(), has_replicas)) {
            const auto* const product = each == engine::postgresql ? "PostgreSQL" : "MySQL or MariaDB";
            complain(key,
                     std::string{"there is no cluster of "} + product + " with replicas for clients who come here",
                     "name the replicas in nodes of [[cluster]] too, or leave the key out");
        }
    }
    check("admin.listen", all.admin.listen);
    check("admin.console", all.admin.console);
}

void check_cluster(const cluster_settings& cluster, const std::string& path, const complaint& complain)
{
    if (cluster.nodes.empty()) {
        complain(path + ".nodes",
                 "cluster " + in_quotes(cluster.name) + " has no nodes",
                 "add nodes = [\"host:" + std::to_string(default_server_port(cluster.engine)) + "\"]");
    }
    std::set<std::string> seen;
    std::size_t primaries = 0;
    for (const auto& node : cluster.nodes) {
        primaries += node.role == node_role::primary ? 1U : 0U;
        if (!seen.insert(node.where.text()).second) {
            complain(path + ".nodes", "node " + node.where.text() + " is named twice", "remove one");
        }
    }
    const auto is_replica = [](const node_settings& node) { return node.role == node_role::replica; };
    if (!cluster.nodes.empty() && std::all_of(cluster.nodes.begin(), cluster.nodes.end(), is_replica)) {
        complain(path + ".nodes",
                 "every node has the role \"replica\", so there is no primary",
                 "leave the roles out, or name the primary");
    }
    if (primaries > 1) {
        complain(path + ".nodes",
                 "more than one node has the role \"primary\"",
                 "leave the roles out: nodes are asked for them");
    }
    const bool verifies = cluster.sslmode == tls_mode::verify_ca || cluster.sslmode == tls_mode::verify_full;
    if (verifies && cluster.tls.ca_file.empty()) {
        complain(path + ".sslmode",
                 "sslmode verifies the server's certificate, but nothing says who signs it",
                 "set sslrootcert, for example to /etc/ssl/certs/ca-certificates.crt");
    }
    if (cluster.tls.certificate_file.empty() != cluster.tls.key_file.empty()) {
        complain(path + (cluster.tls.key_file.empty() ? ".sslcert" : ".sslkey"),
                 "sslcert and sslkey are only of use together",
                 "give both or neither");
    }
    if (cluster.engine == engine::postgresql && cluster.compression != wire_compression::off) {
        complain(path + ".compression",
                 "PostgreSQL's protocol has no compression",
                 "leave compression out, or let TLS and the network do without");
    }
    if (cluster.monitor.user.empty() && !cluster.monitor.password.empty()) {
        complain(path + ".monitor_password", "monitor_password is given without monitor_user", "add monitor_user");
    }
}

void check_discovery(const cluster_settings& cluster, const std::string& path, const complaint& complain)
{
    const auto& wanted = cluster.discovery;
    const bool is_aurora = wanted.from == discovery::aurora;
    const bool is_patroni = wanted.from == discovery::patroni;
    if (wanted.from != discovery::none && cluster.monitor.user.empty()) {
        complain(path + ".discovery",
                 "nodes that are found are probed, and nothing says as whom",
                 "add monitor_user and monitor_password");
    }
    if (is_aurora) {
        const auto where =
            control::read_aurora(control::sql_answer{.rows = {{"1", "1", "0"}}}, wanted.aurora_endpoint, 1);
        if (!where.fault.empty() || wanted.aurora_endpoint.find(control::server_id_mark) == std::string::npos) {
            complain(path + ".aurora_endpoint",
                     "aurora_endpoint does not say how an instance is reached",
                     "write it as in: \"{server_id}.abc123.eu-west-1.rds.amazonaws.com\"");
        }
    }
    if (is_patroni && cluster.engine != engine::postgresql) {
        complain(path + ".discovery", "Patroni manages PostgreSQL, and this cluster is none", "leave discovery out");
    }
    if (is_patroni && wanted.patroni_urls.empty()) {
        complain(path + ".patroni_urls", "nothing says where Patroni is", "write it as in: [\"http://db1:8008\"]");
    }
    for (const auto& url : wanted.patroni_urls) {
        if (!control::read_patroni_url(url)) {
            complain(path + ".patroni_urls",
                     in_quotes(url) + " is no address of Patroni's REST interface",
                     "write it as in: \"http://db1:8008\"; https is not known here");
        }
    }
}

/// What reads on replicas need.
void check_split(const cluster_settings& cluster, const std::string& path, const complaint& complain)
{
    const auto& split = cluster.split;
    const auto serves = [](const node_settings& node) { return node.role != node_role::primary && node.weight > 0; };
    const bool has_replica =
        std::any_of(cluster.nodes.begin(), cluster.nodes.end(), serves) && cluster.nodes.size() > 1;
    if (split.enabled && !cluster.nodes.empty() && !has_replica && cluster.discovery.from == discovery::none) {
        complain(path + ".read_write_split",
                 "no node could serve reads as a replica",
                 "name the replicas in nodes too, or leave read_write_split out");
    }
    const auto stands_there = [&split](const node_settings& node) { return node.zone == split.zone; };
    const auto stands_somewhere = [](const node_settings& node) { return !node.zone.empty(); };
    if (!split.zone.empty() && std::any_of(cluster.nodes.begin(), cluster.nodes.end(), stands_somewhere) &&
        std::none_of(cluster.nodes.begin(), cluster.nodes.end(), stands_there)) {
        complain(path + ".zone",
                 "no node is in the zone " + in_quotes(split.zone),
                 "write nodes as { address = \"db1:5432\", zone = " + in_quotes(split.zone) + " }");
    }
}

/// Limits of one pool as they result from defaults and overrides.
void check_sizes(const pool::pool_limits& limits, const std::string& path, const complaint& complain)
{
    if (limits.minimum > limits.size) {
        complain(path,
                 "min_pool_size (" + std::to_string(limits.minimum) + ") is more than pool_size (" +
                     std::to_string(limits.size) + ")",
                 "lower the one or raise the other");
    }
}

void check_pool(const tree& all, const complaint& complain)
{
    for (const auto& each : all.pool.pinning_filters) {
        if (each != exclude_variable_sets) {
            complain("pool.session_pinning_filters",
                     "knows \"EXCLUDE_VARIABLE_SETS\", not \"" + each + "\"",
                     "leave the others out");
        }
    }
    const auto& limits = all.pool.limits;
    check_sizes(limits, "pool.min_pool_size", complain);
    if (limits.backoff_first > limits.backoff_longest) {
        complain("pool.server_retry_first",
                 "server_retry_first is longer than server_retry_longest",
                 "lower the one or raise the other");
    }
    if (all.pool.shared.process > 0 && limits.minimum > all.pool.shared.process) {
        complain("pool.max_server_connections",
                 "max_server_connections is less than min_pool_size",
                 "raise it, or lower min_pool_size");
    }
}

void check_database(const tree& all, std::size_t index, const complaint& complain)
{
    const auto& database = all.databases[index];
    const auto path = entry("database", index);
    if (find_cluster(all, database.cluster) == nullptr) {
        complain(path + ".cluster",
                 "database " + in_quotes(database.name) + " is on cluster " + in_quotes(database.cluster) +
                     ", which is not configured",
                 "add a [[cluster]] of that name, or name another one");
    }
    if (database.name == console_database) {
        complain(path + ".name",
                 "\"pgbouncer\" is the name of the admin console's database",
                 "choose another name and set server_database");
    }
    if (database.pool.size || database.pool.minimum) {
        check_sizes(effective_limits(all, database, nullptr), path + ".min_pool_size", complain);
    }
}

bool needs_password(auth_method method)
{
    return method == auth_method::scram_sha_256 || method == auth_method::md5 || method == auth_method::password;
}

void check_method(const tree& all, auth_method method, const std::string& path, const complaint& complain)
{
    if (method == auth_method::certificate && all.listen.tls.verify_peer == net::tls_options::verify::none) {
        complain(path,
                 "auth_method \"certificate\" needs client certificates to be verified",
                 "set [tls] client_ca, and client_verify to \"optional\" or \"required\"");
    }
    if (method == auth_method::password && !all.listen.tls_available()) {
        complain(path,
                 "auth_method \"password\" sends passwords in clear, which is refused without TLS",
                 "set [tls] certificate and key, or use \"scram-sha-256\"");
    }
}

void check_password(const user_settings& user, auth_method method, const std::string& path, const complaint& complain)
{
    const auto stored = user.password.reveal();
    if (stored.starts_with("SCRAM-SHA-256$") && !control::is_scram_verifier(stored)) {
        complain(path,
                 "the SCRAM-SHA-256 verifier of user " + in_quotes(user.name) + " is not well formed",
                 "copy rolpassword from pg_authid as a whole");
    }
    if (control::is_md5_hash(stored) && method == auth_method::scram_sha_256) {
        complain(path,
                 "user " + in_quotes(user.name) + " has an md5 hash, with which scram-sha-256 cannot be done",
                 "store the password or a SCRAM verifier, or set auth_method = \"md5\" for this user");
    }
}

void check_user(const tree& all, std::size_t index, const complaint& complain)
{
    const auto& user = all.users[index];
    const auto path = entry("user", index);
    const auto method = user.method.value_or(all.auth.method);
    const bool known_elsewhere =
        !all.auth.userlist_file.empty() || !all.auth.query.query.empty() || !all.auth.query.mysql_query.empty();
    if (user.password.empty() && needs_password(method) && !known_elsewhere) {
        complain(path + ".password",
                 "user " + in_quotes(user.name) + " has no password",
                 "add password, for example \"${APP_PASSWORD}\" or \"file:/run/secrets/app\"");
    }
    if (user.method) {
        check_method(all, *user.method, path + ".auth_method", complain);
    }
    check_password(user, method, path + ".password", complain);
    if (user.pool.size || user.pool.minimum) {
        check_sizes(effective_limits(all, {}, &user), path + ".min_pool_size", complain);
    }
}

std::vector<std::string> node_names(const tree& all)
{
    std::vector<std::string> names;
    for (const auto& cluster : all.clusters) {
        for (const auto& node : cluster.nodes) {
            names.push_back(node.where.text());
        }
    }
    return names;
}

void check_rule(const tree& all, std::size_t index, const complaint& complain)
{
    const auto& rule = all.rules[index];
    const auto path = entry("rule", index);
    const auto wanted = read_route_comment("penstock:" + rule.route);
    const route_rules names{{}, node_names(all)};
    const bool only_limits = rule.route.empty() && rule.max_transactions_per_second > 0;
    if (!only_limits && (wanted.is_wrong || wanted.no_retry || wanted.hint == route_hint::none)) {
        complain(path + ".route",
                 "rule " + in_quotes(rule.name) + " leads nowhere, and limits nothing",
                 "write route = \"primary\", \"replica\" or \"node=db2:5432\", or max_transactions_per_second");
    } else if (wanted.hint == route_hint::node && names.place_of(wanted.node) == route_rules::unknown) {
        complain(path + ".route",
                 "no cluster has the node " + in_quotes(wanted.node) + ", or several have",
                 "write it as in nodes, with its port");
    }
    const bool is_digest = rule.digest.size() == shape_digest_size &&
                           rule.digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!rule.digest.empty() && !is_digest) {
        complain(path + ".digest",
                 "this is no digest of a statement's shape",
                 "copy the 16 digits that penstock explain prints for the statement");
    }
    if (rule.statement.size() > longest_name) {
        complain(path + ".statement", "the pattern is longer than 255 octets", "shorten it with *");
    }
    if (rule.statement.find('"') == std::string::npos &&
        std::any_of(
            rule.statement.begin(), rule.statement.end(), [](char octet) { return octet >= 'A' && octet <= 'Z'; })) {
        complain(path + ".statement",
                 "shapes of statements are in lower case, so that this pattern fits none",
                 "write it as penstock explain prints the shape of a statement");
    }
}

void check_rules(const tree& all, const complaint& complain)
{
    if (all.rules.size() > route_rules::most) {
        complain(entry("rule", route_rules::most), "there are more than 64 rules", "join some of them by patterns");
    }
    for (std::size_t index = 0; index < all.rules.size(); ++index) {
        check_rule(all, index, complain);
    }
}

void check_auth(const tree& all, const complaint& complain)
{
    const auto& auth = all.auth;
    check_method(all, auth.method, "auth.auth_method", complain);
    if (!auth.query.query.empty() && auth.query.query.find("$1") == std::string::npos) {
        complain("auth.auth_query",
                 "auth_query does not use $1, the user's name",
                 "write it as in: select usename, passwd from pg_shadow where usename = $1");
    }
    if (!auth.query.mysql_query.empty() && auth.query.mysql_query.find('?') == std::string::npos) {
        complain("auth.mysql_auth_query",
                 "mysql_auth_query does not use ?, the user's name",
                 "write it as in: select authentication_string, plugin from mysql.user where user = ?");
    }
    const bool asks = !auth.query.query.empty() || !auth.query.mysql_query.empty();
    if (asks && auth.query.user.empty()) {
        complain(auth.query.query.empty() ? "auth.mysql_auth_query" : "auth.auth_query",
                 "auth_query is given without the account to ask it with",
                 "add auth_query_user and auth_query_password");
    }
    if (!asks && !auth.query.user.empty()) {
        complain(
            "auth.auth_query_user", "auth_query_user has no effect without auth_query", "add auth_query or remove it");
    }
    if (all.users.empty() && auth.userlist_file.empty() && !asks) {
        complain("user", "there is no user who could log in", "add a [[user]], or [auth] auth_file or auth_query");
    }
}

}  // namespace

void derive(tree& all)
{
    using verify = net::tls_options::verify;
    for (auto& where : all.listen.mysql) {
        where.port = where.is_unix() ? std::uint16_t{0} : where.port;
    }
    for (auto& cluster : all.clusters) {
        if (cluster.engine == engine::mysql && cluster.monitor.database == monitor_settings{}.database) {
            cluster.monitor.database.clear();
        }
        for (auto& node : cluster.nodes) {
            if (cluster.engine == engine::mysql && node.where.is_unix()) {
                node.where.port = 0;  // the path is the socket itself
            }
        }
        const bool has_ca = !cluster.tls.ca_file.empty();
        switch (cluster.sslmode) {
            case tls_mode::verify_full: cluster.tls.verify_peer = verify::full; break;
            case tls_mode::verify_ca: cluster.tls.verify_peer = verify::required; break;
            // As libpq does it: whoever names an authority wants it asked.
            case tls_mode::require: cluster.tls.verify_peer = has_ca ? verify::required : verify::none; break;
            default: cluster.tls.verify_peer = verify::none;
        }
    }
}

void validate(const tree& all, const complaint& complain)
{
    const auto one_space = [](const auto&) { return engine::postgresql; };
    check_names("cluster", all.clusters, one_space, complain);
    check_names(
        "database", all.databases, [&all](const auto& each) { return engine_of(all, each.cluster); }, complain);
    check_names("user", all.users, one_space, complain);
    check_names("rule", all.rules, one_space, complain);
    check_rules(all, complain);
    check_addresses(all, complain);
    check_tls(all.listen, complain);
    check_pool(all, complain);
    check_auth(all, complain);
    for (std::size_t index = 0; index < all.clusters.size(); ++index) {
        check_cluster(all.clusters[index], entry("cluster", index), complain);
        check_discovery(all.clusters[index], entry("cluster", index), complain);
        check_split(all.clusters[index], entry("cluster", index), complain);
    }
    for (std::size_t index = 0; index < all.databases.size(); ++index) {
        check_database(all, index, complain);
    }
    for (std::size_t index = 0; index < all.users.size(); ++index) {
        check_user(all, index, complain);
    }
    if (all.clusters.empty()) {
        complain(
            "cluster", "there is no [[cluster]] to connect to", "add one: [[cluster]] with nodes = [\"host:5432\"]");
    } else if (all.databases.empty()) {
        complain("database",
                 "there is no [[database]], and more than one cluster it could be on",
                 "add a [[database]] for each name, or one called \"*\"");
    }
}

fault_list userlist_faults(const tree& all)
{
    fault_list out;
    if (!all.auth.userlist_file.empty()) {
        for (auto& [line, sentence] : control::read_userlist(all.auth.userlist_file).faults) {
            out.push_back(
                {all.auth.userlist_file, {static_cast<std::uint32_t>(line), line > 0 ? 1U : 0U}, sentence, ""});
        }
    }
    return out;
}

}  // namespace penstock::settings
