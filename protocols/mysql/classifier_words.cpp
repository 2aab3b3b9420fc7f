// SPDX-License-Identifier: Apache-2.0
//
// Statements: chapter "SQL Statements" of MySQL's manual (9.x) and of MariaDB's (10.11).
#include "protocols/mysql/classifier_words.hpp"

#include <algorithm>
#include <array>

namespace penstock::mysql {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::array session_verbs{
    "close"sv, "commit"sv, "deallocate"sv, "execute"sv, "fetch"sv,    "get"sv,      "handler"sv,
    "kill"sv,  "lock"sv,   "prepare"sv,    "release"sv, "resignal"sv, "rollback"sv, "savepoint"sv,
    "set"sv,   "signal"sv, "unlock"sv,     "use"sv,     "xa"sv,
};

constexpr std::array writing_verbs{
    "alter"sv,  "backup"sv,   "binlog"sv, "cache"sv,    "call"sv,      "change"sv,  "clone"sv,  "create"sv,
    "delete"sv, "do"sv,       "drop"sv,   "flush"sv,    "grant"sv,     "import"sv,  "insert"sv, "install"sv,
    "load"sv,   "optimize"sv, "purge"sv,  "rename"sv,   "repair"sv,    "replace"sv, "reset"sv,  "restart"sv,
    "revoke"sv, "shutdown"sv, "stop"sv,   "truncate"sv, "uninstall"sv, "update"sv,
};

/// They read, but what they tell is about this server.
constexpr std::array server_verbs{"check"sv, "checksum"sv, "help"sv};

constexpr std::array replicated_shows{
    "character"sv,
    "charset"sv,
    "collation"sv,
    "columns"sv,
    "databases"sv,
    "events"sv,
    "fields"sv,
    "function"sv,
    "grants"sv,
    "index"sv,
    "indexes"sv,
    "keys"sv,
    "privileges"sv,
    "procedure"sv,
    "schemas"sv,
    "table"sv,
    "tables"sv,
    "triggers"sv,
};

constexpr std::array replicated_views{
    "character_sets"sv,
    "check_constraints"sv,
    "collation_character_set_applicability"sv,
    "collations"sv,
    "column_privileges"sv,
    "columns"sv,
    "events"sv,
    "key_column_usage"sv,
    "keywords"sv,
    "parameters"sv,
    "partitions"sv,
    "referential_constraints"sv,
    "routines"sv,
    "schema_privileges"sv,
    "schemata"sv,
    "statistics"sv,
    "table_constraints"sv,
    "table_privileges"sv,
    "tables"sv,
    "triggers"sv,
    "user_privileges"sv,
    "view_routine_usage"sv,
    "view_table_usage"sv,
    "views"sv,
};

constexpr std::array functions_of_session{
    "connection_id"sv,
    "found_rows"sv,
    "get_lock"sv,
    "lastval"sv,
    "last_insert_id"sv,
    "release_all_locks"sv,
    "release_lock"sv,
    "row_count"sv,
};

constexpr std::array functions_of_server{
    "binlog_gtid_pos"sv,
    "icu_version"sv,
    "is_free_lock"sv,
    "is_used_lock"sv,
    "is_visible_dd_object"sv,
    "load_file"sv,
    "master_gtid_wait"sv,
    "master_pos_wait"sv,
    "ps_current_thread_id"sv,
    "ps_thread_id"sv,
    "roles_graphml"sv,
    "source_pos_wait"sv,
    "version"sv,
    "wait_for_executed_gtid_set"sv,
    "wait_until_sql_thread_after_gtids"sv,
    "wsrep_last_seen_gtid"sv,
    "wsrep_last_written_gtid"sv,
    "wsrep_sync_wait_upto_gtid"sv,
};

constexpr std::array functions_that_write{
    "asynchronous_connection_failover_reset"sv,
    "innodb_redo_log_sharp_checkpoint"sv,
    "innodb_set_open_files_limit"sv,
    "nextval"sv,
    "remove_dd_property_key"sv,
    "setval"sv,
    "version_with_update"sv,
};

/// "Function Name Parsing and Resolution" in both manuals.
constexpr std::array at_once_functions{
    "adddate"sv,       "bit_and"sv,        "bit_or"sv,     "bit_xor"sv,   "cast"sv,     "count"sv,
    "curdate"sv,       "curtime"sv,        "date_add"sv,   "date_sub"sv,  "extract"sv,  "group_concat"sv,
    "json_arrayagg"sv, "json_objectagg"sv, "max"sv,        "mid"sv,       "min"sv,      "now"sv,
    "position"sv,      "session_user"sv,   "st_collect"sv, "std"sv,       "stddev"sv,   "stddev_pop"sv,
    "stddev_samp"sv,   "subdate"sv,        "substr"sv,     "substring"sv, "sum"sv,      "sysdate"sv,
    "system_user"sv,   "trim"sv,           "var_pop"sv,    "var_samp"sv,  "variance"sv,
};

bool is_one_of(std::string_view word, const auto& words)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

verb_kind kind_of_verb(std::string_view word)
{
    if (is_one_of(word, std::array{"select"sv, "with"sv, "table"sv, "values"sv})) {
        return verb_kind::query;
    }
    if (is_one_of(word, std::array{"explain"sv, "describe"sv, "desc"sv})) {
        return verb_kind::explain;
    }
    if (word == "analyze") {
        return verb_kind::analyze;
    }
    if (word == "show") {
        return verb_kind::show;
    }
    if (word == "start") {
        return verb_kind::start;
    }
    if (word == "begin") {
        return verb_kind::begin;
    }
    return obstacle_of_verb(word) == read_obstacle::unparsed ? verb_kind::unknown : verb_kind::not_read;
}

read_obstacle obstacle_of_verb(std::string_view word)
{
    if (is_one_of(word, writing_verbs)) {
        return read_obstacle::writes;
    }
    if (is_one_of(word, session_verbs)) {
        return read_obstacle::session;
    }
    return is_one_of(word, server_verbs) ? read_obstacle::server_state : read_obstacle::unparsed;
}

read_obstacle obstacle_of_show(std::string_view first, std::string_view second)
{
    if (is_one_of(first, std::array{"warnings"sv, "errors"sv, "count"sv, "profile"sv, "profiles"sv})) {
        return read_obstacle::session;  // COUNT(*) WARNINGS and the like
    }
    if (first == "create") {
        return read_obstacle::none;
    }
    if (first == "function" || first == "procedure") {  // ... STATUS; ... CODE is for servers built to be debugged
        return second == "status" ? read_obstacle::none : read_obstacle::server_state;
    }
    return is_one_of(first, replicated_shows) ? read_obstacle::none : read_obstacle::server_state;
}

bool is_about_server(std::string_view schema, std::string_view table)
{
    if (schema == "information_schema") {
        return !is_one_of(table, replicated_views);
    }
    return is_one_of(schema, std::array{"performance_schema"sv, "sys"sv, "mysql"sv});
}

std::optional<read_obstacle> obstacle_of_function(std::string_view name)
{
    if (is_one_of(name, functions_of_session)) {
        return read_obstacle::session;
    }
    if (is_one_of(name, functions_of_server)) {
        return read_obstacle::server_state;
    }
    if (is_one_of(name, functions_that_write)) {
        return read_obstacle::writes;
    }
    return {};
}

bool needs_parenthesis_at_once(std::string_view name)
{
    return is_one_of(name, at_once_functions);
}

}  // namespace penstock::mysql
