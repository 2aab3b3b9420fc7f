// SPDX-License-Identifier: Apache-2.0
//
// What is read as a statement that needs no server, and what is left to one.
#include "protocols/postgresql/local_statement.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;

namespace {

TEST(LocalStatement, ReadsBegin)
{
    const std::pair<const char*, const char*> table[] = {
        {"begin", "BEGIN"},
        {"BEGIN WORK;", "BEGIN"},
        {"/* a */ begin transaction -- b", "BEGIN"},
        {"start transaction read only", "BEGIN READ ONLY"},
        {"BEGIN READ WRITE", "BEGIN READ WRITE"},
        {"begin isolation level serializable read only deferrable",
         "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE"},
        {"begin isolation level repeatable read, not deferrable",
         "BEGIN ISOLATION LEVEL REPEATABLE READ NOT DEFERRABLE"},
        {"begin transaction isolation level read uncommitted, read only",
         "BEGIN ISOLATION LEVEL READ UNCOMMITTED READ ONLY"},
        {"begin isolation level read committed", "BEGIN ISOLATION LEVEL READ COMMITTED"},
    };
    for (const auto& [text, expected] : table) {
        const auto found = read_local(text, {});
        EXPECT_TRUE(found.kind == local_kind::begin || found.kind == local_kind::start) << text;
        EXPECT_EQ(found.modes.text(), expected) << text;
    }
}

TEST(LocalStatement, LeavesToTheServerWhatItMightRefuse)
{
    for (const auto* text : {"begin; select 1",
                             "begin read",
                             "begin read only,",
                             "begin , read only",
                             "begin read only read write",
                             "begin isolation level",
                             "begin isolation level snapshot",
                             "begin not",
                             "begin work work",
                             "start",
                             "begin 1",
                             "start transaction; commit",
                             "begin \"work\"",
                             "begin 'a",
                             "begin /* a",
                             "set transaction",
                             "set transaction snapshot '1'",
                             "set local transaction read only",
                             "select 1",
                             "",
                             ";",
                             "commit",
                             "set a.b = 1",
                             "set penstock.route",
                             "set penstock.route = ",
                             "set penstock.route = a, b",
                             "set penstock.route = 'a' 'b'",
                             "set penstock = 'replica'",
                             "set penstock.route.x = 'replica'",
                             "set penstock.route = 'it''s'",
                             "reset penstock",
                             "reset penstock.route, a",
                             "show penstock",
                             "show penstock.route; select 1",
                             "show penstock.route a",
                             "explain begin",
                             "begin atomic"}) {
        EXPECT_EQ(read_local(text, {}).kind, local_kind::none) << text;
    }
    EXPECT_EQ(read_local("begin " + std::string(2000, ' '), {}).kind, local_kind::none);
}

TEST(LocalStatement, ReadsSetTransaction)
{
    const auto found = read_local("SET TRANSACTION READ ONLY, ISOLATION LEVEL READ COMMITTED", {});
    EXPECT_EQ(found.kind, local_kind::set_transaction);
    transaction_modes modes{.access = transaction_access::read_write, .deferrable = false};
    modes.add(found.modes);
    EXPECT_EQ(modes.text(), "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY NOT DEFERRABLE");
}

TEST(LocalStatement, ReadsTheSetting)
{
    for (const auto* text : {"set penstock.route = 'replica'",
                             "SET Penstock.Route TO replica",
                             "set session \"penstock\".\"route\" to \"replica\";"}) {
        const auto found = read_local(text, {});
        EXPECT_EQ(found.kind, local_kind::set_route) << text;
        EXPECT_EQ(found.value, "replica") << text;
        EXPECT_FALSE(found.is_default || found.is_local) << text;
    }
    EXPECT_TRUE(read_local("set penstock.route to default", {}).is_default);
    EXPECT_FALSE(read_local("set penstock.route to 'default'", {}).is_default);
    EXPECT_TRUE(read_local("set local penstock.route to primary", {}).is_local);
    EXPECT_EQ(read_local("reset penstock.route", {}).kind, local_kind::reset_route);
    EXPECT_EQ(read_local("SHOW penstock.route", {}).kind, local_kind::show_route);
    EXPECT_EQ(route_of_setting("Primary"), route_hint::primary);
    EXPECT_EQ(route_of_setting("REPLICA"), route_hint::replica);
    EXPECT_EQ(route_of_setting("auto"), route_hint::none);
    EXPECT_EQ(route_of_setting("node=db1"), std::nullopt);
}

}  // namespace
