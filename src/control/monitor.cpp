// SPDX-License-Identifier: Apache-2.0
//
// One coroutine per node: see that its name is resolved, probe, sleep. Observations go to topology; what it changed is
// logged and published.
#include "control/monitor.hpp"

#include "control/aurora.hpp"
#include "control/examiners.hpp"
#include "control/patroni_watch.hpp"
#include "control/probes.hpp"
#include "control/tended.hpp"
#include "telemetry/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace penstock::control {
namespace asio = boost::asio;

namespace {

/// What the coroutine of one node keeps between its rounds.
struct watch {
    explicit watch(asio::io_context& io) : nap{io} {}
    asio::steady_timer nap;
    bool hurry = false;      ///< somebody suspects the node: skip the rest of the nap
    bool resolving = false;  ///< a question is under way
    bool numeric = false;    ///< the address needs no resolver
    std::string host{};      ///< whom the rest is about; another one where the place was given away
    std::uint16_t port = 0;
    std::uint64_t tenant = 0;  ///< counts those
    time_point resolve_again{};
    std::vector<net::endpoint> client_endpoints{};  ///< what `client` was made for
    std::unique_ptr<sql_client> client{};
    examiners waiting{};  ///< for the next probe
    examiners asking{};   ///< for the one under way
};

/// Asks and waits; the handler is kept by the client until it answers or goes.
asio::awaitable<sql_answer> ask(sql_client& client, sql_query query, duration patience)
{
    auto begin = [&client, &query, patience](auto handler) {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        client.ask(std::move(query), patience, [kept](sql_answer answer) { std::move (*kept)(std::move(answer)); });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(sql_answer)>(begin,
                                                                                             asio::use_awaitable);
}

}  // namespace

struct monitor::state : std::enable_shared_from_this<state> {
    state(loop& where, monitor_options chosen, monitor_surroundings around)
        : on{where},
          options{std::move(chosen)},
          surroundings{std::move(around)},
          names{where, surroundings.resolve},
          nodes{options.cluster, options.nodes, options.failures_until_down, options.discovery.is_on()},
          newest{std::make_shared<const router::cluster_view>(nodes.view())}
    {
    }

    void start();
    void spawn(std::size_t index);
    static asio::awaitable<void> keep_watch(std::shared_ptr<state> self, std::size_t index);
    void see_to_places();
    void move_in(std::size_t index);
    void start_discovery();
    [[nodiscard]] bool is_to_list_members(std::size_t index) const;
    asio::awaitable<void> ask_for_members(std::size_t index);
    void take_members(const member_list& seen);
    [[nodiscard]] duration discovery_pause() const;
    void see_to_name(std::size_t index);
    void take_addresses(std::size_t index, const addresses& found);
    asio::awaitable<void> probe(std::size_t index);
    asio::awaitable<bool> takes_connections(std::size_t index, time_point until);
    asio::awaitable<void> take_nap(std::size_t index);
    void hasten(std::size_t index);
    void examine(std::size_t index, std::function<void(router::node_finding)> tell);
    void hasten_all();
    [[nodiscard]] duration pause(std::size_t index) const;
    template <class Observation>
    void report(const Observation& seen);
    static void tell(const std::vector<topology_event>& events);
    void publish();
    void stop();

    loop& on;
    monitor_options options;
    monitor_surroundings surroundings;
    resolver names;
    topology nodes;
    std::vector<std::unique_ptr<watch>> watches{};  ///< by place; there for good, and so are their coroutines
    std::unique_ptr<patroni_watch> patroni{};
    time_point list_again{};   ///< when members are to be asked for next
    std::string list_fault{};  ///< why they could not be had the last time; empty: they could
    bool stopped = false;

    mutable std::mutex mutex{};  ///< guards newest
    router::cluster_view_ptr newest;
};

monitor::monitor(loop& on, monitor_options options, monitor_surroundings surroundings)
    : state_{std::make_shared<state>(on, std::move(options), std::move(surroundings))}
{
}

monitor::~monitor()
{
    state_->stop();
}

void monitor::start()
{
    state_->start();
}

router::cluster_view_ptr monitor::current() const
{
    const std::scoped_lock lock{state_->mutex};
    return state_->newest;
}

void monitor::suspect(router::node_id node)
{
    state_->on.post([weak = std::weak_ptr{state_}, node] {
        if (const auto self = weak.lock()) {
            self->hasten(node.value);
        }
    });
}

void monitor::examine(router::node_id node, std::function<void(router::node_finding)> tell)
{
    state_->on.post([weak = std::weak_ptr{state_}, node, tell = std::move(tell)]() mutable {
        if (const auto self = weak.lock()) {
            self->examine(node.value, std::move(tell));
        }
    });
}

void monitor::state::start()
{
    see_to_places();
    publish();
    if (!options.account && nodes.view().primary() == nullptr) {
        log::warning("nothing tells which node is the primary: requests wait for one in vain",
                     {{"cluster", options.cluster},
                      {"reason", "nodes are not probed, for there is no account with a password in clear text"},
                      {"remedy", "add monitor_user and monitor_password, or give the primary its role"}});
    }
    start_discovery();
}

/// A watch and a coroutine for each place, and in a place that was given away another node's.
void monitor::state::see_to_places()
{
    for (std::size_t index = 0; index < nodes.view().nodes.size(); ++index) {
        const auto& node = nodes.view().nodes[index];
        if (index >= watches.size()) {
            watches.push_back(std::make_unique<watch>(on.context()));
            move_in(index);
            spawn(index);
        } else if (watches[index]->host != node.host || watches[index]->port != node.port) {
            move_in(index);
            hasten(index);
        }
    }
}

void monitor::state::move_in(std::size_t index)
{
    const auto& node = nodes.view().nodes[index];
    auto& own = *watches[index];
    ++own.tenant;
    own.host = node.host;
    own.port = node.port;
    own.client_endpoints.clear();  // so that the next probe makes a client of its own
    own.resolving = false;
    own.resolve_again = {};
    const auto numeric = net::numeric_endpoint(own.host, own.port);
    own.numeric = numeric.has_value();
    if (own.numeric) {
        nodes.observe(address_observation{{static_cast<std::uint32_t>(index)}, {*numeric}, {}});
    }
}

void monitor::state::start_discovery()
{
    if (options.discovery.from != discovery_options::source::patroni) {
        return;
    }
    patroni_surroundings around{names, {}, {}};
    around.pause = [weak = weak_from_this()] {
        const auto self = weak.lock();
        return self ? self->discovery_pause() : duration{seconds{1}};
    };
    around.tell = [weak = weak_from_this()](const member_list& seen) {
        if (const auto self = weak.lock(); self && !self->stopped) {
            self->take_members(seen);
        }
    };
    patroni = std::make_unique<patroni_watch>(on, options.discovery.patroni, options.probe_timeout, std::move(around));
    patroni->start();
}

void monitor::state::spawn(std::size_t index)
{
    tended watching;
    watching.failure = "watching a node failed, trying again";
    watching.is_wanted = [weak = weak_from_this()] {
        const auto self = weak.lock();
        return self && !self->stopped;
    };
    watching.begin = [weak = weak_from_this(), index] { return keep_watch(weak.lock(), index); };
    watching.pause = [interval = options.probe_interval] { return interval; };
    tend(on, std::move(watching));
}

asio::awaitable<void> monitor::state::keep_watch(std::shared_ptr<state> self, std::size_t index)
{
    while (!self->stopped) {
        const bool is_left = self->nodes.view().nodes[index].state == router::node_state::left;
        if (is_left) {
            self->watches[index]->client.reset();
        } else {
            self->see_to_name(index);
        }
        if (!is_left && self->options.account && !self->nodes.view().nodes[index].endpoints.empty()) {
            co_await self->probe(index);
        } else {
            self->watches[index]->waiting.tell(router::node_finding::unknown);
        }
        if (!self->stopped) {
            co_await self->take_nap(index);
        }
    }
}

/// Has the name resolved where it is time; the answer comes by itself.
void monitor::state::see_to_name(std::size_t index)
{
    auto& own = *watches[index];
    if (own.numeric || own.resolving || clock::now() < own.resolve_again) {
        return;
    }
    own.resolving = true;
    own.resolve_again = clock::now() + options.resolve_interval;
    const auto take = [weak = weak_from_this(), index, tenant = own.tenant](const addresses& found) {
        if (const auto self = weak.lock(); self && !self->stopped && self->watches[index]->tenant == tenant) {
            self->take_addresses(index, found);
        }
    };
    names.resolve(own.host, own.port, take);
}

void monitor::state::take_addresses(std::size_t index, const addresses& found)
{
    auto& own = *watches[index];
    own.resolving = false;
    address_observation seen;
    seen.node = {static_cast<std::uint32_t>(index)};
    if (found.has_value() && !found->empty()) {
        seen.endpoints = *found;
        report(seen);
        hasten(index);
        return;
    }
    own.resolve_again = clock::now() + options.probe_interval;
    seen.fault = "cannot resolve " + own.host;
    if (found.has_error()) {
        seen.fault += ": " + found.error().message();
    }
    report(seen);
    if (nodes.view().nodes[index].endpoints.empty()) {
        report(probe_observation{.node = seen.node, .fault = seen.fault});
    }
}

asio::awaitable<void> monitor::state::probe(std::size_t index)
{
    auto& own = *watches[index];
    const auto& node = nodes.view().nodes[index];
    if (!own.client || own.client_endpoints != node.endpoints) {
        own.client = surroundings.make_client(aimed_at(node, *options.account));
        own.client_endpoints = node.endpoints;
    }
    own.hurry = false;
    own.asking.take(own.waiting);
    const auto tenant = own.tenant;
    const auto until = clock::now() + options.probe_timeout;
    const auto probing = begin_probe(options.account->engine, {static_cast<std::uint32_t>(index)});
    while (auto question = probing->question()) {
        const auto answer = co_await ask(*own.client, std::move(*question), until - clock::now());
        if (stopped || own.tenant != tenant) {
            own.asking.tell(router::node_finding::unknown);
            co_return;
        }
        probing->take(answer);
    }
    const auto& seen = probing->seen();
    if (seen.how == probe_observation::kind::failed) {
        own.resolve_again = {};  // a failover may have moved the name
    }
    report(seen);
    if (!own.asking.empty()) {
        bool is_alive = seen.how != probe_observation::kind::failed;
        if (is_alive) {
            is_alive = co_await takes_connections(index, until);
        }
        if (stopped || own.tenant != tenant) {
            own.asking.tell(router::node_finding::unknown);
            co_return;
        }
        own.asking.tell(is_alive ? router::node_finding::alive : router::node_finding::silent);
    }
    if (seen.how == probe_observation::kind::answered && is_to_list_members(index)) {
        co_await ask_for_members(index);
    }
}

/// A server that is about to end may still serve a connection that it has; one that is only full says so to a new one.
asio::awaitable<bool> monitor::state::takes_connections(std::size_t index, time_point until)
{
    const auto fresh = surroundings.make_client(aimed_at(nodes.view().nodes[index], *options.account));
    sql_query question{"SELECT 1", {}};
    const auto answer = co_await ask(*fresh, std::move(question), until - clock::now());
    co_return is_sign_of_life(answer);
}

/// The primary knows best; where there is doubt about it, any node is asked that nothing speaks against.
bool monitor::state::is_to_list_members(std::size_t index) const
{
    return options.discovery.from == discovery_options::source::aurora && clock::now() >= list_again &&
           (nodes.view().primary_index == index || (nodes.is_in_doubt() && nodes.view().nodes[index].is_up()));
}

asio::awaitable<void> monitor::state::ask_for_members(std::size_t index)
{
    auto& own = *watches[index];
    const auto tenant = own.tenant;
    list_again = clock::now() + discovery_pause();
    auto question = aurora_question(options.account->engine);
    const auto answer = co_await ask(*own.client, std::move(question), options.probe_timeout);
    if (!stopped && own.tenant == tenant) {
        take_members(read_aurora(answer, options.discovery.aurora_endpoint, own.port));
    }
}

/// What cannot be had is told once, and that it can be had again.
void monitor::state::take_members(const member_list& seen)
{
    if (list_fault != seen.fault) {
        list_fault = seen.fault;
        if (list_fault.empty()) {
            log::info("members of the cluster are known again", {{"cluster", options.cluster}});
        } else {
            log::warning("members of the cluster cannot be had: its nodes stay as they are",
                         {{"cluster", options.cluster}, {"reason", list_fault}});
        }
    }
    if (!seen.fault.empty()) {
        return;
    }
    const bool changed = nodes.observe(seen);
    tell(nodes.events());
    if (changed) {
        see_to_places();
        publish();
    }
    if (changed || nodes.contradicts(seen)) {
        hasten_all();
    }
}

duration monitor::state::discovery_pause() const
{
    return nodes.is_in_doubt() ? std::min<duration>(options.discovery.interval, seconds{1})
                               : options.discovery.interval;
}

asio::awaitable<void> monitor::state::take_nap(std::size_t index)
{
    auto& own = *watches[index];
    const auto begun = clock::now();
    own.nap.expires_at(begun + std::min(options.shortest_pause, options.probe_interval));
    co_await own.nap.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopped || own.hurry) {
        co_return;
    }
    own.nap.expires_at(begun + pause(index));
    co_await own.nap.async_wait(asio::as_tuple(asio::use_awaitable));
}

/// One that is down is met soon after it is back: as what it is then it may not stay for long.
duration monitor::state::pause(std::size_t index) const
{
    const bool is_down = nodes.view().nodes[index].state == router::node_state::down;
    const bool doubtful = options.account && (is_down || nodes.is_in_doubt());
    return doubtful ? std::min(options.doubtful_pause, options.probe_interval) : options.probe_interval;
}

/// Ends the long part of a nap; during the short one, or a probe, it is remembered.
void monitor::state::hasten(std::size_t index)
{
    if (index >= watches.size() || stopped) {
        return;
    }
    auto& own = *watches[index];
    own.hurry = true;
    if (own.nap.expiry() > clock::now() + options.shortest_pause) {
        own.nap.cancel();
    }
}

void monitor::state::examine(std::size_t index, std::function<void(router::node_finding)> tell)
{
    if (index >= watches.size() || stopped || !options.account) {
        return tell(router::node_finding::unknown);
    }
    watches[index]->waiting.add(std::move(tell));
    hasten(index);
}

/// Those that nap for long begin to nap for as long as they may in doubt.
void monitor::state::hasten_all()
{
    for (std::size_t index = 0; index < watches.size(); ++index) {
        hasten(index);
    }
}

template <class Observation>
void monitor::state::report(const Observation& seen)
{
    const bool was_in_doubt = nodes.is_in_doubt();
    const bool changed = nodes.observe(seen);
    if (!was_in_doubt && nodes.is_in_doubt()) {
        hasten_all();
        list_again = {};
        if (patroni) {
            patroni->hasten();
        }
    }
    if (changed) {
        tell(nodes.events());
        publish();
    }
}

void monitor::state::tell(const std::vector<topology_event>& events)
{
    for (const auto& event : events) {
        log::write(event.needs_attention ? log::level::warning : log::level::info,
                   event.what,
                   {{"subject", event.subject}, {"detail", event.detail}});
    }
}

void monitor::state::publish()
{
    auto view = std::make_shared<const router::cluster_view>(nodes.view());
    {
        const std::scoped_lock lock{mutex};
        newest = view;
    }
    if (surroundings.publish) {
        surroundings.publish(std::move(view));
    }
}

void monitor::state::stop()
{
    stopped = true;
    patroni.reset();
    for (auto& own : watches) {
        own->nap.cancel();
        own->client.reset();
        own->waiting.tell(router::node_finding::unknown);
        own->asking.tell(router::node_finding::unknown);
    }
}

}  // namespace penstock::control
