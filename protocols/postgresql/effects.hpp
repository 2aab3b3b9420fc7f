// SPDX-License-Identifier: Apache-2.0
//
// Reads SQL as it streams by and tells what it may leave behind in the server session.
//
// The text is never held: memory is bounded and small, whatever its length, and the result does not depend on how it is
// cut into chunks. Statements that leave nothing behind cost no allocation. Reads by PostgreSQL's lexical rules
// (manual, "Lexical Structure") and by as much of its grammar as decides about session state; a text that does not
// parse is the server's to refuse, and then leaves nothing.
#pragma once

#include "core/bytes.hpp"
#include "protocols/postgresql/setting_call.hpp"
#include "protocols/postgresql/setting_statement.hpp"
#include "protocols/postgresql/text_effects.hpp"
#include "protocols/wire/lexical_mode.hpp"
#include "protocols/wire/scanner.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::postgresql {

[[nodiscard]] constexpr bool is_name_token(token_kind kind)
{
    return kind == token_kind::identifier || kind == token_kind::quoted_identifier;
}

/// Collects the effects of one text after the other: begin, feed as often as needed, finish. Half a KiB large.
class effects_collector {
public:
    void begin(lexical_mode mode);
    void feed(bytes chunk);
    /// Ends the text. Valid until the next begin().
    const text_effects& finish();

private:
    /// What the next token is to a statement.
    enum class phase : std::uint8_t {
        verb,                 ///< the word that says what the statement is
        setting,              ///< a token of SET or RESET
        discard,              ///< what to discard
        deallocate,           ///< ALL, PREPARE or a name
        deallocate_prepared,  ///< after DEALLOCATE PREPARE
        prepare,              ///< TRANSACTION or a name
        prepare_transaction,  ///< after PREPARE TRANSACTION, which may be a name as well
        table_execute,        ///< at EXECUTE of CREATE TABLE ... AS EXECUTE
        execute,              ///< a name
        name_escape,          ///< after a name U&"...": UESCAPE, or what follows the name
        escape_character,     ///< after UESCAPE
        transaction_end,      ///< after COMMIT, ROLLBACK and the like
        create,               ///< the words between CREATE and what is created
        declare,              ///< before the query of a cursor
        explain,              ///< the statement that is explained
        into,                 ///< after INTO: a table, which may be a temporary one
        body,                 ///< nothing but what counts anywhere
    };

    /// What is known of the statement that is being read.
    struct statement {
        phase at = phase::verb;
        statement_verb verb = statement_verb::none;
        sql_word last_word = sql_word::none;  ///< of the last token that was given
        bool is_counted = false;              ///< it has a token
        bool is_definition = false;           ///< of code that does not run now: calls in it are not made
        bool makes_table = false;             ///< CREATE, perhaps of a table, also behind EXPLAIN
        bool is_routine = false;              ///< CREATE FUNCTION or PROCEDURE
        bool in_atomic_body = false;          ///< between BEGIN ATOMIC and its END
        bool starts_in_body = false;          ///< at the beginning of a statement in there
        bool makes_temporary = false;         ///< a temporary object, or something in pg_temp
        bool drops_on_commit = false;         ///< ON COMMIT DROP
        bool in_on_commit = false;            ///< after ON COMMIT
        bool has_update = false;              ///< UPDATE was seen
        bool chains = false;                  ///< AND CHAIN
        bool has_into = false;                ///< INTO, perhaps of a new table
        name_use use = name_use::executes;    ///< of a name that may have an UESCAPE behind it
    };

    void take(token_kind kind);
    void take_name(const sql_token& token);
    void take_call();
    void take_semicolon();
    void take_in_phase(const sql_token& token);
    void take_verb(const sql_token& token);
    void take_discard(sql_word word);
    [[nodiscard]] bool is_at_name_of_statement() const;
    void take_deallocate(const sql_token& token);
    void take_prepare(const sql_token& token);
    void take_executed(const sql_token& token);
    void take_used_name(const sql_token& token, name_use use);
    void take_name_escape(const sql_token& token);
    void finish_escaped_name(char escape);
    void note_name(std::string name, name_use use);
    void take_transaction_end(sql_word word);
    void take_create(sql_word word);
    void take_declare(sql_word word);
    void take_explain(sql_word word);
    void take_into(sql_word word);
    void enter(statement_verb verb, phase next);
    void finish_statement();
    [[nodiscard]] bool may_define() const;
    void finish_block();
    [[nodiscard]] sql_token describe(token_kind kind) const;
    [[nodiscard]] bool follows(sql_word word) const;
    [[nodiscard]] bool may_skim() const;

    lexical_mode mode_{};
    scanner scanner_;
    statement statement_;
    setting_statement setting_;
    setting_call call_;
    std::string escaped_name_;  ///< as it is written, of phase::name_escape
    text_effects effects_;
};

/// The effects of a text that is held whole.
[[nodiscard]] text_effects inspect(std::string_view text, lexical_mode mode);

}  // namespace penstock::postgresql
