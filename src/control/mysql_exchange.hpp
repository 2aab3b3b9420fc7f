// SPDX-License-Identifier: Apache-2.0
//
// One question to a MySQL or MariaDB server and its answer, as a conversation without I/O.
//
// A question without parameters goes as text; one with parameters is prepared, executed with them bound, and closed, so
// that no value ever stands in a text. See "Command Phase" in the MySQL source documentation. The server may be
// hostile: packets, columns and rows are bounded, and a request for a file of ours ends the connection.
#pragma once

#include "control/sql_client.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/wire/conversation.hpp"

#include <cstddef>

namespace penstock::control {

/// What a question came to.
struct mysql_reply {
    sql_answer answer{};
    bool broken = false;  ///< what comes next on this connection cannot be told: it is to be closed
};

/// Bounds of one answer; more is a fault.
inline constexpr std::size_t most_mysql_columns = 256, most_mysql_rows = 10'000, most_mysql_octets = 1024 * 1024;

/// Asks on a connection that has logged in with these capabilities and is idle. What is left in the dialogue's output
/// at the end is still to be sent.
conversation<mysql_reply> ask_mysql(dialogue& line, sql_query query, mysql::capability_flags agreed);

}  // namespace penstock::control
