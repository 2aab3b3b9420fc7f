// SPDX-License-Identifier: Apache-2.0
//
// Durations, sizes, addresses: what is understood, what is not, and that writing is the reverse of reading.
#include "settings/values.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace penstock::settings {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsReadWithItsUnit)
{
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("5s"), 5s);
    EXPECT_EQ(parse_duration("5 s"), 5s);
    EXPECT_EQ(parse_duration("2min"), 2min);
    EXPECT_EQ(parse_duration("1h"), 1h);
    EXPECT_EQ(parse_duration("2d"), 48h);
    EXPECT_EQ(parse_duration("10us"), 10us);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, IsNothingElse)
{
    for (const auto* text : {"",
                             "s",
                             "5",
                             "-5s",
                             "+5s",
                             "5m",
                             "5 sec",
                             "5S",
                             "1.5s",
                             "5s ",
                             " 5s",
                             "0x5s",
                             "99999999999999999999s",
                             "9223372037s",
                             "5ss"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Duration, IsWrittenInTheLargestUnitThatFits)
{
    EXPECT_EQ(duration_text(1500ms), "1500ms");
    EXPECT_EQ(duration_text(1800s), "30min");
    EXPECT_EQ(duration_text(90s), "90s");
    EXPECT_EQ(duration_text(0s), "0s");
    EXPECT_EQ(duration_text(24h), "1d");
    EXPECT_EQ(duration_text(7us), "7us");
}

TEST(Octets, AreReadWithTheirUnit)
{
    EXPECT_EQ(parse_octets("512B"), 512U);
    EXPECT_EQ(parse_octets("64KiB"), 65536U);
    EXPECT_EQ(parse_octets("16 MiB"), 16U << 20);
    EXPECT_EQ(parse_octets("2GiB"), 2ULL << 30);
    for (const auto* text : {"", "64", "64kB", "64KB", "-1B", "1.5MiB", "99999999999GiB"}) {
        EXPECT_EQ(parse_octets(text), std::nullopt) << text;
    }
}

TEST(Octets, AreWrittenInTheLargestUnitThatFits)
{
    EXPECT_EQ(octets_text(65536), "64KiB");
    EXPECT_EQ(octets_text(10000), "10000B");
    EXPECT_EQ(octets_text(1ULL << 30), "1GiB");
    EXPECT_EQ(octets_text(0), "0B");
}

struct address_case {
    std::string_view text;
    address expected;
};

TEST(Address, IsReadInAllItsForms)
{
    const std::vector<address_case> cases{
        {"127.0.0.1:6432", {"127.0.0.1", 6432}},
        {"db.internal", {"db.internal", 5432}},
        {"db.internal:1", {"db.internal", 1}},
        {"0.0.0.0:0", {"0.0.0.0", 0}},
        {"[::1]:6432", {"::1", 6432}},
        {"[::]", {"::", 5432}},
        {"[fe80::1%eth0]:7", {"fe80::1%eth0", 7}},
        {"unix:/run/penstock", {"/run/penstock", 5432}},
        {"unix:/run/penstock:6432", {"/run/penstock", 6432}},
    };
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(parse_address(text, 5432), expected) << text;
    }
}

TEST(Address, IsNothingElse)
{
    for (const auto* text : {"",
                             ":5432",
                             "db:",
                             "db:x",
                             "db:65536",
                             "db:-1",
                             "db:5432x",
                             "::1",
                             "[::1",
                             "[::1]5432",
                             "[db]:1",
                             "*:6432",
                             "unix:",
                             "unix:run",
                             "unix:/run:x",
                             "/run/penstock",
                             "a b:1",
                             "user@db:5432",
                             "http://db:1"}) {
        EXPECT_EQ(parse_address(text, 5432), std::nullopt) << text;
    }
}

TEST(Address, IsWrittenAsItIsRead)
{
    for (const auto* text : {"127.0.0.1:6432", "[::1]:6432", "unix:/run/penstock:6432", "db.internal:5432"}) {
        EXPECT_EQ(parse_address(text, 1)->text(), text);
    }
}

}  // namespace
}  // namespace penstock::settings
