// SPDX-License-Identifier: Apache-2.0
//
// What can be done about each reason for a pin, in a sentence for whoever writes the statements. One text for both
// dialects where it fits both.
#pragma once

#include "core/error.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace penstock {

[[nodiscard]] constexpr std::string_view advice_on(pin_reason reason)
{
    switch (reason) {
        case pin_reason::temporary_object:
            return "create it in the transaction that uses it (PostgreSQL: ON COMMIT DROP), or drop it when it is done "
                   "with (MySQL: DROP TEMPORARY TABLE)";
        case pin_reason::advisory_lock:
            return "take the lock for the transaction (pg_advisory_xact_lock), or release it when it is done with";
        case pin_reason::listen: return "UNLISTEN when it is done with; give listeners a connection of their own";
        case pin_reason::hold_cursor: return "CLOSE the cursor when it is done with, or declare it without WITH HOLD";
        case pin_reason::sql_prepare:
            return "let the driver prepare statements by the protocol; send PREPARE as a text of its own (PostgreSQL)";
        case pin_reason::load: return "preload the library by session_preload_libraries on the server";
        case pin_reason::setseed: return "draw random numbers in the application, or seed by a function of the row";
        case pin_reason::sequence: return "use INSERT ... RETURNING in the place of nextval() and currval()";
        case pin_reason::dblink: return "use a foreign table (postgres_fdw), or dblink() with a connection string";
        case pin_reason::unknown_setting: return "name the setting in the text: SET name = value";
        case pin_reason::opaque: return "write what the code does as statements, or use session pooling for this user";
        case pin_reason::large_statement: return "raise max_inspected_statement, or send values as parameters";
        case pin_reason::user_variable: return "SET @name to a literal, or keep the value in the application";
        case pin_reason::table_lock: return "UNLOCK TABLES when it is done with";
        case pin_reason::handler: return "use SELECT in the place of HANDLER, or close the handler";
        case pin_reason::role: return "give the account a default role, or use an account that needs none";
        case pin_reason::diagnostics: return "take counts and warnings from the reply, as drivers report them";
        case pin_reason::state_change: return "see what the statement changes; the server does not say";
        case pin_reason::session_pooling: return "pool_mode = \"session\" is configured for this user or database";
    }
    return {};
}

/// For the client whose statement would pin and may not, and for the one that is told.
[[nodiscard]] inline client_error refusal_of(pin_set reasons)
{
    std::string why = "this statement would keep a server connection for the session (" + to_string(reasons) +
                      "), which pin_policy does not allow";
    reasons.for_each([&why](pin_reason reason) { why.append("; ").append(advice_on(reason)); });
    return {error_kind::unsupported_feature, std::move(why), {}};
}

[[nodiscard]] inline std::string notice_of(pin_set reasons)
{
    std::string text = "the session keeps its server connection (" + to_string(reasons) + ")";
    reasons.for_each([&text](pin_reason reason) { text.append("; ").append(advice_on(reason)); });
    return text;
}

}  // namespace penstock
