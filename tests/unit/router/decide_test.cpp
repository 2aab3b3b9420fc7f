// SPDX-License-Identifier: Apache-2.0
//
// Primary or replica, by tables: each verdict has its reason, and what a scope has written says how fresh a node must
// be.
#include "router/decide.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace penstock;
using namespace penstock::router;

namespace {

constexpr time_point start{seconds{1000}};

TEST(Decide, GivesEachVerdictItsReason)
{
    struct row {
        read_verdict verdict;
        route_hint hint;
        bool stays;
        route_reason expected;
    };
    const row table[] = {
        {read_verdict::read, route_hint::none, false, route_reason::read},
        {read_verdict::read, route_hint::replica, false, route_reason::replica_hint},
        {read_verdict::hint, route_hint::primary, false, route_reason::primary_hint},
        {read_verdict::writes, route_hint::replica, false, route_reason::writes},  // no hint makes a write a read
        {read_verdict::read, route_hint::none, true, route_reason::stays},
        {read_verdict::read, route_hint::replica, true, route_reason::stays},
        {read_verdict::writes, route_hint::none, false, route_reason::writes},
        {read_verdict::locks, route_hint::none, false, route_reason::locks},
        {read_verdict::into, route_hint::none, false, route_reason::into},
        {read_verdict::session, route_hint::none, false, route_reason::session},
        {read_verdict::server_state, route_hint::none, false, route_reason::server_state},
        {read_verdict::unparsed, route_hint::none, false, route_reason::unparsed},
        {read_verdict::too_large, route_hint::none, false, route_reason::too_large},
        {read_verdict::function, route_hint::none, false, route_reason::function},
        {read_verdict::refused, route_hint::none, false, route_reason::refused},
        {read_verdict::incomplete, route_hint::none, false, route_reason::incomplete},
        {read_verdict::lasting, route_hint::none, false, route_reason::lasting},
        {read_verdict::isolation, route_hint::none, false, route_reason::isolation},
    };
    for (const auto& row : table) {
        const auto reason = decide({.verdict = row.verdict, .hint = row.hint}, {.stays = row.stays});
        EXPECT_EQ(reason, row.expected) << name_of(row.expected);
        EXPECT_EQ(goes_to_replica(reason), row.verdict == read_verdict::read && !row.stays) << name_of(row.expected);
    }
}

TEST(Decide, HasADifferentWordForEachReason)
{
    std::set<std::string_view> words;
    for (std::size_t each = 0; each < route_reason_count; ++each) {
        words.insert(name_of(static_cast<route_reason>(each)));
    }
    EXPECT_EQ(words.size(), route_reason_count);
}

TEST(NeededFreshness, FollowsTheScopesLastWrite)
{
    const auto written = start - seconds{2};
    struct row {
        consistency reads;
        time_point written_at;
        bool positions;
        duration window;
        duration max_lag;
        freshness_needed expected;
    };
    const row table[] = {
        {consistency::session, {}, true, {}, {}, {}},
        {consistency::session, written, true, {}, {}, {.own_write = written}},
        {consistency::user, written, true, {}, {}, {.own_write = written}},
        {consistency::off, written, true, {}, {}, {}},
        {consistency::session, written, false, seconds{5}, {}, {.own_write = written}},
        {consistency::session, written, false, seconds{1}, {}, {}},
        {consistency::off, written, true, {}, seconds{10}, {.for_lag = start - seconds{10}}},
        {consistency::session, written, true, {}, seconds{10}, {.own_write = written, .for_lag = start - seconds{10}}},
    };
    for (const auto& row : table) {
        policy rules;
        rules.reads = row.reads;
        rules.max_lag = row.max_lag;
        rules.write_window = row.window;
        const auto needed = needed_freshness(rules, {.written_at = row.written_at}, row.positions, start);
        EXPECT_EQ(needed.own_write, row.expected.own_write);
        EXPECT_EQ(needed.for_lag, row.expected.for_lag);
    }
}

}  // namespace
