// SPDX-License-Identifier: Apache-2.0
//
// Why it is doubtful what a server is, so that what it said is no answer yet.
#pragma once

#include <cstdint>

namespace penstock {

enum class doubt : std::uint8_t {
    none,
    demoted,  ///< as the primary it has refused a write, of which nothing has run, as a server does that takes none
    interrupted,  ///< it has broken off a read, as a server does that ends, or that was told to by somebody
    lost,         ///< as the primary it was lost, and what it had under way is to be sent again
    ended,  ///< likewise, and it has said that somebody ended it: the server, or a connection whose read was not wanted
};

}  // namespace penstock
