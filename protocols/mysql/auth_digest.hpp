// SPDX-License-Identifier: Apache-2.0
//
// Hashes, random octets and the like for the authentication methods; thin over OpenSSL.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace penstock::mysql {

inline constexpr std::size_t sha1_size = 20, sha256_size = 32, sha512_size = 64;

/// Hashes of the parts, one behind the other.
[[nodiscard]] std::string sha1(std::initializer_list<bytes> parts);
[[nodiscard]] std::string sha256(std::initializer_list<bytes> parts);
[[nodiscard]] std::string sha512(std::initializer_list<bytes> parts);

/// Octet by octet; both have the same length.
[[nodiscard]] std::string exclusive_or(bytes left, bytes right);

/// Random octets as MySQL's scrambles want them: 1 to 127 and no '$', since clients take them for text.
[[nodiscard]] std::string random_scramble(std::size_t count);
[[nodiscard]] std::string random_octets(std::size_t count);

/// Overwrites what was secret.
void wipe(std::string& text);

[[nodiscard]] std::optional<std::string> from_hex(std::string_view text);
/// Base64 of exactly `size` octets, with or without padding.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text, std::size_t size);

}  // namespace penstock::mysql
