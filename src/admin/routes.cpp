// SPDX-License-Identifier: Apache-2.0
#include "admin/routes.hpp"

#include "admin/reports_json.hpp"
#include "admin/reports_metrics.hpp"

#include <utility>

namespace penstock::admin {

namespace {

http_response readiness(const proxy::process& of)
{
    http_response response;
    if (of.draining) {
        response = {.status = 503, .body = "draining\n"};
    } else if (auto reasons = why_not_ready(of); !reasons.empty()) {
        response = {.status = 503, .body = std::move(reasons)};
    } else {
        response.body = "ready\n" + what_is_stopped(of);
    }
    return response;
}

http_response metrics(const snapshot& from)
{
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = telemetry::prometheus_text(metrics_of(from))};
}

http_response stats(const snapshot& from)
{
    return {.content_type = "application/json", .body = json_of(from)};
}

http_response pins(const snapshot& from)
{
    return {.content_type = "application/json", .body = json_of_pins(from)};
}

/// A route that needs a snapshot.
http_route gathered_route(
    reporter& reports, detail how, std::string path, std::string summary, http_response (*render)(const snapshot&))
{
    return {std::move(path), std::move(summary), [&reports, how, render](std::string_view, http_answer answer) {
                reports.gather(
                    how, [render, answer = std::move(answer)](const snapshot_ptr& made) { answer(render(*made)); });
            }};
}

}  // namespace

std::vector<http_route> make_routes(reporter& reports)
{
    const auto alive = [](std::string_view) { return http_response{.body = "ok\n"}; };
    const auto ready = [&of = reports.process()](std::string_view) { return readiness(of); };
    return {immediate_route("/health", "200 while the process lives", alive),
            immediate_route("/ready", "200 while new clients are welcome and every cluster has a primary", ready),
            gathered_route(reports, detail::counts, "/metrics", "figures for Prometheus", metrics),
            gathered_route(reports, detail::counts, "/stats", "the same and more as JSON", stats),
            gathered_route(reports, detail::everything, "/pins", "who is pinned and what pins, as JSON", pins)};
}

}  // namespace penstock::admin
