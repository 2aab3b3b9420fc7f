// SPDX-License-Identifier: Apache-2.0
//
// One pass over the text, by PostgreSQL's lexical rules (manual, "Lexical Structure").
#include "protocols/postgresql/shape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace penstock::postgresql {

namespace {

enum class kind : std::uint8_t {
    letter,  ///< octets above 127 as well
    space,
    digit,
    quote,
    double_quote,
    dollar,
    minus,
    slash,
    dot,
    nothing,  ///< a text ends before it
    other,
};

constexpr std::array<kind, 256> kinds = [] {
    std::array<kind, 256> all{};
    all.fill(kind::other);
    for (unsigned octet = 0; octet < 256; ++octet) {
        if (is_in_name(static_cast<char>(octet))) {
            all[octet] = octet >= '0' && octet <= '9' ? kind::digit : kind::letter;
        }
    }
    for (const char octet : {' ', '\t', '\n', '\r', '\f', '\v'}) {
        all[static_cast<unsigned char>(octet)] = kind::space;
    }
    all['\''] = kind::quote;
    all['"'] = kind::double_quote;
    all['$'] = kind::dollar;
    all['-'] = kind::minus;
    all['/'] = kind::slash;
    all['.'] = kind::dot;
    all['\0'] = kind::nothing;
    return all;
}();

constexpr kind kind_of(char octet)
{
    return kinds[static_cast<unsigned char>(octet)];
}

constexpr bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

class maker {
public:
    maker(std::string_view text, const lexical_mode& mode, char* storage, literal_places* literals = nullptr)
        : begin_{text.data()}, at_{begin_}, end_{begin_ + text.size()}, mode_{mode}, out_{storage}, literals_{literals}
    {
    }

    bool run();
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    [[nodiscard]] std::string_view hint() const { return hint_; }

private:
    bool token();
    bool word();
    bool prefixed(char prefix);
    bool number();
    bool dollar();
    bool quoted();
    bool string(bool backslashes);
    bool quoted_name();
    bool block_comment();
    void line_comment();
    void spaces();
    void digits();
    void note_comment(const char* from, const char* to);
    void spoil()
    {
        if (literals_ != nullptr) {
            literals_->spoil();
        }
    }
    /// The octet so far on, or NUL behind the end.
    [[nodiscard]] char peek(std::ptrdiff_t places) const { return end_ - at_ > places ? at_[places] : '\0'; }
    [[nodiscard]] bool is_name_next() const { return at_ != end_ && is_in_name(*at_); }

    const char* begin_;
    const char* at_;
    const char* end_;
    lexical_mode mode_;
    shape_text out_;
    /// Where the shape ended behind the last string: a '...' that follows on another line continues it.
    const char* string_end_ = nullptr;
    bool continued_backslashes_ = false;  ///< and a backslash escapes in it
    bool line_ended_ = false;             ///< in the white space behind it
    std::string_view hint_{};
    literal_places* literals_;  ///< null: nobody asks for them
};

bool maker::run()
{
    if (mode_.ambiguous_encoding && has_high_octets({at_, end_})) {
        return false;
    }
    while (at_ != end_) {
        if (!token()) {
            return false;
        }
    }
    out_.trim();
    return true;
}

bool maker::token()
{
    switch (kind_of(*at_)) {
        case kind::letter: return word();
        case kind::space: spaces(); return true;
        case kind::digit: return number();
        case kind::quote: return quoted();
        case kind::double_quote: return quoted_name();
        case kind::dollar: return dollar();
        case kind::minus:
            if (peek(1) == '-') {
                line_comment();
                return true;
            }
            break;
        case kind::slash:
            if (peek(1) == '*') {
                return block_comment();
            }
            break;
        case kind::dot:
            if (is_digit(peek(1)) && (at_ == begin_ || !is_in_name(at_[-1]))) {
                return number();
            }
            break;
        case kind::nothing: return false;
        case kind::other: break;
    }
    out_.put(*at_++);
    return true;
}

/// A name, a keyword, or the prefix of a string; with the one space that mostly follows.
bool maker::word()
{
    const char* const from = at_;
    at_ = out_.name(at_, end_);
    if (end_ - at_ < 2) {
        return true;
    }
    if (*at_ == ' ') {
        if (kind_of(at_[1]) != kind::space) {
            ++at_;
            out_.put(' ');
        }
        return true;
    }
    return at_ - from != 1 || (*at_ != '\'' && *at_ != '&') || prefixed(out_.end()[-1]);
}

/// Behind a name of one letter, in front of a quote or an ampersand.
bool maker::prefixed(char prefix)
{
    if (*at_ == '&') {
        return prefix != 'u' || (at_[1] != '\'' && at_[1] != '"');
    }
    switch (prefix) {
        case 'e':
        case 'n':
            spoil();
            out_.drop(1);
            out_.literal('\'', '\'');
            return string(prefix == 'e' || mode_.backslash_escapes);
        case 'b':
        case 'x':
            spoil();
            out_.put('\'');
            out_.put('\'');
            return string(false);
        default: return true;  // a name, and a string behind it
    }
}

/// Integers and decimals with an exponent. What newer versions allow besides (0x1F, 1_000) is not understood.
bool maker::number()
{
    const char* const from = at_;
    digits();
    if (at_ != end_ && *at_ == '.' && peek(1) != '.') {
        ++at_;
        digits();
    }
    if (at_ != end_ && (*at_ | 0x20) == 'e') {
        const std::ptrdiff_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
        if (is_digit(peek(1 + sign))) {
            at_ += 1 + sign;
            digits();
        }
    }
    out_.literal('0');
    if (literals_ != nullptr) {
        const bool is_plain = std::all_of(from, at_, is_digit) && peek(0) != '.';
        is_plain ? literals_->add_number(from, at_) : literals_->spoil();
    }
    return !is_name_next();
}

void maker::digits()
{
    while (at_ != end_ && is_digit(*at_)) {
        ++at_;
    }
}

/// A parameter, or a string in dollar quotes.
bool maker::dollar()
{
    if (is_digit(peek(1))) {
        ++at_;
        digits();
        out_.literal('$', '1');
        return !is_name_next();
    }
    const char* last = at_ + 1;
    while (last != end_ && (kind_of(*last) == kind::letter || (last != at_ + 1 && is_digit(*last)))) {
        ++last;
    }
    if (last == end_ || *last != '$') {
        out_.put(*at_++);
        return true;
    }
    const std::string_view tag{at_, last + 1};
    const std::string_view rest{last + 1, end_};
    const auto close = rest.find(tag);
    if (close == std::string_view::npos) {
        return false;
    }
    at_ = rest.data() + close + tag.size();
    spoil();
    out_.literal('\'', '\'');
    return true;
}

/// A string begins, or one that ended on an earlier line goes on.
bool maker::quoted()
{
    if (string_end_ != nullptr && line_ended_ && out_.end() == string_end_ + 1 && *string_end_ == ' ') {
        out_.drop(1);
        spoil();
        return string(continued_backslashes_);
    }
    out_.literal('\'', '\'');
    const char* const from = at_;
    if (!string(mode_.backslash_escapes)) {
        return false;
    }
    if (literals_ != nullptr) {
        literals_->add_string(from, at_);
    }
    return true;
}

/// From the opening quote to behind the closing one.
bool maker::string(bool backslashes)
{
    for (++at_; at_ < end_; ++at_) {
        if (*at_ == '\\' && backslashes) {
            ++at_;
        } else if (*at_ == '\'') {
            if (peek(1) != '\'') {
                ++at_;
                string_end_ = out_.end();
                continued_backslashes_ = backslashes;
                line_ended_ = false;
                return true;
            }
            ++at_;
        }
    }
    return false;
}

bool maker::quoted_name()
{
    const char* const from = at_;
    for (++at_; at_ != end_; ++at_) {
        if (*at_ == '"') {
            if (peek(1) != '"') {
                ++at_;
                out_.copy(from, at_);
                return true;
            }
            ++at_;
        }
    }
    return false;
}

bool maker::block_comment()
{
    const char* const from = at_;
    std::size_t levels = 1;
    for (at_ += 2; at_ != end_; ++at_) {
        if (*at_ == '*' && peek(1) == '/') {
            ++at_;
            if (--levels == 0) {
                ++at_;
                note_comment(from + 2, at_ - 2);
                out_.space();
                string_end_ = nullptr;  // a comment of this kind ends a continued string
                return true;
            }
        } else if (*at_ == '/' && peek(1) == '*') {
            ++at_;
            ++levels;
        }
    }
    return false;
}

void maker::line_comment()
{
    const char* const from = at_ + 2;
    at_ = std::find_if(at_, end_, [](char octet) { return octet == '\r' || octet == '\n'; });
    note_comment(from, at_);
    out_.space();
}

void maker::spaces()
{
    for (; at_ != end_ && kind_of(*at_) == kind::space; ++at_) {
        line_ended_ = line_ended_ || *at_ == '\n' || *at_ == '\r';
    }
    out_.space();
}

void maker::note_comment(const char* from, const char* to)
{
    spoil();
    if (hint_.empty()) {
        hint_ = hint_in({from, to});
    }
}

}  // namespace

shape_result make_shape(std::string_view text, const lexical_mode& mode, std::string& shape)
{
    if (text.size() > longest_shaped) {
        shape.clear();
        return {};
    }
    shape.resize(text.size() + shape_text::slack);
    maker work{text, mode, shape.data()};
    const bool understood = work.run();
    shape.resize(work.size());
    return {understood, work.hint()};
}

literal_places literals_of(std::string_view text, const lexical_mode& mode)
{
    literal_places found;
    std::string unused(text.size() + shape_text::slack, '\0');
    if (!maker{text, mode, unused.data(), &found}.run()) {
        found.spoil();
    }
    return found;
}

}  // namespace penstock::postgresql
