// SPDX-License-Identifier: Apache-2.0
//
// Statements that clients share, and the names servers know them by.
#include "protocols/postgresql/statement.hpp"

#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

#include <set>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

std::string definition(std::string_view text, std::initializer_list<std::uint32_t> types = {})
{
    auto made = wire::c_string(text) + wire::short_number(types.size());
    for (const auto type : types) {
        made += wire::number(type);
    }
    return made;
}

TEST(StatementStore, GivesEqualDefinitionsOneStatement)
{
    statement_store store;
    const auto one = store.intern(definition("SELECT 1"), {});
    EXPECT_EQ(store.intern(definition("SELECT 1"), {}), one);
    EXPECT_EQ(one->definition, definition("SELECT 1"));
}

TEST(StatementStore, WhateverChangesTheMeaningChangesTheName)
{
    statement_store store;
    std::set<std::string> names;
    names.insert(store.intern(definition("SELECT 1"), {})->server_name);
    names.insert(store.intern(definition("SELECT 2"), {})->server_name);
    names.insert(store.intern(definition("SELECT 1", {23}), {})->server_name);
    names.insert(store.intern(definition("SELECT 1", {25}), {})->server_name);
    names.insert(store.intern(definition("SELECT 1"), {.backslash_escapes = true})->server_name);
    names.insert(store.intern(definition("SELECT 1"), {.ambiguous_encoding = true})->server_name);
    names.insert(store.intern(definition("SELECT 1"), {}, "Asia/Tokyo")->server_name);
    EXPECT_EQ(names.size(), 7U);
    for (const auto& name : names) {
        EXPECT_TRUE(name.starts_with(server_name_prefix));
        EXPECT_LT(name.size(), 64U);  // NAMEDATALEN
    }
}

// Connections go from worker to worker with what they know.
TEST(StatementStore, AnotherStoreGivesTheSameName)
{
    statement_store one;
    statement_store other;
    EXPECT_EQ(one.intern(definition("SELECT 1"), {})->server_name,
              other.intern(definition("SELECT 1"), {})->server_name);
}

TEST(StatementStore, APrivateCopyHasANameOfItsOwn)
{
    statement_store store;
    const auto shared = store.intern(definition("SET work_mem = 1"), {});
    const auto one = statement_store::make_private(*shared);
    const auto other = statement_store::make_private(*shared);
    EXPECT_TRUE(is_server_name(one->server_name));
    EXPECT_NE(one->server_name, shared->server_name);
    EXPECT_NE(one->server_name, other->server_name);
    EXPECT_EQ(one->definition, shared->definition);
    EXPECT_EQ(one->effects, shared->effects);
    EXPECT_EQ(store.intern(definition("SET work_mem = 1"), {}), shared);
    const auto successor = store.succeed(one);
    EXPECT_TRUE(successor->is_private);
    EXPECT_NE(successor->server_name, one->server_name);
    EXPECT_EQ(store.size(), 1U);
}

TEST(StatementStore, KnowsLiteralsThatMeanAMoment)
{
    statement_store store;
    for (const std::string_view text : {"SELECT 'now'::timestamptz",
                                        "SELECT date 'TODAY'",
                                        "SELECT $$tomorrow 10:00$$::timestamp",
                                        "SELECT '[yesterday,now)'::tstzrange"}) {
        EXPECT_TRUE(store.intern(definition(text), {})->is_of_its_moment) << text;
    }
    for (const std::string_view text :
         {"SELECT now(), 'x'", "SELECT 'nowadays', 'unknow'", "SELECT now FROM t", "SELECT 1"}) {
        EXPECT_FALSE(store.intern(definition(text), {})->is_of_its_moment) << text;
    }
}

TEST(StatementStore, KnowsWhatExecutingLeavesBehind)
{
    statement_store store;
    EXPECT_EQ(store.intern(definition("SELECT 1"), {})->effects, nullptr);
    const auto set = store.intern(definition("SET work_mem = 1"), {});
    ASSERT_NE(set->effects, nullptr);
    EXPECT_EQ(set->effects->touched, std::vector<std::string>{"work_mem"});
    EXPECT_EQ(set->verb, statement_verb::set);
}

TEST(StatementStore, ASuccessorHasAnotherNameForEverybody)
{
    statement_store store;
    const auto stale = store.intern(definition("SELECT * FROM t"), {});
    const auto fresh = store.succeed(stale);
    EXPECT_EQ(fresh->server_name, stale->server_name + ".1");
    EXPECT_EQ(fresh->definition, stale->definition);
    EXPECT_EQ(store.intern(definition("SELECT * FROM t"), {}), fresh);
    EXPECT_EQ(store.succeed(stale), fresh);  // another client meets the same stale plan
    EXPECT_EQ(store.succeed(fresh)->server_name, stale->server_name + ".2");
}

TEST(StatementStore, AGenerationOutlivesItsStatement)
{
    statement_store store;
    auto stale = store.intern(definition("SELECT * FROM t"), {});
    const auto name = stale->server_name;
    stale = store.succeed(stale);
    stale.reset();
    for (int count = 0; count < 5000; ++count) {
        store.intern(definition("SELECT " + std::to_string(count)), {});
    }
    EXPECT_EQ(store.intern(definition("SELECT * FROM t"), {})->server_name, name + ".1");
}

TEST(StatementStore, ForgetsWhatNobodyHolds)
{
    statement_store store;
    const auto kept = store.intern(definition("SELECT 'kept'"), {});
    for (int count = 0; count < 10'000; ++count) {
        store.intern(definition("SELECT " + std::to_string(count)), {});
    }
    EXPECT_LT(store.size(), 2000U);
    EXPECT_EQ(store.intern(definition("SELECT 'kept'"), {}), kept);
}

}  // namespace
