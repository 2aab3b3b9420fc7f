// SPDX-License-Identifier: Apache-2.0
//
// Each observation changes one node; then the primary is chosen anew and the view compared with what it was.
#include "control/topology.hpp"

#include "core/assert.hpp"

#include <algorithm>
#include <utility>

namespace penstock::control {
namespace {

using router::node;
using router::node_role;
using router::node_state;

std::string name_of(const node& each)
{
    return each.host + (each.host.starts_with('/') ? " port " : ":") + std::to_string(each.port);
}

constexpr auto given_role = "its role is given by the configuration";

}  // namespace

topology::topology(std::string cluster, const std::vector<node_address>& nodes, std::uint32_t failures_until_down)
    : past_(nodes.size()), failures_until_down_{failures_until_down}
{
    view_.cluster = std::move(cluster);
    view_.version = 1;
    for (const auto& address : nodes) {
        node each;
        each.id = {static_cast<std::uint32_t>(view_.nodes.size())};
        each.host = address.host;
        each.port = address.port;
        each.reason = "not probed yet";
        if (address.role != node_role::unknown) {
            each.role = address.role;
            each.reason = given_role;
            past_[each.id.value].role_is_given = true;
        }
        view_.nodes.push_back(std::move(each));
    }
    if (view_.nodes.size() == 1 && !past_.front().role_is_given) {
        view_.nodes.front().role = node_role::primary;
        view_.nodes.front().reason = "presumed to be the primary, being the only node";
    }
    choose_primary();
}

bool topology::observe(const probe_observation& seen)
{
    PENSTOCK_ASSERT(seen.node.value < view_.nodes.size());
    const auto before = view_;
    auto& node = view_.nodes[seen.node.value];
    auto& past = past_[seen.node.value];
    past.last_probe_answered = seen.how == probe_observation::kind::answered;
    switch (seen.how) {
        case probe_observation::kind::answered: take_answer(node, past, seen); break;
        case probe_observation::kind::refused: take_refusal(node, past, seen); break;
        case probe_observation::kind::failed: take_failure(node, past, seen); break;
    }
    choose_primary();
    return publish_if_changed(before);
}

bool topology::observe(const address_observation& seen)
{
    PENSTOCK_ASSERT(seen.node.value < view_.nodes.size());
    const auto before = view_;
    auto& node = view_.nodes[seen.node.value];
    if (!seen.endpoints.empty()) {
        take_addresses(node, seen);
    } else if (node.endpoints.empty()) {
        node.reason = seen.fault;
    }
    return publish_if_changed(before);
}

/// The same addresses in another order are no news: resolvers rotate them.
void topology::take_addresses(node& node, const address_observation& seen)
{
    const auto& old = node.endpoints;
    if (!std::is_permutation(old.begin(), old.end(), seen.endpoints.begin(), seen.endpoints.end())) {
        node.endpoints = seen.endpoints;
    }
}

void topology::take_answer(node& node, memory& past, const probe_observation& seen)
{
    past.failures_in_a_row = 0;
    node.state = node_state::up;
    node.max_connections = seen.max_connections;
    node.reserved_connections = seen.reserved_connections;
    node.server_version = seen.server_version;
    node.version_text = seen.version_text;
    past.writes_with = seen.writes_with;
    const auto probed = seen.in_recovery ? node_role::replica : node_role::primary;
    const auto says = (!seen.says.empty() ? seen.says
                       : seen.in_recovery ? "in recovery"
                                          : "not in recovery") +
                      ", says its probe";
    if (!past.role_is_given) {
        node.role = probed;
        node.reason = says;
    } else {
        node.reason = node.role == probed ? given_role : std::string{given_role} + ", though it is " + says;
    }
}

/// Alive, so it counts as up; its role stays what it was.
void topology::take_refusal(node& node, memory& past, const probe_observation& seen)
{
    past.failures_in_a_row = 0;
    node.state = node_state::up;
    node.reason = seen.fault;
}

void topology::take_failure(node& node, memory& past, const probe_observation& seen) const
{
    node.reason = seen.fault;
    if (++past.failures_in_a_row >= failures_until_down_) {
        past.failures_in_a_row = failures_until_down_;
        node.state = node_state::down;
    }
}

/// Of one node there is nothing to choose: whatever it is, everything goes there and the server says what it refuses.
void topology::choose_primary()
{
    view_.reason.clear();
    if (view_.nodes.size() == 1) {
        view_.primary_index = 0;
        return;
    }
    const auto before = std::exchange(view_.primary_index, std::nullopt);
    const auto claims = claimants(false);
    const auto proved = claimants(true);
    if (claims.size() == 1) {
        view_.primary_index = claims.front();
    } else if (before && past_[*before].last_probe_answered && claims_to_be_primary(*before)) {
        view_.primary_index = before;
    } else if (proved.size() == 1) {
        view_.primary_index = proved.front();
    } else if (write_together(proved)) {
        view_.primary_index = proved.front();
    } else {
        view_.reason = claims.empty() ? "no node that is up is known to be the primary"
                                      : "several nodes claim to be the primary, none of which was it before";
    }
}

/// Indices of the nodes that are up and primary by their last answer; `proved`: and that answered the last probe too.
std::vector<std::size_t> topology::claimants(bool proved) const
{
    std::vector<std::size_t> found;
    for (std::size_t index = 0; index < view_.nodes.size(); ++index) {
        if (claims_to_be_primary(index) && (!proved || past_[index].last_probe_answered)) {
            found.push_back(index);
        }
    }
    return found;
}

bool topology::claims_to_be_primary(std::size_t index) const
{
    return view_.nodes[index].is_up() && view_.nodes[index].role == node_role::primary && may_be_primary(index);
}

/// Where the configuration names a primary, no other node can be it, whatever it says of itself.
bool topology::may_be_primary(std::size_t index) const
{
    const auto is_given = [this](const node& each) {
        return past_[each.id.value].role_is_given && each.role == node_role::primary;
    };
    return is_given(view_.nodes[index]) || std::none_of(view_.nodes.begin(), view_.nodes.end(), is_given);
}

bool topology::write_together(const std::vector<std::size_t>& nodes) const
{
    return !nodes.empty() && !past_[nodes.front()].writes_with.empty() &&
           std::all_of(nodes.begin(), nodes.end(), [this, &nodes](std::size_t index) {
               return past_[index].writes_with == past_[nodes.front()].writes_with;
           });
}

bool topology::publish_if_changed(const router::cluster_view& before)
{
    events_.clear();
    if (before.nodes == view_.nodes && before.primary_index == view_.primary_index && before.reason == view_.reason) {
        return false;
    }
    ++view_.version;
    note_changes(before);
    return true;
}

void topology::note_changes(const router::cluster_view& before)
{
    for (std::size_t index = 0; index < view_.nodes.size(); ++index) {
        const auto& was = before.nodes[index];
        const auto& now = view_.nodes[index];
        if (was.state != now.state) {
            events_.push_back({now.is_up() ? "node is up" : "node is down", name_of(now), now.reason, !now.is_up()});
        }
        if (was.role != now.role) {
            events_.push_back({"node has another role", name_of(now), router::name_of(now.role)});
        }
        if (!was.endpoints.empty() && was.endpoints != now.endpoints) {
            events_.push_back({"node has other addresses", name_of(now), now.endpoints.front().text()});
        }
    }
    if (before.primary_index != view_.primary_index) {
        events_.push_back({view_.primary_index ? "cluster has another primary" : "cluster has no primary",
                           view_.cluster,
                           view_.primary_index ? name_of(*view_.primary()) : view_.reason,
                           before.primary_index.has_value()});
    }
}

}  // namespace penstock::control
