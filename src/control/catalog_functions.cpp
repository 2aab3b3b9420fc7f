// SPDX-License-Identifier: Apache-2.0
#include "control/catalog_functions.hpp"

#include "protocols/mysql/builtin_functions.hpp"

#include <algorithm>
#include <array>

namespace penstock::control {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view system_schema = "pg_catalog";
constexpr std::string_view for_primary = "r";  ///< in the last column: of a relation

/// Volatile functions of PostgreSQL's own whose use leaves nothing behind, and that answer on a replica as anywhere.
constexpr std::array harmless_though_volatile{
    "clock_timestamp"sv,
    "gen_random_uuid"sv,
    "pg_database_size"sv,
    "pg_indexes_size"sv,
    "pg_relation_size"sv,
    "pg_sleep"sv,
    "pg_sleep_for"sv,
    "pg_sleep_until"sv,
    "pg_table_size"sv,
    "pg_total_relation_size"sv,
    "random"sv,
    "random_normal"sv,
    "timeofday"sv,
    "uuidv4"sv,
    "uuidv7"sv,
};

/// Stable ones that tell about the server or the connection, or that a replica refuses.
constexpr std::array harmful_though_stable{
    "inet_client_addr"sv,
    "inet_client_port"sv,
    "inet_server_addr"sv,
    "inet_server_port"sv,
    "pg_backend_pid"sv,
    "pg_conf_load_time"sv,
    "pg_current_snapshot"sv,
    "pg_current_xact_id"sv,
    "pg_current_xact_id_if_assigned"sv,
    "pg_cursor"sv,
    "pg_get_replication_slots"sv,
    "pg_is_other_temp_schema"sv,
    "pg_listening_channels"sv,
    "pg_my_temp_schema"sv,
    "pg_postmaster_start_time"sv,
    "pg_prepared_statement"sv,
    "pg_prepared_xact"sv,
    "pg_show_all_file_settings"sv,
    "pg_show_all_settings"sv,
    "txid_current"sv,
    "txid_current_if_assigned"sv,
    "txid_current_snapshot"sv,
    "version"sv,
};

bool is_one_of(std::string_view name, const auto& names)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Of PostgreSQL's own functions some are known better than the catalogue knows them.
bool judge_own(std::string_view name, bool declared)
{
    if (declared) {
        return !is_one_of(name, harmful_though_stable) && !name.starts_with("pg_stat_get_");
    }
    return is_one_of(name, harmless_though_volatile);
}

// What an aggregate calls has a volatility of its own, which that of the aggregate does not show.
constexpr std::string_view query_of_postgresql = R"(
WITH RECURSIVE calls AS (
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d
    LEFT JOIN pg_catalog.pg_operator o ON d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_operator'::pg_catalog.regclass
        AND o.oid OPERATOR(pg_catalog.=) d.refobjid
    JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) CASE WHEN d.refclassid OPERATOR(pg_catalog.=)
        'pg_catalog.pg_proc'::pg_catalog.regclass THEN d.refobjid ELSE o.oprcode END
    WHERE p.provolatile OPERATOR(pg_catalog.=) 'v'
), of_primary(oid) AS (
    SELECT c.oid FROM pg_catalog.pg_class c
    WHERE c.relkind OPERATOR(pg_catalog.=) 'S' OR c.relpersistence OPERATOR(pg_catalog.=) 'u'
    UNION SELECT r.ev_class FROM calls d JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.objid
        AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        AND r.ev_type OPERATOR(pg_catalog.=) '1'
    UNION SELECT r.polrelid FROM calls d JOIN pg_catalog.pg_policy r ON r.oid OPERATOR(pg_catalog.=) d.objid
        AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_policy'::pg_catalog.regclass
    UNION SELECT r.ev_class FROM of_primary m
        JOIN pg_catalog.pg_depend d ON d.refobjid OPERATOR(pg_catalog.=) m.oid
            AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass
        JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.objid AND r.ev_type OPERATOR(pg_catalog.=) '1'
)
SELECT n.nspname, p.proname, CASE WHEN pg_catalog.bool_and(p.provolatile OPERATOR(pg_catalog.<>) 'v'
    AND p.prokind OPERATOR(pg_catalog.<>) 'p' AND (p.prokind OPERATOR(pg_catalog.<>) 'a' OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc q ON q.oid OPERATOR(pg_catalog.=)
            ANY (ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn,
                       a.aggminvtransfn, a.aggmfinalfn]::pg_catalog.oid[])
        WHERE a.aggfnoid OPERATOR(pg_catalog.=) p.oid AND q.provolatile OPERATOR(pg_catalog.=) 'v')))
    THEN 't' ELSE 'f' END
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
GROUP BY n.nspname, p.proname
UNION ALL SELECT n.nspname, c.relname, 'r' FROM of_primary m
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) m.oid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    WHERE c.relkind OPERATOR(pg_catalog.<>) 'm' OR c.relpersistence OPERATOR(pg_catalog.=) 'u'
LIMIT 200001)";

// Both products write the names of stored functions that a view calls quoted into its definition. Views over such views
// are not found; replicas refuse what writes.
constexpr std::string_view query_of_mysql = R"(
SELECT LOWER(routine_schema), LOWER(routine_name), MIN(sql_data_access IN ('NO SQL', 'READS SQL DATA'))
FROM information_schema.routines WHERE routine_type = 'FUNCTION'
GROUP BY LOWER(routine_schema), LOWER(routine_name)
UNION ALL SELECT LOWER(v.table_schema), LOWER(v.table_name), 'r' FROM information_schema.views v
WHERE EXISTS (SELECT 1 FROM information_schema.routines r WHERE r.routine_type = 'FUNCTION'
    AND r.sql_data_access NOT IN ('NO SQL', 'READS SQL DATA') AND r.routine_schema <> 'sys'
    AND v.view_definition LIKE CONCAT('%`', r.routine_name, '`(%')) LIMIT 200001)";

std::string lower_case(std::string_view name)
{
    std::string lower{name};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char octet) {
        return octet >= 'A' && octet <= 'Z' ? static_cast<char>(octet | 0x20) : octet;
    });
    return lower;
}

}  // namespace

sql_query functions_query(engine of)
{
    return {std::string{of == engine::mysql ? query_of_mysql : query_of_postgresql}, {}};
}

function_snapshot::table read_functions(engine of, const sql_answer& answer)
{
    function_snapshot::table functions;
    if (!answer.ok() || answer.rows.size() > most_functions) {
        return functions;
    }
    for (const auto& row : answer.rows) {
        if (row.size() != 3 || !row[0] || !row[1] || !row[2]) {
            return {};
        }
        if (*row[2] == for_primary) {
            continue;
        }
        const bool declared = *row[2] == "t" || *row[2] == "1";
        const bool is_own = of == engine::postgresql && *row[0] == system_schema;
        functions[*row[1]].emplace_back(*row[0], is_own ? judge_own(*row[1], declared) : declared);
    }
    return functions;
}

relation_names read_relations(const sql_answer& answer)
{
    relation_names relations;
    for (const auto& row : answer.rows) {
        if (row.size() == 3 && row[1] && row[2] && *row[2] == for_primary) {
            relations.add(*row[1]);
        }
    }
    return relations;
}

/// All functions that the name may stand for count; where there is none, it is not harmless.
bool function_snapshot::harmless(const function_name& function, std::span<const std::string> search_path) const
{
    const bool folds = engine_ == engine::mysql;
    const auto found = folds ? functions_.find(lower_case(function.name)) : functions_.find(function.name);
    const auto is_visible = [&](const std::string& schema) {
        if (!function.schema.empty()) {
            return schema == (folds ? lower_case(function.schema) : function.schema);
        }
        return search_path.empty() || (!folds && schema == system_schema) ||
               std::any_of(search_path.begin(), search_path.end(), [&](const std::string& each) {
                   return folds ? lower_case(each) == schema : each == schema;
               });
    };
    std::size_t visible = 0;
    if (found != functions_.end()) {
        for (const auto& [schema, is_harmless] : found->second) {
            if (is_visible(schema)) {
                ++visible;
                if (!is_harmless) {
                    return false;
                }
            }
        }
    }
    return visible > 0 || (function.schema.empty() && is_of_server(function.name));
}

/// MySQL's own functions are in no catalogue. The classifier names one only if it is another product's, or may be taken
/// for a stored one, of which there is none.
bool function_snapshot::is_of_server(std::string_view name) const
{
    const auto product = is_mariadb_ ? mysql::unknown_to_mariadb : mysql::unknown_to_mysql;
    return engine_ == engine::mysql && (mysql::where_unknown(lower_case(name)) & product) == 0;
}

}  // namespace penstock::control
