// SPDX-License-Identifier: Apache-2.0
//
// What the console's verbs for operators do to the process: PAUSE, RESUME, RECONNECT, DRAIN NODE, UNDRAIN NODE.
//
// Each begins at once. PAUSE and DRAIN NODE then take until the last connection is closed; who asked waits for that,
// and where he gives up before, the order is taken back: a pause that nobody was told of is none.
#pragma once

#include "admin/commands.hpp"
#include "core/error.hpp"
#include "proxy/process.hpp"

#include <optional>

namespace penstock::admin {

/// Gives why it is not done.
[[nodiscard]] std::optional<client_error> begin_order(proxy::process& of, const command& what);

/// How far it is; `done` for what takes no time.
[[nodiscard]] proxy::stop_progress progress_of(const proxy::process& of, const command& what);

/// Ends what is under way.
void take_back(proxy::process& of, const command& what);

/// What is told where it was ended by somebody else, or by whom it was given.
[[nodiscard]] client_error superseded(const command& what);
[[nodiscard]] client_error cancelled(const command& what);

}  // namespace penstock::admin
