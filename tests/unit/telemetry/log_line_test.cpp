// SPDX-License-Identifier: Apache-2.0
//
// Events as text and JSON: quoting, escapes, hostile octets.
#include "telemetry/log_line.hpp"

#include "telemetry/utf8.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <type_traits>

namespace penstock::log {
namespace {

std::string json_string(std::string_view text)
{
    std::string out;
    append_json_string(out, text);
    return out;
}

TEST(TextLine, WritesFieldsBehindTheEvent)
{
    const std::string who = "127.0.0.1:5000";
    EXPECT_EQ(text_line("client left", {{"client", who}, {"waits", 3}, {"tls", true}, {"share", 0.5}}),
              "client left client=127.0.0.1:5000 waits=3 tls=true share=0.5");
}

TEST(TextLine, QuotesWhatIsNotOnePlainWord)
{
    EXPECT_EQ(text_line("e", {{"a", "two words"}, {"b", ""}, {"c", "x=y"}, {"d", "say \"hi\""}}),
              R"(e a="two words" b="" c="x=y" d="say \"hi\"")");
}

TEST(TextLine, NoTextCanStartALineOfItsOwnOrDriveTheTerminal)
{
    EXPECT_EQ(text_line("e", {{"user", "a\nERROR forged"}, {"x", "\x1b[2J"}}),
              R"(e user="a\nERROR forged" x="\u001b[2J")");
}

TEST(JsonMembers, WritesNumbersAndTruthBare)
{
    EXPECT_EQ(
        json_members("e", {{"signed", -5}, {"unsigned", std::numeric_limits<std::uint64_t>::max()}, {"no", false}}),
        R"("event":"e","signed":-5,"unsigned":18446744073709551615,"no":false)");
}

TEST(JsonMembers, HasNoNumberThatJsonLacks)
{
    EXPECT_EQ(json_members("e", {{"a", std::numeric_limits<double>::infinity()}, {"b", std::nan("")}}),
              R"("event":"e","a":null,"b":null)");
}

TEST(JsonMembers, RenamesFieldsThatWouldHideTheLinesOwn)
{
    EXPECT_EQ(json_members("e", {{"time", 1}, {"level", 2}, {"event", 3}}),
              R"("event":"e","time_":1,"level_":2,"event_":3)");
}

TEST(JsonString, EscapesWhatJsonDemands)
{
    EXPECT_EQ(json_string("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
    EXPECT_EQ(json_string(std::string_view{"\0\x1f\x7f", 3}), R"("\u0000\u001f\u007f")");
    EXPECT_EQ(json_string("\xC2\x85"), R"("\u0085")");
}

TEST(JsonString, KeepsGoodUtf8)
{
    EXPECT_EQ(json_string("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x98"),
              "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x98\"");
}

TEST(JsonString, ReplacesEachBadOctet)
{
    const std::string replaced = "\xEF\xBF\xBD";
    EXPECT_EQ(json_string("a\xFF z"), "\"a" + replaced + " z\"");
    EXPECT_EQ(json_string("\xC3"), '"' + replaced + '"');                                // cut short
    EXPECT_EQ(json_string("\xC0\xAF"), '"' + replaced + replaced + '"');                 // overlong
    EXPECT_EQ(json_string("\xED\xA0\x80"), '"' + replaced + replaced + replaced + '"');  // surrogate
    EXPECT_EQ(json_string("\xE2\x28\xA1"), '"' + replaced + "(" + replaced + '"');
    EXPECT_EQ(json_string("\xF4\x90\x80\x80"), '"' + replaced + replaced + replaced + replaced + '"');
}

TEST(JsonString, TakesEveryOctetWithoutBreakingTheString)
{
    for (int first = 0; first < 256; ++first) {
        for (int second = 0; second < 256; ++second) {
            const char octets[] = {static_cast<char>(first), static_cast<char>(second)};
            const auto out = json_string({octets, 2});
            EXPECT_EQ(valid_utf8(out), out);
            for (const char octet : out) {
                EXPECT_GE(static_cast<unsigned char>(octet), 0x20);
            }
        }
    }
}

TEST(Field, IsNeverASecret)
{
    EXPECT_FALSE((std::is_constructible_v<field, std::string_view, secret>));
    EXPECT_TRUE((std::is_constructible_v<field, std::string_view, std::string>));
}

}  // namespace
}  // namespace penstock::log
