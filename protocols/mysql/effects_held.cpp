// SPDX-License-Identifier: Apache-2.0
//
// What can be counted of what a text leaves behind and takes away: locks by name, temporary tables, handlers. And whom
// KILL means.
#include "protocols/mysql/effects.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

namespace penstock::mysql {

namespace {

bool one_of(std::string_view word, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

bool is_plain_lock_name(std::string_view name)
{
    constexpr std::size_t longest_name = 64;
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char octet) {
        return octet >= ' ' && octet < 127 && octet != '\'' && octet != '\\';
    });
}

/// GET_LOCK('name', ...) and GET_LOCK(?, ...).
void effects_collector::take_lock_name(sql_token kind, std::string_view text, bool clipped)
{
    const bool is_first_parameter = kind == sql_token::other && text == "?" && parameters_ == 0;
    if (is_first_parameter) {
        effects_.held.lock_by_parameter = true;
    } else {
        note_lock_name(kind == sql_token::string && !clipped && lexer_.is_plain() ? text : std::string_view{});
    }
    wants_comma_ = is_first_parameter || kind == sql_token::string;
}

/// Nothing stands for what cannot be asked for.
void effects_collector::note_lock_name(std::string_view name)
{
    if (effects_.held.named_locks.size() < held_changes::most_locks) {
        effects_.held.named_locks.emplace_back(is_plain_lock_name(name) ? name : std::string_view{});
    } else {
        effects_.held.other_locks = true;
    }
}

/// DROP TEMPORARY TABLE [IF EXISTS] name, ...
void effects_collector::take_in_drop(sql_token kind, std::string_view text)
{
    auto& held = effects_.held;
    if (tokens_ == 2 && kind == sql_token::word && text == "temporary") {
        is_dropping_temporary_ = true;
        ++held.dropped_temporary;
    } else if (tokens_ == 2) {
        is_dropping_temporary_ = false;
    } else if (is_dropping_temporary_ && kind == sql_token::comma) {
        ++held.dropped_temporary;
    } else if (is_dropping_temporary_ && tokens_ == 4 && kind == sql_token::word && text == "if") {
        held.drops_if_exists = true;
    }
}

/// HANDLER name OPEN, HANDLER name READ ..., HANDLER name CLOSE.
void effects_collector::take_in_handler(std::string_view word)
{
    const bool is_verb = tokens_ > 2 && !after_dot_ && one_of(word, {"open", "read", "close"});
    if (is_verb && !std::exchange(handler_is_told_, true) && word == "close") {
        ++effects_.held.closed_handlers;
    }
}

/// BACKUP LOCK name, BACKUP UNLOCK, BACKUP STAGE START, ..., BACKUP STAGE END. It is refused in stored code.
void effects_collector::take_in_backup(std::string_view word)
{
    const bool is_stage = tokens_ == 3 && last_word_ == "stage";
    const auto begun = tokens_ == 2 && word == "lock" ? backup_lock
                       : is_stage && word == "start"  ? backup_stage
                                                      : no_backup;
    const auto ended = tokens_ == 2 && word == "unlock" ? backup_lock
                       : is_stage && word == "end"      ? backup_stage
                                                        : no_backup;
    auto& held = effects_.held;
    held.begun_backups = static_cast<std::uint8_t>(held.begun_backups | begun);
    held.ended_backups = static_cast<std::uint8_t>(held.ended_backups | ended);
    if (begun != no_backup) {
        effects_.pins.add(pin_reason::advisory_lock);
    }
}

/// KILL [CONNECTION | QUERY] number; the number may be in quotes, as drivers write parameters, or CONNECTION_ID().
void effects_collector::take_in_kill(sql_token kind, std::string_view text)
{
    constexpr std::size_t most_digits = 19;
    auto& killed = effects_.kill;
    const bool before_number = kill_place_ == kill_place::word || kill_place_ == kill_place::option;
    const bool is_word = kind == sql_token::word;
    const bool is_number = (kind == sql_token::number || kind == sql_token::string) && !text.empty() &&
                           text.size() <= most_digits && text.find_first_not_of("0123456789") == std::string_view::npos;
    if (is_word && kill_place_ == kill_place::word && one_of(text, {"connection", "query"})) {
        killed.whole_session = text == "connection";
        kill_place_ = kill_place::option;
    } else if (is_number && before_number) {
        std::from_chars(text.data(), text.data() + text.size(), killed.number);
        kill_place_ = kill_place::whole;
    } else if (is_word && before_number && text == "connection_id") {
        kill_place_ = kill_place::function;
    } else if (kind == sql_token::open && kill_place_ == kill_place::function) {
        kill_place_ = kill_place::open;
    } else if (kind == sql_token::close && kill_place_ == kill_place::open) {
        killed.own = true;
        kill_place_ = kill_place::whole;
    } else {
        kill_place_ = kill_place::not_understood;
    }
}

}  // namespace penstock::mysql
