// SPDX-License-Identifier: Apache-2.0
//
// What a text of SQL may leave behind in a MySQL session, or ask of what an earlier statement left there.
//
// Only a help: what the server itself reports (session tracking, status flags) outranks it. It says what no report
// does: user variables, named locks, text PREPARE, roles; and what needs the state of earlier statements:
// LAST_INSERT_ID(), ROW_COUNT(), FOUND_ROWS(), warnings. It errs to one side: an effect that is listed may not happen.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/effects_lexer.hpp"
#include "protocols/wire/pin_reason.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::mysql {

/// KILL, in a form that can be carried out for the numbers that our clients know.
struct kill_statement {
    bool is_understood = false;
    bool whole_session = true;
    bool own = false;          ///< CONNECTION_ID()
    std::uint64_t number = 0;  ///< else
    friend bool operator==(const kill_statement&, const kill_statement&) = default;
};

/// What MariaDB's BACKUP holds: one lock on a table and the stages, each by itself.
enum held_backup : std::uint8_t { no_backup = 0, backup_lock = 1, backup_stage = 2 };

/// What a text begins and ends of what can be counted, to tell when a pin is over.
struct held_changes {
    static constexpr std::size_t most_locks = 16;

    std::uint32_t made_temporary = 0;     ///< by CREATE TEMPORARY
    std::uint32_t dropped_temporary = 0;  ///< by DROP TEMPORARY
    bool drops_if_exists = false;         ///< so that perhaps fewer are
    std::uint32_t opened_handlers = 0;
    std::uint32_t closed_handlers = 0;
    std::vector<std::string> named_locks{};  ///< by GET_LOCK(); an empty one: it cannot be told which
    bool lock_by_parameter = false;          ///< GET_LOCK(?), which is the statement's first parameter
    bool other_locks = false;                ///< LOCK INSTANCE, the locking service
    std::uint8_t begun_backups = 0;          ///< by BACKUP LOCK, or BACKUP STAGE START: see held_backup
    std::uint8_t ended_backups = 0;          ///< by BACKUP UNLOCK, or BACKUP STAGE END
    bool releases_locks = false;             ///< RELEASE_LOCK(), RELEASE_ALL_LOCKS()
    bool releases_all = false;               ///< the text is a call of RELEASE_ALL_LOCKS() and nothing else
    bool may_be_passed_over = false;         ///< some of it is in an executable comment

    friend bool operator==(const held_changes&, const held_changes&) = default;
};

struct text_effects {
    /// More user variables than this, or longer values, are not carried.
    static constexpr std::size_t most_variables = 32;
    static constexpr std::size_t longest_value = 200;
    static constexpr std::size_t most_names = 256;

    std::uint32_t statements = 0;  ///< that are not empty
    pin_set pins{};                ///< what cannot be carried to another server connection
    pin_set lasting{};             ///< of these, what no reset of a connection takes away
    /// The text without its literals, where it pins and was read by a statement_store.
    std::shared_ptr<const std::string> shape{};
    std::vector<std::pair<std::string, std::string>> user_variables{};  ///< SET @name = literal: name and literal
    std::vector<std::string> for_one{};  ///< SET STATEMENT ... FOR: the variables that change for it alone (MariaDB)
    bool sets = false;                   ///< changes system variables of the session by SET
    /// Of these, the ones set by "@@name =" without a scope, of which MariaDB says nothing.
    std::vector<std::string> unscoped{};
    bool sets_odd_unscoped = false;  ///< likewise, but such as cannot be asked for afterwards
    bool names_collation = false;    ///< the text is SET NAMES ... COLLATE
    bool sets_tracking = false;      ///< of these, session_track_system_variables: what is reported from then on
    bool timestamp_default = false;  ///< SET timestamp = DEFAULT or 0, and nothing else to it
    /// Names that no literal gives a value to: read here, or written in a way that the text does not tell. One that is
    /// empty stands for any that cannot be told.
    std::vector<std::string> other_variables{};
    /// A function that may be a stored one, or a compound statement: where, by product (see builtin_functions.hpp).
    std::uint8_t calls_unknown = 0;
    bool runs_code = false;   ///< CALL, EXECUTE IMMEDIATE: statements not seen here
    bool load_local = false;  ///< LOAD DATA LOCAL: the server may ask the client for a file
    bool calculates_found_rows = false;
    bool reads_insert_id = false;  ///< LAST_INSERT_ID(), @@last_insert_id, @@identity
    bool sets_insert_id = false;   ///< LAST_INSERT_ID(...), of which a result with rows does not tell; or by SET
    bool draws_untold = false;     ///< LOAD, RETURNING: may draw an id of which no packet tells
    bool reads_row_count = false;
    bool reads_found_rows = false;
    bool reads_diagnostics = false;    ///< SHOW WARNINGS, GET DIAGNOSTICS, @@warning_count, ...
    bool reads_last_gtid = false;      ///< @@last_gtid (MariaDB)
    bool releases = false;             ///< COMMIT RELEASE, ROLLBACK RELEASE: the connection ends
    bool reads_connection_id = false;  ///< CONNECTION_ID(): ours, not the server's
    bool kills = false;                ///< KILL: a number that means another connection there
    kill_statement kill{};             ///< what it kills, where the text is nothing else
    bool begins_xa = false;
    bool ends_xa = false;
    bool unlocks = false;  ///< UNLOCK TABLES
    held_changes held{};

    /// Most texts take this way.
    [[nodiscard]] bool is_plain() const { return *this == text_effects{.statements = statements}; }
    friend bool operator==(const text_effects&, const text_effects&) = default;
};

using text_effects_ptr = std::shared_ptr<const text_effects>;

/// Collects the effects of one text after the other: begin, feed as often as needed, finish.
class effects_collector {
public:
    void begin(sql_reading reading);
    void feed(bytes chunk) { lexer_.feed(chunk, *this); }
    /// Ends the text. Valid until the next begin().
    const text_effects& finish();
    /// There is a KILL in what has been fed so far.
    [[nodiscard]] bool has_kill() const { return effects_.kills; }

    /// Told by the lexer.
    void take(sql_token kind, std::string_view text, bool clipped);

private:
    enum class verb : std::uint8_t {
        none,
        backup,
        begin,
        block,
        call,
        completion,
        create,
        drop,
        execute,
        flush,
        get,
        handler,
        kill,
        load,
        lock,
        prepare,
        set,
        set_statement,
        show,
        unlock,
        xa,
        other,
    };
    /// Where in a SET we are.
    enum class set_place : std::uint8_t { target, scoped, named, value, passed };
    /// Where in a KILL we are: behind the word, its option, the name of CONNECTION_ID, its parenthesis, or at the end.
    enum class kill_place : std::uint8_t { word, option, function, open, whole, not_understood };

    void end_statement();
    void take_first(std::string_view word);
    void take_anywhere(sql_token kind, std::string_view text, bool clipped);
    void begin_block();
    void take_in_block(sql_token kind, std::string_view text);
    void take_in_kill(sql_token kind, std::string_view text);
    void take_call(std::string_view name);
    void take_lock_name(sql_token kind, std::string_view text, bool clipped);
    void note_lock_name(std::string_view name);
    void take_in_drop(sql_token kind, std::string_view text);
    void take_in_handler(std::string_view word);
    void take_in_backup(std::string_view word);
    void take_unknown_call();
    void take_pseudocolumn(std::string_view word);
    void note_variable(std::string_view name);
    [[nodiscard]] std::string_view name_of_variable(std::string_view text, bool clipped) const;
    void take_by_verb(sql_token kind, std::string_view text);
    void take_in_set(sql_token kind, std::string_view text, bool clipped);
    void take_set_target(sql_token kind, std::string_view text, bool clipped);
    void take_set_statement(sql_token kind, std::string_view text);
    void take_set_value(sql_token kind, std::string_view text, bool clipped);
    bool take_role_or_group(std::string_view word);
    void end_assignment();
    void note_timestamp(bool is_default);
    void note_unscoped();

    effects_lexer lexer_;
    sql_reading reading_{};
    text_effects effects_;

    verb verb_ = verb::none;
    std::uint32_t tokens_ = 0;  ///< of this statement
    std::uint32_t depth_ = 0;
    bool is_routine_ = false;  ///< CREATE PROCEDURE and the like: its body does not run now
    bool after_into_ = false;
    bool inserts_ = false;
    bool counts_calls_ = false;  ///< a name before a parenthesis is a call, no list of columns
    bool after_dot_ = false;
    bool is_qualified_ = false;  ///< the last token stands behind a dot
    bool is_quoted_ = false;     ///< the last token is a quoted name
    std::string word_before_;    ///< where the token before the last one was a word
    std::string last_word_;      ///< where the last token was a word
    std::string last_variable_;  ///< where the last token was a user variable

    bool wants_lock_name_ = false;  ///< behind the parenthesis of GET_LOCK
    bool wants_comma_ = false;      ///< behind that name
    std::uint32_t parameters_ = 0;  ///< question marks in the whole text
    bool calls_release_all_ = false;
    bool is_asking_ = false;  ///< the statement is SELECT or DO
    bool is_dropping_temporary_ = false;
    bool handler_is_told_ = false;  ///< its verb has come
    kill_place kill_place_ = kill_place::word;
    set_place set_place_ = set_place::target;
    bool set_global_ = false;
    bool set_unscoped_ = false;
    bool set_user_variable_ = false;
    bool set_names_ = false;  ///< NAMES, whose value is being read
    bool sets_timestamp_ = false;
    std::uint32_t assignments_ = 0;  ///< of the whole text
    std::string set_name_;
    std::string set_value_;
    std::uint32_t set_value_tokens_ = 0;
    bool set_is_literal_ = false;
};

/// A lock's name that can be asked for as it stands between quotes, under every sql_mode and character set.
[[nodiscard]] bool is_plain_lock_name(std::string_view name);

/// The effects of a text that is held whole.
[[nodiscard]] text_effects inspect(std::string_view text, sql_reading reading);

}  // namespace penstock::mysql
