// SPDX-License-Identifier: Apache-2.0
//
// What all MySQL logins of a process share: the RSA key, the passwords that full exchanges have proved, and how users
// usually log in, so that a user who does not exist is asked the same. Safe for use by several threads.
#pragma once

#include "core/secret.hpp"
#include "protocols/mysql/auth_rsa.hpp"
#include "protocols/mysql/auth_secret.hpp"
#include "protocols/wire/login_types.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace penstock::mysql {

/// The cache of caching_sha2_password: whoever has once proved a hash's password goes the fast path from then on.
///
/// An entry belongs to user and stored hash together, so a changed password is a new entry. Full, it forgets the
/// oldest.
class proved_passwords {
public:
    explicit proved_passwords(std::size_t most = 4096) : most_{most} {}

    void keep(std::string_view user, std::string_view stored, const secret& password);
    [[nodiscard]] std::optional<secret> find(std::string_view user, std::string_view stored) const;

private:
    mutable std::mutex mutex_;
    std::size_t most_;
    std::unordered_map<std::string, secret> passwords_;  ///< by a hash of user and stored secret
    std::vector<std::string> ages_;                      ///< the same keys in a circle, oldest at next_
    std::size_t next_ = 0;
};

class auth_commons : public login_commons {
public:
    /// `key` spares making one.
    explicit auth_commons(std::shared_ptr<const rsa_key> key = nullptr) : key_{std::move(key)} {}

    /// Made when it is first asked for, which takes some tenths of a second: ask at start.
    const rsa_key& key();

    proved_passwords passwords;

    /// Remembers the form of a secret that a user who exists has.
    void note(const stored_secret& known);
    /// How users that exist log in: the form of the last secret noted.
    [[nodiscard]] stored_secret::form usual_form() const { return usual_form_.load(std::memory_order_relaxed); }
    /// A hash that no password has, and that takes as long to compute as the last one noted.
    [[nodiscard]] sha2_hash usual_hash() const;

    /// The one of this process.
    static std::shared_ptr<auth_commons> of_process();

private:
    std::atomic<stored_secret::form> usual_form_{stored_secret::form::clear};
    std::atomic<sha2_hash::scheme> usual_scheme_{sha2_hash::scheme::crypt};
    std::atomic<std::uint32_t> usual_rounds_{5000};
    std::once_flag made_;
    std::shared_ptr<const rsa_key> key_;
};

}  // namespace penstock::mysql
