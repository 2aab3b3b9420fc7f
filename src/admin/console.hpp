// SPDX-License-Identifier: Apache-2.0
//
// The console: the database "pgbouncer" on the PostgreSQL port, which answers PgBouncer's SHOW commands.
//
// It serves a client that has logged in, on its worker's thread, until it leaves or the process stops; also while
// draining, since health checks go on then. What it may do depends on [admin] admin_users and stats_users.
#pragma once

#include "admin/console_dialogue.hpp"
#include "admin/reports.hpp"
#include "proxy/worker.hpp"
#include "settings/settings.hpp"

#include <functional>
#include <optional>
#include <string_view>

namespace penstock::admin {

/// Reads the settings again, and calls back from any thread with why that failed, if it did.
using reload_request = std::function<void(std::function<void(std::optional<client_error>)>)>;

/// Where a statement would go, under these settings. Asked on any worker's thread.
using route_request = std::function<route_answer(const route_question&, const settings::tree&)>;

/// The reporter outlives all clients.
[[nodiscard]] proxy::worker::console make_console(reporter& reports, reload_request reload, route_request route);

/// Where neither list names anybody and there is one user only (a database URL makes such settings), that user may
/// read.
[[nodiscard]] console_role role_of(const settings::tree& all, std::string_view user);

}  // namespace penstock::admin
