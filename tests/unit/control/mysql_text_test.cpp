// SPDX-License-Identifier: Apache-2.0
//
// Versions, sentences and binary values of MySQL and MariaDB as text.
#include "control/mysql_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace penstock::control {
namespace {

using namespace std::string_literals;

std::string read(std::uint8_t type, const std::string& octets, bool is_unsigned = false)
{
    mysql::wire_reader in{octets};
    auto text = binary_value(in, {.name = "c", .type = type, .is_unsigned = is_unsigned});
    return in.finished_cleanly() ? text : "fault";
}

TEST(MysqlVersion, IsANumberWithTwoDigitsForEachPart)
{
    EXPECT_EQ(mysql_version_number("8.0.36"), 80036U);
    EXPECT_EQ(mysql_version_number("9.7.4-2"), 90704U);
    EXPECT_EQ(mysql_version_number("5.5.5-10.11.19-MariaDB-0+deb12u1-log"), 101119U);
    EXPECT_EQ(mysql_version_number("11.8.1-MariaDB"), 110801U);
    EXPECT_EQ(mysql_version_number("5.5.5"), 50505U);
    EXPECT_EQ(mysql_version_number("5.7.25-TiDB-v7.1.0"), 50725U);
    for (const auto* strange : {"", "x", "8", "8.0", "8.0.", "8.0.x", "8.100.1", "99999999999.1.1", "-1.2.3", "8..1"}) {
        EXPECT_EQ(mysql_version_number(strange), 0U) << strange;
    }
}

TEST(OneLine, HasNoControlCharactersAndAnEnd)
{
    EXPECT_EQ(one_line("a\nb\tc\x7f\0d"s), "a b c  d");
    EXPECT_EQ(one_line("\xc3\xa9"), "\xc3\xa9");
    EXPECT_EQ(one_line(std::string(1000, 'x')).size(), 500U);
}

TEST(BinaryValue, ReadsNumbers)
{
    EXPECT_EQ(read(1, "\xfb"), "-5");
    EXPECT_EQ(read(1, "\xfb", true), "251");
    EXPECT_EQ(read(2, "\x00\x80"s), "-32768");
    EXPECT_EQ(read(13, "\xea\x07", true), "2026");
    EXPECT_EQ(read(3, "\xff\xff\xff\xff"), "-1");
    EXPECT_EQ(read(9, "\xff\xff\xff\x00"s, true), "16777215");
    EXPECT_EQ(read(8, "\xff\xff\xff\xff\xff\xff\xff\xff"), "-1");
    EXPECT_EQ(read(8, "\xff\xff\xff\xff\xff\xff\xff\xff", true), "18446744073709551615");
    EXPECT_EQ(read(4, "\0\0\xc0\x3f"s), "1.5");
    EXPECT_EQ(read(5, "\0\0\0\0\0\0\xf8\xbf"s), "-1.5");
}

TEST(BinaryValue, ReadsTimes)
{
    EXPECT_EQ(read(10, "\0"s), "0000-00-00");
    EXPECT_EQ(read(10, "\x04\xea\x07\x0b\x15"s), "2026-11-21");
    EXPECT_EQ(read(12, "\x04\xea\x07\x0b\x15"s), "2026-11-21 00:00:00");
    EXPECT_EQ(read(12, "\x07\xea\x07\x0b\x15\x0c\x22\x38"s), "2026-11-21 12:34:56");
    EXPECT_EQ(read(7, "\x0b\xea\x07\x0b\x15\x0c\x22\x38\x40\xe2\x01\0"s), "2026-11-21 12:34:56.123456");
    EXPECT_EQ(read(11, "\0"s), "00:00:00");
    EXPECT_EQ(read(11, "\x08\x01\x01\0\0\0\x01\x0a\x0b"s), "-25:10:11");
    EXPECT_EQ(read(11, "\x0c\0\0\0\0\0\x01\x02\x03\x05\0\0\0"s), "01:02:03.000005");
}

TEST(BinaryValue, ReadsEverythingElseAsOctets)
{
    for (const int type : {0, 15, 16, 245, 246, 250, 252, 253, 254, 255}) {
        EXPECT_EQ(read(static_cast<std::uint8_t>(type),
                       "\x03"
                       "a\0b"s),
                  "a\0b"s);
    }
}

TEST(BinaryValue, FaultsAtWhatIsShortOrOfAnImpossibleSize)
{
    EXPECT_EQ(read(1, ""), "fault");
    EXPECT_EQ(read(8, "1234567"), "fault");
    EXPECT_EQ(read(253,
                   "\x04"
                   "abc"),
              "fault");
    EXPECT_EQ(read(253, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), "fault");
    EXPECT_EQ(read(10, "\x05\xea\x07\x0b\x15\0"s), "fault");
    EXPECT_EQ(read(12, "\x0b\xea\x07\x0b\x15\x0c\x22\x38\x40"s), "fault");
    EXPECT_EQ(read(11, "\x09\0\0\0\0\0\0\0\0\0"s), "fault");
    EXPECT_EQ(read(11, "\x08\0\xff\xff\xff\xff\0\0\0"s), "fault");
}

}  // namespace
}  // namespace penstock::control
