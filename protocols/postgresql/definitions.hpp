// SPDX-License-Identifier: Apache-2.0
//
// Which texts may change what functions a database has, or what they do, or which relations are the primary's: after
// one of them nothing is believed of functions until the catalogue has been read again.
#pragma once

#include "protocols/postgresql/text_effects.hpp"

#include <string_view>

namespace penstock::postgresql {

/// The words that such texts have: what is done, and to what kind of thing.
[[nodiscard]] bool speaks_of_definitions(std::string_view text);

/// Errs to one side; but what functions and procedures do inside is not visible here. `statements`: of the text, whose
/// first is of this kind.
[[nodiscard]] inline bool may_define_functions(std::string_view text, statement_verb first, std::size_t statements)
{
    const bool may_define = first == statement_verb::create || first == statement_verb::alter ||
                            first == statement_verb::drop || first == statement_verb::do_block || statements >= 2;
    return may_define && speaks_of_definitions(text);
}

}  // namespace penstock::postgresql
