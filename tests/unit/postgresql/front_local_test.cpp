// SPDX-License-Identifier: Apache-2.0
//
// What is answered without a server, and how a transaction that was so begun comes to one.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const std::string begun_answer = wire::command_complete("BEGIN") + wire::ready('T');
const std::string isolation = wire::command_complete("BEGIN") + wire::rows("read committed");

/// A client whose requests are judged, without a server. Server 0 is the primary, server 1 a replica.
class FrontLocal : public testing::Test {
protected:
    FrontLocal()
    {
        talk.client.route_by(judge, {"app", "shop"}, false);
        talk.add_server().is_replica = true;
        talk.server = nullptr;
    }

    void begin(std::string_view text = "begin")
    {
        EXPECT_EQ(talk.send(wire::query(text)), front_need::more);
        EXPECT_EQ(talk.sent_to_client(), begun_answer);
    }
    /// In a transaction on the replica that has read once.
    void begin_on_replica()
    {
        begin("begin read only");
        EXPECT_EQ(talk.send(wire::query("select 1")), front_need::server);
        EXPECT_TRUE(talk.client.wanted().reads());
        talk.move_to(1);
        EXPECT_EQ(talk.send({}), front_need::answers);
        EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN READ ONLY;SHOW transaction_isolation"));
        talk.answer(isolation + wire::ready('T'));
        EXPECT_EQ(talk.send({}), front_need::more);
        EXPECT_EQ(talk.sent_to_server(), wire::query("select 1"));
        talk.answer(wire::rows("1") + wire::ready('T'));
        EXPECT_EQ(talk.sent_to_client(), wire::rows("1") + wire::ready('T'));
    }
    std::string shown()
    {
        EXPECT_EQ(talk.send(wire::query("show penstock.route")), front_need::more);
        const auto frames = frames_of(talk.sent_to_client());
        EXPECT_EQ(frames.size(), 4U);
        return frames.size() == 4 ? frames[1].substr(11) : "";
    }

    penstock::postgresql::read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(FrontLocal, AnEmptyTransactionNeedsNoServer)
{
    begin();
    EXPECT_EQ(talk.send(wire::query("") + wire::query("commit")), front_need::more);
    EXPECT_EQ(talk.sent_to_client(),
              wire::empty_query() + wire::ready('T') + wire::command_complete("COMMIT") + wire::ready('I'));
    EXPECT_EQ(talk.send(wire::query("start transaction") + wire::query("abort")), front_need::more);
    EXPECT_EQ(talk.sent_to_client(),
              wire::command_complete("START TRANSACTION") + wire::ready('T') + wire::command_complete("ROLLBACK") +
                  wire::ready('I'));
    EXPECT_EQ(talk.send(wire::query("commit")), front_need::server) << "outside of one the server warns";
}

TEST_F(FrontLocal, TheFirstStatementComesBehindBegin)
{
    begin("begin isolation level serializable");
    EXPECT_EQ(talk.send(wire::query("update t set n = 1")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::transaction);
    talk.move_to(0);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN ISOLATION LEVEL SERIALIZABLE"));
    talk.answer(begun_answer);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("update t set n = 1"));
    EXPECT_TRUE(talk.client.has_written());
    talk.answer(wire::command_complete("UPDATE 1") + wire::ready('T'));
    talk.send(wire::query("commit"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("commit"));
}

TEST_F(FrontLocal, ASecondBeginIsTheServersToWarnOf)
{
    begin();
    EXPECT_EQ(talk.send(wire::query("begin")), front_need::server);
    talk.move_to(0);
    talk.send({});
    talk.answer(begun_answer);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN") + wire::query("begin"));
}

TEST_F(FrontLocal, AReadOnlyTransactionReadsOnAReplicaAndEndsThere)
{
    begin_on_replica();
    talk.send(wire::query("commit"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("commit"));
    talk.answer(wire::command_complete("COMMIT") + wire::ready('I'));
    EXPECT_FALSE(talk.client.has_written());
    talk.server = nullptr;
    EXPECT_EQ(talk.send(wire::query("delete from t")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::writes);
}

TEST_F(FrontLocal, WhatIsNoReadMovesItToThePrimary)
{
    begin_on_replica();
    EXPECT_EQ(talk.send(wire::query("select pg_advisory_xact_lock(1)")), front_need::server);
    EXPECT_FALSE(talk.client.wanted().reads());
    talk.move_to(0);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN READ ONLY"));
    talk.answer(begun_answer);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("select pg_advisory_xact_lock(1)"));
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST_F(FrontLocal, WhatFollowsACommitIsNotReadWithIt)
{
    begin_on_replica();
    EXPECT_EQ(talk.send(wire::query("commit; delete from t")), front_need::server);
    EXPECT_FALSE(talk.client.wanted().reads());
}

TEST_F(FrontLocal, PipelinedStatementsBehindACommitWaitForIt)
{
    begin_on_replica();
    EXPECT_EQ(talk.send(wire::query("commit") + wire::query("delete from t")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("commit"));
    talk.answer(wire::command_complete("COMMIT") + wire::ready('I'));
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::writes);
}

TEST_F(FrontLocal, AFailedTransactionStaysWhereItFailed)
{
    begin_on_replica();
    talk.send(wire::query("select 1/0"));
    talk.answer(wire::error("22012") + wire::ready('E'));
    talk.sent_to_server();
    EXPECT_EQ(talk.send(wire::query("delete from t")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("delete from t"));
}

TEST_F(FrontLocal, OtherIsolationsAreThePrimarys)
{
    for (const auto* text : {"begin read only isolation level serializable",
                             "begin isolation level repeatable read read only",
                             "begin",
                             "begin read write"}) {
        exchange fresh;
        fresh.client.route_by(judge, {"app", "shop"}, false);
        fresh.server = nullptr;
        fresh.send(wire::query(text));
        EXPECT_EQ(fresh.send(wire::query("select 1")), front_need::server) << text;
        EXPECT_EQ(fresh.client.wanted().verdict, read_verdict::transaction) << text;
    }
}

TEST_F(FrontLocal, AnAccountsOwnIsolationIsFoundOut)
{
    begin("begin read only");
    talk.send(wire::query("select 1"));
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::answers);
    talk.sent_to_server();
    talk.answer(wire::command_complete("BEGIN") + wire::rows("repeatable read") + wire::ready('T'));
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::transaction);
    talk.move_to(0);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN READ ONLY"));
}

TEST_F(FrontLocal, SetTransactionCountsAsPartOfBegin)
{
    begin();
    EXPECT_EQ(talk.send(wire::query("set transaction read only, isolation level read committed")), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("SET") + wire::ready('T'));
    EXPECT_EQ(talk.send(wire::query("select 1")), front_need::server);
    EXPECT_TRUE(talk.client.wanted().reads());
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"));
}

TEST_F(FrontLocal, APortalThatLastsIsThePrimarys)
{
    begin("begin read only");
    const auto batch = wire::parse("", "select 1") + wire::bind("", "") + wire::execute("", 10) + wire::sync();
    EXPECT_EQ(talk.send(batch), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::lasting);
}

TEST_F(FrontLocal, ABatchMayBeginTheTransaction)
{
    const auto begin = wire::parse("", "BEGIN READ ONLY") + wire::bind("", "") + wire::execute();
    const auto rest =
        wire::parse("", "select 1") + wire::bind("", "") + wire::describe('P', "") + wire::execute() + wire::sync();
    EXPECT_EQ(talk.send(begin + rest), front_need::server);
    EXPECT_EQ(types_of(talk.sent_to_client()), "12C");
    EXPECT_TRUE(talk.client.wanted().reads());
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::answers);
    talk.sent_to_server();
    talk.answer(isolation + wire::ready('T'));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBDES");
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::rows("1") + wire::ready('T'));
    EXPECT_EQ(types_of(talk.sent_to_client()), "12TDCZ");
    EXPECT_EQ(talk.send(wire::parse("", "COMMIT") + wire::bind("", "") + wire::execute() + wire::sync()),
              front_need::more);
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBES");
}

TEST_F(FrontLocal, ABatchMayBeginAndEndIt)
{
    talk.send(wire::parse("b", "BEGIN") + wire::describe('S', "b") + wire::bind("", "b") + wire::execute() +
              wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_client()), "1tn2CZ");
    talk.send(wire::parse("", "COMMIT") + wire::bind("", "") + wire::describe('P', "") + wire::execute() +
              wire::sync());
    EXPECT_EQ(talk.sent_to_client(),
              wire::parse_complete() + wire::bind_complete() + wire::no_data() + wire::command_complete("COMMIT") +
                  wire::ready('I'));
    EXPECT_EQ(talk.send(wire::bind("", "b") + wire::execute() + wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::bind_complete() + begun_answer);
}

/// It is no empty statement, which would be answered here as well.
TEST_F(FrontLocal, AStatementThatIsNotThereIsTheServersToSay)
{
    begin();
    EXPECT_EQ(talk.send(wire::bind("", "gone") + wire::execute() + wire::sync()), front_need::server);
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST_F(FrontLocal, NeitherIsItDescribedHere)
{
    begin();
    EXPECT_EQ(talk.send(wire::describe('S', "gone") + wire::sync()), front_need::server);
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST_F(FrontLocal, TheUnnamedStatementMayBeMissingAsWell)
{
    begin();
    EXPECT_EQ(talk.send(wire::bind("", "") + wire::execute() + wire::sync()), front_need::server);
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST_F(FrontLocal, ARefusedBeginFailsTheTransactionInTheServersWords)
{
    begin();
    talk.send(wire::query("select 1"));
    talk.move_to(0);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.answer(wire::error("0A000", "not here")), advance_result::lost);
    EXPECT_TRUE(talk.lose_server({error_kind::server_lost, "gone", {}}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send({}), front_need::more);
    const auto frames = frames_of(talk.sent_to_client());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_NE(frames[0].find("C0A000"), std::string::npos);
    EXPECT_NE(frames[0].find("not here"), std::string::npos);
    EXPECT_EQ(frames[1], wire::ready('E'));
    talk.send(wire::query("rollback"));
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("ROLLBACK") + wire::ready('I'));
}

TEST_F(FrontLocal, AnAnswerToBeginWithoutATransactionEndsTheServer)
{
    begin();
    talk.send(wire::query("delete from t"));
    talk.move_to(0);
    talk.send({});
    EXPECT_EQ(talk.answer(wire::command_complete("BEGIN") + wire::ready('I')), advance_result::violation);
}

TEST_F(FrontLocal, AReplicaThatIsLostAtBeginIsLeftForThePrimary)
{
    begin("begin read only");
    talk.send(wire::query("select 1"));
    talk.move_to(1);
    talk.send({});
    EXPECT_TRUE(talk.lose_server({error_kind::server_lost, "gone", {}}));
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::transaction);
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST_F(FrontLocal, WithoutAServerTheTransactionFails)
{
    begin();
    EXPECT_EQ(talk.send(wire::query("select 1")), front_need::server);
    talk.client.refuse({error_kind::borrow_timeout, "none", {}});
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(types_of(talk.to_client), "EZ");
    EXPECT_EQ(talk.sent_to_client().back(), 'E');
}

TEST_F(FrontLocal, TheSettingIsShownSetAndReset)
{
    EXPECT_EQ(shown(), "auto");
    talk.send(wire::query("set penstock.route = 'replica'"));
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("SET") + wire::ready('I'));
    EXPECT_EQ(shown(), "replica");
    EXPECT_EQ(talk.send(wire::query("select f()")), front_need::server);
    EXPECT_TRUE(talk.client.wanted().reads());
    EXPECT_EQ(talk.client.wanted().by, wish_source::setting);
    talk.move_to(0);
    talk.send({});
    talk.answer(wire::rows("1") + wire::ready());
    talk.sent_to_client();
    talk.send(wire::query("reset penstock.route"));
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("RESET") + wire::ready('I'));
    EXPECT_EQ(shown(), "auto");
}

TEST_F(FrontLocal, DiscardAllResetsTheSetting)
{
    talk.send(wire::query("set penstock.route to primary"));
    talk.sent_to_client();
    talk.move_to(0);
    talk.send(wire::query("discard all"));
    talk.answer(wire::command_complete("DISCARD ALL") + wire::ready());
    talk.sent_to_client();
    EXPECT_EQ(shown(), "auto");
}

TEST_F(FrontLocal, OtherValuesAreRefusedAsAServerWould)
{
    talk.send(wire::query("set penstock.route = 'nowhere'"));
    auto frames = frames_of(talk.sent_to_client());
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_NE(frames[0].find("C22023"), std::string::npos);
    EXPECT_NE(frames[0].find("invalid value for parameter \"penstock.route\": \"nowhere\""), std::string::npos);
    EXPECT_EQ(frames[1], wire::ready('I'));
    begin();
    talk.send(wire::query("set penstock.route = 'nowhere'"));
    frames = frames_of(talk.sent_to_client());
    EXPECT_EQ(frames.back(), wire::ready('E')) << "it fails the transaction";
}

TEST_F(FrontLocal, NoServerSeesTheSetting)
{
    talk.move_to(0);
    talk.send(wire::query("select 1"));
    EXPECT_EQ(talk.send(wire::query("set penstock.route = 'primary'")), front_need::answers);
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.sent_to_server();
    talk.sent_to_client();
    for (const auto* text : {"select 1; set penstock.route = 'replica'", "set local penstock.route = 'replica'"}) {
        talk.send(wire::query(text));
        EXPECT_EQ(talk.sent_to_server(), wire::query("?")) << text;
        talk.answer(wire::error("42601") + wire::ready());
        EXPECT_NE(talk.sent_to_client().find("C22023"), std::string::npos) << text;
    }
    talk.send(wire::parse("", "select 1") + wire::parse("", "set penstock.route = 'replica'") + wire::sync());
    EXPECT_EQ(talk.sent_to_server().find("penstock.route"), std::string::npos);
}

TEST_F(FrontLocal, TheSettingWorksInBatches)
{
    talk.send(wire::parse("", "set penstock.route = 'primary'") + wire::bind("", "") + wire::describe('P', "") +
              wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_client()), "12nCZ");
    talk.send(wire::parse("s", "show penstock.route") + wire::describe('S', "s") + wire::bind("", "s") +
              wire::describe('P', "") + wire::execute() + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_client()), "1tT2TDCZ");
    talk.send(wire::parse("", "set penstock.route = 'x'") + wire::bind("", "") + wire::execute() +
              wire::parse("", "select 1") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_client()), "12EZ");
}

TEST_F(FrontLocal, WithoutRoutesAllGoesToTheServer)
{
    exchange plain;
    plain.send(wire::query("begin") + wire::query("set penstock.route = 'x'"));
    EXPECT_EQ(plain.sent_to_server(), wire::query("begin") + wire::query("set penstock.route = 'x'"));
}

TEST_F(FrontLocal, OfAListenerForReadingAllGoesToReplicas)
{
    exchange fresh;
    fresh.client.route_by(judge, {"app", "shop"}, false, true);
    fresh.server = nullptr;
    EXPECT_EQ(fresh.send(wire::query("/* penstock: primary */ delete from t")), front_need::server);
    EXPECT_TRUE(fresh.client.wanted().reads());
    EXPECT_EQ(fresh.client.wanted().by, wish_source::listener);
    fresh.add_server().is_replica = true;
    fresh.move_to(1);
    EXPECT_EQ(fresh.send({}), front_need::more);
    const auto refusal = wire::error("25006") + wire::ready();
    fresh.answer(refusal);
    EXPECT_EQ(fresh.sent_to_client(), refusal) << "nothing is sent again";
    EXPECT_EQ(fresh.send(wire::query("begin") + wire::query("select 1")), front_need::more);
    EXPECT_FALSE(fresh.client.has_written());
}

TEST_F(FrontLocal, CommentsCountInBatchesAndPreparedStatements)
{
    talk.send(wire::parse("a", "/*penstock_route='replica',penstock_no_retry='true'*/ select f()") + wire::sync());
    EXPECT_TRUE(talk.client.wanted().reads());
    EXPECT_TRUE(talk.client.wanted().no_retry);
    talk.move_to(0);
    talk.send({});
    talk.answer(wire::parse_complete() + wire::ready());
    talk.server = nullptr;
    EXPECT_EQ(talk.send(wire::bind("", "a") + wire::execute() + wire::sync()), front_need::server);
    EXPECT_EQ(talk.client.wanted().hint, route_hint::replica);
    EXPECT_TRUE(talk.client.wanted().no_retry);
    EXPECT_EQ(talk.client.counters().wrong_hints, 0U);
    talk.move_to(1);
    talk.send({});
    EXPECT_FALSE(talk.client.may_send_again());
}

TEST_F(FrontLocal, WhatMayHaveWrittenIsNotAMatterOfWishes)
{
    talk.move_to(0);
    talk.send(wire::query("/* penstock: primary */ select 1"));
    EXPECT_FALSE(talk.client.has_written());
    talk.answer(wire::rows("1") + wire::ready());
    talk.send(wire::query("/* penstock: replica */ select f()"));
    EXPECT_TRUE(talk.client.has_written()) << "no replica could be had, and nobody knows what it does";
}

TEST_F(FrontLocal, SeesDefinitionsOfFunctions)
{
    talk.move_to(0);
    talk.send(wire::query("update t set n = 1"));
    EXPECT_FALSE(talk.client.has_defined());
    talk.answer(wire::command_complete("UPDATE 1") + wire::ready());
    talk.send(wire::query("alter function f() volatile"));
    EXPECT_TRUE(talk.client.has_defined());
    talk.answer(wire::command_complete("ALTER FUNCTION") + wire::ready());
    talk.client.forget_written();
    EXPECT_FALSE(talk.client.has_defined());
    talk.send(wire::parse("d", "drop function f()") + wire::sync());
    EXPECT_FALSE(talk.client.has_defined()) << "it has only been prepared";
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send(wire::bind("", "d") + wire::execute() + wire::sync());
    EXPECT_TRUE(talk.client.has_defined());
    talk.client.forget_written();
    talk.answer(wire::bind_complete() + wire::command_complete("DROP FUNCTION") + wire::ready());
    talk.send(wire::parse("", "create extension e") + wire::bind("", "") + wire::execute() + wire::sync());
    EXPECT_TRUE(talk.client.has_defined());
}

TEST_F(FrontLocal, WrongCommentsAreCounted)
{
    EXPECT_EQ(talk.send(wire::query("/* penstock: node=nowhere */ select 1")), front_need::server);
    EXPECT_EQ(talk.client.wanted().hint, route_hint::none);
    EXPECT_TRUE(talk.client.wanted().reads());
    EXPECT_EQ(talk.client.counters().wrong_hints, 1U);
}

}  // namespace
