// SPDX-License-Identifier: Apache-2.0
//
// The places of the scanner other than "between two tokens": `place_` says where we are, and where a chunk ends inside
// a token buffer_ keeps the beginning of its text.
#include "protocols/wire/scanner.hpp"

#include "protocols/wire/octet_classes.hpp"

#include <algorithm>
#include <cstring>

namespace penstock {

namespace {

/// The first octet that ends a run inside a string: its quote, or a backslash where those escape.
const char* find_end_of_run(const char* at, const char* end, char quote, bool backslashes)
{
    if (backslashes) {
        return std::find_if(at, end, [quote](char octet) { return octet == quote || octet == '\\'; });
    }
    const void* const found = at == end ? nullptr : std::memchr(at, quote, static_cast<std::size_t>(end - at));
    return found == nullptr ? end : static_cast<const char*>(found);
}

}  // namespace

token_kind scanner::resume(cursor& in)
{
    switch (place_) {
        case place::between: break;
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
    while (!in.empty() && goes_on_in_name(*in.at)) {
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
            return open_prefixed(in, '\'', prefix == 'e' || (prefix == 'n' && mode_.backslash_escapes), false);
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
        return open_prefixed(in, octet, false, true);
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
            return end_quote();
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
    return end_quote();
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
        comments_ = 1;
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
    while (!in.empty()) {
        if (place_ == place::block_comment) {
            in.at = std::find_if(in.at, in.end, [](char octet) { return octet == '*' || octet == '/'; });
            if (in.empty()) {
                break;
            }
        }
        const char octet = *in.at++;
        if (place_ == place::comment_slash && octet == '*') {
            comments_ += comments_ < UINT32_MAX ? 1 : 0;
            place_ = place::block_comment;
        } else if (place_ == place::comment_star && octet == '/') {
            --comments_;
            place_ = comments_ == 0 ? place::between : place::block_comment;
            if (comments_ == 0) {
                break;
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
    while (!in.empty() && *in.at != '$' && goes_on_in_name(*in.at)) {
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

/// A string or quoted name with a prefix begins; in.at is behind the opening quote.
token_kind scanner::open_prefixed(cursor& in, char quote, bool backslashes, bool unicode)
{
    begin_text(in);
    quote_ = quote;
    backslashes_ = backslashes;
    doubled_ = false;
    escaped_ = unicode;
    place_ = place::quoted;
    return in_quoted(in);
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

}  // namespace penstock
