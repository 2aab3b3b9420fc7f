// SPDX-License-Identifier: Apache-2.0
//
// Tells at one look that a text is a plain statement: one SELECT, INSERT, COMMIT or the like in which nothing can stand
// that effects.hpp knows. Most texts of applications are; the others, and all doubts, are for its lexer.
//
// What this says of a text must hold however the session reads it (quotes, character sets), so it judges octets, not
// tokens: what stands in a string may make a text doubtful, but never plain.
#pragma once

#include "core/bytes.hpp"

namespace penstock::mysql {

/// True only where inspect() finds one statement without effects, under every reading.
[[nodiscard]] bool is_plain_text(bytes text);

}  // namespace penstock::mysql
