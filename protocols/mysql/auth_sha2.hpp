// SPDX-License-Identifier: Apache-2.0
//
// caching_sha2_password. See "Caching_sha2_password information" in the MySQL source documentation; the stored form is
// SHA-crypt by Ulrich Drepper ("Unix crypt using SHA-256 and SHA-512") with a salt of 20 octets, or, since MySQL 9.6,
// PBKDF2 with SHA-512 where the server is set up so.
//
// Fast path: the client answers a scramble with SHA256(password) XOR SHA256(SHA256(SHA256(password)), scramble), which
// can be checked by whoever knows SHA256(SHA256(password)). Full exchange: the password itself, under TLS or by RSA.
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// What AuthMoreData says, and what a client asks.
inline constexpr char sha2_fast_success = '\x03', sha2_full_exchange = '\x04', sha2_ask_public_key = '\x02';

/// SHA256(password).
[[nodiscard]] secret sha2_stage1(std::string_view password);

/// A client's answer on the fast path, from SHA256(password).
[[nodiscard]] std::string sha2_answer(const secret& stage1, bytes scramble);

/// SHA256(password) if `answer` proves that the client knows the password whose SHA256(SHA256()) is `stage2`.
[[nodiscard]] std::optional<secret> check_sha2(bytes answer, bytes scramble, bytes stage2);

/// mysql.user's form taken apart: "$A$" or "$B$", iterations / 1000 as three hexadecimal digits, "$", salt, hash.
struct sha2_hash {
    enum class scheme : std::uint8_t {
        crypt,   ///< $A$: 43 characters of SHA-crypt
        pbkdf2,  ///< $B$: 88 characters of base64
    } how = scheme::crypt;
    std::uint32_t rounds = 0;
    std::string salt{};
    std::string hash{};
};

/// From the text as it stands in mysql.user, or the same as 0x and hexadecimal digits (the salt may hold anything).
[[nodiscard]] std::optional<sha2_hash> parse_sha2(std::string_view stored);

/// Whether the password has this hash. Takes some milliseconds.
[[nodiscard]] bool matches(const sha2_hash& stored, std::string_view password);

/// The last 43 characters of SHA-crypt with SHA-256.
[[nodiscard]] std::string sha256_crypt(std::string_view password, std::string_view salt, std::uint32_t rounds);

/// Base64 of PBKDF2-HMAC-SHA512, 64 octets.
[[nodiscard]] std::string pbkdf2_sha512(std::string_view password, std::string_view salt, std::uint32_t rounds);

}  // namespace penstock::mysql
