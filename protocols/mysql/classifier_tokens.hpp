// SPDX-License-Identifier: Apache-2.0
//
// Cuts a shape (shape.hpp) into tokens, executable comments as code or not, as wanted.
#pragma once

#include "protocols/mysql/effects_lexer.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::mysql {

enum class shape_token_kind : std::uint8_t {
    word,             ///< a keyword or a name without quotes; numbers as well
    quoted_name,      ///< with its quotes
    string,           ///< ''
    system_variable,  ///< @@
    user_variable,    ///< @
    assign,           ///< :=
    semicolon,
    open,
    close,
    dot,
    other,
};

/// A token of a shape, which it views.
struct shape_token {
    shape_token_kind kind = shape_token_kind::other;
    std::string_view text{};
    bool is_spaced = false;  ///< white space, or the edge of an executable comment, stands in front of it
};

/// The tokens of a text without executable comments. The same storage is used again.
void cut_shape(std::string_view shape, bool ansi_quotes, std::vector<shape_token>& tokens);

/// The executable comments of a shape: which marks (with their versions) there are, and the shape's code when those of
/// some marks are executed and the others are not.
class executable_comments {
public:
    explicit executable_comments(std::string_view shape, bool ansi_quotes);

    /// Each mark once, as "!50100" or "M!".
    [[nodiscard]] const std::vector<std::string_view>& marks() const { return marks_; }
    /// The code if the comments of those marks are executed whose bits are set.
    [[nodiscard]] std::string code(std::uint32_t executed) const;

private:
    struct part {
        std::string_view text;
        std::size_t mark;  ///< of marks_; none: marks_.size() or more, for what is no comment
    };
    static constexpr std::size_t no_mark = ~std::size_t{0};

    std::vector<std::string_view> marks_;
    std::vector<part> parts_;
};

/// A quoted name without its quotes, in lower case (ASCII), with doubled quotes made single.
[[nodiscard]] std::string unquoted(std::string_view quoted);

}  // namespace penstock::mysql
