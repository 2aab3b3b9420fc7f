// SPDX-License-Identifier: Apache-2.0
#include "core/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace penstock {

void invariant_broken(const char* expression, const char* file, int line)
{
    std::fprintf(stderr, "penstock: invariant broken: %s (%s:%d)\n", expression, file, line);
    std::abort();
}

}  // namespace penstock
