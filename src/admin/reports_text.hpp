// SPDX-License-Identifier: Apache-2.0
//
// How figures, times and addresses look in the tables.
#pragma once

#include "admin/reports.hpp"

#include <concepts>
#include <string>
#include <utility>

namespace penstock::admin {

[[nodiscard]] inline std::string text_of(std::integral auto value)
{
    return std::to_string(value);
}
/// In UTC; empty where there is none.
[[nodiscard]] std::string text_of(wall_time when);

[[nodiscard]] std::int64_t whole_seconds(duration time);

/// "127.0.0.1:5432", "[::1]:5432" or "unix", taken apart.
[[nodiscard]] std::pair<std::string, std::string> host_and_port(const std::string& address);

}  // namespace penstock::admin
