// SPDX-License-Identifier: Apache-2.0
//
// Tells reads from everything else by PostgreSQL's own grammar (libpg_query, which is that of PostgreSQL 15).
//
// The tree is walked against a list of what a read may consist of: a kind of node that is not on it, among them all
// that later grammars bring, makes the text no plain read. Views, operators, casts and row security may call functions
// that no text shows; those that write are refused by the replica itself.
#pragma once

#include "protocols/wire/lexical_mode.hpp"
#include "protocols/wire/statement_class.hpp"

#include <cstddef>
#include <string_view>

namespace penstock::postgresql {

/// Longer texts are not looked at: octets. The library recurses once for each level of the tree, of which a text of
/// this length has at most half as many as octets: less than four MiB of stack.
inline constexpr std::size_t longest_classified = 32 * 1024;
/// Nor those whose tree, written as JSON, is deeper.
inline constexpr std::size_t deepest_classified = 1000;

/// The class of a text that may hold several statements: that of the strictest. Texts of one shape
/// (shape.hpp) have one class, and a shape is a text. Costs tens of microseconds.
[[nodiscard]] statement_class classify(std::string_view text, const lexical_mode& mode);

}  // namespace penstock::postgresql
