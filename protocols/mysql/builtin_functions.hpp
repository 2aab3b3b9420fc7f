// SPDX-License-Identifier: Apache-2.0
//
// The names that both products give to functions and words of their own.
//
// What a stored function leaves in a session (SELECT ... INTO @name, GET_LOCK) no report tells, so a call of one has to
// be known by its name: a bare name that is none of the server's own, or any name behind a schema and a dot.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::mysql {

inline constexpr std::uint8_t unknown_to_mysql = 1;
inline constexpr std::uint8_t unknown_to_mariadb = 2;

/// The products on which NAME(...), in lower case, may call a stored function.
[[nodiscard]] std::uint8_t where_unknown(std::string_view name);

}  // namespace penstock::mysql
