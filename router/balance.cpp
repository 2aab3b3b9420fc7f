// SPDX-License-Identifier: Apache-2.0
#include "router/balance.hpp"

#include <algorithm>
#include <chrono>

namespace penstock::router {

namespace {

const node_preference& preference_of(const policy& rules, std::size_t node)
{
    static const node_preference usual{};
    return node < rules.nodes.size() ? rules.nodes[node] : usual;
}

bool may_serve(const node& which)
{
    return which.role == node_role::replica && which.is_up() && !which.endpoints.empty();
}

/// Of two replicas that cannot serve, the one that nearly could gives the reason.
route_reason worse(route_reason left, route_reason right)
{
    const auto rank = [](route_reason why) {
        return why == route_reason::own_write   ? 3
               : why == route_reason::lag       ? 2
               : why == route_reason::set_aside ? 1
                                                : 0;
    };
    return rank(left) < rank(right) ? right : left;
}

double seconds_of(duration span)
{
    return std::chrono::duration<double>(span).count();
}

}  // namespace

route balance::choose(const cluster_view& view,
                      const policy& rules,
                      const freshness_board& board,
                      const freshness_needed& needed,
                      route_reason wish,
                      time_point now,
                      std::optional<std::size_t> only)
{
    note_states(view, now);
    near_.clear();
    far_.clear();
    backups_.clear();
    auto why_not = route_reason::no_replica;
    const bool may_rest = view.primary() != nullptr;
    for (std::size_t place = 0; place < view.nodes.size(); ++place) {
        const auto& wanted = preference_of(rules, place);
        if (!may_serve(view.nodes[place]) || (only ? *only != place : wanted.weight == 0)) {
            continue;
        }
        const auto covered = board.covers(place);
        if (needed.own_write != time_point{} && covered <= needed.own_write) {
            why_not = worse(why_not, route_reason::own_write);
            continue;
        }
        if (needed.for_lag != time_point{} && covered < needed.for_lag) {
            why_not = worse(why_not, route_reason::lag);
            continue;
        }
        const auto& past = at(place);
        if (may_rest && past.rests_until > now) {
            why_not = worse(why_not, route_reason::set_aside);
            continue;
        }
        auto& tier = wanted.backup ? backups_ : wanted.near ? near_ : far_;
        tier.push_back({place, weight_of(past, wanted, now)});
    }
    auto& tier = !near_.empty() ? near_ : !far_.empty() ? far_ : backups_;
    if (tier.empty()) {
        return {.replica = {}, .reason = why_not};
    }
    return {.replica = pick(tier, rules.method), .reason = wish};
}

void balance::ended(std::size_t node, duration took, time_point now)
{
    auto& one = at(node);
    withdrew(node);
    if (one.failures > 0) {
        one.failures = 0;
        one.returned_at = now;
    }
    const auto seconds = seconds_of(took);
    one.latency = one.latency == 0 ? seconds : one.latency + (seconds - one.latency) / 8;
}

void balance::failed(std::size_t node, time_point now)
{
    auto& one = at(node);
    withdrew(node);
    if (one.rests_until > now) {
        return;  // of the same failure, most likely
    }
    constexpr std::uint32_t most_doublings = 6;
    const auto rest = first_rest * (1U << std::min(one.failures, most_doublings));
    one.rests_until = now + std::min<duration>(rest, longest_rest);
    ++one.failures;
}

void balance::withdrew(std::size_t node)
{
    auto& one = at(node);
    one.outstanding -= one.outstanding > 0 ? 1 : 0;
}

balance::memory& balance::at(std::size_t node)
{
    if (node >= nodes_.size()) {
        nodes_.resize(node + 1);
    }
    return nodes_[node];
}

void balance::note_states(const cluster_view& view, time_point now)
{
    for (std::size_t place = 0; place < view.nodes.size(); ++place) {
        auto& one = at(place);
        const bool up = view.nodes[place].is_up();
        if (up && !one.was_up) {
            one.returned_at = now;
        }
        one.was_up = up;
    }
}

/// A node that has just come back begins with a tenth of its share.
double balance::weight_of(const memory& past, const node_preference& wanted, time_point now) const
{
    const double full = wanted.weight;
    if (past.returned_at == time_point{} || now - past.returned_at >= slow_start) {
        return full;
    }
    const double share = seconds_of(now - past.returned_at) / seconds_of(slow_start);
    return full * std::max(0.1, share);
}

std::size_t balance::pick(std::vector<candidate>& among, balance_method method)
{
    switch (method) {
        case balance_method::round_robin: return take_turns(among, true);
        case balance_method::weighted: return take_turns(among, false);
        case balance_method::latency: return least_loaded(among, true);
        case balance_method::least_outstanding: break;
    }
    return least_loaded(among, false);
}

/// Everybody earns its weight; the richest serves and pays what all have earned.
std::size_t balance::take_turns(const std::vector<candidate>& among, bool equal)
{
    double sum = 0;
    const candidate* chosen = nullptr;
    for (const auto& each : among) {
        // Of equals, one that has just come back still serves less.
        const double earned = equal ? std::min(1.0, each.weight) : each.weight;
        sum += earned;
        at(each.node).credit += earned;
        if (chosen == nullptr || at(each.node).credit > at(chosen->node).credit) {
            chosen = &each;
        }
    }
    at(chosen->node).credit -= sum;
    return chosen->node;
}

std::size_t balance::least_loaded(const std::vector<candidate>& among, bool by_latency)
{
    const candidate* chosen = nullptr;
    double least = 0;
    ++turn_;
    for (std::size_t step = 0; step < among.size(); ++step) {
        const auto& each = among[(turn_ + step) % among.size()];
        const auto& past = at(each.node);
        const double load = (1.0 + past.outstanding) * (by_latency ? past.latency + 1e-6 : 1.0) / each.weight;
        if (chosen == nullptr || load < least) {
            chosen = &each;
            least = load;
        }
    }
    return chosen->node;
}

}  // namespace penstock::router
