// SPDX-License-Identifier: Apache-2.0
//
// Cuts MySQL's SQL into tokens while it streams by: memory is bounded, and where the text is cut does not matter.
//
// Follows "Language Structure" in the MySQL manual and MariaDB's: strings in both quotes with backslashes unless
// NO_BACKSLASH_ESCAPES, names in backticks (and in double quotes under ANSI_QUOTES), comments of all three kinds.
// Executable comments (/*! */ and /*M! */) are code, whatever version they name, save 999999.
#pragma once

#include "core/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// What of a session's state decides where tokens end.
struct sql_reading {
    bool no_backslash_escapes = false;
    bool ansi_quotes = false;
    /// The client's character set has characters whose later octets look like ASCII (big5, cp932, gb18030, gbk, sjis).
    bool ambiguous = false;
    /// It is UTF-8: octets above 127 are parts of names. In other sets they may be blanks or operators.
    bool utf8 = false;
    /// sql_mode=ORACLE (MariaDB).
    bool oracle = false;

    friend bool operator==(const sql_reading&, const sql_reading&) = default;
};

enum class sql_token : std::uint8_t {
    word,         ///< a keyword or a name without quotes; lower case
    quoted_name,  ///< without its quotes
    string,       ///< as written between the quotes
    number,
    user_variable,    ///< @name, without the @; lower case
    system_variable,  ///< @@name or @@scope.name, without the @@; lower case
    assign,           ///< :=
    equals,
    comma,
    dot,
    semicolon,
    open,
    close,
    other,
};

class effects_lexer {
public:
    /// So much of a token's text is kept.
    static constexpr std::size_t most_text = 256;

    void begin(sql_reading reading);

    /// Calls sink.take(sql_token, text, clipped) for each token that ends in `chunk`.
    template <class Sink>
    void feed(bytes chunk, Sink& sink)
    {
        for (std::size_t at = 0; at < chunk.size();) {
            if (!step(chunk, at)) {
                continue;
            }
            sink.take(kind_, std::string_view{text_}, clipped_);
            text_.clear();
            clipped_ = false;
        }
    }
    /// Ends the text, and with it the last token.
    template <class Sink>
    void finish(Sink& sink)
    {
        feed("\n", sink);
    }
    /// The last string or quoted name held a backslash or a doubled quote, or the text octets above 127.
    [[nodiscard]] bool is_plain() const { return plain_; }
    [[nodiscard]] bool has_high_octets() const { return high_; }
    /// In an executable comment, quotes or another comment hold what would end it for a server that does not execute
    /// it: that server reads everything behind otherwise.
    [[nodiscard]] bool is_contested() const { return contested_; }

    /// There is one at all: whether it is code depends on the server.
    [[nodiscard]] bool has_executable() const { return has_executable_; }

private:
    enum class place : std::uint8_t {
        between,
        word,
        number,
        quoted,      ///< up to quote_
        backslash,   ///< in there, behind a backslash
        quoted_end,  ///< behind a quote that may be the first of two
        at,          ///< behind @
        at_name,     ///< in @name
        at_at,       ///< in @@name
        colon,
        minus,
        minus_minus,  ///< a comment if a blank follows
        slash,
        line_comment,
        block_open,  ///< behind / and *, where ! may follow
        block_mark,  ///< behind / * and M
        version,     ///< the digits behind !
        block_comment,
        block_star,
        star,  ///< behind * in an executable comment, which a slash closes
    };

    bool step(bytes chunk, std::size_t& at);
    bool start(char octet);
    void keep(char octet, bool fold);
    void note_hidden(bytes octets);
    bool give(sql_token kind);

    sql_reading reading_{};
    place place_ = place::between;
    sql_token kind_ = sql_token::other;
    sql_token quoted_as_ = sql_token::string;
    char quote_ = '\'';
    bool in_executable_ = false;
    unsigned version_ = 0;      ///< of an executable comment
    bool hidden_star_ = false;  ///< the last octet in quotes or a comment inside of one was a star
    bool contested_ = false;
    bool has_executable_ = false;
    bool clipped_ = false;
    bool plain_ = true;
    bool high_ = false;
    std::string text_;
};

}  // namespace penstock::mysql
