// SPDX-License-Identifier: Apache-2.0
//
// A user variable as it is carried from server to server, and what SET has to say so that it is there as it was here.
//
// Its value alone does not make it the same: a text has the character set and collation that the connection had when it
// was set, which LENGTH(), comparisons and the description of results show, and NULL keeps the type of what was there
// before. So the entry of a parameter_set is the last literal but NULL, then where it is a text a line with the
// collation as collation_connection had it (empty: as nobody had set it), and a line "null" where NULL came behind it.
#pragma once

#include "protocols/wire/request_facts.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

struct carried_variable {
    std::string_view literal{};    ///< empty: it has only ever been NULL
    std::string_view collation{};  ///< of a text
    bool is_null = false;

    [[nodiscard]] bool is_text() const { return literal.starts_with('\''); }
};

/// What an entry says. Views the entry.
[[nodiscard]] carried_variable read_carried(std::string_view entry);

/// The entry behind SET @name = literal, where `before` is the one that there was, if any.
[[nodiscard]] std::string carry(std::string_view literal, std::string_view collation, const std::string* before);

/// The name in backticks.
[[nodiscard]] std::string quote_name(std::string_view name);

/// What SET has to say, under the collation of the entry where it is a text.
[[nodiscard]] std::string assignment_of(std::string_view name, const carried_variable& value);

/// What SET has to say so that a user variable is NULL, whatever somebody else has left there: of the type that it has
/// where NULL is the first thing it is set to. Only a new connection has it as though nobody had set it.
[[nodiscard]] std::string clear_variable(std::string_view name);

/// The user variable that says where a session's reads go.
inline constexpr std::string_view route_variable = "penstock_route";
/// What it says with this literal: 'primary', 'replica', 'auto' or NULL, which is as though it were not set.
[[nodiscard]] std::optional<route_hint> route_of_literal(std::string_view literal);

/// What SET has to say so that a user variable is as a new connection has it behind SET @name = literal that has failed:
/// NULL, yet of a type by then.
[[nodiscard]] std::string begin_variable(std::string_view name, std::string_view literal, bool is_mariadb);

}  // namespace penstock::mysql
