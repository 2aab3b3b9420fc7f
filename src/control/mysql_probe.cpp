// SPDX-License-Identifier: Apache-2.0
//
// SHOW GLOBAL VARIABLES needs no privilege and leaves out what a product does not have, so one text serves all.
#include "control/mysql_probe.hpp"

#include "control/mysql_text.hpp"

#include <charconv>
#include <utility>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;

constexpr const char* variables_query =
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'super_read_only', 'innodb_read_only', 'offline_mode', "
    "'max_connections',"
    " 'server_uuid', 'version', 'version_comment', 'wsrep_on', 'group_replication_group_name')";
constexpr const char* galera_query =
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state_comment',"
    " 'wsrep_cluster_state_uuid')";
constexpr const char* group_query =
    "SELECT MEMBER_STATE, MEMBER_ROLE FROM performance_schema.replication_group_members"
    " WHERE MEMBER_ID = @@GLOBAL.server_uuid";

constexpr const char* transactions_query = "SELECT @@GLOBAL.gtid_mode, @@GLOBAL.gtid_executed";

/// Rows of name and value; the names in lower case as all versions print them.
std::map<std::string, std::string, std::less<>> pairs_in(const sql_answer& answer)
{
    std::map<std::string, std::string, std::less<>> pairs;
    for (const auto& row : answer.rows) {
        if (row.size() == 2 && row[0]) {
            pairs.emplace(*row[0], one_line(row[1].value_or("")));
        }
    }
    return pairs;
}

std::string_view value_of(const std::map<std::string, std::string, std::less<>>& pairs, std::string_view name)
{
    const auto place = pairs.find(name);
    return place == pairs.end() ? std::string_view{} : place->second;
}

/// read_only may be more than ON and OFF in later versions of MariaDB; whatever it is, writes are refused then.
bool is_on(std::string_view value)
{
    return !value.empty() && value != "OFF" && value != "0";
}

/// The value of the first row's column with one of these names.
std::string column_of(const sql_row& row, const sql_answer& answer, std::string_view name, std::string_view older_name)
{
    for (std::size_t at = 0; at < std::min(row.size(), answer.columns.size()); ++at) {
        if (answer.columns[at] == name || answer.columns[at] == older_name) {
            return one_line(row[at].value_or(""));
        }
    }
    return {};
}

}  // namespace

std::optional<sql_query> mysql_probe::question() const
{
    if (open_.empty()) {
        return std::nullopt;
    }
    constexpr std::uint32_t says_replica = 80022;  // MySQL's first version that does
    sql_query query;
    switch (open_.front()) {
        case subject::variables: query.text = variables_query; break;
        case subject::galera: query.text = galera_query; break;
        case subject::group: query.text = group_query; break;
        case subject::history: query.text = transactions_query; break;
        case subject::replication:
            query.text = is_mariadb_                            ? "SHOW ALL SLAVES STATUS"
                         : seen_.server_version >= says_replica ? "SHOW REPLICA STATUS"
                                                                : "SHOW SLAVE STATUS";
            break;
    }
    return query;
}

void mysql_probe::take(const sql_answer& answer)
{
    const auto about = open_.front();
    open_.pop_front();
    switch (about) {
        case subject::variables: take_variables(answer); break;
        case subject::galera: take_galera(answer); break;
        case subject::group: take_group(answer); break;
        case subject::replication: take_replication(answer); break;
        case subject::history: take_history(answer); break;
    }
}

void mysql_probe::take_variables(const sql_answer& answer)
{
    seen_.server_version = answer.server_version;
    seen_.version_text = one_line(answer.version_text);
    if (!answer.ok()) {
        seen_.how = is_sign_of_life(answer) ? kind::refused : kind::failed;
        seen_.fault = answer.fault;
        return;
    }
    variables_ = pairs_in(answer);
    const auto most = variable("max_connections");
    const auto [end, fault] = std::from_chars(most.data(), most.data() + most.size(), seen_.max_connections);
    if (variable("read_only").empty() || most.empty() || fault != std::errc{} || end != most.data() + most.size()) {
        return fail("the probe's answer is not understood");
    }
    if (is_on(variable("offline_mode"))) {
        return fail("the server is in offline mode");
    }
    is_mariadb_ = variable("version").find("MariaDB") != std::string_view::npos ||
                  variable("version_comment").find("MariaDB") != std::string_view::npos ||
                  variable("version_comment").find("mariadb") != std::string_view::npos;
    seen_.how = kind::answered;
    read_role();
}

/// From the variables; what else is to be asked may change it.
void mysql_probe::read_role()
{
    const bool is_reader = is_on(variable("innodb_read_only"));  // what Aurora's readers have in place of read_only
    seen_.in_recovery = is_on(variable("read_only")) || is_on(variable("super_read_only")) || is_reader;
    seen_.says = is_reader ? "innodb_read_only" : seen_.in_recovery ? "read_only" : "not read_only";
    if (const auto uuid = variable("server_uuid"); !uuid.empty()) {
        seen_.writes_with = "server " + std::string{uuid};
    }
    if (is_on(variable("wsrep_on"))) {
        open_.push_back(subject::galera);
    } else if (!variable("group_replication_group_name").empty()) {
        open_.push_back(subject::group);
    }
    if (!seen_.in_recovery && !is_mariadb_) {
        open_.push_back(subject::history);
    }
    open_.push_back(subject::replication);
}

void mysql_probe::take_galera(const sql_answer& answer)
{
    const auto status = pairs_in(answer);
    const auto ready = value_of(status, "wsrep_ready");
    const auto part = value_of(status, "wsrep_cluster_status");
    if (!answer.ok() || ready.empty()) {
        return;  // not told: then the variables decide
    }
    if (ready != "ON" || part != "Primary") {
        return fail("the Galera node does not serve: its state is " +
                    std::string{value_of(status, "wsrep_local_state_comment")} + ", its part of the cluster " +
                    std::string{part});
    }
    seen_.writes_with = "Galera cluster " + std::string{value_of(status, "wsrep_cluster_state_uuid")};
}

void mysql_probe::take_group(const sql_answer& answer)
{
    if (!answer.ok() || answer.rows.size() != 1 || answer.rows.front().size() != 2) {
        return;  // not told
    }
    const auto state = one_line(answer.rows.front()[0].value_or(""));
    const auto role = one_line(answer.rows.front()[1].value_or(""));
    if (state == "OFFLINE" || state.empty()) {
        return;  // no member now: a server like any other
    }
    if (state != "ONLINE") {
        return fail("the member of the replication group does not serve: its state is " + state);
    }
    seen_.writes_with = "group " + std::string{variable("group_replication_group_name")};
    if (role == "SECONDARY" && !seen_.in_recovery) {
        seen_.in_recovery = true;
        seen_.says = "a secondary of its group";
    }
}

/// Says what an operator should know; the role is decided.
void mysql_probe::take_replication(const sql_answer& answer)
{
    if (!answer.ok()) {
        return;  // not told, for want of a privilege
    }
    bool runs = true;
    for (const auto& row : answer.rows) {
        runs = runs && column_of(row, answer, "Replica_IO_Running", "Slave_IO_Running") != "No" &&
               column_of(row, answer, "Replica_SQL_Running", "Slave_SQL_Running") != "No";
    }
    if (seen_.in_recovery && !runs) {
        seen_.says += " and its replication stopped";
    } else if (!seen_.in_recovery && !answer.rows.empty() && runs) {
        seen_.follows = seen_.writes_with.starts_with("server ") || seen_.writes_with.empty();
        seen_.says += " although it replicates from another server";
    }
}

/// Under gtid_mode=OFF the set stays what it was and tells nothing.
void mysql_probe::take_history(const sql_answer& answer)
{
    if (!answer.ok() || answer.rows.size() != 1 || answer.rows.front().size() != 2) {
        return;
    }
    const auto& row = answer.rows.front();
    if (row[0] && row[1] && row[0]->starts_with("ON")) {
        if (auto executed = router::gtid_set::parse(*row[1])) {
            seen_.past = history{.executed = std::move(executed)};
        }
    }
}

void mysql_probe::fail(std::string why)
{
    seen_.how = kind::failed;
    seen_.fault = std::move(why);
    open_.clear();
}

std::string_view mysql_probe::variable(const char* name) const
{
    return value_of(variables_, name);
}

}  // namespace penstock::control
