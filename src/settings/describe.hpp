// SPDX-License-Identifier: Apache-2.0
//
// The settings as lines of text, for SHOW CONFIG, logs and comparisons. Secrets are never among the values.
#pragma once

#include "settings/settings.hpp"

#include <string>
#include <vector>

namespace penstock::settings {

struct setting_line {
    std::string key;            ///< "clients.idle_client_timeout", "cluster[main].nodes"
    std::string value;          ///< as it would be written; "********" for a secret that is set
    std::string default_value;  ///< as it would be written; empty for none
    bool on_reload = true;      ///< whether a reload changes it in a running process
};

/// Every setting, in the order of the reference file. Values that are not set and have no default are empty.
[[nodiscard]] std::vector<setting_line> describe(const tree& all);

}  // namespace penstock::settings
