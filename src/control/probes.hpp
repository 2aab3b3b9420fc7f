// SPDX-License-Identifier: Apache-2.0
//
// What to ask a node for its role and limits, and how to read the answer. Pure.
#pragma once

#include "control/sql_client.hpp"
#include "control/topology.hpp"

namespace penstock::control {

/// Asks for: in recovery?, max_connections, connections kept for superusers (and, since PostgreSQL 16, for others).
[[nodiscard]] sql_query role_query();

[[nodiscard]] probe_observation read_probe(router::node_id node, const sql_answer& answer);

}  // namespace penstock::control
