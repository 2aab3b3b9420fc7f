// SPDX-License-Identifier: Apache-2.0
//
// The families of database servers, by the wire protocol that their clients speak.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class engine : std::uint8_t {
    postgresql,
    mysql,  ///< MySQL and MariaDB
};

inline constexpr std::array all_engines{engine::postgresql, engine::mysql};

/// As in the settings, in logs and in metrics.
[[nodiscard]] constexpr std::string_view name_of(engine which)
{
    return which == engine::postgresql ? "postgresql" : "mysql";
}

[[nodiscard]] constexpr engine other_than(engine which)
{
    return which == engine::postgresql ? engine::mysql : engine::postgresql;
}

/// How a URL of it begins, without "://".
[[nodiscard]] constexpr std::string_view url_scheme(engine which)
{
    return which == engine::postgresql ? "postgres" : "mysql";
}

}  // namespace penstock
