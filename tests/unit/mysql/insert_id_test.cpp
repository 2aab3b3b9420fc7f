// SPDX-License-Identifier: Apache-2.0
//
// LAST_INSERT_ID() where no packet tells of it and where the client's text does not name it.
#include "protocols/mysql/tracking.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

const std::string question = "\3SELECT LAST_INSERT_ID()";

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

/// What is asked behind a statement with that answer, before the server goes to somebody else.
list asked_behind(std::string_view text, const std::vector<std::string>& reply)
{
    exchange talk{modern, modern & ~capability::long_password};
    talk.send(ask::query(text));
    talk.reply(reply);
    talk.sent_to_server();
    talk.settle();
    return talk.asked();
}

/// What goes to a server with another session's id.
list sent_to_anothers(const std::string& command)
{
    exchange talk;
    talk.server->has_insert_id(99);
    talk.send(command);
    return talk.asked();
}

TEST(MysqlInsertId, IsAskedForBehindWhatDrewOneUntold)
{
    const list rows{"\1", say::column("x"), say::text("5"), say::end()};
    EXPECT_EQ(asked_behind("INSERT INTO t(x) VALUES (77) RETURNING x", rows), list{question});
    EXPECT_EQ(asked_behind("/* a */ INSERT INTO t(x) VALUES (77) RETURNING x", rows), list{question});
    EXPECT_EQ(asked_behind("LOAD DATA INFILE 'a' INTO TABLE t", {say::ok()}), list{question});
    EXPECT_EQ(asked_behind("SET last_insert_id = 5", {say::ok({.changes = say::variable("last_insert_id", "5")})}),
              list{question});
    const auto failed = asked_behind("INSERT INTO t(x) VALUES (1), (1)", {say::err(1062, "Duplicate entry")});
    EXPECT_NE(std::find(failed.begin(), failed.end(), question), failed.end());
}

TEST(MysqlInsertId, IsNotAskedForBehindWhatDrawsNone)
{
    const list row{"\1", say::column("x"), say::text("5"), say::end()};
    for (const auto& asked : {asked_behind("SELECT x FROM t", row),
                              asked_behind("UPDATE t SET x = 5", {say::ok({.affected = 1})}),
                              asked_behind("INSERT INTO t VALUES (1)", {say::ok({.affected = 1})}),
                              asked_behind("INSERT INTO t VALUE", {say::err(1064, "syntax")}),
                              asked_behind("SELECT nosuch", {say::err(1054, "Unknown column")})}) {
        EXPECT_EQ(std::find(asked.begin(), asked.end(), question), asked.end());
    }
}

TEST(MysqlInsertId, IsBroughtToWhateverMayRunATrigger)
{
    for (const auto* const text : {"INSERT INTO t VALUES (1)",
                                   "UPDATE t SET a = 1",
                                   "/*! DELETE FROM t */",
                                   "SELECT 1; DELETE FROM t",
                                   "EXECUTE s",
                                   "LOAD DATA INFILE 'a' INTO TABLE t",
                                   "CALL p()",
                                   "SELECT LAST_INSERT_ID()",
                                   "WITH a AS (SELECT 1) DELETE FROM t"}) {
        EXPECT_EQ(sent_to_anothers(ask::query(text)), query_of("DO LAST_INSERT_ID(0)")) << text;
    }
}

TEST(MysqlInsertId, IsNotBroughtToReads)
{
    for (const auto* const text :
         {"SELECT 1", "SHOW STATUS", "BEGIN", "COMMIT", "SET a = 1", "WITH a AS (SELECT 1) SELECT 2"}) {
        EXPECT_EQ(sent_to_anothers(ask::query(text)), query_of(text));
    }
}

TEST(MysqlInsertId, IsReplacedBeforeAReadThatMayBeOneOfAView)
{
    for (const auto* const text : {"(select a from t)", "DO (SELECT a FROM t)", "WITH a AS (TABLE t) SELECT 1"}) {
        exchange talk;
        talk.run("INSERT INTO t VALUES ()", {say::ok({.affected = 1, .insert_id = 42})});
        talk.server->has_insert_id(99);
        EXPECT_EQ(talk.send(ask::query(text)), front_need::answers);
        EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(0)"))
            << "not 42, of which the next client would find nothing gone";
        talk.reply({say::ok()});
        EXPECT_EQ(talk.send(""), front_need::more);
        EXPECT_EQ(talk.asked(), query_of(text)) << "once";
        talk.reply({say::ok()});
        EXPECT_EQ(talk.send(ask::query("UPDATE t SET a = 1")), front_need::answers);
        EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(42)"));
    }
}

TEST(MysqlInsertId, IsBroughtToReadsThatFindRowsByIt)
{
    exchange talk;
    talk.run("SET sql_auto_is_null = 1", {say::ok({.changes = say::variable("sql_auto_is_null", "ON")})});
    talk.server->has_insert_id(99);
    talk.send(ask::query("SELECT * FROM t WHERE id IS NULL"));
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(0)"));
}

TEST(MysqlInsertId, IsBroughtToPreparedStatements)
{
    exchange talk;
    for (const auto* const text : {"INSERT INTO t VALUES (1)", "SELECT 1"}) {
        talk.send(ask::prepare(text));
        talk.reply({say::prepared(5, 0, 0)});
    }
    talk.sent_to_server();
    talk.server->has_insert_id(99);
    talk.send(ask::execute(2));
    EXPECT_EQ(talk.asked().size(), 1U);
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(0)"));
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(""), front_need::more);
}

TEST(MysqlInsertId, ComesAlongWithTheRestOfTheState)
{
    exchange talk;
    talk.server->parameters = parameter_set::of({{"time_zone", "+02:00"}});
    talk.server->has_insert_id(99);
    EXPECT_EQ(talk.send(ask::query("UPDATE t SET a = 1")), front_need::answers);
    EXPECT_EQ(talk.asked(), (list{"\3SET @@session.time_zone=DEFAULT", "\3DO LAST_INSERT_ID(0)"}));
    talk.reply({say::ok()});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("UPDATE t SET a = 1"));
}

TEST(MysqlInsertId, IsThereAgainBehindAReset)
{
    exchange talk;
    talk.run("INSERT INTO t VALUES ()", {say::ok({.affected = 1, .insert_id = 42})});
    talk.server->note_user(5);
    EXPECT_EQ(talk.send(ask::query("CALL p()")), front_need::answers);
    EXPECT_EQ(talk.asked(), (list{"\x1f", "\3DO LAST_INSERT_ID(42)"}));
}

TEST(MysqlInsertId, IsAskedForBeforeAReset)
{
    exchange talk;
    talk.server->note_user(5);
    talk.send(ask::query("INSERT INTO t VALUES ()"));
    talk.reply({say::ok({.affected = 1, .insert_id = 42})});
    talk.sent_to_server();
    EXPECT_EQ(talk.send(ask::query("CALL p()")), front_need::answers);
    EXPECT_EQ(talk.asked(), list{question});
    talk.reply({"\1", say::column("a"), say::text("41"), say::end()});
    EXPECT_EQ(talk.send(""), front_need::answers);
    EXPECT_EQ(talk.asked(), (list{"\x1f", "\3DO LAST_INSERT_ID(41)"}));
}

TEST(MysqlInsertId, IsBroughtToTextsThatPassThrough)
{
    exchange talk{modern, modern, {.inspected_statement = 0}};
    const auto text = "SELECT '" + std::string(20'000, 'x') + "'";
    talk.server->has_insert_id(99);
    EXPECT_EQ(talk.send(ask::query(text)), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(0)"));
    talk.reply({say::err(1317, "interrupted", "70100")});
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.told(), list{say::err(1317, "interrupted", "70100")});
    EXPECT_EQ(talk.send(ask::query(text)), front_need::answers) << "it is still not known";
    talk.sent_to_server();
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.asked(), query_of(text));
}

}  // namespace
}  // namespace penstock::mysql::test
