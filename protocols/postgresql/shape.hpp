// SPDX-License-Identifier: Apache-2.0
//
// A statement's shape by PostgreSQL's lexical rules; wire/shape_text.hpp says what a shape is.
#pragma once

#include "protocols/wire/known_texts.hpp"
#include "protocols/wire/lexical_mode.hpp"
#include "protocols/wire/shape_text.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

using penstock::shape_result;

/// Writes the shape of a whole text into `shape`, whose storage is used again. Never longer than the text. Not
/// understood are unterminated texts, U& forms, junk behind numbers, and octets above 127 in an encoding that makes
/// them ambiguous.
[[nodiscard]] shape_result make_shape(std::string_view text, const lexical_mode& mode, std::string& shape);

/// Of a text that is understood.
[[nodiscard]] literal_places literals_of(std::string_view text, const lexical_mode& mode);

}  // namespace penstock::postgresql
