// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/found_rows.hpp"

#include <algorithm>
#include <charconv>

namespace penstock::mysql {

namespace {

char lower(char octet)
{
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet | 0x20) : octet;
}

bool is_blank(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

bool is_letter(char octet)
{
    return (lower(octet) >= 'a' && lower(octet) <= 'z') || octet == '_';
}

/// The word the text begins with, or nothing where it is none of `word`; the rest follows it.
bool take_word(bytes& text, std::string_view word)
{
    const auto first = std::find_if_not(text.begin(), text.end(), is_blank);
    text.remove_prefix(static_cast<std::size_t>(first - text.begin()));
    const bool is_it =
        text.size() >= word.size() &&
        std::equal(word.begin(), word.end(), text.begin(), [](char a, char b) { return a == lower(b); }) &&
        (text.size() == word.size() || !is_letter(text[word.size()]));
    text.remove_prefix(is_it ? word.size() : 0);
    return is_it;
}

bool holds_select(bytes text)
{
    constexpr std::string_view word = "select";
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return lower(a) == b;
           }) != text.end();
}

std::optional<std::uint64_t> number_behind(std::string_view info, std::string_view label)
{
    std::uint64_t number = 0;
    if (!info.starts_with(label)) {
        return std::nullopt;
    }
    info.remove_prefix(label.size());
    const auto read = std::from_chars(info.data(), info.data() + info.size(), number);
    return read.ec == std::errc{} ? std::optional{number} : std::nullopt;
}

}  // namespace

row_finder row_finder_of(bytes text)
{
    const auto first = std::find_if_not(text.begin(), text.end(), is_blank);
    switch (first == text.end() ? '\0' : lower(*first)) {
        case 's': {
            if (take_word(text, "select") || take_word(text, "set")) {
                return row_finder::selected;
            }
            const bool shows = take_word(text, "show") && (take_word(text, "warnings") || take_word(text, "errors"));
            return shows ? row_finder::nothing : row_finder::result;
        }
        case 'i':
        case 'r':
            if (take_word(text, "insert") || take_word(text, "replace")) {
                return holds_select(text) ? row_finder::records : row_finder::inserted;
            }
            return row_finder::result;
        case 'd': return take_word(text, "do") ? row_finder::one : row_finder::result;
        default: return row_finder::result;
    }
}

std::optional<std::uint64_t> found_rows_behind(row_finder what,
                                               bool is_mariadb,
                                               std::optional<std::uint64_t> rows,
                                               std::string_view info)
{
    switch (what) {
        case row_finder::result:
        case row_finder::selected:
        case row_finder::inserted: return rows || is_mariadb ? rows : number_behind(info, "Rows matched: ");
        case row_finder::records: return rows ? rows : number_behind(info, "Records: ");
        case row_finder::one: return is_mariadb ? std::nullopt : std::optional<std::uint64_t>{1};
        case row_finder::nothing: break;
    }
    return std::nullopt;
}

}  // namespace penstock::mysql
