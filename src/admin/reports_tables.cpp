// SPDX-License-Identifier: Apache-2.0
//
// The list of tables and their columns; reports_rows.cpp fills them.
#include "admin/reports_tables.hpp"

#include "admin/reports_rows.hpp"

#include <algorithm>
#include <array>

namespace penstock::admin {

namespace {

using type = column_type;

constexpr std::array version_columns{column{"version"}};

constexpr std::array pools_columns{column{"database"},
                                   column{"user"},
                                   column{"cl_active", type::int4},
                                   column{"cl_waiting", type::int4},
                                   column{"cl_active_cancel_req", type::int4},
                                   column{"cl_waiting_cancel_req", type::int4},
                                   column{"sv_active", type::int4},
                                   column{"sv_active_cancel", type::int4},
                                   column{"sv_being_canceled", type::int4},
                                   column{"sv_idle", type::int4},
                                   column{"sv_used", type::int4},
                                   column{"sv_tested", type::int4},
                                   column{"sv_login", type::int4},
                                   column{"maxwait", type::int4},
                                   column{"maxwait_us", type::int4},
                                   column{"pool_mode"},
                                   column{"load_balance_hosts"}};

constexpr column figure(std::string_view name)
{
    return {name, type::numeric};
}

/// A table of traffic: the database, then its figures.
template <class... Names>
constexpr auto by_database(Names... names)
{
    return std::array{column{"database"}, figure(names)...};
}

constexpr auto stats_columns = by_database("total_server_assignment_count",
                                           "total_xact_count",
                                           "total_query_count",
                                           "total_received",
                                           "total_sent",
                                           "total_xact_time",
                                           "total_query_time",
                                           "total_wait_time",
                                           "total_client_parse_count",
                                           "total_server_parse_count",
                                           "total_bind_count",
                                           "avg_server_assignment_count",
                                           "avg_xact_count",
                                           "avg_query_count",
                                           "avg_recv",
                                           "avg_sent",
                                           "avg_xact_time",
                                           "avg_query_time",
                                           "avg_wait_time",
                                           "avg_client_parse_count",
                                           "avg_server_parse_count",
                                           "avg_bind_count");

// STATS_TOTALS and STATS_AVERAGES differ in the names of the last three only.
template <class... Names>
constexpr auto short_stats(Names... last_three)
{
    return by_database("server_assignment_count",
                       "xact_count",
                       "query_count",
                       "bytes_received",
                       "bytes_sent",
                       "xact_time",
                       "query_time",
                       "wait_time",
                       last_three...);
}

constexpr auto stats_totals_columns = short_stats("client_parse_count", "server_parse_count", "bind_count");
constexpr auto stats_averages_columns =
    short_stats("avg_client_parse_count", "avg_server_parse_count", "avg_bind_count");
constexpr std::array totals_columns{column{"name"}, column{"value", type::numeric}};

// CLIENTS and SERVERS have these columns; SOCKETS and EXTENDED CLIENTS have more at the right end.
constexpr std::array plain_socket_columns{column{"type"},
                                          column{"user"},
                                          column{"database"},
                                          column{"replication"},
                                          column{"state"},
                                          column{"addr"},
                                          column{"port", type::int4},
                                          column{"local_addr"},
                                          column{"local_port", type::int4},
                                          column{"connect_time"},
                                          column{"request_time"},
                                          column{"wait", type::int4},
                                          column{"wait_us", type::int4},
                                          column{"close_needed", type::int4},
                                          column{"ptr"},
                                          column{"link"},
                                          column{"remote_pid", type::int4},
                                          column{"tls"},
                                          column{"application_name"},
                                          column{"prepared_statements", type::int4},
                                          column{"id", type::int8}};

template <std::size_t Size, class... Columns>
constexpr auto with_more(const std::array<column, Size>& first, Columns... more)
{
    std::array<column, Size + sizeof...(more)> all{};
    std::copy(first.begin(), first.end(), all.begin());
    const std::array last{more...};
    std::copy(last.begin(), last.end(), all.begin() + Size);
    return all;
}

constexpr auto extended_pools_columns = with_more(pools_columns, column{"paused", type::int4});
constexpr auto extended_client_columns =
    with_more(plain_socket_columns, column{"pinned", type::int4}, column{"pin_reason"});
constexpr auto socket_columns = with_more(plain_socket_columns,
                                          column{"recv_pos", type::int4},
                                          column{"pkt_pos", type::int4},
                                          column{"pkt_remain", type::int4},
                                          column{"send_pos", type::int4},
                                          column{"send_remain", type::int4},
                                          column{"pkt_avail", type::int4},
                                          column{"send_avail", type::int4});

constexpr std::array config_columns{column{"key"}, column{"value"}, column{"default"}, column{"changeable"}};

constexpr std::array databases_columns{column{"name"},
                                       column{"host"},
                                       column{"port", type::int4},
                                       column{"database"},
                                       column{"force_user"},
                                       column{"pool_size", type::int4},
                                       column{"min_pool_size", type::int4},
                                       column{"reserve_pool_size", type::int4},
                                       column{"server_lifetime", type::int4},
                                       column{"pool_mode"},
                                       column{"load_balance_hosts"},
                                       column{"max_connections", type::int4},
                                       column{"current_connections", type::int4},
                                       column{"max_client_connections", type::int4},
                                       column{"current_client_connections", type::int4},
                                       column{"paused", type::int4},
                                       column{"disabled", type::int4}};

constexpr std::array users_columns{column{"name"},
                                   column{"pool_size", type::int4},
                                   column{"reserve_pool_size", type::int4},
                                   column{"pool_mode"},
                                   column{"max_user_connections", type::int4},
                                   column{"current_connections", type::int4},
                                   column{"max_user_client_connections", type::int4},
                                   column{"current_client_connections", type::int4}};

constexpr std::array lists_columns{column{"list"}, column{"items", type::int4}};
constexpr std::array state_columns{column{"key"}, column{"value"}};
constexpr std::array mem_columns{column{"name"},
                                 column{"size", type::int4},
                                 column{"used", type::int4},
                                 column{"free", type::int4},
                                 column{"memtotal", type::int8}};
constexpr std::array dns_hosts_columns{column{"hostname"}, column{"ttl", type::int8}, column{"addrs"}};
constexpr std::array dns_zones_columns{column{"zonename"}, column{"serial", type::int8}, column{"count", type::int4}};

constexpr std::array peers_columns{
    column{"peer_id", type::int4}, column{"host"}, column{"port", type::int4}, column{"pool_size", type::int4}};
constexpr std::array peer_pools_columns{column{"peer_id", type::int4},
                                        column{"cl_active_cancel_req", type::int4},
                                        column{"cl_waiting_cancel_req", type::int4},
                                        column{"sv_active_cancel", type::int4},
                                        column{"sv_login", type::int4}};

constexpr std::array nodes_columns{column{"cluster"},
                                   column{"node"},
                                   column{"role"},
                                   column{"state"},
                                   column{"server_version", type::int4},
                                   column{"max_connections", type::int4},
                                   column{"reason"}};

constexpr std::array latency_columns{column{"database"},
                                     column{"user"},
                                     column{"what"},
                                     column{"count", type::int8},
                                     column{"p50_us", type::int8},
                                     column{"p95_us", type::int8},
                                     column{"p99_us", type::int8},
                                     column{"max_us", type::int8}};

constexpr std::array pins_columns{column{"id", type::int8},
                                  column{"user"},
                                  column{"database"},
                                  column{"addr"},
                                  column{"port", type::int4},
                                  column{"application_name"},
                                  column{"reason"},
                                  column{"since"},
                                  column{"seconds", type::int8},
                                  column{"statement"}};
constexpr std::array pin_statements_columns{column{"statement"},
                                            column{"protocol"},
                                            column{"reason"},
                                            column{"pins", type::int8},
                                            column{"inherited", type::int8},
                                            column{"user"},
                                            column{"database"},
                                            column{"application_name"},
                                            column{"shape"},
                                            column{"advice"}};
constexpr std::array routes_columns{
    column{"database"}, column{"user"}, column{"route"}, column{"reason"}, column{"requests", type::int8}};

constexpr std::array tables{
    table_kind{"VERSION", version_columns, rows_of_version},
    table_kind{"POOLS", pools_columns, rows_of_pools},
    table_kind{"POOLS", extended_pools_columns, rows_of_extended_pools, detail::counts, true},
    table_kind{"STATS", stats_columns, rows_of_stats},
    table_kind{"STATS_TOTALS", stats_totals_columns, rows_of_stats_totals},
    table_kind{"STATS_AVERAGES", stats_averages_columns, rows_of_stats_averages},
    table_kind{"TOTALS", totals_columns, rows_of_totals},
    table_kind{"CLIENTS", plain_socket_columns, rows_of_clients, detail::everything},
    table_kind{"CLIENTS", extended_client_columns, rows_of_extended_clients, detail::everything, true},
    table_kind{"SERVERS", plain_socket_columns, rows_of_servers, detail::everything},
    table_kind{"SOCKETS", socket_columns, rows_of_sockets, detail::everything},
    table_kind{"ACTIVE_SOCKETS", socket_columns, rows_of_active_sockets, detail::everything},
    table_kind{"PEERS", peers_columns, no_rows},
    table_kind{"PEER_POOLS", peer_pools_columns, no_rows},
    table_kind{"CONFIG", config_columns, rows_of_config},
    table_kind{"DATABASES", databases_columns, rows_of_databases},
    table_kind{"USERS", users_columns, rows_of_users, detail::everything},
    table_kind{"LISTS", lists_columns, rows_of_lists, detail::everything},
    table_kind{"STATE", state_columns, rows_of_state},
    table_kind{"MEM", mem_columns, rows_of_mem, detail::everything},
    table_kind{"DNS_HOSTS", dns_hosts_columns, no_rows},
    table_kind{"DNS_ZONES", dns_zones_columns, no_rows},
    table_kind{"NODES", nodes_columns, rows_of_nodes},
    table_kind{"LATENCY", latency_columns, rows_of_latency},
    table_kind{"PINS", pins_columns, rows_of_pins, detail::everything},
    table_kind{"PIN_STATEMENTS", pin_statements_columns, rows_of_pin_statements, detail::everything},
    table_kind{"ROUTES", routes_columns, rows_of_routes},
};

// Parameters that drivers ask for by themselves, with the values that the console greets with.
template <const char* const* Value>
std::vector<row> one_value(const snapshot&)
{
    return {{*Value}};
}
constexpr const char* utf8 = "UTF8";
constexpr const char* read_committed = "read committed";
constexpr const char* on = "on";
constexpr const char* iso = "ISO, MDY";
constexpr const char* utc = "UTC";
constexpr std::array client_encoding_columns{column{"client_encoding"}};
constexpr std::array isolation_columns{column{"default_transaction_isolation"}};
constexpr std::array conforming_columns{column{"standard_conforming_strings"}};
constexpr std::array date_style_columns{column{"DateStyle"}};
constexpr std::array time_zone_columns{column{"TimeZone"}};
constexpr std::array parameters{
    table_kind{"CLIENT_ENCODING", client_encoding_columns, one_value<&utf8>},
    table_kind{"DEFAULT_TRANSACTION_ISOLATION", isolation_columns, one_value<&read_committed>},
    table_kind{"STANDARD_CONFORMING_STRINGS", conforming_columns, one_value<&on>},
    table_kind{"DATESTYLE", date_style_columns, one_value<&iso>},
    table_kind{"TIMEZONE", time_zone_columns, one_value<&utc>},
};

}  // namespace

const table_kind* find_table(std::string_view subject, bool extended)
{
    const table_kind* found = nullptr;
    for (const auto& each : tables) {
        if (each.subject == subject && (extended || !each.only_extended)) {
            found = &each;  // the extended one stands behind the plain one
        }
    }
    for (const auto& each : parameters) {
        found = each.subject == subject ? &each : found;
    }
    return found;
}

std::span<const table_kind> all_tables()
{
    return tables;
}

}  // namespace penstock::admin
