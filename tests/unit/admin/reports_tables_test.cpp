// SPDX-License-Identifier: Apache-2.0
//
// The tables: PgBouncer's columns to the letter, and what stands in them.
#include "admin/reports_tables.hpp"

#include "snapshots.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace penstock::admin {
namespace {

std::string names_of(const table_kind& table)
{
    std::string names;
    for (const auto& each : table.columns) {
        names.append(names.empty() ? "" : " ").append(each.name);
    }
    return names;
}

/// Row `index` of a table by its columns' names.
std::map<std::string, cell, std::less<>> row_at(std::size_t index,
                                                std::string_view subject,
                                                const snapshot& from,
                                                bool extended = false)
{
    const auto& table = *find_table(subject, extended);
    const auto rows = table.rows(from);
    std::map<std::string, cell, std::less<>> out;
    for (std::size_t place = 0; place < table.columns.size(); ++place) {
        out[std::string{table.columns[place].name}] = rows.at(index).at(place);
    }
    return out;
}

TEST(AdminTables, ColumnsArePgBouncers)
{
    const std::string sockets =
        "type user database replication state addr port local_addr local_port connect_time request_time wait wait_us "
        "close_needed ptr link remote_pid tls application_name prepared_statements id";
    const std::string packets = " recv_pos pkt_pos pkt_remain send_pos send_remain pkt_avail send_avail";
    const std::map<std::string, std::string> contract{
        {"VERSION", "version"},
        {"POOLS",
         "database user cl_active cl_waiting cl_active_cancel_req cl_waiting_cancel_req sv_active sv_active_cancel "
         "sv_being_canceled sv_idle sv_used sv_tested sv_login maxwait maxwait_us pool_mode load_balance_hosts"},
        {"STATS",
         "database total_server_assignment_count total_xact_count total_query_count total_received total_sent "
         "total_xact_time total_query_time total_wait_time total_client_parse_count total_server_parse_count "
         "total_bind_count avg_server_assignment_count avg_xact_count avg_query_count avg_recv avg_sent avg_xact_time "
         "avg_query_time avg_wait_time avg_client_parse_count avg_server_parse_count avg_bind_count"},
        {"STATS_TOTALS",
         "database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time "
         "wait_time client_parse_count server_parse_count bind_count"},
        {"STATS_AVERAGES",
         "database server_assignment_count xact_count query_count bytes_received bytes_sent xact_time query_time "
         "wait_time avg_client_parse_count avg_server_parse_count avg_bind_count"},
        {"TOTALS", "name value"},
        {"CLIENTS", sockets},
        {"SERVERS", sockets},
        {"SOCKETS", sockets + packets},
        {"ACTIVE_SOCKETS", sockets + packets},
        {"PEERS", "peer_id host port pool_size"},
        {"PEER_POOLS", "peer_id cl_active_cancel_req cl_waiting_cancel_req sv_active_cancel sv_login"},
        {"STANDARD_CONFORMING_STRINGS", "standard_conforming_strings"},
        {"CONFIG", "key value default changeable"},
        {"DATABASES",
         "name host port database force_user pool_size min_pool_size reserve_pool_size server_lifetime pool_mode "
         "load_balance_hosts max_connections current_connections max_client_connections current_client_connections "
         "paused disabled"},
        {"USERS",
         "name pool_size reserve_pool_size pool_mode max_user_connections current_connections "
         "max_user_client_connections current_client_connections"},
        {"LISTS", "list items"},
        {"STATE", "key value"},
        {"MEM", "name size used free memtotal"},
        {"DNS_HOSTS", "hostname ttl addrs"},
        {"DNS_ZONES", "zonename serial count"}};
    for (const auto& [subject, columns] : contract) {
        const auto* table = find_table(subject, false);
        ASSERT_NE(table, nullptr) << subject;
        EXPECT_EQ(names_of(*table), columns) << subject;
    }
    EXPECT_EQ(names_of(*find_table("CLIENTS", true)), sockets + " pinned pin_reason");
    EXPECT_EQ(names_of(*find_table("POOLS", true)), contract.at("POOLS") + " paused");
}

TEST(AdminTables, WhatIsPausedOrDrainedIsShown)
{
    auto from = example_snapshot();
    EXPECT_EQ(row_at(0, "DATABASES", from)["paused"], "0");
    EXPECT_EQ(row_at(0, "POOLS", from, true)["paused"], "0");
    from.stops.pause("shop", {{"main", "shop_production"}});
    from.pools.front().paused = true;
    EXPECT_EQ(row_at(0, "DATABASES", from)["name"], "shop");
    EXPECT_EQ(row_at(0, "DATABASES", from)["paused"], "1");
    EXPECT_EQ(row_at(0, "POOLS", from, true)["paused"], "1");
    EXPECT_EQ(row_at(1, "POOLS", from, true)["paused"], "0") << "the console's own";
    EXPECT_EQ(row_at(1, "STATE", from)["value"], "no") << "one of them is, but not all";
    from.stops.pause_all();
    EXPECT_EQ(row_at(0, "STATE", from)["value"], "no");
    EXPECT_EQ(row_at(1, "STATE", from)["value"], "yes");
    auto view = std::make_shared<router::cluster_view>(*from.clusters.front());
    view->nodes.front().drained = true;
    from.clusters.front() = view;
    EXPECT_EQ(row_at(0, "NODES", from)["state"], "drained");
}

TEST(AdminTables, FiguresOfStatsAreNumeric)
{
    for (const auto* subject : {"STATS", "STATS_TOTALS", "STATS_AVERAGES"}) {
        const auto columns = find_table(subject, false)->columns;
        EXPECT_EQ(columns.front().type, column_type::text);
        EXPECT_TRUE(std::all_of(columns.begin() + 1, columns.end(), [](const column& each) {
            return each.type == column_type::numeric;
        })) << subject;
    }
}

TEST(AdminTables, EveryRowHasACellForEachColumn)
{
    const auto from = example_snapshot();
    for (const auto& table : all_tables()) {
        for (const auto& cells : table.rows(from)) {
            EXPECT_EQ(cells.size(), table.columns.size()) << table.subject;
        }
    }
}

TEST(AdminTables, ExtendedGivesThePlainTableWhereThereIsNoOther)
{
    EXPECT_EQ(find_table("STATS", true), find_table("STATS", false));
    EXPECT_EQ(find_table("NONSENSE", true), nullptr);
    EXPECT_EQ(find_table("pools", false), nullptr);
}

TEST(AdminTables, PoolsCountIdleClientsAsActive)
{
    auto row = row_at(0, "POOLS", example_snapshot());
    EXPECT_EQ(row["database"], "shop");
    EXPECT_EQ(row["user"], "app");
    EXPECT_EQ(row["cl_active"], "6");
    EXPECT_EQ(row["cl_waiting"], "2");
    EXPECT_EQ(row["sv_active"], "1");
    EXPECT_EQ(row["sv_idle"], "2");
    EXPECT_EQ(row["sv_login"], "1");
    EXPECT_EQ(row["maxwait"], "1");
    EXPECT_EQ(row["maxwait_us"], "500000");
    EXPECT_EQ(row["pool_mode"], "transaction");
    EXPECT_EQ(row["load_balance_hosts"], std::nullopt);
}

TEST(AdminTables, TheConsoleIsAPoolOfItsOwn)
{
    auto from = example_snapshot();
    from.console_clients = 3;
    auto row = row_at(1, "POOLS", from);
    EXPECT_EQ(row["database"], "pgbouncer");
    EXPECT_EQ(row["cl_active"], "3");
    EXPECT_EQ(row["sv_login"], "0");
    EXPECT_EQ(row["pool_mode"], "statement");
}

TEST(AdminTables, StatsAreSummedByDatabase)
{
    auto from = example_snapshot();
    from.pools.push_back(from.pools.front());
    from.pools.back().key.user = "other";
    EXPECT_EQ(find_table("STATS", false)->rows(from).size(), 1U);
    auto row = row_at(0, "STATS", from);
    EXPECT_EQ(row["database"], "shop");
    EXPECT_EQ(row["total_query_count"], "60");
    EXPECT_EQ(row["total_xact_count"], "40");
    EXPECT_EQ(row["total_query_time"], "10");
    EXPECT_EQ(row["avg_query_count"], "6");
}

TEST(AdminTables, AveragesOfADatabaseAreNotSumsOfAverages)
{
    auto from = example_snapshot();
    from.pools.front().last_period = {
        .before = {}, .after = {.transactions = 10, .queries = 10, .query_time = 1000}, .length = seconds{10}};
    from.pools.push_back(from.pools.front());
    auto& slow = from.pools.back().last_period.after;
    slow.queries = 30;
    slow.query_time = 15000;
    auto stats = row_at(0, "STATS", from);
    EXPECT_EQ(stats["avg_query_count"], "4");
    EXPECT_EQ(stats["avg_query_time"], "400") << "16000 us in 40 queries, not 100 + 500";
}

TEST(AdminTables, TotalsAreThoseOfAllDatabases)
{
    auto from = example_snapshot();
    from.pools.push_back(from.pools.front());
    from.pools.back().database = "other";
    const auto rows = find_table("TOTALS", false)->rows(from);
    ASSERT_EQ(rows.size(), 22U);
    EXPECT_EQ(rows.front(), (row{"total_server_assignment_count", "0"}));
    EXPECT_EQ(rows[2], (row{"total_query_count", "60"}));
    EXPECT_EQ(rows[13], (row{"avg_query_count", "6"}));
    EXPECT_EQ(rows.back(), (row{"avg_ps_bind_count", "0"}));
}

TEST(AdminTables, SocketsAreClientsAndThenServers)
{
    auto from = example_snapshot();
    EXPECT_EQ(row_at(0, "SOCKETS", from)["type"], "C");
    EXPECT_EQ(row_at(1, "SOCKETS", from)["type"], "S");
    EXPECT_EQ(find_table("ACTIVE_SOCKETS", false)->rows(from).size(), 2U);
    from.clients.front().what = proxy::session_report::state::idle;
    EXPECT_EQ(row_at(0, "ACTIVE_SOCKETS", from)["type"], "S");
    EXPECT_EQ(find_table("ACTIVE_SOCKETS", false)->rows(from).size(), 1U);
}

TEST(AdminTables, ServersTellWhatTheyHold)
{
    auto from = example_snapshot();
    from.servers.front().requested_at = wall_time{std::chrono::hours{24}};
    auto row = row_at(0, "SERVERS", from);
    EXPECT_EQ(row["request_time"], "1970-01-02 00:00:00 UTC");
    EXPECT_EQ(row["tls"], "TLSv1.3");
    EXPECT_EQ(row["application_name"], "till");
    EXPECT_EQ(row["prepared_statements"], "12");
}

TEST(AdminTables, ClientsAndServersPointAtEachOther)
{
    const auto from = example_snapshot();
    auto client = row_at(0, "CLIENTS", from);
    auto server = row_at(0, "SERVERS", from);
    EXPECT_EQ(client["link"], server["ptr"]);
    EXPECT_EQ(server["link"], client["ptr"]);
    EXPECT_NE(client["ptr"], server["ptr"]);
    EXPECT_EQ(server["remote_pid"], "4711");
    EXPECT_EQ(server["database"], "shop");
    EXPECT_EQ(server["state"], "active");
}

TEST(AdminTables, AddressesAreTakenApart)
{
    auto from = example_snapshot();
    auto row = row_at(0, "CLIENTS", from);
    EXPECT_EQ(row["addr"], "::1");
    EXPECT_EQ(row["port"], "40312");
    from.clients.front().client_address = "unix";
    row = row_at(0, "CLIENTS", from);
    EXPECT_EQ(row["addr"], "unix");
    EXPECT_EQ(row["port"], "0");
}

TEST(AdminTables, WhoHasNotLoggedInIsNoClientYet)
{
    auto from = example_snapshot();
    from.clients.front().what = proxy::session_report::state::login;
    EXPECT_TRUE(find_table("CLIENTS", false)->rows(from).empty());
    EXPECT_TRUE(find_table("CLIENTS", true)->rows(from).empty());
}

TEST(AdminTables, PinsStandInExtendedClientsOnly)
{
    auto row = row_at(0, "CLIENTS", example_snapshot(), true);
    EXPECT_EQ(row["pinned"], "1");
    EXPECT_EQ(row["pin_reason"], "listen");
}

TEST(AdminTables, ConfigHasPgBouncersNamesAndNoSecret)
{
    bool found = false;
    for (const auto& cells : find_table("CONFIG", false)->rows(example_snapshot())) {
        found = found || cells[0] == "max_client_conn";
        for (const auto& each : cells) {
            EXPECT_EQ(each.value_or("").find("correct horse"), std::string::npos);
        }
    }
    EXPECT_TRUE(found);
}

TEST(AdminTables, DatabasesSayWhereTheyAre)
{
    auto from = example_snapshot();
    auto row = row_at(0, "DATABASES", from);
    EXPECT_EQ(row["name"], "shop");
    EXPECT_EQ(row["host"], "db.internal");
    EXPECT_EQ(row["port"], "5432");
    EXPECT_EQ(row["database"], "shop_production");
    EXPECT_EQ(row["current_connections"], "4");
    EXPECT_EQ(row["current_client_connections"], "8");
    EXPECT_EQ(find_table("DATABASES", false)->rows(from).size(), 1U);
}

TEST(AdminTables, DatabasesThatNoEntryNamesStandByTheirOwnNames)
{
    auto from = example_snapshot();
    from.pools.push_back(from.pools.front());
    from.pools.back().database = "books";
    from.pools.back().key.database = "books";
    from.pools.back().held = 3;
    EXPECT_EQ(find_table("DATABASES", false)->rows(from).size(), 2U);
    auto row = row_at(1, "DATABASES", from);
    EXPECT_EQ(row["name"], "books");
    EXPECT_EQ(row["database"], "books");
    EXPECT_EQ(row["current_connections"], "3");
    EXPECT_EQ(row_at(0, "DATABASES", from)["current_connections"], "4");
}

TEST(AdminTables, ListsAreRows)
{
    const auto rows = find_table("LISTS", false)->rows(example_snapshot());
    ASSERT_EQ(rows.size(), 14U);
    EXPECT_EQ(rows[0], (row{"databases", "2"}));
    EXPECT_EQ(rows[6], (row{"used_clients", "8"}));
    EXPECT_EQ(rows[8], (row{"free_servers", "2"}));
    EXPECT_EQ(rows[9], (row{"used_servers", "2"}));
}

TEST(AdminTables, EachReasonOfAPinnedClientIsARow)
{
    auto from = example_snapshot();
    EXPECT_TRUE(find_table("PINS", false)->rows(from).empty());
    from.clients.back().pinned = {{pin_reason::listen, seconds{90}, "0123456789abcdef"},
                                  {pin_reason::load, seconds{5}, {}}};
    ASSERT_EQ(find_table("PINS", false)->rows(from).size(), 2U);
    auto row = row_at(0, "PINS", from);
    EXPECT_EQ(row["id"], "7");
    EXPECT_EQ(row["addr"], "::1");
    EXPECT_EQ(row["application_name"], "till");
    EXPECT_EQ(row["reason"], "listen");
    EXPECT_EQ(row["seconds"], "90");
    EXPECT_EQ(row["statement"], "0123456789abcdef");
    EXPECT_EQ(row_at(1, "PINS", from)["reason"], "load");
}

TEST(AdminTables, StatementsThatPinComeWithAdvice)
{
    auto from = example_snapshot();
    from.pin_statements.push_back(
        {.digest = "d1", .shape = "listen news", .reasons = pin_reason::listen, .count = 3, .user = "app"});
    auto row = row_at(0, "PIN_STATEMENTS", from);
    EXPECT_EQ(row["statement"], "d1");
    EXPECT_EQ(row["protocol"], "postgresql");
    EXPECT_EQ(row["pins"], "3");
    EXPECT_EQ(row["shape"], "listen news");
    EXPECT_NE(row["advice"].value().find("UNLISTEN"), std::string::npos);
}

TEST(AdminTables, RoutesThatWereTakenAreRows)
{
    auto from = example_snapshot();
    from.pools.back().totals.routes[0] = 4;
    auto row = row_at(0, "ROUTES", from);
    EXPECT_EQ(row["database"], "shop");
    EXPECT_EQ(row["requests"], "4");
    EXPECT_FALSE(row["reason"].value().empty());
}

TEST(AdminReports, APoolIsCalledAsItsClientsCallIt)
{
    const auto all = example_settings();
    EXPECT_EQ(client_name_of(all, {"main", "app", "shop_production"}), "shop");
    EXPECT_EQ(client_name_of(all, {"main", "app", "books"}), "books");
    EXPECT_EQ(client_name_of(all, {"other", "app", "shop_production"}), "shop_production");
}

}  // namespace
}  // namespace penstock::admin
