// SPDX-License-Identifier: Apache-2.0
//
// Texts that are known again at a glance, whatever their numbers and strings are: what read_judge knows of them without
// making their shape.
//
// A lexer looks no further ahead than an octet or two, and treats all digits alike. So a text that differs from a known
// one only in the digits of whole numbers and in what stands in plain strings has the same tokens, and the same shape.
// The dialect's shape maker tells where such places are (literal_places); they become gaps, and all else has to be
// equal.
//
// Bounded, and of one thread. Texts that would fill it in vain (literals of other kinds, comments) are not taken.
#pragma once

#include "protocols/wire/request_facts.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

/// Where a text's literals are, for whoever makes its shape to tell.
class literal_places {
public:
    struct place {
        const char* from;
        const char* to;
        char quote;  ///< that stands there; NUL: it is a number
    };
    static constexpr std::size_t most = 64;

    /// Of nothing but digits.
    void add_number(const char* from, const char* to) { add({from, to, '\0'}); }
    /// From its opening quote to behind its closing one, and it may be any other that is between two such quotes and
    /// has neither quotes nor backslashes inside.
    void add_string(const char* from, const char* to) { add({from + 1, to - 1, *from}); }
    /// Something in the text may be another one each time and is none of these.
    void spoil() { fit_ = false; }

    [[nodiscard]] bool is_fit() const { return fit_; }
    [[nodiscard]] const std::vector<place>& all() const { return all_; }

private:
    void add(const place& next)
    {
        fit_ = fit_ && all_.size() < most;
        if (fit_) {
            all_.push_back(next);
        }
    }

    std::vector<place> all_;
    bool fit_ = true;
};

class known_texts {
public:
    /// Longer ones are not kept.
    static constexpr std::size_t longest = 1024;

    /// What is kept of a text.
    struct entry {
        request_facts facts{};
        std::uint64_t version = 0;  ///< of what is believed, for the caller
    };

    /// Null where it is not known. `mode` tells lexical modes apart. Valid until the next learn().
    [[nodiscard]] entry* find(std::string_view text, char mode);
    /// `text` was not found, and has these literals.
    void learn(std::string_view text, char mode, const literal_places& literals, const entry& known);

    [[nodiscard]] std::size_t size() const;

private:
    static constexpr std::size_t rows = 256;
    static constexpr std::size_t ways = 4;

    struct gap {
        std::uint16_t at;  ///< in `fixed`
        char quote;        ///< that ends it; NUL: it is a number
    };
    struct pattern {
        char mode = '\0';
        bool was_used = false;    ///< since it was last spared
        std::string fixed{};      ///< the text without what fills the gaps; empty: none
        std::vector<gap> gaps{};  ///< in order
        entry known{};

        [[nodiscard]] bool fits(std::string_view text) const;
    };
    struct row {
        std::array<std::uint16_t, ways> keys{};
        std::array<pattern, ways> patterns{};
    };

    row& row_of(std::uint16_t key) { return rows_[(key * 0x9e3779b1U) >> 24]; }
    pattern* place_for(std::uint16_t key);

    std::vector<row> rows_;  ///< empty until something is learnt
};

}  // namespace penstock
