// SPDX-License-Identifier: Apache-2.0
//
// One client's names and what they cost.
#include "protocols/postgresql/client_statements.hpp"

#include <gtest/gtest.h>

using namespace penstock::postgresql;

namespace {

statement_ptr with_text(std::string text)
{
    auto made = std::make_shared<statement>();
    made->definition = std::move(text);
    return made;
}

TEST(ClientStatements, FindsWhatWasSet)
{
    client_statements names;
    EXPECT_EQ(names.find("a"), nullptr);
    const auto one = with_text("SELECT 1");
    names.set("a", one);
    EXPECT_EQ(names.find("a"), one);
    EXPECT_EQ(names.find("A"), nullptr);
    const auto other = with_text("SELECT 2");
    names.set("a", other);
    EXPECT_EQ(names.find("a"), other);
    EXPECT_EQ(names.size(), 1U);
    names.erase("a");
    names.erase("a");
    EXPECT_EQ(names.size(), 0U);
}

TEST(ClientStatements, CountsWhatItHolds)
{
    client_statements names;
    EXPECT_EQ(names.memory(), 0U);
    names.set("a", with_text(std::string(1000, 'x')));
    EXPECT_GT(names.memory(), 1000U);
    names.set("a", with_text("x"));
    EXPECT_LT(names.memory(), 1000U);
    names.erase("a");
    EXPECT_EQ(names.memory(), 0U);
}

TEST(ClientStatements, GivesAllUpAndTakesThemBack)
{
    client_statements names;
    EXPECT_EQ(names.take_all(), nullptr);
    names.set("a", with_text("SELECT 1"));
    const auto memory = names.memory();
    auto all = names.take_all();
    EXPECT_EQ(names.size(), 0U);
    EXPECT_EQ(names.memory(), 0U);
    EXPECT_EQ(names.find("a"), nullptr);
    names.restore(std::move(all));
    EXPECT_EQ(names.size(), 1U);
    EXPECT_EQ(names.memory(), memory);
    names.restore(nullptr);
    EXPECT_EQ(names.size(), 0U);
}

TEST(ClientStatements, VersionsNeverComeTwice)
{
    client_statements names;
    EXPECT_FALSE(names.has_unnamed());
    EXPECT_EQ(names.unnamed().version, 0U);
    EXPECT_EQ(names.next_version(), 1U);
    EXPECT_EQ(names.next_version(), 2U);
}

}  // namespace
