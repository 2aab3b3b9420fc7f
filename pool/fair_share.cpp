// SPDX-License-Identifier: Apache-2.0
#include "pool/fair_share.hpp"

#include <tuple>

namespace penstock::pool {

bool is_next(const claimant& one, const claimant& other)
{
    const bool take_turns = one.connections == 0 && other.connections == 0;
    const auto rank = [take_turns](const claimant& who) {
        return std::tuple{who.connections, take_turns ? who.turn : 0, who.oldest};
    };
    return rank(one) < rank(other);
}

bool has_too_many(std::uint32_t holder, std::uint32_t other)
{
    return holder >= other + 2;
}

bool gives_way(const released_connection& what, const claimant& to)
{
    // Where pools are more than connections, or those with many do not come back, the ones with one take turns.
    const bool is_its_turn =
        to.connections == 0 && what.now - what.opened >= eviction_margin && what.now - to.oldest >= eviction_margin;
    return has_too_many(what.of, to.connections) || is_its_turn;
}

bool gives_way(const idle_connection& what, std::uint32_t other)
{
    const bool is_its_turn = other == 0 && what.is_the_only_way && what.has_served;
    return has_too_many(what.of, other) || what.for_long || is_its_turn;
}

}  // namespace penstock::pool
