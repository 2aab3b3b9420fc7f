// SPDX-License-Identifier: Apache-2.0
#include "telemetry/counters.hpp"

#include "telemetry/figures.hpp"

namespace penstock::telemetry {

namespace {

template <std::size_t Size>
void add_all(const std::array<counter, Size>& from, std::array<std::uint64_t, Size>& to)
{
    for (std::size_t index = 0; index < Size; ++index) {
        to[index] += from[index].value();
    }
}

void add(const pool_counters& from, pool_totals& to)
{
    constexpr auto sources = pool_figure_list<counter, histogram>();
    constexpr auto targets = pool_figure_list<std::uint64_t, distribution>();
    for (std::size_t index = 0; index < sources.size(); ++index) {
        to.*targets[index].field += (from.*sources[index].field).value();
    }
    to.pinned_now += from.pinned_now.value();
    add_all(from.pins, to.pins);
    add_all(from.pinned_time, to.pinned_time);
    add_all(from.routes, to.routes);
    add_all(from.discards, to.discards);
    add_all(from.retries, to.retries);
    from.wait_time.add_to(to.wait_time);
    from.query_time.add_to(to.query_time);
    from.transaction_time.add_to(to.transaction_time);
}

void add(const process_counters& from, process_totals& to)
{
    constexpr auto sources = process_figure_list<counter>();
    constexpr auto targets = process_figure_list<std::uint64_t>();
    for (std::size_t index = 0; index < sources.size(); ++index) {
        to.*targets[index].field += (from.*sources[index].field).value();
    }
    add_all(from.login_failures, to.login_failures);
    add_all(from.client_errors, to.client_errors);
}

}  // namespace

std::string_view name_of(discard_reason reason)
{
    switch (reason) {
        case discard_reason::idle: return "idle";
        case discard_reason::lifetime: return "lifetime";
        case discard_reason::server_closed: return "server_closed";
        case discard_reason::protocol_violation: return "protocol_violation";
        case discard_reason::client_gone: return "client_gone";
        case discard_reason::client_too_slow: return "client_too_slow";
        case discard_reason::reset_failed: return "reset_failed";
        case discard_reason::unclean: return "unclean";
        case discard_reason::settings_changed: return "settings_changed";
        case discard_reason::node_down: return "node_down";
        case discard_reason::limit: return "limit";
        case discard_reason::shutdown: return "shutdown";
        case discard_reason::paused: return "paused";
    }
    return "unknown";
}

std::string_view name_of(retry_reason reason)
{
    switch (reason) {
        case retry_reason::stale_plan: return "stale_plan";
        case retry_reason::replica_refused: return "replica_refused";
        case retry_reason::replica_lost: return "replica_lost";
        case retry_reason::primary_lost: return "primary_lost";
        case retry_reason::primary_demoted: return "primary_demoted";
    }
    return "unknown";
}

pool_counters& worker_counters::of_pool(const pool_name& which)
{
    const std::scoped_lock lock{guard_};
    auto& place = pools_[which];
    if (!place) {
        place = std::make_unique<pool_counters>();
    }
    return *place;
}

void worker_counters::add_to(totals& sum) const
{
    add(process, sum.process);
    const std::scoped_lock lock{guard_};
    for (const auto& [name, figures] : pools_) {
        add(*figures, sum.pools[name]);
    }
}

}  // namespace penstock::telemetry
