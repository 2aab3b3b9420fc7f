// SPDX-License-Identifier: Apache-2.0
//
// Counters of several workers, their sum, and reading while they are written.
#include "telemetry/counters.hpp"

#include "telemetry/figures.hpp"

#include <gtest/gtest.h>

#include <set>
#include <thread>

namespace penstock::telemetry {
namespace {

const pool_name app{"main", "app", "shop"};
const pool_name other{"main", "other", "shop"};

TEST(Counter, GoesUpDownAndToItsPeak)
{
    counter value;
    value.add();
    value.add(4);
    value.subtract(2);
    EXPECT_EQ(value.value(), 3U);
    value.raise_to(2);
    EXPECT_EQ(value.value(), 3U);
    value.raise_to(9);
    EXPECT_EQ(value.value(), 9U);
}

TEST(WorkerCounters, KeepAPoolsFiguresAtTheirAddress)
{
    worker_counters worker;
    auto& first = worker.of_pool(app);
    for (int number = 0; number < 100; ++number) {
        (void)worker.of_pool({"main", "user" + std::to_string(number), "shop"});
    }
    EXPECT_EQ(&worker.of_pool(app), &first);
    EXPECT_NE(&worker.of_pool(other), &first);
}

TEST(WorkerCounters, AddUpByPool)
{
    worker_counters first;
    worker_counters second;
    first.of_pool(app).queries.add(3);
    second.of_pool(app).queries.add(4);
    second.of_pool(other).queries.add(5);
    first.of_pool(app).query_time.add(100);
    second.of_pool(app).query_time.add(300);
    first.of_pool(app).count_pin(2);
    first.of_pool(app).count_discard(discard_reason::lifetime);
    first.of_pool(app).count_retries(retry_reason::primary_lost, 2);
    first.of_pool(app).count_route(3);
    first.process.clients_accepted.add(2);
    first.process.count_login_failure(error_kind::wrong_password);
    second.process.count_client_error(error_kind::borrow_timeout);

    totals sum;
    first.add_to(sum);
    second.add_to(sum);

    EXPECT_EQ(sum.pools.size(), 2U);
    EXPECT_EQ(sum.pools[app].queries, 7U);
    EXPECT_EQ(sum.pools[other].queries, 5U);
    EXPECT_EQ(sum.pools[app].query_time.sum(), 400U);
    EXPECT_EQ(sum.pools[app].pins[2], 1U);
    EXPECT_EQ(sum.pools[app].discards[static_cast<std::size_t>(discard_reason::lifetime)], 1U);
    EXPECT_EQ(sum.pools[app].retries[static_cast<std::size_t>(retry_reason::primary_lost)], 2U);
    EXPECT_EQ(sum.pools[app].routes[3], 1U);
    EXPECT_EQ(sum.process.clients_accepted, 2U);
    EXPECT_EQ(sum.process.login_failures[static_cast<std::size_t>(error_kind::wrong_password)], 1U);
    EXPECT_EQ(sum.process.client_errors[static_cast<std::size_t>(error_kind::borrow_timeout)], 1U);
}

TEST(WorkerCounters, EveryFieldReachesTheSum)
{
    worker_counters worker;
    auto& counters = worker.of_pool(app);
    std::uint64_t number = 0;
    for (const auto& entry : pool_figure_list<counter, histogram>()) {
        (counters.*entry.field).add(++number);
    }
    totals sum;
    worker.add_to(sum);
    number = 0;
    for (const auto& entry : pool_figure_list<std::uint64_t, distribution>()) {
        EXPECT_EQ(sum.pools[app].*entry.field, ++number) << entry.name;
    }
    // All fields but the gauge, the five arrays and the three histograms are on the list.
    constexpr auto listed = pool_figure_list<counter, histogram>().size() * sizeof(counter);
    constexpr auto unlisted =
        (1 + 2 * most_pin_reasons + most_route_reasons + discard_reason_count + retry_reason_count) * sizeof(counter) +
        3 * sizeof(histogram);
    EXPECT_EQ(sizeof(pool_figures<counter, histogram>), listed + unlisted);
    constexpr auto process_listed = process_figure_list<counter>().size() * sizeof(counter);
    EXPECT_EQ(sizeof(process_figures<counter>), process_listed + 2 * error_kind_count * sizeof(counter));
}

TEST(WorkerCounters, PinsBeyondTheRoomCountAsTheLast)
{
    worker_counters worker;
    worker.of_pool(app).count_pin(1000);
    totals sum;
    worker.add_to(sum);
    EXPECT_EQ(sum.pools[app].pins.back(), 1U);
}

TEST(WorkerCounters, AreReadWhileTheyAreWritten)
{
    worker_counters worker;
    std::thread owner{[&worker] {
        auto& counters = worker.of_pool(app);
        for (int turn = 0; turn < 20000; ++turn) {
            counters.queries.add();
            counters.wait_time.add(static_cast<std::uint64_t>(turn));
            if (turn % 1000 == 0) {
                (void)worker.of_pool({"main", std::to_string(turn), "shop"});
            }
        }
    }};
    std::uint64_t last = 0;
    for (int turn = 0; turn < 200; ++turn) {
        totals sum;
        worker.add_to(sum);
        EXPECT_GE(sum.pools[app].queries, last);
        last = sum.pools[app].queries;
    }
    owner.join();
    totals sum;
    worker.add_to(sum);
    EXPECT_EQ(sum.pools[app].queries, 20000U);
    EXPECT_EQ(sum.pools[app].wait_time.count(), 20000U);
}

TEST(DiscardReasons, HaveNamesOfTheirOwn)
{
    std::set<std::string_view> names;
    for (std::size_t index = 0; index < discard_reason_count; ++index) {
        names.insert(name_of(static_cast<discard_reason>(index)));
    }
    EXPECT_EQ(names.size(), discard_reason_count);
    EXPECT_FALSE(names.contains("unknown"));
}

TEST(RetryReasons, HaveNamesOfTheirOwn)
{
    std::set<std::string_view> names;
    for (std::size_t index = 0; index < retry_reason_count; ++index) {
        names.insert(name_of(static_cast<retry_reason>(index)));
    }
    EXPECT_EQ(names.size(), retry_reason_count);
    EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace penstock::telemetry
