// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/classifier_tokens.hpp"

#include "protocols/wire/shape_text.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

/// Behind the quote that closes what opens at `from`; a shape's are all closed.
std::size_t end_of_quoted(std::string_view shape, std::size_t from)
{
    const char quote = shape[from];
    auto at = from + 1;
    while (at < shape.size()) {
        if (shape[at] != quote) {
            ++at;
        } else if (at + 1 < shape.size() && shape[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return shape.size();
}

std::size_t end_of_run(std::string_view shape, std::size_t from, bool points)
{
    while (from < shape.size() && (is_in_name(shape[from]) || (points && shape[from] == '.'))) {
        ++from;
    }
    return from;
}

shape_token_kind kind_of_single(char octet)
{
    switch (octet) {
        case ';': return shape_token_kind::semicolon;
        case '(': return shape_token_kind::open;
        case ')': return shape_token_kind::close;
        case '.': return shape_token_kind::dot;
        default: return shape_token_kind::other;
    }
}

}  // namespace

void cut_shape(std::string_view shape, bool ansi_quotes, std::vector<shape_token>& tokens)
{
    using enum shape_token_kind;
    tokens.clear();
    bool spaced = true;
    for (std::size_t at = 0; at < shape.size();) {
        const char now = shape[at];
        if (now == ' ') {
            spaced = true;
            ++at;
            continue;
        }
        auto kind = kind_of_single(now);
        auto end = at + 1;
        const bool is_pair = end < shape.size();
        if (is_in_name(now)) {
            kind = word;
            end = end_of_run(shape, at, false);
        } else if (now == '\'' || now == '`' || now == '"') {
            kind = now == '\'' || (now == '"' && !ansi_quotes) ? string : quoted_name;
            end = end_of_quoted(shape, at);
        } else if (now == '@') {
            kind = is_pair && shape[end] == '@' ? system_variable : user_variable;
            end = end_of_run(shape, kind == system_variable ? at + 2 : at + 1, true);
        } else if (now == ':' && is_pair && shape[end] == '=') {
            kind = assign;
            ++end;
        }
        tokens.push_back({kind, shape.substr(at, end - at), spaced});
        spaced = false;
        at = end;
    }
}

executable_comments::executable_comments(std::string_view shape, bool ansi_quotes)
{
    std::size_t from = 0;
    std::size_t mark = no_mark;
    const auto end_part = [&](std::size_t to) { parts_.push_back({shape.substr(from, to - from), mark}); };
    for (std::size_t at = 0; at < shape.size();) {
        const char now = shape[at];
        if (now == '\'' || now == '`' || (now == '"' && ansi_quotes)) {
            at = end_of_quoted(shape, at);
        } else if (mark == no_mark && now == '/' && shape.substr(at + 1).starts_with("*")) {
            end_part(at);
            const auto begin = at + 2;
            at = std::min(shape.find('!', begin), shape.size() - 1) + 1;
            while (at < shape.size() && shape[at] >= '0' && shape[at] <= '9') {
                ++at;
            }
            const auto name = shape.substr(begin, at - begin);
            const auto known = std::find(marks_.begin(), marks_.end(), name);
            mark = static_cast<std::size_t>(known - marks_.begin());
            if (known == marks_.end()) {
                marks_.push_back(name);
            }
            from = at;
        } else if (mark != no_mark && now == '*' && shape.substr(at + 1).starts_with("/")) {
            end_part(at);
            mark = no_mark;
            at += 2;
            from = at;
        } else {
            ++at;
        }
    }
    end_part(shape.size());
}

std::string executable_comments::code(std::uint32_t executed) const
{
    std::string code;
    for (const auto& each : parts_) {
        if (each.mark == no_mark || (executed >> each.mark & 1U) != 0) {
            code.append(each.text);
        }
        code.push_back(' ');
    }
    return code;
}

std::string unquoted(std::string_view quoted)
{
    std::string name;
    for (std::size_t at = 1; at + 1 < quoted.size(); ++at) {
        name.push_back(detail::lowered[static_cast<unsigned char>(quoted[at])]);
        at += quoted[at] == quoted.front() ? 1 : 0;
    }
    return name;
}

}  // namespace penstock::mysql
