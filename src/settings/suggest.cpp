// SPDX-License-Identifier: Apache-2.0
#include "settings/suggest.hpp"

#include "settings/describe.hpp"
#include "settings/settings.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace penstock::settings {

namespace {

struct foreign_name {
    std::string_view theirs;
    std::string_view ours;
};

/// PgBouncer's names of what is called differently here; docs/configuration.md has the same in its tables.
constexpr auto foreign_names = std::to_array<foreign_name>({
    {"listen_addr", "listen.postgresql"},
    {"listen_port", "listen.postgresql"},
    {"unix_socket_dir", "listen.postgresql"},
    {"max_client_conn", "clients.max_client_connections"},
    {"client_idle_timeout", "clients.idle_client_timeout"},
    {"max_prepared_statements", "clients.server_statement_limit"},
    {"default_pool_size", "pool.pool_size"},
    {"query_wait_timeout", "pool.connection_borrow_timeout"},
    {"connect_query", "pool.init_query"},
    {"server_login_retry", "pool.server_retry_longest"},
    {"max_db_connections", "cluster.max_connections_per_node"},
    {"auth_type", "auth.auth_method"},
    {"auth_user", "auth.auth_query_user"},
    {"auth_dbname", "auth.auth_query_database"},
    {"client_tls_sslmode", "tls.require_tls"},
    {"client_tls_cert_file", "tls.certificate"},
    {"client_tls_key_file", "tls.key"},
    {"client_tls_ca_file", "tls.client_ca"},
    {"server_tls_sslmode", "cluster.sslmode"},
    {"server_tls_ca_file", "cluster.sslrootcert"},
    {"server_tls_cert_file", "cluster.sslcert"},
    {"server_tls_key_file", "cluster.sslkey"},
    {"host", "cluster.nodes"},
    {"port", "cluster.nodes"},
    {"dbname", "database.server_database"},
    {"max_user_client_conn", "clients.max_user_client_connections"},
});

/// How many single changes (one octet other, more, fewer, or two swapped) lie between two words.
std::size_t distance(std::string_view from, std::string_view to)
{
    std::vector<std::size_t> before(to.size() + 1);
    std::vector<std::size_t> above(to.size() + 1);
    std::vector<std::size_t> row(to.size() + 1);
    std::iota(above.begin(), above.end(), std::size_t{0});
    for (std::size_t i = 1; i <= from.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (from[i - 1] == to[j - 1] ? 0U : 1U)});
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before.swap(above);
        above.swap(row);
    }
    return above[to.size()];
}

/// "[clients] idle_client_timeout" for "clients.idle_client_timeout".
std::string placed(std::string_view whole)
{
    const auto dot = whole.rfind('.');
    if (dot == std::string_view::npos) {
        return std::string{whole} + " at the top of the file";
    }
    const auto table = whole.substr(0, dot);
    const bool is_list = table == "cluster" || table == "database" || table == "user";
    return std::string{is_list ? "[[" : "["}.append(table).append(is_list ? "]] " : "] ").append(whole.substr(dot + 1));
}

std::string found_elsewhere(std::string_view key)
{
    for (const auto& whole : known_keys()) {
        if (whole.substr(whole.rfind('.') + 1) == key) {
            return placed(whole);
        }
    }
    return {};
}

}  // namespace

std::string_view closest(std::string_view written, std::span<const std::string_view> candidates)
{
    constexpr std::size_t longest_word = 64;
    std::string_view best;
    auto best_distance = std::min<std::size_t>(written.size() / 3, 3) + 1;
    for (const auto candidate : candidates) {
        const auto apart = written.size() > longest_word ? best_distance : distance(written, candidate);
        if (apart < best_distance) {
            best_distance = apart;
            best = candidate;
        }
    }
    return best;
}

std::string remedy_for_unknown(std::string_view key, std::string_view path, std::span<const std::string_view> known)
{
    const auto table = without_indices(path);
    for (const auto& [theirs, ours] : foreign_names) {
        if (theirs == key) {
            return "PgBouncer's " + std::string{theirs} + " is " + placed(ours) + " here";
        }
    }
    if (const auto close = closest(key, known); !close.empty()) {
        return "did you mean \"" + std::string{close} + "\"?";
    }
    if (const auto place = found_elsewhere(key); !place.empty()) {
        return "it belongs elsewhere: " + place;
    }
    return "remove it; docs/configuration.md lists all keys";
}

std::string without_indices(std::string_view path)
{
    std::string out;
    bool inside = false;
    for (const char octet : path) {
        inside = octet == '[' || (inside && octet != ']');
        if (!inside && octet != ']') {
            out += octet;
        }
    }
    return out;
}

const std::vector<std::string>& known_keys()
{
    static const auto keys = [] {
        tree one_of_each;
        one_of_each.clusters.emplace_back();
        one_of_each.databases.emplace_back();
        one_of_each.users.emplace_back();
        one_of_each.rules.emplace_back();
        std::vector<std::string> out;
        for (const auto& line : describe(one_of_each)) {
            out.push_back(without_indices(line.key));
        }
        return out;
    }();
    return keys;
}

}  // namespace penstock::settings
