// SPDX-License-Identifier: Apache-2.0
//
// The members of an Aurora cluster, as any of its instances lists them. Pure.
//
// PostgreSQL: aurora_replica_status(); MySQL: information_schema.replica_host_status. Both have a row for each
// instance: server_id is its name, session_id that of the writer is MASTER_SESSION_ID, last_update_timestamp is old
// where an instance is gone (Aurora User Guide, "aurora_replica_status" and "Aurora MySQL information_schema tables").
#pragma once

#include "control/members.hpp"
#include "control/sql_client.hpp"
#include "core/engine.hpp"

#include <string_view>

namespace penstock::control {

/// Stands for an instance's name in the setting that tells how instances are reached.
inline constexpr std::string_view server_id_mark = "{server_id}";

[[nodiscard]] sql_query aurora_question(engine of);

/// `endpoint`: how an instance is reached, such as "{server_id}.abc.eu-west-1.rds.amazonaws.com"; without a port there,
/// instances have `port`.
[[nodiscard]] member_list read_aurora(const sql_answer& answer, std::string_view endpoint, std::uint16_t port);

}  // namespace penstock::control
