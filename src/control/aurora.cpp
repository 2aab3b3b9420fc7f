// SPDX-License-Identifier: Apache-2.0
//
// How old a row is, the server says itself: its clock wrote it.
#include "control/aurora.hpp"

#include <algorithm>
#include <utility>

namespace penstock::control {
namespace {

/// Instance names are at most 63 letters, digits and hyphens.
bool is_server_id(std::string_view text)
{
    constexpr std::size_t longest = 63;
    return is_host(text) && text.size() <= longest && text.find_first_of(".:_") == std::string_view::npos;
}

std::string with_server_id(std::string_view endpoint, const std::string& server_id)
{
    std::string text{endpoint};
    if (const auto at = text.find(server_id_mark); at != std::string::npos) {
        text.replace(at, server_id_mark.size(), server_id);
    }
    return text;
}

}  // namespace

sql_query aurora_question(engine of)
{
    sql_query query;
    query.text = of == engine::mysql
                     ? "SELECT SERVER_ID, SESSION_ID = 'MASTER_SESSION_ID',"
                       " TIMESTAMPDIFF(SECOND, LAST_UPDATE_TIMESTAMP, NOW()) > 300"
                       " FROM information_schema.replica_host_status"
                     : "select server_id, (session_id = 'MASTER_SESSION_ID')::pg_catalog.int4,"
                       " (extract(epoch from pg_catalog.now() - last_update_timestamp) > 300)::pg_catalog.int4"
                       " from pg_catalog.aurora_replica_status()";
    return query;
}

member_list read_aurora(const sql_answer& answer, std::string_view endpoint, std::uint16_t port)
{
    member_list refused;
    if (!answer.ok()) {
        refused.fault = answer.fault;
        return refused;
    }
    std::vector<member> members;
    for (const auto& row : answer.rows) {
        if (row.size() != 3 || !row[0] || !is_server_id(*row[0])) {
            refused.fault = "a row of its status is not understood";
            return refused;
        }
        const bool leads = row[1] == "1";
        const bool is_old = row[2] == "1";  // the writer's own age is unknown or does not matter
        const auto where = read_place(with_server_id(endpoint, *row[0]), port);
        if (!where) {
            refused.fault = "aurora_endpoint gives no host for a member";
            return refused;
        }
        if (leads || !is_old) {
            members.push_back({.host = where->host, .port = where->port, .leads = leads});
        }
    }
    return checked(std::move(members));
}

}  // namespace penstock::control
