// SPDX-License-Identifier: Apache-2.0
//
// Why a session must keep its server connection past the end of its transaction, and sets of such reasons.
//
// Names are what logs, metrics and SHOW CLIENTS print; docs/architecture.md explains each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

enum class pin_reason : std::uint8_t {
    temporary_object,  ///< a temporary table, view or sequence, or anything in pg_temp
    advisory_lock,     ///< a session-level advisory lock
    listen,            ///< LISTEN
    hold_cursor,       ///< a cursor WITH HOLD
    sql_prepare,       ///< PREPARE as a statement of SQL
    load,              ///< LOAD of a shared library
    setseed,           ///< the random generator was seeded
    sequence,          ///< nextval and its kin: currval() would see them
    dblink,            ///< a connection kept by dblink
    unknown_setting,   ///< a setting was changed and its name cannot be told from the text
    opaque,            ///< code we cannot see into: DO, CALL, an undecodable name
    large_statement,   ///< the text was longer than what is inspected
    user_variable,     ///< MySQL: a user variable whose value cannot be told from the text
    table_lock,        ///< MySQL: FLUSH TABLES WITH READ LOCK, LOCK INSTANCE
    handler,           ///< MySQL: HANDLER ... OPEN
    role,              ///< MySQL: SET ROLE
    diagnostics,       ///< MySQL: a prepared statement reads ROW_COUNT(), FOUND_ROWS() or warnings
    state_change,      ///< MySQL: the server says that session state has changed, and nothing tells what
    session_pooling,   ///< this pool is configured for session pooling
};

inline constexpr unsigned pin_reason_count = static_cast<unsigned>(pin_reason::session_pooling) + 1;

[[nodiscard]] constexpr std::string_view name_of(pin_reason reason)
{
    switch (reason) {
        case pin_reason::temporary_object: return "temporary_object";
        case pin_reason::advisory_lock: return "advisory_lock";
        case pin_reason::listen: return "listen";
        case pin_reason::hold_cursor: return "hold_cursor";
        case pin_reason::sql_prepare: return "sql_prepare";
        case pin_reason::load: return "load";
        case pin_reason::setseed: return "setseed";
        case pin_reason::sequence: return "sequence";
        case pin_reason::dblink: return "dblink";
        case pin_reason::unknown_setting: return "unknown_setting";
        case pin_reason::opaque: return "opaque";
        case pin_reason::large_statement: return "large_statement";
        case pin_reason::user_variable: return "user_variable";
        case pin_reason::table_lock: return "table_lock";
        case pin_reason::handler: return "handler";
        case pin_reason::role: return "role";
        case pin_reason::diagnostics: return "diagnostics";
        case pin_reason::state_change: return "state_change";
        case pin_reason::session_pooling: return "session_pooling";
    }
    return "unknown";
}

/// A set of pin reasons in one word.
class pin_set {
public:
    constexpr pin_set() = default;
    constexpr pin_set(pin_reason reason) : bits_{bit(reason)} {}  // NOLINT(google-explicit-constructor)

    constexpr void add(pin_reason reason) { bits_ |= bit(reason); }
    constexpr void add(pin_set others) { bits_ |= others.bits_; }
    constexpr void remove(pin_set others) { bits_ &= ~others.bits_; }
    constexpr void clear() { bits_ = 0; }
    [[nodiscard]] constexpr pin_set common_with(pin_set others) const { return pin_set{bits_ & others.bits_}; }
    [[nodiscard]] constexpr bool has(pin_reason reason) const { return (bits_ & bit(reason)) != 0; }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

    /// Calls `visit` with each reason of the set, in the order of the enumeration.
    template <class Visit>
    constexpr void for_each(Visit&& visit) const
    {
        for (unsigned index = 0; index < pin_reason_count; ++index) {
            if (const auto reason = static_cast<pin_reason>(index); has(reason)) {
                visit(reason);
            }
        }
    }

    friend constexpr bool operator==(pin_set, pin_set) = default;

private:
    constexpr explicit pin_set(std::uint32_t bits) : bits_{bits} {}
    static constexpr std::uint32_t bit(pin_reason reason) { return 1U << static_cast<unsigned>(reason); }

    std::uint32_t bits_ = 0;
};

/// What a session's settings say of pins.
struct pin_rules {
    pin_set refused{};   ///< a statement that would pin for one of these gets an error and does not run
    pin_set excused{};   ///< these do not pin: the connection is cleaned before anybody else has it
    bool tells = false;  ///< the client is told when it is pinned
};

/// All reasons that statements bring about.
[[nodiscard]] constexpr pin_set pins_of_statements()
{
    pin_set all;
    for (unsigned index = 0; index < pin_reason_count; ++index) {
        all.add(static_cast<pin_reason>(index));
    }
    all.remove(pin_reason::session_pooling);
    return all;
}

/// The names of a set, separated by commas; empty for the empty set.
[[nodiscard]] inline std::string to_string(pin_set reasons)
{
    std::string names;
    reasons.for_each([&names](pin_reason reason) { names.append(names.empty() ? "" : ",").append(name_of(reason)); });
    return names;
}

}  // namespace penstock
