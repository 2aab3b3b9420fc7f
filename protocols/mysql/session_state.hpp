// SPDX-License-Identifier: Apache-2.0
//
// What a MySQL session has set, as it follows the session from server to server.
//
// The server's own reports (session tracking) say what changed; the text helps only where they are silent: literal user
// variables, SET timestamp = DEFAULT. The result is a parameter_set: system variables by name, user variables as
// "@name" with a literal, and two entries that are no variables: the schema and whether several statements may come in
// one text. Catching up is the difference of two such sets.
#pragma once

#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/effects.hpp"
#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::mysql {

/// Entries that are no variables; no variable's name begins like these.
inline constexpr std::string_view schema_entry = "=schema";
inline constexpr std::string_view multi_statements_entry = "=multi_statements";

class session_state {
public:
    explicit session_state(parameter_set_ptr startup) : startup_{std::move(startup)}, current_{startup_} {}

    [[nodiscard]] const parameter_set_ptr& current() const { return current_; }
    [[nodiscard]] const parameter_set_ptr& startup() const { return startup_; }
    /// The client has reset its session; COM_RESET_CONNECTION leaves the schema and COM_SET_OPTION's switch alone.
    void reset();
    /// What kind of server the session is on, before anything is sent there: MySQL forgets the collation named at login
    /// when a session is reset, and MariaDB goes back to it.
    void on_server(bool is_mariadb);
    /// The collation that the client named by number at login is unknown to a server: as with a server of its own, the
    /// server's default takes its place. False where there was no such number.
    bool forget_numbered_collation();
    /// That number, as text; empty where there is none.
    [[nodiscard]] std::string_view numbered_collation() const;
    void set(std::string_view name, std::string_view value) { current_ = current_->with(name, value); }
    void erase(std::string_view name) { current_ = current_->without(name); }

    /// The server has reported a change of a variable or of the schema, caused by what the client asked for. Gives why
    /// it cannot be carried, if so.
    pin_set note(const session_change& change, const text_effects* effects);
    /// Literal user variables of a text that has succeeded. Texts among them get the collation that the connection has,
    /// unless the same text has changed that.
    pin_set note_user_variables(const text_effects& effects, bool recollated);
    /// Whether what the client asked for has changed the connection's collation since this was asked last.
    [[nodiscard]] bool take_recollated() { return std::exchange(recollated_, false); }
    /// SET NAMES and the like report no collation: it has to be asked for.
    [[nodiscard]] bool must_ask_for_collation() const { return asks_collation_; }
    void collation_asked() { asks_collation_ = false; }
    /// The text that has changed them was SET NAMES ... COLLATE: the character sets have that collation, too.
    void note_names_collation() { names_collation_ = true; }
    void learn_collation(std::string_view collation);
    /// More than anybody carries.
    [[nodiscard]] bool is_too_large() const;

    /// How texts are read now. `default_sql_mode` is the server's, for sessions that have not set theirs.
    [[nodiscard]] sql_reading reading(std::string_view default_sql_mode) const;
    /// Of the current set only what decides what a prepared text means: schema, character set, sql_mode, and what the
    /// user variables in it hold (nothing: they are not set), for that gives them their types.
    [[nodiscard]] parameter_set_ptr context(const std::vector<std::string>& variables) const;

private:
    parameter_set_ptr startup_;
    parameter_set_ptr current_;
    bool asks_collation_ = false;
    bool names_collation_ = false;
    bool recollated_ = false;
    bool was_reset_ = false;  ///< and has been on no server since
};

/// A server connection, as far as it decides how it is told of settings.
struct told_server {
    std::string_view initial_schema{};  ///< what it had at login
    bool is_mariadb = false;
};

/// The commands, as payloads, that turn a connection with `from` set into one with `to` set. Nothing where it cannot be
/// done: a schema cannot be un-chosen.
[[nodiscard]] std::optional<std::vector<std::string>> catch_up_commands(const parameter_set& from,
                                                                        const parameter_set& to,
                                                                        const told_server& server);

/// `base` with what decides about a prepared text taken from `context`, its user variables only where asked for.
[[nodiscard]] parameter_set_ptr with_context(const parameter_set_ptr& base,
                                             const parameter_set& context,
                                             bool with_variables);

/// A value as a literal that any sql_mode and character set reads alike.
[[nodiscard]] std::string quote_value(std::string_view value);

}  // namespace penstock::mysql
