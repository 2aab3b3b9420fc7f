// SPDX-License-Identifier: Apache-2.0
//
// A snapshot with one pool, one client and one server connection, to be changed by each test.
#pragma once

#include "admin/reports.hpp"

#include <memory>
#include <utility>

namespace penstock::admin {

inline settings::tree example_settings()
{
    settings::tree all;
    settings::cluster_settings cluster;
    cluster.nodes.push_back({.where = {"db.internal", 5432}});
    all.clusters.push_back(std::move(cluster));
    settings::database_settings shop;
    shop.name = "shop";
    shop.server_database = "shop_production";
    all.databases = {shop, {}};
    settings::user_settings app;
    app.name = "app";
    app.password = secret{"correct horse"};
    all.users.push_back(std::move(app));
    return all;
}

inline snapshot example_snapshot()
{
    snapshot out;
    out.version = "1.2.3";
    out.settings = std::make_shared<const settings::tree>(example_settings());

    const pool::pool_key key{.cluster = "main", .user = "app", .database = "shop_production"};
    pool_report pool;
    pool.key = key;
    pool.database = "shop";
    pool.held = 4;
    pool.servers.active = 1;
    pool.servers.idle = 2;
    pool.servers.connecting = 1;
    pool.servers.oldest_wait = milliseconds{1500};
    pool.clients.active = 1;
    pool.clients.idle = 5;
    pool.clients.waiting = 2;
    pool.totals.queries = 30;
    pool.totals.transactions = 20;
    pool.totals.query_time.add(5);
    pool.last_period = {.before = {}, .after = {.queries = 3}, .length = seconds{1}};
    out.pools.push_back(std::move(pool));

    client_report client;
    client.id = 7;
    client.user = "app";
    client.database = "shop";
    client.application_name = "till";
    client.client_address = "[::1]:40312";
    client.local_address = "127.0.0.1:6432";
    client.what = proxy::session_report::state::active;
    client.server_id = 9;
    client.pins = pin_reason::listen;
    client.in_pool = key;
    out.clients.push_back(std::move(client));

    server_report server;
    server.id = 9;
    server.pool = key;
    server.address = "10.0.0.5:5432";
    server.local_address = "10.0.0.1:50000";
    server.use = pool::slot_use::active;
    server.lent_to = 7;
    server.backend_pid = 4711;
    server.tls = "TLSv1.3";
    server.application_name = "till";
    server.prepared_statements = 12;
    out.servers.push_back(std::move(server));

    out.all_clients = out.pools.front().clients;
    out.all_clients.pinned[static_cast<std::size_t>(pin_reason::listen)] = 1;

    auto view = std::make_shared<router::cluster_view>();
    view->cluster = "main";
    router::node node;
    node.host = "db.internal";
    node.role = router::node_role::primary;
    view->nodes.push_back(node);
    view->primary_index = 0;
    out.clusters.push_back(std::move(view));
    return out;
}

}  // namespace penstock::admin
