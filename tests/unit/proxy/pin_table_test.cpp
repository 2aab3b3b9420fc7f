// SPDX-License-Identifier: Apache-2.0
#include "proxy/pin_table.hpp"

#include "proxy/session_pins.hpp"

#include <gtest/gtest.h>

namespace penstock::proxy {
namespace {

void note(pin_table& table, const std::string& shape, pin_set reasons = pin_reason::listen)
{
    table.note(digest_of_shape(shape), shape, engine::postgresql, reasons, {.user = "app"});
}

std::vector<pin_statement> top_of(const pin_table& table)
{
    auto all = table.statements();
    sort_and_cut(all);
    return all;
}

TEST(PinTable, CountsByShape)
{
    pin_table table;
    note(table, "listen a");
    note(table, "listen b", pin_reason::opaque);
    note(table, "listen b");
    const auto top = top_of(table);
    ASSERT_EQ(top.size(), 2U);
    EXPECT_EQ(top[0].shape, "listen b");
    EXPECT_EQ(top[0].count, 2U);
    EXPECT_TRUE(top[0].reasons.has(pin_reason::opaque) && top[0].reasons.has(pin_reason::listen));
    EXPECT_EQ(top[0].digest.size(), 16U);
    EXPECT_EQ(top[0].user, "app");
}

TEST(PinTable, IsBoundedAndKeepsWhatIsFrequent)
{
    pin_table table;
    for (int round = 0; round < 5000; ++round) {
        note(table, "rare " + std::to_string(round));
        if (round % 50 == 0) {
            note(table, "frequent");
        }
    }
    const auto top = top_of(table);
    EXPECT_EQ(top.size(), pin_table::most_statements);
    const auto frequent =
        std::find_if(top.begin(), top.end(), [](const auto& each) { return each.shape == "frequent"; });
    ASSERT_NE(frequent, top.end());
    EXPECT_GE(frequent->count, 100U);
    EXPECT_LE(frequent->count - frequent->inherited, 100U);
}

TEST(PinTable, ShapesAreCut)
{
    pin_table table;
    note(table, std::string(5000, 'x'));
    EXPECT_EQ(top_of(table)[0].shape.size(), pin_table::longest_shape);
}

TEST(PinTable, WorkersTablesAreAddedUp)
{
    pin_table one;
    pin_table two;
    note(one, "a");
    note(two, "a");
    note(two, "b");
    auto all = one.statements();
    merge(all, two.statements());
    sort_and_cut(all);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].shape, "a");
    EXPECT_EQ(all[0].count, 2U);
}

TEST(SessionPins, CountReasonsAndTheirTime)
{
    telemetry::pool_counters counters;
    session_pins pins;
    const time_point start{};
    const auto listen = static_cast<std::size_t>(pin_reason::listen);
    EXPECT_EQ(pins.follow(pin_reason::listen, "d1", start, counters), pin_set{pin_reason::listen});
    EXPECT_EQ(counters.pinned_now.value(), 1U);
    EXPECT_EQ(counters.pins[listen].value(), 1U);
    pins.count_time(start + seconds{2}, counters);
    EXPECT_EQ(counters.pinned_time[listen].value(), 2000000U);
    auto both = pins.reasons();
    both.add(pin_reason::load);
    EXPECT_EQ(pins.follow(both, "d2", start + seconds{3}, counters), pin_set{pin_reason::load});
    const auto report = pins.report(start + seconds{4});
    ASSERT_EQ(report.size(), 2U);
    EXPECT_EQ(report[0].reason, pin_reason::listen);
    EXPECT_EQ(report[0].lasts, seconds{4});
    EXPECT_EQ(report[1].digest, "d2");
}

TEST(SessionPins, EndWithTheirReasons)
{
    telemetry::pool_counters counters;
    session_pins pins;
    const time_point start{};
    pins.follow(pin_reason::listen, "d", start, counters);
    EXPECT_TRUE(pins.follow({}, {}, start + seconds{1}, counters).empty());
    EXPECT_EQ(counters.pinned_now.value(), 0U);
    EXPECT_TRUE(pins.empty());
    EXPECT_TRUE(pins.report(start + seconds{2}).empty());
    pins.count_time(start + seconds{9}, counters);
    EXPECT_EQ(counters.pinned_time[static_cast<std::size_t>(pin_reason::listen)].value(), 1000000U);
}

}  // namespace
}  // namespace penstock::proxy
