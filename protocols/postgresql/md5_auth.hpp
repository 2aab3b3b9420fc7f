// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's md5 method: the answer is "md5" + hex(md5(hex(md5(password + user)) + salt)), see
// AuthenticationMD5Password in "Message Flow", chapter "Start-up", of the PostgreSQL manual. Kept for old servers and
// user lists; weaker than SCRAM.
#pragma once

#include "core/bytes.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

inline constexpr std::size_t md5_salt_size = 4;

/// True for "md5" and 32 lower-case hexadecimal digits, as pg_authid and userlist.txt hold them.
[[nodiscard]] bool is_md5_hash(std::string_view stored);

/// "md5" + hex(md5(password + user)). Empty where OpenSSL has MD5 switched off (FIPS).
[[nodiscard]] std::string md5_hash(std::string_view password, std::string_view user);

/// The answer to a salt, from a clear password or an md5 hash. Empty where OpenSSL has MD5 switched off.
[[nodiscard]] std::string md5_answer(std::string_view password_or_hash, std::string_view user, bytes salt);

}  // namespace penstock::postgresql
