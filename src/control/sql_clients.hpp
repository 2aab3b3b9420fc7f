// SPDX-License-Identifier: Apache-2.0
//
// Clients for every product: libpq_client or mysql_client, as the target's engine says.
#pragma once

#include "control/loop.hpp"
#include "control/sql_client.hpp"

namespace penstock::control {

/// A factory for `on`, which outlives the clients.
[[nodiscard]] sql_client_factory sql_clients(loop& on);

}  // namespace penstock::control
