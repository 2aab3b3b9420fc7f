// SPDX-License-Identifier: Apache-2.0
#include "router/consistency.hpp"

#include <algorithm>

namespace penstock::router {

bool has_reached(const position& replica, const position& primary)
{
    return replica.timeline == primary.timeline && replica.offset >= primary.offset;
}

bool replay_progress::follow(std::optional<std::size_t> primary)
{
    if (primary == primary_) {
        return false;
    }
    primary_ = primary;
    samples_.clear();
    replicas_.clear();
    return true;
}

void replay_progress::primary_at(time_point asked_at, const position& where)
{
    if (!samples_.empty() &&
        (samples_.back().where.timeline != where.timeline || samples_.back().where.offset > where.offset)) {
        samples_.clear();  // it is another primary under the same name, or one that was set back
        replicas_.clear();
    }
    if (!samples_.empty() && samples_.back().where == where) {
        samples_.back().asked_at = asked_at;  // the same position, and a newer moment
        return;
    }
    samples_.push_back({asked_at, where});
    if (samples_.size() > most_samples) {
        samples_.pop_front();
    }
}

time_point replay_progress::replica_at(std::size_t node, const position& where)
{
    auto& one = at(node);
    if (where.timeline < one.last.timeline || where.offset < one.last.offset) {
        one = {};  // it has started anew, at an earlier position
    }
    one.last = where;
    const auto beyond = std::find_if(
        samples_.rbegin(), samples_.rend(), [&where](const sample& each) { return has_reached(where, each.where); });
    if (beyond != samples_.rend()) {
        one.covers = std::max(one.covers, beyond->asked_at);
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
