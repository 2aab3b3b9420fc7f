// SPDX-License-Identifier: Apache-2.0
//
// The keywords, functions and names that decide what a statement leaves behind in its session.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::postgresql {

enum class sql_word : std::uint8_t {
    none,  ///< a name that decides nothing

    // Keywords.
    abort,
    all,
    alter,
    as,
    atomic,
    authorization,
    begin,
    call,
    characteristics,
    chain,
    close,
    commit,
    constraint,
    constraints,
    copy,
    create,
    deallocate,
    declare,
    default_value,
    delete_rows,
    discard,
    do_block,
    drop,
    end,
    execute,
    explain,
    fetch,
    for_,
    from,
    function,
    global,
    hold,
    insert,
    into,
    listen,
    load,
    local,
    lock,
    materialized,
    merge,
    move,
    names,
    notify,
    on,
    option,
    or_,
    policy,
    prepare,
    prepared,
    procedure,
    recursive,
    release,
    replace,
    reset,
    role,
    rollback,
    rule,
    savepoint,
    schema,
    select,
    sequences,
    session,
    set,
    show,
    start,
    table,
    temp,
    temporary,
    time,
    to,
    transaction,
    trigger,
    truncate,
    unlisten,
    update,
    values,
    view,
    with,
    work,
    xml,
    zone,

    // Words that are values.
    no,
    true_value,
    text_type,
    boolean_type,

    // Names of the system.
    pg_settings,
    pg_temp,

    // Functions, by what a call of them leaves behind.
    set_config,
    set_limit,
    advisory_lock,
    advisory_unlock,
    sequence,
    sequence_read,
    setseed,
    dblink_connect,
    session_holding,
};

/// The word for an identifier as it stands in the text, in any case.
[[nodiscard]] sql_word word_of(std::string_view text);

/// The word for a quoted name: only functions and names of the system, in lower case, may be meant by one.
[[nodiscard]] sql_word quoted_word_of(std::string_view text);

/// Text with "pg_temp" in it, in any case.
[[nodiscard]] bool mentions_pg_temp(std::string_view text);

}  // namespace penstock::postgresql
