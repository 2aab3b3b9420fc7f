// SPDX-License-Identifier: Apache-2.0
//
// How a session carries out what the router decides: which pool a request's connection is taken from, and what a write
// means for the reads behind it. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"

#include "router/decide.hpp"
#include "router/route.hpp"
#include "telemetry/log.hpp"

namespace penstock::proxy {

/// Once its front is there. Sessions that are logged in when reads begin to go to replicas do not take part.
template <protocol P>
void session<P>::begin_routing()
{
    if constexpr (requires { typename P::read_judge; }) {
        front_->prove_by(worker_.template side<P>().judges.of_lost);
        const auto& key = pool_->record->key;
        auto& cluster = worker_.cluster(key.cluster);
        cluster_ = &cluster;
        const bool splits = cluster.rules.split && pool_->record->mode() != settings::pool_mode::session;
        if (!cluster.view || (!splits && !read_only_)) {
            return;
        }
        routes_ = std::make_unique<session_routes>();
        routes_->cluster = &cluster;
        const bool by_user = cluster.rules.reads == router::consistency::user;
        if (by_user) {
            routes_->of_user = worker_.owner().mark_of(key.cluster, key.user);
        }
        auto& judge = worker_.template side<P>().judges[{key.cluster, key.database}];
        if (!judge) {
            auto functions = worker_.owner().functions_of(key.cluster, key.database);
            judge = std::make_unique<typename P::read_judge>(functions ? std::move(functions) : P::known_functions());
            judge->follow(cluster.wishes);
        }
        front_->route_by(*judge, session_wishes{user_, database_}, by_user, read_only_);
    }
}

/// A client of a read-only listener, for which there is no replica, gets the primary only if the settings say so.
template <protocol P>
bool session<P>::is_refused_at_once()
{
    if constexpr (requires { front_->wanted(); }) {
        if (routes_ && std::exchange(routes_->is_refused, false)) {
            return true;
        }
    }
    return std::exchange(is_refused_, false);
}

/// Whether there is room for one more transaction in this second; if not, it has its answer.
template <protocol P>
bool session<P>::may_begin(bytes wanted)
{
    if (std::exchange(is_again_, false)) {
        return true;
    }
    const auto of = reached_limit(wanted);
    if (of.empty()) {
        return true;
    }
    worker_.counters().process.count_client_error(error_kind::rate_limited);
    front_->refuse({error_kind::rate_limited, "max_transactions_per_second of " + of + " is reached", {}});
    is_refused_ = true;
    return false;
}

/// Whose limit leaves no room for the request at which the client's octets begin; empty: nobody's. Of the others
/// nothing is used up then.
template <protocol P>
std::string session<P>::reached_limit(bytes wanted)
{
    pool::joint_take all{worker_.driver().now()};
    if (!all.take(rates_.of_user.get())) {
        return "user \"" + user_ + '"';
    }
    if (!all.take(rates_.of_database.get())) {
        return "database \"" + database_ + '"';
    }
    const auto& rules = *cluster_->wishes;
    if (const auto limited = rules.with_limit(); limited != 0) {
        auto& judge = worker_.template side<P>().judges.of_limits[pool_->record->key.cluster];
        if (!judge) {
            judge = std::make_unique<typename P::read_judge>(P::known_functions());
            judge->follow(cluster_->wishes);
        }
        auto held = limited & front_->rules_for(wanted, *judge);
        held &= held != 0 ? rules.of_session(user_, database_, application_name()) : 0;
        for (std::size_t place = 0; place < rules.size(); ++place) {
            if (((held >> place) & 1U) != 0 && !all.take(cluster_->limits[place].get())) {
                return "rule \"" + rules.at(place).limit + '"';
            }
        }
    }
    all.keep();
    return {};
}

/// Where the request goes that the front has stopped at.
template <protocol P>
worker_pool<P>& session<P>::choose_pool()
{
    if constexpr (requires { front_->wanted(); }) {
        auto& own = *routes_;
        auto& cluster = *own.cluster;
        const auto now = worker_.driver().now();
        own.loan.drop();
        const auto wanted = front_->wanted();
        const router::session_facts known{.stays = front_->must_stay(), .written_at = own.last_write()};
        router::route way{.reason = router::decide(wanted, known)};
        if (way.reason == router::route_reason::node && cluster.view->primary_index == std::size_t{wanted.node}) {
            way.reason = router::route_reason::primary_hint;
        }
        router::freshness_needed needed;
        if (goes_to_replica(way.reason) && (cluster.rules.split || read_only_)) {
            auto& board = *cluster.board;
            needed = router::needed_freshness(cluster.rules, known, board.has_positions(), now);
            const auto only = wanted.hint == route_hint::node ? std::optional<std::size_t>{wanted.node} : std::nullopt;
            const auto choose = [&, wish = way.reason](const router::node_set& full) {
                return cluster.replicas.choose(cluster.rules, board, needed, wish, now, only, full);
            };
            way = choose({});
            for (router::node_set full; way.replica && !full[*way.replica] && !has_room(*way.replica);) {
                full.set(*way.replica);
                way = choose(full);
            }
            if (way.reason == router::route_reason::own_write) {
                board.want(known.written_at);
            } else if (cluster.rules.max_lag > duration::zero() &&
                       (!way.replica || now - board.covers(*way.replica) > cluster.rules.max_lag / 2)) {
                board.want(now);
            }
        }
        pool_->counters->count_route(static_cast<std::size_t>(way.reason));
        own.is_refused = read_only_ && !way.replica && logged_in_ && !cluster.rules.read_only_fallback;
        if (way.replica) {
            own.loan = replica_loan{cluster, *way.replica};
            own.needed = needed;
            return worker_.on_replica(*pool_, *cluster.view, *way.replica);
        }
    }
    return *pool_;
}

/// Whether a request would not have to wait there for others to end.
template <protocol P>
bool session<P>::has_room(std::size_t replica)
{
    return worker_.on_replica(*pool_, *routes_->cluster->view, replica).shard->has_room();
}

/// The connection that is held cannot have the next request: a replica's goes back, and one that cannot be brought to
/// the session's state is closed.
template <protocol P>
void session<P>::leave_server()
{
    if (routes_ && routes_->loan) {
        if constexpr (requires { front_->wanted(); }) {
            // What was refused may have left something behind before it was: a lock that some function took.
            const auto refusals = front_->counters().refused_by_replica;
            if (std::exchange(routes_->refusals, refusals) != refusals) {
                lease_->needs(cleanup::everything);
            } else if (lease_->half().in_transaction()) {
                lease_->needs(cleanup::rollback);
            }
        }
        release();
    } else {
        discard(telemetry::discard_reason::unclean);
    }
}

/// Called whenever a server has answered, or is lost: a write that may have been committed counts at once.
template <protocol P>
void session<P>::note_write()
{
    if constexpr (requires { front_->wanted(); }) {
        if (!front_->has_written()) {
            return;
        }
        const bool may_be_over = !lease_ || !lease_->half().in_transaction() || lease_->half().is_quiet() == false;
        if (may_be_over) {
            routes_->note_write();
            if constexpr (requires { front_->has_defined(); }) {
                if (front_->has_defined()) {
                    distrust_functions();
                }
            }
        }
    }
}

/// What is known of the database's functions may be another thing now: until the catalogue has been read again nothing
/// is, here at once and elsewhere soon.
template <protocol P>
void session<P>::distrust_functions()
{
    if constexpr (requires { typename P::read_judge; }) {
        const auto& key = pool_->record->key;
        worker_.template side<P>().judges[{key.cluster, key.database}]->use(P::known_functions());
        worker_.owner().distrust_functions(key.cluster, key.database);
    }
}

/// The server owes nothing.
template <protocol P>
void session<P>::end_writes()
{
    if constexpr (requires { front_->wanted(); }) {
        routes_->attempts = 0;
        if (front_->has_written() && !lease_->half().in_transaction()) {
            front_->forget_written();
        }
    }
}

/// A replica could not be had. False where that is no matter of the replica's, or where enough of them were tried.
template <protocol P>
bool session<P>::try_elsewhere(const client_error& why)
{
    auto& own = *routes_;
    const bool is_its_fault = own.loan && why.kind != error_kind::borrow_timeout &&
                              why.kind != error_kind::shutting_down && why.kind != error_kind::limit_exceeded;
    if (!is_its_fault || ++own.attempts > own.cluster->view->nodes.size()) {
        return false;
    }
    log::warning("replica does not serve, trying another server",
                 {{"cluster", pool_->record->key.cluster}, {"reason", why.detail}});
    own.loan.failed(worker_.driver().now());
    choose_again();
    return true;
}

/// The request at hand goes to whichever server is the right one now.
template <protocol P>
void session<P>::choose_again()
{
    hold_ = hold::none;
    need_server();
    if ((lease_ || is_refused_at_once()) && !pending_.empty()) {
        consume(pending_, true);
    }
}

}  // namespace penstock::proxy
