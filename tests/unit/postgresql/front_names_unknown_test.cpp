// SPDX-License-Identifier: Apache-2.0
//
// Names in SQL that only the server knows, those that are nobody's, and how many there may be.
#include "tests/unit/postgresql/names_support.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

TEST(FrontNames, OneOfSeveralStatementsPinsUntilItIsDeallocated)
{
    for (const bool fails : {false, true}) {
        names talk;
        talk.send(wire::query("PREPARE p AS SELECT 1; SELECT 2"));
        talk.answer(wire::command_complete("PREPARE") + (fails ? wire::error("22012") : wire::rows("2")) +
                    wire::ready());
        talk.forget();
        EXPECT_TRUE(talk.client.pins().has(pin_reason::sql_prepare));
        const auto messages = wire::describe('S', "p") + wire::bind("", "p") + wire::execute() + wire::close('S', "p");
        talk.send(messages + wire::sync());
        EXPECT_EQ(talk.sent_to_server(), messages + wire::sync());
        talk.answer(wire::parameter_description() + wire::row_description(1) + wire::bind_complete() +
                    wire::data_row("1") + wire::command_complete("SELECT 1") + wire::close_complete() + wire::ready());
        EXPECT_TRUE(talk.client.pins().empty());
    }
}

TEST(FrontNames, ThePinIsThereAgainWhereACloseIsUndone)
{
    names talk;
    talk.send(wire::query("PREPARE p AS SELECT 1; PREPARE q AS SELECT 2"));
    talk.answer(wire::command_complete("PREPARE") + wire::command_complete("PREPARE") + wire::ready());
    talk.send(wire::close('S', "p") + wire::bind("", "nothing") + wire::close('S', "q") + wire::sync());
    talk.answer(wire::close_complete() + wire::error("26000") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::sql_prepare));
}

TEST(FrontNames, WhatSuchATextHasExecutedIsStillWhereItWas)
{
    names talk;
    talk.parse("q", "SELECT 1");
    talk.send(wire::query("PREPARE p AS SELECT 1; EXECUTE q; SELECT 1/0"));
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send({});
    talk.answer(wire::command_complete("PREPARE") + wire::rows("1") + wire::error("22012") + wire::ready());
    talk.forget();
    talk.send(wire::query("EXECUTE q"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE q"));
}

TEST(FrontNames, OfANameThatOnlyTheServerKnowsItSaysWhetherItIsTaken)
{
    names talk;
    talk.send(wire::query("PREPARE p AS SELECT 1; SELECT 1/0"));
    talk.answer(wire::error("22012") + wire::ready());
    talk.forget();
    talk.send(wire::parse("p", "SELECT 3") + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::parse("p", "SELECT 3") + wire::sync());
    talk.answer(wire::error("42P05") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::sql_prepare));
    talk.send(wire::parse("p", "SELECT 3") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    EXPECT_TRUE(talk.client.pins().empty());  // it was free, and is known now
    talk.forget();
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
}

TEST(FrontNames, ANameThatNobodyHasIsNoLongerUnknownOnceTheServerSaysSo)
{
    names talk;
    talk.send(wire::query("PREPARE p AS SELEC; SELECT 1"));
    talk.answer(wire::error("42601") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::sql_prepare));
    talk.send(wire::query("DEALLOCATE p"));
    talk.answer(wire::error("26000") + wire::ready());
    EXPECT_TRUE(talk.client.pins().empty());
}

TEST(FrontNames, NamesOfServersAreNobodys)
{
    names talk;
    const auto name = server_name(talk, "SELECT 1");
    for (const auto* command : {"EXECUTE ", "DEALLOCATE ", "SELECT 1; EXECUTE "}) {
        talk.send(wire::query(command + name));
        EXPECT_EQ(talk.sent_to_server(), "") << command;
        EXPECT_NE(talk.sent_to_client().find("26000"), std::string::npos) << command;
    }
    talk.send(wire::query("PREPARE " + name + " AS SELECT 2"));
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_NE(talk.sent_to_client().find("42939"), std::string::npos);
    talk.send(wire::parse("", "EXECUTE " + name) + wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_EQ(
        talk.sent_to_server(),
        wire::parse("", "EXECUTE " + name) + wire::bind("", "") + wire::parse("penstock_refused", "?") + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::error("42601") + wire::ready());
    EXPECT_NE(talk.sent_to_client().find("26000"), std::string::npos);
    talk.run("PREPARE ps_orders AS SELECT 1", "PREPARE");
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontNames, AreCutAsPostgresqlCutsThem)
{
    names talk;
    const std::string longest(63, 'x');
    talk.parse(longest + "y", "SELECT 1");
    talk.send(wire::query("EXECUTE " + longest + "z"));
    EXPECT_EQ(talk.sent_to_server(), wire::parse(longest, "SELECT 1") + wire::sync());
}

TEST(FrontNames, ALongQueryFindsWhatItNamesInItsBeginning)
{
    names talk;
    talk.parse("p", "SELECT $1");
    const auto text = wire::query("EXECUTE p('" + std::string(40000, 'x') + "')");
    EXPECT_EQ(talk.send(text.substr(0, 500)), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_EQ(talk.send(text.substr(500, 20000)), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::parse("p", "SELECT $1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send(text.substr(20500));
    EXPECT_EQ(talk.sent_to_server(), text);
}

TEST(FrontNames, TooManyAreRefused)
{
    names talk{{.statements = 1}};
    talk.run("PREPARE p AS SELECT 1", "PREPARE");
    talk.send(wire::query("PREPARE q AS SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_NE(talk.sent_to_client().find("54000"), std::string::npos);
    talk.run("DEALLOCATE p", "DEALLOCATE");
    talk.run("PREPARE q AS SELECT 1", "PREPARE");
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontNames, NoMoreAreLeftOnAServerThanAClientMayHave)
{
    names talk{{.statements = 4}};
    for (int number = 0; number < 50; ++number) {
        const auto name = "p" + std::to_string(number);
        talk.send(wire::query("PREPARE " + name + " AS SELECT 1"));
        talk.answer_all();
        talk.send(wire::close('S', name) + wire::sync());
        talk.answer(wire::ready());
        talk.forget();
        ASSERT_LE(talk.server->own.size(), 5U);
    }
}

TEST(FrontNames, OutliveTheServerTheyWereMadeOn)
{
    names talk;
    talk.run("PREPARE p AS SELECT 1", "PREPARE");
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    ASSERT_TRUE(talk.lose_server({error_kind::server_lost, "gone", {}}));
    talk.send(wire::query("ROLLBACK"));
    talk.forget();
    talk.move_to(1);
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), made_again("PREPARE p AS SELECT 1") + wire::sync());
}

TEST(FrontNames, DiscardAllForgetsThem)
{
    for (const auto* text : {"DISCARD ALL", "DEALLOCATE ALL"}) {
        names talk;
        talk.run("PREPARE p AS SELECT 1", "PREPARE");
        talk.run(text, text);
        EXPECT_EQ(talk.client.statement_count(), 0U) << text;
        EXPECT_EQ(talk.server->own.size(), 0U) << text;
        talk.send(wire::query("EXECUTE p"));
        EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p")) << text;
    }
}

TEST(FrontNames, ARefusedPinIsRefusedWhenItIsExecuted)
{
    names talk;
    pin_rules rules;
    rules.refused.add(pin_reason::advisory_lock);
    talk.client.follow(rules);
    talk.run("PREPARE p AS SELECT pg_advisory_lock(1)", "PREPARE");
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    talk.send(wire::bind("", "p") + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(), wire::parse("penstock_refused", "?") + wire::execute() + wire::sync());
}

}  // namespace
