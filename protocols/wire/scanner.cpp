// SPDX-License-Identifier: Apache-2.0
//
// The scanner is a state machine over octets. Within a chunk it runs in tight loops; where a chunk ends inside a token,
// `place_` says where we are and buffer_ keeps the beginning of the token's text.
#include "protocols/wire/scanner.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

enum class octet_class : std::uint8_t {
    other,
    blank,
    newline,
    letter,  ///< may begin a name: letters, underscore, everything above 127
    digit,
    quote,
    double_quote,
    dollar,
    minus,
    slash,
    operation,
    comma,
    dot,
    semicolon,
    open,
    close,
};

constexpr std::array<octet_class, 256> classify_octets()
{
    std::array<octet_class, 256> table{};
    const auto set = [&table](std::string_view octets, octet_class value) {
        for (const char octet : octets) {
            table[static_cast<unsigned char>(octet)] = value;
        }
    };
    set(" \t\f\v", octet_class::blank);
    set("\n\r", octet_class::newline);
    set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", octet_class::letter);
    std::fill(table.begin() + 128, table.end(), octet_class::letter);
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

constexpr auto octet_classes = classify_octets();

octet_class class_of(char octet)
{
    return octet_classes[static_cast<unsigned char>(octet)];
}

bool is_name_start(char octet)
{
    return class_of(octet) == octet_class::letter;
}

bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

constexpr std::array<bool, 256> name_octets()
{
    std::array<bool, 256> table{};
    for (std::size_t octet = 0; octet < table.size(); ++octet) {
        const auto kind = octet_classes[octet];
        table[octet] = kind == octet_class::letter || kind == octet_class::digit || kind == octet_class::dollar;
    }
    return table;
}

constexpr auto goes_on_in_name = name_octets();

/// The first octet that ends a run inside a string: its quote, or a backslash where those escape.
const char* find_end_of_run(const char* at, const char* end, char quote, bool backslashes)
{
    if (backslashes) {
        return std::find_if(at, end, [quote](char octet) { return octet == quote || octet == '\\'; });
    }
    // Most strings are short, and then a loop is quicker than a call.
    const char* const near = end - at > 24 ? at + 24 : end;
    for (; at != near; ++at) {
        if (*at == quote) {
            return at;
        }
    }
    const void* const found = at == end ? nullptr : std::memchr(at, quote, static_cast<std::size_t>(end - at));
    return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

void scanner::begin(lexical_mode mode)
{
    mode_ = mode;
    place_ = place::between;
    current_ = token_kind::none;
    previous_ = token_kind::none;
    continuable_ = false;
    newline_ = false;
    depth_ = 0;
    text_ = {};
}

token_kind scanner::next(bytes& chunk, token_set wanted)
{
    cursor in{chunk.data(), chunk.data() + chunk.size(), chunk.data()};
    auto kind = token_kind::none;
    while (!in.empty()) {
        kind = step(in);
        if (kind == token_kind::none) {
            continue;  // a comment or a blank went by, a state was entered, or the chunk is used up
        }
        previous_ = current_;
        current_ = kind;
        if (wanted.has(kind)) {
            break;
        }
        kind = token_kind::none;
    }
    chunk.remove_prefix(static_cast<std::size_t>(in.at - chunk.data()));
    return kind;
}

bool scanner::is_inside() const
{
    switch (place_) {
        case place::block_comment:
        case place::comment_slash:
        case place::comment_star:
        case place::quoted:
        case place::quoted_escape:
        case place::dollar_body:
        case place::lost: return true;
        default: return false;
    }
}

token_kind scanner::step(cursor& in)
{
    return place_ == place::between ? start(in) : resume(in);
}

token_kind scanner::start(cursor& in)
{
    while (!in.empty()) {
        switch (class_of(*in.at)) {
            case octet_class::newline: newline_ = true; [[fallthrough]];
            case octet_class::blank: ++in.at; break;
            case octet_class::letter:
                begin_text(in);
                place_ = place::identifier;
                return in_identifier(in);
            case octet_class::digit:
                begin_text(in);
                place_ = place::number;
                return in_number(in, token_kind::number);
            case octet_class::quote: {
                const bool continued = current_ == token_kind::string && continuable_ && newline_;
                ++in.at;
                open_quote(in, '\'', continued ? backslashes_ : mode_.backslash_escapes, false);
                return in_quoted(in);
            }
            case octet_class::double_quote:
                ++in.at;
                open_quote(in, '"', false, false);
                return in_quoted(in);
            case octet_class::dollar:
                ++in.at;
                place_ = place::dollar;
                return token_kind::none;
            case octet_class::minus:
                ++in.at;
                place_ = place::minus;
                return token_kind::none;
            case octet_class::slash:
                ++in.at;
                place_ = place::slash;
                return token_kind::none;
            case octet_class::operation: return single(in, token_kind::operation);
            case octet_class::comma: return single(in, token_kind::comma);
            case octet_class::dot: return single(in, token_kind::dot);
            case octet_class::semicolon: return single(in, token_kind::semicolon);
            case octet_class::open: return single(in, token_kind::open);
            case octet_class::close: return single(in, token_kind::close);
            case octet_class::other: return single(in, token_kind::other);
        }
    }
    return token_kind::none;
}

token_kind scanner::resume(cursor& in)
{
    in.from = in.at;
    switch (place_) {
        case place::between: return start(in);
        case place::identifier: return in_identifier(in);
        case place::unicode_prefix: return after_unicode_prefix(in);
        case place::owed_ampersand:
            place_ = place::between;
            text_ = "&";
            return token_kind::operation;
        case place::number: return in_number(in, token_kind::number);
        case place::minus: return after_minus(in);
        case place::slash: return after_slash(in);
        case place::line_comment: return in_line_comment(in);
        case place::block_comment:
        case place::comment_slash:
        case place::comment_star: return in_block_comment(in);
        case place::quoted: return in_quoted(in);
        case place::quoted_escape:
            ++in.at;
            place_ = place::quoted;
            return in_quoted(in);
        case place::quoted_end: return after_quote(in);
        case place::dollar: return after_dollar(in);
        case place::parameter: return in_number(in, token_kind::parameter);
        case place::dollar_tag: return in_dollar_tag(in);
        case place::dollar_body: return in_dollar_body(in);
        case place::lost: in.at = in.end; return token_kind::none;
    }
    return token_kind::none;
}

token_kind scanner::in_identifier(cursor& in)
{
    while (!in.empty() && goes_on_in_name[static_cast<unsigned char>(*in.at)]) {
        ++in.at;
    }
    if (in.empty()) {
        keep(in.from, in.at);
        return token_kind::none;
    }
    take_text(in, in.at);
    return after_identifier(in);
}

/// A name of one letter directly before a quote is the prefix of a string. There is at least one octet.
token_kind scanner::after_identifier(cursor& in)
{
    if (text_.size() == 1 && (*in.at == '\'' || *in.at == '&')) {
        const char prefix = to_lower(text_.front());
        if (*in.at == '\'' && (prefix == 'e' || prefix == 'b' || prefix == 'x' || prefix == 'n')) {
            ++in.at;
            open_quote(in, '\'', prefix == 'e' || (prefix == 'n' && mode_.backslash_escapes), false);
            return in_quoted(in);
        }
        if (*in.at == '&' && prefix == 'u') {
            keep(text_.data(), text_.data() + 1);
            ++in.at;
            place_ = place::unicode_prefix;
            return token_kind::none;
        }
    }
    place_ = place::between;
    return token_kind::identifier;
}

token_kind scanner::after_unicode_prefix(cursor& in)
{
    const char octet = *in.at;
    if (octet == '\'' || octet == '"') {
        ++in.at;
        open_quote(in, octet, false, true);
        return in_quoted(in);
    }
    place_ = place::owed_ampersand;
    text_ = {buffer_.data(), 1};
    clipped_ = false;
    return token_kind::identifier;
}

token_kind scanner::in_number(cursor& in, token_kind kind)
{
    const bool points = kind == token_kind::number;
    while (!in.empty() && (is_digit(*in.at) || (points && *in.at == '.'))) {
        ++in.at;
    }
    if (in.empty()) {
        keep(in.from, in.at);
        return token_kind::none;
    }
    take_text(in, in.at);
    place_ = place::between;
    return kind;
}

/// In a string or quoted name. in.from is where its text begins in this chunk.
token_kind scanner::in_quoted(cursor& in)
{
    while (true) {
        in.at = find_end_of_run(in.at, in.end, quote_, backslashes_);
        if (in.empty()) {
            keep(in.from, in.at);
            return token_kind::none;
        }
        if (*in.at == '\\') {
            escaped_ = true;
            ++in.at;
            if (in.empty()) {
                keep(in.from, in.at);
                place_ = place::quoted_escape;
                return token_kind::none;
            }
            ++in.at;
            continue;
        }
        const char* const quote = in.at++;
        if (in.empty()) {
            keep(in.from, quote);
            place_ = place::quoted_end;
            return token_kind::none;
        }
        if (*in.at != quote_) {
            take_text(in, quote);
            place_ = place::between;
            continuable_ = true;
            newline_ = false;
            return quote_ == '"' ? token_kind::quoted_identifier : token_kind::string;
        }
        doubled_ = true;
        ++in.at;
    }
}

/// After a quote that ended a chunk.
token_kind scanner::after_quote(cursor& in)
{
    if (*in.at == quote_) {
        doubled_ = true;
        keep(&quote_, &quote_ + 1);
        ++in.at;
        place_ = place::quoted;
        return in_quoted(in);
    }
    take_text(in, in.at);
    place_ = place::between;
    continuable_ = true;
    newline_ = false;
    return quote_ == '"' ? token_kind::quoted_identifier : token_kind::string;
}

token_kind scanner::after_minus(cursor& in)
{
    if (*in.at == '-') {
        ++in.at;
        place_ = place::line_comment;
        return token_kind::none;
    }
    place_ = place::between;
    text_ = "-";
    return token_kind::operation;
}

token_kind scanner::after_slash(cursor& in)
{
    if (*in.at == '*') {
        ++in.at;
        depth_ = 1;
        continuable_ = false;
        place_ = place::block_comment;
        return token_kind::none;
    }
    place_ = place::between;
    text_ = "/";
    return token_kind::operation;
}

token_kind scanner::in_line_comment(cursor& in)
{
    in.at = std::find_if(in.at, in.end, [](char octet) { return octet == '\n' || octet == '\r'; });
    if (!in.empty()) {
        place_ = place::between;
    }
    return token_kind::none;
}

token_kind scanner::in_block_comment(cursor& in)
{
    for (; !in.empty(); ++in.at) {
        const char octet = *in.at;
        if (place_ == place::comment_slash && octet == '*') {
            depth_ += depth_ < UINT32_MAX ? 1 : 0;
            place_ = place::block_comment;
        } else if (place_ == place::comment_star && octet == '/') {
            place_ = place::block_comment;
            if (--depth_ == 0) {
                ++in.at;
                place_ = place::between;
                return token_kind::none;
            }
        } else {
            place_ = octet == '*' ? place::comment_star : octet == '/' ? place::comment_slash : place::block_comment;
        }
    }
    return token_kind::none;
}

token_kind scanner::after_dollar(cursor& in)
{
    const char octet = *in.at;
    begin_text(in);
    if (is_digit(octet)) {
        place_ = place::parameter;
        return in_number(in, token_kind::parameter);
    }
    if (octet == '$' || is_name_start(octet)) {
        place_ = place::dollar_tag;
        return in_dollar_tag(in);
    }
    place_ = place::between;
    text_ = "$";
    return token_kind::other;
}

/// The tag is kept in buffer_ until the string ends.
token_kind scanner::in_dollar_tag(cursor& in)
{
    while (!in.empty() && *in.at != '$' && goes_on_in_name[static_cast<unsigned char>(*in.at)]) {
        ++in.at;
    }
    keep(in.from, in.at);
    if (in.empty()) {
        return token_kind::none;
    }
    if (*in.at != '$') {
        place_ = place::between;  // "$name" is no token of PostgreSQL's: the text will be refused
        text_ = "$";
        return token_kind::other;
    }
    ++in.at;
    matched_ = 0;
    place_ = clipped_ ? place::lost : place::dollar_body;
    return token_kind::none;
}

token_kind scanner::in_dollar_body(cursor& in)
{
    for (; !in.empty(); ++in.at) {
        const char octet = *in.at;
        if (matched_ == 0) {
            const void* const dollar = std::memchr(in.at, '$', in.left());
            in.at = dollar == nullptr ? in.end - 1 : static_cast<const char*>(dollar);
            matched_ = dollar == nullptr ? 0 : 1;
        } else if (octet == '$') {
            if (matched_ == kept_ + 1) {
                ++in.at;
                place_ = place::between;
                text_ = {};
                return token_kind::dollar_string;
            }
            matched_ = 1;
        } else {
            matched_ = matched_ <= kept_ && buffer_[matched_ - 1] == octet ? matched_ + 1 : 0;
        }
    }
    return token_kind::none;
}

/// in.at is behind the opening quote.
void scanner::open_quote(cursor& in, char quote, bool backslashes, bool unicode)
{
    begin_text(in);
    quote_ = quote;
    backslashes_ = backslashes;
    doubled_ = false;
    escaped_ = unicode;
    place_ = place::quoted;
}

void scanner::begin_text(cursor& in)
{
    in.from = in.at;
    kept_ = 0;
    clipped_ = false;
}

void scanner::keep(const char* from, const char* to)
{
    const auto length = static_cast<std::size_t>(to - from);
    const auto taken = std::min(length, buffer_.size() - kept_);
    std::memcpy(buffer_.data() + kept_, from, taken);
    kept_ += static_cast<std::uint32_t>(taken);
    clipped_ = clipped_ || taken < length;
}

/// The token's text is what was kept and [in.from, to).
void scanner::take_text(cursor& in, const char* to)
{
    if (kept_ == 0 && !clipped_) {
        const auto length = static_cast<std::size_t>(to - in.from);
        text_ = {in.from, std::min(length, most_text)};
        clipped_ = length > most_text;
        return;
    }
    keep(in.from, to);
    text_ = {buffer_.data(), kept_};
}

token_kind scanner::single(cursor& in, token_kind kind)
{
    text_ = {in.at++, 1};
    place_ = place::between;
    return kind;
}

std::string decode_name(std::string_view text, bool quoted)
{
    std::string name;
    for (std::size_t at = 0; at < text.size() && name.size() <= longest_name; ++at) {
        name.push_back(quoted ? text[at] : to_lower(text[at]));
        at += quoted && text[at] == '"' ? 1 : 0;  // the scanner lets quotes through in pairs only
    }
    if (name.size() > longest_name) {
        auto end = longest_name;
        while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) {
            --end;
        }
        name.resize(end);
    }
    return name;
}

}  // namespace penstock
