// SPDX-License-Identifier: Apache-2.0
//
// The list of tables and their columns; reports_rows.cpp fills them.
#include "admin/reports_tables.hpp"

#include "admin/reports_rows.hpp"

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

constexpr std::array stats_columns{column{"database"},
                                   column{"total_server_assignment_count", type::numeric},
                                   column{"total_xact_count", type::numeric},
                                   column{"total_query_count", type::numeric},
                                   column{"total_received", type::numeric},
                                   column{"total_sent", type::numeric},
                                   column{"total_xact_time", type::numeric},
                                   column{"total_query_time", type::numeric},
                                   column{"total_wait_time", type::numeric},
                                   column{"total_client_parse_count", type::numeric},
                                   column{"total_server_parse_count", type::numeric},
                                   column{"total_bind_count", type::numeric},
                                   column{"avg_server_assignment_count", type::numeric},
                                   column{"avg_xact_count", type::numeric},
                                   column{"avg_query_count", type::numeric},
                                   column{"avg_recv", type::numeric},
                                   column{"avg_sent", type::numeric},
                                   column{"avg_xact_time", type::numeric},
                                   column{"avg_query_time", type::numeric},
                                   column{"avg_wait_time", type::numeric},
                                   column{"avg_client_parse_count", type::numeric},
                                   column{"avg_server_parse_count", type::numeric},
                                   column{"avg_bind_count", type::numeric}};

constexpr std::array stats_totals_columns{column{"database"},
                                          column{"server_assignment_count", type::numeric},
                                          column{"xact_count", type::numeric},
                                          column{"query_count", type::numeric},
                                          column{"bytes_received", type::numeric},
                                          column{"bytes_sent", type::numeric},
                                          column{"xact_time", type::numeric},
                                          column{"query_time", type::numeric},
                                          column{"wait_time", type::numeric},
                                          column{"client_parse_count", type::numeric},
                                          column{"server_parse_count", type::numeric},
                                          column{"bind_count", type::numeric}};

constexpr std::array stats_averages_columns{column{"database"},
                                            column{"server_assignment_count", type::numeric},
                                            column{"xact_count", type::numeric},
                                            column{"query_count", type::numeric},
                                            column{"bytes_received", type::numeric},
                                            column{"bytes_sent", type::numeric},
                                            column{"xact_time", type::numeric},
                                            column{"query_time", type::numeric},
                                            column{"wait_time", type::numeric},
                                            column{"avg_client_parse_count", type::numeric},
                                            column{"avg_server_parse_count", type::numeric},
                                            column{"avg_bind_count", type::numeric}};

// CLIENTS and SERVERS have the same columns, and EXTENDED CLIENTS the last two besides.
constexpr std::array socket_columns{column{"type"},
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
                                    column{"id", type::int8},
                                    column{"pinned", type::int4},
                                    column{"pin_reason"}};
constexpr std::size_t own_socket_columns = 2;
constexpr std::span<const column> plain_socket_columns{socket_columns.data(),
                                                       socket_columns.size() - own_socket_columns};

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

constexpr std::array tables{
    table_kind{"VERSION", version_columns, rows_of_version},
    table_kind{"POOLS", pools_columns, rows_of_pools},
    table_kind{"STATS", stats_columns, rows_of_stats},
    table_kind{"STATS_TOTALS", stats_totals_columns, rows_of_stats_totals},
    table_kind{"STATS_AVERAGES", stats_averages_columns, rows_of_stats_averages},
    table_kind{"CLIENTS", plain_socket_columns, rows_of_clients, detail::everything},
    table_kind{"CLIENTS", socket_columns, rows_of_extended_clients, detail::everything, true},
    table_kind{"SERVERS", plain_socket_columns, rows_of_servers, detail::everything},
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
    return found;
}

std::span<const table_kind> all_tables()
{
    return tables;
}

}  // namespace penstock::admin
