// SPDX-License-Identifier: Apache-2.0
//
// What a session counts, in its pool's figures. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"

namespace penstock::proxy {

template <protocol P>
void session<P>::count_answers()
{
    auto& server = lease_->half();
    const auto now = worker_.driver().now();
    const auto micros = [now](time_point from) {
        return static_cast<std::uint64_t>(
            std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(now - from).count()));
    };
    if (asked_at_ != time_point{}) {
        rests_since_ = now;
        pool_->counters->query_time.add(micros(asked_at_));
        asked_at_ = {};
        if (server.is_idle()) {
            pool_->counters->transactions.add();
            pool_->counters->transaction_time.add(micros(transaction_at_));
            transaction_at_ = now;
        }
    }
    if (front_->pins() != pins_.reasons()) {
        follow_pins(now);
    }
}

template <protocol P>
void session<P>::copy_counters()
{
    auto& to = *pool_->counters;
    const front_counters& now = front_->counters();
    to.queries.add(now.queries - counted_.queries);
    if (now.binds != counted_.binds) {
        to.binds.add(now.binds - counted_.binds);
    }
    if (now.sum_of_rare() != counted_.sum_of_rare()) {
        copy_rare_counters(now);
    }
    counted_ = now;
    to.client_bytes_received.add(client_.octets_received() - received_counted_);
    to.client_bytes_sent.add(client_.octets_sent() - sent_counted_);
    received_counted_ = client_.octets_received();
    sent_counted_ = client_.octets_sent();
}

template <protocol P>
void session<P>::copy_rare_counters(const front_counters& now)
{
    auto& to = *pool_->counters;
    to.client_parses.add(now.client_parses - counted_.client_parses);
    to.server_parses.add(now.server_parses - counted_.server_parses);
    to.catch_ups.add(now.catch_ups - counted_.catch_ups);
    to.statements_healed.add(now.healed - counted_.healed);
    using telemetry::retry_reason;
    to.count_retries(retry_reason::stale_plan, now.healed - counted_.healed);
    const auto refused = now.refused_by_replica - counted_.refused_by_replica;
    const auto lost = now.lost_with_replica - counted_.lost_with_replica;
    to.count_retries(retry_reason::primary_lost, now.lost_with_primary - counted_.lost_with_primary);
    to.count_retries(retry_reason::primary_demoted, now.refused_by_primary - counted_.refused_by_primary);
    if (refused + lost > 0) {
        to.count_retries(retry_reason::replica_refused, refused);
        to.count_retries(retry_reason::replica_lost, lost);
        to.routes[static_cast<std::size_t>(router::route_reason::healed)].add(refused);
        to.routes[static_cast<std::size_t>(router::route_reason::lost)].add(lost);
    }
    to.wrong_hints.add(now.wrong_hints - counted_.wrong_hints);
    to.statements_reprepared.add(now.reprepared - counted_.reprepared);
    to.statements_evicted.add(now.evicted - counted_.evicted);
}

}  // namespace penstock::proxy
