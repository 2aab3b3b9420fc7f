// SPDX-License-Identifier: Apache-2.0
//
// What the shapes of both dialects have in common: the text that is written, and what becomes of names, of white space
// and of literals in it.
//
// A statement's shape is its text with every literal replaced by the shortest of its kind, and without comments. It is
// SQL again, so what is found out about it holds for all texts that have it. Names without quotes are in lower case,
// each run of white space is one space, and lists of literals or parameters are as if of two.
#pragma once

#include "protocols/wire/route_comment.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace penstock {

/// What make_shape() found.
struct shape_result {
    /// False where the text is not understood (unterminated, too long, read in ways that we do not follow): nothing is
    /// known of it then.
    bool understood = false;
    /// The inside of the first comment with a routing hint, from there on (route_comment.hpp); views the text. Empty:
    /// none.
    std::string_view hint{};
};

/// Longer texts have no shape: octets.
inline constexpr std::size_t longest_shaped = 1024 * 1024;

namespace detail {

constexpr bool is_letter_or_digit(unsigned octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9');
}

/// What a name goes on with, in both dialects.
inline constexpr std::array<bool, 256> in_names = [] {
    std::array<bool, 256> all{};
    for (unsigned octet = 0; octet < 256; ++octet) {
        all[octet] = is_letter_or_digit(octet) || octet == '_' || octet == '$' || octet > 127;
    }
    return all;
}();

inline constexpr std::array<char, 256> lowered = [] {
    std::array<char, 256> all{};
    for (unsigned octet = 0; octet < 256; ++octet) {
        all[octet] = static_cast<char>(octet >= 'A' && octet <= 'Z' ? octet | 0x20U : octet);
    }
    return all;
}();

}  // namespace detail

[[nodiscard]] constexpr bool is_in_name(char octet)
{
    return detail::in_names[static_cast<unsigned char>(octet)];
}

/// There are octets above 127 in it.
[[nodiscard]] inline bool has_high_octets(std::string_view text)
{
    std::uint64_t all = 0;
    while (text.size() >= sizeof all) {
        std::uint64_t some = 0;
        std::memcpy(&some, text.data(), sizeof some);
        all |= some;
        text.remove_prefix(sizeof some);
    }
    for (const char octet : text) {
        all |= static_cast<unsigned char>(octet);
    }
    return (all & 0x8080808080808080U) != 0;
}

/// The text of a shape while it is written. Octets may be written without asking for room, as long as no more are
/// written than the text had that they stand for; up to `slack` octets behind those may be overwritten.
class shape_text {
public:
    static constexpr std::size_t slack = 16;

    /// `storage` has room for the whole text, and the slack.
    explicit shape_text(char* storage) : begin_{storage}, to_{storage} {}

    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(to_ - begin_); }
    [[nodiscard]] const char* end() const { return to_; }

    void put(char octet) { *to_++ = octet; }
    void copy(const char* from, const char* to)
    {
        const auto count = static_cast<std::size_t>(to - from);
        std::memcpy(to_, from, count);
        to_ += count;
    }
    /// One space, but none at the beginning and none behind another one.
    void space()
    {
        if (to_ != begin_ && to_[-1] != ' ') {
            *to_++ = ' ';
        }
    }
    /// Takes so many octets back.
    void drop(std::size_t count) { to_ -= count; }
    /// Without the spaces and semicolons at its end.
    void trim()
    {
        while (to_ != begin_ && (to_[-1] == ' ' || to_[-1] == ';')) {
            --to_;
        }
    }

    /// Takes the rest of a name, in lower case, and tells where it ends.
    const char* name(const char* at, const char* end)
    {
#if defined(__SSE2__)
        while (end - at >= 16) {
            const auto count = lower_sixteen(at);
            to_ += count;
            at += count;
            if (count < 16) {
                return at;
            }
        }
#endif
        while (at != end && is_in_name(*at)) {
            *to_++ = detail::lowered[static_cast<unsigned char>(*at++)];
        }
        return at;
    }

    /// Of a third equal literal in a list nothing is written, so that lists of all lengths have the same shape.
    void literal(char first, char second = '\0')
    {
        const auto gap = to_ - last_literal_;
        const bool same = first == last_first_ && last_literal_ != nullptr;
        const bool goes_on = same && ((gap == 1 && to_[-1] == ',') || (gap == 2 && to_[-2] == ',' && to_[-1] == ' '));
        if (goes_on && gap == gap_ && listed_ == 2) {
            to_ -= gap;
            return;
        }
        listed_ = goes_on ? 2 : 1;
        gap_ = gap;
        last_first_ = first;
        *to_++ = first;
        if (second != '\0') {
            *to_++ = second;
        }
        last_literal_ = to_;
    }

private:
#if defined(__SSE2__)
    /// Writes sixteen octets in lower case and tells how many of them, from the first on, belong to a name.
    std::size_t lower_sixteen(const char* in)
    {
        const auto octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
        // Whether an octet is among `count` from `first` on: moved to the lowest values there are, it is below a bound.
        const auto among = [](__m128i values, char first, int count) {
            const auto moved = _mm_add_epi8(values, _mm_set1_epi8(static_cast<char>(-128 - first)));
            return _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(-128 + count)));
        };
        const auto capitals = among(octets, 'A', 26);
        const auto lower = _mm_or_si128(octets, _mm_and_si128(capitals, _mm_set1_epi8(0x20)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to_), lower);
        auto in_name = _mm_or_si128(among(lower, 'a', 26), among(lower, '0', 10));
        in_name = _mm_or_si128(in_name, _mm_cmpeq_epi8(lower, _mm_set1_epi8('_')));
        in_name = _mm_or_si128(in_name, _mm_cmpeq_epi8(lower, _mm_set1_epi8('$')));
        in_name = _mm_or_si128(in_name, octets);  // only the highest bit counts, and it is set above 127
        return static_cast<std::size_t>(std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(in_name))));
    }
#endif

    char* begin_;
    char* to_;
    const char* last_literal_ = nullptr;  ///< where the last literal that was written ends
    std::ptrdiff_t gap_ = 0;              ///< from there to the next one
    char last_first_ = '\0';              ///< its first octet, which tells its kind
    int listed_ = 0;                      ///< 2: it is the second of a list or a later one
};

}  // namespace penstock
