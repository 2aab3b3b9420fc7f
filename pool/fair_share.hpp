// SPDX-License-Identifier: Apache-2.0
//
// Who is next under a limit that several pools share, and who gives a connection up for it. Pure: numbers in, claims
// out.
//
// Each pool is to have its max-min fair share: what it needs, or, where that is not to be had for all, as many as any
// other pool that needs so many. Connections are whole, so they are shared out in this way exactly when no pool with
// waiters has two fewer than another one: it is enough to compare pools in pairs, and a share is never computed. A pool
// that has one more than another keeps it, as giving it up would only change places, at the price of a connect.
#pragma once

#include "core/clock.hpp"

#include <cstdint>

namespace penstock::pool {

/// What a connection costs to open is paid at most once in such a time by pools that take turns, and by kinds of one
/// pool: a connection has served those it was opened for so long before it gives way to others who are no worse off.
inline constexpr duration eviction_margin = milliseconds{250};

/// A pool with waiters, under a limit that stands in its way.
struct claimant {
    std::uint32_t connections = 0;  ///< those it has, is opening, or others are closing for it
    std::uint64_t turn = 0;         ///< when it last got one, in the order of all that were given out; 0: never
    time_point oldest{};            ///< since when its first waiter waits
};

/// Whether the first is to have what both want: who has fewer; among those who have none, who has been without for
/// longest; else the older waiter.
bool is_next(const claimant& one, const claimant& other);

/// Whether a pool is to give one of its connections to that other one, which has so many.
bool has_too_many(std::uint32_t holder, std::uint32_t other);

/// A connection that came free in a pool that may well need it itself.
struct released_connection {
    std::uint32_t of = 0;  ///< how many its pool has
    time_point opened{};
    time_point now{};
};
/// Whether it is closed for that claimant of another pool.
bool gives_way(const released_connection& what, const claimant& to);

/// A connection that nobody of its own pool needs at the moment.
struct idle_connection {
    std::uint32_t of = 0;          ///< how many its pool has
    bool for_long = false;         ///< it has been idle for eviction_margin
    bool has_served = false;       ///< it was opened so long ago
    bool is_the_only_way = false;  ///< no pool that could help has too many
};
/// Whether it is closed for another pool that has so many: one that was idle for a moment only is its pool's share.
bool gives_way(const idle_connection& what, std::uint32_t other);

}  // namespace penstock::pool
