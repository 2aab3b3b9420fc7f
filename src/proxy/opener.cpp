// SPDX-License-Identifier: Apache-2.0
#include "proxy/opener.hpp"

#include "protocols/mysql/protocol.hpp"
#include "protocols/postgresql/protocol.hpp"
#include "proxy/login.hpp"
#include "proxy/worker.hpp"
#include "settings/lookup.hpp"
#include "telemetry/log.hpp"

namespace penstock::proxy {

namespace {

template <class C>
pool::open_result<C> failed(error_kind kind, std::string detail, bool definitive = false, std::string sqlstate = {})
{
    pool::open_result<C> result;
    result.failure.error = {kind, std::move(detail), std::move(sqlstate)};
    result.failure.definitive = definitive;
    return result;
}

const router::node* find_node(const router::cluster_view& view, const std::string& wanted)
{
    for (const auto& each : view.nodes) {
        if (each.host + ":" + std::to_string(each.port) == wanted) {
            return &each;
        }
    }
    return nullptr;
}

const router::node* pick(const router::cluster_view& view, const std::string& wanted)
{
    const auto* found = find_node(view, wanted);
    return found == nullptr ? view.primary() : found;
}

/// What a server says that wants TLS: that nobody may log in in this way.
bool is_refusal(const client_error& error)
{
    return error.sqlstate.starts_with("28");
}

/// A refusal that will be repeated however often it is asked: wrong password, no such role or database, no entry in
/// pg_hba; of MySQL, an unknown schema or one that the account may not use (class 42).
bool is_definitive(const client_error& error)
{
    return error.sqlstate.starts_with("28") || error.sqlstate.starts_with("42") || error.sqlstate == "3D000" ||
           error.sqlstate == "0A000";
}

}  // namespace

template <protocol P>
task<pool::open_result<server_connection<P>>> server_opener<P>::open(net::driver& on,
                                                                     std::string node,
                                                                     time_point deadline)
{
    const auto view = process_.view_of(record_->key.cluster);
    if (!record_->key.node.empty()) {
        co_return co_await open_on_replica(on, view, deadline);
    }
    if (!view || view->primary() == nullptr) {
        co_return failed<server_connection<P>>(error_kind::server_unavailable,
                                               "cluster \"" + record_->key.cluster + "\" has no primary" +
                                                   (view && !view->reason.empty() ? ": " + view->reason : ""));
    }
    co_return co_await open_at(on, *pick(*view, node), deadline);
}

/// Whoever waits here can be served elsewhere, so any failure is told at once.
template <protocol P>
task<pool::open_result<server_connection<P>>> server_opener<P>::open_on_replica(net::driver& on,
                                                                                router::cluster_view_ptr view,
                                                                                time_point deadline)
{
    const auto* where = view ? find_node(*view, record_->key.node) : nullptr;
    if (where == nullptr || where->role != router::node_role::replica || !where->is_up()) {
        co_return failed<server_connection<P>>(
            error_kind::server_unavailable, "server " + record_->key.node + " is no replica that answers", true);
    }
    auto result = co_await open_at(on, *where, deadline);
    result.failure.definitive = true;
    if (result.connection) {  // the server may have started anew since it was asked how far it is
        process_.board_of(record_->key.cluster)->set(where->id.value, {});
    }
    co_return std::move(result);
}

template <protocol P>
task<pool::open_result<server_connection<P>>> server_opener<P>::open_at(net::driver& on,
                                                                        const router::node& at,
                                                                        time_point deadline)
{
    const auto* where = &at;
    server_place place{.node = where->host + ":" + std::to_string(where->port),
                       .host = where->host,
                       .address = {},
                       .address_text = {}};
    if (where->endpoints.empty()) {
        co_return failed<server_connection<P>>(error_kind::server_unavailable,
                                               "the host name of server " + place.node + " cannot be resolved");
    }
    auto account = record_->account();
    if (const auto configuration = process_.current();
        const auto* cluster = settings::find_cluster(*configuration->settings, record_->key.cluster)) {
        account.compression = cluster->compression;
    }
    const bool may_encrypt = account.tls == server_account::tls_mode::allow;
    if (may_encrypt) {
        account.tls = server_account::tls_mode::disable;
    }
    auto result = co_await connect(on, *where, place, account, deadline);
    if (may_encrypt && is_refusal(result.failure.error)) {
        account.tls = server_account::tls_mode::require;
        result = co_await connect(on, *where, std::move(place), std::move(account), deadline);
    }
    co_return std::move(result);
}

/// Tries the node's addresses in turn, with this account.
template <protocol P>
task<pool::open_result<server_connection<P>>> server_opener<P>::connect(
    net::driver& on, const router::node& where, server_place place, server_account account, time_point deadline)
{
    std::string fault;
    for (const auto& endpoint : where.endpoints) {
        auto wire = co_await net::connect(on, endpoint, deadline);
        if (wire) {
            place.address = endpoint;
            account.over_local_socket = endpoint.is_local();
            place.address_text = endpoint.text();
            auto result =
                co_await log_in(on, std::move(*wire), std::move(place), std::move(account), where.host, deadline);
            result.failure.connected = true;
            co_return std::move(result);
        }
        fault = wire.error().message();
    }
    process_.suspect(record_->key.cluster, place.node);
    co_return failed<server_connection<P>>(error_kind::server_unavailable,
                                           "cannot connect to server " + place.node + ": " + fault);
}

template <protocol P>
task<pool::open_result<server_connection<P>>> server_opener<P>::log_in(net::driver& on,
                                                                       std::unique_ptr<net::stream> wire,
                                                                       server_place place,
                                                                       server_account account,
                                                                       std::string host,
                                                                       time_point deadline)
{
    const auto configuration = process_.current();
    login_surroundings with;
    if (const auto tls = configuration->server_tls.find(record_->key.cluster); tls != configuration->server_tls.end()) {
        with.tls = tls->second;
    }
    with.role = net::tls_role::client;
    with.host_name = host;
    net::event told{on};
    wire->subscribe(&told);
    dialogue line;
    const bool wants_compression = account.compression != wire_compression::off;
    auto talk = P::server_login(line, std::move(account));
    const auto end = co_await drive(on, *wire, told, line, talk, std::move(with), deadline);
    wire->subscribe(nullptr);
    auto identity = talk.take();
    if (end == drive_end::timed_out) {
        co_return failed<server_connection<P>>(error_kind::server_unavailable,
                                               "server " + place.node + " did not finish our login in time");
    }
    if (!identity) {
        auto error = identity.error();
        const bool definitive = is_definitive(error);
        const auto fault = wire->fault();
        error.detail = "server " + place.node + ": " + error.detail + (fault.empty() ? "" : " (" + fault + ")");
        auto refused = failed<server_connection<P>>(error.kind, error.detail, definitive, error.sqlstate);
        refused.failure.error.number = error.number;
        co_return std::move(refused);
    }
    process_.note_greeting(engine_of_protocol<P>, place.node, identity->greeting);
    if (auto layer = P::layer_for(*identity)) {
        wire->start_layer(std::move(layer), line.take_leftover());
    } else if (wants_compression) {
        log::warning("server offers no such compression, so there is none", {{"server", place.node}});
    }
    opened result;
    result.connection = std::make_unique<server_connection<P>>(on,
                                                               std::move(wire),
                                                               std::move(*identity),
                                                               std::move(place),
                                                               configuration->settings->clients.server_statement_limit);
    if (auto first = record_->init_query(); !first.empty()) {
        const bool ran = co_await result.connection->run(std::move(first), deadline);
        if (!ran) {
            const auto why = result.connection->half().last_error().detail;
            co_await result.connection->close();
            co_return failed<server_connection<P>>(error_kind::server_login_failed, "init_query failed: " + why, true);
        }
    }
    co_return result;
}

template class server_opener<postgresql::protocol>;
template class server_opener<mysql::protocol>;

}  // namespace penstock::proxy
