// SPDX-License-Identifier: Apache-2.0
//
// Sets of session parameters are values, and names are the same in any case.
#include "protocols/wire/parameter_set.hpp"

#include <gtest/gtest.h>

using namespace penstock;

namespace {

TEST(ParameterSet, IsSortedAndInLowerCase)
{
    const auto set = parameter_set::of({{"TimeZone", "CET"}, {"application_name", "App"}});
    EXPECT_EQ(set->entries(), (parameter_list{{"application_name", "App"}, {"timezone", "CET"}}));
    ASSERT_NE(set->find("timezone"), nullptr);
    EXPECT_EQ(*set->find("timezone"), "CET");
    EXPECT_EQ(set->find("TimeZone"), nullptr);
    EXPECT_EQ(set->find("zone"), nullptr);
}

TEST(ParameterSet, ALaterEntryOutranksAnEarlierOne)
{
    const auto set = parameter_set::of({{"a", "1"}, {"b", "2"}, {"A", "3"}});
    EXPECT_EQ(set->entries(), (parameter_list{{"a", "3"}, {"b", "2"}}));
}

TEST(ParameterSet, ThereIsOneEmptySet)
{
    EXPECT_EQ(parameter_set::of({}), parameter_set::none());
    EXPECT_TRUE(parameter_set::none()->empty());
    EXPECT_EQ(parameter_set::of({{"a", "1"}})->without("a"), parameter_set::none());
}

TEST(ParameterSet, ChangesAreCopies)
{
    const auto set = parameter_set::of({{"b", "2"}});
    const auto more = set->with("a", "1");
    const auto other = more->with("b", "3");
    EXPECT_EQ(set->entries(), (parameter_list{{"b", "2"}}));
    EXPECT_EQ(more->entries(), (parameter_list{{"a", "1"}, {"b", "2"}}));
    EXPECT_EQ(other->entries(), (parameter_list{{"a", "1"}, {"b", "3"}}));
    EXPECT_EQ(other->without("b")->entries(), (parameter_list{{"a", "1"}}));
    EXPECT_EQ(other->without("nothing")->entries(), other->entries());
}

TEST(ParameterSet, ComparesByContents)
{
    const auto one = parameter_set::of({{"a", "1"}});
    EXPECT_TRUE(same_parameters(one, one));
    EXPECT_TRUE(same_parameters(one, parameter_set::of({{"A", "1"}})));
    EXPECT_FALSE(same_parameters(one, parameter_set::of({{"a", "2"}})));
    EXPECT_FALSE(same_parameters(one, parameter_set::none()));
}

TEST(LowerCase, TouchesNothingButAscii)
{
    EXPECT_EQ(lower_case("TimeZone_1"), "timezone_1");
    EXPECT_EQ(lower_case("\xc3\x84"), "\xc3\x84");
}

}  // namespace
