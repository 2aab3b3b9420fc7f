// SPDX-License-Identifier: Apache-2.0
//
// What a reload does: which changes take effect in the running process and which wait for a restart.
#pragma once

#include "settings/settings.hpp"

#include <string>
#include <vector>

namespace penstock::settings {

/// Sentences for the log, such as "clients.idle_client_timeout: 30min -> 1h"; secrets are only said to have changed.
struct difference {
    std::vector<std::string> on_reload{};
    std::vector<std::string> on_restart{};
    [[nodiscard]] bool none() const { return on_reload.empty() && on_restart.empty(); }
};

[[nodiscard]] difference compare(const tree& running, const tree& wanted);

/// `wanted` as far as a reload can bring it: what needs a restart stays as it is running. Databases on clusters that
/// would have to be added are left out.
[[nodiscard]] tree reloadable(const tree& running, tree wanted);

}  // namespace penstock::settings
