// SPDX-License-Identifier: Apache-2.0
//
// What servers report of a session, and what the client is told of it: its own wishes, and what no report tells.
#include "protocols/mysql/protocol.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

TEST(MysqlTracking, IsToldOnlyAsTheClientAskedForIt)
{
    const auto changes = say::variable("autocommit", "ON") + say::variable("sql_mode", "") + say::schema("b") +
                         say::state_changed() + say::variable("redirect_url", "mysql://elsewhere");
    exchange talk;
    talk.send(ask::query("SET autocommit=1, sql_mode=''"));
    talk.answer(packets({say::ok({.changes = changes})}));
    EXPECT_EQ(talk.sent_to_client(),
              packets({say::ok({.changes = say::variable("autocommit", "ON") + say::schema("b")})}));
    talk.run("SET session_track_system_variables='*'",
             {say::ok({.changes = say::variable("session_track_system_variables", "*")})});
    talk.send(ask::query("SET autocommit=1, sql_mode=''"));
    talk.answer(packets({say::ok({.changes = changes})}));
    EXPECT_EQ(talk.sent_to_client(),
              packets({say::ok(
                  {.changes = say::variable("autocommit", "ON") + say::variable("sql_mode", "") + say::schema("b")})}));
}

/// MySQL numbers its statements in every reply to whoever tracks all variables, as Penstock does.
TEST(MysqlTracking, OfStatementsNumbersIsToldOnlyToWhoeverWantsAllVariables)
{
    const auto number = say::variable("statement_id", "42");
    exchange talk;
    const auto told = [&](const std::string& changes) {
        talk.send(ask::query("SELECT 1"));
        EXPECT_EQ(talk.answer(packets({say::ok({.changes = changes})})), advance_result::ok);
        return talk.sent_to_client();
    };
    for (const auto& kept : {std::string{}, say::schema("b"), say::variable("autocommit", "ON")}) {
        EXPECT_EQ(told(number), packets({say::ok()}));
        EXPECT_EQ(told(number + kept), packets({say::ok({.changes = kept})}));
        EXPECT_EQ(told(kept + number), packets({say::ok({.changes = kept})}));
    }
    EXPECT_EQ(told(say::variable("statement_id", std::string(200, '1'))), packets({say::ok()}));
    const std::string two_in_one =
        say::text("statement_id") + say::text("42") + say::text("autocommit") + say::text("ON");
    EXPECT_EQ(told('\0' + say::text(two_in_one)), packets({say::ok({.changes = say::variable("autocommit", "ON")})}));
    talk.run("SET session_track_system_variables='*'",
             {say::ok({.changes = say::variable("session_track_system_variables", "*")})});
    talk.sent_to_client();
    EXPECT_EQ(told(number), packets({say::ok({.changes = number})}));
}

TEST(MysqlTracking, OfAStatementsNumberThatIsMalformedIsAFault)
{
    for (auto broken :
         {say::variable("statement_id", "42") + '\5', say::variable("statement_id", "42").substr(0, 16)}) {
        exchange talk;
        talk.send(ask::query("SELECT 1"));
        EXPECT_EQ(talk.answer(packets({say::ok({.changes = broken})})), advance_result::violation);
    }
}

TEST(MysqlTracking, IsNotToldToAClientThatHasNotAgreedToIt)
{
    exchange talk{untracked, modern};
    talk.send(ask::query("SET autocommit=1"));
    talk.answer(packets({say::ok({.changes = say::variable("autocommit", "ON")})}));
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok()}));
}

TEST(MysqlTracking, OfACallIsFlaggedByEachEofUpToTheNextOkOnMariaDb)
{
    constexpr auto more = static_cast<std::uint16_t>(server_status::autocommit | server_status::more_results_exist);
    for (const bool is_call : {true, false}) {
        exchange talk{old, modern};
        talk.send(ask::query(is_call ? "CALL p()" : "SELECT f(); SELECT 2"));
        std::uint8_t number = 1;
        const auto result = [&](const say::ok_fields& end) {
            std::string reply;
            for (const auto& each : {std::string{"\1"}, say::column("a"), say::text("1"), say::end(end)}) {
                number = append_packet(reply, number, each);
            }
            talk.answer(reply);
            return (decode_eof(talk.told().back())->status & server_status::session_state_changed) != 0;
        };
        EXPECT_TRUE(result({.status = more, .changes = say::schema("other")}));
        EXPECT_EQ(result({.status = more}), is_call);
    }
}

TEST(MysqlTracking, HeldBackByAnEofIsToldByMySqlsNextOkButNotByAResets)
{
    for (const bool resets : {true, false}) {
        exchange talk{old, modern | capability::long_password};
        talk.send(ask::query("SELECT 1"));
        talk.answer(packets({"\1", say::column("a"), say::text("1"), say::end({.changes = say::schema("other")})}));
        talk.sent_to_client();
        talk.send(resets ? ask::command(command::reset_connection) : ask::query("DO 1"));
        talk.answer(packets({say::ok()}));
        const auto told = resets ? say::ok() : say::ok({.changes = say::schema("other")});
        EXPECT_EQ(talk.sent_to_client(), packets({told}));
    }
}

TEST(MysqlTracking, OfTheClientIsNotTheServers)
{
    exchange talk;
    talk.send(ask::query("SET session_track_schema=OFF"));
    talk.answer(packets({say::ok({.changes = say::variable("session_track_schema", "OFF")})}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), (list{'\3' + std::string{tracking_statement()}}));
    talk.answer(packets({say::ok({.changes = say::variable("session_track_schema", "ON")})}));
    talk.sent_to_client();
    talk.move_to(1);
    talk.send(ask::query("SELECT 1"));
    EXPECT_EQ(talk.asked(), list{"\3SELECT 1"});
}

/// The server does not report the very statement that tells it to report less.
TEST(MysqlTracking, IsAskedForWhereItWasNotReported)
{
    exchange talk;
    talk.send(ask::query("SET session_track_system_variables='sql_mode'"));
    talk.answer(packets({say::ok({.changes = say::state_changed()})}));
    talk.sent_to_server();
    talk.sent_to_client();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), ask::query(wishes_query()) + ask::query(tracking_statement()));
    talk.answer(packets({"\4",
                         say::column("a"),
                         say::column("b"),
                         say::column("c"),
                         say::column("d"),
                         say::text("sql_mode") + say::text("0") + say::text("0") + say::text("OFF"),
                         say::end()}));
    talk.answer(packets({say::ok({.changes = say::variable("session_track_schema", "ON")})}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_FALSE(talk.client.must_stay() || talk.server->must_close);
    talk.send(ask::query("SET autocommit=1, sql_mode=''"));
    talk.answer(packets(
        {say::ok({.changes = say::variable("autocommit", "ON") + say::variable("sql_mode", "") + say::schema("b")})}));
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok({.changes = say::variable("sql_mode", "")})}));
}

TEST(MysqlTracking, ChangedWithSomethingElsePins)
{
    exchange talk;
    talk.run("SET session_track_system_variables='', sql_mode=''", {say::ok({.changes = say::state_changed()})});
    EXPECT_TRUE(talk.client.pins().has(pin_reason::unknown_setting));
}

TEST(MysqlTracking, OfWishesThatCannotBeReadClosesTheServer)
{
    exchange talk;
    talk.send(ask::query("SET session_track_system_variables='sql_mode'"));
    talk.answer(packets({say::ok()}));
    EXPECT_TRUE(talk.settle());
    talk.answer(packets({"\1", say::column("a"), say::text("sql_mode"), say::end()}));
    EXPECT_TRUE(talk.server->must_close);
}

TEST(MysqlState, OfOneStatementIsNotTheSessions)
{
    exchange talk;
    talk.run("SET STATEMENT max_statement_time=7 FOR DO 1",
             {say::ok({.changes = say::variable("max_statement_time", "7.000000")})});
    EXPECT_EQ(talk.client.state().current()->find("max_statement_time"), nullptr);
    EXPECT_TRUE(talk.client.pins().empty());
}

/// MariaDB says nothing of SET @@name = ..., so the variable is assigned to itself.
TEST(MysqlState, IsAskedForWhereMariaDbIsSilent)
{
    exchange talk;
    talk.send(ask::query("SET @@sort_buffer_size=50000, lock_wait_timeout=7"));
    talk.answer(packets({say::ok({.changes = say::variable("lock_wait_timeout", "7")})}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), list{"\3SET sort_buffer_size=@@session.sort_buffer_size"});
    talk.answer(packets({say::ok({.changes = say::variable("sort_buffer_size", "50000")})}));
    EXPECT_FALSE(talk.client.must_stay());
    ASSERT_NE(talk.client.state().current()->find("sort_buffer_size"), nullptr);
    EXPECT_EQ(*talk.client.state().current()->find("sort_buffer_size"), "50000");
    EXPECT_NE(talk.client.state().current()->find("lock_wait_timeout"), nullptr);
}

TEST(MysqlState, ThatCannotBeAskedForPins)
{
    exchange odd;
    odd.run("SET @@timestamp=5", {say::ok()});
    EXPECT_TRUE(odd.client.pins().has(pin_reason::unknown_setting));
    exchange refused;
    refused.send(ask::query("SET @@sort_buffer_size=50000"));
    refused.answer(packets({say::ok()}));
    EXPECT_TRUE(refused.settle());
    refused.answer(packets({say::err(1227, "denied")}));
    EXPECT_TRUE(refused.client.pins().has(pin_reason::unknown_setting));
}

TEST(MysqlState, ThatWasNotSetIsNotAskedFor)
{
    exchange talk;
    talk.send(ask::query("SET @@there_is_no_such_variable=5"));
    talk.answer(packets({say::err(1193, "Unknown system variable")}));
    talk.sent_to_server();
    talk.settle();
    EXPECT_EQ(talk.asked(), (list{"\3SHOW WARNINGS", "\3SET sql_mode=@@sql_mode"}));
    EXPECT_TRUE(talk.client.pins().empty());
    const auto mysqls = modern | capability::long_password;
    exchange reporting{mysqls, mysqls};
    reporting.run("SET @@sort_buffer_size=50000", {say::ok({.changes = say::variable("sort_buffer_size", "50000")})});
    EXPECT_FALSE(reporting.client.must_stay());
}

}  // namespace
}  // namespace penstock::mysql::test
