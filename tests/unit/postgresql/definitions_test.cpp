// SPDX-License-Identifier: Apache-2.0
//
// Which texts may change a database's functions.
#include "protocols/postgresql/definitions.hpp"

#include "protocols/postgresql/effects.hpp"

#include <gtest/gtest.h>

using namespace penstock::postgresql;

namespace {

bool defines(std::string_view text)
{
    const auto effects = inspect(text, {});
    return may_define_functions(text, effects.first_verb, effects.statements);
}

TEST(Definitions, ThoseOfFunctionsAreSeen)
{
    for (const auto* text : {"create or replace function f() returns int language sql as 'select 1'",
                             "CREATE PROCEDURE p() language sql as ''",
                             "alter function f() volatile",
                             "alter Routine f() volatile",
                             "drop function f",
                             "drop schema s cascade",
                             "create extension pgcrypto",
                             "create or replace view v as select f()",
                             "create table t (id bigserial)",
                             "create table t (id SERIAL8)",
                             "create table t (id int generated always as identity)",
                             "alter table t set unlogged",
                             "create policy p on t using (f())",
                             "do $$ begin execute 'create function ...'; end $$",
                             "select 1; drop aggregate a(int)",
                             "begin; alter function f() stable; commit"}) {
        EXPECT_TRUE(defines(text)) << text;
    }
}

TEST(Definitions, OthersAreNot)
{
    for (const auto* text : {"create table t(a int)",
                             "create temporary table malfunction(a int)",
                             "alter table t add b int",
                             "drop table t",
                             "select function from t",
                             "select 1; select 2",
                             "begin; set transaction isolation level serializable",
                             "set default_transaction_isolation = 'serializable'; set work_mem = '1MB'",
                             "select 1; select n from rule",
                             "create table viewers(a int)",
                             "insert into procedures values (1)",
                             "do $$ begin end $$",
                             ""}) {
        EXPECT_FALSE(defines(text)) << text;
    }
}

}  // namespace
