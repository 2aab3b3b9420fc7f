// SPDX-License-Identifier: Apache-2.0
//
// Single values as text and back: durations ("250ms"), sizes ("64KiB"), addresses ("host:port", "[::1]:port",
// "unix:/folder:port").
#pragma once

#include "settings/settings.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::settings {

inline constexpr std::string_view duration_example =
    R"("250ms", "5s", "2min", "1h" or "1d", or a whole number of seconds)";
inline constexpr std::string_view octets_example = R"("512B", "64KiB", "16MiB" or "1GiB", or a whole number of octets)";
inline constexpr std::string_view address_example = R"("127.0.0.1:6432", "[::1]:6432" or "unix:/run/penstock:6432")";

/// A whole number and a unit: us, ms, s, min, h or d; nothing where the text is something else or too large to count.
[[nodiscard]] std::optional<duration> parse_duration(std::string_view text);
/// In the largest unit that divides it: "1500ms", "30min", "0s".
[[nodiscard]] std::string duration_text(duration value);

/// A whole number and a unit: B, KiB, MiB or GiB.
[[nodiscard]] std::optional<std::uint64_t> parse_octets(std::string_view text);
[[nodiscard]] std::string octets_text(std::uint64_t value);

/// A host, or the folder of a Unix socket behind "unix:", and a port, which may be left out.
[[nodiscard]] std::optional<address> parse_address(std::string_view text, std::uint16_t default_port);
/// 0 to 65535, digits only.
[[nodiscard]] std::optional<std::uint16_t> parse_port(std::string_view text);

}  // namespace penstock::settings
