// SPDX-License-Identifier: Apache-2.0
//
// Follows one call of set_config(name, value, is_local) and finds the setting it changes, where the text tells. A call
// with is_local true leaves nothing behind, whatever its name is.
#pragma once

#include "protocols/postgresql/setting_statement.hpp"
#include "protocols/postgresql/text_effects.hpp"

#include "core/bytes.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace penstock::postgresql {

class setting_call {
public:
    /// The call's parenthesis has been opened and is the `depth`-th. A call inside a followed call is followed instead
    /// of the outer one, which is then taken to touch what it may.
    void begin(std::uint32_t depth, text_effects& effects);
    /// Whatever call was open is not finished.
    void forget() { step_ = step::none; }
    [[nodiscard]] bool is_open() const { return step_ != step::none; }

    /// `depth` is that of the token: a closing parenthesis has that of its opening one.
    void advance(const sql_token& token, std::uint32_t depth, text_effects& effects);
    /// The statement or the text is over.
    void finish(text_effects& effects);

private:
    enum class step : std::uint8_t {
        none,            ///< in no call
        name,            ///< the first argument
        after_name,      ///< a comma, or a cast to text
        name_cast,       ///< the cast
        any_name,        ///< an expression: the name cannot be told
        value,           ///< the second argument
        locality,        ///< the third
        after_locality,  ///< the end of the call, or a cast to boolean
        locality_cast,   ///< the cast
        not_local,       ///< the third argument is not just "true"
    };

    /// What the second argument is.
    enum class value_form : std::uint8_t {
        none,
        literal,    ///< without pg_temp
        parameter,  ///< $1
        computed,   ///< nobody knows
    };

    void take_name(const sql_token& token);
    void take_value(const sql_token& token);
    void finish_value(text_effects& effects) const;
    void take_locality(const sql_token& token);

    step step_ = step::none;
    std::uint32_t depth_ = 0;
    bool known_ = false;  ///< name_ is the setting's name
    bool local_ = false;
    bool is_bound_ = false;   ///< the name is a parameter
    bool is_dotted_ = false;  ///< the name is computed, and begins as that of a custom setting
    value_form value_ = value_form::none;
    std::string name_;
};

/// The effects of a statement that is executed with these values (none: not known), body of a Bind: what its
/// set_config() may do depends on them. Null stays null.
[[nodiscard]] std::shared_ptr<const text_effects> with_bound(std::shared_ptr<const text_effects> effects,
                                                             std::optional<bytes> values);

}  // namespace penstock::postgresql
