// SPDX-License-Identifier: Apache-2.0
//
// Reads that are lost with the primary are sent again to the next one; nothing else is, and nothing writes twice.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const client_error gone{error_kind::outcome_unknown, {}, {}};
const client_error ended{error_kind::server_lost, "the server ended the connection: it is shut down", {}};

std::string batch(std::string_view text)
{
    return wire::parse("", text) + wire::bind("", "") + wire::describe('P', "") + wire::execute() + wire::sync();
}

/// A client whose requests are not judged before they are sent.
class FrontRepeats : public testing::Test {
protected:
    FrontRepeats() { talk.client.prove_by(judge); }

    /// What is to be sent again of this request, which is lost before anything of it is answered.
    std::string again(const std::string& octets)
    {
        exchange fresh;
        fresh.client.prove_by(judge);
        fresh.send(octets);
        return lose(fresh);
    }
    static std::string lose(exchange& talk, const client_error& why = gone)
    {
        EXPECT_TRUE(talk.lose_server(why));
        auto octets = talk.client.take_healed_batch();
        EXPECT_NE(octets.empty(), talk.sent_to_client().empty());  // either it is sent again, or its client is told
        return octets;
    }
    /// It goes to a server that has had nobody, which is told that it must not write.
    void repeat(std::size_t place, const std::string& octets)
    {
        talk.move_to(place);
        EXPECT_EQ(talk.send(octets), front_need::more);
        EXPECT_NE(talk.sent_to_server().find("default_transaction_read_only"), std::string::npos);
    }

    penstock::postgresql::read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(FrontRepeats, SendsProvedReadsAgainAndNothingElse)
{
    for (const auto* text : {"select 1",
                             "SELECT * FROM t WHERE n = 5 ORDER BY 1",
                             "select count(*), now() from t",
                             "/* penstock: primary */ select 1",
                             "values (1), (2)"}) {
        EXPECT_EQ(again(wire::query(text)), wire::query(text)) << text;
        EXPECT_EQ(again(batch(text)), batch(text)) << text;
    }
    for (const auto* text : {"insert into t values (1)",
                             "select * from t for update",
                             "select nextval('s')",
                             "select some_function()",
                             "/* penstock: replica */ select some_function()",
                             "with d as (delete from t returning n) select * from d",
                             "select 1 into u",
                             "begin",
                             "select pg_advisory_lock(1)",
                             "/* penstock: no_retry */ select 1",
                             "select 1; delete from t",
                             "create table u(n int)",
                             "copy t to stdout",
                             "listen l",
                             "set work_mem = '5MB'"}) {
        EXPECT_EQ(again(wire::query(text)), "") << text;
        if (std::string_view{text}.find(';') == std::string_view::npos) {
            EXPECT_EQ(again(batch(text)), "") << text;
        }
    }
    EXPECT_EQ(again(wire::function_call(955)), "");
}

TEST_F(FrontRepeats, JudgesNothingThatIsNotLost)
{
    talk.send(wire::query("select 1"));
    talk.answer(wire::rows("1") + wire::ready());
    talk.send(batch("select 2"));
    EXPECT_EQ(judge.hits() + judge.misses(), 0U);
}

TEST_F(FrontRepeats, WithoutAJudgeNothingIsProved)
{
    exchange fresh;
    fresh.send(wire::query("select 1"));
    EXPECT_EQ(lose(fresh), "");
}

TEST_F(FrontRepeats, JudgesPreparedStatementsByTheirTexts)
{
    for (const bool reads : {true, false}) {
        exchange fresh;
        fresh.client.prove_by(judge);
        fresh.send(wire::parse("a", reads ? "select 1" : "delete from t") + wire::sync());
        fresh.answer(wire::parse_complete() + wire::ready());
        fresh.sent_to_client();
        const auto request = wire::bind("", "a") + wire::execute() + wire::sync();
        fresh.send(request);
        EXPECT_EQ(lose(fresh), reads ? request : "");
        fresh.move_to(1);
        fresh.sent_to_server();
        fresh.send(request);
        EXPECT_EQ(types_of(fresh.sent_to_server()), reads ? "QPBES" : "PBES");  // prepared there, too
    }
}

TEST_F(FrontRepeats, GivesNamesOnceMore)
{
    const auto request = wire::parse("a", "select 1") + wire::bind("", "a") + wire::execute() + wire::sync();
    talk.send(request);
    EXPECT_EQ(lose(talk), request);
    repeat(1, request);
    talk.answer(wire::set_config_answer() + wire::parse_complete() + wire::bind_complete() + wire::rows("1").substr(0) +
                wire::ready());
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST_F(FrontRepeats, SendsNothingAgainOfWhichTheClientHasAPart)
{
    talk.send(wire::query("select n from t"));
    talk.answer(wire::row_description(1) + wire::data_row("1"));
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
    EXPECT_EQ(types_of(talk.sent_to_client()), "TDEZ");
}

TEST_F(FrontRepeats, ForgetsWhatAServerSaysOfAnAnswerAsItEnds)
{
    const auto last_words =
        wire::error("57P02", "terminating connection because of crash of another server process", "FATAL");
    const auto request = wire::query("select n from t");
    talk.send(request);
    EXPECT_EQ(talk.answer(wire::row_description(1) + wire::data_row("1") + last_words), advance_result::lost);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(lose(talk, ended), request);

    exchange writing;
    writing.client.prove_by(judge);
    writing.send(wire::query("delete from t returning n"));
    EXPECT_EQ(writing.answer(wire::row_description(1) + wire::data_row("1") + last_words), advance_result::lost);
    EXPECT_EQ(types_of(writing.sent_to_client()), "TD");
}

TEST_F(FrontRepeats, SendsNothingAgainInATransaction)
{
    talk.send(wire::query("begin"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.sent_to_client();
    talk.send(wire::query("select 1"));
    EXPECT_EQ(lose(talk), "");
}

TEST_F(FrontRepeats, SendsNothingAgainOfAPinnedSession)
{
    talk.client.pin(pin_reason::temporary_object);
    talk.send(wire::query("select 1"));
    EXPECT_FALSE(talk.lose_server(gone));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRepeats, SendsNothingAgainThatIsNotAlone)
{
    talk.send(wire::query("select 1") + wire::query("select 2"));
    EXPECT_EQ(lose(talk), "");
    exchange behind;
    behind.client.prove_by(judge);
    behind.send(wire::query("delete from t") + wire::query("select 2"));
    behind.answer(wire::command_complete("DELETE 1") + wire::ready());
    behind.sent_to_client();
    EXPECT_EQ(lose(behind), "");
}

TEST_F(FrontRepeats, SendsNothingAgainThatIsNotWhole)
{
    talk.send(wire::parse("", "select 1") + wire::bind("", "") + wire::execute());
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRepeats, TakesRequestsThatComeInPieces)
{
    const auto request = batch("select 1");
    for (std::size_t cut = 1; cut < request.size(); ++cut) {
        exchange fresh;
        fresh.client.prove_by(judge);
        fresh.send(request.substr(0, cut));
        fresh.send(request.substr(cut));
        EXPECT_EQ(lose(fresh), request) << cut;
    }
}

TEST_F(FrontRepeats, KeepsNoLongRequests)
{
    const std::string filling(16 * 1024, ' ');
    EXPECT_EQ(again(wire::query("select 1" + filling)), "");
    EXPECT_EQ(again(batch("select 1" + filling)), "");
    EXPECT_NE(again(wire::query("select 1" + filling.substr(100))), "");
}

TEST_F(FrontRepeats, SendsNobodyElsesRequest)
{
    talk.send(wire::query("select 'mine'"));
    talk.answer(wire::rows("mine") + wire::ready());
    front other{talk.store, {}, parameter_set::none(), 2};
    other.prove_by(judge);
    std::string scratch;
    outbox box{scratch};
    const std::string filling(20'000, ' ');
    other.consume(wire::query("delete from t" + filling), talk.server, box, box);
    box.clear();
    EXPECT_TRUE(other.on_server_lost(*talk.server, gone, box));
    EXPECT_EQ(other.take_healed_batch(), "");
    EXPECT_FALSE(box.empty());
}

TEST_F(FrontRepeats, TellsTheClientAfterThreeTimes)
{
    const auto request = wire::query("select 1");
    talk.send(request);
    for (std::size_t time = 1; time <= 3; ++time) {
        EXPECT_EQ(lose(talk), request);
        repeat(time, request);
    }
    EXPECT_EQ(lose(talk), "");
    EXPECT_EQ(talk.client.counters().lost_with_primary, 3U);
    talk.move_to(5);  // and the next one has three of its own
    talk.send(request);
    EXPECT_EQ(lose(talk), request);
}

TEST_F(FrontRepeats, TellsWhatBefellThoseOfAServerThatBrokeTheProtocol)
{
    talk.send(wire::query("select 1"));
    talk.server->is_faulty = true;
    EXPECT_EQ(lose(talk), "");
}

TEST_F(FrontRepeats, SendsWhatHasRunForLongAgainOnce)
{
    const auto request = wire::query("select 1");
    talk.send(request);
    talk.server->ran_long = true;
    EXPECT_EQ(lose(talk), request);
    repeat(1, request);
    talk.server->ran_long = true;
    EXPECT_EQ(lose(talk), "");
}

TEST_F(FrontRepeats, KnowsThatSomebodyMayHaveMeantIt)
{
    const auto request = wire::query("select 1");
    talk.send(request);
    EXPECT_FALSE(talk.server->was_told_to_end());
    talk.answer(wire::error("57P01", "terminating connection due to administrator command", "FATAL"));
    EXPECT_TRUE(talk.server->was_told_to_end());
    EXPECT_EQ(lose(talk, ended), request) << "the session looks first";
}

TEST_F(FrontRepeats, DoesNotRepeatWhatAServerDoesNotTakeSettingsFor)
{
    exchange fresh{{{"timezone", "nowhere"}}};
    fresh.client.prove_by(judge);
    fresh.send(wire::query("select 1"));
    fresh.answer(wire::error("22023", "invalid value for parameter \"TimeZone\"", "FATAL"));
    EXPECT_EQ(lose(fresh, ended), "");
}

TEST_F(FrontRepeats, RepeatsWhatAServerDoesNotTakeBackAnothersSettingsFor)
{
    const auto request = wire::query("insert into t values (1)");
    talk.server->parameters = parameter_set::of({{"log_statement", "all"}});
    talk.send(request);
    talk.answer(wire::error("42501", "permission denied to set parameter \"log_statement\"", "FATAL"));
    EXPECT_EQ(lose(talk, ended), request) << "nothing of it has run";
}

TEST_F(FrontRepeats, DoesNotRepeatAWriteWhoseSettingsWereNotAnswered)
{
    talk.server->parameters = parameter_set::of({{"log_statement", "all"}});
    talk.send(wire::query("insert into t values (1)"));
    EXPECT_EQ(lose(talk), "");
}

TEST_F(FrontRepeats, WhatIsSentAgainMustNotWriteAndNothingElseIsKeptFromIt)
{
    const auto request = wire::query("select * from view_that_writes");
    talk.send(request);
    EXPECT_EQ(lose(talk), request);
    repeat(1, request);
    EXPECT_EQ(talk.send(wire::query("delete from t")), front_need::answers);  // it would be refused
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.answer(wire::command_complete("SET") + wire::parameter_status("default_transaction_read_only", "on") +
                wire::rows("1") + wire::command_complete("SET") + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(wire::error("25006", "cannot execute INSERT in a read-only transaction") + wire::ready());
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_NE(told.find("08007"), std::string::npos);  // it may have written before
    EXPECT_EQ(talk.send({}), front_need::more);
    const auto sent = talk.sent_to_server();
    EXPECT_EQ(types_of(sent), "QQ");  // the first makes it writable again
    EXPECT_NE(sent.find("default_transaction_read_only',NULL"), std::string::npos);
    EXPECT_TRUE(sent.ends_with(wire::query("delete from t")));
}

TEST_F(FrontRepeats, WhatNeverLeftUsIsSentAgainWhateverItIs)
{
    for (const auto& request : {wire::query("insert into t values (1)"), batch("delete from t")}) {
        exchange fresh;
        fresh.send(request);
        fresh.server->is_unsent = true;
        EXPECT_EQ(lose(fresh), request);
        fresh.move_to(1);
        fresh.sent_to_server();
        fresh.send(request);
        EXPECT_EQ(fresh.sent_to_server().find("default_transaction_read_only"), std::string::npos);
    }
    exchange reading;
    reading.client.prove_by(judge);
    const auto request = wire::query("select * from view_that_writes");
    reading.send(request);
    EXPECT_EQ(lose(reading), request);  // it may have run
    reading.move_to(1);
    reading.send(request);
    reading.server->is_unsent = true;
    EXPECT_EQ(lose(reading), request);
    reading.sent_to_server();
    reading.move_to(2);
    reading.send(request);
    EXPECT_NE(reading.sent_to_server().find("default_transaction_read_only"), std::string::npos);
}

TEST_F(FrontRepeats, ServesWhereReadsAreJudgedBeforeTheyAreSent)
{
    talk.client.route_by(judge, {"app", "shop"}, false);
    const auto request = wire::query("/* penstock: primary */ select 1");
    talk.send(request);
    EXPECT_EQ(lose(talk), request);
    EXPECT_EQ(talk.client.counters().lost_with_primary, 1U);
    EXPECT_EQ(talk.client.counters().lost_with_replica, 0U);
    EXPECT_EQ(talk.send(request), front_need::server);
    repeat(1, {});
}

TEST_F(FrontRepeats, ARequestThatNoServerCanBeHadForIsOver)
{
    const auto request = wire::query("select 1");
    talk.send(request);
    EXPECT_EQ(lose(talk), request);
    EXPECT_EQ(talk.send(request), front_need::server);
    talk.client.refuse({error_kind::borrow_timeout, {}, {}});
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    talk.move_to(1);
    talk.send(wire::query("delete from t"));
    EXPECT_EQ(talk.sent_to_server().find("default_transaction_read_only"), std::string::npos);
}

}  // namespace
