// SPDX-License-Identifier: Apache-2.0
//
// A statement's shape: its text with every literal replaced by the shortest of its kind, and without comments.
//
// A shape is SQL again, so what is found out about it holds for all texts that have it. Names without quotes are in
// lower case, each run of white space is one space, and lists of literals or parameters are as if of two.
#pragma once

#include "protocols/wire/lexical_mode.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

/// What make_shape() found.
struct shape_result {
    /// False where the text is not understood (unterminated, U& forms, junk behind numbers, octets above 127 in an
    /// encoding that makes them ambiguous): nothing is known of it then.
    bool understood = false;
    /// The inside of the first comment that holds "penstock:", from there on; views the text. Empty: none.
    std::string_view hint{};
};

/// Writes the shape of a whole text into `shape`, whose storage is used again. Never longer than the text.
[[nodiscard]] shape_result make_shape(std::string_view text, const lexical_mode& mode, std::string& shape);

}  // namespace penstock::postgresql
