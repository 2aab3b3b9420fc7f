// SPDX-License-Identifier: Apache-2.0
//
// The methods by name, and what a stored secret is good for.
//
// A stored secret is clear text, or what mysql.user and mysql.global_priv hold in authentication_string: "*" and 40
// hexadecimal digits (mysql_native_password), "$A$005$..." or the same as 0x... (caching_sha2_password). MariaDB's
// ed25519 public key cannot be told from a password of 43 characters, so it is written with a prefix: "ed25519:...".
#pragma once

#include "core/bytes.hpp"
#include "core/secret.hpp"
#include "protocols/mysql/auth_sha2.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

enum class auth_plugin : std::uint8_t {
    native,          ///< mysql_native_password
    caching_sha2,    ///< caching_sha2_password
    ed25519,         ///< client_ed25519
    clear_password,  ///< mysql_clear_password
    sha256,          ///< sha256_password: towards servers only
    unknown,
};

[[nodiscard]] std::string_view name_of(auth_plugin plugin);
[[nodiscard]] auth_plugin plugin_of(std::string_view name);

/// A stored secret taken apart.
struct stored_secret {
    enum class form : std::uint8_t {
        none,     ///< nothing matches
        clear,    ///< text: good for every method
        native,   ///< octets: SHA1(SHA1(password))
        sha2,     ///< hash
        ed25519,  ///< octets: the public key
    } kind = form::none;
    secret text{};
    std::string octets{};
    sha2_hash hash{};

    /// The one method that a hash is good for; nothing for clear text and for no secret.
    [[nodiscard]] std::optional<auth_plugin> only_plugin() const;
};

[[nodiscard]] stored_secret parse_secret(std::string_view stored);

}  // namespace penstock::mysql
