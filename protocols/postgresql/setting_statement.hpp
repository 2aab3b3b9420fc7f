// SPDX-License-Identifier: Apache-2.0
//
// Follows one SET or RESET statement and finds the setting it changes. See "SET" in the PostgreSQL manual, and
// VariableSetStmt in its grammar for the special forms (TIME ZONE, NAMES, ROLE, ...).
#pragma once

#include "protocols/postgresql/sql_words.hpp"
#include "protocols/postgresql/text_effects.hpp"
#include "protocols/wire/scanner.hpp"

#include <cstdint>
#include <string>

namespace penstock::postgresql {

/// A token and what of it matters here. The text is the scanner's.
struct sql_token {
    token_kind kind = token_kind::none;
    sql_word word = sql_word::none;  ///< for identifiers
    std::string_view text{};
    bool plain = true;  ///< the text is the whole value: no doubled quotes, no escapes, not clipped
};

class setting_statement {
public:
    void begin_set() { begin(step::name, false); }
    void begin_reset() { begin(step::name, true); }

    void advance(const sql_token& token, text_effects& effects);
    /// The statement is over: its effect is noted.
    void finish(text_effects& effects);

private:
    enum class step : std::uint8_t {
        name,             ///< a setting's name, or a word like SESSION
        after_name,       ///< what follows tells whether the name was one
        name_part,        ///< the part after a dot
        characteristics,  ///< SESSION CHARACTERISTICS: settings of transactions
        value,            ///< the first token of the value
        more_values,
        ended,  ///< nothing more matters
    };

    void begin(step first, bool reset);
    void take_name(const sql_token& token);
    void after_name(const sql_token& token, text_effects& effects);
    void after_word(const sql_token& token, text_effects& effects);
    void special(std::string_view name, step next);
    void special_value(std::string_view name, const sql_token& token, text_effects& effects);
    void take_value(const sql_token& token, text_effects& effects);
    void search_value(const sql_token& token, text_effects& effects);
    void finish_reset(text_effects& effects) const;

    step step_ = step::ended;
    sql_word word_ = sql_word::none;  ///< the name, where it may be a word like SESSION instead
    bool reset_ = false;
    bool local_ = false;
    bool to_default_ = false;
    bool undecodable_ = false;
    bool behind_string_ = false;  ///< the last token was a '...'
    std::string name_;
};

}  // namespace penstock::postgresql
