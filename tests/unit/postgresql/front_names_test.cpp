// SPDX-License-Identifier: Apache-2.0
//
// PREPARE, EXECUTE and DEALLOCATE: a client's statements are the same ones for SQL and for the protocol, on whichever
// server it meets, and no other client's.
#include "tests/unit/postgresql/names_support.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

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

/// Of the protocol `p` is a statement; the transaction has failed, on a server that does not know its name.
struct failed_transaction : names {
    failed_transaction()
    {
        parse("p", "SELECT 1");
        send(wire::query("BEGIN"));
        answer(wire::command_complete("BEGIN") + wire::ready('T'));
        send(wire::query("SELECT boom"));
        answer(wire::error("22012") + wire::ready('E'));
        forget();
    }
};

TEST(FrontNames, ATextThatEndsAFailedTransactionFindsWhatItNamesBehindThat)
{
    failed_transaction talk;
    EXPECT_EQ(talk.send(wire::query("; ROLLBACK; PREPARE p AS SELECT 2")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("; ROLLBACK;"));
    talk.answer(wire::command_complete("ROLLBACK") + wire::ready('I'));
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("ROLLBACK"));
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::parse("p", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("            PREPARE p AS SELECT 2"));
    talk.answer(wire::error("42P05") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_FALSE(talk.is_pinned());
    EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::answers)
        << "an error in a text leaves open what was done";
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "p") + wire::parse("p", "SELECT 1") + wire::sync());
}

TEST(FrontNames, AnErrorOfWhatWasToEndAFailedTransactionIsTheAnswerToAll)
{
    failed_transaction talk;
    EXPECT_EQ(talk.send(wire::query("ROLLBACK TO nowhere; EXECUTE p") + wire::query("ROLLBACK")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("ROLLBACK TO nowhere;"));
    const auto refusal = wire::error("3B001") + wire::ready('E');
    talk.answer(refusal);
    EXPECT_EQ(talk.sent_to_client(), refusal);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("ROLLBACK"));
}

TEST(FrontNames, WhetherATransactionHasFailedIsWaitedFor)
{
    names talk;
    talk.parse("p", "SELECT 1");
    talk.send(wire::query("BEGIN") + wire::query("SELECT boom"));
    talk.forget();
    EXPECT_EQ(talk.send(wire::query("ABORT; EXECUTE p")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T') + wire::error("22012") + wire::ready('E'));
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("ABORT;"));
}

TEST(FrontNames, AServerThatIsLostAmidAFailedTransactionsEndAnswersAllOfTheQuery)
{
    failed_transaction talk;
    talk.send(wire::query("ROLLBACK; EXECUTE p"));
    talk.forget();
    EXPECT_TRUE(talk.lose_server({error_kind::server_lost, "gone", {}}));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.unconsumed(), "");
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST(FrontNames, WhatIsLeftOfAQueryGoesToTheNextServerWhereItsFirstPartHasEnded)
{
    failed_transaction talk;
    talk.send(wire::query("ROLLBACK; EXECUTE p"));
    talk.answer(wire::command_complete("ROLLBACK") + wire::ready());
    talk.forget();
    EXPECT_TRUE(talk.lose_server({error_kind::server_lost, "gone", {}}));
    EXPECT_EQ(talk.send({}), front_need::server);
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::answers);
    talk.answer_all();
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.unconsumed(), "");
}

TEST(FrontNames, ATextThatEndsAFailedTransactionFindsNothingThatWasGivenUp)
{
    failed_transaction talk;
    talk.run("ROLLBACK", "ROLLBACK");
    talk.send(wire::query("EXECUTE p"));
    talk.answer_all();
    talk.send(wire::close('S', "p") + wire::sync());
    talk.answer(wire::ready());
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.send(wire::query("SELECT boom"));
    talk.answer(wire::error("22012") + wire::ready('E'));
    talk.forget();
    talk.send(wire::query("ROLLBACK; EXECUTE p"));
    talk.answer(wire::command_complete("ROLLBACK") + wire::ready());
    talk.forget();
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', "p") + wire::sync());
    talk.answer(wire::close_complete() + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("          EXECUTE p"));
    EXPECT_EQ(talk.sent_to_client(), "");
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

TEST(FrontNames, ADeallocatedNameLeavesTheServersOwnStatementWhereItIs)
{
    names talk;
    talk.parse("p", "SELECT 1");
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.send(wire::query("SELECT boom"));
    talk.answer(wire::error("22012") + wire::ready('E'));
    talk.send(wire::query("DEALLOCATE p"));  // the server's statement is in doubt from now on
    talk.answer(wire::error("25P02") + wire::ready('E'));
    talk.run("ROLLBACK", "ROLLBACK");
    talk.send(wire::query("EXECUTE p"));
    talk.answer_all();
    talk.send(wire::query("DEALLOCATE p"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("DEALLOCATE p"));
    talk.answer(wire::command_complete("DEALLOCATE") + wire::ready());
    talk.forget();
    talk.send(wire::parse("q", "SELECT 1") + wire::sync());
    const auto name = server_name(talk, "SELECT 1");
    EXPECT_EQ(talk.sent_to_server(), wire::close('S', name) + wire::parse(name, "SELECT 1") + wire::sync());
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

}  // namespace
