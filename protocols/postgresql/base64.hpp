// SPDX-License-Identifier: Apache-2.0
//
// Base64 as SCRAM uses it (RFC 4648, section 4): with padding, without line breaks, and strict in decoding: one octet
// string has one spelling only.
#pragma once

#include "core/bytes.hpp"

#include <optional>
#include <string>

namespace penstock::postgresql {

[[nodiscard]] std::string to_base64(bytes octets);

/// Empty where the text is not exactly what to_base64() gives for some octets.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace penstock::postgresql
