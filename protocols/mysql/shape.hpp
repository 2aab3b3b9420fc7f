// SPDX-License-Identifier: Apache-2.0
//
// A statement's shape by the lexical rules of MySQL and MariaDB; wire/shape_text.hpp says what a shape is.
//
// Executable comments (/*!50100 */, /*M! */) are code: they stay, with the shape of what is in them.
#pragma once

#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/wire/known_texts.hpp"
#include "protocols/wire/shape_text.hpp"

#include <string>
#include <string_view>

namespace penstock::mysql {

using penstock::shape_result;

/// Writes the shape of a whole text into `shape`, whose storage is used again. Never longer than the text. Not
/// understood are unterminated texts, junk behind numbers, brackets, octets above 127 where the character set makes
/// them ambiguous (outside of quotes: in any that is not UTF-8), and executable comments that end at another place for
/// a server that passes over them.
[[nodiscard]] shape_result make_shape(std::string_view text, const sql_reading& reading, std::string& shape);

/// Of a text that is understood.
[[nodiscard]] literal_places literals_of(std::string_view text, const sql_reading& reading);

}  // namespace penstock::mysql
