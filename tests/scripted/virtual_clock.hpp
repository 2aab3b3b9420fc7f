// SPDX-License-Identifier: Apache-2.0
//
// The monotonic clock of this test program: the real one and what a test has added to it.
//
// Deadlines of minutes pass at once and no test sleeps. The program defines clock_gettime() itself, which is what
// std::chrono::steady_clock asks; waits of the kernel (epoll) know nothing of it, so loops have to be turned or woken.
#pragma once

#include "core/clock.hpp"

namespace penstock::test {

/// From now on it is later by so much. From any thread.
void advance_clock(duration by);

}  // namespace penstock::test
