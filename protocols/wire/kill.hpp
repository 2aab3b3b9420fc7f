// SPDX-License-Identifier: Apache-2.0
//
// What one client may ask of us about another one: to end its statement, or the whole session. Sessions have the
// numbers that their clients were given.
#pragma once

#include <cstdint>

namespace penstock {

struct kill_request {
    std::uint64_t number = 0;    ///< of a session of ours
    bool whole_session = false;  ///< else only the statement that it runs
};

enum class kill_result : std::uint8_t {
    done,
    itself,     ///< the session that asks is the one
    unknown,    ///< there is no such session
    not_owner,  ///< it is another user's
    failed,     ///< the server could not be told
};

}  // namespace penstock
