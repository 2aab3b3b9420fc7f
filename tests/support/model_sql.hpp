// SPDX-License-Identifier: Apache-2.0
//
// The small SQL of a model server: statements parted by semicolons, words parted by blanks, and E'...' literals.
#pragma once

#include "tests/support/exchange_script.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::test::model_sql {

inline std::vector<std::string> split(const std::string& text)
{
    std::vector<std::string> parts(1);
    bool quoted = false;
    for (const char letter : text) {
        quoted = quoted != (letter == '\'');
        if (letter == ';' && !quoted) {
            parts.emplace_back();
        } else {
            parts.back().push_back(letter);
        }
    }
    std::erase_if(parts, [](const auto& part) { return part.find_first_not_of(' ') == std::string::npos; });
    return parts;
}

inline bool leaves_failure(const std::string& text)
{
    return text.starts_with("ROLLBACK") || text == "COMMIT";
}

inline std::string word(const std::string& text, std::size_t wanted)
{
    std::size_t at = 0;
    for (; wanted > 0; --wanted) {
        at = text.find(' ', at);
        if (at == std::string::npos) {
            return {};
        }
        ++at;
    }
    auto found = text.substr(at, text.find(' ', at) - at);
    std::erase(found, '\'');
    std::erase(found, '"');
    return found;
}

inline std::optional<std::string> literal(std::string_view& at)
{
    if (at.starts_with("NULL")) {
        at.remove_prefix(4);
        return std::nullopt;
    }
    at.remove_prefix(2);  // E'
    std::string value;
    while (true) {
        const char letter = at[0];
        at.remove_prefix(1);
        if ((letter == '\'' && !at.starts_with("'")) || at.empty()) {
            return value;
        }
        if (letter == '\'' || letter == '\\') {
            at.remove_prefix(1);
        }
        value.push_back(letter);
    }
}

inline std::string description_of(const std::string& text)
{
    return text.starts_with("SELECT") || text.starts_with("SHOW") ? wire::row_description(1) : wire::no_data();
}

}  // namespace penstock::test::model_sql
