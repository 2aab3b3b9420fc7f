// SPDX-License-Identifier: Apache-2.0
//
// One pass over the text, by the rules of both servers' lexers ("Language Structure" in their manuals).
//
// What is not plainly a literal is written as it stands, which is always right. Where the two servers, or a server that
// executes a comment and one that does not, would cut the text differently, it is not understood.
#include "protocols/mysql/shape.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace penstock::mysql {

namespace {

enum class kind : std::uint8_t {
    letter,
    high,
    space,
    digit,
    quote,
    double_quote,
    backtick,
    at,
    minus,
    hash,
    slash,
    star,
    dot,
    question,
    nothing,  ///< no text goes on behind it: NUL, and brackets, which are quotes in some modes of MariaDB
    other,
};

constexpr std::array<kind, 256> kinds = [] {
    std::array<kind, 256> all{};
    all.fill(kind::other);
    for (unsigned octet = 0; octet < 256; ++octet) {
        if (is_in_name(static_cast<char>(octet))) {
            all[octet] = octet > 127 ? kind::high : octet >= '0' && octet <= '9' ? kind::digit : kind::letter;
        }
    }
    for (const char octet : {' ', '\t', '\n', '\r', '\f', '\v'}) {
        all[static_cast<unsigned char>(octet)] = kind::space;
    }
    all['\''] = kind::quote;
    all['"'] = kind::double_quote;
    all['`'] = kind::backtick;
    all['@'] = kind::at;
    all['-'] = kind::minus;
    all['#'] = kind::hash;
    all['/'] = kind::slash;
    all['*'] = kind::star;
    all['.'] = kind::dot;
    all['?'] = kind::question;
    all['\0'] = all['['] = all[']'] = kind::nothing;
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

constexpr bool is_hex_digit(char octet)
{
    return is_digit(octet) || ((octet | 0x20) >= 'a' && (octet | 0x20) <= 'f');
}

bool is_high(char octet)
{
    return (octet & 0x80) != 0;
}

/// Dumps of MariaDB begin with a comment for this version, which is to be executed nowhere.
constexpr std::string_view no_servers_version = "999999";

class maker {
public:
    maker(std::string_view text, const sql_reading& reading, char* storage, literal_places* literals = nullptr)
        : begin_{text.data()},
          at_{begin_},
          end_{begin_ + text.size()},
          reading_{reading},
          out_{storage},
          literals_{literals}
    {
    }

    bool run();
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    [[nodiscard]] std::string_view hint() const { return hint_; }

private:
    bool token();
    bool word();
    bool number();
    bool odd_number(const char* digits_end);
    bool dot();
    bool variable();
    bool quoted(char quote, bool is_name);
    bool string();
    bool quoted_name();
    bool comment();
    bool executable_comment(std::ptrdiff_t mark);
    bool line_comment(std::ptrdiff_t mark);
    bool may_hide(const char* from, const char* to) const;
    void spaces();
    void note_comment(const char* from, const char* to);
    void spoil()
    {
        if (literals_ != nullptr) {
            literals_->spoil();
        }
    }
    [[nodiscard]] const char* end_of_digits(const char* from) const { return std::find_if_not(from, end_, is_digit); }
    /// The octet so far on, or NUL behind the end.
    [[nodiscard]] char peek(std::ptrdiff_t places) const { return end_ - at_ > places ? at_[places] : '\0'; }
    [[nodiscard]] bool is_name_next() const { return at_ != end_ && is_in_name(*at_); }
    [[nodiscard]] bool is_name_behind() const { return at_ != begin_ && (is_in_name(at_[-1]) || at_[-1] == '`'); }

    const char* begin_;
    const char* at_;
    const char* end_;
    sql_reading reading_;
    shape_text out_;
    bool watch_names_ = false;  ///< octets above 127 in names are not understood, and there are such octets
    bool in_executable_ = false;
    std::string_view hint_{};
    literal_places* literals_;  ///< null: nobody asks for them
};

bool maker::run()
{
    const bool has_high = has_high_octets({at_, end_});
    watch_names_ = has_high && !reading_.utf8;
    if (reading_.ambiguous && has_high) {
        return false;
    }
    while (at_ != end_) {
        if (!token()) {
            return false;
        }
    }
    out_.trim();
    return !in_executable_;
}

bool maker::token()
{
    switch (kind_of(*at_)) {
        case kind::letter:
        case kind::high: return word();
        case kind::space: spaces(); return true;
        case kind::digit: return number();
        case kind::quote: return string();
        case kind::double_quote: return reading_.ansi_quotes ? quoted_name() : string();
        case kind::backtick: return quoted_name();
        case kind::at: return variable();
        case kind::hash: return line_comment(1);
        case kind::minus:
            if (peek(1) == '-') {
                const auto third = static_cast<unsigned char>(peek(2));
                if (third <= ' ' || third == 127) {  // blank or control
                    return line_comment(2);
                }
                if (third > 127 && !reading_.utf8) {
                    return false;
                }
            }
            break;
        case kind::slash:
            if (peek(1) == '*') {
                return comment();
            }
            break;
        case kind::star:
            if (in_executable_ && peek(1) == '/') {
                in_executable_ = false;
                out_.put(*at_++);
            }
            break;
        case kind::dot: return dot();
        case kind::question:
            ++at_;
            out_.literal('?');
            return true;
        case kind::nothing: return false;
        case kind::other: break;
    }
    out_.put(*at_++);
    return true;
}

/// A name or keyword, with the one space that mostly follows.
bool maker::word()
{
    const char* const from = at_;
    at_ = out_.name(at_, end_);
    if (watch_names_ && std::any_of(from, at_, is_high)) {
        return false;
    }
    if (end_ - at_ >= 2 && *at_ == ' ' && kind_of(at_[1]) != kind::space) {
        ++at_;
        out_.put(' ');
    }
    return true;
}

/// A number, or a name that begins with a digit.
bool maker::number()
{
    const char* const digits_end = end_of_digits(at_);
    if (digits_end != end_ && is_in_name(*digits_end)) {
        return odd_number(digits_end);
    }
    const char* const from = std::exchange(at_, digits_end);
    if (literals_ != nullptr && peek(0) != '.') {
        literals_->add_number(from, at_);
    }
    if (peek(0) == '.') {
        spoil();
        at_ = end_of_digits(at_ + 1);
        if ((peek(0) | 0x20) == 'e') {
            const std::ptrdiff_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
            at_ = end_of_digits(at_ + std::min<std::ptrdiff_t>(1 + sign, end_ - at_));
        }
    }
    out_.literal('0');
    return !is_name_next() && peek(0) != '.';
}

/// Digits and then letters: 0x1f, 0b1, 1e5, 1e-5, or a name such as 2nd, which stays as it is.
bool maker::odd_number(const char* digits_end)
{
    const char* const from = at_;
    const char* const run_end = std::find_if_not(at_, end_, is_in_name);
    const auto is_binary = [](char octet) { return octet == '0' || octet == '1'; };
    const bool from_zero = *from == '0' && digits_end == from + 1 && run_end - from > 2;
    const bool is_radix = from_zero && ((from[1] == 'x' && std::all_of(from + 2, run_end, is_hex_digit)) ||
                                        (from[1] == 'b' && std::all_of(from + 2, run_end, is_binary)));
    const bool is_exponent = (*digits_end | 0x20) == 'e';
    const char* const behind = digits_end + 1;
    at_ = run_end;
    spoil();
    if (is_radix || (is_exponent && behind != run_end && end_of_digits(behind) == run_end)) {
        out_.literal('0');
        return true;
    }
    if (is_exponent && behind == run_end && (peek(0) == '+' || peek(0) == '-') && is_digit(peek(1))) {
        at_ = end_of_digits(at_ + 1);
        out_.literal('0');
        return !is_name_next();
    }
    if ((is_exponent && behind != run_end && is_digit(*behind)) || std::any_of(from, run_end, is_high)) {
        return false;
    }
    out_.name(from, run_end);
    return true;
}

/// Between two names a point makes names even of digits.
bool maker::dot()
{
    const bool behind_name = is_name_behind() || (reading_.ansi_quotes && at_ != begin_ && at_[-1] == '"');
    if (!behind_name && is_digit(peek(1))) {
        at_ = end_of_digits(at_ + 1);
        if (is_name_next() ||
            peek(0) == '.') {  // an exponent, most likely; what else it may be is not worth to be known
            return false;
        }
        spoil();
        out_.literal('0');
        return true;
    }
    out_.put(*at_++);
    return !is_name_next() || word();
}

/// @name, @'name', @`name`, @@name; what stands behind the signs of a name may hold points.
bool maker::variable()
{
    out_.put(*at_++);
    if (peek(0) == '@') {
        out_.put(*at_++);
    }
    while (at_ != end_ && (is_in_name(*at_) || *at_ == '.')) {
        if (is_high(*at_)) {
            return false;
        }
        out_.put(detail::lowered[static_cast<unsigned char>(*at_++)]);
    }
    return true;
}

bool maker::string()
{
    out_.literal('\'', '\'');
    const char* const from = at_;
    if (!quoted(*at_, false)) {
        return false;
    }
    if (literals_ != nullptr) {
        // What stands between double quotes would make each such text another one to known_texts.
        *from == '\'' ? literals_->add_string(from, at_) : literals_->spoil();
    }
    return true;
}

bool maker::quoted_name()
{
    const char* const from = at_;
    if (!quoted(*at_, true)) {
        return false;
    }
    out_.copy(from, at_);
    return true;
}

/// From the opening quote to behind the closing one.
bool maker::quoted(char quote, bool is_name)
{
    const bool backslashes = !is_name && !reading_.no_backslash_escapes;
    const char* const from = at_;
    for (++at_; at_ < end_; ++at_) {
        if (*at_ == '\\' && backslashes) {
            ++at_;
        } else if (*at_ == quote) {
            if (peek(1) != quote) {
                ++at_;
                return !(in_executable_ && may_hide(from, at_));
            }
            ++at_;
        }
    }
    return false;
}

/// A comment of any kind that begins with a slash.
bool maker::comment()
{
    if (peek(2) == '!' || (peek(2) == 'M' && peek(3) == '!')) {
        return executable_comment(peek(2) == '!' ? 3 : 4);
    }
    const std::string_view rest{at_ + 2, end_};
    const auto close = rest.find("*/");
    if (close == std::string_view::npos || in_executable_) {
        return false;
    }
    note_comment(at_ + 2, at_ + 2 + close);
    at_ += 2 + close + 2;
    out_.space();
    return true;
}

/// The mark is followed by a version of five or six digits, or by none.
bool maker::executable_comment(std::ptrdiff_t mark)
{
    const char* const digits = at_ + mark;
    const char* const digits_end = end_of_digits(digits);
    const std::string_view version{digits, digits_end};
    if (in_executable_ || !(version.empty() || version.size() == 5 || version.size() == 6)) {
        return false;
    }
    if (version == no_servers_version) {
        spoil();
        const std::string_view rest{digits_end, end_};
        const auto close = rest.find("*/");
        if (close == std::string_view::npos || rest.substr(0, close).find("/*") != std::string_view::npos) {
            return false;
        }
        at_ = digits_end + close + 2;
        out_.space();
        return true;
    }
    spoil();
    out_.copy(at_, digits_end);
    at_ = digits_end;
    in_executable_ = true;
    return true;
}

/// What begins with so many signs goes on to the end of the line.
bool maker::line_comment(std::ptrdiff_t mark)
{
    const char* const from = at_ + mark;
    at_ = std::find(at_, end_, '\n');
    if (in_executable_ && may_hide(from, at_)) {
        return false;
    }
    note_comment(from, at_);
    out_.space();
    return true;
}

/// In an executable comment: to a server that passes over it, this would be the end of it, or a comment within.
bool maker::may_hide(const char* from, const char* to) const
{
    const std::string_view inside{from, to};
    return inside.find("*/") != std::string_view::npos || inside.find("/*") != std::string_view::npos;
}

void maker::spaces()
{
    at_ = std::find_if(at_, end_, [](char octet) { return kind_of(octet) != kind::space; });
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

shape_result make_shape(std::string_view text, const sql_reading& reading, std::string& shape)
{
    if (text.size() > longest_shaped) {
        shape.clear();
        return {};
    }
    shape.resize(text.size() + shape_text::slack);
    maker work{text, reading, shape.data()};
    const bool understood = work.run();
    shape.resize(work.size());
    return {understood, work.hint()};
}

literal_places literals_of(std::string_view text, const sql_reading& reading)
{
    literal_places found;
    std::string unused(text.size() + shape_text::slack, '\0');
    if (!maker{text, reading, unused.data(), &found}.run()) {
        found.spoil();
    }
    return found;
}

}  // namespace penstock::mysql
