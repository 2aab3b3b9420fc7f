// SPDX-License-Identifier: Apache-2.0
//
// Greetings: who shares one, and whose name stands in it.
#include "proxy/profile.hpp"

#include <gtest/gtest.h>

namespace penstock::proxy {
namespace {

parameter_set_ptr startup(const parameter_list& list)
{
    return parameter_set::of(list);
}

std::string value_of(const std::shared_ptr<const parameter_list>& greeting, const std::string& wanted)
{
    for (const auto& [name, value] : *greeting) {
        if (name == wanted) {
            return value;
        }
    }
    return "(none)";
}

TEST(Profiles, KnowNothingAtFirst)
{
    const profiles known;
    EXPECT_EQ(known.find(*startup({})), nullptr);
}

TEST(Profiles, AreSharedByEqualParameters)
{
    profiles known;
    const auto added = known.add(*startup({{"search_path", "a"}}), {{"TimeZone", "UTC"}});
    EXPECT_EQ(known.find(*startup({{"search_path", "a"}})), added);
    EXPECT_EQ(known.find(*startup({{"search_path", "b"}})), nullptr);
    EXPECT_EQ(known.find(*startup({{"search_path", "a"}, {"datestyle", "ISO"}})), nullptr);
}

TEST(Profiles, AreSharedByClientsOfDifferentNamesButTellEachItsOwn)
{
    profiles known;
    const auto one = known.add(*startup({{"application_name", "one"}}), {{"application_name", "one"}, {"a", "b"}});
    const auto two = known.find(*startup({{"application_name", "two"}}));
    ASSERT_NE(two, nullptr);
    EXPECT_EQ(value_of(one, "application_name"), "one");
    EXPECT_EQ(value_of(two, "application_name"), "two");
    EXPECT_EQ(value_of(two, "a"), "b");
    EXPECT_EQ(value_of(known.find(*startup({})), "application_name"), "");
}

/// A server changes octets it does not take for text, so only it can say what such a name becomes.
TEST(Profiles, AreNotSharedWhereTheServerWouldChangeTheName)
{
    profiles known;
    known.add(*startup({{"application_name", "one"}}), {{"application_name", "one"}});
    EXPECT_EQ(known.find(*startup({{"application_name", "caf\xc3\xa9"}})), nullptr);
    known.add(*startup({{"application_name", "caf\xc3\xa9"}}), {{"application_name", "caf\\xc3\\xa9"}});
    EXPECT_NE(known.find(*startup({{"application_name", "caf\xc3\xa9"}})), nullptr);
}

TEST(Profiles, DoNotMistakeANameForAValue)
{
    profiles known;
    known.add(*startup({{"a", "b"}, {"c", "d"}}), {});
    EXPECT_EQ(known.find(*startup({{"a", "bc"}, {"c", "d"}})), nullptr);
    EXPECT_EQ(known.find(*startup({{"ab", ""}, {"c", "d"}})), nullptr);
}

TEST(Profiles, AreForgottenOnDemandAndBeforeTheyAreTooMany)
{
    profiles known;
    known.add(*startup({}), {});
    known.clear();
    EXPECT_EQ(known.find(*startup({})), nullptr);
    for (int count = 0; count <= 1000; ++count) {
        known.add(*startup({{"search_path", std::to_string(count)}}), {});
    }
    EXPECT_EQ(known.find(*startup({{"search_path", "0"}})), nullptr);
    EXPECT_NE(known.find(*startup({{"search_path", "1000"}})), nullptr);
}

}  // namespace
}  // namespace penstock::proxy
