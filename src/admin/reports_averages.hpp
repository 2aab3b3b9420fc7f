// SPDX-License-Identifier: Apache-2.0
//
// Traffic of a pool and its averages over the last full period, as PgBouncer's avg_ columns give them.
#pragma once

#include "core/clock.hpp"
#include "telemetry/counters.hpp"

#include <cstdint>
#include <map>
#include <mutex>

namespace penstock::admin {

/// What SHOW STATS tells of a pool or a database: sums since the start, or averages. Times in microseconds.
struct traffic {
    std::uint64_t assignments = 0;
    std::uint64_t transactions = 0;
    std::uint64_t queries = 0;
    std::uint64_t received = 0;  ///< octets from clients
    std::uint64_t sent = 0;      ///< octets to clients
    std::uint64_t transaction_time = 0;
    std::uint64_t query_time = 0;
    std::uint64_t wait_time = 0;
    std::uint64_t client_parses = 0;
    std::uint64_t server_parses = 0;
    std::uint64_t binds = 0;

    void add(const traffic& other);
    friend bool operator==(const traffic&, const traffic&) = default;
};

[[nodiscard]] traffic traffic_of(const telemetry::pool_totals& figures);

/// Per second; the times of transactions and queries are per transaction and per query.
[[nodiscard]] traffic average_of(const traffic& before, const traffic& after, duration between);

/// Two looks at the same figures.
struct period {
    traffic before{};
    traffic after{};
    duration length{};

    /// The sum of pools, whose averages cannot just be added.
    void add(const period& other);
    [[nodiscard]] traffic average() const { return average_of(before, after, length); }
};

/// Remembers where the last two periods ended. Thread-safe.
class averages {
public:
    using marks = std::map<telemetry::pool_name, traffic>;

    explicit averages(time_point start) : begin_{start}, end_{start} {}

    /// A period ends with these sums.
    void end_period(marks now_counted, time_point now);
    /// The last full period of one pool; all zero before the first has ended.
    [[nodiscard]] period of(const telemetry::pool_name& pool) const;

private:
    mutable std::mutex guard_;
    marks before_;
    marks after_;
    time_point begin_;
    time_point end_;
};

}  // namespace penstock::admin
