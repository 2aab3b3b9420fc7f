// SPDX-License-Identifier: Apache-2.0
//
// One pass over the text, by PostgreSQL's lexical rules (manual, "Lexical Structure").
#include "protocols/postgresql/shape.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace penstock::postgresql {

namespace {

enum class kind : std::uint8_t { other, space, letter, digit, quote, double_quote, dollar, minus, slash, dot, high };

constexpr std::array<kind, 256> kinds = [] {
    std::array<kind, 256> all{};
    all.fill(kind::other);
    for (const char octet : {' ', '\t', '\n', '\r', '\f', '\v'}) {
        all[static_cast<unsigned char>(octet)] = kind::space;
    }
    for (unsigned octet = 'a'; octet <= 'z'; ++octet) {
        all[octet] = all[octet - 'a' + 'A'] = kind::letter;
    }
    all['_'] = kind::letter;
    for (unsigned octet = '0'; octet <= '9'; ++octet) {
        all[octet] = kind::digit;
    }
    all['\''] = kind::quote;
    all['"'] = kind::double_quote;
    all['$'] = kind::dollar;
    all['-'] = kind::minus;
    all['/'] = kind::slash;
    all['.'] = kind::dot;
    for (unsigned octet = 128; octet < 256; ++octet) {
        all[octet] = kind::high;
    }
    return all;
}();

constexpr kind kind_of(char octet)
{
    return kinds[static_cast<unsigned char>(octet)];
}

constexpr bool is_in_name(kind what)
{
    return what == kind::letter || what == kind::digit || what == kind::high || what == kind::dollar;
}

constexpr std::array<char, 256> lowered = [] {
    std::array<char, 256> all{};
    for (std::size_t octet = 0; octet < all.size(); ++octet) {
        all[octet] = static_cast<char>(octet >= 'A' && octet <= 'Z' ? octet | 0x20U : octet);
    }
    return all;
}();

/// So many octets may be written behind what counts.
constexpr std::size_t slack = 16;

#if defined(__SSE2__)

/// Writes sixteen octets in lower case and tells how many of them, from the first on, belong to a name.
std::size_t lower_name(const char* in, char* out)
{
    const auto octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
    // Octets above 127 are negative: they compare as smaller than anything here.
    const auto within = [](__m128i values, char first, char last) {
        return _mm_and_si128(_mm_cmpgt_epi8(values, _mm_set1_epi8(static_cast<char>(first - 1))),
                             _mm_cmplt_epi8(values, _mm_set1_epi8(static_cast<char>(last + 1))));
    };
    const auto capitals = within(octets, 'A', 'Z');
    const auto lower = _mm_or_si128(octets, _mm_and_si128(capitals, _mm_set1_epi8(0x20)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), lower);
    auto name = _mm_or_si128(within(lower, 'a', 'z'), within(lower, '0', '9'));
    name = _mm_or_si128(name, _mm_cmpeq_epi8(lower, _mm_set1_epi8('_')));
    name = _mm_or_si128(name, _mm_cmpeq_epi8(lower, _mm_set1_epi8('$')));
    name = _mm_or_si128(name, octets);  // the highest bit counts
    return static_cast<std::size_t>(std::countr_one(static_cast<unsigned>(_mm_movemask_epi8(name))));
}

#endif

class maker {
public:
    maker(std::string_view text, const lexical_mode& mode, std::string& shape)
        : text_{text}, mode_{mode}, begin_{shape.data()}, to_{shape.data()}
    {
    }

    bool run();
    [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(to_ - begin_); }
    [[nodiscard]] std::string_view hint() const { return hint_; }

private:
    bool word();
    void take_name();
    bool number();
    bool dollar();
    bool string(bool backslashes);
    bool quoted_name();
    bool block_comment();
    void line_comment();
    void spaces();
    void space();
    void put(char octet) { *to_++ = octet; }
    void literal(std::string_view form);
    void note_comment(std::size_t from, std::size_t to);
    [[nodiscard]] bool ends_with(std::string_view what) const
    {
        return size() >= what.size() && std::equal(what.begin(), what.end(), to_ - what.size());
    }
    [[nodiscard]] char octet(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }
    [[nodiscard]] bool is_name_octet(std::size_t at) const { return is_in_name(kind_of(octet(at))); }

    std::string_view text_;
    lexical_mode mode_;
    char* begin_;
    char* to_;
    std::size_t at_ = 0;
    bool line_ended_ = false;    ///< in the white space just passed
    bool after_string_ = false;  ///< only white space since a string that a further '...' on another line continues
    bool continued_backslashes_ = false;  ///< and a backslash escapes in it
    std::string_view hint_{};
};

bool maker::run()
{
    const auto is_high = [](char octet) { return (octet & 0x80) != 0; };
    if (mode_.ambiguous_encoding && std::any_of(text_.begin(), text_.end(), is_high)) {
        return false;
    }
    while (at_ < text_.size()) {
        const char now = text_[at_];
        switch (kind_of(now)) {
            case kind::space: spaces(); continue;
            case kind::minus:
                if (octet(at_ + 1) == '-') {
                    line_comment();
                    continue;
                }
                break;
            case kind::slash:
                if (octet(at_ + 1) == '*') {
                    if (!block_comment()) {
                        return false;
                    }
                    after_string_ = false;  // a comment of this kind ends a continued string
                    continue;
                }
                break;
            case kind::quote:
                if (after_string_ && line_ended_) {
                    --to_;  // the space; the string goes on
                    if (!string(continued_backslashes_)) {
                        return false;
                    }
                    continue;
                }
                literal("''");
                if (!string(mode_.backslash_escapes)) {
                    return false;
                }
                continue;
            default: break;
        }
        after_string_ = line_ended_ = false;
        switch (kind_of(now)) {
            case kind::high:
            case kind::letter:
                if (!word()) {
                    return false;
                }
                break;
            case kind::digit:
                if (!number()) {
                    return false;
                }
                break;
            case kind::dot:
                if (kind_of(octet(at_ + 1)) == kind::digit && !(at_ > 0 && is_name_octet(at_ - 1))) {
                    if (!number()) {
                        return false;
                    }
                    break;
                }
                put(now);
                ++at_;
                break;
            case kind::double_quote:
                if (!quoted_name()) {
                    return false;
                }
                break;
            case kind::dollar:
                if (!dollar()) {
                    return false;
                }
                break;
            default:
                if (now == '\0') {
                    return false;
                }
                put(now);
                ++at_;
                break;
        }
    }
    while (to_ > begin_ && (to_[-1] == ' ' || to_[-1] == ';')) {
        --to_;
    }
    return true;
}

void maker::take_name()
{
#if defined(__SSE2__)
    while (text_.size() - at_ >= 16) {
        const auto count = lower_name(text_.data() + at_, to_);
        to_ += count;
        at_ += count;
        if (count < 16) {
            return;
        }
    }
#endif
    while (is_name_octet(at_)) {
        put(lowered[static_cast<unsigned char>(text_[at_])]);
        ++at_;
    }
}

/// A name, a keyword, or the prefix of a string.
bool maker::word()
{
    char* const from = to_;
    take_name();
    const char next = octet(at_);
    if (to_ - from != 1 || (next != '\'' && next != '&')) {
        return true;
    }
    const char prefix = *from;
    if (prefix == 'u' && next == '&' && (octet(at_ + 1) == '\'' || octet(at_ + 1) == '"')) {
        return false;
    }
    if (next != '\'') {
        return true;
    }
    switch (prefix) {
        case 'e':
        case 'n':
            to_ = from;
            literal("''");
            return string(prefix == 'e' || mode_.backslash_escapes);
        case 'b':
        case 'x':
            put('\'');
            put('\'');
            return string(false);
        default: return true;  // a name, and a string behind it
    }
}

/// Integers and decimals with an exponent. What newer versions allow besides (0x1F, 1_000) is not understood.
bool maker::number()
{
    const auto digits = [this] {
        while (kind_of(octet(at_)) == kind::digit) {
            ++at_;
        }
    };
    digits();
    if (octet(at_) == '.' && octet(at_ + 1) != '.') {
        ++at_;
        digits();
    }
    if (octet(at_) == 'e' || octet(at_) == 'E') {
        const bool sign = octet(at_ + 1) == '+' || octet(at_ + 1) == '-';
        if (kind_of(octet(at_ + (sign ? 2 : 1))) == kind::digit) {
            at_ += sign ? 2 : 1;
            digits();
        }
    }
    literal("0");
    return !is_name_octet(at_);
}

/// A parameter, or a string in dollar quotes.
bool maker::dollar()
{
    if (kind_of(octet(at_ + 1)) == kind::digit) {
        at_ += 2;
        while (kind_of(octet(at_)) == kind::digit) {
            ++at_;
        }
        literal("$1");
        return !is_name_octet(at_);
    }
    auto end = at_ + 1;
    while (kind_of(octet(end)) == kind::letter || kind_of(octet(end)) == kind::high ||
           (end > at_ + 1 && kind_of(octet(end)) == kind::digit)) {
        ++end;
    }
    if (octet(end) != '$') {
        put('$');
        ++at_;
        return true;
    }
    const auto tag = text_.substr(at_, end + 1 - at_);
    const auto close = text_.find(tag, end + 1);
    if (close == std::string_view::npos) {
        return false;
    }
    at_ = close + tag.size();
    literal("''");
    return true;
}

/// From the opening quote to behind the closing one.
bool maker::string(bool backslashes)
{
    for (++at_; at_ < text_.size(); ++at_) {
        const char now = text_[at_];
        if (now == '\\' && backslashes) {
            ++at_;
        } else if (now == '\'') {
            if (octet(at_ + 1) != '\'') {
                ++at_;
                after_string_ = true;
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
    const auto from = at_;
    for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"') {
            if (octet(at_ + 1) != '"') {
                ++at_;
                to_ = std::copy(text_.begin() + static_cast<std::ptrdiff_t>(from),
                                text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                to_);
                return true;
            }
            ++at_;
        }
    }
    return false;
}

bool maker::block_comment()
{
    const auto from = at_;
    std::size_t levels = 1;
    for (at_ += 2; at_ < text_.size(); ++at_) {
        if (text_[at_] == '*' && octet(at_ + 1) == '/') {
            ++at_;
            if (--levels == 0) {
                ++at_;
                note_comment(from + 2, at_ - 2);
                space();
                return true;
            }
        } else if (text_[at_] == '/' && octet(at_ + 1) == '*') {
            ++at_;
            ++levels;
        }
    }
    return false;
}

void maker::line_comment()
{
    const auto end = std::min(text_.find_first_of("\r\n", at_), text_.size());
    note_comment(at_ + 2, end);
    at_ = end;
    space();
}

void maker::spaces()
{
    if (text_[at_] == ' ' && kind_of(octet(at_ + 1)) != kind::space) {
        ++at_;
        return space();
    }
    while (at_ < text_.size() && kind_of(text_[at_]) == kind::space) {
        line_ended_ = line_ended_ || text_[at_] == '\n' || text_[at_] == '\r';
        ++at_;
    }
    space();
}

void maker::space()
{
    if (to_ > begin_ && to_[-1] != ' ') {
        put(' ');
    }
}

/// Of a third equal literal in a list nothing is written, so that lists of all lengths have the same shape.
void maker::literal(std::string_view form)
{
    for (const std::string_view separator : {std::string_view{","}, std::string_view{", "}}) {
        const auto step = separator.size() + form.size();
        if (ends_with(separator) && size() >= step + separator.size() + form.size()) {
            const std::string_view before{to_ - separator.size() - step - form.size(), step + form.size()};
            const char* const previous = before.data() - 1;
            const bool is_list = before.substr(0, form.size()) == form &&
                                 before.substr(form.size(), separator.size()) == separator &&
                                 before.substr(step) == form &&
                                 (previous < begin_ || kind_of(*previous) == kind::other || *previous == ' ');
            if (is_list) {
                to_ -= separator.size();
                return;
            }
        }
    }
    to_ = std::copy(form.begin(), form.end(), to_);
}

void maker::note_comment(std::size_t from, std::size_t to)
{
    if (hint_.empty()) {
        const auto inside = text_.substr(from, to - from);
        if (const auto place = inside.find("penstock:"); place != std::string_view::npos) {
            hint_ = inside.substr(place);
        }
    }
}

}  // namespace

shape_result make_shape(std::string_view text, const lexical_mode& mode, std::string& shape)
{
    shape.resize(text.size() + slack);
    maker work{text, mode, shape};
    const bool understood = work.run();
    shape.resize(work.size());
    return {understood, work.hint()};
}

}  // namespace penstock::postgresql
