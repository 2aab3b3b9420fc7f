// SPDX-License-Identifier: Apache-2.0
//
// A server that disappears: every batch that waits for it is told once, and the session goes on.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const client_error gone{error_kind::server_lost, "the server is gone", {}};

TEST(ServerLost, EachQueryAndBatchIsToldOnce)
{
    exchange talk;
    talk.send(wire::query("SELECT 1") + wire::parse("", "SELECT 2") + wire::bind("", "") + wire::execute() +
              wire::sync() + wire::sync() + wire::function_call(955));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZEZEZEZ");
    EXPECT_EQ(talk.send(wire::query("SELECT 3")), front_need::server);
}

TEST(ServerLost, WhatWasAnsweredBeforeIsNotToldAgain)
{
    exchange talk;
    talk.send(wire::query("SELECT 1") + wire::query("SELECT 2"));
    talk.answer(wire::rows("1") + wire::ready() + wire::row_description(1));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, ABatchWithoutASyncIsToldAndSkippedToIt)
{
    exchange talk;
    talk.send(wire::parse("", "SELECT 2") + wire::bind("", ""));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "E");
    EXPECT_EQ(talk.send(wire::execute() + wire::query("SELECT 1") + wire::flush()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send(wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::server);
}

TEST(ServerLost, AnErrorThatTheClientHasIsEnough)
{
    for (const bool synced : {true, false}) {
        exchange talk;
        talk.send(wire::parse("", "SELEC") + (synced ? wire::sync() : ""));
        talk.answer(wire::error("42601"));
        EXPECT_EQ(types_of(talk.sent_to_client()), "E");
        EXPECT_TRUE(talk.lose_server(gone));
        talk.send(synced ? "" : wire::sync());
        EXPECT_EQ(talk.sent_to_client(), wire::ready());
    }
    exchange talk;
    talk.send(wire::query("SELEC"));
    talk.answer(wire::error("42601"));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
}

TEST(ServerLost, WhatWasInjectedIsNobodysLoss)
{
    exchange talk{{{"timezone", "CET"}}};
    talk.send(wire::query("SELECT 1"));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, AHalfRelayedFrameCannotBeMended)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::row_description(1) + wire::data_row("a long value").substr(0, 12));
    EXPECT_FALSE(talk.lose_server(gone));
}

TEST(ServerLost, AReplyThatIsHeldHasNotBeenRelayed)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::row_description(1).substr(0, 12));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(ServerLost, NamesAreAsTheyWereConfirmed)
{
    exchange talk;
    talk.send(wire::parse("a", "SELECT 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send(wire::bind("", "a") + wire::close('S', "a") + wire::parse("a", "SELECT 2") + wire::close('S', "a") +
              wire::parse("b", "SELECT 3") + wire::sync());
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.client.statement_count(), 1U);
    talk.move_to(1);
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_NE(talk.sent_to_server().find("SELECT 1"), std::string::npos);
}

TEST(ServerLost, TheRestOfALongMessageIsDropped)
{
    exchange talk;
    const auto query = wire::query(std::string(100'000, ' ') + "SET work_mem = '5MB'");
    talk.send(query.substr(0, 50'000));
    EXPECT_TRUE(talk.client.is_mid_message());
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_FALSE(talk.client.is_mid_message());
    EXPECT_EQ(talk.send(query.substr(50'000)), front_need::more);
    EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::server);
}

TEST(ServerLost, AmidCopyInTheRestOfTheDataIsDropped)
{
    exchange talk;
    talk.send(wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::copy_in_response());
    talk.send(wire::copy_data("1\n"));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(types_of(talk.sent_to_client()), "E");
    EXPECT_EQ(talk.send(wire::copy_data("2\n") + wire::copy_done() + wire::sync()), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), wire::ready());
}

// --- whether it may have been committed ---

const client_error unknown{error_kind::outcome_unknown, {}, {}};
const std::string did_not_run = "08006", may_have_run = "08007";

/// Of the first error.
std::string code_in(const std::string& told)
{
    const auto place = told.find("\0C", 0, 2);
    return place == std::string::npos ? "none" : told.substr(place + 2, 5);
}

/// Whose client is in a transaction block, which may have failed.
struct in_block : exchange {
    explicit in_block(char status = 'T')
    {
        send(wire::query("BEGIN"));
        answer(wire::command_complete("BEGIN") + wire::ready(status));
        sent_to_client();
    }
    /// What the client is told where the server is lost behind `request`, of which it has given an answer.
    std::string lost_behind(bytes request, bytes answered = {}, const client_error& why = unknown)
    {
        send(request);
        answer(answered);
        sent_to_client();
        EXPECT_TRUE(lose_server(why));
        return code_in(sent_to_client());
    }
};

std::string run(std::string_view text, std::string_view portal = "")
{
    return wire::parse("", text) + wire::bind(portal, "") + wire::execute(portal);
}

std::string ran(std::string_view tag)
{
    return wire::parse_complete() + wire::bind_complete() + wire::command_complete(tag);
}

TEST(ServerLostInABlock, BehindARollbackTheEndOfTheTextCommits)
{
    for (const char status : {'T', 'E'}) {
        for (const auto* text : {"ROLLBACK; INSERT INTO t VALUES (1)",
                                 "abort; insert into t values (1)",
                                 "INSERT INTO t VALUES (1); ROLLBACK; SELECT f()",
                                 "ROLLBACK; SELECT f(); BEGIN",
                                 "ROLLBACK AND NO CHAIN; INSERT INTO t VALUES (1)",
                                 "ROLLBACK; BEGIN; ROLLBACK; INSERT INTO t VALUES (1)",
                                 "ROLLBACK AND CHAIN; ROLLBACK; INSERT INTO t VALUES (1)",
                                 "COMMIT AND CHAIN; SELECT 1",
                                 "PREPARE TRANSACTION 'x'"}) {
            EXPECT_EQ(in_block{status}.lost_behind(wire::query(text)), may_have_run) << text;
        }
        for (const auto* text : {"ROLLBACK",
                                 "INSERT INTO t VALUES (1); ROLLBACK;",
                                 "ROLLBACK AND CHAIN; INSERT INTO t VALUES (1)",
                                 "ROLLBACK; BEGIN; INSERT INTO t VALUES (1)",
                                 "ROLLBACK TO a; INSERT INTO t VALUES (1)",
                                 "ROLLBACK PREPARED 'x'; INSERT INTO t VALUES (1)"}) {
            EXPECT_EQ(in_block{status}.lost_behind(wire::query(text)), did_not_run) << text;
        }
    }
}

TEST(ServerLostInABlock, BehindARollbackTheSyncCommits)
{
    const auto insert = run("INSERT INTO t VALUES (1)");
    const std::string both = run("ROLLBACK") + insert + wire::sync();
    EXPECT_EQ(in_block{}.lost_behind(both), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(both, ran("ROLLBACK")), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(both, ran("ROLLBACK") + ran("INSERT 0 1")), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK", "a") + run("INSERT INTO t VALUES (1)", "b") + wire::sync()),
              may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK", "a") + run("INSERT INTO t VALUES (1)", "b") + wire::sync(),
                                     ran("ROLLBACK")),
              may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK") + wire::query("INSERT INTO t VALUES (1)")), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK") + wire::function_call(957)), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK") + wire::sync()), did_not_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK", "a") + wire::sync()), did_not_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK") + wire::sync() + insert + wire::sync()), did_not_run)
        << "of the first of them";
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK AND CHAIN") + insert + wire::sync()), did_not_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK") + run("BEGIN") + insert + wire::sync()), did_not_run);
    EXPECT_EQ(in_block{}.lost_behind(run("ROLLBACK TO a") + insert + wire::sync()), did_not_run);
}

TEST(ServerLostInABlock, EachQueryIsJudgedAlone)
{
    in_block talk;
    talk.send(wire::query("ROLLBACK") + wire::query("INSERT INTO t VALUES (1)"));
    EXPECT_TRUE(talk.lose_server(unknown));
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZEZ");
    EXPECT_EQ(code_in(told), did_not_run);
    EXPECT_NE(told.find("08007"), std::string::npos);
    EXPECT_TRUE(told.ends_with(wire::ready()));
}

TEST(ServerLostInABlock, WhatAnExecutedStatementDoesCounts)
{
    for (const auto* ends : {"COMMIT", "PREPARE TRANSACTION 'x'"}) {
        in_block talk;
        talk.send(wire::parse("p", ends) + wire::sync());
        talk.answer(wire::parse_complete() + wire::ready('T'));
        EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::answers) << "the name is made known first";
        talk.answer(wire::parse_complete() + wire::ready('T'));
        EXPECT_EQ(talk.lost_behind({}), may_have_run) << ends;
    }
    for (const std::string portal : {"", "a"}) {
        in_block talk;
        talk.send(wire::parse("p", "COMMIT") + wire::sync());
        talk.answer(wire::parse_complete() + wire::ready('T'));
        EXPECT_EQ(talk.lost_behind(run("EXECUTE p", portal) + wire::sync()), may_have_run);
    }
}

TEST(ServerLost, ABlockThatAnExecutedStatementMayHaveBegunHasFailed)
{
    exchange talk;
    talk.send(wire::parse("p", "BEGIN") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_client();
    EXPECT_EQ(talk.send(wire::query("EXECUTE p")), front_need::answers);
    talk.answer(wire::parse_complete() + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_TRUE(talk.sent_to_client().ends_with(wire::ready('E')));
}

TEST(ServerLost, WhatATextHasCommittedIsNotUndoneByItsEnd)
{
    const client_error told{error_kind::server_lost, "terminating connection due to administrator command", {}};
    EXPECT_EQ(in_block{}.lost_behind(wire::query("COMMIT; SELECT pg_sleep(9)"), {}, told), may_have_run);
    EXPECT_EQ(in_block{}.lost_behind(wire::query("COMMIT"), {}, told), did_not_run);
    exchange talk;
    talk.send(wire::query("BEGIN; INSERT INTO t VALUES (1); COMMIT; SELECT pg_sleep(9)"));
    EXPECT_TRUE(talk.lose_server(told));
    EXPECT_EQ(code_in(talk.sent_to_client()), may_have_run);
}

TEST(ServerLost, AFatalErrorIsNotRelayedButTold)
{
    exchange talk;
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.answer(wire::error("57P01", "terminating connection", "FATAL")), advance_result::lost);
    EXPECT_EQ(talk.server->last_error().detail, "terminating connection");
    EXPECT_EQ(talk.sent_to_client(), "");
}

}  // namespace
