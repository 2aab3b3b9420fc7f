// SPDX-License-Identifier: Apache-2.0
//
// Texts of SQL at random, of what lexers stumble over, and others that nearly equal them: for known_texts, which must
// take no text for another of another shape.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <string_view>

namespace penstock::test {

class look_alikes {
public:
    explicit look_alikes(unsigned seed) : engine_{seed} {}

    std::string text()
    {
        constexpr std::string_view parts[] = {
            "select",   " ",    " ",   " ",     ", ",  ",",  "(",  ")",    " from t where a = ",
            "1",        "23",   "456", "0",     "'a'", "'",  "''", "'b'",  "'it''s'",
            "'a\\'b'",  "\\",   "\"",  "\"x\"", ".",   "..", "e",  "E",    "x",
            "n",        "u&",   "b",   "-",     "--",  "\n", "/*", "*/",   "/",
            "$",        "$1",   "$$",  "$t$",   "@",   "@a", "#",  "`",    "+",
            "\xc3\xa4", "\xff", "/*!", "50100", "=",   "::", "t1", "1e5",  "0x1f",
            ";",        "[1]",  "?",   "%",     "*",   "\t", "\r", "and ", "in (1, 2, 3)",
        };
        std::string made = at_random(2) == 0 ? "select " : "";
        for (auto left = at_random(9); left > 0; --left) {
            made += parts[at_random(std::size(parts))];
        }
        return made;
    }

    /// One that known_texts may be tempted by.
    std::string like(std::string text)
    {
        for (auto changes = 1 + at_random(3); changes > 0; --changes) {
            const auto place = at_random(text.size() + 1);
            constexpr std::string_view others = "0123456789''''\\\"ab .-e*/\n$xn\xc3";
            const char other = others[at_random(others.size())];
            const bool is_digit = place < text.size() && text[place] >= '0' && text[place] <= '9';
            if (is_digit && at_random(4) != 0) {
                text[place] = static_cast<char>('0' + at_random(10));
            } else if (at_random(3) == 0 && place < text.size()) {
                text.erase(place, 1);
            } else {
                text.insert(place, 1, other);
            }
        }
        return text;
    }

    std::size_t at_random(std::size_t below)
    {
        return std::uniform_int_distribution<std::size_t>{0, below - 1}(engine_);
    }

private:
    std::mt19937 engine_;
};

}  // namespace penstock::test
