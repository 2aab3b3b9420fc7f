// SPDX-License-Identifier: Apache-2.0
//
// MySQL's and MariaDB's rules for read_judge.
#pragma once

#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/mysql/plain_text.hpp"
#include "protocols/mysql/shape.hpp"
#include "protocols/wire/read_judge.hpp"

#include <string>
#include <string_view>

namespace penstock::mysql {

struct text_effects;

struct read_dialect {
    using lexical = sql_reading;

    static constexpr bool parses_relations = false;

    [[nodiscard]] static shape_result make_shape(std::string_view text, const lexical& mode, std::string& shape)
    {
        return mysql::make_shape(text, mode, shape);
    }
    [[nodiscard]] static literal_places literals_of(std::string_view text, const lexical& mode)
    {
        return mysql::literals_of(text, mode);
    }
    [[nodiscard]] static bool is_ambiguous(const lexical& mode) { return mode.ambiguous; }
    [[nodiscard]] static bool is_plain(std::string_view text) { return is_plain_text(text); }
    [[nodiscard]] static char octet_of(const lexical& mode)
    {
        return static_cast<char>((mode.no_backslash_escapes ? 1 : 0) | (mode.ansi_quotes ? 2 : 0) |
                                 (mode.ambiguous ? 4 : 0) | (mode.utf8 ? 8 : 0));
    }
    [[nodiscard]] static statement_class classify(std::string_view shape, const lexical& mode);
    /// But for calls of functions that may be stored ones: the catalogue knows those, and the front which product it is
    /// on.
    [[nodiscard]] static bool leaves_nothing(std::string_view shape, const lexical& mode);
};

using read_judge = penstock::read_judge<read_dialect>;

/// What a text that was executed on a replica may leave there, for which its session would have to stay.
[[nodiscard]] bool leaves_nothing(const text_effects& effects);
/// One statement that is no proved read, but changes nothing that another could read: SET, BEGIN, SHOW and the like.
[[nodiscard]] bool changes_nothing(std::string_view text, const text_effects& effects, read_verdict verdict);

/// Such a text may change what stored functions there are, or what they do. Errs to one side; but what stored code does
/// is not visible here.
[[nodiscard]] bool may_define_routines(std::string_view text);

/// While no catalogue is known, none is believed that another product does not have under that name.
[[nodiscard]] function_catalogue_ptr well_known_functions();

}  // namespace penstock::mysql
