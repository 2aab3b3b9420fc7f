// SPDX-License-Identifier: Apache-2.0
#include "admin/reports_averages.hpp"

#include <algorithm>

namespace penstock::admin {

namespace {

/// Figures are read while their owners count, so one may seem to have gone back.
std::uint64_t grown(std::uint64_t before, std::uint64_t after)
{
    return after > before ? after - before : 0;
}

std::uint64_t each(std::uint64_t total, std::uint64_t count)
{
    return count == 0 ? 0 : total / count;
}

}  // namespace

void traffic::add(const traffic& other)
{
    assignments += other.assignments;
    transactions += other.transactions;
    queries += other.queries;
    received += other.received;
    sent += other.sent;
    transaction_time += other.transaction_time;
    query_time += other.query_time;
    wait_time += other.wait_time;
    client_parses += other.client_parses;
    server_parses += other.server_parses;
    binds += other.binds;
}

traffic traffic_of(const telemetry::pool_totals& figures)
{
    return {.assignments = figures.assignments,
            .transactions = figures.transactions,
            .queries = figures.queries,
            .received = figures.client_bytes_received,
            .sent = figures.client_bytes_sent,
            .transaction_time = figures.transaction_time.sum(),
            .query_time = figures.query_time.sum(),
            .wait_time = figures.wait_time.sum(),
            .client_parses = figures.client_parses,
            .server_parses = figures.server_parses,
            .binds = figures.binds};
}

traffic average_of(const traffic& before, const traffic& after, duration between)
{
    const auto length = std::chrono::duration_cast<std::chrono::microseconds>(between).count();
    if (length <= 0) {
        return {};
    }
    const auto per_second = [length](std::uint64_t from, std::uint64_t to) {
        return static_cast<std::uint64_t>(static_cast<double>(grown(from, to)) * 1e6 / static_cast<double>(length));
    };
    return {.assignments = per_second(before.assignments, after.assignments),
            .transactions = per_second(before.transactions, after.transactions),
            .queries = per_second(before.queries, after.queries),
            .received = per_second(before.received, after.received),
            .sent = per_second(before.sent, after.sent),
            .transaction_time = each(grown(before.transaction_time, after.transaction_time),
                                     grown(before.transactions, after.transactions)),
            .query_time = each(grown(before.query_time, after.query_time), grown(before.queries, after.queries)),
            .wait_time = per_second(before.wait_time, after.wait_time),
            .client_parses = per_second(before.client_parses, after.client_parses),
            .server_parses = per_second(before.server_parses, after.server_parses),
            .binds = per_second(before.binds, after.binds)};
}

void period::add(const period& other)
{
    before.add(other.before);
    after.add(other.after);
    length = std::max(length, other.length);
}

void averages::end_period(marks now_counted, time_point now)
{
    const std::lock_guard lock{guard_};
    before_ = std::exchange(after_, std::move(now_counted));
    begin_ = std::exchange(end_, now);
}

period averages::of(const telemetry::pool_name& pool) const
{
    const std::lock_guard lock{guard_};
    const auto after = after_.find(pool);
    if (after == after_.end()) {
        return {};
    }
    const auto before = before_.find(pool);
    return {before == before_.end() ? traffic{} : before->second, after->second, end_ - begin_};
}

}  // namespace penstock::admin
