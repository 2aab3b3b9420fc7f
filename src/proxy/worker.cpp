// SPDX-License-Identifier: Apache-2.0
#include "proxy/worker.hpp"

#include "net/event.hpp"
#include "net/stream.hpp"
#include "pool/pool_impl.hpp"
#include "proxy/login.hpp"
#include "proxy/opener.hpp"
#include "proxy/session.hpp"
#include "settings/lookup.hpp"
#include "telemetry/log.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

namespace penstock::proxy {

namespace {

/// Between two looks at the deadlines.
constexpr auto sweep_interval = milliseconds{300};
/// How long the end may take: to tell clients, to clean up, to say goodbye to servers.
constexpr auto farewell = seconds{2};
/// Before the end of a drain, to tell the clients that are left.
constexpr auto last_call = seconds{1};
/// The lower bits of a cancel key's process id number the session, the upper ones its worker.
constexpr std::uint32_t number_mask = (1U << 22) - 1;

}  // namespace

worker::worker(process& owner, std::uint32_t index, console serve_console)
    : process_{owner},
      index_{index},
      console_{std::move(serve_console)},
      configuration_{owner.current()},
      last_stamp_{std::uint64_t{index} << 30}
{
}

worker::~worker()
{
    join();
}

void worker::start()
{
    thread_ = std::thread{[this] {
        driver_.call_at(clock::now() + sweep_interval, [this] { sweep(); });
        driver_.run();
    }};
}

void worker::join()
{
    if (!thread_.joinable()) {
        return;
    }
    end();
    thread_.join();
}

bool worker::wait_for_end(time_point until)
{
    return end_.wait_until(until) == std::future_status::ready;
}

void worker::end()
{
    if (!std::exchange(ending_, true)) {
        driver_.post([this] { driver_.spawn(finish()); });
    }
}

/// Ends every session, then every pool, then the loop.
task<void> worker::finish()
{
    constexpr auto look_again = milliseconds{5};
    draining_ = true;
    driver_.limit_patience(driver_.now() + farewell);
    while (session_count_.load(std::memory_order_relaxed) > 0) {
        for (const auto& [number, who] : sessions_) {
            who->stop({error_kind::shutting_down, {}}, false);
        }
        co_await net::sleep_until(driver_, clock::now() + look_again);
    }
    co_await close_pools<postgresql::protocol>();
    co_await close_pools<mysql::protocol>();
    while (driver_.running() > 1) {
        co_await net::sleep_until(driver_, clock::now() + look_again);
    }
    for_each_side([](auto& side) { side.pools.clear(); });
    ended_.set_value();
    driver_.stop();
}

template <protocol P>
task<void> worker::close_pools()
{
    for (auto& [key, pool] : side<P>().pools) {
        pool->shard->drain();
        co_await pool->shard->closed();
    }
}

void worker::adopt(int descriptor, engine speaks, entrance by)
{
    session_count_.fetch_add(1, std::memory_order_relaxed);
    driver_.post([this, descriptor, speaks, by] { begin(descriptor, speaks, by); });
}

void worker::begin(int descriptor, engine speaks, entrance by)
{
    counters_.process.clients_accepted.add();
    switch (speaks) {
        case engine::postgresql: driver_.spawn(serve_client<postgresql::protocol>(*this, descriptor, by)); break;
        case engine::mysql: driver_.spawn(serve_client<mysql::protocol>(*this, descriptor, by)); break;
    }
}

void worker::configure(configuration_ptr next)
{
    driver_.post([this, next = std::move(next)] {
        configuration_ = next;
        for (auto& [name, side] : clusters_) {
            take_settings(name, side);
        }
        for_each_side([this](auto& side) {
            if constexpr (requires { side.judges.begin()->second->follow(nullptr); }) {
                for (auto& [key, judge] : side.judges) {
                    judge->follow(cluster(key.first).wishes);
                }
                for (auto& [name, judge] : side.judges.of_limits) {
                    judge->follow(cluster(name).wishes);
                }
            }
            for (auto& [key, pool] : side.pools) {
                pool->greetings.clear();
            }
        });
    });
}

void worker::see(router::cluster_view_ptr view)
{
    driver_.post([this, view = std::move(view)] {
        if (const auto known = clusters_.find(view->cluster);
            known != clusters_.end() && (!known->second.view || known->second.view->version < view->version)) {
            forget_moved(known->second, *view);
            known->second.view = view;
            known->second.replicas.follow(*view, driver_.now());
        }
        for (const auto& [number, who] : sessions_) {
            who->note_view();
        }
    });
}

/// A place that was given to another node leads to other pools, and nothing is known of how that one serves.
void worker::forget_moved(cluster_side& of, const router::cluster_view& now)
{
    for (std::size_t place = 0; of.view && place < of.view->nodes.size(); ++place) {
        if (place < now.nodes.size() && text_of(of.view->nodes[place]) == text_of(now.nodes[place])) {
            continue;
        }
        of.replicas.forget(place);
        for_each_side([place, &now](auto& side) {
            for (auto& [key, pool] : side.pools) {
                if (key.cluster == now.cluster && place < pool->replicas.size()) {
                    pool->replicas[place] = nullptr;
                }
            }
        });
    }
}

void worker::believe(std::string cluster, std::string database, function_catalogue_ptr functions)
{
    auto key = std::make_pair(std::move(cluster), std::move(database));
    driver_.post([this, key = std::move(key), functions = std::move(functions)] {
        for_each_side([&key, &functions]<protocol P>(protocol_side<P>& side) {
            if constexpr (requires { side.judges.find(key); }) {
                if (const auto known = side.judges.find(key); known != side.judges.end()) {
                    known->second->use(functions ? functions : P::known_functions());
                }
            }
        });
    });
}

cluster_side& worker::cluster(const std::string& name)
{
    auto& side = clusters_[name];
    if (!side.view) {
        side.view = process_.view_of(name);
        if (side.view) {
            side.replicas.follow(*side.view, driver_.now());
        }
        side.board = process_.board_of(name);
        take_settings(name, side);
    }
    return side;
}

void worker::take_settings(const std::string& name, cluster_side& side) const
{
    const auto& tree = *configuration_->settings;
    if (const auto* cluster = settings::find_cluster(tree, name)) {
        side.rules = policy_of(*cluster);
        side.wishes = rules_of(tree, *cluster);
        side.limits = process_.limits_of(*side.wishes);
    }
}

template <protocol P>
worker_pool<P>& worker::make_on_replica(worker_pool<P>& primary, const router::cluster_view& view, std::size_t node)
{
    const auto& where = view.nodes[node];
    auto& made = pool_of<P>(process_.pool_on_replica(primary.record, where.host + ":" + std::to_string(where.port)));
    primary.replicas.resize(std::max(primary.replicas.size(), node + 1));
    primary.replicas[node] = &made;
    return made;
}

template worker_pool<postgresql::protocol>& worker::make_on_replica(worker_pool<postgresql::protocol>&,
                                                                    const router::cluster_view&,
                                                                    std::size_t);
template worker_pool<mysql::protocol>& worker::make_on_replica(worker_pool<mysql::protocol>&,
                                                               const router::cluster_view&,
                                                               std::size_t);

void worker::cancel(cancel_key key, std::function<void()> done)
{
    driver_.post([this, key = std::move(key), done = std::move(done)] {
        const auto found = sessions_.find(key.process_id);
        if (found == sessions_.end()) {
            counters_.process.cancel_requests_unmatched.add();
            done();
            return;
        }
        found->second->cancel(key.key, done);
    });
}

void worker::kill(kill_order order, std::function<void(kill_result)> done)
{
    driver_.post([this, order = std::move(order), done = std::move(done)] {
        const auto found = sessions_.find(static_cast<std::uint32_t>(order.what.number));
        if (found == sessions_.end()) {
            done(kill_result::unknown);
            return;
        }
        found->second->kill(order, done);
    });
}

void worker::fence(std::string cluster, std::string node)
{
    driver_.post([this, cluster = std::move(cluster), node = std::move(node)] {
        for (const auto& [number, who] : sessions_) {
            who->fence(cluster, node);
        }
    });
}

void worker::drain(time_point deadline)
{
    const auto tell_at = deadline - std::min<duration>(last_call, (deadline - clock::now()) / 4);
    driver_.post([this, deadline, tell_at] {
        draining_ = true;
        const client_error why{error_kind::shutting_down, {}};
        for (const auto& [number, who] : sessions_) {
            who->stop(why, true);
        }
        driver_.limit_patience(deadline);
        driver_.call_at(tell_at, [this, why] {
            for (const auto& [number, who] : sessions_) {
                who->stop(why, false);
            }
        });
    });
}

template <protocol P>
worker_pool<P>& worker::pool_of(std::shared_ptr<pool_record> record)
{
    auto& mine = side<P>().pools[record->key];
    if (!mine) {
        using connection = server_connection<P>;
        mine = std::make_unique<worker_pool<P>>();
        mine->counters = &counters_.of_pool({record->key.cluster, record->key.user, record->key.database});
        auto opener = std::make_shared<server_opener<P>>(process_, record);
        mine->shard = std::make_unique<pool::shard<connection>>(driver_, record->shared, std::move(opener));
        mine->record = std::move(record);
    }
    return *mine;
}

template worker_pool<postgresql::protocol>& worker::pool_of<postgresql::protocol>(std::shared_ptr<pool_record>);
template worker_pool<mysql::protocol>& worker::pool_of<mysql::protocol>(std::shared_ptr<pool_record>);

std::uint32_t worker::enroll(session_base& who)
{
    std::uint32_t number = 0;
    do {
        last_number_ = (last_number_ + 1) & number_mask;
        number = index_ << 22 | last_number_;
    } while (last_number_ == 0 || sessions_.contains(number));
    sessions_.emplace(number, &who);
    return number;
}

void worker::dismiss(std::uint32_t number)
{
    sessions_.erase(number);
    session_count_.fetch_sub(1, std::memory_order_relaxed);
    counters_.process.clients_closed.add();
}

void worker::for_each_session(const std::function<void(const session_base&)>& look) const
{
    for (const auto& [number, who] : sessions_) {
        look(*who);
    }
}

void worker::look_up(const user_question& question, const look_up_slot& into)
{
    if (auto known = process_.users().known(question)) {
        into->answer = std::move(known);
        return;
    }
    process_.users().look_up(question, [this, into](user_record record) {
        driver_.post([into, record = std::move(record)] {
            if (into->tell != nullptr) {
                into->answer = record;
                into->tell->notify();
            }
        });
    });
}

void worker::sweep()
{
    for (const auto& [number, who] : sessions_) {
        who->sweep(driver_.now());
    }
    driver_.call_at(driver_.now() + sweep_interval, [this] { sweep(); });
}

}  // namespace penstock::proxy

namespace penstock::pool {

template class shard<proxy::server_connection<postgresql::protocol>>;
template class lease<proxy::server_connection<postgresql::protocol>>;
template class ticket<proxy::server_connection<postgresql::protocol>>;
template class shard<proxy::server_connection<mysql::protocol>>;
template class lease<proxy::server_connection<mysql::protocol>>;
template class ticket<proxy::server_connection<mysql::protocol>>;

}  // namespace penstock::pool
