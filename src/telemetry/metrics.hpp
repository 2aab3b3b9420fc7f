// SPDX-License-Identifier: Apache-2.0
//
// Metric families and their Prometheus text (content type "text/plain; version=0.0.4").
//
// counter_families() turns the workers' totals into families; who knows more (states of pools, nodes, limits) adds
// gauges of its own. Label values may be any octets: they are made valid UTF-8 here. Families without samples are left
// out.
#pragma once

#include "telemetry/counters.hpp"

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::telemetry {

enum class metric_kind : std::uint8_t { counter, gauge, histogram };

using label_list = std::vector<std::pair<std::string, std::string>>;

/// One number, or for a histogram the cumulative counts below its bounds.
struct sample {
    label_list labels{};
    double value = 0;
    struct bucket {
        double upper_bound;
        std::uint64_t cumulative_count;
    };
    std::vector<bucket> buckets{};  ///< for histograms, in order, without the infinite one
    std::uint64_t count = 0;        ///< for histograms
    double sum = 0;                 ///< for histograms
};

struct metric_family {
    std::string name;
    std::string help;
    metric_kind kind = metric_kind::counter;
    std::vector<sample> samples{};
};

/// In seconds; bounds are powers of two of a microsecond, from 128 microseconds to 134 seconds.
[[nodiscard]] sample histogram_sample(label_list labels, const distribution& microseconds);

/// Where a request went, and why.
struct route_name {
    std::string_view route{};
    std::string_view reason{};
};

/// `pin_reasons` names the pins by their index; a counted pin beyond them is "other". `routes` names the routes.
[[nodiscard]] std::vector<metric_family> counter_families(const totals& sum,
                                                          std::span<const std::string_view> pin_reasons,
                                                          std::span<const route_name> routes = {});

[[nodiscard]] std::string prometheus_text(const std::vector<metric_family>& families);

}  // namespace penstock::telemetry
