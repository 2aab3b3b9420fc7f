// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/setting_call.hpp"

#include "protocols/wire/parameter_set.hpp"

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
    if (step_ < step::value) {
        value_ = value_form::computed;  // of the outer call, which is not followed to its end
    }
    finish(effects);
    step_ = step::name;
    value_ = value_form::none;
    depth_ = depth;
    known_ = local_ = is_bound_ = is_dotted_ = false;
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
            is_dotted_ = token.text == "|" && name_.find('.') != std::string::npos;
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
            step_ = next_argument ? step::locality : step::value;
            if (!next_argument) {
                take_value(token);
            }
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
    is_bound_ = token.kind == token_kind::parameter;
    step_ = known_ ? step::after_name : step::any_name;
    if (known_) {
        name_.assign(token.text);
        for (auto& octet : name_) {
            octet = to_lower(octet);
        }
    }
}

/// A plain literal, or a parameter, which each may have a cast to text; all else is computed.
void setting_call::take_value(const sql_token& token)
{
    const bool is_cast = value_ != value_form::none && (is_colon(token) || token.word == sql_word::text_type);
    if (is_cast) {
        return;
    }
    if (value_ != value_form::none) {
        value_ = value_form::computed;  // a literal that goes on among the rest
    } else if (token.kind == token_kind::parameter) {
        value_ = value_form::parameter;
    } else {
        const bool is_known = token.kind == token_kind::string && token.plain && !mentions_pg_temp(token.text);
        value_ = is_known ? value_form::literal : value_form::computed;
    }
}

/// With pg_temp in the search path a plain CREATE TABLE may make a temporary one.
void setting_call::finish_value(text_effects& effects) const
{
    if (is_dotted_ || (known_ && name_ != "search_path")) {
        return;  // it is a custom setting
    }
    if (value_ == value_form::computed) {
        effects.search_temporary();
    }
    effects.binds_path = effects.binds_path || value_ == value_form::parameter;
    effects.binds_name = effects.binds_name || is_bound_;
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
    finish_value(effects);
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

std::shared_ptr<const text_effects> with_bound(std::shared_ptr<const text_effects> effects, std::optional<bytes> values)
{
    if (effects == nullptr || !(effects->binds_path || effects->binds_name)) {
        return effects;
    }
    const bool searches = !values || mentions_pg_temp(*values);
    const bool seeds = effects->binds_name && (!values || lower_case(*values).find("seed") != std::string::npos);
    if (!searches && !seeds) {
        return effects;
    }
    auto sum = std::make_shared<text_effects>(*effects);
    if (searches) {
        sum->search_temporary();
    }
    if (seeds) {
        sum->pins.add(pin_reason::setseed);
    }
    return sum;
}

}  // namespace penstock::postgresql
