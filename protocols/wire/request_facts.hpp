// SPDX-License-Identifier: Apache-2.0
//
// What a front tells of the request that it stopped at, so that a server can be chosen for it: the same words for all
// protocols.
#pragma once

#include "protocols/wire/statement_class.hpp"

#include <cstdint>

namespace penstock {

/// What a comment in the text asks for.
enum class route_hint : std::uint8_t { none, primary, replica };

/// Why a request is no proved read; the first reason that was found.
enum class read_verdict : std::uint8_t {
    read,          ///< it is one: any server that is fresh enough will do
    writes,        ///< changes rows or definitions, or might
    locks,         ///< FOR UPDATE, FOR SHARE
    into,          ///< SELECT INTO and the like
    session,       ///< about the session or the transaction
    server_state,  ///< asks about the server itself
    unparsed,      ///< not understood
    too_large,     ///< longer or deeper than is looked at
    function,      ///< calls a function that is not known to be harmless
    refused,       ///< a replica has refused one of its shape before
    incomplete,    ///< not all of it has come, or it is of a kind that is not looked at
    lasting,       ///< may leave something behind in the session
    isolation,     ///< the session's transactions are of a kind that replicas do not have
    hint,          ///< a comment asks for the primary
};

struct request_facts {
    read_verdict verdict = read_verdict::incomplete;
    route_hint hint = route_hint::none;

    [[nodiscard]] bool reads() const { return verdict == read_verdict::read; }
};

[[nodiscard]] constexpr read_verdict verdict_of(read_obstacle why)
{
    switch (why) {
        case read_obstacle::none:
        case read_obstacle::empty: return read_verdict::read;
        case read_obstacle::writes: return read_verdict::writes;
        case read_obstacle::locks: return read_verdict::locks;
        case read_obstacle::into: return read_verdict::into;
        case read_obstacle::session: return read_verdict::session;
        case read_obstacle::server_state: return read_verdict::server_state;
        case read_obstacle::too_large: return read_verdict::too_large;
        case read_obstacle::unparsed: break;
    }
    return read_verdict::unparsed;
}

}  // namespace penstock
