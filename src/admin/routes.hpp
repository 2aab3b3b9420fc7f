// SPDX-License-Identifier: Apache-2.0
//
// The paths of the admin port: /health, /ready, /metrics and /stats.
#pragma once

#include "admin/http.hpp"
#include "admin/reports.hpp"

#include <vector>

namespace penstock::admin {

/// The reporter outlives the server that has these routes. Is also valid while draining: /health then still answers
/// 200, since the process lives, and /ready 503, so that no new clients are sent here.
[[nodiscard]] std::vector<http_route> make_routes(reporter& reports);

}  // namespace penstock::admin
