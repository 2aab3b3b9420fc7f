// SPDX-License-Identifier: Apache-2.0
//
// The lists of figures: for each field of pool_figures and process_figures its metric name and its help text, once.
//
// Names follow RDS Proxy's CloudWatch metrics where it has one (ClientConnectionsReceived, QueryRequests, ...), then
// PgBouncer's SHOW STATS. All begin with "penstock_".
#pragma once

#include "telemetry/counters.hpp"

#include <array>
#include <string_view>

namespace penstock::telemetry {

template <class Figures, class Number>
struct figure {
    std::string_view name;
    std::string_view help;
    Number Figures::*field;
};

/// The plain counters of a pool; pins, discards, retries, times and the gauge pinned_now are not among them.
template <class Number, class Times>
constexpr auto pool_figure_list()
{
    using figures = pool_figures<Number, Times>;
    return std::to_array<figure<figures, Number>>({
        {"penstock_client_logins_total", "Clients that logged in for this pool", &figures::client_logins},
        {"penstock_client_disconnects_total", "Logged-in clients that left", &figures::client_disconnects},
        {"penstock_query_requests_total", "Simple queries and Syncs answered", &figures::queries},
        {"penstock_transactions_total", "Transactions ended", &figures::transactions},
        {"penstock_client_received_bytes_total", "Octets from clients", &figures::client_bytes_received},
        {"penstock_client_sent_bytes_total", "Octets to clients", &figures::client_bytes_sent},
        {"penstock_server_received_bytes_total", "Octets from servers", &figures::server_bytes_received},
        {"penstock_server_sent_bytes_total", "Octets to servers", &figures::server_bytes_sent},
        {"penstock_database_connections_borrowed_total", "Server connections lent to clients", &figures::assignments},
        {"penstock_database_connection_waits_total", "Loans that had to wait", &figures::waits},
        {"penstock_database_connection_borrow_timeouts_total",
         "Loans given up after connection_borrow_timeout",
         &figures::borrow_timeouts},
        {"penstock_database_connections_setup_succeeded_total",
         "Server connections opened and logged in",
         &figures::server_connects},
        {"penstock_database_connections_setup_failed_total",
         "Server connections that could not be opened",
         &figures::server_connect_failures},
        {"penstock_database_logins_failed_total", "Logins that servers refused", &figures::server_login_failures},
        {"penstock_client_parses_total", "Parse messages from clients", &figures::client_parses},
        {"penstock_server_parses_total", "Parse messages to servers", &figures::server_parses},
        {"penstock_binds_total", "Bind messages from clients", &figures::binds},
        {"penstock_statements_reprepared_total",
         "Statements prepared again because the session's server did not have them",
         &figures::statements_reprepared},
        {"penstock_statements_evicted_total",
         "Statements closed on a server for server_statement_limit",
         &figures::statements_evicted},
        {"penstock_statements_healed_total",
         "Stale plans prepared again without the client noticing",
         &figures::statements_healed},
        {"penstock_catch_ups_total", "Times session parameters were carried to a server", &figures::catch_ups},
        {"penstock_resets_total", "Clean-ups of returned server connections", &figures::resets},
        {"penstock_cancels_total", "Cancel requests passed on to servers", &figures::cancels},
        {"penstock_wrong_hints_total", "Comments about routes that were not understood", &figures::wrong_hints},
    });
}

template <class Number>
constexpr auto process_figure_list()
{
    using figures = process_figures<Number>;
    return std::to_array<figure<figures, Number>>({
        {"penstock_client_connections_received_total", "Client connections accepted", &figures::clients_accepted},
        {"penstock_client_connections_closed_total", "Client connections closed", &figures::clients_closed},
        {"penstock_client_connections_tls_total", "Client connections that took up TLS", &figures::clients_with_tls},
        {"penstock_client_connections_setup_succeeded_total", "Clients that logged in", &figures::logins},
        {"penstock_cancel_requests_total", "Cancel requests received", &figures::cancel_requests},
        {"penstock_cancel_requests_unmatched_total",
         "Cancel requests whose key belongs to no session",
         &figures::cancel_requests_unmatched},
        {"penstock_out_of_descriptors_total",
         "Times accepting paused for want of file descriptors",
         &figures::out_of_descriptors},
    });
}

}  // namespace penstock::telemetry
