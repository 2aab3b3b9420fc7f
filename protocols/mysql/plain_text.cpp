// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/plain_text.hpp"

#include "protocols/mysql/builtin_functions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>

namespace penstock::mysql {

namespace {

/// What an octet may mean.
enum class octet_class : unsigned char {
    harmless,
    doubtful,    ///< may begin a comment, a variable or a second statement, or is not ASCII
    dash,        ///< two of them may begin a comment
    open,        ///< a call, if a name stands in front of it
    underscore,  ///< in most names of which effects.hpp takes notice
    vee,         ///< of VALUE, which FOR may follow
};

constexpr auto classes = [] {
    std::array<octet_class, 256> all{};
    for (std::size_t octet = 128; octet < all.size(); ++octet) {
        all[octet] = octet_class::doubtful;
    }
    for (const char octet : std::string_view{"@;/#\0", 5}) {
        all[static_cast<unsigned char>(octet)] = octet_class::doubtful;
    }
    all['-'] = octet_class::dash;
    all['('] = octet_class::open;
    all['_'] = octet_class::underscore;
    all['v'] = all['V'] = octet_class::vee;
    return all;
}();

bool is_blank(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

bool is_name(char octet)
{
    return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           octet == '_' || octet == '$';
}

bool is_word(bytes text, std::string_view word)
{
    return text.size() == word.size() &&
           std::equal(text.begin(), text.end(), word.begin(), [](char octet, char wanted) {
               return (octet | 0x20) == wanted;
           });
}

/// The first word is that of a statement which leaves nothing behind by itself.
bool begins_plainly(bytes text)
{
    std::size_t size = 0;
    while (size < text.size() && is_name(text[size])) {
        ++size;
    }
    const auto word = text.substr(0, size);
    switch (size) {
        case 5: return is_word(word, "begin") && size == text.size();  // BEGIN NOT ATOMIC runs code
        case 6:
            return is_word(word, "select") || is_word(word, "insert") || is_word(word, "update") ||
                   is_word(word, "delete") || is_word(word, "commit");
        case 7: return is_word(word, "replace");
        case 8: return is_word(word, "rollback");
        default: return false;
    }
}

/// Whether no function stands in front of the parenthesis at `place` but a server's own, without an underscore.
bool opens_plainly(bytes text, std::size_t place)
{
    while (place > 0 && is_blank(text[place - 1])) {
        --place;
    }
    if (place > 0 && (text[place - 1] == '`' || text[place - 1] == '"')) {
        return false;
    }
    const auto end = place;
    while (place > 0 && is_name(text[place - 1])) {
        if (text[--place] == '_') {
            return false;
        }
    }
    const auto size = end - place;
    std::array<char, 24> name{};
    if (size == 0 || size > name.size()) {
        return size == 0;
    }
    std::transform(text.begin() + static_cast<std::ptrdiff_t>(place),
                   text.begin() + static_cast<std::ptrdiff_t>(end),
                   name.begin(),
                   [](char octet) { return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet | 0x20) : octet; });
    while (place > 0 && is_blank(text[place - 1])) {
        --place;
    }
    constexpr std::string_view into = "into";
    if (place > into.size() && !is_name(text[place - into.size() - 1]) &&
        is_word(text.substr(place - into.size(), into.size()), into)) {
        return true;  // columns
    }
    const bool is_qualified = place > 0 && text[place - 1] == '.';
    return !is_qualified && where_unknown({name.data(), size}) == 0;
}

/// NEXT VALUE FOR, PREVIOUS VALUE FOR.
bool may_ask_sequence(bytes text, std::size_t vee)
{
    constexpr std::string_view word = "value";
    return is_word(text.substr(vee, word.size()), word) && vee + word.size() < text.size() &&
           is_blank(text[vee + word.size()]);
}

/// SQL_CALC_FOUND_ROWS.
bool may_calculate(bytes text, std::size_t underscore)
{
    constexpr std::string_view rest = "calc";
    return is_word(text.substr(underscore + 1, rest.size()), rest);
}

}  // namespace

bool is_plain_text(bytes text)
{
    if (!begins_plainly(text)) {
        return false;
    }
    for (std::size_t place = 0; place < text.size(); ++place) {
        switch (classes[static_cast<unsigned char>(text[place])]) {
            case octet_class::harmless: break;
            case octet_class::doubtful: return false;
            case octet_class::dash:
                if (place + 1 < text.size() && text[place + 1] == '-') {
                    return false;
                }
                break;
            case octet_class::open:
                if (!opens_plainly(text, place)) {
                    return false;
                }
                break;
            case octet_class::vee:
                if (may_ask_sequence(text, place)) {
                    return false;
                }
                break;
            case octet_class::underscore:
                if (may_calculate(text, place)) {
                    return false;
                }
                break;
        }
    }
    return true;
}

}  // namespace penstock::mysql
