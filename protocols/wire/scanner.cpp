// SPDX-License-Identifier: Apache-2.0
//
// The scanner is a state machine over octets. start() is the hot loop: it passes over whole tokens that nobody wants
// without leaving. What begins a longer construct, or was cut by the end of a chunk, is scanner_places.cpp's.
#include "protocols/wire/scanner.hpp"

#include "protocols/wire/octet_classes.hpp"

#include <algorithm>

namespace penstock {

namespace {

std::string_view view(const char* from, const char* to)
{
    return {from, static_cast<std::size_t>(to - from)};
}

const char* find_end_of_name(const char* at, const char* end)
{
    while (at != end && goes_on_in_name(*at)) {
        ++at;
    }
    return at;
}

const char* find_end_of_number(const char* at, const char* end)
{
    while (at != end && (is_digit(*at) || *at == '.')) {
        ++at;
    }
    return at;
}

/// The token that such an octet is on its own.
token_kind kind_of(octet_class single)
{
    switch (single) {
        case octet_class::operation: return token_kind::operation;
        case octet_class::comma: return token_kind::comma;
        case octet_class::dot: return token_kind::dot;
        case octet_class::semicolon: return token_kind::semicolon;
        default: return token_kind::other;
    }
}

/// The closing quote of a short text without quotes inside, if the octet after it is there to prove it; otherwise null.
const char* find_near_quote(const char* at, const char* end, char quote)
{
    constexpr std::ptrdiff_t near = 64;
    const char* const last = end - at > near ? at + near : end;
    while (at != last && *at != quote) {
        ++at;
    }
    return at != last && at + 1 != end && at[1] != quote ? at : nullptr;
}

}  // namespace

void scanner::begin(lexical_mode mode)
{
    mode_ = mode;
    place_ = place::between;
    current_ = token_kind::none;
    continuable_ = false;
    newline_ = false;
    given_ = passed_ = false;
    depth_ = 0;
    text_ = {};
}

token_kind scanner::next(bytes& chunk, const token_filter& wanted)
{
    cursor in{chunk.data(), chunk.data() + chunk.size(), chunk.data()};
    auto kind = token_kind::none;
    passed_ = passed_ && !given_;
    while (!in.empty()) {
        if (place_ == place::between) {
            kind = start(in, wanted);
            if (kind != token_kind::none) {
                break;
            }
        } else {
            kind = resume(in);
            if (kind == token_kind::none) {
                continue;
            }
            if (is_wanted(kind, text_, wanted)) {
                current_ = kind;
                break;
            }
            pass(kind);
            kind = token_kind::none;
        }
    }
    given_ = kind != token_kind::none;
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

/// Reads tokens from between two of them until one is wanted, or until place_ says that another construct has begun.
/// Names and single octets are most of a text, so these are passed over before anything else is asked.
token_kind scanner::start(cursor& in, const token_filter& wanted)
{
    const char* at = in.at;  // registers, not memory
    const char* const end = in.end;
    while (at != end) {
        const char* const from = at;
        const auto begun = class_of(*at++);
        if (begun == octet_class::letter) {
            at = find_end_of_name(at, end);
            if (at == end || (at - from == 1 && (*at == '\'' || *at == '&'))) {
                return leave(in, from, place::identifier);
            }
            if (wanted.wants(token_kind::identifier) && wanted.wants_name(view(from, at))) {
                return give(in, at, token_kind::identifier, view(from, at));
            }
            pass(token_kind::identifier);
        } else if (begun == octet_class::blank) {
            newline_ = newline_ || *from == '\n' || *from == '\r';
        } else if (is_single(begun)) {
            const auto kind = kind_of(begun);
            if (wanted.wants(kind)) {
                return give(in, at, kind, view(from, at));
            }
            pass(kind);
        } else if (begun == octet_class::open) {
            ++depth_;
            if (wanted.wants(token_kind::open) && !(passed_ && wanted.calls_only)) {
                return give(in, at, token_kind::open, view(from, at));
            }
            pass(token_kind::open);
        } else if (begun == octet_class::close) {
            depth_ -= depth_ > 0 ? 1 : 0;
            if (wanted.wants(token_kind::close)) {
                return give(in, at, token_kind::close, view(from, at));
            }
            pass(token_kind::close);
        } else if (begun == octet_class::digit) {
            at = find_end_of_number(at, end);
            if (at == end) {
                return leave(in, from, place::number);
            }
            if (wanted.wants(token_kind::number)) {
                return give(in, at, token_kind::number, view(from, at));
            }
            pass(token_kind::number);
        } else if (begun == octet_class::quote || begun == octet_class::double_quote) {
            open_quote(*from);
            const char* const close = backslashes_ ? nullptr : find_near_quote(at, end, *from);
            if (close == nullptr) {
                return leave(in, at, place::quoted);
            }
            const auto kind = end_quote();
            if (is_wanted(kind, view(at, close), wanted)) {
                return give(in, close + 1, kind, view(at, close));
            }
            pass(kind);
            at = close + 1;
        } else {
            return leave(in, at, place_after(begun));
        }
    }
    in.at = at;
    return token_kind::none;
}

/// A token ends before `at` and is wanted.
token_kind scanner::give(cursor& in, const char* at, token_kind kind, std::string_view text)
{
    in.at = at;
    current_ = kind;
    clipped_ = text.size() > most_text;
    text_ = text.substr(0, most_text);
    return kind;
}

/// A token ended and is not wanted.
void scanner::pass(token_kind kind)
{
    current_ = kind;
    passed_ = true;
}

/// Goes on in resume(), at `at`, where the text of the token begins as well.
token_kind scanner::leave(cursor& in, const char* at, place where)
{
    in.at = at;
    place_ = where;
    begin_text(in);
    return token_kind::none;
}

/// A string or quoted name without prefix begins.
void scanner::open_quote(char quote)
{
    const bool continued = current_ == token_kind::string && continuable_ && newline_;
    backslashes_ = quote == '\'' && (continued ? backslashes_ : mode_.backslash_escapes);
    quote_ = quote;
    doubled_ = escaped_ = false;
}

token_kind scanner::end_quote()
{
    continuable_ = true;
    newline_ = false;
    return quote_ == '"' ? token_kind::quoted_identifier : token_kind::string;
}

bool scanner::is_wanted(token_kind kind, std::string_view text, const token_filter& wanted) const
{
    if (!wanted.wants(kind)) {
        return false;
    }
    switch (kind) {
        case token_kind::identifier: return wanted.wants_name(text);
        case token_kind::quoted_identifier: return escaped_ || wanted.wants_name(text);
        case token_kind::open: return !passed_ || !wanted.calls_only;
        default: return true;
    }
}

scanner::place scanner::place_after(octet_class begun)
{
    return begun == octet_class::dollar ? place::dollar : begun == octet_class::minus ? place::minus : place::slash;
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
