// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a request whose server is in doubt, by what is known of the cluster: pure.
//
// A primary that refuses a write may have been demoted, a moment before a probe could tell, or be kept from writing on
// purpose. One that was lost may end, and all connections to it with it, so that what is sent again at once may be lost
// again and again. The control plane is asked to look at it; a view that has another primary, or none, tells at once.
#pragma once

#include "router/cluster_view.hpp"

#include "protocols/wire/doubt.hpp"

#include <cstdint>
#include <string_view>

namespace penstock::router {

/// What the control plane has found of a node that it was asked to look at.
enum class node_finding : std::uint8_t {
    none,     ///< it has not looked yet
    unknown,  ///< it cannot look, having no account to do so
    alive,    ///< the node answers; the view says what it is
    silent,   ///< it does not answer, or is about to end
};

enum class doubt_verdict : std::uint8_t {
    ask,     ///< the control plane is to look at the node, once more if it has done so
    again,   ///< the request is sent again to whoever is the primary, or will be
    answer,  ///< what the server has said is the answer
};

/// `node`: "host:port", as nodes are named in pools.
[[nodiscard]] doubt_verdict judge_doubt(doubt why, const cluster_view& view, std::string_view node, node_finding seen);

}  // namespace penstock::router
