// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/setting_call.hpp"

namespace penstock::postgresql {

namespace {

bool is_colon(const sql_token& token)
{
    return token.kind == token_kind::operation && token.text == ":";
}

/// A literal that PostgreSQL reads as true; others of its spellings only cost us the exemption.
bool is_true(const sql_token& token)
{
    return token.word == sql_word::true_value ||
           (token.kind == token_kind::string && token.plain && (token.text == "t" || token.text == "true"));
}

}  // namespace

void setting_call::begin(std::uint32_t depth, text_effects& effects)
{
    finish(effects);
    step_ = step::name;
    depth_ = depth;
    known_ = local_ = false;
    name_.clear();
}

void setting_call::advance(const sql_token& token, std::uint32_t depth, text_effects& effects)
{
    if (depth == depth_ && token.kind == token_kind::close) {
        finish(effects);
        return;
    }
    const bool next_argument = depth == depth_ && token.kind == token_kind::comma;
    switch (step_) {
        case step::none: break;
        case step::name: take_name(token); break;
        case step::after_name:
            step_ = next_argument ? step::value : is_colon(token) ? step::name_cast : step::any_name;
            break;
        case step::name_cast:
            step_ = next_argument                                          ? step::value
                    : is_colon(token) || token.word == sql_word::text_type ? step::name_cast
                                                                           : step::any_name;
            break;
        case step::any_name:
            known_ = false;
            step_ = next_argument ? step::value : step::any_name;
            break;
        case step::value:
            search_value(token, effects);
            step_ = next_argument ? step::locality : step::value;
            break;
        case step::locality:
        case step::after_locality:
        case step::locality_cast:
        case step::not_local: take_locality(token); break;
    }
    if (step_ == step::any_name) {
        known_ = false;
    }
}

void setting_call::take_name(const sql_token& token)
{
    known_ = token.kind == token_kind::string && token.plain;
    step_ = known_ ? step::after_name : step::any_name;
    if (known_) {
        name_.assign(token.text);
        for (auto& octet : name_) {
            octet = to_lower(octet);
        }
    }
}

/// With pg_temp in the search path a plain CREATE TABLE may make a temporary one.
void setting_call::search_value(const sql_token& token, text_effects& effects) const
{
    const bool may_be_search_path = !known_ || name_ == "search_path";
    const bool unreadable = known_ && !token.plain;
    if (may_be_search_path && token.kind == token_kind::string && (unreadable || mentions_pg_temp(token.text))) {
        effects.pins.add(pin_reason::temporary_object);
    }
}

void setting_call::take_locality(const sql_token& token)
{
    if (step_ == step::locality) {
        local_ = is_true(token);
        step_ = local_ ? step::after_locality : step::not_local;
    } else if (step_ != step::not_local) {
        const bool cast = is_colon(token) || (step_ == step::locality_cast && token.word == sql_word::boolean_type);
        local_ = cast;
        step_ = cast ? step::locality_cast : step::not_local;
    }
}

void setting_call::finish(text_effects& effects)
{
    if (step_ == step::none) {
        return;
    }
    step_ = step::none;
    if (known_ && name_ == "seed") {
        effects.pins.add(pin_reason::setseed);
    } else if (local_) {
        effects.sets_reading = effects.sets_reading || !known_;
        effects.touch_locally(name_);
    } else if (known_) {
        effects.touch(name_);
    } else {
        effects.pins.add(pin_reason::unknown_setting);
    }
}

}  // namespace penstock::postgresql
