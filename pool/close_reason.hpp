// SPDX-License-Identifier: Apache-2.0
//
// Why a shard closes a connection, for the statistics. Whoever decides names the reason; it is counted when the closing
// begins, once per connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace penstock::pool {

enum class close_reason : std::uint8_t {
    unusable,      ///< the server closed it, or said what an idle server does not say
    idle,          ///< idle for too long
    lifetime,      ///< as old as it may get
    retired,       ///< opened under settings that hold no longer
    moved,         ///< opened to a node that is not the pool's any more
    limit,         ///< another pool or kind needs its place, or a limit was lowered
    reset_failed,  ///< the clean-up on return failed or took too long
    drained,       ///< the shard ends
    paused,        ///< the pool gives none out at present
    borrower,      ///< its borrower discarded it, and knows why
};
inline constexpr std::size_t close_reason_count = 10;

/// How many connections were closed for each reason.
using closings = std::array<std::uint64_t, close_reason_count>;

}  // namespace penstock::pool
