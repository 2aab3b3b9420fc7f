// SPDX-License-Identifier: Apache-2.0
//
// Positions of MySQL and MariaDB: what a server prints is read, and one has all of the other or not. The forms are
// those of MySQL's manual ("GTID Sets", with tags as from 8.3 on) and of MariaDB's ("Global Transaction ID").
#include "router/consistency.hpp"
#include "router/gtid_set.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace penstock;
using namespace penstock::router;

namespace {

const std::string one = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
const std::string other = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

gtid_set set(const std::string& text)
{
    const auto made = gtid_set::parse(text);
    EXPECT_TRUE(made) << text;
    return made.value_or(gtid_set{});
}

gtid_position position_of(const std::string& text)
{
    const auto made = gtid_position::parse(text);
    EXPECT_TRUE(made) << text;
    return made.value_or(gtid_position{});
}

TEST(GtidSet, ReadsWhatServersPrint)
{
    EXPECT_EQ(set("").size(), 0U);
    EXPECT_EQ(set(one + ":23").size(), 1U);
    EXPECT_EQ(set(one + ":1-5:11-18,\n" + other + ":1-3").size(), 3U);
    EXPECT_EQ(set(one + ":1-3:tag_1:5-7:9:other:1").size(), 4U);
    EXPECT_EQ(set(one + ":tag:1-3").size(), 1U);
}

TEST(GtidSet, IsTheSameHoweverItIsWritten)
{
    EXPECT_EQ(set("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5"), set(one + ":1-5"));
    EXPECT_EQ(set(one + ":3-5:1-2"), set(one + ":1-5"));
    EXPECT_EQ(set(other + ":1, " + one + ":7 ," + other + ":2"), set(one + ":7," + other + ":1-2"));
    EXPECT_EQ(set(one + ":1-5:3-4"), set(one + ":1-5"));
    EXPECT_EQ(set(one + ":TAG:1"), set(one + ":tag:1"));
    EXPECT_EQ(set(one + ":5-4"), set(""));  // an empty interval
}

TEST(GtidSet, IsNoneInAnyOtherForm)
{
    for (const auto& text : {std::string{"x"},
                             one.substr(1) + ":1",
                             one + "0:1",
                             one + ":0",
                             one + ":1-",
                             one + ":-1",
                             one + ":1-2-3",
                             one + "::1",
                             one + ":1:ta-g:2",
                             one + ":18446744073709551615",
                             one + ":1-99999999999999999999",
                             one + ":a tag:1",
                             one + ":t23456789012345678901234567890123:1",
                             std::string{"0-1-100"}}) {
        EXPECT_FALSE(gtid_set::parse(text)) << text;
    }
}

TEST(GtidSet, HasAllOfAnotherOrNot)
{
    struct row {
        std::string whole;
        std::string part;
        bool expected;
    };
    const row table[] = {
        {one + ":1-10", one + ":1-10", true},
        {one + ":1-10", one + ":1-9", true},
        {one + ":1-9", one + ":1-10", false},
        {one + ":1-10", "", true},
        {"", one + ":1", false},
        {one + ":1-4:6-10", one + ":1-10", false},  // applied out of order
        {one + ":1-4:6-10", one + ":1-3:7", true},
        {one + ":1-4:6-10", one + ":4-6", false},
        {one + ":1-10", other + ":1", false},
        {one + ":1-10," + other + ":1-3", one + ":5," + other + ":2", true},
        {one + ":1-10," + other + ":1-3", one + ":5," + other + ":4", false},
        {one + ":1-10", one + ":tag:1", false},  // a tag's numbers are its own
        {one + ":1-10:tag:1-3", one + ":tag:1-3", true},
        {one + ":tag:1-10", one + ":1", false},
    };
    for (const auto& row : table) {
        EXPECT_EQ(set(row.whole).has_all_of(set(row.part)), row.expected) << row.whole << " and " << row.part;
    }
}

TEST(GtidPosition, ReadsWhatServersPrint)
{
    EXPECT_EQ(position_of("").size(), 0U);
    EXPECT_EQ(position_of("0-1-100").size(), 1U);
    EXPECT_EQ(position_of("0-1-100,1-1-7").size(), 2U);
    EXPECT_EQ(position_of("0-1-100,,0-1-100").size(), 1U);  // two lists, joined
    for (const auto* text : {"0", "0-1", "0-1-", "a-1-2", "0-1-2-3", "4294967296-1-1", "0-1-18446744073709551616"}) {
        EXPECT_FALSE(gtid_position::parse(text)) << text;
    }
    std::string long_list;
    for (std::size_t domain = 0; domain <= gtid_position::most_domains; ++domain) {
        long_list += std::to_string(domain) + "-1-1,";
    }
    EXPECT_FALSE(gtid_position::parse(long_list));
}

TEST(GtidPosition, HasReachedAnotherPerDomain)
{
    constexpr std::uint32_t writer = 2;
    struct row {
        const char* replica;
        const char* primary;
        bool expected;
    };
    const row table[] = {
        {"0-2-100", "0-2-100", true},
        {"0-2-99", "0-2-100", false},
        {"", "0-2-1", false},
        {"0-2-1", "", true},
        {"0-2-100,1-2-5", "0-2-100,1-2-5", true},
        {"0-2-100", "0-2-100,1-2-5", false},
        {"0-2-200,1-2-4", "0-2-100,1-2-5", false},
        {"0-2-91", "0-1-90", true},    // the primary has counted on from its predecessor's last
        {"0-2-90", "0-1-90", false},   // and cannot have given the same number
        {"0-1-100", "0-2-95", false},  // of a predecessor that had more than the primary ever got
        {"0-3-100", "0-2-95", false},
    };
    for (const auto& row : table) {
        EXPECT_EQ(position_of(row.replica).has_reached(position_of(row.primary), writer), row.expected)
            << row.replica << " and " << row.primary;
    }
}

TEST(GtidPosition, GoesOnUnlessADomainGoesBack)
{
    EXPECT_TRUE(position_of("0-1-5").goes_on_from(position_of("0-1-5")));
    EXPECT_TRUE(position_of("0-2-6,1-1-1").goes_on_from(position_of("0-1-5")));
    EXPECT_FALSE(position_of("0-1-4").goes_on_from(position_of("0-1-5")));
    EXPECT_FALSE(position_of("1-1-9").goes_on_from(position_of("0-1-5")));
}

constexpr time_point at(int second)
{
    return time_point{seconds{1000 + second}};
}

position executed(const std::string& text)
{
    return {.executed = set(text)};
}

position last(const std::string& text, std::uint32_t writer = 0)
{
    return {.last = position_of(text), .writer = writer};
}

TEST(ReplayProgress, ComparesSetsOfMySql)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), executed(one + ":1-5"));
    known.primary_at(at(2), executed(one + ":1-7"));
    known.primary_at(at(3), executed(one + ":1-9"));
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-4")), time_point{});
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-6:8")), at(1));
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-8")), at(2));
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-12," + other + ":1")), at(3));
}

TEST(ReplayProgress, ForgetsAReplicaThatHasLessThanBefore)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), executed(one + ":1-5"));
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-5")), at(1));
    EXPECT_EQ(known.replica_at(1, executed(one + ":1-3")), time_point{});
    known.primary_at(at(2), executed(one + ":1-4"));  // set back: what is known of others was of another history
    EXPECT_EQ(known.covers(1), time_point{});
    EXPECT_EQ(known.newest(), at(2));
}

TEST(ReplayProgress, ComparesPositionsOfMariaDb)
{
    replay_progress known;
    known.follow(0);
    known.primary_at(at(1), last("0-1-90", 2));  // its predecessor's last
    known.primary_at(at(2), last("0-2-91", 2));
    EXPECT_EQ(known.replica_at(1, last("0-1-90")), at(1));
    EXPECT_EQ(known.replica_at(1, last("0-2-91")), at(2));
    EXPECT_EQ(known.replica_at(2, last("0-1-99")), at(1));  // but nothing of what the primary itself has written
}

TEST(ReplayProgress, KeepsNoMoreOfLargeSetsThanItHasRoomFor)
{
    std::string many;
    for (int number = 1; number < 40000; number += 2) {
        many += ":" + std::to_string(number);
    }
    replay_progress known;
    known.follow(0);
    for (int second = 1; second < 30; ++second) {
        known.primary_at(at(second), executed(one + many + "," + other + ":1-" + std::to_string(second)));
    }
    EXPECT_EQ(known.replica_at(1, executed(one + many + "," + other + ":1-2")), time_point{});  // forgotten
    EXPECT_EQ(known.replica_at(1, executed(one + many + "," + other + ":1-27")), at(27));
}

}  // namespace
