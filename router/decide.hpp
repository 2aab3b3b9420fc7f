// SPDX-License-Identifier: Apache-2.0
//
// Primary or replica: the policy, pure. Which replica is balance's choice.
//
// Whatever is not proved a plain read goes to the primary. A proved one may go to a replica that is fresh enough, and
// how fresh that is follows from what its scope has written last and from max_replica_lag.
#pragma once

#include "router/policy.hpp"
#include "router/route.hpp"

#include "protocols/wire/request_facts.hpp"

namespace penstock::router {

/// What of a session counts for a route.
struct session_facts {
    bool stays = false;       ///< it keeps its server: pinned, or pooled by session
    time_point written_at{};  ///< when the last write of its scope ended; the epoch: it has none that counts
};

/// What a node has to cover, so that a request may be sent there; the epoch: nothing.
struct freshness_needed {
    time_point own_write{};
    time_point for_lag{};
    [[nodiscard]] time_point all() const { return own_write > for_lag ? own_write : for_lag; }
    /// Whether a node that covers that moment has the writes of the session's scope, and is not too far behind.
    [[nodiscard]] bool has_own_write(time_point covered) const
    {
        return own_write == time_point{} || covered > own_write;
    }
    [[nodiscard]] bool is_recent(time_point covered) const { return for_lag == time_point{} || covered >= for_lag; }
};

/// The reason to go where the request and the session say; goes_to_replica() of it tells which.
[[nodiscard]] route_reason decide(const request_facts& request, const session_facts& session);

/// Where positions cannot be had (`positions`: they can), a write counts for as long as the window says.
[[nodiscard]] freshness_needed needed_freshness(const policy& rules,
                                                const session_facts& session,
                                                bool positions,
                                                time_point now);

}  // namespace penstock::router
