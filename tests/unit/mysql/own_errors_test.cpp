// SPDX-License-Identifier: Apache-2.0
//
// What SHOW WARNINGS, GET DIAGNOSTICS and their like tell of errors that no server has answered.
#include "tests/unit/mysql/diagnostics_support.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

constexpr std::string_view waited = "Timed-out waiting to acquire database connection";

/// No connection for a statement.
void refuse(exchange& talk, std::string detail = {})
{
    talk.server = nullptr;
    talk.client.refuse({error_kind::borrow_timeout, std::move(detail), {}});
    EXPECT_EQ(talk.send(ask::query("INSERT INTO t VALUES (1)")), front_need::more);
    EXPECT_EQ(talk.told().at(0).substr(0, 3), "\xff\x1d\x25") << "9501";
}

/// The text goes to a server, in front of which this is asked and answered.
void ask_on(exchange& talk, std::size_t server, std::string_view text, const std::string& before, const list& answer)
{
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::query(text)), front_need::server);
    talk.move_to(server);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.asked(), list{'\3' + before});
    talk.reply(answer);
    EXPECT_EQ(talk.told(), list{});
    EXPECT_EQ(talk.send({}), front_need::more);
}

TEST(MysqlOwnErrors, AreShownOnceAServerHasSaidHow)
{
    for (const auto servers : {modern, on_mysql}) {
        exchange talk{modern, servers};
        const std::string detail(400, 'x');
        refuse(talk, detail);
        ask_on(talk, 0, "SHOW WARNINGS", "SHOW WARNINGS", warnings({row("1064", "another session's")}));
        EXPECT_EQ(talk.asked(), list{});
        EXPECT_EQ(talk.told().at(4), row("9501", detail));
        EXPECT_TRUE(talk.client.pins().empty());
        talk.server = nullptr;
        EXPECT_EQ(talk.send(ask::query("SELECT @@error_count")), front_need::more) << "now it is known";
        EXPECT_EQ(talk.told().at(2), say::text("1"));
    }
}

TEST(MysqlOwnErrors, AreSignalledWhereTheQuestionIsTheServersToAnswer)
{
    for (const auto* const text :
         {"GET DIAGNOSTICS @n = NUMBER", "SELECT @@error_count + 1", "SHOW WARNINGS; SELECT 1"}) {
        exchange talk;
        refuse(talk);
        ask_on(talk,
               0,
               text,
               "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=9501,MESSAGE_TEXT='" + std::string{waited} + "'",
               {say::err(9501, waited)});
        EXPECT_EQ(talk.asked(), list{'\3' + std::string{text}});
    }
}

TEST(MysqlOwnErrors, AreSignalledAnewOnEachServer)
{
    exchange talk;
    refuse(talk);
    for (const std::size_t server : {0, 1}) {
        talk.move_to(server);
        EXPECT_EQ(talk.send(ask::query("GET DIAGNOSTICS @n = NUMBER")), front_need::answers);
        EXPECT_TRUE(talk.asked().at(0).starts_with("\3SIGNAL"));
        talk.reply({say::err(9501, waited)});
        talk.send({});
        talk.asked();
        talk.reply({say::ok()});
        EXPECT_EQ(talk.send(ask::query("GET DIAGNOSTICS @n = NUMBER")), front_need::more) << "this one has it";
        talk.reply({say::ok()});
        talk.asked();
    }
}

TEST(MysqlOwnErrors, AreSignalledByWhatServersTake)
{
    exchange talk;
    refuse(talk, "'\n\xc3\xa9" + std::string(200, 'x'));
    talk.move_to(0);
    talk.send(ask::query("GET DIAGNOSTICS @n = NUMBER"));
    std::string hex = "273f3f3f";
    for (int each = 4; each < 128; ++each) {
        hex += "78";
    }
    EXPECT_EQ(talk.asked().at(0),
              "\3SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=9501,MESSAGE_TEXT=_utf8mb4 X'" + hex + "'");
}

TEST(MysqlOwnErrors, ThatCannotBeSignalledFailWhatAsksForThem)
{
    exchange talk;
    refuse(talk);
    ask_on(talk,
           0,
           "GET DIAGNOSTICS @n = NUMBER",
           "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=9501,MESSAGE_TEXT='" + std::string{waited} + "'",
           {say::err(1317, "Query execution was interrupted", "70100")});
    EXPECT_EQ(talk.asked(), list{});
    EXPECT_EQ(talk.told(), list{say::err(1317, "Query execution was interrupted", "70100")});
}

TEST(MysqlOwnErrors, AreForgottenBehindTheNextStatement)
{
    exchange talk;
    refuse(talk);
    talk.move_to(0);
    talk.send(ask::query("SELECT 1"));
    talk.reply({"\1", say::column("1"), say::text("1"), say::end()});
    talk.asked();
    talk.told();
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::answers);
    EXPECT_EQ(talk.asked(), list{"\3SELECT 1 FROM (SELECT 1) d"}) << "there are none, nor another session's";
}

TEST(MysqlOwnErrors, StayBehindACommandThatIsNoStatement)
{
    exchange talk{modern, on_mysql};
    refuse(talk);
    talk.move_to(0);
    talk.send(ask::command(command::ping));
    talk.reply({say::ok()});
    EXPECT_EQ(decode_ok(talk.told().back(), modern)->warnings, 1);
    talk.asked();
    ask_on(talk, 0, "SHOW ERRORS", "SHOW WARNINGS", warnings({}));
    EXPECT_EQ(talk.told().at(4), row("9501", waited));
}

TEST(MysqlOwnErrors, GiveMinusOneForRowCount)
{
    exchange talk;
    talk.run("INSERT INTO t VALUES (1), (2)", {say::ok({.affected = 2})});
    refuse(talk);
    talk.move_to(0);
    talk.send(ask::query("SELECT ROW_COUNT()"));
    EXPECT_NE(talk.asked().at(0).find("1000000000000000000"), std::string::npos) << "the server would say 2";
}

TEST(MysqlOwnErrors, AreThoseOfEveryCommandThatNoServerAnswers)
{
    const std::vector<std::pair<std::string, std::string>> commands{
        {ask::command(command::sleep), "1047"},
        {ask::execute(99), "1243"},
        {ask::on_statement(command::stmt_fetch, 99, ask::number(1)), "1243"},
        {ask::on_statement(command::stmt_reset, 99), "1243"},
        {ask::query("KILL (SELECT 1)"), "1235"},
        {ask::command(command::reset_connection, "x"), "1835"},
    };
    for (const auto& [octets, code] : commands) {
        exchange talk;
        EXPECT_EQ(talk.send(octets), front_need::more);
        const auto answer = talk.told().at(0);
        const auto told = decode_err(answer);
        ASSERT_TRUE(told);
        EXPECT_EQ(std::to_string(told->code), code);
        const std::string message{told->message};
        EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::answers);
        talk.reply(warnings({}));
        talk.send({});
        EXPECT_EQ(talk.told().at(4), row(code, message));
    }
}

TEST(MysqlOwnErrors, AreThoseOfAKillThatFails)
{
    exchange talk;
    EXPECT_EQ(talk.send(ask::query("KILL 5")), front_need::kill);
    std::string out;
    talk.client.on_killed(kill_result::unknown, out);
    talk.pending.clear();
    talk.send(ask::query("SHOW WARNINGS"));
    talk.reply(warnings({}));
    talk.send({});
    EXPECT_EQ(talk.told().at(4), row("1094", "Unknown thread id: 5"));
}

TEST(MysqlOwnErrors, AreThoseOfAServerThatIsLost)
{
    exchange talk;
    talk.send(ask::query("INSERT INTO t VALUES (1)"));
    std::string scratch;
    outbox to_client{scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::outcome_unknown, "gone", {}}, to_client));
    talk.move_to(1);
    talk.asked();
    ask_on(talk, 1, "SHOW WARNINGS", "SHOW WARNINGS", warnings({}));
    EXPECT_EQ(talk.told().at(4), row("2013", "gone"));
}

TEST(MysqlOwnErrors, AreThoseOfAStatementThatCannotBePreparedElsewhere)
{
    exchange talk;
    talk.send(ask::prepare("SELECT x FROM t"));
    talk.reply({say::prepared(77, 0, 0)});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
    talk.reply({say::err(1146, "no such table", "42S02")});
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.asked();
    talk.told();
    talk.move_to(2);
    EXPECT_EQ(talk.send(ask::query("GET DIAGNOSTICS @n = NUMBER")), front_need::answers);
    EXPECT_EQ(talk.asked(), list{"\3SIGNAL SQLSTATE '42S02' SET MYSQL_ERRNO=1146,MESSAGE_TEXT='no such table'"});
}

}  // namespace
}  // namespace penstock::mysql::test
