// SPDX-License-Identifier: Apache-2.0
//
// An event and its fields as text or as the inside of a JSON object. Pure; log.cpp adds time and level.
#pragma once

#include "telemetry/log.hpp"

#include <string>
#include <string_view>

namespace penstock::log {

/// `event key=value key="with spaces"`
[[nodiscard]] std::string text_line(std::string_view event, fields details);

/// `"event":"...","key":value` without braces. Fields named like the line's own ("time", "level", "event") get a "_"
/// behind.
[[nodiscard]] std::string json_members(std::string_view event, fields details);

/// Appends `text` as a JSON string with its quotes; octets that are not valid UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace penstock::log
