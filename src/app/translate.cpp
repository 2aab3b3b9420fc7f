// SPDX-License-Identifier: Apache-2.0
#include "app/translate.hpp"

#include "control/patroni.hpp"
#include "protocols/mysql/auth_rsa.hpp"
#include "protocols/mysql/auth_secret.hpp"
#include "settings/lookup.hpp"

#include <fstream>
#include <optional>
#include <string>
#include <utility>

namespace penstock::app {

namespace {

/// The cluster's `public_key`; empty where it names none, nothing where its file is no RSA key.
std::optional<std::string> read_public_key(const settings::cluster_settings& cluster)
{
    constexpr std::streamsize longest = 64 * 1024;
    if (cluster.public_key.empty()) {
        return std::string{};
    }
    std::ifstream file{cluster.public_key, std::ios::binary};
    std::string text(longest, '\0');
    file.read(text.data(), longest);
    text.resize(static_cast<std::size_t>(file.gcount()));
    const std::string scramble(20, 'x');
    const bool is_key = mysql::encrypt_password(secret{"x"}, scramble, text).has_value();
    return is_key ? std::optional{std::move(text)} : std::nullopt;
}

control::sql_target account_on(const settings::cluster_settings& cluster)
{
    control::sql_target target;
    target.engine = cluster.engine;
    target.tls = cluster.sslmode;
    target.ca_file = cluster.tls.ca_file;
    target.certificate_file = cluster.tls.certificate_file;
    target.key_file = cluster.tls.key_file;
    target.fetch_public_key = cluster.fetch_public_key;
    target.public_key = read_public_key(cluster).value_or(std::string{});
    return target;
}

/// What the configuration says of a node; unknown: the node is asked.
router::node_role role_of(settings::node_role role)
{
    switch (role) {
        case settings::node_role::primary: return router::node_role::primary;
        case settings::node_role::replica: return router::node_role::replica;
        case settings::node_role::automatic: break;
    }
    return router::node_role::unknown;
}

control::discovery_options discovery_of(const settings::discovery_settings& wanted)
{
    using source = control::discovery_options::source;
    control::discovery_options options;
    switch (wanted.from) {
        case settings::discovery::none: break;
        case settings::discovery::aurora: options.from = source::aurora; break;
        case settings::discovery::patroni: options.from = source::patroni; break;
    }
    options.interval = wanted.interval;
    options.aurora_endpoint = wanted.aurora_endpoint;
    for (const auto& url : wanted.patroni_urls) {
        if (auto where = control::read_patroni_url(url)) {
            options.patroni.push_back(std::move(*where));
        }
    }
    return options;
}

/// Whether a server of that engine can be told this; what the one takes for a hash is a password to the other.
bool is_clear_text(const secret& stored, engine of)
{
    if (of == engine::mysql) {
        return mysql::parse_secret(stored.reveal()).kind == mysql::stored_secret::form::clear;
    }
    return !stored.empty() && !stored.reveal().starts_with("SCRAM-SHA-256$") && !stored.reveal().starts_with("md5");
}

}  // namespace

outcome<proxy::configuration_ptr> make_configuration(settings::tree tree)
{
    auto made = std::make_shared<proxy::configuration>();
    if (tree.listen.tls_available()) {
        auto options = tree.listen.tls;
        options.alpn_postgresql = true;
        auto context = net::make_server_context(options);
        if (!context) {
            return context.error();
        }
        made->client_tls = *context;
    }
    for (const auto& cluster : tree.clusters) {
        auto key = read_public_key(cluster);
        if (!key) {
            return client_error{error_kind::internal,
                                "public_key of cluster \"" + cluster.name + "\" is no file with an RSA key in PEM",
                                {}};
        }
        if (!key->empty()) {
            made->public_keys[cluster.name] = std::move(*key);
        }
        if (cluster.sslmode == settings::tls_mode::disable) {
            continue;
        }
        auto context = net::make_client_context(cluster.tls);
        if (!context) {
            return context.error();
        }
        made->server_tls[cluster.name] = *context;
    }
    made->settings = std::make_shared<const settings::tree>(std::move(tree));
    return proxy::configuration_ptr{std::move(made)};
}

control::credential_options credential_options_of(const settings::tree& tree)
{
    control::credential_options options;
    for (const auto& user : tree.users) {
        const auto method = user.method.value_or(tree.auth.method);
        const bool needs_secret =
            method == auth_method::scram_sha_256 || method == auth_method::md5 || method == auth_method::password;
        if (needs_secret && user.password.empty()) {
            continue;  // the entry only sets limits: who it is, the file or the query says
        }
        options.users.push_back({.name = user.name, .method = method, .stored = user.password});
    }
    options.users_file = tree.auth.userlist_file;
    options.auth_query = tree.auth.query.query;
    options.mysql_auth_query = tree.auth.query.mysql_query;
    options.default_method = tree.auth.method;
    options.cache_time = tree.auth.cache_time;
    return options;
}

control::monitor_options monitor_options_of(const settings::tree& tree, const settings::cluster_settings& cluster)
{
    control::monitor_options options;
    options.cluster = cluster.name;
    for (const auto& node : cluster.nodes) {
        options.nodes.push_back({.host = node.where.host, .port = node.where.port, .role = role_of(node.role)});
    }
    options.probe_interval = cluster.monitor.probe_interval;
    options.probe_timeout = cluster.monitor.probe_timeout;
    options.failures_until_down = cluster.monitor.probe_failures;
    options.discovery = discovery_of(cluster.discovery);
    auto account = account_on(cluster);
    account.user = cluster.monitor.user;
    account.password = cluster.monitor.password;
    account.database = cluster.monitor.database;
    if (account.user.empty()) {
        for (const auto& user : tree.users) {
            const auto& password = settings::has_server_login(user) ? user.server_password : user.password;
            if (is_clear_text(password, cluster.engine)) {
                account.user = user.server_user.empty() ? user.name : user.server_user;
                account.password = password;
                break;
            }
        }
    }
    if (!account.user.empty()) {
        options.account = std::move(account);
    }
    return options;
}

std::optional<control::sampler_options> sampler_options_of(const control::monitor_options& monitor,
                                                           const settings::cluster_settings& cluster)
{
    if (!monitor.account) {
        return std::nullopt;
    }
    control::sampler_options options;
    options.account = *monitor.account;
    options.interval = cluster.split.position_interval;
    options.patience = monitor.probe_timeout;
    options.ask = cluster.engine == engine::mysql ? control::mysql_positions() : control::postgresql_positions();
    return options;
}

std::optional<control::sql_target> auth_query_target(const settings::tree& tree, const std::string& cluster)
{
    const auto* where = settings::find_cluster(tree, cluster);
    if (where == nullptr || settings::auth_query_for(tree, where->engine).empty()) {
        return std::nullopt;
    }
    auto target = account_on(*where);
    target.user = tree.auth.query.user;
    target.password = tree.auth.query.password;
    const settings::auth_query_settings usual;
    const bool is_usual = tree.auth.query.database.empty() || tree.auth.query.database == usual.database;
    const auto without = where->engine == engine::mysql ? std::string{} : usual.database;
    target.database = is_usual ? without : tree.auth.query.database;
    return target;
}

std::optional<control::sql_target> functions_target(const settings::tree& tree,
                                                    const std::string& cluster,
                                                    const std::string& database)
{
    const auto* where = settings::find_cluster(tree, cluster);
    if (where == nullptr) {
        return std::nullopt;
    }
    auto account = monitor_options_of(tree, *where).account;
    if (account) {
        account->database = database;
    }
    return account;
}

outcome<net::endpoint> listen_endpoint(const settings::address& where)
{
    auto host = where.host == "localhost" ? std::string{"127.0.0.1"}
                : where.host == "*"       ? std::string{"0.0.0.0"}
                                          : where.host;
    auto endpoint = net::numeric_endpoint(host, where.port);
    if (endpoint) {
        return *endpoint;
    }
    auto resolved = net::resolve(host, where.port);
    if (resolved && !resolved->empty()) {
        return resolved->front();
    }
    return client_error{error_kind::internal, "cannot listen on " + where.text() + ": no such address", {}};
}

}  // namespace penstock::app
