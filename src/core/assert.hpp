// SPDX-License-Identifier: Apache-2.0
//
// PENSTOCK_ASSERT is for what only our own bug can break; nothing a peer sends may reach one. A breach ends the
// process.
#pragma once

namespace penstock {

/// Prints the broken invariant with its place to standard error and ends the process.
[[noreturn]] void invariant_broken(const char* expression, const char* file, int line);

}  // namespace penstock

#define PENSTOCK_ASSERT(expression) \
    ((expression) ? static_cast<void>(0) : ::penstock::invariant_broken(#expression, __FILE__, __LINE__))
