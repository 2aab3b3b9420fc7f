// SPDX-License-Identifier: Apache-2.0
//
// From the workers' totals to metric families.
#include "telemetry/figures.hpp"
#include "telemetry/metrics.hpp"

#include <array>

namespace penstock::telemetry {

namespace {

using families = std::vector<metric_family>;

label_list labels_of(const pool_name& pool)
{
    return {{"cluster", pool.cluster}, {"user", pool.user}, {"database", pool.database}};
}

label_list with(label_list labels, std::string_view name, std::string_view value)
{
    labels.emplace_back(name, value);
    return labels;
}

sample number(label_list labels, std::uint64_t value)
{
    return {.labels = std::move(labels), .value = static_cast<double>(value)};
}

metric_family& add_family(families& to, std::string_view name, std::string_view help, metric_kind kind)
{
    return to.emplace_back(metric_family{std::string{name}, std::string{help}, kind});
}

void add_errors(families& to,
                std::string_view name,
                std::string_view help,
                const std::array<std::uint64_t, error_kind_count>& counts)
{
    auto& family = add_family(to, name, help, metric_kind::counter);
    for (std::size_t index = 0; index < counts.size(); ++index) {
        const auto kind = name_of(static_cast<error_kind>(index));
        family.samples.push_back(number({{"error", std::string{kind}}}, counts[index]));
    }
}

void add_process(families& to, const process_totals& process)
{
    for (const auto& entry : process_figure_list<std::uint64_t>()) {
        auto& family = add_family(to, entry.name, entry.help, metric_kind::counter);
        family.samples.push_back(number({}, process.*entry.field));
    }
    add_errors(
        to, "penstock_client_connections_setup_failed_total", "Client logins that failed", process.login_failures);
    add_errors(
        to, "penstock_client_errors_total", "Errors of our own told to logged-in clients", process.client_errors);
}

void add_pool_counters(families& to, const totals& sum)
{
    for (const auto& entry : pool_figure_list<std::uint64_t, distribution>()) {
        auto& family = add_family(to, entry.name, entry.help, metric_kind::counter);
        for (const auto& [pool, figures] : sum.pools) {
            family.samples.push_back(number(labels_of(pool), figures.*entry.field));
        }
    }
    auto& pinned = add_family(to,
                              "penstock_database_connections_currently_session_pinned",
                              "Sessions that keep their server connection past the transaction",
                              metric_kind::gauge);
    for (const auto& [pool, figures] : sum.pools) {
        pinned.samples.push_back(number(labels_of(pool), figures.pinned_now));
    }
}

/// By a pin's reason; what has no name is "other".
metric_family by_pin_reason(const totals& sum,
                            std::span<const std::string_view> names,
                            std::array<std::uint64_t, most_pin_reasons> pool_totals::*field,
                            double unit,
                            metric_family into)
{
    for (const auto& [pool, figures] : sum.pools) {
        std::uint64_t other = 0;
        for (std::size_t index = 0; index < most_pin_reasons; ++index) {
            const auto count = (figures.*field)[index];
            if (index >= names.size()) {
                other += count;
            } else if (count > 0) {
                into.samples.push_back({.labels = with(labels_of(pool), "reason", names[index]),
                                        .value = static_cast<double>(count) * unit});
            }
        }
        if (other > 0) {
            into.samples.push_back(
                {.labels = with(labels_of(pool), "reason", "other"), .value = static_cast<double>(other) * unit});
        }
    }
    return into;
}

/// Reasons that never occurred are left out: pools times reasons would be many empty lines.
void add_reasons(families& to, const totals& sum, std::span<const std::string_view> pin_reasons)
{
    to.push_back(by_pin_reason(sum,
                               pin_reasons,
                               &pool_totals::pins,
                               1,
                               {"penstock_pins_total", "Times a session was pinned, by reason", metric_kind::counter}));
    to.push_back(by_pin_reason(sum,
                               pin_reasons,
                               &pool_totals::pinned_time,
                               1e-6,
                               {"penstock_pinned_seconds_total",
                                "Time that sessions were pinned, by reason; one with two reasons counts under both",
                                metric_kind::counter}));
    metric_family closed{
        "penstock_database_connections_closed_total", "Server connections closed, by reason", metric_kind::counter};
    for (const auto& [pool, figures] : sum.pools) {
        for (std::size_t index = 0; index < figures.discards.size(); ++index) {
            if (figures.discards[index] > 0) {
                const auto reason = name_of(static_cast<discard_reason>(index));
                closed.samples.push_back(number(with(labels_of(pool), "reason", reason), figures.discards[index]));
            }
        }
    }
    to.push_back(std::move(closed));
    metric_family again{"penstock_retries_total", "Exchanges sent a second time, by reason", metric_kind::counter};
    for (const auto& [pool, figures] : sum.pools) {
        for (std::size_t index = 0; index < figures.retries.size(); ++index) {
            if (figures.retries[index] > 0) {
                const auto reason = name_of(static_cast<retry_reason>(index));
                again.samples.push_back(number(with(labels_of(pool), "reason", reason), figures.retries[index]));
            }
        }
    }
    to.push_back(std::move(again));
}

/// As above.
void add_routes(families& to, const totals& sum, std::span<const route_name> names)
{
    auto& found = add_family(to,
                             "penstock_routes_total",
                             "Requests that a server was chosen for, by where they went and why",
                             metric_kind::counter);
    for (const auto& [pool, figures] : sum.pools) {
        for (std::size_t index = 0; index < std::min(names.size(), figures.routes.size()); ++index) {
            if (figures.routes[index] > 0) {
                auto labels = with(labels_of(pool), "route", names[index].route);
                found.samples.push_back(
                    number(with(std::move(labels), "reason", names[index].reason), figures.routes[index]));
            }
        }
    }
}

void add_times(
    families& to, const totals& sum, std::string_view name, std::string_view help, distribution pool_totals::*field)
{
    auto& family = add_family(to, name, help, metric_kind::histogram);
    for (const auto& [pool, figures] : sum.pools) {
        family.samples.push_back(histogram_sample(labels_of(pool), figures.*field));
    }
}

}  // namespace

sample histogram_sample(label_list labels, const distribution& microseconds)
{
    sample out{.labels = std::move(labels)};
    for (unsigned power = 7; power <= 27; ++power) {  // times are cut to whole microseconds, so this is exact
        const auto bound = std::uint64_t{1} << power;
        out.buckets.push_back({static_cast<double>(bound) / 1e6, microseconds.count_up_to(bound - 1)});
    }
    out.count = microseconds.count();
    out.sum = static_cast<double>(microseconds.sum()) / 1e6;
    return out;
}

std::vector<metric_family> counter_families(const totals& sum,
                                            std::span<const std::string_view> pin_reasons,
                                            std::span<const route_name> routes)
{
    families out;
    add_process(out, sum.process);
    add_pool_counters(out, sum);
    add_reasons(out, sum, pin_reasons);
    add_routes(out, sum, routes);
    add_times(out,
              sum,
              "penstock_database_connections_borrow_latency_seconds",
              "Time from asking for a server connection to getting it",
              &pool_totals::wait_time);
    add_times(out,
              sum,
              "penstock_query_response_latency_seconds",
              "Time from request to complete response",
              &pool_totals::query_time);
    add_times(out,
              sum,
              "penstock_transaction_duration_seconds",
              "Time from a transaction's start to its end",
              &pool_totals::transaction_time);
    return out;
}

}  // namespace penstock::telemetry
