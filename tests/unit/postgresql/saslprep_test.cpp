// SPDX-License-Identifier: Apache-2.0
#include "protocols/postgresql/saslprep.hpp"

#include "protocols/postgresql/scram.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace penstock;
using namespace penstock::postgresql;

namespace {

std::string prepared(std::string_view text)
{
    return std::string{saslprep(text).reveal()};
}

/// The examples of RFC 4013, section 3, and PostgreSQL's ways around them.
TEST(Saslprep, FollowsTheExamplesOfItsRfc)
{
    EXPECT_EQ(prepared("I\u00ADX"), "IX") << "the soft hyphen is mapped to nothing";
    EXPECT_EQ(prepared("user"), "user");
    EXPECT_EQ(prepared("USER"), "USER") << "case is kept";
    EXPECT_EQ(prepared("\u00AA"), "a") << "normal form KC";
    EXPECT_EQ(prepared("\u2168"), "IX") << "a Roman number";
}

TEST(Saslprep, LeavesWhatIsProhibitedAsItIs)
{
    for (const std::string text : {"\u0007", "\u00E4\u0007", "\u0627\u0031", "x\uE000", "x\U0001F600"}) {
        EXPECT_EQ(prepared(text), text);
    }
}

TEST(Saslprep, LeavesAsciiAsItIs)
{
    EXPECT_EQ(prepared(""), "");
    EXPECT_EQ(prepared("pass word\t\x7f"), "pass word\t\x7f");
}

TEST(Saslprep, LeavesWhatIsNoUtf8AsItIs)
{
    for (const std::string text :
         {"\xff", "caf\xe9", "\xc3", "\xe2\x82", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
        EXPECT_EQ(prepared(text), text);
    }
    const std::string with_zero{"\u00DF\0x", 4};
    EXPECT_EQ(prepared(with_zero), with_zero);
}

TEST(Saslprep, LeavesWhatWouldVanishAsItIs)
{
    EXPECT_EQ(prepared("\u00AD"), "\u00AD");
}

TEST(Saslprep, MapsSpacesAndComposes)
{
    EXPECT_EQ(prepared("pa\u00DF\u00B2 \u00A0x"), "pa\u00DF2  x");
    EXPECT_EQ(prepared("e\u0301"), "\u00E9");
}

TEST(Saslprep, IsAppliedToKeys)
{
    const auto one = derive_scram_keys("caf\u00E9\u00B2", "0123456789abcdef", 4096);
    const auto other = derive_scram_keys("cafe\u03012", "0123456789abcdef", 4096);
    EXPECT_TRUE(one == other);
    EXPECT_FALSE(one == derive_scram_keys("cafe2", "0123456789abcdef", 4096));
}

}  // namespace
