// SPDX-License-Identifier: Apache-2.0
//
// mysql_native_password. See "Native Authentication" in the MySQL protocol documentation.
//
// The server keeps SHA1(SHA1(password)); the client answers a 20-octet scramble with
// SHA1(password) XOR SHA1(scramble, SHA1(SHA1(password))). Whoever checks the answer learns SHA1(password).
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

inline constexpr std::size_t scramble_size = 20;

/// SHA1(password).
[[nodiscard]] secret native_stage1(std::string_view password);

/// A client's answer, from SHA1(password).
[[nodiscard]] std::string native_answer(const secret& stage1, bytes scramble);

/// SHA1(password) if `answer` proves that the client knows the password whose SHA1(SHA1()) is `stage2`.
[[nodiscard]] std::optional<secret> check_native(bytes answer, bytes scramble, bytes stage2);

/// SHA1(SHA1(password)) from mysql.user's form: '*' and 40 hexadecimal digits.
[[nodiscard]] std::optional<std::string> parse_native(std::string_view stored);

}  // namespace penstock::mysql
