// SPDX-License-Identifier: Apache-2.0
//
// Where a request goes, and why: every route has its reason, which metrics and reports name.
#pragma once

#include "router/cluster_view.hpp"

#include "protocols/wire/request_facts.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::router {

/// Why a request went where it did.
enum class route_reason : std::uint8_t {
    // to a replica
    read,          ///< a proved read
    replica_hint,  ///< a comment asked for one
    // to the primary, because of the request
    writes,
    locks,
    into,
    session,
    server_state,
    unparsed,
    too_large,
    function,
    refused,
    incomplete,
    lasting,
    isolation,
    primary_hint,
    // to the primary, because of the session
    stays,      ///< the session keeps its server
    own_write,  ///< no replica is known to have what this session, or this user, has written
    // to the primary, because of the replicas
    no_replica,  ///< none is up
    set_aside,   ///< all that are up have failed lately
    lag,         ///< all are further behind than max_replica_lag, or may be
    // a second time
    healed,  ///< a replica refused it as a write
    lost,    ///< the replica was lost before it had answered
    // to a replica, because somebody asked for one
    replica_setting,  ///< the session, by SET
    replica_rule,     ///< a rule of the configuration
    node,             ///< a comment or a rule has named it
    listener,         ///< the client has come to where there is nothing but reading
    // to the primary likewise
    primary_setting,
    primary_rule,
    transaction,  ///< it begins a transaction that may write
    relation,     ///< what it names can be read on the primary only
};
inline constexpr std::size_t route_reason_count = static_cast<std::size_t>(route_reason::relation) + 1;

/// Words for reports and metrics.
[[nodiscard]] constexpr std::string_view name_of(route_reason why)
{
    switch (why) {
        case route_reason::read: return "read";
        case route_reason::replica_hint: return "replica_hint";
        case route_reason::writes: return "write";
        case route_reason::locks: return "locking_read";
        case route_reason::into: return "select_into";
        case route_reason::session: return "session_command";
        case route_reason::server_state: return "server_state";
        case route_reason::unparsed: return "unparsed";
        case route_reason::too_large: return "too_large";
        case route_reason::function: return "function";
        case route_reason::refused: return "refused_before";
        case route_reason::incomplete: return "incomplete";
        case route_reason::lasting: return "session_effect";
        case route_reason::isolation: return "isolation";
        case route_reason::primary_hint: return "primary_hint";
        case route_reason::stays: return "pinned";
        case route_reason::own_write: return "own_write";
        case route_reason::no_replica: return "no_replica";
        case route_reason::set_aside: return "replicas_failing";
        case route_reason::lag: return "replica_lag";
        case route_reason::healed: return "healed";
        case route_reason::replica_setting: return "replica_setting";
        case route_reason::replica_rule: return "replica_rule";
        case route_reason::node: return "node";
        case route_reason::listener: return "read_only_listener";
        case route_reason::primary_setting: return "primary_setting";
        case route_reason::primary_rule: return "primary_rule";
        case route_reason::transaction: return "transaction";
        case route_reason::relation: return "relation";
        case route_reason::lost: break;
    }
    return "replica_lost";
}

[[nodiscard]] constexpr bool goes_to_replica(route_reason why)
{
    switch (why) {
        case route_reason::read:
        case route_reason::replica_hint:
        case route_reason::replica_setting:
        case route_reason::replica_rule:
        case route_reason::node:
        case route_reason::listener: return true;
        default: return false;
    }
}

struct route {
    std::optional<std::size_t> replica{};  ///< its place in the view; none: the primary
    route_reason reason = route_reason::incomplete;
    friend bool operator==(const route&, const route&) = default;
};

}  // namespace penstock::router
