// SPDX-License-Identifier: Apache-2.0
//
// Warnings that whoever had a server connection before has left there.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

TEST(MysqlEarlier, WarningsOfAnotherSessionAreNotShown)
{
    exchange talk;
    talk.run("SELECT 1", {say::ok()});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SELECT 1 FROM (SELECT 1) d"));
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("SHOW WARNINGS"));
}

TEST(MysqlEarlier, WarningsOfAnotherSessionAreNotShownBehindAStatementThatLeavesThemEither)
{
    exchange talk;
    talk.servers[0]->last_statement = {99, 1};  // MariaDB keeps them while no table is used
    talk.send(ask::query("SELECT 1"));
    talk.reply({"\1", say::column("a"), say::text("1"), say::end()});
    EXPECT_EQ(talk.asked(), query_of("SELECT 1"));
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SELECT 1 FROM (SELECT 1) d"));
    talk.reply({say::ok()});
    talk.send({});
    EXPECT_EQ(talk.asked(), query_of("SHOW WARNINGS"));
    talk.reply({"\1", say::column("a"), say::end()});
    talk.send(ask::query("INSERT INTO t VALUES ('long')"));
    talk.reply({say::ok({.affected = 1, .warnings = 1})});
    talk.asked();
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::more) << "these are its own";
    EXPECT_EQ(talk.asked(), query_of("SHOW WARNINGS"));
}

}  // namespace
}  // namespace penstock::mysql::test
