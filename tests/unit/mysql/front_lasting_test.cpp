// SPDX-License-Identifier: Apache-2.0
//
// What outlasts COM_RESET_CONNECTION: nobody else may have it, and code that sets no role costs no connection.
#include "protocols/mysql/protocol.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

std::vector<std::string> role(std::string_view digits)
{
    return {std::string{'\1'}, say::column("r"), say::text(digits), say::end()};
}

/// The clean-up behind the session. Gives what it asks of the server.
list cleaned(exchange& talk)
{
    outbox to_server{talk.server_scratch};
    protocol::announce_reset(cleanup::everything, talk.client, *talk.server, to_server);
    talk.server_got.append(to_server.contents());
    to_server.clear();
    return talk.asked();
}

void reset_by_client(exchange& talk)
{
    talk.send(ask::command(command::reset_connection));
    talk.reply({say::ok()});
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(MysqlLasting, RolesAreClosedWithTheirConnection)
{
    exchange talk;
    talk.run("SET ROLE a", {say::ok()});
    EXPECT_EQ(cleaned(talk), list{});
    EXPECT_TRUE(talk.server->must_close);
}

TEST(MysqlLasting, RolesStayWithASessionThatResetsItself)
{
    exchange talk;
    talk.run("SET ROLE a", {say::ok()});
    reset_by_client(talk);
    EXPECT_FALSE(talk.settle());
    EXPECT_EQ(to_string(talk.client.pins()), "role");
    EXPECT_EQ(cleaned(talk), list{});
    EXPECT_TRUE(talk.server->must_close);
}

TEST(MysqlLasting, ARefusedRoleIsNone)
{
    exchange talk{modern, modern | capability::long_password};
    talk.run("SET ROLE a", {say::err(3530, "not granted")});
    EXPECT_EQ(to_string(talk.client.pins()), "");
    talk.run("DO 1; SET ROLE a", {say::err(1064, "no")});
    EXPECT_EQ(to_string(talk.client.pins()), "role") << "which of them has failed?";
}

TEST(MysqlLasting, OfAFailedListOnMariaDbMayHaveHappened)
{
    exchange talk;
    talk.run("SET PASSWORD = 'x', ROLE a", {say::err(1372, "no hash")});
    EXPECT_EQ(to_string(talk.client.pins()), "role");
}

TEST(MysqlLasting, CodeIsAskedForItsRoleWhereTheConnectionIsCleaned)
{
    struct example {
        std::string_view answer;
        bool is_kept;
    };
    for (const auto& [answer, is_kept] : {example{"4E4F4E45", true}, example{"61", false}}) {
        exchange talk;
        talk.run("CALL p()", {say::ok()});
        EXPECT_EQ(cleaned(talk), (list{"\x1f", std::string{role_query}}));
        talk.reply({say::ok()});
        talk.reply(role(answer));
        EXPECT_EQ(talk.server->must_close, !is_kept) << answer;
        EXPECT_EQ(cleaned(talk).size(), is_kept ? 1U : 2U) << "what was asked is known";
    }
}

TEST(MysqlLasting, TheRoleOfALoginIsAskedForOnceThereIsCode)
{
    exchange talk;
    talk.run("CALL p()", {say::ok()});
    talk.move_to(1);
    talk.server->set_tracking(false);
    talk.send(ask::query("CALL p()"));
    const auto asked = talk.asked();
    EXPECT_NE(std::find(asked.begin(), asked.end(), role_query), asked.end());
    talk.reply({say::ok()});
    talk.reply(role("61"));
    talk.reply({say::ok()});  // to DO LAST_INSERT_ID(0)
    talk.send("");
    EXPECT_EQ(talk.asked(), list{"\3CALL p()"});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.server->login_role, "61");
    EXPECT_EQ(cleaned(talk).back(), role_query);
    talk.reply({say::ok()});
    talk.reply(role("61"));
    EXPECT_FALSE(talk.server->must_close);
}

TEST(MysqlLasting, ASessionThatResetsItselfKeepsTheRoleOfItsCode)
{
    for (const auto* const answer : {"4E4F4E45", "61"}) {
        exchange talk;
        talk.run("PREPARE s FROM 'SET ROLE a'", {say::ok()});
        reset_by_client(talk);
        EXPECT_EQ(to_string(talk.client.pins()), "");
        EXPECT_TRUE(talk.client.must_stay()) << "until it is known";
        EXPECT_TRUE(talk.settle());
        EXPECT_EQ(talk.asked(), list{std::string{role_query}});
        talk.reply(role(answer));
        const bool has_role = answer != std::string_view{"4E4F4E45"};
        EXPECT_EQ(to_string(talk.client.pins()), has_role ? "role" : "");
        EXPECT_EQ(talk.client.must_stay(), has_role);
        EXPECT_EQ(talk.sent_to_client(), "");
    }
}

TEST(MysqlLasting, WhatIsWrittenDownOfStatementsIsTheirSessionsOnly)
{
    struct example {
        std::string_view text;
        std::string_view name;
        std::string_view value;
        bool lasts;
    };
    const example examples[] = {{"SET profiling = 1", "profiling", "ON", true},
                                {"SET profiling = 0", "profiling", "OFF", false},
                                {"CALL p()", "profiling", "OFF", true},
                                {"SET optimizer_trace = 1", "optimizer_trace", "enabled=on,one_line=off", true},
                                {"SET optimizer_trace = DEFAULT", "optimizer_trace", "enabled=off,one_line=off", false},
                                {"SET profiling_history_size = 5", "profiling_history_size", "5", false},
                                {"SET STATEMENT optimizer_trace = 1 FOR SELECT 1", "time_zone", "SYSTEM", true},
                                {"SET @@profiling = 1; SET @@profiling = 0", "time_zone", "SYSTEM", true}};
    for (const auto& [text, name, value, lasts] : examples) {
        exchange talk;
        talk.run(text, {say::ok({.changes = say::variable(name, value)})});
        EXPECT_EQ(talk.client.pins().has(pin_reason::unknown_setting), lasts) << text;
        EXPECT_EQ(talk.client.state().current()->find("profiling"), nullptr) << "it would begin elsewhere, too";
        cleaned(talk);
        EXPECT_EQ(talk.server->must_close, lasts) << text;
    }
}

TEST(MysqlLasting, AServerWithoutRolesHasNone)
{
    exchange talk;
    talk.run("CALL p()", {say::ok()});
    cleaned(talk);
    talk.reply({say::ok()});
    talk.reply({say::err(1305, "FUNCTION CURRENT_ROLE does not exist")});
    EXPECT_FALSE(talk.server->must_close);
}

TEST(MysqlLasting, WhatCannotBeAskedIsTakenForARole)
{
    exchange cleaning;
    cleaning.run("CALL p()", {say::ok()});
    cleaned(cleaning);
    cleaning.reply({say::ok()});
    cleaning.reply({say::err(1317, "interrupted")});
    EXPECT_TRUE(cleaning.server->must_close);
    exchange talk;
    talk.run("CALL p()", {say::ok()});
    reset_by_client(talk);
    talk.settle();
    talk.reply({say::err(1317, "interrupted")});
    EXPECT_EQ(to_string(talk.client.pins()), "role");
}

}  // namespace
}  // namespace penstock::mysql::test
