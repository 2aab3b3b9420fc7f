// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's rules for read_judge, and the built-in functions that are believed while no catalogue is known.
#pragma once

#include "protocols/postgresql/plain_read.hpp"
#include "protocols/postgresql/shape.hpp"
#include "protocols/wire/lexical_mode.hpp"
#include "protocols/wire/read_judge.hpp"

#include <string>
#include <string_view>

namespace penstock::postgresql {

struct read_dialect {
    using lexical = lexical_mode;
    static constexpr bool parses_relations = true;

    [[nodiscard]] static shape_result make_shape(std::string_view text, const lexical& mode, std::string& shape)
    {
        return postgresql::make_shape(text, mode, shape);
    }
    [[nodiscard]] static char octet_of(const lexical& mode)
    {
        return static_cast<char>((mode.backslash_escapes ? 1 : 0) | (mode.ambiguous_encoding ? 2 : 0));
    }
    [[nodiscard]] static literal_places literals_of(std::string_view text, const lexical& mode)
    {
        return postgresql::literals_of(text, mode);
    }
    [[nodiscard]] static bool is_ambiguous(const lexical& mode) { return mode.ambiguous_encoding; }
    [[nodiscard]] static bool is_plain(std::string_view text) { return is_plain_read(text); }
    [[nodiscard]] static statement_class classify(std::string_view shape, const lexical& mode);
    [[nodiscard]] static bool leaves_nothing(std::string_view shape, const lexical& mode);
};

using read_judge = penstock::read_judge<read_dialect>;

/// Knows a few built-in functions that read on any server, by their names: without a schema, or in pg_catalog.
[[nodiscard]] function_catalogue_ptr well_known_functions();

}  // namespace penstock::postgresql
