// SPDX-License-Identifier: Apache-2.0
//
// PREPARE, EXECUTE and DEALLOCATE: a client's statements are the same ones for SQL and for the protocol, on whichever
// server it meets, and no other client's.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

constexpr std::string_view maker = "ps_00000000000000000000000000000000";

/// What is sent to prepare by SQL what was prepared by SQL, and what a server says to it.
std::string made_again(std::string_view text)
{
    return wire::close('S', maker) + wire::parse(maker, text) + wire::bind(maker, maker) + wire::execute(maker) +
           wire::close('P', maker) + wire::close('S', maker);
}
const std::string made = wire::close_complete() + wire::parse_complete() + wire::bind_complete() +
                         wire::command_complete("PREPARE") + wire::close_complete() + wire::close_complete();

std::string server_name(exchange& talk, std::string_view text)
{
    return talk.store.intern(wire::c_string(text) + wire::short_number(0), {})->server_name;
}

struct names : exchange {
    explicit names(front_limits limits = {}) : exchange{{}, limits} {}

    void run(std::string_view text, std::string_view tag)
    {
        send(wire::query(text));
        answer(wire::command_complete(tag) + wire::ready());
        forget();
    }
    void parse(std::string_view name, std::string_view text)
    {
        send(wire::parse(name, text) + wire::sync());
        answer(wire::parse_complete() + wire::ready());
        forget();
    }
    void forget()
    {
        sent_to_server();
        sent_to_client();
    }
    /// The server answers all that it is sent, and nothing fails.
    void answer_all()
    {
        for (int turn = 0; turn < 20 && !server->is_quiet(); ++turn) {
            std::string replies;
            for (const char type : types_of(sent_to_server())) {
                replies += type == 'P'   ? wire::parse_complete()
                           : type == 'B' ? wire::bind_complete()
                           : type == 'C' ? wire::close_complete()
                           : type == 'S' ? wire::ready()
                                         : wire::command_complete("DONE") + (type == 'Q' ? wire::ready() : "");
            }
            ASSERT_EQ(answer(replies), advance_result::ok);
            send({});
        }
        ASSERT_TRUE(server->is_quiet());
        forget();
    }
    [[nodiscard]] bool is_pinned() const { return client.must_stay(); }
};

TEST(FrontNames, AStatementOfSqlFollowsItsClient)
{
    names talk;
    talk.run("PREPARE p AS SELECT 1", "PREPARE");
    EXPECT_FALSE(talk.is_pinned());
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
    talk.answer(wire::rows("1") + wire::ready());
    talk.move_to(1);
    EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), made_again("PREPARE p AS SELECT 1") + wire::sync());
    talk.sent_to_client();
    talk.answer(made + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
}

TEST(FrontNames, AStatementOfTheProtocolIsExecutedBySql)
{
    names talk;
    talk.parse("p", "SELECT 1");
    EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::parse("p", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send({});
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "TDCZ");
    EXPECT_FALSE(talk.is_pinned());
}

TEST(FrontNames, WhatCannotBePreparedAgainIsTheAnswerToTheQuery)
{
    names talk;
    talk.run("PREPARE p AS SELECT x FROM t", "PREPARE");
    talk.move_to(1);
    talk.send(wire::query("EXECUTE p"));
    talk.answer(wire::close_complete() + wire::parse_complete() + wire::bind_complete() +
                wire::error("42P01", "no such table") + wire::ready());
    talk.forget();
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "");
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_NE(told.find("42P01"), std::string::npos);
    EXPECT_NE(told.find("no such table"), std::string::npos);
    talk.send(wire::query("EXECUTE p"));  // it is tried again
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "p") + made_again("PREPARE p AS SELECT x FROM t") + wire::sync());
}

TEST(FrontNames, InATransactionThatFailsIt)
{
    names talk;
    talk.parse("p", "SELECT x FROM t");
    talk.run("BEGIN", "BEGIN");
    talk.server = nullptr;
    talk.move_to(1);
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.forget();
    talk.send(wire::query("EXECUTE p"));
    talk.answer(wire::error("42P01") + wire::ready('E'));
    talk.forget();
    talk.send({});
    EXPECT_EQ(talk.sent_to_server(), wire::query("penstock_refused"));
    talk.answer(wire::error("25P02") + wire::ready('E'));
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_NE(told.find("42P01"), std::string::npos);
    EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));  // which the server refuses by itself
}

TEST(FrontNames, BindAndDescribeFindWhatSqlHasPrepared)
{
    names talk;
    talk.run("PREPARE p(int) AS SELECT $1", "PREPARE");
    talk.send(wire::describe('S', "p") + wire::bind("", "p", {"1"}) + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(),
              wire::describe('S', "p") + wire::bind("", "p", {"1"}) + wire::execute() + wire::sync());
    talk.answer(wire::parameter_description() + wire::row_description(1) + wire::bind_complete() + wire::data_row("1") +
                wire::command_complete("SELECT 1") + wire::ready());
    talk.move_to(1);
    talk.forget();
    talk.send(wire::bind("", "p", {"1"}) + wire::execute() + wire::sync());
    EXPECT_EQ(talk.sent_to_server(),
              made_again("PREPARE p(int) AS SELECT $1") + wire::bind("", "p", {"1"}) + wire::execute() + wire::sync());
    talk.answer(made + wire::bind_complete() + wire::data_row("1") + wire::command_complete("SELECT 1") +
                wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "2DCZ");
}

TEST(FrontNames, AnErrorOfWhatIsPreparedAgainAnswersTheBind)
{
    names talk;
    talk.run("PREPARE p AS SELECT x FROM t", "PREPARE");
    talk.move_to(1);
    talk.send(wire::bind("", "p") + wire::execute() + wire::sync());
    talk.answer(wire::close_complete() + wire::parse_complete() + wire::bind_complete() + wire::error("42P01") +
                wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(FrontNames, ATakenNameIsTheServersToRefuse)
{
    names talk;
    talk.parse("p", "SELECT 1");
    talk.send(wire::query("PREPARE p AS SELECT 2"));
    EXPECT_EQ(talk.sent_to_server(), wire::parse("p", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send({});
    EXPECT_EQ(talk.sent_to_server(), wire::query("PREPARE p AS SELECT 2"));
    talk.answer(wire::error("42P05") + wire::ready());
    talk.forget();
    talk.send(wire::bind("", "p") + wire::execute() + wire::sync());  // it is what it was
    EXPECT_EQ(talk.sent_to_server(), wire::bind("", server_name(talk, "SELECT 1")) + wire::execute() + wire::sync());
}

TEST(FrontNames, AParseOfANameThatSqlHasTakenIsRefused)
{
    names talk;
    talk.run("PREPARE p AS SELECT 1", "PREPARE");
    talk.send(wire::parse("p", "SELECT 2") + wire::sync());
    const auto name = server_name(talk, "SELECT 2");
    EXPECT_EQ(talk.sent_to_server(), wire::parse(name, "SELECT 2") + wire::parse(name, "SELECT 2") + wire::sync());
    talk.answer(wire::parse_complete() + wire::error("42P05") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
}

TEST(FrontNames, ADeallocatedOrClosedNameIsFreeForBoth)
{
    names talk;
    talk.run("PREPARE p AS SELECT 1", "PREPARE");
    talk.run("DEALLOCATE p", "DEALLOCATE");
    EXPECT_EQ(talk.client.statement_count(), 0U);
    EXPECT_EQ(talk.server->own.size(), 0U);
    talk.parse("p", "SELECT 2");
    talk.send(wire::query("EXECUTE p"));
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send({});
    talk.answer(wire::rows("2") + wire::ready());
    talk.forget();
    talk.send(wire::close('S', "p") + wire::sync());
    talk.answer(wire::ready());
    talk.forget();
    talk.send(wire::query("EXECUTE p"));  // the server still has it under that name
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "p") + wire::sync());
    talk.answer(wire::close_complete() + wire::ready());
    talk.send({});
    EXPECT_EQ(talk.sent_to_server(), wire::query("EXECUTE p"));
}

TEST(FrontNames, WhoeverGetsTheConnectionNextFindsNoNames)
{
    names talk;
    talk.run("PREPARE p AS SELECT 'secret'", "PREPARE");
    front other{talk.store, {}, parameter_set::of({}), 2};
    std::string server_scratch;
    std::string client_scratch;
    outbox to_server{server_scratch};
    outbox to_client{client_scratch};
    other.consume(wire::query("SELECT 1"), talk.server, to_server, to_client);
    EXPECT_EQ(to_server.contents(), wire::close('S', "p") + wire::sync() + wire::query("SELECT 1"));
    const auto answers = wire::close_complete() + wire::ready() + wire::rows("1") + wire::ready();
    talk.server->advance(answers, other, to_client);
    EXPECT_EQ(types_of(to_client.contents()), "TDCZ");
    EXPECT_EQ(talk.server->own.size(), 0U);
}

TEST(FrontNames, OneBatchMayPrepareAndUse)
{
    names talk;
    const auto batch = wire::parse("", "PREPARE p AS SELECT 1") + wire::bind("", "") + wire::execute() +
                       wire::bind("", "p") + wire::execute() + wire::sync();
    talk.send(batch);
    EXPECT_EQ(talk.sent_to_server(), batch);
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::error("42P05") + wire::ready());
    EXPECT_EQ(talk.client.statement_count(), 0U);  // all of it is undone
    talk.forget();
    talk.send(wire::query("EXECUTE p"));
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "p") + wire::sync());
}

TEST(FrontNames, WhatIsExecutedLeavesWhatItWouldLeave)
{
    names talk;
    talk.run("PREPARE p AS SELECT pg_advisory_lock(1)", "PREPARE");
    EXPECT_TRUE(talk.client.pins().empty());
    talk.send(wire::query("EXPLAIN ANALYZE EXECUTE p"));
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::advisory_lock));
}

TEST(FrontNames, WhatIsBoundLeavesItToo)
{
    names talk;
    talk.run("PREPARE p AS SELECT pg_advisory_lock(1)", "PREPARE");
    for (const auto& start : {wire::bind("", "p"), wire::parse("", "EXECUTE p") + wire::bind("", "")}) {
        talk.client.excuse(talk.client.pins());
        talk.send(start + wire::execute() + wire::sync());
        talk.answer((start[0] == 'P' ? wire::parse_complete() : "") + wire::bind_complete() +
                    wire::command_complete("SELECT 1") + wire::ready());
        EXPECT_TRUE(talk.client.pins().has(pin_reason::advisory_lock)) << start;
    }
}

TEST(FrontNames, SettingsThatAreMadeByExecutingAreAskedFor)
{
    names talk;
    talk.run("PREPARE p AS SELECT set_config('app.own', 'mine', false)", "PREPARE");
    EXPECT_FALSE(talk.client.parameters().needs_probe());
    talk.send(wire::query("EXECUTE p"));
    talk.answer(wire::rows("mine") + wire::ready());
    EXPECT_TRUE(talk.client.parameters().needs_probe());
}

TEST(FrontNames, WhatIsExecutedMayPrepareOrEndStatementsItself)
{
    names talk;
    talk.parse("make", "PREPARE p AS SELECT 1");
    talk.send(wire::parse("both", "EXECUTE make") + wire::sync());
    talk.answer_all();
    for (const auto* text : {"EXECUTE make", "EXECUTE both"}) {
        talk.send(wire::query(text));
        talk.answer_all();
        EXPECT_TRUE(talk.client.pins().has(pin_reason::sql_prepare)) << text;
        talk.send(wire::bind("", "p") + wire::execute() + wire::sync());  // it is the server's
        EXPECT_EQ(talk.sent_to_server(), wire::bind("", "p") + wire::execute() + wire::sync()) << text;
        talk.answer(wire::bind_complete() + wire::command_complete("SELECT 1") + wire::ready());
        talk.run("DEALLOCATE p", "DEALLOCATE");
        EXPECT_TRUE(talk.client.pins().empty()) << text;
    }
}

TEST(FrontNames, ASyncIsNotHeldBackForWhatTheServerSkips)
{
    names talk;
    talk.parse("p", "SELECT 1");
    const auto batch =
        wire::bind("", "nothing") + wire::parse("", "DEALLOCATE p") + wire::bind("", "") + wire::execute();
    talk.send(batch + wire::query("SELECT 2") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BPBPEQS");
    talk.answer(wire::error("26000") + wire::ready());
    EXPECT_TRUE(talk.server->is_quiet());
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(FrontNames, StatementsThatExecuteEachOtherAreNotFollowedForEver)
{
    names talk;
    talk.parse("a", "EXECUTE b");
    talk.send(wire::parse("b", "EXECUTE a") + wire::sync());
    talk.answer_all();
    talk.move_to(1);
    talk.send(wire::query("EXECUTE a"));
    EXPECT_EQ(types_of(talk.sent_to_server()), "PPS");
}

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
