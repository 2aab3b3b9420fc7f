// SPDX-License-Identifier: Apache-2.0
//
// Sixteen places of the text are looked at in one go, each with the two octets behind it. Whatever might begin
// something that is not plain sends the whole text the long way, so that each test may be coarse: "set" stands for
// set_config() and setseed() and forbids "offset" as well, and "nto" for INTO.
#include "protocols/postgresql/plain_read.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace penstock::postgresql {

namespace {

constexpr std::size_t width = 16;
constexpr std::size_t lookahead = 2;

using octets = std::uint8_t __attribute__((vector_size(width)));

octets load(const char* from)
{
    octets loaded;
    std::memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

/// An element is not zero where the sixteen places hold something that is not plain.
octets find_suspects(const char* at)
{
    const auto here = load(at);
    const auto next = load(at + 1);
    const auto third = load(at + 2) | 0x20;
    const auto first = here | 0x20;  // letters in lower case; what else becomes a letter by it is a suspect too many
    const auto second = next | 0x20;
    const auto beyond_ascii = here & 0x80;
    const auto quotes = (here == '\'') | (here == '"');
    const auto further_statement = here == ';';
    const auto comments = ((here == '-') & (next == '-')) | ((here == '/') & (next == '*'));
    const auto dollar_quote = (here == '$') & (next - '0' > 9);
    const auto into = (first == 'n') & (second == 't') & (third == 'o');
    const auto system_name = (first == 'p') & (second == 'g') & (third == ('_' | 0x20));
    const auto set_something = (first == 's') & (second == 'e') & (third == 't');
    const auto sequence = (first == 'v') & (second == 'a') & (third == 'l');  // nextval, currval, lastval
    const auto dblink = (first == 'd') & (second == 'b') & (third == 'l');
    return beyond_ascii | reinterpret_cast<octets>(quotes | further_statement | comments | dollar_quote | into |
                                                   system_name | set_something | sequence | dblink);
}

bool any(octets found)
{
    std::array<std::uint64_t, 2> halves{};
    std::memcpy(halves.data(), &found, sizeof found);
    return (halves[0] | halves[1]) != 0;
}

bool is_blank(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

bool begins_with_select(std::string_view text)
{
    constexpr std::string_view word = "select";
    if (text.size() <= word.size() || !is_blank(text[word.size()])) {
        return false;
    }
    for (std::size_t at = 0; at < word.size(); ++at) {
        if ((static_cast<unsigned char>(text[at]) | 0x20U) != static_cast<unsigned char>(word[at])) {
            return false;
        }
    }
    return true;
}

std::string_view without_end(std::string_view text)
{
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    if (!text.empty() && text.back() == ';') {
        text.remove_suffix(1);
    }
    return text;
}

}  // namespace

bool is_plain_read(std::string_view text)
{
    if (!begins_with_select(text)) {
        return false;
    }
    text = without_end(text);
    octets found{};
    while (text.size() >= width + lookahead) {
        found |= find_suspects(text.data());
        text.remove_prefix(width);
    }
    std::array<char, 2 * width + lookahead> rest{};  // the octets behind the text are zero, and plain
    std::memcpy(rest.data(), text.data(), text.size());
    found |= find_suspects(rest.data());
    if (text.size() > width) {
        found |= find_suspects(rest.data() + width);
    }
    return !any(found);
}

}  // namespace penstock::postgresql
