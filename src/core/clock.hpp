// SPDX-License-Identifier: Apache-2.0
//
// The clock that deadlines and idle times are kept by. Policies take the time as an argument; only loops read it.
#pragma once

#include <chrono>

namespace penstock {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

}  // namespace penstock
