// SPDX-License-Identifier: Apache-2.0
//
// What a session tells of its pins. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"
#include "settings/lookup.hpp"
#include "telemetry/log.hpp"

#include <algorithm>

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

/// What the settings say for this user, now.
template <protocol P>
pin_rules session<P>::pin_rules_of_user() const
{
    const auto& tree = *worker_.current()->settings;
    const auto* const user = settings::find_user(tree, user_);
    const auto policy = user != nullptr ? user->on_pin.value_or(tree.pool.on_pin) : tree.pool.on_pin;
    pin_rules rules;
    rules.tells = tree.pool.pin_notice;
    if (policy == settings::pin_policy::log_only) {
        rules.excused = pins_of_statements();
    } else {
        const auto& filters = tree.pool.pinning_filters;
        if (std::find(filters.begin(), filters.end(), settings::exclude_variable_sets) != filters.end()) {
            rules.excused.add(pin_reason::unknown_setting);
            rules.excused.add(pin_reason::user_variable);
        }
        if (policy == settings::pin_policy::reject) {
            rules.refused = pins_of_statements();
            rules.refused.remove(rules.excused);
        }
    }
    return rules;
}

/// Outside of transactions nothing is kept for these reasons; who borrows the connection next gets a clean one.
template <protocol P>
void session<P>::excuse_pins()
{
    const auto excused = front_->pins().common_with(excused_);
    if (excused.empty() || !lease_->half().is_idle()) {
        return;
    }
    front_->excuse(excused);
    lease_->needs(cleanup::everything);
    follow_pins(worker_.driver().now());
}

}  // namespace penstock::proxy
