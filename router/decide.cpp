// SPDX-License-Identifier: Apache-2.0
#include "router/decide.hpp"

namespace penstock::router {

namespace {

route_reason primary_for(wish_source by)
{
    return by == wish_source::setting ? route_reason::primary_setting
           : by == wish_source::rule  ? route_reason::primary_rule
                                      : route_reason::primary_hint;
}

route_reason replica_for(const request_facts& request)
{
    if (request.by == wish_source::listener) {
        return route_reason::listener;
    }
    if (request.hint == route_hint::node) {
        return route_reason::node;
    }
    return request.by == wish_source::setting ? route_reason::replica_setting
           : request.by == wish_source::rule  ? route_reason::replica_rule
                                              : route_reason::replica_hint;
}

route_reason reason_of(const request_facts& request)
{
    switch (request.verdict) {
        case read_verdict::read: return route_reason::read;
        case read_verdict::writes: return route_reason::writes;
        case read_verdict::locks: return route_reason::locks;
        case read_verdict::into: return route_reason::into;
        case read_verdict::session: return route_reason::session;
        case read_verdict::server_state: return route_reason::server_state;
        case read_verdict::unparsed: return route_reason::unparsed;
        case read_verdict::too_large: return route_reason::too_large;
        case read_verdict::function: return route_reason::function;
        case read_verdict::relation: return route_reason::relation;
        case read_verdict::refused: return route_reason::refused;
        case read_verdict::lasting: return route_reason::lasting;
        case read_verdict::isolation: return route_reason::isolation;
        case read_verdict::hint: return primary_for(request.by);
        case read_verdict::transaction: return route_reason::transaction;
        case read_verdict::incomplete: break;
    }
    return route_reason::incomplete;
}

}  // namespace

route_reason decide(const request_facts& request, const session_facts& session)
{
    if (session.stays && request.by != wish_source::listener) {
        return route_reason::stays;
    }
    if (request.reads() && (request.hint == route_hint::replica || request.hint == route_hint::node)) {
        return replica_for(request);
    }
    return reason_of(request);
}

freshness_needed needed_freshness(const policy& rules, const session_facts& session, bool positions, time_point now)
{
    freshness_needed needed;
    const bool has_written = rules.reads != consistency::off && session.written_at != time_point{};
    if (has_written && (positions || now - session.written_at <= rules.write_window)) {
        needed.own_write = session.written_at;
    }
    if (rules.max_lag > duration::zero()) {
        needed.for_lag = now - rules.max_lag;
    }
    return needed;
}

}  // namespace penstock::router
