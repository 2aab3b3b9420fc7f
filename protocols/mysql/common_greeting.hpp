// SPDX-License-Identifier: Apache-2.0
//
// What clients are greeted with where any of several servers may serve them: the lowest version, and only what all of
// them can do.
#pragma once

#include "protocols/wire/login_types.hpp"

#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

namespace penstock::mysql {

struct server_version {
    std::uint32_t major = 0;
    std::uint32_t minor = 0;
    std::uint32_t patch = 0;
    friend auto operator<=>(const server_version&, const server_version&) = default;
};

/// Of "8.4.3-log" or "5.5.5-10.11.6-MariaDB", whose first part is there for old replicas only.
[[nodiscard]] server_version version_in(std::string_view text);

/// Of servers that have been met. One of which nothing but the version is known has no capabilities and counts for its
/// version only. Empty where there are none.
[[nodiscard]] server_greeting common_greeting(const std::vector<server_greeting>& servers);

}  // namespace penstock::mysql
