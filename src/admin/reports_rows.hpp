// SPDX-License-Identifier: Apache-2.0
//
// The rows of each table, in the order of its columns (reports_tables.cpp).
#pragma once

#include "admin/reports_tables.hpp"

#include <vector>

namespace penstock::admin {

std::vector<row> rows_of_version(const snapshot& from);
std::vector<row> rows_of_pools(const snapshot& from);
std::vector<row> rows_of_extended_pools(const snapshot& from);
std::vector<row> rows_of_stats(const snapshot& from);
std::vector<row> rows_of_stats_totals(const snapshot& from);
std::vector<row> rows_of_stats_averages(const snapshot& from);
std::vector<row> rows_of_clients(const snapshot& from);
std::vector<row> rows_of_extended_clients(const snapshot& from);
std::vector<row> rows_of_servers(const snapshot& from);
std::vector<row> rows_of_totals(const snapshot& from);
std::vector<row> rows_of_sockets(const snapshot& from);
std::vector<row> rows_of_active_sockets(const snapshot& from);
std::vector<row> rows_of_config(const snapshot& from);
std::vector<row> rows_of_databases(const snapshot& from);
std::vector<row> rows_of_users(const snapshot& from);
std::vector<row> rows_of_lists(const snapshot& from);
std::vector<row> rows_of_state(const snapshot& from);
std::vector<row> rows_of_mem(const snapshot& from);
std::vector<row> rows_of_nodes(const snapshot& from);
std::vector<row> rows_of_latency(const snapshot& from);
std::vector<row> rows_of_pins(const snapshot& from);
std::vector<row> rows_of_pin_statements(const snapshot& from);
std::vector<row> rows_of_routes(const snapshot& from);
std::vector<row> no_rows(const snapshot& from);

}  // namespace penstock::admin
