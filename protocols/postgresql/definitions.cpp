// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/definitions.hpp"

#include "protocols/wire/scanner.hpp"
#include "protocols/wire/shape_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace penstock::postgresql {

namespace {

/// Of what is created, altered and dropped. With an extension or a schema come or go its functions, and with a column
/// its sequence.
constexpr auto kinds = std::to_array<std::string_view>({"function",
                                                        "procedure",
                                                        "routine",
                                                        "aggregate",
                                                        "extension",
                                                        "schema",
                                                        "view",
                                                        "policy",
                                                        "rule",
                                                        "operator",
                                                        "sequence",
                                                        "serial",
                                                        "bigserial",
                                                        "smallserial",
                                                        "identity",
                                                        "unlogged"});

bool begins_with(std::string_view text, std::string_view word)
{
    return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(), [](char left, char right) {
               return left == to_lower(right);
           });
}

}  // namespace

bool speaks_of_definitions(std::string_view text)
{
    bool in_name = false;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool was_in_name = std::exchange(in_name, is_in_name(text[at]));
        const auto rest = text.substr(at);
        if (in_name && !was_in_name &&
            std::any_of(kinds.begin(), kinds.end(), [rest](auto word) { return begins_with(rest, word); })) {
            return true;
        }
    }
    return false;
}

}  // namespace penstock::postgresql
