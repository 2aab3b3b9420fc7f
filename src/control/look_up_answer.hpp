// SPDX-License-Identifier: Apache-2.0
//
// From what auth_query answered to a user's record. Pure; whatever is not plainly in order does not let anybody in.
#pragma once

#include "control/sql_client.hpp"
#include "control/user_cache.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::control {

/// What an answer of auth_query means.
struct look_up_verdict {
    enum class kind : std::uint8_t {
        found,        ///< the user exists and may log in
        absent,       ///< no such user, or one who may not log in
        unavailable,  ///< the database could not say
    };
    kind how = kind::unavailable;
    found_user user{};     ///< where found
    std::string reason{};  ///< for the log, where something is wrong; holds no secret
};

[[nodiscard]] look_up_verdict judge(const sql_answer& answer, const std::string& user, auth_method default_method);

/// PostgreSQL's ISO date or timestamp ("2026-11-03", "2026-11-03 10:20:30.5+05:30", "infinity"), read as UTC where it
/// names no offset. Infinities are the clock's extremes; nothing where it is not understood.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> read_timestamp(std::string_view text);

/// The method by which a user with this secret can prove themselves: an md5 hash cannot serve SCRAM.
[[nodiscard]] auth_method fitting_method(std::string_view stored, auth_method preferred);

}  // namespace penstock::control
