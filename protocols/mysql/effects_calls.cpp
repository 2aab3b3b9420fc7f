// SPDX-License-Identifier: Apache-2.0
//
// Which stored functions a text may call, what else runs code, and which user variables it names.
#include "protocols/mysql/builtin_functions.hpp"
#include "protocols/mysql/effects.hpp"

#include <algorithm>
#include <initializer_list>

namespace penstock::mysql {

namespace {

bool one_of(std::string_view name, std::initializer_list<std::string_view> names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

/// A parenthesis opens: behind a name that may be a stored function's?
void effects_collector::take_unknown_call()
{
    const bool is_name = is_quoted_ || (!last_word_.empty() && (is_qualified_ || where_unknown(last_word_) != 0));
    const bool names_columns =
        word_before_ == "as" || word_before_ == "into" || word_before_ == "recursive" || word_before_ == "with";
    if (!counts_calls_ || !is_name || names_columns) {
        return;
    }
    const auto everywhere = static_cast<std::uint8_t>(unknown_to_mysql | unknown_to_mariadb);
    const auto where = is_quoted_ || is_qualified_ ? everywhere : where_unknown(last_word_);
    effects_.calls_unknown = static_cast<std::uint8_t>(effects_.calls_unknown | where);
}

/// A compound statement: MariaDB runs those as they are, and what is in them may or may not come to run.
void effects_collector::begin_block()
{
    verb_ = verb::block;
    effects_.calls_unknown = static_cast<std::uint8_t>(effects_.calls_unknown | unknown_to_mariadb);
    effects_.pins.add(pin_reason::opaque);
}

void effects_collector::take_in_block(sql_token kind, std::string_view text)
{
    effects_.kills = effects_.kills || (kind == sql_token::word && text == "kill" && !after_dot_);
}

void effects_collector::note_variable(std::string_view name)
{
    auto& names = effects_.other_variables;
    if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.emplace_back(names.size() < text_effects::most_names ? name : std::string_view{});
    }
}

/// Servers compare such names without regard to case and accents: what is not ASCII stays unnamed.
std::string_view effects_collector::name_of_variable(std::string_view text, bool clipped) const
{
    const bool is_ascii = std::all_of(text.begin(), text.end(), [](char octet) { return octet > 0 && octet < 127; });
    return lexer_.is_plain() && is_ascii && !clipped ? text : std::string_view{};
}

/// sequence.NEXTVAL, sequence.CURRVAL: MariaDB's ORACLE mode, which the text itself may have chosen.
void effects_collector::take_pseudocolumn(std::string_view word)
{
    if (after_dot_ && (reading_.oracle || effects_.sets) && one_of(word, {"currval", "nextval"})) {
        effects_.runs_code = true;
        effects_.pins.add(pin_reason::sequence);
    }
}

void effects_collector::take_call(std::string_view name)
{
    if (one_of(name, {"lastval", "nextval", "setval"})) {  // what a sequence gave is told to its connection alone
        effects_.runs_code = true;
        effects_.pins.add(pin_reason::sequence);
    } else if (one_of(name,
                      {"get_lock",
                       "service_get_read_locks",
                       "service_get_write_locks",
                       "version_tokens_lock_shared",
                       "version_tokens_lock_exclusive"})) {
        effects_.pins.add(pin_reason::advisory_lock);
        wants_lock_name_ = name == "get_lock";
        effects_.held.other_locks = effects_.held.other_locks || !wants_lock_name_;
    } else if (name == "release_all_locks") {
        effects_.held.releases_locks = true;
        calls_release_all_ = verb_ == verb::other && tokens_ == 3 && is_asking_;
    } else if (name == "release_lock") {
        effects_.held.releases_locks = true;
    } else if (name == "last_insert_id") {
        effects_.reads_insert_id = true;
    } else if (name == "row_count") {
        effects_.reads_row_count = true;
    } else if (name == "found_rows") {
        effects_.reads_found_rows = true;
    } else if (name == "connection_id") {
        effects_.reads_connection_id = true;
    }
}

}  // namespace penstock::mysql
