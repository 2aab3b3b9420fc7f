// SPDX-License-Identifier: Apache-2.0
//
// A snapshot as JSON, for /stats: a few facts of the process, and the console's tables as lists of objects.
#pragma once

#include "admin/reports.hpp"

#include <string>

namespace penstock::admin {

[[nodiscard]] std::string json_of(const snapshot& from);
/// Who is pinned, and what pins.
[[nodiscard]] std::string json_of_pins(const snapshot& from);

}  // namespace penstock::admin
