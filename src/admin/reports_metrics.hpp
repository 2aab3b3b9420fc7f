// SPDX-License-Identifier: Apache-2.0
//
// A snapshot as metric families, for Prometheus: the counters of telemetry, and gauges of what is there now.
//
// Names follow RDS Proxy's CloudWatch metrics where it has one (ClientConnections, DatabaseConnections, ...).
#pragma once

#include "admin/reports.hpp"
#include "telemetry/metrics.hpp"

#include <vector>

namespace penstock::admin {

[[nodiscard]] std::vector<telemetry::metric_family> metrics_of(const snapshot& from);

}  // namespace penstock::admin
