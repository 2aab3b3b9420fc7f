// SPDX-License-Identifier: Apache-2.0
//
// libpq's verbose error texts made into one sentence and its SQLSTATE.
//
// libpq 15 gives no SQLSTATE for a refused connection except in its verbose text:
//     connection to server at "127.0.0.1", port 5432 failed: FATAL:  53300: sorry, too many clients already
//     LOCATION:  InitProcess, proc.c:357
#pragma once

#include <string>
#include <string_view>

namespace penstock::control {

struct libpq_fault {
    std::string sentence{};  ///< one line, at most 500 octets, no control characters
    std::string sqlstate{};  ///< empty where the text has none: no server answered
};

[[nodiscard]] libpq_fault read_libpq_fault(std::string_view message);

}  // namespace penstock::control
