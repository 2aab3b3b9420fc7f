// SPDX-License-Identifier: Apache-2.0
//
// What an octet of SQL may be the beginning of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

enum class octet_class : std::uint8_t {
    letter,  ///< may begin a name: letters, underscore, everything above 127
    blank,   ///< line ends as well
    // Tokens of one octet.
    operation,
    comma,
    dot,
    semicolon,
    other,
    // Parentheses, which are counted.
    open,
    close,
    // What goes on.
    digit,
    quote,
    double_quote,
    dollar,
    minus,
    slash,
};

namespace detail {

constexpr std::array<octet_class, 256> classify_octets()
{
    std::array<octet_class, 256> table{};
    table.fill(octet_class::other);
    const auto set = [&table](std::string_view octets, octet_class value) {
        for (const char octet : octets) {
            table[static_cast<unsigned char>(octet)] = value;
        }
    };
    set(" \t\f\v\n\r", octet_class::blank);
    set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", octet_class::letter);
    for (std::size_t octet = 128; octet < table.size(); ++octet) {
        table[octet] = octet_class::letter;
    }
    set("0123456789", octet_class::digit);
    set("'", octet_class::quote);
    set("\"", octet_class::double_quote);
    set("$", octet_class::dollar);
    set("-", octet_class::minus);
    set("/", octet_class::slash);
    set("~!@#^&|`?+*%<>=:[]", octet_class::operation);
    set(",", octet_class::comma);
    set(".", octet_class::dot);
    set(";", octet_class::semicolon);
    set("(", octet_class::open);
    set(")", octet_class::close);
    return table;
}

inline constexpr auto octet_classes = classify_octets();

constexpr std::array<bool, 256> find_name_octets()
{
    std::array<bool, 256> table{};
    for (std::size_t octet = 0; octet < table.size(); ++octet) {
        const auto kind = octet_classes[octet];
        table[octet] = kind == octet_class::letter || kind == octet_class::digit || kind == octet_class::dollar;
    }
    return table;
}

inline constexpr auto name_octets = find_name_octets();

}  // namespace detail

[[nodiscard]] constexpr octet_class class_of(char octet)
{
    return detail::octet_classes[static_cast<unsigned char>(octet)];
}

/// The octet goes on in a name that has begun.
[[nodiscard]] constexpr bool goes_on_in_name(char octet)
{
    return detail::name_octets[static_cast<unsigned char>(octet)];
}

[[nodiscard]] constexpr bool is_name_start(char octet)
{
    return class_of(octet) == octet_class::letter;
}

[[nodiscard]] constexpr bool is_single(octet_class kind)
{
    return kind >= octet_class::operation && kind <= octet_class::other;
}

[[nodiscard]] constexpr bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

}  // namespace penstock
