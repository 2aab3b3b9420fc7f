// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/definitions.hpp"

#include "protocols/wire/scanner.hpp"
#include "protocols/wire/shape_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace penstock::postgresql {

namespace {

using std::string_view_literals::operator""sv;

/// Of what is created, altered and dropped. With an extension or a schema come or go its functions, and with a column
/// its sequence.
constexpr std::array kinds{"function"sv,
                           "procedure"sv,
                           "routine"sv,
                           "aggregate"sv,
                           "extension"sv,
                           "schema"sv,
                           "view"sv,
                           "policy"sv,
                           "rule"sv,
                           "operator"sv,
                           "sequence"sv,
                           "serial"sv,
                           "serial2"sv,
                           "serial4"sv,
                           "serial8"sv,
                           "bigserial"sv,
                           "identity"sv,
                           "smallserial"sv,
                           "unlogged"sv};
/// A text that does none of these defines nothing.
constexpr std::array verbs{"create"sv, "alter"sv, "drop"sv, "do"sv};

bool is(std::string_view written, std::string_view word)
{
    return written.size() == word.size() &&
           std::equal(word.begin(), word.end(), written.begin(), [](char left, char right) {
               return left == to_lower(right);
           });
}

bool is_one_of(std::span<const std::string_view> words, std::string_view written)
{
    return std::any_of(words.begin(), words.end(), [written](auto word) { return is(written, word); });
}

}  // namespace

bool speaks_of_definitions(std::string_view text)
{
    bool has_verb = false;
    bool has_kind = false;
    for (std::size_t at = 0; at < text.size() && !(has_verb && has_kind);) {
        if (!is_in_name(text[at])) {
            ++at;
            continue;
        }
        const auto begin = at;
        while (at < text.size() && is_in_name(text[at])) {
            ++at;
        }
        const auto word = text.substr(begin, at - begin);
        has_verb = has_verb || is_one_of(verbs, word);
        has_kind = has_kind || is_one_of(kinds, word);
    }
    return has_verb && has_kind;
}

}  // namespace penstock::postgresql
