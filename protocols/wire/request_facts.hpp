// SPDX-License-Identifier: Apache-2.0
//
// What a front tells of the request that it stopped at, so that a server can be chosen for it: the same words for all
// protocols.
#pragma once

#include "protocols/wire/statement_class.hpp"

#include <cstdint>

namespace penstock {

/// What somebody asks for beside what the statement is.
enum class route_hint : std::uint8_t {
    none,
    primary,
    replica,  ///< if its text is a read; what the functions do that it calls is their word for it
    node,     ///< the one that is named, on the same condition
};

/// Who asks for it.
enum class wish_source : std::uint8_t {
    comment,   ///< in the statement
    setting,   ///< the session, by SET
    rule,      ///< of the configuration
    listener,  ///< the client has come to where there is nothing but reading
};

/// A node's place in its cluster, for route_hint::node.
using node_place = std::uint8_t;

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
    relation,      ///< names a relation behind which that is done, or that replicas do not have
    refused,       ///< a replica has refused one of its shape before
    incomplete,    ///< not all of it has come, or it is of a kind that is not looked at
    lasting,       ///< may leave something behind in the session
    isolation,     ///< the session's transactions are of a kind that replicas do not have
    hint,          ///< somebody asks for the primary
    transaction,   ///< it begins a transaction that may write
};

struct request_facts {
    read_verdict verdict = read_verdict::incomplete;
    route_hint hint = route_hint::none;
    wish_source by = wish_source::comment;         ///< who has said `hint`
    node_place node = 0;                           ///< for route_hint::node
    bool no_retry = false;                         ///< it is not to be sent a second time
    bool wrong_hint = false;                       ///< a comment says what cannot be understood
    read_verdict text = read_verdict::incomplete;  ///< the verdict without regard to functions
    std::uint64_t rules = 0;                       ///< of the configuration that speak of its shape, the first being 1

    bool is_harmless = false;  ///< known to change nothing, wherever somebody wants it
    bool is_plain = false;     ///< one statement that leaves nothing behind, in no words that could; false says nothing

    [[nodiscard]] bool reads() const { return verdict == read_verdict::read; }
};

/// `sum` becomes what is known of both as one request, to begin with everything that speaks for a read.
inline void fold(const request_facts& next, request_facts& sum)
{
    sum.verdict = sum.reads() ? next.verdict : sum.verdict;
    sum.text = sum.text == read_verdict::read ? next.text : sum.text;
    if (sum.hint == route_hint::none) {
        sum.hint = next.hint;
        sum.node = next.node;
    }
    sum.no_retry = sum.no_retry || next.no_retry;
    sum.wrong_hint = sum.wrong_hint || next.wrong_hint;
    sum.rules &= next.rules;
    sum.is_harmless = sum.is_harmless && next.is_harmless;
}

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
