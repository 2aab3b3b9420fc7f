// SPDX-License-Identifier: Apache-2.0
//
// Cuts SQL into tokens while it streams by: memory does not grow with the text, and where it is cut into chunks does
// not matter. Knows PostgreSQL's lexical rules (manual, "Lexical Structure", and what its scanner does beyond that).
//
// A token's text is given as written, without quotes, and only its first octets; decode_name() makes a name of it. To
// keep this small and safe in every version of PostgreSQL, operators come one character at a time, and a number is
// digits and points only: an exponent or a radix prefix comes as the identifier that it looks like.
#pragma once

#include "core/bytes.hpp"
#include "protocols/wire/lexical_mode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace penstock {

enum class octet_class : std::uint8_t;  // octet_classes.hpp

enum class token_kind : std::uint8_t {
    none,               ///< no token: the chunk is used up
    identifier,         ///< a name or keyword without quotes
    quoted_identifier,  ///< "..." and U&"..."
    string,             ///< '...' with any prefix; continued strings ('a' newline 'b') come in pieces
    dollar_string,      ///< $tag$...$tag$, without text
    number,
    parameter,  ///< $1, whose text is the number
    operation,  ///< one character of an operator, or of ::
    comma,
    dot,
    semicolon,
    open,   ///< (
    close,  ///< )
    other,  ///< anything else; no valid text holds it
};

/// Which tokens a caller wants to see; others are passed over, which is faster.
struct token_filter {
    std::uint32_t kinds = ~0U;  ///< a bit for each wanted kind
    /// Of opening parentheses only those directly behind a token that was given are wanted.
    bool calls_only = false;
    /// Of names only those whose bit is set: by the lower five bits of the first octet (which are alike for both cases
    /// of a letter) and by the length. The last bit stands for that length and all above. U& names are always wanted.
    std::array<std::uint64_t, 32> names = every_name();

    [[nodiscard]] constexpr bool wants(token_kind kind) const
    {
        return (kinds >> static_cast<unsigned>(kind) & 1U) != 0;
    }
    [[nodiscard]] constexpr bool wants_name(std::string_view text) const
    {
        const auto letter = text.empty() ? 0U : static_cast<unsigned char>(text.front()) & 31U;
        return (names[letter] >> (text.size() < 63 ? text.size() : 63) & 1U) != 0;
    }

    /// No names but these, in lower case.
    constexpr void want_only(std::initializer_list<std::string_view> words)
    {
        names.fill(0);
        for (const auto word : words) {
            names[static_cast<unsigned char>(word.front()) & 31U] |= std::uint64_t{1} << word.size();
        }
    }

private:
    static constexpr std::array<std::uint64_t, 32> every_name()
    {
        std::array<std::uint64_t, 32> all{};
        all.fill(~std::uint64_t{0});
        return all;
    }
};

[[nodiscard]] constexpr std::uint32_t kinds_of(std::initializer_list<token_kind> kinds)
{
    std::uint32_t bits = 0;
    for (const auto kind : kinds) {
        bits |= 1U << static_cast<unsigned>(kind);
    }
    return bits;
}

inline constexpr token_filter every_token{};

/// Names are cut to so many octets, as PostgreSQL does (NAMEDATALEN - 1).
inline constexpr std::size_t longest_name = 63;

class scanner {
public:
    /// Of a token's text so much is given: enough for the longest name if each of its octets is a doubled quote.
    static constexpr std::size_t most_text = 128;

    /// Starts a new text.
    void begin(lexical_mode mode);

    /// Takes the next wanted token off the front of `chunk`. When it gives none the chunk is used up, and a token that
    /// may go on is kept for the next one. To end the text give it one more chunk, a newline, which ends every token
    /// that can end.
    [[nodiscard]] token_kind next(bytes& chunk, const token_filter& wanted = every_token);

    /// The token's text, at most most_text octets. Views the chunk or this scanner; valid until the next call.
    [[nodiscard]] std::string_view text() const { return text_; }
    /// The text is longer than text() shows.
    [[nodiscard]] bool is_clipped() const { return clipped_; }
    /// The string or quoted name holds doubled quotes.
    [[nodiscard]] bool has_doubled_quotes() const { return doubled_; }
    /// The string or quoted name holds backslash escapes, or is a U& form, which is not decoded here.
    [[nodiscard]] bool has_escapes() const { return escaped_; }

    /// No token was passed over between the last one that next() gave and the one before that.
    [[nodiscard]] bool is_adjacent() const { return !passed_; }
    /// How many parentheses are open.
    [[nodiscard]] std::uint32_t depth() const { return depth_; }

    /// We are inside a string, a quoted name or a block comment.
    [[nodiscard]] bool is_inside() const;
    /// A dollar quote's tag was longer than what is kept, so the rest of the text is not understood.
    [[nodiscard]] bool is_lost() const { return place_ == place::lost; }

private:
    /// Where between two octets we may be; more than this and the fields below is not remembered.
    enum class place : std::uint8_t {
        between,         ///< no token has begun
        identifier,      ///< in a name or keyword
        unicode_prefix,  ///< after u&
        owed_ampersand,  ///< the & of u& turned out to be an operator and comes next
        number,          ///< in a number
        minus,           ///< after - which may begin a comment
        slash,           ///< after / which may begin a comment
        line_comment,    ///< after --
        block_comment,   ///< inside /* */
        comment_slash,   ///< inside, after / which may open a further level
        comment_star,    ///< inside, after * which may close one
        quoted,          ///< inside '...' or "..."
        quoted_escape,   ///< inside, after a backslash
        quoted_end,      ///< after the closing quote, which may be the first of two
        dollar,          ///< after $
        parameter,       ///< after $ and a digit
        dollar_tag,      ///< in a dollar quote's opening tag
        dollar_body,     ///< inside $tag$...
        lost,            ///< see is_lost()
    };

    /// The part of a chunk that is not read yet, and where in it the current token's text begins.
    struct cursor {
        const char* at;
        const char* end;
        const char* from;
        [[nodiscard]] bool empty() const { return at == end; }
        [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end - at); }
    };

    token_kind start(cursor& in, const token_filter& wanted);
    token_kind resume(cursor& in);
    token_kind in_identifier(cursor& in);
    token_kind after_identifier(cursor& in);
    token_kind after_unicode_prefix(cursor& in);
    token_kind in_number(cursor& in, token_kind kind);
    token_kind in_quoted(cursor& in);
    token_kind after_quote(cursor& in);
    token_kind after_minus(cursor& in);
    token_kind after_slash(cursor& in);
    token_kind in_line_comment(cursor& in);
    token_kind in_block_comment(cursor& in);
    token_kind after_dollar(cursor& in);
    token_kind in_dollar_tag(cursor& in);
    token_kind in_dollar_body(cursor& in);

    token_kind give(cursor& in, const char* at, token_kind kind, std::string_view text);
    void pass(token_kind kind);
    token_kind leave(cursor& in, const char* at, place where);
    token_kind open_prefixed(cursor& in, char quote, bool backslashes, bool unicode);
    void open_quote(char quote);
    token_kind end_quote();
    void begin_text(cursor& in);
    void keep(const char* from, const char* to);
    void take_text(cursor& in, const char* to);
    [[nodiscard]] static place place_after(octet_class begun);
    [[nodiscard]] bool is_wanted(token_kind kind, std::string_view text, const token_filter& wanted) const;

    lexical_mode mode_{};
    place place_ = place::between;
    token_kind current_ = token_kind::none;  ///< the last token, given or not
    char quote_ = '\'';                      ///< what closes the string or quoted name
    bool backslashes_ = false;               ///< a backslash escapes, in this string
    bool doubled_ = false;
    bool escaped_ = false;
    bool clipped_ = false;
    bool given_ = false;          ///< the last call of next() gave a token
    bool passed_ = false;         ///< a token was passed over since the last one that was given
    bool newline_ = false;        ///< a line has ended since the last string
    bool continuable_ = false;    ///< only spaces and line comments since the last string
    std::uint32_t depth_ = 0;     ///< open parentheses
    std::uint32_t comments_ = 0;  ///< open block comments
    std::uint32_t matched_ = 0;   ///< octets of the closing dollar tag, its first $ included
    std::uint32_t kept_ = 0;      ///< octets in buffer_
    std::string_view text_{};
    std::array<char, most_text> buffer_;  ///< text of a token that is split over chunks, or a dollar quote's tag
};

/// A name as PostgreSQL reads it: case folded (ASCII) unless quoted, doubled quotes made single, cut to longest_name
/// octets without splitting a UTF-8 character.
[[nodiscard]] std::string decode_name(std::string_view text, bool quoted);

/// ASCII lower case, as PostgreSQL folds.
[[nodiscard]] constexpr char to_lower(char octet)
{
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
}

}  // namespace penstock
