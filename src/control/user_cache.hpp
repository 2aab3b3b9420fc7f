// SPDX-License-Identifier: Apache-2.0
//
// What auth_query said lately, bounded in number and time. Pure: the time is an argument.
//
// The list holds every entry once, the most recently used first; the map points into it. A full cache drops the last.
#pragma once

#include "core/clock.hpp"
#include "protocols/wire/login_types.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace penstock::control {

/// What a look-up found, and until when the database lets this user in.
struct found_user {
    user_record record{};
    std::optional<std::chrono::system_clock::time_point> valid_until{};
};

class user_cache {
public:
    explicit user_cache(std::size_t most) : most_{most} {}

    /// The entry where there is one that has not expired; valid until the cache changes.
    [[nodiscard]] const found_user* find(const std::string& user, time_point now);
    void remember(const std::string& user, found_user found, time_point now, duration believed);
    /// Drops the entry unless it is younger than `grace`.
    void forget(const std::string& user, time_point now, duration grace);
    void clear();
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct entry {
        std::string user;
        found_user found;
        time_point since;
        time_point until;
    };
    using entry_list = std::list<entry>;
    void drop(entry_list::iterator which);

    std::size_t most_;
    entry_list entries_{};
    std::unordered_map<std::string, entry_list::iterator> by_name_{};
};

}  // namespace penstock::control
