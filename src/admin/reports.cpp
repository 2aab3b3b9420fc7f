// SPDX-License-Identifier: Apache-2.0
#include "admin/reports.hpp"

#include "proxy/worker.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

namespace penstock::admin {

namespace {

/// What one worker contributes.
struct part {
    struct of_pool {
        std::shared_ptr<proxy::pool_record> record;
        pool::shard_stats servers;
        client_counts clients;
    };
    std::map<const proxy::pool_record*, of_pool> pools{};
    std::vector<client_report> clients{};
    std::vector<server_report> servers{};
    std::vector<proxy::pin_statement> pin_statements{};
    client_counts all_clients{};
    std::uint32_t console_clients = 0;
};

void collect_clients(const proxy::worker& from, time_point now, detail how, part& into)
{
    from.for_each_session([&](const proxy::session_base& each) {
        client_report one{each.describe(now, how == detail::everything), {}};
        into.all_clients.add(one);
        into.console_clients += one.on_console ? 1 : 0;
        if (const auto pool = into.pools.find(one.pool); pool != into.pools.end()) {
            pool->second.clients.add(one);
            one.in_pool = one.pool->key;
        }
        if (how == detail::everything) {
            into.clients.push_back(std::move(one));
        }
    });
}

template <class Side>
void collect_pools(const Side& side, time_point now, detail how, part& into)
{
    const auto today = std::chrono::system_clock::now();
    for (const auto& [key, pool] : side.pools) {
        into.pools[pool->record.get()] = {pool->record, pool->shard->stats(), {}};
        if (how != detail::everything) {
            continue;
        }
        pool->shard->for_each([&, &of = key](const auto& connection, pool::slot_use use) {
            server_report one;
            one.id = connection.id();
            one.pool = of;
            one.node = connection.place().node;
            one.address = connection.place().address_text;
            one.local_address = connection.wire().local_address();
            one.use = use;
            one.opened_at = connection.opened_at();
            one.requested_at = connection.lent_at == time_point{}
                                   ? one.opened_at
                                   : today - std::chrono::duration_cast<wall_time::duration>(now - connection.lent_at);
            one.lent_to = connection.lent_to;
            one.backend_pid = connection.key().process_id;
            one.tls = connection.has_tls() ? connection.wire().facts().version : std::string{};
            const auto& reported = connection.half().reported;
            const auto name = reported.find("application_name");
            one.application_name = name == reported.end() ? std::string{} : name->second;
            one.prepared_statements = connection.half().statement_count();
            into.servers.push_back(std::move(one));
        });
    }
}

void collect(proxy::worker& from, detail how, part& into)
{
    const auto now = from.driver().now();
    from.for_each_side([&](const auto& side) { collect_pools(side, now, how, into); });
    collect_clients(from, now, how, into);
    if (how == detail::everything) {
        into.pin_statements = from.pin_statements().statements();
    }
}

void add(pool::shard_stats& sum, const pool::shard_stats& other)
{
    sum.idle += other.idle;
    sum.active += other.active;
    sum.connecting += other.connecting;
    sum.resetting += other.resetting;
    sum.closing += other.closing;
    sum.waiters += other.waiters;
    sum.oldest_wait = std::max(sum.oldest_wait, other.oldest_wait);
    sum.granted += other.granted;
    sum.waited += other.waited;
    sum.wait_time += other.wait_time;
    sum.opened += other.opened;
    sum.failed_opens += other.failed_opens;
    sum.failed_logins += other.failed_logins;
    sum.closed += other.closed;
    for (std::size_t reason = 0; reason < sum.closed_for.size(); ++reason) {
        sum.closed_for[reason] += other.closed_for[reason];
    }
    sum.handed_over += other.handed_over;
    sum.taken_over += other.taken_over;
    sum.timed_out += other.timed_out;
    sum.rejected += other.rejected;
}

/// A server works on what its client sent last.
void take_requests_of_clients(snapshot& in)
{
    std::unordered_map<std::uint64_t, wall_time> requests;
    for (const auto& client : in.clients) {
        requests.emplace(client.id, client.requested_at);
    }
    for (auto& server : in.servers) {
        if (const auto borrower = requests.find(server.lent_to); borrower != requests.end()) {
            server.requested_at = std::max(server.requested_at, borrower->second);
        }
    }
}

telemetry::discard_reason reason_of(pool::close_reason why)
{
    using reason = telemetry::discard_reason;
    switch (why) {
        case pool::close_reason::unusable: return reason::server_closed;
        case pool::close_reason::idle: return reason::idle;
        case pool::close_reason::lifetime: return reason::lifetime;
        case pool::close_reason::retired: return reason::settings_changed;
        case pool::close_reason::moved: return reason::node_down;
        case pool::close_reason::limit: return reason::limit;
        case pool::close_reason::reset_failed: return reason::reset_failed;
        case pool::close_reason::drained: return reason::shutdown;
        case pool::close_reason::paused: return reason::paused;
        case pool::close_reason::borrower: break;
    }
    return reason::unclean;
}

/// Figures that sessions do not see. What a borrower discarded, its session has counted with the reason.
void add_what_pools_count(telemetry::pool_totals& to, const pool::shard_stats& counted)
{
    to.server_connects = counted.opened;
    to.server_connect_failures = counted.failed_opens;
    to.server_login_failures = counted.failed_logins;
    for (std::size_t index = 0; index < counted.closed_for.size(); ++index) {
        if (const auto why = static_cast<pool::close_reason>(index); why != pool::close_reason::borrower) {
            to.discards[static_cast<std::size_t>(reason_of(why))] += counted.closed_for[index];
        }
    }
}

/// Pools that differ only in what their connections were opened with, or in which replica they lead to: one to whoever
/// looks.
struct joint_pool {
    std::set<std::shared_ptr<proxy::pool_record>> records{};
    pool::shard_stats servers{};
    client_counts clients{};
};

/// Each of them knows the limits of all, and the usage of all kinds to the same node. The node shown is the primary.
void take_limits_and_use(pool_report& to, const joint_pool& from)
{
    std::set<pool::pool_key> counted;
    for (const auto& each : from.records) {
        if (counted.insert(each->key.of_all_kinds()).second) {
            to.held += each->shared->usage().held;
        }
        if (each->key.node.empty() || to.node.empty()) {
            to.limits = each->shared->limits();
            to.mode = each->mode();
            to.node = each->shared->node();
        }
    }
}

telemetry::totals count(const proxy::process& of)
{
    telemetry::totals sum;
    for (const auto* each : of.workers()) {
        each->counters().add_to(sum);
    }
    return sum;
}

}  // namespace

/// Parts are written by one worker each; whoever brings the count to zero has seen all of them.
struct reporter::gathering {
    explicit gathering(std::size_t workers) : parts(workers), missing{workers} {}
    std::vector<part> parts;
    std::atomic<std::size_t> missing;
    std::function<void(snapshot_ptr)> then{};
};

std::string_view version()
{
    return PENSTOCK_VERSION;
}

void reporter::gather(detail how, std::function<void(snapshot_ptr)> then)
{
    const auto& workers = process_.workers();
    auto shared = std::make_shared<gathering>(workers.size());
    shared->then = std::move(then);
    for (std::size_t index = 0; index < workers.size(); ++index) {
        workers[index]->run_here([this, how, index, shared] {
            collect(*process_.workers()[index], how, shared->parts[index]);
            if (shared->missing.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                loop_.post([this, shared] { merge(*shared); });
            }
        });
    }
}

void reporter::merge(gathering& from)
{
    const auto configuration = process_.current();
    auto out = std::make_shared<snapshot>();
    out->version = version();
    out->taken_at = std::chrono::system_clock::now();
    out->uptime = clock::now() - started_at_;
    out->draining = process_.draining;
    out->settings = configuration->settings;
    out->connections_held = process_.budget()->usage().held;
    out->shared_limits = process_.budget()->limits();
    out->stops = process_.stops();
    out->totals = count(process_);
    out->process = usage_of_this_process();
    for (const auto& cluster : out->settings->clusters) {
        if (auto view = process_.view_of(cluster.name)) {
            out->clusters.push_back(std::move(view));
        }
    }
    std::map<telemetry::pool_name, joint_pool> pools;
    for (auto& each : from.parts) {
        for (auto& [record, figures] : each.pools) {
            auto& sum = pools[{record->key.cluster, record->key.user, record->key.database}];
            sum.records.insert(figures.record);
            add(sum.servers, figures.servers);
            sum.clients.add(figures.clients);
        }
        out->all_clients.add(each.all_clients);
        out->console_clients += each.console_clients;
        std::move(each.clients.begin(), each.clients.end(), std::back_inserter(out->clients));
        proxy::merge(out->pin_statements, std::move(each.pin_statements));
        std::move(each.servers.begin(), each.servers.end(), std::back_inserter(out->servers));
    }
    proxy::sort_and_cut(out->pin_statements);
    take_requests_of_clients(*out);
    for (auto& [name, sum] : pools) {
        pool_report one;
        one.key = {.cluster = name.cluster, .user = name.user, .database = name.database};
        one.database = client_name_of(*out->settings, one.key);
        one.paused = out->stops.is_paused({one.key.cluster, one.key.database});
        take_limits_and_use(one, sum);
        one.servers = sum.servers;
        one.clients = sum.clients;
        if (const auto counted = out->totals.pools.find(name); counted != out->totals.pools.end()) {
            add_what_pools_count(counted->second, sum.servers);
            one.totals = counted->second;
        }
        one.last_period = averages_.of(name);
        out->pools.push_back(std::move(one));
    }
    from.then(std::move(out));
}

void reporter::end_period()
{
    averages::marks counted;
    for (const auto& [name, figures] : count(process_).pools) {
        counted[name] = traffic_of(figures);
    }
    averages_.end_period(std::move(counted), clock::now());
}

void client_counts::add(const proxy::session_report& one)
{
    using state = proxy::session_report::state;
    switch (one.what) {
        case state::login: ++login; break;
        case state::idle: ++idle; break;
        case state::waiting: ++waiting; break;
        case state::active: ++active; break;
    }
    longest_wait = std::max(longest_wait, one.waiting_for);
    one.pins.for_each([this](pin_reason reason) { ++pinned[static_cast<std::size_t>(reason)]; });
}

void client_counts::add(const client_counts& others)
{
    login += others.login;
    idle += others.idle;
    waiting += others.waiting;
    active += others.active;
    longest_wait = std::max(longest_wait, others.longest_wait);
    for (std::size_t index = 0; index < pinned.size(); ++index) {
        pinned[index] += others.pinned[index];
    }
}

std::string client_name_of(const settings::tree& all, const pool::pool_key& key)
{
    for (const auto& each : all.databases) {
        const auto& on_server = each.server_database.empty() ? each.name : each.server_database;
        if (each.name != "*" && each.cluster == key.cluster && on_server == key.database) {
            return each.name;
        }
    }
    return key.database;
}

std::string why_not_ready(const proxy::process& of)
{
    std::string reasons;
    for (const auto& cluster : of.current()->settings->clusters) {
        const auto view = of.view_of(cluster.name);
        if (!view || view->primary() == nullptr) {
            const auto why = view && !view->reason.empty() ? view->reason : std::string{"no node has answered yet"};
            reasons.append("cluster " + cluster.name + " has no primary: " + why + '\n');
        }
    }
    return reasons;
}

std::string what_is_stopped(const proxy::process& of)
{
    const auto stops = of.stops();
    std::string lines = stops.is_all_paused() ? "all databases are paused\n" : "";
    for (const auto& each : stops.names()) {
        lines += "database " + each + " is paused\n";
    }
    for (const auto& each : stops.drained()) {
        lines += "node " + each + " is drained\n";
    }
    return lines;
}

process_usage usage_of_this_process()
{
    process_usage out;
    std::uint64_t pages = 0;
    std::uint64_t resident_pages = 0;
    if (std::ifstream file{"/proc/self/statm"}; file >> pages >> resident_pages) {
        out.resident_octets = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    const auto in_seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    out.cpu_seconds = in_seconds(used.ru_utime) + in_seconds(used.ru_stime);
    std::error_code failed;
    for (auto place = std::filesystem::directory_iterator{"/proc/self/fd", failed};
         !failed && place != std::filesystem::directory_iterator{};
         place.increment(failed)) {
        ++out.open_descriptors;
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        out.descriptor_limit = limit.rlim_cur;
    }
    return out;
}

}  // namespace penstock::admin
