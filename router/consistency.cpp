// SPDX-License-Identifier: Apache-2.0
#include "router/consistency.hpp"

#include <algorithm>
#include <iterator>

namespace penstock::router {

bool has_reached(const position& replica, const position& primary)
{
    return replica.timeline == primary.timeline && replica.offset >= primary.offset &&
           replica.executed.has_all_of(primary.executed) && replica.last.has_reached(primary.last, primary.writer);
}

namespace {

/// Something that a node has had it has no longer.
bool is_earlier(const position& now, const position& before)
{
    return now.timeline < before.timeline || now.offset < before.offset || !now.executed.has_all_of(before.executed) ||
           !now.last.goes_on_from(before.last);
}

}  // namespace

bool replay_progress::follow(std::optional<std::size_t> primary)
{
    if (primary == primary_) {
        return false;
    }
    primary_ = primary;
    clear();
    return true;
}

void replay_progress::clear()
{
    samples_.clear();
    weight_ = 0;
    replicas_.clear();
}

void replay_progress::primary_at(time_point asked_at, const position& where)
{
    if (!samples_.empty() && !has_reached(where, samples_.back().where)) {
        clear();  // it is another primary under the same name, or one that was set back
    }
    if (!samples_.empty() && samples_.back().where == where) {
        samples_.back().asked_at = asked_at;  // the same position, and a newer moment
        return;
    }
    weight_ += where.weight();
    samples_.push_back({asked_at, where});
    while (samples_.size() > most_samples || (weight_ > most_weight && samples_.size() > 1)) {
        weight_ -= samples_.front().where.weight();
        samples_.pop_front();
    }
}

time_point replay_progress::replica_at(std::size_t node, const position& where)
{
    auto& one = at(node);
    if (is_earlier(where, one.last)) {
        one = {};  // it has started anew, at an earlier position
    }
    one.last = where;
    const auto beyond = std::partition_point(
        samples_.begin(), samples_.end(), [&where](const sample& each) { return has_reached(where, each.where); });
    if (beyond != samples_.begin()) {
        one.covers = std::max(one.covers, std::prev(beyond)->asked_at);
    }
    return one.covers;
}

void replay_progress::lost(std::size_t node)
{
    at(node) = {};
}

time_point replay_progress::covers(std::size_t node) const
{
    return node < replicas_.size() ? replicas_[node].covers : time_point{};
}

replay_progress::replica& replay_progress::at(std::size_t node)
{
    if (node >= replicas_.size()) {
        replicas_.resize(node + 1);
    }
    return replicas_[node];
}

}  // namespace penstock::router
