// SPDX-License-Identifier: Apache-2.0
//
// What a text of SQL does, as far as it is needed to send it to a replica: by a shallow parser of our own.
//
// A statement's first word says what it is; in what may be a read, the words are looked for by which MySQL's and
// MariaDB's grammars let a query write, lock, assign or ask about the session or the server. All of those are reserved
// words, so no unquoted name can be one. Views and triggers may call functions that no text shows; those that write are
// refused by the replica itself.
#pragma once

#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/wire/statement_class.hpp"

#include <cstddef>
#include <string_view>

namespace penstock::mysql {

/// Texts whose shape is longer are not looked at: octets.
inline constexpr std::size_t longest_classified = 64 * 1024;
/// Texts with executable comments of more versions than this are not looked at: each may be code or not.
inline constexpr std::size_t most_versions = 4;

/// The class of a text that may hold several statements: that of the strictest. Texts of one shape (shape.hpp) have one
/// class, and a shape is a text. The functions are those that may be stored ones, on one of the two products.
[[nodiscard]] statement_class classify(std::string_view text, const sql_reading& reading);

}  // namespace penstock::mysql
