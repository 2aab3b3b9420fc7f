// SPDX-License-Identifier: Apache-2.0
//
// Each observation changes one node; then the primary is chosen anew and the view compared with what it was. A node's
// reason is what its probes say, until it is quarantined.
#include "control/topology.hpp"

#include "core/assert.hpp"

#include <algorithm>
#include <bit>
#include <map>
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

std::string_view sentence_of(node_state state)
{
    switch (state) {
        case node_state::up: return "node is up";
        case node_state::quarantined: return "node is quarantined";
        case node_state::left: return "node is left: its cluster lists it no more";
        case node_state::down: break;
    }
    return "node is down";
}

constexpr auto given_role = "its role is given by the configuration";

/// Of so many answers, the last ones, so many with another role than the one before make a node one that flaps.
constexpr std::uint32_t remembered_answers = 16;
constexpr int role_changes_of_one_that_flaps = 6;

}  // namespace

topology::topology(std::string cluster,
                   const std::vector<node_address>& nodes,
                   std::uint32_t failures_until_down,
                   bool grows)
    : past_(nodes.size()), failures_until_down_{failures_until_down}, grows_{grows}
{
    view_.cluster = std::move(cluster);
    view_.version = 1;
    for (const auto& address : nodes) {
        node each;
        each.id = {static_cast<std::uint32_t>(view_.nodes.size())};
        each.host = address.host;
        each.port = address.port;
        auto& past = past_[each.id.value];
        past.reason = "not probed yet";
        if (address.role != node_role::unknown) {
            each.role = address.role;
            past.reason = given_role;
            past.role_is_given = true;
        }
        view_.nodes.push_back(std::move(each));
    }
    if (stands_alone() && !past_.front().role_is_given) {
        view_.nodes.front().role = node_role::primary;
        past_.front().reason = "presumed to be the primary, being the only node";
    }
    choose_primary();
    set_states();
}

bool topology::observe(const probe_observation& seen)
{
    PENSTOCK_ASSERT(seen.node.value < view_.nodes.size());
    auto& node = view_.nodes[seen.node.value];
    auto& past = past_[seen.node.value];
    if (past.alive == node_state::left) {
        events_.clear();
        return false;  // it was under way
    }
    const auto before = view_;
    past.was_heard = past.was_heard || seen.how != probe_observation::kind::failed;
    past.last_probe_answered = seen.how == probe_observation::kind::answered;
    switch (seen.how) {
        case probe_observation::kind::answered:
            take_answer(node, past, seen);
            set_roles();
            compare_histories(seen.node.value);
            forgive(seen.node.value);
            break;
        case probe_observation::kind::refused: take_refusal(past, seen); break;
        case probe_observation::kind::failed: take_failure(past, seen); break;
    }
    choose_primary();
    set_states();
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
        past_[seen.node.value].reason = seen.fault;
    }
    set_states();
    return publish_if_changed(before);
}

bool topology::is_in_doubt() const
{
    return !view_.primary_index || past_[*view_.primary_index].failures_in_a_row > 0;
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
    const bool was_away = past.failures_in_a_row > 0;
    past.failures_in_a_row = 0;
    past.alive = node_state::up;
    node.max_connections = seen.max_connections;
    node.reserved_connections = seen.reserved_connections;
    node.server_version = seen.server_version;
    node.version_text = seen.version_text;
    past.writes_with = seen.writes_with;
    // A promotion, and what was made anew from the one promoted, is of a later timeline; what flaps is of the same one.
    // One that was away may have been restarted as whatever it is now.
    const bool has_gone_on = past.told && seen.past && seen.past->timeline > past.told->timeline;
    past.told = seen.past;
    if (seen.past && !seen.past->database.empty()) {
        past.database = seen.past->database;
    }
    past.follows = !seen.in_recovery && seen.follows;
    past.says = (!seen.says.empty() ? seen.says
                 : seen.in_recovery ? "in recovery"
                                    : "not in recovery") +
                ", says its probe";
    const auto probed = seen.in_recovery ? node_role::replica : node_role::primary;
    const bool changed = past.probed != node_role::unknown && past.probed != probed && !has_gone_on && !was_away;
    past.probed = probed;
    past.role_changes = (past.role_changes << 1U | (changed ? 1U : 0U)) & ((1U << remembered_answers) - 1);
}

/// By the last answers of all. Where there are no others, one that follows nobody knows whom is no replica.
void topology::set_roles()
{
    const bool somebody_leads = std::any_of(past_.begin(), past_.end(), [](const memory& past) {
        return past.probed == node_role::primary && !past.follows;
    });
    for (auto& node : view_.nodes) {
        auto& past = past_[node.id.value];
        if (past.probed == node_role::unknown || !past.last_probe_answered) {
            continue;
        }
        past.told_role = past.follows && somebody_leads ? node_role::replica : past.probed;
        if (!past.role_is_given) {
            node.role = past.told_role;
            past.reason = past.says;
        } else {
            past.reason =
                node.role == past.told_role ? given_role : std::string{given_role} + ", though it is " + past.says;
        }
    }
}

/// Alive, so it counts as up; its role stays what it was.
void topology::take_refusal(memory& past, const probe_observation& seen)
{
    past.failures_in_a_row = 0;
    past.alive = node_state::up;
    past.reason = seen.fault;
}

void topology::take_failure(memory& past, const probe_observation& seen) const
{
    past.reason = seen.fault;
    if (++past.failures_in_a_row >= failures_until_down_) {
        past.failures_in_a_row = failures_until_down_;
        past.alive = node_state::down;
    }
}

/// What this answer proves of the node and of each other one.
void topology::compare_histories(std::size_t index)
{
    auto& own = past_[index];
    own.later.reset();
    own.apart.reset();
    for (std::size_t other = 0; other < past_.size(); ++other) {
        auto& its = past_[other];
        for (auto* known : {&its.later, &its.apart}) {
            if (*known == index) {
                known->reset();
            }
        }
        if (other == index || !own.told || !its.told ||
            (!own.writes_with.empty() && own.writes_with == its.writes_with)) {
            continue;
        }
        const bool both_write = own.told_role == node_role::primary && its.told_role == node_role::primary;
        switch (lineage_of(*own.told, *its.told)) {
            case lineage::unknown: break;
            case lineage::later: its.later = index; break;
            case lineage::earlier: own.later = other; break;
            case lineage::apart:
            case lineage::foreign:
                if (both_write) {
                    own.apart = other;
                    its.apart = index;
                }
                break;
        }
    }
}

/// A primary that was replaced counts again once it has been a replica, or has gone on from its successor; and where
/// the primary's place holds another database than before, and no other node holds the former one, that is the
/// cluster's.
void topology::forgive(std::size_t index)
{
    auto& own = past_[index];
    if (own.told_role == node_role::replica) {
        own.successor.reset();
    }
    if (own.successor && past_[*own.successor].later == index) {
        own.successor.reset();
    }
    const auto is_of_the_cluster = [this](const memory& its) {
        return its.alive == node_state::up && its.database == database_;
    };
    if (last_primary_ == index && own.told && std::none_of(past_.begin(), past_.end(), is_of_the_cluster)) {
        database_.clear();  // made anew in its place
    }
}

/// Of one node there is nothing to choose: whatever it is, everything goes there and the server says what it refuses.
void topology::choose_primary()
{
    view_.reason.clear();
    if (stands_alone()) {
        view_.primary_index = 0;
        return;
    }
    if (const auto* unheard = first_unheard(); unheard != nullptr && !last_primary_) {
        view_.reason = "waiting for the first probe of " + name_of(*unheard);
        return;
    }
    if (!last_primary_) {
        database_ = most_common_database();
    }
    const auto claims = claimants(false);
    view_.primary_index = best_of(claims, view_.primary_index);
    if (view_.primary_index) {
        crown(*view_.primary_index);
    } else if (claims.empty()) {
        view_.reason = "no node that is up is known to be the primary" + quarantined_primaries();
    } else if (are_apart(claims)) {
        view_.reason = "several nodes take writes, and each has what another one lacks";
    } else {
        view_.reason = "several nodes claim to be the primary, and nothing tells which of them it is";
    }
}

/// The first primary is chosen once every node has answered or is down: any of them may have a later history, and a
/// single probe may have been late.
const router::node* topology::first_unheard() const
{
    const router::node* found = nullptr;
    for (const auto& each : view_.nodes) {
        const auto& past = past_[each.id.value];
        if (past.role_is_given && each.role == node_role::primary) {
            return nullptr;
        }
        if (found == nullptr && !past.was_heard && !past.role_is_given && past.alive == node_state::up) {
            found = &each;
        }
    }
    return found;
}

/// Before there was a primary the majority tells what a stranger is; empty where there is none. Nodes that were found
/// have a say only if no configured one has: a list may be another cluster's.
std::string topology::most_common_database() const
{
    std::map<std::string_view, std::size_t> counts;
    const auto count = [&](bool found) {
        for (const auto& node : view_.nodes) {
            const auto& database = past_[node.id.value].database;
            if (node.found == found && !database.empty()) {
                ++counts[database];
            }
        }
    };
    count(false);
    if (counts.empty()) {
        count(true);
    }
    const auto first = std::max_element(
        counts.begin(), counts.end(), [](auto& one, auto& other) { return one.second < other.second; });
    const bool alone =
        std::count_if(counts.begin(), counts.end(), [&](auto& each) { return each.second == first->second; }) == 1;
    return alone ? std::string{first->first} : std::string{};
}

std::string topology::quarantined_primaries() const
{
    std::string text;
    for (std::size_t index = 0; index < past_.size(); ++index) {
        if (past_[index].alive == node_state::up && view_.nodes[index].role == node_role::primary) {
            if (const auto why = why_quarantined(index); !why.empty()) {
                text += "; of " + name_of(view_.nodes[index]) + ": " + why;
            }
        }
    }
    return text;
}

std::optional<std::size_t> topology::best_of(const std::vector<std::size_t>& claims,
                                             std::optional<std::size_t> before) const
{
    if (claims.size() == 1) {
        return claims.front();
    }
    const auto proved = claimants(true);
    if (are_apart(proved)) {
        return std::nullopt;
    }
    if (before && past_[*before].last_probe_answered && claims_to_be_primary(*before)) {
        return before;
    }
    if (proved.size() == 1 || write_together(proved)) {
        return proved.front();
    }
    return std::nullopt;
}

/// From now on this one is it: what it is a copy of is what all have to be, and its predecessor is not written to.
void topology::crown(std::size_t index)
{
    if (const auto& told = past_[index].told; told && !told->database.empty()) {
        database_ = told->database;
    }
    if (last_primary_ && *last_primary_ != index && !write_together({*last_primary_, index}) &&
        past_[*last_primary_].told_role != node_role::replica) {
        past_[*last_primary_].successor = index;
    }
    last_primary_ = index;
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
    return past_[index].alive == node_state::up && view_.nodes[index].role == node_role::primary &&
           may_be_primary(index) && why_quarantined(index).empty();
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

bool topology::are_apart(const std::vector<std::size_t>& nodes) const
{
    return std::any_of(nodes.begin(), nodes.end(), [this, &nodes](std::size_t index) {
        const auto& other = past_[index].apart;
        return other && std::find(nodes.begin(), nodes.end(), *other) != nodes.end();
    });
}

/// Empty where nothing speaks against the node. Of a cluster of one, nothing ever does.
std::string topology::why_quarantined(std::size_t index) const
{
    const auto& past = past_[index];
    if (stands_alone()) {
        return {};
    }
    if (!past.database.empty() && !database_.empty() && past.database != database_) {
        return "it belongs to another cluster: its system identifier is " + past.database + ", that of the primary " +
               database_;
    }
    if (view_.nodes[index].found && past.probed != node_role::unknown && past.database.empty() && !database_.empty()) {
        return "it was found, and does not tell its system identifier: that of the primary is " + database_;
    }
    if (const auto changes = std::popcount(past.role_changes); changes >= role_changes_of_one_that_flaps) {
        return "it flaps: its role has changed " + std::to_string(changes) + " times in its last " +
               std::to_string(remembered_answers) + " answers";
    }
    if (past.role_is_given || view_.nodes[index].role != node_role::primary) {
        return {};
    }
    if (past.later && !past_[*past.later].successor) {  // what one has that was replaced is lost
        return "it takes writes, but " + name_of(view_.nodes[*past.later]) + " has gone on from what it has";
    }
    if (past.successor) {
        return "it takes writes, but " + name_of(view_.nodes[*past.successor]) + " has replaced it as the primary";
    }
    return {};
}

void topology::set_states()
{
    for (std::size_t index = 0; index < view_.nodes.size(); ++index) {
        auto& node = view_.nodes[index];
        auto why = why_quarantined(index);
        const bool quarantined = past_[index].alive == node_state::up && !why.empty();
        node.state = quarantined ? node_state::quarantined : past_[index].alive;
        node.reason = quarantined ? std::move(why) : past_[index].reason;
    }
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
        const auto& now = view_.nodes[index];
        if (index >= before.nodes.size() || name_of(before.nodes[index]) != name_of(now)) {
            events_.push_back({"node is found", name_of(now), "its cluster lists it"});
            continue;
        }
        const auto& was = before.nodes[index];
        if (was.state != now.state) {
            const bool needs_attention = !now.is_up() && now.state != node_state::left;
            events_.push_back({sentence_of(now.state), name_of(now), now.reason, needs_attention});
        }
        if (was.role != now.role && now.state != node_state::left) {
            events_.push_back({"node has another role", name_of(now), router::name_of(now.role)});
        }
        if (!was.endpoints.empty() && was.endpoints != now.endpoints) {
            events_.push_back({"node has other addresses", name_of(now), now.endpoints.front().text()});
        }
    }
    const bool has_another = before.primary_index != view_.primary_index;
    const bool waits = first_unheard() != nullptr && !last_primary_;
    if (view_.primary_index && has_another) {
        events_.push_back({"cluster has another primary",
                           view_.cluster,
                           name_of(*view_.primary()),
                           before.primary_index.has_value()});
    } else if (!view_.primary_index && !waits && (has_another || before.reason != view_.reason)) {
        events_.push_back({"cluster has no primary", view_.cluster, view_.reason, true});
    }
}

}  // namespace penstock::control
