// SPDX-License-Identifier: Apache-2.0
//
// Whether a pool gives out connections at present, and if not, what becomes of those who ask for one.
//
// In every state but `open` idle connections are closed, those that come back are closed too, and none is opened; what
// is lent out stays with its borrower until it gives it back.
#pragma once

#include <cstdint>

namespace penstock::pool {

enum class intake : std::uint8_t {
    open,
    paused,     ///< who asks waits: PAUSE
    drained,    ///< who asks waits: the primary is being drained, and only another one can serve
    elsewhere,  ///< who asks is told at once to go elsewhere: a replica is being drained
};

}  // namespace penstock::pool
