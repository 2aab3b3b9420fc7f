// SPDX-License-Identifier: Apache-2.0
//
// Sixteen places of the text are looked at in one go, each with the octet behind it. Most hold nothing to think about;
// where some do, these sixteen are gone through one by one.
#include "protocols/mysql/plain_text.hpp"

#include "protocols/mysql/builtin_functions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace penstock::mysql {

namespace {

constexpr std::size_t width = 16;

using octets = std::uint8_t __attribute__((vector_size(width)));

octets load(const char* from)
{
    octets loaded;
    std::memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

bool any(octets found)
{
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &found, sizeof found);
    return (halves[0] | halves[1]) != 0;
}

/// Not zero where comments, variables or a second statement may begin at some of sixteen places, or all is not ASCII.
octets find_doubtful(octets here, octets next)
{
    const auto single = (here == '@') | (here == ';') | (here == '/') | (here == '#') | (here == 0);
    const auto comment = (here == '-') & (next == '-');
    return (here & 0x80) | reinterpret_cast<octets>(single | comment);
}

/// Not zero where a call, VALUE or CALC_ may begin at some of sixteen places: is_harmless() is to be asked.
octets find_suspects(octets here, octets next)
{
    const auto value = ((here | 0x20) == 'v') & ((next | 0x20) == 'a');
    const auto calculates = (here == '_') & ((next | 0x20) == 'c');
    return reinterpret_cast<octets>((here == '(') | value | calculates);
}

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

constexpr std::uint64_t number_of(std::string_view text)
{
    std::uint64_t number = 0;
    for (std::size_t place = text.size(); place-- > 0;) {
        number = number << 8 | static_cast<unsigned char>(text[place]);
    }
    return number;
}

/// The first eight octets as a number, letters in lower case; nothing else becomes a letter by that.
constexpr std::uint64_t first_letters(std::string_view text)
{
    constexpr std::uint64_t lower_case = 0x2020202020202020;
    return (text.size() >= 8 ? number_of({text.data(), 8}) : number_of(text)) | lower_case;
}

/// The first word is that of a statement which leaves nothing behind by itself.
bool begins_plainly(bytes text)
{
    const auto first = first_letters(text);
    const auto is = [&](std::string_view word) {
        const auto rest = 8 * (8 - word.size());
        return first << rest >> rest == number_of(word) && (text.size() == word.size() || !is_name(text[word.size()]));
    };
    const auto is_alone = [&](std::string_view word) { return is(word) && text.size() == word.size(); };
    // BEGIN NOT ATOMIC runs code, COMMIT RELEASE ends the connection.
    return is("select") || is("insert") || is("update") || is("delete") || is("replace") || is_alone("commit") ||
           is_alone("rollback") || is_alone("begin");
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

/// NEXT VALUE FOR, PREVIOUS VALUE FOR; sequence.NEXTVAL, sequence.CURRVAL.
bool may_ask_sequence(bytes text, std::size_t vee)
{
    const auto before = vee >= 4 ? text.substr(vee - 4, 4) : bytes{};
    if (is_word(text.substr(vee, 3), "val") && (is_word(before, "next") || is_word(before, "curr"))) {
        return true;
    }
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

/// Whether the places from `from` to `to` hold no call of somebody's own function, no VALUE of a sequence and no CALC_.
bool is_harmless(bytes text, std::size_t from, std::size_t to)
{
    for (auto place = from; place < std::min(to, text.size()); ++place) {
        const char octet = text[place];
        const bool is_harmful = (octet == '(' && !opens_plainly(text, place)) ||
                                (octet == '_' && may_calculate(text, place)) ||
                                ((octet | 0x20) == 'v' && may_ask_sequence(text, place));
        if (is_harmful) {
            return false;
        }
    }
    return true;
}

}  // namespace

bool is_plain_text(bytes text)
{
    if (!begins_plainly(text)) {
        return false;
    }
    octets doubtful{};
    std::size_t place = 0;
    for (; text.size() - place > width; place += width) {
        const auto here = load(text.data() + place);
        const auto next = load(text.data() + place + 1);
        doubtful |= find_doubtful(here, next);
        if (any(find_suspects(here, next)) && !is_harmless(text, place, place + width)) {
            return false;
        }
    }
    std::array<char, width + 1> rest{};
    rest.fill(' ');  // the octets behind the text are blank
    std::memcpy(rest.data(), text.data() + place, text.size() - place);
    const auto here = load(rest.data());
    const auto next = load(rest.data() + 1);
    doubtful |= find_doubtful(here, next);
    return !any(doubtful) && (!any(find_suspects(here, next)) || is_harmless(text, place, text.size()));
}

}  // namespace penstock::mysql
