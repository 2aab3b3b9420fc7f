// SPDX-License-Identifier: Apache-2.0
//
// What a text of SQL may leave behind in the server session: the result of protocols/postgresql/effects.
//
// It errs to one side: an effect that is listed may not have happened, one that the text shows is never missing. What
// functions, triggers and views do inside is not visible here.
#pragma once

#include "protocols/wire/pin_reason.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::postgresql {

/// The kind of a statement, by its leading words.
enum class statement_verb : std::uint8_t {
    none,         ///< the text holds no statement
    begin,        ///< BEGIN, START TRANSACTION
    commit,       ///< COMMIT, END
    rollback,     ///< ROLLBACK, ABORT; not ROLLBACK TO
    rollback_to,  ///< ROLLBACK TO SAVEPOINT
    savepoint,
    release,              ///< RELEASE SAVEPOINT
    prepare_transaction,  ///< first phase of two
    commit_prepared,
    rollback_prepared,
    set,  ///< all forms, also SET LOCAL, SET TRANSACTION and SET CONSTRAINTS
    reset,
    show,
    discard_all,
    discard,  ///< DISCARD PLANS, SEQUENCES or TEMP
    deallocate_all,
    deallocate,
    prepare,
    execute,
    declare,
    fetch,  ///< FETCH, MOVE
    close,
    listen,
    unlisten,
    notify,
    load,
    do_block,  ///< DO
    call,
    copy,
    select,  ///< SELECT, VALUES, TABLE, in parentheses or not
    with,    ///< WITH: what follows the common table expressions is not told
    insert,
    update,
    delete_rows,  ///< DELETE
    merge,
    truncate,
    lock,
    explain,
    create,
    alter,
    drop,
    other,
};

/// What a text does to the transaction block it is sent in, if it succeeds. Behind a ROLLBACK the rest of its request
/// is outside of blocks: the request's end commits it.
struct transaction_effect {
    bool opens = false;          ///< behind it a block stands open because of it: BEGIN, or AND CHAIN
    bool ends = false;           ///< the block that was open is over
    bool commits = false;        ///< COMMIT or PREPARE TRANSACTION is among its statements, or one that is outside
    bool leaves = false;         ///< what is behind it in its request is outside
    bool commits_early = false;  ///< something is behind what commits, and may be lost with that committed

    friend bool operator==(const transaction_effect&, const transaction_effect&) = default;
};

/// `sum` becomes the effect of both, one behind the other in one request. Only a lone BEGIN outside of blocks commits
/// nothing.
inline void fold(const transaction_effect& next, transaction_effect& sum)
{
    const bool begins = next.opens && !next.ends && !next.leaves;
    sum.commits_early = sum.commits_early || next.commits_early || sum.commits;
    sum.commits = sum.commits || next.commits || (sum.leaves && !begins);
    sum.leaves = next.leaves || (sum.leaves && !begins);
    sum.opens = next.opens || (sum.opens && !next.ends);
    sum.ends = sum.ends || next.ends;
}

struct statement;

/// What a text does with a prepared statement that it names.
enum class name_use : std::uint8_t {
    prepares,
    executes,  ///< EXECUTE, also behind EXPLAIN and CREATE TABLE ... AS
    deallocates,
};

struct used_name {
    std::string name;  ///< as PostgreSQL reads it
    name_use use;

    friend bool operator==(const used_name&, const used_name&) = default;
};

/// What the statements of one text may leave behind.
struct text_effects {
    /// No more names than this are listed; further ones become pin_reason::unknown_setting.
    static constexpr std::size_t most_names = 16;
    /// Nor longer ones.
    static constexpr std::size_t longest_setting = 127;

    std::uint32_t statements = 0;  ///< statements that are not empty; stays at its largest value
    statement_verb first_verb = statement_verb::none;
    bool chain = false;      ///< the first statement is COMMIT or ROLLBACK ... AND CHAIN
    bool reset_all = false;  ///< RESET ALL
    bool discard_all = false;
    bool discard_temp = false;       ///< DISCARD TEMP; not set by DISCARD ALL
    bool discard_sequences = false;  ///< DISCARD SEQUENCES; not set by DISCARD ALL
    bool reads_sequences = false;    ///< currval(), lastval()
    bool deallocate_all = false;     ///< DEALLOCATE ALL; not set by DISCARD ALL
    bool binds_path = false;         ///< set_config() may set search_path to a parameter: see with_bound()
    bool binds_name = false;         ///< set_config() may set what a parameter names
    bool unterminated = false;       ///< the text ends inside a string, quoted name or comment
    bool makes_temporary = false;    ///< temporary objects, also where they go with the transaction
    bool sets_reading = false;       ///< a setting of decides_meaning() is touched, be it for the transaction
    bool sets_temp_buffers = false;  ///< which a server connection takes only until it uses them
    bool defines = false;            ///< what names stand for may be other afterwards: CREATE, ALTER, DO, SELECT INTO
    transaction_effect block;
    pin_set pins;     ///< what can not be carried to another server connection
    pin_set may_end;  ///< reasons for a pin that this may have put an end to: whether it has, only the server knows
    /// The text without its literals, where it pins and was read by a statement_store.
    std::shared_ptr<const std::string> shape;
    /// Settings, in lower case, whose session value may differ afterwards. Without duplicates.
    std::vector<std::string> touched;
    /// Those of `touched` that went back to their default. Without duplicates.
    std::vector<std::string> resets;
    /// The name in the last DEALLOCATE that has one, as PostgreSQL reads it.
    std::string deallocate_name;
    /// What PREPARE, EXECUTE and DEALLOCATE name, in order. Further ones than most_names pin.
    std::vector<used_name> names;
    /// Of a single PREPARE, once a front has looked at it: the statement that it makes.
    std::shared_ptr<const statement> prepared;

    [[nodiscard]] bool single() const { return statements == 1; }

    /// True if nothing that outlives the transaction was seen; most texts take this way.
    [[nodiscard]] bool leaves_nothing() const
    {
        return pins.empty() && touched.empty() && !reset_all && !discard_all && !discard_temp && !discard_sequences &&
               !deallocate_all && deallocate_name.empty();
    }

    /// Behind it texts may mean something else than before.
    [[nodiscard]] bool changes_meanings() const { return makes_temporary || sets_reading || defines; }

    /// And neither can it have ended anything, nor does it depend on what names stand for.
    [[nodiscard]] bool changes_nothing() const
    {
        return leaves_nothing() && may_end.empty() && names.empty() && !changes_meanings() && !binds_path &&
               !binds_name;
    }

    [[nodiscard]] bool has(name_use use) const;
    /// It makes a prepared statement or ends one.
    [[nodiscard]] bool changes_names() const { return has(name_use::prepares) || has(name_use::deallocates); }
    /// A prepared statement is named.
    void use(std::string name, name_use how);

    /// The setting `name`, in any case, was given a value. Names that stand for several, that cannot be carried, or
    /// that end with the transaction are sorted out here.
    void touch(std::string_view name);
    /// It went back to its default.
    void restore(std::string_view name);
    /// It got a value that ends with the transaction.
    void touch_locally(std::string_view name);
    /// RESET ALL: what was touched before goes back, save the two that RESET ALL leaves alone.
    void restore_all();
    /// pg_temp may be in the search path now, so that objects may become temporary unseen; or nothing of the kind.
    void search_temporary();
    /// Back to the effects of an empty text, keeping memory.
    void clear();

    friend bool operator==(const text_effects&, const text_effects&) = default;
};

/// Settings that no server reports and that decide what a text means when it is prepared, or planned: how its literals
/// are read, and what is computed of them once and for all. `name` is in lower case.
[[nodiscard]] bool decides_meaning(std::string_view name);

/// A single COMMIT, END, ROLLBACK or ABORT after which no transaction is open.
[[nodiscard]] inline bool is_transaction_exit(const text_effects& effects)
{
    return effects.single() && !effects.chain &&
           (effects.first_verb == statement_verb::commit || effects.first_verb == statement_verb::rollback);
}

/// Several statements of which the first may end a failed transaction, or its failure, so that the others are run.
[[nodiscard]] inline bool may_leave_failure(const text_effects& effects)
{
    const auto first = effects.first_verb;
    return effects.statements > 1 &&
           (first == statement_verb::commit || first == statement_verb::rollback ||
            first == statement_verb::rollback_to || first == statement_verb::prepare_transaction);
}

}  // namespace penstock::postgresql
