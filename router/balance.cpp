// SPDX-License-Identifier: Apache-2.0
#include "router/balance.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>

namespace penstock::router {

namespace {

const node_preference& preference_of(const policy& rules, std::size_t node)
{
    return node < rules.nodes.size() ? rules.nodes[node] : rules.others;
}

bool may_serve(const node& which)
{
    return which.role == node_role::replica && which.is_up() && !which.drained && !which.spared &&
           !which.endpoints.empty();
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

/// Of a latency, while nothing is heard. Most answers come sooner after each other than would be worth working it out.
double left_after(duration silence)
{
    if (silence < milliseconds{10}) {
        return 1;
    }
    return std::exp2(-seconds_of(silence) / seconds_of(balance::latency_half_life));
}

}  // namespace

void balance::follow(const cluster_view& view, time_point now)
{
    serving_ = 0;
    has_primary_ = view.primary() != nullptr;
    places_.resize(view.nodes.size());
    nodes_.resize(std::max(nodes_.size(), view.nodes.size()));
    for (std::size_t place = 0; place < view.nodes.size(); ++place) {
        const auto& which = view.nodes[place];
        auto& past = nodes_[place];
        if (which.is_up() && !past.was_up) {
            past.returned_at = now;
        }
        past.was_up = which.is_up();
        if (place < most_nodes && may_serve(which)) {
            serving_ |= std::uint64_t{1} << place;
        }
    }
}

route balance::choose(const policy& rules,
                      const freshness_board& board,
                      const freshness_needed& needed,
                      route_reason wish,
                      time_point now,
                      std::optional<std::size_t> only,
                      const node_set& full)
{
    std::size_t count = 0;
    auto best = tier::none;
    auto why_not = route_reason::no_replica;
    for (auto rest = serving_; rest != 0; rest &= rest - 1) {
        const auto place = static_cast<std::size_t>(std::countr_zero(rest));
        const auto& wanted = preference_of(rules, place);
        if (only ? *only != place : wanted.weight == 0) {
            continue;
        }
        const auto covered = board.covers(place);
        if (!needed.has_own_write(covered)) {
            why_not = worse(why_not, route_reason::own_write);
            continue;
        }
        if (!needed.is_recent(covered)) {
            why_not = worse(why_not, route_reason::lag);
            continue;
        }
        if (has_primary_ && nodes_[place].rests_until > now) {
            why_not = worse(why_not, route_reason::set_aside);
            continue;
        }
        const auto among = tier_of(wanted, full[place]);
        if (among < best) {
            best = among;
            count = 0;
        }
        if (among == best) {
            places_[count++] = place;
        }
    }
    if (count == 0) {
        return {.replica = {}, .reason = why_not};
    }
    return {.replica = count == 1 ? places_[0] : pick(count, rules, now), .reason = wish};
}

balance::tier balance::tier_of(const node_preference& wanted, bool is_full)
{
    if (wanted.backup) {
        return is_full ? tier::full_backup : tier::backup;
    }
    if (wanted.near) {
        return is_full ? tier::full_near : tier::near;
    }
    return is_full ? tier::full_far : tier::far;
}

void balance::ended(std::size_t node, duration took, time_point now)
{
    auto& one = at(node);
    one.outstanding -= one.outstanding > 0 ? 1 : 0;
    if (one.failures > 0) {
        one.failures = 0;
        one.returned_at = now;
    }
    const auto known = latency_of(one, now);
    const auto newest = one.latency == 0 ? 1.0 : std::max(0.125, 1 - left_after(now - one.heard_at));
    one.latency = static_cast<float>(known + (seconds_of(took) - known) * newest);
    one.heard_at = now;
}

double balance::latency_of(const memory& past, time_point now)
{
    return past.latency * left_after(now - past.heard_at);
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

void balance::forget(std::size_t node)
{
    auto& one = at(node);
    memory fresh;
    fresh.outstanding = one.outstanding;
    one = fresh;
}

/// Of its weight: a node that has just come back begins with a tenth.
double balance::share_of(const memory& past, time_point now)
{
    if (past.returned_at == time_point{} || now - past.returned_at >= slow_start) {
        return 1;
    }
    return std::max(0.1, seconds_of(now - past.returned_at) / seconds_of(slow_start));
}

std::size_t balance::pick(std::size_t count, const policy& rules, time_point now)
{
    candidates_.clear();
    for (std::size_t each = 0; each < count; ++each) {
        const auto place = places_[each];
        const double weight = preference_of(rules, place).weight;
        candidates_.push_back({place, weight, share_of(nodes_[place], now)});
    }
    switch (rules.method) {
        case balance_method::round_robin: return take_turns(true);
        case balance_method::weighted: return take_turns(false);
        case balance_method::latency: return least_loaded(true, now);
        case balance_method::least_outstanding: break;
    }
    return least_loaded(false, now);
}

/// Everybody earns its weight; the richest serves and pays what all have earned.
std::size_t balance::take_turns(bool equal)
{
    double sum = 0;
    const candidate* chosen = nullptr;
    for (const auto& each : candidates_) {
        const double earned = (equal ? 1.0 : each.weight) * each.share;
        sum += earned;
        at(each.node).credit += earned;
        if (chosen == nullptr || at(each.node).credit > at(chosen->node).credit) {
            chosen = &each;
        }
    }
    at(chosen->node).credit -= sum;
    return chosen->node;
}

/// One that has just come back is looked at in a share of the choices: were its share part of its load, nobody would
/// ever choose it where few requests are under way, nor see that it serves.
bool balance::takes_part(const candidate& which)
{
    if (which.share >= 1) {
        return true;
    }
    auto& part = at(which.node).part;
    part += static_cast<float>(which.share);
    if (part < 1) {
        return false;
    }
    part -= 1;
    return true;
}

/// Ties go to the one that was chosen longest ago.
std::size_t balance::least_loaded(bool by_latency, time_point now)
{
    const auto taking_part = std::partition(
        candidates_.begin(), candidates_.end(), [this](const candidate& each) { return takes_part(each); });
    const auto end = taking_part == candidates_.begin() ? candidates_.end() : taking_part;  // somebody must serve
    const candidate* chosen = nullptr;
    double least = 0;
    for (auto each = candidates_.begin(); each != end; ++each) {
        const auto& past = at(each->node);
        const double load = (1.0 + past.outstanding) * (by_latency ? latency_of(past, now) + 1e-6 : 1.0) / each->weight;
        if (chosen == nullptr || load < least || (load == least && past.chosen < at(chosen->node).chosen)) {
            chosen = &*each;
            least = load;
        }
    }
    at(chosen->node).chosen = ++choices_;
    return chosen->node;
}

}  // namespace penstock::router
