// SPDX-License-Identifier: Apache-2.0
//
// `penstock health`: asks a running Penstock's admin port whether it lives. For container health checks, so it needs
// nothing but this program.
#pragma once

#include "core/clock.hpp"
#include "settings/settings.hpp"

#include <string>

namespace penstock::admin {

struct health_answer {
    bool healthy = false;
    std::string text{};  ///< one line, without its end
};

/// GET /health there; blocks, for `patience` at most.
[[nodiscard]] health_answer ask_health(const settings::address& admin_port, milliseconds patience = seconds{5});

}  // namespace penstock::admin
