// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/setting_statement.hpp"

namespace penstock::postgresql {

namespace {

bool is_name(const sql_token& token)
{
    return token.kind == token_kind::identifier || token.kind == token_kind::quoted_identifier;
}

bool is_assignment(const sql_token& token)
{
    return token.word == sql_word::to || token.word == sql_word::from ||
           (token.kind == token_kind::operation && token.text == "=");
}

}  // namespace

void setting_statement::begin(step first, bool reset)
{
    step_ = first;
    word_ = sql_word::none;
    reset_ = reset;
    local_ = to_default_ = undecodable_ = behind_string_ = false;
    name_.clear();
}

void setting_statement::advance(const sql_token& token, text_effects& effects)
{
    switch (step_) {
        case step::name:
        case step::name_part: take_name(token); break;
        case step::after_name: after_name(token, effects); break;
        case step::characteristics:
            if (token.word == sql_word::transaction && !local_) {
                effects.touch("default_transaction_isolation");
                effects.touch("default_transaction_read_only");
                effects.touch("default_transaction_deferrable");
            }
            break;
        case step::value: take_value(token, effects); break;
        case step::more_values: search_value(token, effects); break;
        case step::ended: break;
    }
}

void setting_statement::finish(text_effects& effects)
{
    if (reset_) {
        finish_reset(effects);
    } else if (step_ == step::after_name && word_ == sql_word::names && !local_) {
        effects.restore("client_encoding");  // SET NAMES alone
    } else if (step_ == step::value || step_ == step::more_values) {
        if (name_ == "seed") {
            effects.pins.add(pin_reason::setseed);  // SET LOCAL seeds the generator just as well
        } else if (undecodable_) {
            effects.pins.add(pin_reason::unknown_setting);
        } else if (!local_ && to_default_) {
            effects.restore(name_);
        } else if (!local_) {
            effects.touch(name_);
        } else {
            effects.touch_locally(name_);
        }
    }
    step_ = step::ended;
}

void setting_statement::finish_reset(text_effects& effects) const
{
    if (step_ == step::name || step_ == step::name_part || name_.empty()) {
        return;
    }
    if (word_ == sql_word::all && step_ == step::after_name) {
        effects.restore_all();
    } else if (undecodable_) {
        effects.pins.add(pin_reason::unknown_setting);
    } else if (step_ != step::ended) {
        effects.restore(name_);
    }
}

void setting_statement::take_name(const sql_token& token)
{
    if (!is_name(token)) {
        step_ = step::ended;
        return;
    }
    word_ = step_ == step::name && token.kind == token_kind::identifier ? token.word : sql_word::none;
    undecodable_ = undecodable_ || (token.kind == token_kind::quoted_identifier && !token.plain);
    // A custom setting's name may have many parts; keep one octet more than is allowed, and it is seen to be too long.
    name_.append(decode_name(token.text, token.kind == token_kind::quoted_identifier));
    if (token.kind == token_kind::quoted_identifier) {
        for (auto& octet : name_) {
            octet = to_lower(octet);  // settings are found in any case
        }
    }
    if (name_.size() > text_effects::longest_setting) {
        name_.resize(text_effects::longest_setting + 1);
    }
    step_ = step::after_name;
}

void setting_statement::after_name(const sql_token& token, text_effects& effects)
{
    if (token.kind == token_kind::dot) {
        name_.push_back('.');
        step_ = step::name_part;
    } else if (!reset_ && is_assignment(token)) {
        step_ = step::value;
    } else {
        after_word(token, effects);
    }
}

/// The name was not one but a word that begins a special form.
void setting_statement::after_word(const sql_token& token, text_effects& effects)
{
    switch (word_) {
        case sql_word::session:
            if (token.word == sql_word::authorization) {
                special("session_authorization", reset_ ? step::more_values : step::value);
            } else if (token.word == sql_word::characteristics && !reset_) {
                special({}, step::characteristics);
            } else {
                special({}, step::name);
                take_name(token);
            }
            break;
        case sql_word::local:
            local_ = true;
            special({}, step::name);
            take_name(token);
            break;
        case sql_word::time: special("timezone", reset_ ? step::more_values : step::value); break;
        case sql_word::names: special_value("client_encoding", token, effects); break;
        case sql_word::role: special_value("role", token, effects); break;
        case sql_word::schema: special_value("search_path", token, effects); break;
        case sql_word::xml: special("xmloption", step::more_values); break;
        default: step_ = step::ended;  // TRANSACTION, CONSTRAINTS, or no valid statement
    }
}

void setting_statement::special(std::string_view name, step next)
{
    name_ = name;
    step_ = next;
}

/// A form whose value follows at once.
void setting_statement::special_value(std::string_view name, const sql_token& token, text_effects& effects)
{
    special(name, step::value);
    take_value(token, effects);
}

void setting_statement::take_value(const sql_token& token, text_effects& effects)
{
    to_default_ =  // NONE is no default but a role's value
        token.word == sql_word::default_value || (name_ == "timezone" && token.word == sql_word::local);
    step_ = step::more_values;
    search_value(token, effects);
}

/// With pg_temp in the search path a plain CREATE TABLE may make a temporary one. A literal may go on in a next one.
void setting_statement::search_value(const sql_token& token, text_effects& effects)
{
    const bool is_string = token.kind == token_kind::string;
    const bool is_unreadable =
        token.kind == token_kind::dollar_string || (is_string && (!token.plain || behind_string_));
    if (name_ == "search_path" && (is_unreadable || (is_string && mentions_pg_temp(token.text)))) {
        effects.search_temporary();
    }
    behind_string_ = is_string;
}

}  // namespace penstock::postgresql
