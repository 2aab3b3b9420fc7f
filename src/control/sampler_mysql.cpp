// SPDX-License-Identifier: Apache-2.0
//
// How far MySQL and MariaDB are: what to ask, and how to read the answer.
//
// One text serves both: MariaDB passes over executable comments of version 50700, and MySQL over those behind M. It is
// SELECT, since SHOW VARIABLES cuts long values off. No privilege is needed.
//
// A primary of MySQL has what it has executed. One of MariaDB has what its binary log says, and what it had replicated
// before it became the primary: both have to be reached. A replica has what is in its tables: gtid_executed and
// gtid_slave_pos change behind the commit.
#include "control/sampler.hpp"

#include <charconv>

namespace penstock::control {

namespace {

constexpr const char* of_primary =
    "SELECT /*!50700 'mysql', @@GLOBAL.server_id, @@GLOBAL.gtid_executed, @@GLOBAL.log_bin, @@GLOBAL.gtid_mode */"
    " /*M!100000 'mariadb', @@GLOBAL.server_id, CONCAT(@@GLOBAL.gtid_binlog_pos, ',', @@GLOBAL.gtid_current_pos),"
    " @@GLOBAL.log_bin, 'ON' */";
constexpr const char* of_replica =
    "SELECT /*!50700 'mysql', @@GLOBAL.server_id, @@GLOBAL.gtid_executed */"
    " /*M!100000 'mariadb', @@GLOBAL.server_id, @@GLOBAL.gtid_slave_pos */";

/// The value in a place of the only row; empty where there is none.
std::string_view value_at(const sql_answer& answer, std::size_t place)
{
    const bool is_there = answer.ok() && answer.rows.size() == 1 && place < answer.rows.front().size();
    const auto* const found = is_there && answer.rows.front()[place] ? &*answer.rows.front()[place] : nullptr;
    return found != nullptr ? std::string_view{*found} : std::string_view{};
}

/// Where the binary log is off, or anonymous transactions are written there, nothing tells of writes. The primary alone
/// is asked this.
bool has_none(const sql_answer& answer)
{
    const auto log = value_at(answer, 3);
    const auto mode = value_at(answer, 4);
    return !(log == "1" || log == "ON") || !(mode == "ON" || mode == "ON_PERMISSIVE");
}

std::optional<router::position> read_gtids(const sql_answer& answer)
{
    const auto product = value_at(answer, 0);
    const auto columns = answer.ok() && answer.rows.size() == 1 ? answer.rows.front().size() : 0;
    const bool is_of_primary = columns == 5;
    if ((!is_of_primary && columns != 3) || (is_of_primary && has_none(answer))) {
        return std::nullopt;
    }
    router::position found;
    if (product == "mysql") {
        auto executed = router::gtid_set::parse(value_at(answer, 2));
        if (!executed) {
            return std::nullopt;
        }
        found.executed = std::move(*executed);
        return found;
    }
    const auto number = value_at(answer, 1);
    const auto* const end = number.data() + number.size();
    const auto [stopped, fault] = std::from_chars(number.data(), end, found.writer);
    auto last = router::gtid_position::parse(value_at(answer, 2));
    if (product != "mariadb" || fault != std::errc{} || stopped != end || !last) {
        return std::nullopt;
    }
    found.last = std::move(*last);
    return found;
}

}  // namespace

position_questions mysql_positions()
{
    position_questions ask;
    ask.of_primary.text = of_primary;
    ask.of_replica.text = of_replica;
    ask.read = read_gtids;
    ask.has_none = has_none;
    return ask;
}

}  // namespace penstock::control
