// SPDX-License-Identifier: Apache-2.0
//
// client_ed25519, MariaDB's method. See "Authentication Plugin - ed25519" in the MariaDB Knowledge Base.
//
// The server keeps a public key and sends 32 random octets, which the client signs. Signatures are ordinary Ed25519
// (RFC 8032), but the secret key is the password itself, of whatever length: SHA512(password) takes the place of
// SHA512(seed). OpenSSL verifies; it cannot sign with a key that is no 32-octet seed, so signing is done with
// libsodium's arithmetic.
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

inline constexpr std::size_t ed25519_nonce_size = 32, ed25519_key_size = 32, ed25519_signature_size = 64;

[[nodiscard]] std::string ed25519_public_key(std::string_view password);

/// A client's answer.
[[nodiscard]] std::string ed25519_sign(std::string_view password, bytes nonce);

[[nodiscard]] bool ed25519_verify(bytes signature, bytes nonce, bytes public_key);

/// mysql.global_priv's form: 43 characters of base64.
[[nodiscard]] std::optional<std::string> parse_ed25519(std::string_view stored);

}  // namespace penstock::mysql
