// SPDX-License-Identifier: Apache-2.0
#include "router/doubt.hpp"

#include <algorithm>

namespace penstock::router {

namespace {

const node* find(const cluster_view& view, std::string_view name)
{
    const auto found = std::find_if(view.nodes.begin(), view.nodes.end(), [name](const node& each) {
        return each.host + ":" + std::to_string(each.port) == name;
    });
    return found == view.nodes.end() ? nullptr : &*found;
}

/// One that stays the primary though it takes no writes is the only one there is, and somebody wants it so.
doubt_verdict of_demoted(const cluster_view& view, const node& which, node_finding seen)
{
    if (view.primary() != &which) {
        return doubt_verdict::again;
    }
    if (which.role != node_role::primary || seen == node_finding::unknown) {
        return doubt_verdict::answer;
    }
    const bool is_known = seen == node_finding::alive || !which.is_up();
    return is_known ? doubt_verdict::again : doubt_verdict::ask;
}

/// Whoever has broken the read off on a server that goes on has meant it.
doubt_verdict of_interrupted(const node& which, node_finding seen)
{
    if (!which.is_up() || seen == node_finding::silent) {
        return doubt_verdict::again;
    }
    return seen == node_finding::none ? doubt_verdict::ask : doubt_verdict::answer;
}

doubt_verdict of_lost(const cluster_view& view, const node& which, node_finding seen)
{
    const bool is_over = view.primary() != &which || !which.is_up();
    const bool is_told = seen == node_finding::alive || seen == node_finding::unknown;
    return is_over || is_told ? doubt_verdict::again : doubt_verdict::ask;
}

/// A server that is shut down says the same as one whose connection somebody has ended.
doubt_verdict of_ended(const cluster_view& view, const node& which, node_finding seen)
{
    return view.primary() != &which ? doubt_verdict::again : of_interrupted(which, seen);
}

}  // namespace

doubt_verdict judge_doubt(doubt why, const cluster_view& view, std::string_view name, node_finding seen)
{
    const auto* const which = find(view, name);
    if (which == nullptr) {
        return doubt_verdict::again;  // it has been left
    }
    switch (why) {
        case doubt::demoted: return of_demoted(view, *which, seen);
        case doubt::interrupted: return of_interrupted(*which, seen);
        case doubt::lost: return of_lost(view, *which, seen);
        case doubt::ended: return of_ended(view, *which, seen);
        case doubt::none: break;
    }
    return doubt_verdict::answer;
}

}  // namespace penstock::router
