// SPDX-License-Identifier: Apache-2.0
//
// What one server connection knows for certain, and what is in doubt.
#include "protocols/postgresql/known_statements.hpp"

#include <gtest/gtest.h>

using namespace penstock::postgresql;

namespace {

statement_ptr named(std::string name)
{
    auto made = std::make_shared<statement>();
    made->server_name = std::move(name);
    return made;
}

const auto a = named("a");
const auto b = named("b");
const auto c = named("c");

TEST(KnownStatements, WhatIsSentIsKnownToItsBatchAndWhatIsConfirmedToAll)
{
    known_statements known;
    EXPECT_FALSE(known.knows(a, 1));
    EXPECT_FALSE(known.may_hold(a));
    known.insert(a, 1);
    EXPECT_TRUE(known.knows(a, 1));
    EXPECT_FALSE(known.knows(a, 2));
    EXPECT_TRUE(known.may_hold(a));
    EXPECT_TRUE(known.was_sent_in(a, 1));
    known.confirm(a);
    EXPECT_TRUE(known.knows(a, 2));
    EXPECT_FALSE(known.was_sent_in(a, 1));
}

TEST(KnownStatements, ComparesNamesNotObjects)
{
    known_statements known;
    known.insert(a, 1);
    EXPECT_TRUE(known.knows(named("a"), 1));
    known.erase(named("a"));
    EXPECT_EQ(known.size(), 0U);
}

TEST(KnownStatements, ARefusalCountsForItsOwnBatch)
{
    known_statements known;
    known.insert(a, 1);
    known.insert(a, 2);  // sent again before the first was answered
    known.refuse(a, 1);
    EXPECT_TRUE(known.knows(a, 2));
    known.refuse(a, 2);
    EXPECT_FALSE(known.may_hold(a));
}

TEST(KnownStatements, WhatIsBeingClosedMayStillBeThere)
{
    known_statements known;
    known.insert(a, 1);
    known.confirm(a);
    known.erase(a);
    known.begin_close(a);
    known.begin_close(a);
    EXPECT_FALSE(known.knows(a, 2));
    EXPECT_TRUE(known.may_hold(a));
    known.end_close(a);
    EXPECT_TRUE(known.may_hold(a));
    known.end_close(a);
    EXPECT_FALSE(known.may_hold(a));
}

TEST(KnownStatements, ASkippedCloseLeavesItInDoubt)
{
    known_statements known;
    known.begin_close(a);
    known.undo_close(a);
    EXPECT_TRUE(known.may_hold(a));
    EXPECT_FALSE(known.knows(a, 1));
    known.insert(a, 5);
    known.begin_close(a);
    known.undo_close(a);
    EXPECT_TRUE(known.knows(a, 5));
}

TEST(KnownStatements, DoubtEndsWithThePreparedOrTheForgotten)
{
    known_statements known;
    known.insert(a, 1);
    known.insert(b, 1);
    known.confirm(a);
    known.confirm(b);
    known.doubt_all();
    EXPECT_FALSE(known.knows(a, 1));
    known.confirm(a);  // the answer to a Parse from before the doubt
    EXPECT_FALSE(known.knows(a, 1));
    known.insert(a, 2);
    known.erase_doubtful();
    EXPECT_TRUE(known.knows(a, 2));
    EXPECT_FALSE(known.may_hold(b));
    known.doubt(a);
    known.erase_if_doubtful(a);
    EXPECT_FALSE(known.may_hold(a));
}

TEST(KnownStatements, TheLeastRecentlyUsedGoesFirst)
{
    known_statements known;
    for (const auto& each : {a, b, c}) {
        known.insert(each, 1);
    }
    EXPECT_EQ(known.take_excess(3), nullptr);
    known.knows(a, 1);
    EXPECT_EQ(known.take_excess(2), b);
    EXPECT_EQ(known.take_excess(1), c);
    EXPECT_EQ(known.take_excess(0), a);
    EXPECT_EQ(known.take_excess(0), nullptr);
}

TEST(KnownStatements, ClearForgetsAll)
{
    known_statements known;
    known.insert(a, 1);
    known.begin_close(b);
    known.clear();
    EXPECT_FALSE(known.may_hold(a));
    EXPECT_FALSE(known.may_hold(b));
    EXPECT_EQ(known.size(), 0U);
}

}  // namespace
