// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/effects_lexer.hpp"

#include <algorithm>

namespace penstock::mysql {

namespace {

/// Dumps of MariaDB begin with a comment for this version, which is to be executed nowhere.
constexpr unsigned no_servers_version = 999999;

bool is_blank(char octet)
{
    return octet == ' ' || (octet >= '\t' && octet <= '\r');
}

bool is_digit(char octet)
{
    return octet >= '0' && octet <= '9';
}

bool is_name(char octet)
{
    return is_digit(octet) || (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || octet == '_' ||
           octet == '$' || static_cast<unsigned char>(octet) > 127;
}

char lower(char octet)
{
    return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet - 'A' + 'a') : octet;
}

}  // namespace

void effects_lexer::begin(sql_reading reading)
{
    reading_ = reading;
    place_ = place::between;
    in_executable_ = false;
    version_ = 0;
    hidden_star_ = contested_ = has_executable_ = false;
    clipped_ = false;
    plain_ = true;
    high_ = false;
    text_.clear();
}

void effects_lexer::keep(char octet, bool fold)
{
    high_ = high_ || static_cast<unsigned char>(octet) > 127;
    if (text_.size() < most_text) {
        text_.push_back(fold ? lower(octet) : octet);
    } else {
        clipped_ = true;
    }
}

/// Octets inside quotes or a line comment.
void effects_lexer::note_hidden(bytes octets)
{
    if (!in_executable_) {
        return;
    }
    for (const char octet : octets) {
        contested_ = contested_ || (octet == '/' && hidden_star_);
        hidden_star_ = octet == '*';
    }
}

bool effects_lexer::give(sql_token kind)
{
    kind_ = kind;
    place_ = place::between;
    return true;
}

/// Takes an octet, or none where a token has ended before it. True where a token is there.
bool effects_lexer::step(bytes chunk, std::size_t& at)
{
    const char octet = chunk[at];
    switch (place_) {
        case place::between: ++at; return start(octet);
        case place::word:
        case place::number:
            if (is_name(octet) || (place_ == place::number && octet == '.')) {
                ++at;
                keep(octet, true);
                return false;
            }
            return give(place_ == place::word ? sql_token::word : sql_token::number);
        case place::quoted: {
            const char stops[] = {quote_, '\\'};
            auto stop = chunk.find_first_of(std::string_view{stops, 2}, at);
            stop = stop == bytes::npos ? chunk.size() : stop;
            for (auto each = at; each < stop; ++each) {
                keep(chunk[each], quoted_as_ == sql_token::user_variable);
            }
            note_hidden(chunk.substr(at, stop - at));
            at = stop;
            if (at == chunk.size()) {
                return false;
            }
            ++at;
            note_hidden(chunk.substr(stop, 1));
            if (chunk[stop] == quote_) {
                place_ = place::quoted_end;
            } else if (quote_ != '`' && quoted_as_ != sql_token::quoted_name && !reading_.no_backslash_escapes) {
                plain_ = false;
                place_ = place::backslash;
            } else {
                keep('\\', false);
            }
            return false;
        }
        case place::backslash:
            ++at;
            note_hidden(bytes{&octet, 1});
            keep(octet, false);
            place_ = place::quoted;
            return false;
        case place::quoted_end:
            if (octet == quote_) {
                ++at;
                plain_ = false;
                keep(octet, false);
                place_ = place::quoted;
                return false;
            }
            return give(quoted_as_);
        case place::at:
            if (octet == '@') {
                ++at;
                place_ = place::at_at;
                return false;
            }
            if (octet == '`' || octet == '\'' || octet == '"') {
                ++at;
                plain_ = true;
                quote_ = octet;
                quoted_as_ = sql_token::user_variable;
                place_ = place::quoted;
                return false;
            }
            plain_ = true;
            place_ = place::at_name;
            return false;
        case place::at_name:
            if (is_name(octet) || octet == '.') {
                ++at;
                keep(octet, true);
                return false;
            }
            return give(sql_token::user_variable);
        case place::at_at:
            if (is_name(octet) || octet == '.' || octet == '`') {
                ++at;
                if (octet != '`') {
                    keep(octet, true);
                }
                return false;
            }
            return give(sql_token::system_variable);
        case place::colon:
            if (octet == '=') {
                ++at;
                return give(sql_token::assign);
            }
            return give(sql_token::other);
        case place::minus:
            if (octet == '-') {
                ++at;
                place_ = place::minus_minus;
                return false;
            }
            return give(sql_token::other);
        case place::minus_minus:
            if (is_blank(octet) || (octet >= 0 && octet < ' ') || octet == 127) {
                text_.clear();
                place_ = place::line_comment;
                return false;
            }
            return give(sql_token::other);
        case place::slash:
            if (octet == '*') {
                ++at;
                place_ = place::block_open;
                return false;
            }
            return give(sql_token::other);
        case place::line_comment:
            ++at;
            note_hidden(bytes{&octet, 1});
            if (octet == '\n') {
                place_ = place::between;
            }
            return false;
        case place::block_open:
            if (octet == '!') {
                ++at;
                place_ = place::version;
            } else if (octet == 'M') {
                ++at;
                place_ = place::block_mark;
            } else {
                place_ = place::block_comment;
            }
            return false;
        case place::block_mark:
            if (octet == '!') {
                ++at;
                place_ = place::version;
            } else {
                place_ = place::block_comment;
            }
            return false;
        case place::version:
            if (is_digit(octet)) {
                ++at;
                version_ = std::min(version_ * 10 + static_cast<unsigned>(octet - '0'), no_servers_version);
                return false;
            }
            in_executable_ = version_ < no_servers_version;
            has_executable_ = true;
            version_ = 0;
            place_ = in_executable_ ? place::between : place::block_comment;
            return false;
        case place::block_comment:
            ++at;
            if (octet == '*') {
                place_ = place::block_star;
            }
            return false;
        case place::block_star:
            ++at;
            place_ = octet == '/' ? place::between : octet == '*' ? place::block_star : place::block_comment;
            return false;
        case place::star:
            if (octet == '/') {
                ++at;
                in_executable_ = false;
                place_ = place::between;
                return false;
            }
            return give(sql_token::other);
    }
    return false;
}

/// Between tokens: what this octet begins.
bool effects_lexer::start(char octet)
{
    if (is_blank(octet)) {
        return false;
    }
    if (is_digit(octet) || is_name(octet)) {
        keep(octet, true);
        place_ = is_digit(octet) ? place::number : place::word;
        return false;
    }
    const auto quoted = [&](sql_token as) {
        quote_ = octet;
        quoted_as_ = as;
        plain_ = true;
        place_ = place::quoted;
        return false;
    };
    switch (octet) {
        case '\'': return quoted(sql_token::string);
        case '"': return quoted(reading_.ansi_quotes ? sql_token::quoted_name : sql_token::string);
        case '`': return quoted(sql_token::quoted_name);
        case '@': place_ = place::at; return false;
        case ':': place_ = place::colon; return false;
        case '-':
            place_ = place::minus;
            keep(octet, false);
            return false;
        case '/': place_ = place::slash; return false;
        case '#': place_ = place::line_comment; return false;
        case '*':
            if (in_executable_) {
                place_ = place::star;
                return false;
            }
            return give(sql_token::other);
        case '=': return give(sql_token::equals);
        case ',': return give(sql_token::comma);
        case '.': return give(sql_token::dot);
        case ';': return give(sql_token::semicolon);
        case '(': return give(sql_token::open);
        case ')': return give(sql_token::close);
        default: keep(octet, false); return give(sql_token::other);
    }
}

}  // namespace penstock::mysql
