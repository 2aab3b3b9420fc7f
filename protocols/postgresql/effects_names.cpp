// SPDX-License-Identifier: Apache-2.0
//
// The names of prepared statements in PREPARE, EXECUTE and DEALLOCATE: identifiers as all are, U&"..." among them.
//
// A name that cannot be told (written with so many escapes that not all of it is seen, or with letters that depend on
// the server's encoding) pins.
#include "protocols/postgresql/effects.hpp"

#include <optional>
#include <utility>

namespace penstock::postgresql {

namespace {

/// In the place of a name; no text holds this octet.
constexpr std::string_view unknowable{"\0", 1};

int digit_of(char octet)
{
    const char lower = to_lower(octet);
    return lower >= '0' && lower <= '9' ? lower - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// The number that `count` hexadecimal digits at the front of `text` stand for.
std::optional<unsigned> number_of(std::string_view text, std::size_t count)
{
    unsigned number = 0;
    for (std::size_t place = 0; place < count; ++place) {
        const int digit = place < text.size() ? digit_of(text[place]) : -1;
        if (digit < 0) {
            return std::nullopt;
        }
        number = number * 16 + static_cast<unsigned>(digit);
    }
    return number;
}

/// A name that was written U&"...": only of ASCII, whose octets are the same in every encoding.
std::optional<std::string> decode_unicode_name(std::string_view text, char escape)
{
    if (text == unknowable) {
        return std::nullopt;
    }
    std::string name;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != escape) {
            name.push_back(text[at]);
            at += text[at] == '"' ? 1 : 0;
            continue;
        }
        const auto rest = text.substr(at + 1);
        if (rest.starts_with(escape)) {
            name.push_back(escape);
            ++at;
            continue;
        }
        const std::size_t sign = rest.starts_with('+') ? 1 : 0;
        const std::size_t digits = sign == 1 ? 6 : 4;
        const auto number = number_of(rest.substr(sign), digits);
        if (!number || *number == 0 || *number > 127) {
            return std::nullopt;
        }
        name.push_back(static_cast<char>(*number));
        at += sign + digits;
    }
    return name.substr(0, longest_name);
}

}  // namespace

bool effects_collector::is_at_name_of_statement() const
{
    return statement_.at == phase::prepare || statement_.at == phase::execute || statement_.at == phase::deallocate ||
           statement_.at == phase::deallocate_prepared;
}

void effects_collector::take_deallocate(const sql_token& token)
{
    if (statement_.at == phase::deallocate && token.word == sql_word::prepare) {
        statement_.at = phase::deallocate_prepared;
        return;
    }
    statement_.at = phase::body;
    if (token.word == sql_word::all) {
        statement_.verb = statement_verb::deallocate_all;
        effects_.deallocate_all = true;
    } else {
        take_used_name(token, name_use::deallocates);
    }
}

void effects_collector::take_prepare(const sql_token& token)
{
    const bool is_second = statement_.at == phase::prepare_transaction;
    if (!is_second && token.word == sql_word::transaction) {
        statement_.at = phase::prepare_transaction;
        return;
    }
    if (is_second && token.kind == token_kind::string) {
        statement_.verb = statement_verb::prepare_transaction;
    } else if (is_second) {
        effects_.use("transaction", name_use::prepares);
    } else {
        take_used_name(token, name_use::prepares);
        return;
    }
    statement_.at = phase::body;
}

void effects_collector::take_executed(const sql_token& token)
{
    const bool is_of_trigger =
        statement_.makes_table && (token.word == sql_word::function || token.word == sql_word::procedure);
    if (is_of_trigger) {
        statement_.at = phase::body;
    } else {
        take_used_name(token, name_use::executes);
    }
}

/// Whatever is no name here, PostgreSQL refuses.
void effects_collector::take_used_name(const sql_token& token, name_use use)
{
    statement_.at = phase::body;
    if (!is_name_token(token.kind)) {
        return;
    }
    if (token.kind == token_kind::quoted_identifier && scanner_.has_escapes()) {
        escaped_name_ = scanner_.is_clipped() ? unknowable : token.text;
        statement_.use = use;
        statement_.at = phase::name_escape;
        return;
    }
    note_name(decode_name(token.text, token.kind == token_kind::quoted_identifier), use);
}

void effects_collector::take_name_escape(const sql_token& token)
{
    if (statement_.at == phase::escape_character) {
        const bool is_one = token.kind == token_kind::string && token.text.size() == 1;
        finish_escaped_name(is_one ? token.text.front() : '\\');
        return;
    }
    if (token.kind == token_kind::identifier && decode_name(token.text, false) == "uescape") {
        statement_.at = phase::escape_character;
        return;
    }
    finish_escaped_name('\\');
}

void effects_collector::finish_escaped_name(char escape)
{
    statement_.at = phase::body;
    const auto name = decode_unicode_name(std::exchange(escaped_name_, {}), escape);
    if (name) {
        note_name(*name, statement_.use);
        return;
    }
    effects_.pins.add(pin_reason::sql_prepare);
    effects_.pins.add(pin_reason::opaque);
}

void effects_collector::note_name(std::string name, name_use use)
{
    if (use == name_use::deallocates) {
        effects_.deallocate_name = name;
    }
    effects_.use(std::move(name), use);
}

}  // namespace penstock::postgresql
