// SPDX-License-Identifier: Apache-2.0
//
// As much of UTF-8 (RFC 3629) as writing text from peers into a log or a label needs.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace penstock {

/// How many octets the character at the start of `text` takes; 0 where the text is empty or starts with none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Whether this one character, of utf8_length octets, is a control character (C0, DEL or C1).
[[nodiscard]] bool is_control(std::string_view character);

/// The text with U+FFFD for each octet that belongs to no character.
[[nodiscard]] std::string valid_utf8(std::string_view text);

}  // namespace penstock
