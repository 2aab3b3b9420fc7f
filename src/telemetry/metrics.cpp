// SPDX-License-Identifier: Apache-2.0
//
// The only file that includes prometheus-cpp, of which the serializer alone is used: our counters need no registry.
#include "telemetry/metrics.hpp"

#include "telemetry/utf8.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace penstock::telemetry {

namespace {

prometheus::MetricType type_of(metric_kind kind)
{
    switch (kind) {
        case metric_kind::counter: return prometheus::MetricType::Counter;
        case metric_kind::gauge: return prometheus::MetricType::Gauge;
        case metric_kind::histogram: return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

void fill_histogram(prometheus::ClientMetric::Histogram& to, const sample& from)
{
    to.sample_count = from.count;
    to.sample_sum = from.sum;
    for (const auto& bucket : from.buckets) {
        to.bucket.push_back({bucket.cumulative_count, bucket.upper_bound});
    }
}

prometheus::ClientMetric translated(const sample& from, metric_kind kind)
{
    prometheus::ClientMetric to;
    for (const auto& [name, value] : from.labels) {
        to.label.push_back({name, valid_utf8(value)});
    }
    switch (kind) {
        case metric_kind::counter: to.counter.value = from.value; break;
        case metric_kind::gauge: to.gauge.value = from.value; break;
        case metric_kind::histogram: fill_histogram(to.histogram, from); break;
    }
    return to;
}

}  // namespace

std::string prometheus_text(const std::vector<metric_family>& families)
{
    std::vector<prometheus::MetricFamily> out;
    for (const auto& family : families) {
        if (family.samples.empty()) {
            continue;
        }
        auto& made = out.emplace_back();
        made.name = family.name;
        made.help = family.help;
        made.type = type_of(family.kind);
        for (const auto& one : family.samples) {
            made.metric.push_back(translated(one, family.kind));
        }
    }
    return prometheus::TextSerializer{}.Serialize(out);
}

}  // namespace penstock::telemetry
