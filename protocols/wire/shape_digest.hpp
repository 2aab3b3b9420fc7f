// SPDX-License-Identifier: Apache-2.0
//
// A short name for a statement's shape: what rules, reports and `penstock explain` call it by.
#pragma once

#include <string>
#include <string_view>

namespace penstock {

/// 64 bits of SHA-256 over the shape, in hexadecimal.
[[nodiscard]] std::string shape_digest(std::string_view shape);

inline constexpr std::size_t shape_digest_size = 16;

}  // namespace penstock
