// SPDX-License-Identifier: Apache-2.0
//
// The client's half of an exchange: what each request becomes on its way to the server.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

std::string name_of(const statement_ptr& made)
{
    return made->server_name;
}

TEST(Front, PassesASimpleQueryUnchanged)
{
    exchange talk;
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
    const auto reply = wire::rows("1") + wire::ready();
    EXPECT_EQ(talk.answer(reply), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), reply);
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(Front, AsksForAServerBeforeARequestAndNotForASync)
{
    exchange talk;
    auto* const kept = talk.server;
    talk.server = nullptr;
    EXPECT_EQ(talk.send(wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::server);
    talk.server = kept;
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
}

TEST(Front, GivesNamedStatementsTheServersNames)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::bind("", "a") + wire::describe('S', "a") + wire::execute() +
              wire::sync());
    const auto known = talk.store.intern(wire::c_string("SELECT 1") + wire::short_number(0), {});
    EXPECT_EQ(talk.sent_to_server(),
              wire::parse(name_of(known), "SELECT 1") + wire::bind("", name_of(known)) +
                  wire::describe('S', name_of(known)) + wire::execute() + wire::sync());
    const auto reply = wire::parse_complete() + wire::bind_complete() + wire::parameter_description() +
                       wire::row_description(1) + wire::data_row("1") + wire::command_complete("SELECT 1") +
                       wire::ready();
    EXPECT_EQ(talk.answer(reply), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), reply);
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(Front, PreparesANamedStatementOnAnotherServerUnseen)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_server();
    talk.sent_to_client();
    talk.move_to(1);
    talk.send(wire::bind("", "a") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBES");
    talk.answer(wire::parse_complete() + wire::bind_complete() +
                wire::rows("1").substr(wire::row_description(1).size()) + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "2DCZ");
    talk.send(wire::bind("", "a") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BES");
}

TEST(Front, MakesUpTheReplyToParseOfAStatementTheServerKnows)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_server();
    talk.sent_to_client();
    talk.send(wire::close('S', "a") + wire::parse("a", "SELECT 1") + wire::bind("", "a") + wire::execute() +
              wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BES");
    talk.answer(wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "312CZ");
}

TEST(Front, CarriesASettingToAnotherServer)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = '5MB'"));
    talk.answer(wire::command_complete("SET") + wire::ready());
    EXPECT_TRUE(talk.client.must_stay());
    talk.sent_to_server();
    EXPECT_EQ(types_of(talk.sent_to_client()), "C");  // not ready before the value is known
    ASSERT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT pg_catalog.current_setting(E'work_mem',true)"));
    talk.answer(wire::rows("5MB") + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
    EXPECT_FALSE(talk.client.must_stay());
    talk.move_to(1);
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(),
              wire::query("SET exit_on_error=on;SELECT 1,pg_catalog.set_config(E'work_mem',E'5MB',"
                          "false);SET exit_on_error=off") +
                  wire::query("SELECT 1"));
    talk.answer(wire::set_config_answer() + wire::rows("1") + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), wire::rows("1") + wire::ready());
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
}

TEST(Front, RefusesABodyWhereThereIsNone)
{
    for (const char type : {'H', 'S', 'c', 'X'}) {
        exchange talk;
        talk.send(wire::query("SELECT 1"));
        talk.sent_to_server();
        std::string message{type};
        message.append("\0\0\0\5x", 5);
        EXPECT_EQ(talk.send(message), front_need::close) << type;
        EXPECT_EQ(talk.sent_to_server(), "") << type;
    }
}

}  // namespace
