// SPDX-License-Identifier: Apache-2.0
//
// What stored code leaves in a connection is reported by no server: sessions that run it, and those that read user
// variables where another session has been.
#include "protocols/mysql/tracking.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

TEST(MysqlStoredCode, PinsForWhatItMayHaveLeft)
{
    for (const auto* const text : {"CALL p()", "SELECT f(1)", "SELECT app.concat(1)", "DO `f`()"}) {
        exchange talk;
        talk.run(text, {say::ok()});
        EXPECT_EQ(to_string(talk.client.pins()), "opaque") << text;
        exchange failing;
        failing.run(text, {say::err(1644, "no")});
        EXPECT_TRUE(failing.client.pins().has(pin_reason::opaque)) << text;
    }
}

TEST(MysqlStoredCode, OfACompoundStatementPinsWhereItCanHaveRun)
{
    for (const auto* const text : {"IF 1 THEN DO 1; END IF", "BEGIN NOT ATOMIC SET @a = 1; END", "BEGIN DO 1; END"}) {
        exchange talk;
        talk.run(text, {say::err(1064, "some text inside")});
        EXPECT_EQ(to_string(talk.client.pins()), "opaque") << text;
    }
    exchange talk{modern, modern | capability::long_password};
    talk.run("BEGIN TRANSACTION", {say::err(1064, "MySQL knows no such thing")});
    EXPECT_TRUE(talk.client.pins().empty());
}

/// A trigger may have changed settings; servers tell of that with a later statement, which must be its session's.
TEST(MysqlFailed, StatementHasTheServerTellWhatItHasChangedBeforeItIsLeft)
{
    const auto shown = list{"\3", say::column("Level"), say::column("Code"), say::column("Message"), say::end()};
    exchange talk;
    talk.send(ask::query("INSERT INTO t VALUES (1)"));
    talk.answer(packets({say::err(1062, "Duplicate entry")}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), (list{"\3SHOW WARNINGS", "\3SELECT LAST_INSERT_ID()", "\3SET sql_mode=@@sql_mode"}));
    talk.reply(shown);
    talk.reply({"\1", say::column("LAST_INSERT_ID()"), say::text("0"), say::end()});
    talk.answer(
        packets({say::ok({.changes = say::variable("sql_mode", "") + say::variable("lock_wait_timeout", "7")})}));
    EXPECT_FALSE(talk.client.must_stay());
    ASSERT_NE(talk.client.state().current()->find("lock_wait_timeout"), nullptr);
    EXPECT_EQ(talk.client.state().current()->find("sql_mode"), nullptr) << "that was what was asked with";
}

TEST(MysqlFailed, StatementThatCannotHaveRunIsNotAskedAfter)
{
    exchange talk;
    talk.send(ask::query("SELEC"));
    talk.answer(packets({say::err(1064, "syntax")}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), list{"\3SHOW WARNINGS"});
}

TEST(MysqlFailed, StatementInATransactionIsAskedAfterAtItsEnd)
{
    constexpr auto open = server_status::in_transaction | server_status::autocommit;
    exchange talk;
    talk.run("BEGIN", {say::ok({.status = open})});
    talk.send(ask::query("INSERT INTO t VALUES (1)"));
    talk.answer(packets({say::err(1062, "Duplicate entry")}));
    talk.sent_to_server();
    EXPECT_FALSE(talk.settle());
    EXPECT_TRUE(talk.client.must_stay()) << "were its client to leave, the connection would have to be cleaned";
    talk.send(ask::query("COMMIT"));
    talk.answer(packets({say::ok()}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), (list{"\3SELECT LAST_INSERT_ID()", "\3SET sql_mode=@@sql_mode"}));
}

TEST(MysqlFailed, StatementThatHasChangedTheModeTellsIt)
{
    exchange talk;
    talk.server->note_default_sql_mode("STRICT_TRANS_TABLES");
    talk.send(ask::query("IF 1 THEN SET sql_mode='ANSI'; SIGNAL SQLSTATE '45000'; END IF"));
    talk.answer(packets({say::err(1644, "no")}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    talk.reply({"\3", say::column("Level"), say::column("Code"), say::column("Message"), say::end()});
    talk.answer(packets({say::ok({.changes = say::variable("sql_mode", "ANSI")})}));
    ASSERT_NE(talk.client.state().current()->find("sql_mode"), nullptr);
    EXPECT_EQ(*talk.client.state().current()->find("sql_mode"), "ANSI");
    EXPECT_EQ(talk.server->default_sql_mode(), "STRICT_TRANS_TABLES");
}

TEST(MysqlStoredCode, IsStillFollowed)
{
    exchange talk;
    talk.run("CALL p()", {say::ok({.changes = say::variable("lock_wait_timeout", "77")})});
    EXPECT_NE(talk.client.state().current()->find("lock_wait_timeout"), nullptr);
}

TEST(MysqlStoredCode, GetsAConnectionThatIsAsNew)
{
    exchange talk;
    talk.server->note_user(5);
    talk.server->parameters = parameter_set::of({{"time_zone", "+02:00"}});
    EXPECT_EQ(talk.send(ask::query("CALL p()")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SET @@session.time_zone=DEFAULT")) << "it was not known yet what comes";
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send(""), front_need::answers);
    EXPECT_EQ(talk.asked(), list{"\x1f"});
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send(""), front_need::answers);
    EXPECT_EQ(talk.asked(), list{'\3' + std::string{tracking_statement()}});
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("CALL p()"));
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST(MysqlUserVariables, OfAnEarlierSessionAreNull)
{
    exchange talk;
    talk.run("SET @mine = 5", {say::ok()});
    talk.server->note_user(5);
    EXPECT_EQ(talk.send(ask::query("SELECT @a, @mine, @`b`")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SET @`a`=_binary'',@`a`=NULL,@`b`=_binary'',@`b`=NULL"));
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("SELECT @a, @mine, @`b`"));
    talk.answer(packets({say::ok()}));
    EXPECT_FALSE(talk.client.must_stay());
    talk.send(ask::query("SELECT @a"));
    EXPECT_EQ(talk.asked(), query_of("SELECT @a")) << "it is this session's now";
    talk.answer(packets({say::ok()}));
    talk.server->note_user(5);
    EXPECT_EQ(talk.send(ask::query("SELECT @a")), front_need::answers) << "and then again not";
}

TEST(MysqlUserVariables, StayWhereNobodyElseHasBeen)
{
    exchange talk;
    talk.run("INSERT INTO t VALUES (1)", {say::ok()});  // a trigger may have set some
    EXPECT_EQ(talk.send(ask::query("SELECT @a")), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("SELECT @a"));
}

TEST(MysqlCounts, BehindAnotherStatementOfTheTextAreThatOnes)
{
    exchange talk;
    talk.send(ask::query("UPDATE t SET a = 1; SELECT ROW_COUNT()"));
    EXPECT_EQ(talk.asked(), query_of("UPDATE t SET a = 1; SELECT ROW_COUNT()"));
}

/// KILL QUERY may hit what goes in front of a command as well as the command.
TEST(MysqlInjected, ThatFailedAnswersTheCommand)
{
    exchange talk;
    talk.server->insert_id = 99;  // another session's
    EXPECT_EQ(talk.send(ask::query("SELECT LAST_INSERT_ID()")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(0)"));
    talk.answer(packets({say::err(1317, "interrupted", "70100")}));
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.asked(), list{});
    EXPECT_EQ(talk.told(), list{say::err(1317, "interrupted", "70100")});
    EXPECT_EQ(talk.send(ask::query("SELECT LAST_INSERT_ID()")), front_need::answers) << "it is still not known";
}

TEST(MysqlInjected, ThatFailedInATransactionEndsTheSession)
{
    exchange talk;
    talk.run("BEGIN", {say::ok({.status = server_status::in_transaction | server_status::autocommit})});
    talk.server->must_close = true;
    EXPECT_EQ(talk.send(ask::query("SELECT 1")), front_need::close) << "elsewhere it would run outside the transaction";
    EXPECT_EQ(talk.client.error().kind, error_kind::server_lost);
}

}  // namespace
}  // namespace penstock::mysql::test
