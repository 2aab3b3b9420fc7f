// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/effects.hpp"

#include "protocols/wire/parameter_set.hpp"

#include <algorithm>
#include <utility>

namespace penstock::mysql {

namespace {

bool one_of(std::string_view word, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// Said in one statement with session_track_system_variables, these are asked for together with it.
bool is_asked_with_tracking(std::string_view name)
{
    return one_of(name, {"session_track_schema", "session_track_state_change", "session_track_transaction_info"});
}

/// Without a scope, "@@name =" is about the next transaction alone.
bool is_of_next_transaction(std::string_view name)
{
    return one_of(name, {"transaction_isolation", "transaction_read_only", "tx_isolation", "tx_read_only"});
}

/// @@session.name, @@local.name and @@name are the session's.
std::pair<bool, std::string_view> scope_of(std::string_view name)
{
    const auto dot = name.find('.');
    if (dot == std::string_view::npos) {
        return {false, name};
    }
    return {one_of(name.substr(0, dot), {"global", "persist", "persist_only"}), name.substr(dot + 1)};
}

}  // namespace

void effects_collector::begin(sql_reading reading)
{
    reading_ = reading;
    effects_ = {};
    lexer_.begin(reading);
    verb_ = verb::none;
    tokens_ = 0;
    is_routine_ = false;
    sets_timestamp_ = false;
    assignments_ = 0;
    parameters_ = 0;
}

const text_effects& effects_collector::finish()
{
    lexer_.finish(*this);
    end_statement();
    if (effects_.names_collation && (assignments_ > 1 || effects_.statements > 1)) {
        effects_.names_collation = false;
        effects_.pins.add(pin_reason::unknown_setting);  // the rest may undo it in part
    }
    // An octet that ends a character may have looked like a quote; or it depends on the server what is code.
    if ((reading_.ambiguous && lexer_.has_high_octets()) || lexer_.is_contested()) {
        effects_.pins.add(pin_reason::opaque);
    }
    if (effects_.statements != 1) {
        effects_.kill = {};
        effects_.held.releases_all = false;
    }
    effects_.held.may_be_passed_over = lexer_.has_executable() && effects_.held != held_changes{};
    return effects_;
}

void effects_collector::end_statement()
{
    if (verb_ == verb::set) {
        end_assignment();
    } else if (verb_ == verb::kill) {
        effects_.kill.is_understood = kill_place_ == kill_place::whole;
    }
    if (tokens_ > 0) {
        effects_.held.releases_all = calls_release_all_ && tokens_ == 4;
    }
    calls_release_all_ = wants_lock_name_ = wants_comma_ = handler_is_told_ = false;
    set_name_.clear();
    effects_.statements += tokens_ > 0 ? 1 : 0;
    verb_ = verb::none;
    tokens_ = 0;
    depth_ = 0;
    after_into_ = false;
    counts_calls_ = false;
    is_qualified_ = false;
    is_quoted_ = false;
    word_before_.clear();
    last_word_.clear();
    last_variable_.clear();
}

void effects_collector::take(sql_token kind, std::string_view text, bool clipped)
{
    if (is_routine_) {
        return;
    }
    if (kind == sql_token::semicolon && verb_ == verb::block) {
        ++effects_.statements;  // it ends one inside
        return;
    }
    if (kind == sql_token::semicolon) {
        end_statement();
        return;
    }
    if (kind == sql_token::open) {
        ++depth_;
    } else if (kind == sql_token::close) {
        depth_ -= depth_ > 0 ? 1 : 0;
    }
    if (verb_ == verb::none) {
        if (kind == sql_token::open) {
            return;
        }
        ++tokens_;
        take_first(kind == sql_token::word ? text : std::string_view{});
    } else {
        ++tokens_;
        take_anywhere(kind, text, clipped);
        if (verb_ == verb::set) {
            take_in_set(kind, text, clipped);
        } else {
            take_by_verb(kind, text);
        }
    }
    is_qualified_ = after_dot_;
    is_quoted_ = kind == sql_token::quoted_name;
    after_dot_ = kind == sql_token::dot;
    word_before_ = std::exchange(last_word_, {});
    last_word_ = kind == sql_token::word ? text : std::string_view{};
    last_variable_ = kind == sql_token::user_variable ? text : std::string_view{};
}

void effects_collector::take_first(std::string_view word)
{
    struct entry {
        std::string_view word;
        verb meaning;
    };
    static constexpr entry verbs[] = {
        {"backup", verb::backup},       {"begin", verb::begin},   {"call", verb::call},       {"case", verb::block},
        {"commit", verb::completion},   {"create", verb::create}, {"declare", verb::block},   {"drop", verb::drop},
        {"execute", verb::execute},     {"flush", verb::flush},   {"for", verb::block},       {"get", verb::get},
        {"handler", verb::handler},     {"if", verb::block},      {"kill", verb::kill},       {"load", verb::load},
        {"lock", verb::lock},           {"loop", verb::block},    {"prepare", verb::prepare}, {"repeat", verb::block},
        {"rollback", verb::completion}, {"set", verb::set},       {"show", verb::show},       {"unlock", verb::unlock},
        {"while", verb::block},         {"xa", verb::xa}};
    const auto* const found =
        std::find_if(std::begin(verbs), std::end(verbs), [word](const auto& each) { return each.word == word; });
    verb_ = found == std::end(verbs) ? verb::other : found->meaning;
    is_asking_ = one_of(word, {"select", "do"});
    inserts_ = one_of(word, {"insert", "replace"});
    counts_calls_ = !one_of(word, {"insert", "replace", "alter", "create", "drop", "grant", "load", "revoke"});
    switch (verb_) {
        case verb::block: begin_block(); break;
        case verb::call: effects_.runs_code = true; break;
        case verb::load: effects_.draws_untold = true; break;
        case verb::kill:
            effects_.kills = true;
            effects_.kill = {};
            kill_place_ = kill_place::word;
            break;
        case verb::prepare: effects_.pins.add(pin_reason::sql_prepare); break;
        case verb::set:
            set_place_ = set_place::target;
            set_global_ = false;
            set_names_ = false;
            set_user_variable_ = false;
            break;
        default: break;
    }
}

/// What counts in any statement.
void effects_collector::take_anywhere(sql_token kind, std::string_view text, bool clipped)
{
    if (std::exchange(wants_lock_name_, false)) {
        take_lock_name(kind, text, clipped);
    } else if (std::exchange(wants_comma_, false) && kind != sql_token::comma) {
        note_lock_name({});  // the name goes on
    }
    parameters_ += kind == sql_token::other && text == "?" ? 1 : 0;
    if (effects_.reads_insert_id && word_before_ == "last_insert_id" && last_word_.empty() &&
        kind != sql_token::close) {
        effects_.sets_insert_id = true;
    }
    switch (kind) {
        case sql_token::open:
            take_unknown_call();
            if (!last_word_.empty()) {
                take_call(last_word_);
            }
            break;
        case sql_token::word:
            counts_calls_ = counts_calls_ || text == "select" ||
                            (inserts_ && one_of(text, {"set", "value", "values", "with"})) ||
                            (verb_ == verb::load && text == "set");
            if (text == "for" && last_word_ == "value") {  // NEXT VALUE FOR, PREVIOUS VALUE FOR: MariaDB
                effects_.runs_code = true;
                effects_.pins.add(pin_reason::sequence);
            }
            effects_.calculates_found_rows = effects_.calculates_found_rows || text == "sql_calc_found_rows";
            take_pseudocolumn(text);
            effects_.draws_untold = effects_.draws_untold || text == "returning";
            break;
        case sql_token::system_variable: {
            const auto name = scope_of(text).second;
            effects_.reads_insert_id = effects_.reads_insert_id || one_of(name, {"last_insert_id", "identity"});
            effects_.reads_diagnostics = effects_.reads_diagnostics || one_of(name, {"warning_count", "error_count"});
            effects_.reads_last_gtid = effects_.reads_last_gtid || name == "last_gtid";
            break;
        }
        case sql_token::user_variable:
            if (after_into_) {
                effects_.pins.add(pin_reason::user_variable);
            }
            if (verb_ != verb::set || set_place_ == set_place::value || set_place_ == set_place::passed) {
                note_variable(name_of_variable(text, clipped));
            }
            break;
        case sql_token::assign:
            if (!last_variable_.empty() && (verb_ != verb::set || set_place_ == set_place::value)) {
                effects_.pins.add(pin_reason::user_variable);
            }
            break;
        default: break;
    }
    after_into_ = kind == sql_token::word && text == "into";
}

void effects_collector::take_by_verb(sql_token kind, std::string_view text)
{
    const bool is_word = kind == sql_token::word;
    const bool is_user_variable = kind == sql_token::user_variable;
    switch (verb_) {
        case verb::backup: take_in_backup(is_word ? text : std::string_view{}); break;
        case verb::begin:
            if (tokens_ == 2 && text != "work") {  // BEGIN NOT ATOMIC, and BEGIN alone under sql_mode=ORACLE
                begin_block();
                take_in_block(kind, text);
            }
            break;
        case verb::block: take_in_block(kind, text); break;
        case verb::completion:
            effects_.releases = effects_.releases || (is_word && text == "release" && last_word_ != "no");
            break;
        case verb::call:
        case verb::load:
        case verb::get:
            if (is_user_variable) {
                effects_.pins.add(pin_reason::user_variable);
            }
            effects_.load_local = effects_.load_local || (verb_ == verb::load && is_word && text == "local");
            effects_.reads_diagnostics =
                effects_.reads_diagnostics || (verb_ == verb::get && is_word && text == "diagnostics");
            break;
        case verb::create:
            if (is_word && tokens_ <= 4 && text == "temporary") {
                effects_.pins.add(pin_reason::temporary_object);
                ++effects_.held.made_temporary;
            } else if (is_word && depth_ == 0 &&
                       one_of(text, {"procedure", "function", "trigger", "event", "package"})) {
                is_routine_ = true;
            }
            break;
        case verb::execute:
            if (is_word && tokens_ == 2 && text == "immediate") {
                effects_.runs_code = true;
                effects_.pins.add(pin_reason::opaque);
            }
            break;
        case verb::drop: take_in_drop(kind, text); break;
        case verb::flush:
            if (is_word && ((text == "lock" && last_word_ == "read") || (text == "export" && last_word_ == "for"))) {
                effects_.pins.add(pin_reason::table_lock);
            }
            break;
        case verb::handler:
            if (is_word && text == "open") {
                effects_.pins.add(pin_reason::handler);
                ++effects_.held.opened_handlers;
            }
            if (is_word) {
                take_in_handler(text);
            }
            break;
        case verb::kill: take_in_kill(kind, text); break;
        case verb::lock:
            // LOCK TABLES is reported by the server, and so is its end. LOCK INSTANCE is not; it may be held together
            // with a table_lock, so it has another reason, and UNLOCK INSTANCE ends neither.
            if (is_word && tokens_ == 2 && !one_of(text, {"tables", "table"})) {
                effects_.pins.add(pin_reason::advisory_lock);
                effects_.held.other_locks = true;
            }
            break;
        case verb::unlock:
            effects_.unlocks = effects_.unlocks || (is_word && tokens_ == 2 && one_of(text, {"tables", "table"}));
            break;
        case verb::set_statement: take_set_statement(kind, text); break;
        case verb::show:
            if (is_word && one_of(text, {"warnings", "errors"})) {
                effects_.reads_diagnostics = true;
            }
            break;
        case verb::xa:
            if (is_word && tokens_ == 2) {
                effects_.begins_xa = effects_.begins_xa || one_of(text, {"start", "begin"});
                effects_.ends_xa = effects_.ends_xa || one_of(text, {"commit", "rollback"});
            }
            break;
        default: break;
    }
}

void effects_collector::take_in_set(sql_token kind, std::string_view text, bool clipped)
{
    switch (set_place_) {
        case set_place::target:
        case set_place::scoped: take_set_target(kind, text, clipped); break;
        case set_place::named:
            if (kind == sql_token::equals || kind == sql_token::assign) {
                set_place_ = set_place::value;
                set_value_.clear();
                set_value_tokens_ = 0;
                set_is_literal_ = true;
            } else if (kind == sql_token::word || kind == sql_token::quoted_name) {
                set_name_ = text;  // behind a dot: the part of a structured variable
            }
            break;
        case set_place::value: take_set_value(kind, text, clipped); break;
        case set_place::passed:
            if (kind == sql_token::comma && depth_ == 0) {
                set_place_ = set_place::target;
            }
            break;
    }
}

void effects_collector::take_set_target(sql_token kind, std::string_view text, bool clipped)
{
    const bool first = set_place_ == set_place::target;
    if (kind == sql_token::user_variable) {
        set_user_variable_ = true;
        set_name_ = name_of_variable(text, clipped);
        set_place_ = set_place::named;
        return;
    }
    if (kind == sql_token::system_variable) {
        const auto [global, name] = scope_of(text);
        set_global_ = global;
        set_unscoped_ = name.size() == text.size();
        set_name_ = name;
        set_place_ = set_place::named;
        return;
    }
    if (kind == sql_token::word && first && one_of(text, {"global", "persist", "persist_only", "session", "local"})) {
        set_global_ = text[0] == 'g' || text[0] == 'p';
        set_place_ = set_place::scoped;
        return;
    }
    if (kind == sql_token::word && first && take_role_or_group(text)) {
        return;
    }
    if (kind == sql_token::word && first && tokens_ == 2) {
        if (text == "statement") {
            verb_ = verb::set_statement;
            return;
        }
        if (one_of(text, {"default", "password", "transaction"})) {
            set_place_ = set_place::passed;
            return;
        }
    }
    if (kind == sql_token::word && one_of(text, {"transaction", "names", "character", "charset"})) {
        effects_.sets = effects_.sets || !set_global_;
        set_names_ = text == "names";
        set_name_.clear();
        set_value_tokens_ = 0;
        set_place_ = set_place::value;
        set_is_literal_ = false;
        return;
    }
    set_name_ = text;
    set_place_ = set_place::named;
}

/// SET STATEMENT name = value, ... FOR statement (MariaDB).
void effects_collector::take_set_statement(sql_token kind, std::string_view text)
{
    const bool is_word = kind == sql_token::word;
    if (is_word && depth_ == 0 && text == "for") {
        verb_ = verb::none;  // what follows is a statement as any
        tokens_ = 0;
        set_name_.clear();
        return;
    }
    if ((kind == sql_token::equals || kind == sql_token::assign) && depth_ == 0 && !set_name_.empty()) {
        if (effects_.for_one.size() < text_effects::most_variables) {
            effects_.for_one.push_back(lower_case(set_name_));
        } else {
            effects_.pins.add(pin_reason::unknown_setting);
        }
    }
    set_name_ = is_word || kind == sql_token::quoted_name ? text : std::string_view{};
}

void effects_collector::take_set_value(sql_token kind, std::string_view text, bool clipped)
{
    if (kind == sql_token::comma && depth_ == 0) {
        end_assignment();
        return;
    }
    ++set_value_tokens_;
    effects_.names_collation = effects_.names_collation || (set_names_ && kind == sql_token::word && text == "collate");
    if (!set_is_literal_) {
        return;
    }
    const bool is_minus = kind == sql_token::other && text == "-" && set_value_tokens_ == 1;
    const bool fits = !clipped && text.size() <= text_effects::longest_value;
    const bool after_minus = set_value_tokens_ == 2 && set_value_ == "-";
    if (is_minus) {
        set_value_ = "-";
    } else if (kind == sql_token::number && fits && (set_value_tokens_ == 1 || after_minus)) {
        set_value_.append(text);
    } else if (kind == sql_token::word && set_value_tokens_ == 1 &&
               one_of(text, {"null", "true", "false", "default"})) {
        set_value_ = text;
    } else if (kind == sql_token::string && fits && set_value_tokens_ == 1 && lexer_.is_plain() &&
               std::all_of(text.begin(), text.end(), [](char octet) { return octet >= ' ' && octet < 127; })) {
        set_value_.append("'").append(text).append("'");
        set_is_literal_ = text.find_first_of("'\\") == std::string_view::npos;
    } else {
        set_is_literal_ = false;
    }
}

void effects_collector::end_assignment()
{
    const bool has_value = set_place_ == set_place::value && set_value_tokens_ > 0;
    const bool is_literal = set_is_literal_ && !set_value_.empty() && set_value_ != "-";
    if (has_value && set_user_variable_) {
        if (is_literal && !set_name_.empty() && set_name_.size() <= 64 && set_value_ != "default" &&
            effects_.user_variables.size() < text_effects::most_variables) {
            effects_.user_variables.emplace_back(set_name_, set_value_);
        } else {
            effects_.pins.add(pin_reason::user_variable);
            note_variable(set_name_);
        }
    } else if (has_value && set_unscoped_ && is_of_next_transaction(set_name_)) {
        // as SET TRANSACTION, which the server reports; assigned to itself, it would be another value
    } else if (has_value && !set_global_ && set_name_ == "session_track_system_variables") {
        effects_.sets_tracking = true;
    } else if (has_value && !set_global_ && !is_asked_with_tracking(set_name_)) {
        effects_.sets = true;
        effects_.sets_insert_id = effects_.sets_insert_id || one_of(set_name_, {"last_insert_id", "identity"});
        if (set_unscoped_) {
            note_unscoped();
        }
        if (set_name_ == "timestamp") {
            note_timestamp(is_literal && one_of(set_value_, {"default", "0"}));
        }
    }
    if (set_place_ != set_place::passed) {
        set_place_ = set_place::target;
    }
    assignments_ += has_value ? 1 : 0;
    set_user_variable_ = false;
    set_names_ = false;
    set_global_ = false;
    set_unscoped_ = false;
    set_name_.clear();
    set_value_.clear();
    set_value_tokens_ = 0;
    set_is_literal_ = false;
}

text_effects inspect(std::string_view text, sql_reading reading)
{
    effects_collector collector;
    collector.begin(reading);
    collector.feed(text);
    return collector.finish();
}

}  // namespace penstock::mysql
