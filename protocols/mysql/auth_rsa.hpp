// SPDX-License-Identifier: Apache-2.0
//
// The RSA exchange of caching_sha2_password: the password and its zero octet, XORed with the scramble over and over,
// goes out under the server's public key with OAEP padding. As a server we have a key of our own, made when it is first
// needed.
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// A key pair of 2048 bits; may be used by several threads at once.
class rsa_key {
public:
    /// Makes one. Takes some tenths of a second.
    rsa_key();
    rsa_key(const rsa_key&) = delete;
    rsa_key& operator=(const rsa_key&) = delete;
    ~rsa_key();

    /// As clients get it: PEM, SubjectPublicKeyInfo.
    [[nodiscard]] const std::string& public_pem() const { return public_pem_; }
    /// How long an encrypted password is.
    [[nodiscard]] std::size_t block_size() const;
    /// The password; nothing where it was not encrypted for this key or has no zero octet at its end.
    [[nodiscard]] std::optional<secret> decrypt_password(bytes block, bytes scramble) const;

private:
    struct inner;
    std::unique_ptr<inner> inner_;
    std::string public_pem_;
};

/// Encrypts a password for the holder of `public_pem`. Nothing where that is no RSA key of 2048 to 16384 bits, or the
/// password is too long for it.
[[nodiscard]] std::optional<std::string> encrypt_password(const secret& password, bytes scramble, bytes public_pem);

}  // namespace penstock::mysql
