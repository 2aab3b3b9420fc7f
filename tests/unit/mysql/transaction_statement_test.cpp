// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/transaction_statement.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::mysql;

namespace {

constexpr auto unstated = transaction_access::unstated;
constexpr auto read_only = transaction_access::read_only;
constexpr auto read_write = transaction_access::read_write;

TEST(MysqlTransactionStatement, IsReadStrictly)
{
    struct row {
        std::string_view text;
        transaction_statement expected;
    };
    constexpr transaction_statement other{};
    const row table[] = {
        {"begin", {block_role::begins}},
        {" BEGIN WORK ;", {block_role::begins}},
        {"begin not atomic select 1; end", other},
        {"start transaction", {block_role::begins}},
        {"START TRANSACTION READ ONLY", {block_role::begins, read_only}},
        {"/* a */ start -- b\n transaction # c\n read only;;", {block_role::begins, read_only}},
        {"start transaction read write", {block_role::begins, read_write}},
        {"start transaction with consistent snapshot", {block_role::begins, unstated, true}},
        {"start transaction read only, with consistent snapshot", {block_role::begins, read_only, true}},
        {"start transaction with consistent snapshot, read only", {block_role::begins, read_only, true}},
        {"start transaction read only, read only", other},
        {"start transaction read only read write", other},
        {"start transaction read only,", other},
        {"start transaction , read only", other},
        {"start transaction read", other},
        {"start transaction read committed", other},
        {"start transaction /*!50000 read only */", other},
        {"start transaction read only; select 1", other},
        {"start replica", other},
        {"start `transaction` read only", other},
        {"commit", {block_role::ends}},
        {"commit work and no chain no release", {block_role::ends}},
        {"commit and chain", {block_role::ends}},
        {"commit release", other},
        {"commit and", other},
        {"commit; begin", other},
        {"rollback", {block_role::ends}},
        {"rollback work and chain", {block_role::ends}},
        {"rollback to savepoint `a`", {block_role::marks}},
        {"rollback work to a", {block_role::marks}},
        {"rollback to", other},
        {"savepoint a", {block_role::marks}},
        {"savepoint a b", other},
        {"release savepoint a", {block_role::marks}},
        {"release a", other},
        {"set autocommit = 1", {block_role::ends}},
        {"SET autocommit=ON", {block_role::ends}},
        {"set autocommit = 0", other},
        {"set autocommit = 1, @x = 1", other},
        {"insert into t values (';')", {block_role::refused}},
        {"update t set n = 1", {block_role::refused}},
        {"delete from t; select 1", other},
        {"replace into t values (1)", {block_role::refused}},
        {"create temporary table x (n int)", {block_role::refused}},
        {"drop temporary table x", {block_role::refused}},
        {"create table x (n int)", other},
        {"select 1", other},
        {"xa start 'x'", other},
        {"", other},
        {";", other},
        {"savepoint 'unended", other},
    };
    for (const auto& row : table) {
        EXPECT_EQ(read_transaction(row.text, {}), row.expected) << row.text;
        const bool has_role = row.expected.role != block_role::other && row.expected.role != block_role::refused;
        EXPECT_TRUE(!has_role || may_be_about_transactions(row.text)) << row.text;
    }
    for (const auto* usual : {"select 1", "insert into t values (1)", "with a as (select 1) select 1", "", "b", "s"}) {
        EXPECT_FALSE(may_be_about_transactions(usual)) << usual;
    }
}

TEST(MysqlTransactionStatement, KnowsIsolationByItsName)
{
    EXPECT_EQ(isolation_of("READ-COMMITTED"), isolation::committed);
    EXPECT_EQ(isolation_of("READ-UNCOMMITTED"), isolation::committed);
    EXPECT_EQ(isolation_of("REPEATABLE-READ"), isolation::repeatable);
    EXPECT_EQ(isolation_of("SERIALIZABLE"), isolation::serializable);
    EXPECT_EQ(isolation_of(""), isolation::unknown);
}

TEST(MysqlTransactionStatement, SaysWhereTheNextStatementGoes)
{
    struct row {
        bool reads;
        transaction_statement what;
        bool by_default;
        isolation level;
        block_step expected;
    };
    using enum isolation;
    const row table[] = {
        {true, {}, false, repeatable, block_step::stay},
        {true, {}, false, committed, block_step::stay},
        {false, {}, false, committed, block_step::move},
        {false, {}, false, repeatable, block_step::give_up},
        {false, {}, false, unknown, block_step::give_up},
        {false, {block_role::ends}, false, repeatable, block_step::stay},
        {false, {block_role::ends}, false, committed, block_step::stay},
        {false, {block_role::marks}, false, repeatable, block_step::stay},
        {false, {block_role::refused}, false, repeatable, block_step::stay},
        {false, {block_role::refused}, false, committed, block_step::move},
        {false, {block_role::begins}, false, repeatable, block_step::move},
        {false, {block_role::begins}, true, repeatable, block_step::stay},
        {false, {block_role::begins, read_only}, false, repeatable, block_step::stay},
        {false, {block_role::begins, read_write}, true, committed, block_step::move},
    };
    for (const auto& row : table) {
        EXPECT_EQ(next_in_block(row.reads, row.what, row.by_default, row.level), row.expected) << &row - table;
    }
}

}  // namespace
