// SPDX-License-Identifier: Apache-2.0
//
// What a session tells of its pins. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"
#include "telemetry/log.hpp"

namespace penstock::proxy {

/// The session is pinned for other reasons than before, or is not any more.
template <protocol P>
void session<P>::follow_pins(time_point now)
{
    const auto& cause = front_->pin_cause();
    auto digest = digest_of_shape(cause ? *cause : std::string_view{});
    const auto added = pins_.follow(front_->pins(), digest, now, *pool_->counters);
    if (added.empty() || added == pin_set{pin_reason::session_pooling}) {
        return;
    }
    log::info("client is pinned to its server connection",
              {{"client", client_.peer_address()},
               {"user", user_},
               {"database", database_},
               {"reason", to_string(added)},
               {"statement", digest}});
    if (cause) {
        worker_.pin_statements().note(std::move(digest),
                                      *cause,
                                      engine_of_protocol<P>,
                                      added,
                                      {.user = user_, .database = database_, .application_name = application_name()});
    }
}

}  // namespace penstock::proxy
