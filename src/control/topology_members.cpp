// SPDX-License-Identifier: Apache-2.0
//
// The part of topology that takes lists of members in: nodes are found, return and are left. Each keeps its place, and
// with it what is known of it, for as long as there are places.
#include "control/topology.hpp"

#include "router/freshness_board.hpp"

#include <algorithm>

namespace penstock::control {
namespace {

using router::node_role;
using router::node_state;

/// Names of hosts are the same whatever their case.
bool is_same_host(std::string_view one, std::string_view other)
{
    const auto lower = [](char octet) { return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet + 32) : octet; };
    return std::equal(one.begin(), one.end(), other.begin(), other.end(), [&](char left, char right) {
        return lower(left) == lower(right);
    });
}

/// A name with several addresses of a kind is no server's own: it may stand for all servers of the cluster.
bool is_the_address_of(const router::node& node, const net::endpoint& address)
{
    const auto is_alike = [&address](const net::endpoint& each) {
        return each.address.ss_family == address.address.ss_family;
    };
    const auto& all = node.endpoints;
    return std::count_if(all.begin(), all.end(), is_alike) == 1 &&
           std::find(all.begin(), all.end(), address) != all.end();
}

}  // namespace

bool topology::observe(const member_list& seen)
{
    events_.clear();
    if (!seen.fault.empty()) {
        return false;
    }
    const auto before = view_;
    for (auto& past : past_) {
        past.unlisted = std::min(past.unlisted + 1, lists_until_left + lists_until_reused);
    }
    bool is_full = false;
    for (const auto& each : seen.members) {
        const auto place = place_of(each);
        if (const auto index = place || !each.runs ? place : place_for(each)) {
            take_member(*index, each);
        } else {
            is_full = is_full || each.runs;
        }
    }
    for (std::size_t index = 0; index < past_.size(); ++index) {
        const auto& past = past_[index];
        if (view_.nodes[index].found && past.alive != node_state::left && past.unlisted >= lists_until_left &&
            !claims_to_be_primary(index)) {
            leave(index);
        }
    }
    choose_primary();
    set_states();
    const bool changed = publish_if_changed(before);
    if (is_full && !is_full_) {
        events_.push_back({"a node is not used: its cluster has more than 64", view_.cluster, {}, true});
    }
    is_full_ = is_full;
    return changed;
}

bool topology::contradicts(const member_list& seen) const
{
    return std::any_of(seen.members.begin(), seen.members.end(), [this](const member& each) {
        return each.leads && place_of(each) != view_.primary_index;
    });
}

/// A node is the same if it is called the same, or if a numeric address that is listed is its own.
std::optional<std::size_t> topology::place_of(const member& listed) const
{
    const auto numeric = net::numeric_endpoint(listed.host, listed.port);
    std::optional<std::size_t> by_address;
    for (std::size_t index = 0; index < view_.nodes.size(); ++index) {
        const auto& each = view_.nodes[index];
        if (each.port == listed.port && is_same_host(each.host, listed.host)) {
            return by_address && !view_.nodes[*by_address].found ? by_address : index;
        }
        if (numeric.has_value() && !by_address && past_[index].alive != node_state::left &&
            is_the_address_of(each, *numeric)) {
            by_address = index;
        }
    }
    return by_address;
}

/// A new node's; none where there are too many.
std::optional<std::size_t> topology::place_for(const member& found)
{
    auto index = view_.nodes.size();
    if (index < router::most_nodes) {
        view_.nodes.emplace_back();
        past_.emplace_back();
    } else if (const auto old = reusable_place()) {
        index = *old;
    } else {
        return std::nullopt;
    }
    router::node one;
    one.id = {static_cast<std::uint32_t>(index)};
    one.host = found.host;
    one.port = found.port;
    one.found = true;
    view_.nodes[index] = std::move(one);
    past_[index] = {};
    past_[index].reason = "found and not probed yet";
    return index;
}

/// One that was left long ago, unless something that is known of another node refers to it.
std::optional<std::size_t> topology::reusable_place() const
{
    for (std::size_t index = 0; index < past_.size(); ++index) {
        const auto& past = past_[index];
        const bool is_free = past.alive == node_state::left && past.unlisted >= lists_until_left + lists_until_reused;
        const bool is_needed =
            last_primary_ == index || std::any_of(past_.begin(), past_.end(), [&](const memory& its) {
                return its.later == index || its.apart == index || its.successor == index;
            });
        if (is_free && !is_needed) {
            return index;
        }
    }
    return std::nullopt;
}

/// One that had been left is probed again, as a new one is; what it was told to be before holds no more.
void topology::take_member(std::size_t index, const member& listed)
{
    auto& past = past_[index];
    past.unlisted = 0;
    view_.nodes[index].spared = !listed.reads;
    if (past.alive == node_state::left && listed.runs) {
        past.alive = node_state::up;
        past.was_heard = false;
        past.reason = "found again and not probed yet";
    }
}

/// What its history has proved of it and of others stays.
void topology::leave(std::size_t index)
{
    auto& past = past_[index];
    past.alive = node_state::left;
    past.failures_in_a_row = 0;
    past.last_probe_answered = false;
    past.probed = node_role::unknown;
    past.told_role = node_role::unknown;
    past.follows = false;
    past.told.reset();
    past.database.clear();
    past.reason = "its cluster lists it no more";
    auto& node = view_.nodes[index];
    node.role = node_role::unknown;
    node.max_connections = 0;
    node.reserved_connections = 0;
}

}  // namespace penstock::control
