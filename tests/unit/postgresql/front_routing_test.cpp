// SPDX-License-Identifier: Apache-2.0
//
// What of a client's requests may go to a replica, and what is sent a second time.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const std::string refusal = wire::error("25006", "cannot execute UPDATE in a read-only transaction");

/// A client whose requests are judged. Server 0 is the primary, server 1 a replica.
class FrontRouting : public testing::Test {
protected:
    FrontRouting()
    {
        talk.client.route_by(judge, {"app", "shop"}, false);
        talk.add_server().is_replica = true;
        talk.server = nullptr;
    }

    /// What the request is judged to be, for which a server is wanted.
    read_verdict verdict_of(const std::string& octets)
    {
        EXPECT_EQ(talk.send(octets), front_need::server);
        return talk.client.wanted().verdict;
    }
    void on_primary() { talk.move_to(0); }
    void on_replica() { talk.move_to(1); }

    penstock::postgresql::read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(FrontRouting, JudgesWhatItWantsAServerFor)
{
    struct row {
        std::string octets;
        read_verdict expected;
    };
    const auto parse_read = wire::parse("", "select 1");
    const row table[] = {
        {wire::query("select 1"), read_verdict::read},
        {wire::query("insert into t values (1)"), read_verdict::writes},
        {wire::query("begin; select 1"), read_verdict::session},
        {parse_read + wire::bind("", "") + wire::execute() + wire::sync(), read_verdict::read},
        {parse_read + wire::sync(), read_verdict::read},
        {parse_read + wire::bind("", "") + wire::execute(), read_verdict::incomplete},  // what follows is not known
        {parse_read + wire::parse("", "delete from t") + wire::bind("", "") + wire::execute() + wire::sync(),
         read_verdict::writes},
        {wire::bind("", "unknown") + wire::execute() + wire::sync(), read_verdict::incomplete},
        {wire::bind("", "") + wire::execute() + wire::sync(), read_verdict::incomplete},
    };
    for (const auto& row : table) {
        exchange fresh;
        fresh.client.route_by(judge, {"app", "shop"}, false);
        fresh.server = nullptr;
        EXPECT_EQ(fresh.send(row.octets), front_need::server);
        EXPECT_EQ(fresh.client.wanted().verdict, row.expected) << row.octets;
    }
}

TEST_F(FrontRouting, ClassifiesNothingForAStatementThatWasPreparedBefore)
{
    on_primary();
    talk.send(wire::parse("a", "select 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.server = nullptr;
    const auto known = judge.hits() + judge.misses();
    const auto request = wire::bind("", "a") + wire::execute() + wire::sync();
    EXPECT_EQ(verdict_of(request), read_verdict::read);
    on_primary();
    talk.send({});
    talk.answer(wire::bind_complete() + wire::command_complete("SELECT 1") + wire::ready());
    talk.server = nullptr;
    EXPECT_EQ(verdict_of(request), read_verdict::read);
    EXPECT_LE(judge.hits() + judge.misses(), known + 1);
}

TEST_F(FrontRouting, JudgesATextThatIsParsedTimeAndAgainAnewWhereItMayBeAnother)
{
    const std::string text = R"(select '\'; delete from t; --')";  // two statements, unless a backslash escapes
    const auto request = [&](std::string_view parsed) {
        return wire::parse("", parsed) + wire::bind("", "") + wire::execute() + wire::sync();
    };
    const auto verdict_again = [&](std::string_view parsed, const std::string& said = {}) {
        const auto verdict = verdict_of(request(parsed));
        on_primary();
        talk.send({});
        talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 1") + said +
                    wire::ready());
        talk.server = nullptr;
        return verdict;
    };
    EXPECT_EQ(verdict_again("select 1"), read_verdict::read);
    const auto known = judge.hits() + judge.misses();
    EXPECT_EQ(verdict_again("select 1"), read_verdict::read);
    EXPECT_EQ(judge.hits() + judge.misses(), known);
    judge.note_refused("select 1", {});
    EXPECT_EQ(verdict_again("select 1"), read_verdict::refused);
    EXPECT_EQ(verdict_again("select x"), read_verdict::read);
    EXPECT_EQ(verdict_again(text, wire::parameter_status("standard_conforming_strings", "off")), read_verdict::writes);
    EXPECT_EQ(verdict_again(text), read_verdict::read);
}

TEST_F(FrontRouting, GivesAReplicaNothingButReads)
{
    EXPECT_EQ(verdict_of(wire::query("select 1")), read_verdict::read);
    on_replica();
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("select 1"));
    EXPECT_EQ(talk.send(wire::query("select 2")), front_need::more);  // behind it
    EXPECT_EQ(talk.send(wire::query("delete from t")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("select 2"));
    talk.answer(wire::rows("1") + wire::ready() + wire::rows("2") + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::writes);
    EXPECT_FALSE(talk.client.has_written());
    on_primary();
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("delete from t"));
    EXPECT_TRUE(talk.client.has_written());
}

TEST_F(FrontRouting, SendsAPatientClientsReadsOneByOne)
{
    talk.client.route_by(judge, {"app", "shop"}, true);
    on_replica();
    EXPECT_EQ(talk.send(wire::query("select 1")), front_need::more);
    EXPECT_EQ(talk.send(wire::query("select 2")), front_need::answers);
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("select 1") + wire::query("select 2"));
}

TEST_F(FrontRouting, NotesWhatMayHaveWritten)
{
    on_primary();
    talk.send(wire::query("select 1"));
    EXPECT_FALSE(talk.client.has_written());
    talk.send(wire::query("select unknown_function()"));
    EXPECT_TRUE(talk.client.has_written());
    talk.client.forget_written();
    EXPECT_FALSE(talk.client.has_written());
    talk.answer(wire::rows("1") + wire::ready() + wire::rows("1") + wire::ready('T'));
    talk.send(wire::query("select 1"));  // in a transaction nothing is judged
    EXPECT_TRUE(talk.client.has_written());
}

/// A text that is known to leave nothing behind says nothing of those that are not looked at before they are sent.
TEST_F(FrontRouting, SeesWhatIsLeftBehindThePlainReadsBefore)
{
    const std::string lock = "select pg_advisory_lock(1)";
    on_primary();
    for (int each = 0; each < 4; ++each) {
        talk.send(wire::query("select " + std::to_string(each)));
        talk.answer(wire::rows("1") + wire::ready());
    }
    ASSERT_TRUE(judge.judge("select 5", {}).is_plain);
    talk.send(wire::parse("", "select 1") + wire::query(lock));
    talk.answer(wire::parse_complete() + wire::rows("") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::advisory_lock));
}

TEST_F(FrontRouting, SendsARefusedWriteToThePrimaryUnseen)
{
    on_replica();
    const auto request = wire::query("select * from writing_view");
    talk.send(request);
    EXPECT_EQ(talk.answer(wire::row_description(1) + refusal + wire::ready()), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_EQ(talk.client.take_healed_batch(), request);
    EXPECT_EQ(talk.send(request), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::refused);
    EXPECT_EQ(talk.client.counters().refused_by_replica, 1U);
    talk.server = nullptr;
    EXPECT_EQ(judge.judge("select * from writing_view", {}).verdict, read_verdict::refused);
}

TEST_F(FrontRouting, SendsARefusedBatchAgainWithTheNamesItGave)
{
    on_replica();
    const auto request =
        wire::parse("a", "select * from writing_view") + wire::bind("", "a") + wire::execute() + wire::sync();
    talk.send(request);
    talk.answer(wire::parse_complete() + wire::bind_complete() + refusal + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    const auto again = talk.client.take_healed_batch();
    EXPECT_EQ(again, request);
    EXPECT_EQ(talk.client.statement_count(), 0U);
    talk.sent_to_server();
    on_primary();
    talk.send(again);
    const auto reply =
        wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready();
    EXPECT_EQ(talk.answer(reply), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), reply);
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST_F(FrontRouting, RelaysARefusalOfWhichSomethingHasBeenTold)
{
    on_replica();
    talk.send(wire::query("select * from writing_view"));
    talk.answer(wire::row_description(1) + wire::data_row(std::string(8192, '1')));
    EXPECT_NE(talk.sent_to_client(), "");
    talk.answer(refusal + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), refusal + wire::ready());
    EXPECT_EQ(talk.client.take_healed_batch(), "");
    EXPECT_EQ(judge.judge("select * from writing_view", {}).verdict, read_verdict::refused);
}

TEST_F(FrontRouting, RelaysARefusalWithOthersBehindIt)
{
    on_replica();
    talk.send(wire::query("select * from writing_view") + wire::query("select 2"));
    talk.answer(refusal + wire::ready() + wire::rows("2") + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), refusal + wire::ready() + wire::rows("2") + wire::ready());
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRouting, RelaysOtherErrorsAndAPrimarysRefusal)
{
    const auto other = wire::error("42P01", "relation \"t\" does not exist");
    on_replica();
    talk.send(wire::query("select * from t"));
    talk.answer(other + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), other + wire::ready());
    on_primary();
    talk.send(wire::query("select * from writing_view"));
    talk.answer(refusal + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), refusal + wire::ready());
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRouting, SendsAReadAgainWhoseReplicaIsLost)
{
    on_replica();
    const auto request = wire::query("select 1");
    talk.send(request);
    EXPECT_TRUE(talk.lose_server({error_kind::outcome_unknown, {}, {}}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), request);
    EXPECT_EQ(talk.client.counters().lost_with_replica, 1U);
    EXPECT_EQ(verdict_of(request), read_verdict::read);
}

TEST_F(FrontRouting, HoldsBackTheBeginningOfAnAnswerUntilThereIsMore)
{
    on_replica();
    talk.send(wire::query("select 1"));
    const auto reply = wire::rows("1") + wire::ready();
    for (std::size_t cut = 1; cut < reply.size(); ++cut) {
        talk.answer(reply.substr(0, cut));
        EXPECT_EQ(talk.sent_to_client(), "");
        talk.answer(reply.substr(cut));
        EXPECT_EQ(talk.sent_to_client(), reply);
        talk.send(wire::query("select 1"));
    }
    talk.answer(wire::row_description(1) + wire::data_row("1") +
                wire::notice("terminating connection because of crash"));
    EXPECT_TRUE(talk.lose_server({error_kind::outcome_unknown, {}, {}}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), wire::query("select 1"));
}

TEST_F(FrontRouting, SendsAReadAgainBehindWhoseBeginningAReplicaSaysThatItEnds)
{
    const auto request = wire::query("select 1");
    const auto last_words =
        wire::row_description(1) + wire::error("57P01", "terminating connection due to administrator command", "FATAL");
    for (std::size_t cut = 0; cut < last_words.size(); ++cut) {
        talk.move_to(cut + 1);
        talk.server->is_replica = true;
        talk.send(request);
        ASSERT_EQ(talk.answer(last_words.substr(0, cut)), advance_result::ok);
        ASSERT_EQ(talk.answer(last_words.substr(cut)), advance_result::lost);
        EXPECT_TRUE(talk.lose_server({error_kind::server_lost, {}, {}}));
        ASSERT_EQ(talk.sent_to_client(), "") << cut;
        ASSERT_EQ(talk.client.take_healed_batch(), request) << cut;
    }
}

TEST_F(FrontRouting, SendsAReadAgainWhoseReplicaIsLostAmidARow)
{
    on_replica();
    const auto request = wire::query("select 1");
    talk.send(request);
    const auto reply = wire::rows("one and a half");
    talk.answer(reply.substr(0, reply.find("half")));
    EXPECT_FALSE(talk.server->is_mid_relay());
    EXPECT_TRUE(talk.lose_server({error_kind::outcome_unknown, {}, {}}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), request);
}

TEST_F(FrontRouting, PassesALongAnswerOnAsItComes)
{
    on_replica();
    talk.send(wire::query("select 1"));
    const auto row = wire::data_row(std::string(1000, 'x'));
    std::string all = wire::row_description(1);
    talk.answer(all);
    for (int each = 0; each < 30; ++each) {
        talk.answer(row);
        all += row;
        EXPECT_EQ(talk.to_client, all.size() < 8192 ? "" : all);
    }
}

TEST_F(FrontRouting, TellsOfALostReplicaWhereTheAnswerHadBegun)
{
    on_replica();
    talk.send(wire::query("select 1"));
    talk.answer(wire::row_description(1) + wire::data_row(std::string(8192, '1')));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server({error_kind::outcome_unknown, {}, {}}));
    EXPECT_NE(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRouting, SendsNoWriteAgainThatAPrimaryLost)
{
    on_primary();
    talk.send(wire::query("delete from t"));
    talk.lose_server({error_kind::outcome_unknown, {}, {}});
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRouting, WhatAReplicaCannotDoIsAskedOfThePrimaryWhoseWordCounts)
{
    for (const auto* code : {"0A000", "55000"}) {
        const auto unable = wire::error(code, "das geht hier nicht") + wire::ready();
        const auto request = wire::query(std::string{"select n from unlogged_"} + code);
        on_replica();
        talk.send(request);
        talk.answer(unable);
        EXPECT_EQ(talk.sent_to_client(), "");
        EXPECT_EQ(talk.client.take_healed_batch(), request);
        talk.server = nullptr;
        EXPECT_EQ(verdict_of(request), read_verdict::refused);
        on_primary();
        talk.send({});
        talk.answer(unable);
        EXPECT_EQ(talk.sent_to_client(), unable) << "once";
        EXPECT_EQ(talk.client.take_healed_batch(), "");
        talk.server = nullptr;
        EXPECT_EQ(verdict_of(request), read_verdict::refused);
        on_primary();
        talk.send({});
        talk.answer(wire::rows("1") + wire::ready());
        talk.sent_to_client();
        talk.server = nullptr;
        EXPECT_EQ(verdict_of(wire::query("select n from others")), read_verdict::read);
        on_primary();
        talk.send({});
        talk.answer(wire::rows("1") + wire::ready());
        talk.sent_to_client();
    }
}

TEST_F(FrontRouting, WhatWasRefusedBehindAnotherRequestIsNotSentBehindOneAgain)
{
    const auto both = wire::query("select 1") + wire::query("select * from writing_view");
    on_replica();
    talk.send(both);
    talk.answer(wire::rows("1") + wire::ready() + refusal + wire::ready());
    EXPECT_TRUE(talk.sent_to_client().ends_with(refusal + wire::ready()));
    talk.sent_to_server();
    EXPECT_EQ(talk.send(both), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("select 1"));
    talk.answer(wire::rows("1") + wire::ready());
    talk.sent_to_client();
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.answer(refusal + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), wire::query("select * from writing_view"));
}

TEST_F(FrontRouting, ATransactionThatAReplicaCannotGoOnWithGoesOnOnThePrimary)
{
    const auto request = wire::query("select n from unlogged");
    const auto begun = wire::command_complete("BEGIN") + wire::ready('T');
    talk.send(wire::query("begin read only"));
    EXPECT_EQ(talk.send(wire::query("select 1")), front_need::server);
    on_replica();
    EXPECT_EQ(talk.send({}), front_need::answers);
    talk.answer(wire::command_complete("BEGIN") + wire::rows("read committed") + wire::ready('T'));
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.answer(wire::rows("1") + wire::ready('T'));
    talk.sent_to_client();
    talk.send(request);
    talk.answer(wire::error("0A000") + wire::ready('E'));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), request);
    EXPECT_EQ(talk.send(request), front_need::server);
    talk.server = nullptr;
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::transaction);
    on_primary();
    talk.sent_to_server();
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_NE(talk.sent_to_server().find("READ ONLY"), std::string::npos);
    talk.answer(begun);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), request);
    talk.answer(wire::rows("1") + wire::ready('T'));
    EXPECT_EQ(types_of(talk.sent_to_client()), "TDCZ");
    EXPECT_FALSE(talk.client.must_stay());
}

TEST_F(FrontRouting, ATransactionThatIsLostWithItsReplicaIsTold)
{
    talk.send(wire::query("begin read only"));
    talk.send(wire::query("select 1"));
    on_replica();
    talk.send({});
    talk.answer(wire::command_complete("BEGIN") + wire::rows("read committed") + wire::ready('T'));
    talk.send({});
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server({error_kind::outcome_unknown, {}, {}}));
    EXPECT_TRUE(talk.sent_to_client().ends_with(wire::ready('E')));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(FrontRouting, KeepsSerializableSessionsOffReplicas)
{
    on_replica();
    const auto request = wire::query("select 1");
    talk.send(request);
    talk.answer(wire::frame('E',
                            wire::c_string("SERROR") + wire::c_string("C0A000") + wire::c_string("Mnicht hier") +
                                wire::c_string("RGetSerializableTransactionSnapshot") + '\0') +
                wire::ready());
    EXPECT_EQ(talk.client.take_healed_batch(), request);
    talk.server = nullptr;
    verdict_of(request);
    on_primary();
    talk.send({});
    talk.answer(wire::rows("1") + wire::ready());
    talk.server = nullptr;
    EXPECT_EQ(verdict_of(wire::query("select 2")), read_verdict::isolation);
}

TEST_F(FrontRouting, SendsABatchWithAStalePlanAgainFromAReplica)
{
    const auto stale = wire::error("0A000", "cached plan must not change result type");
    const auto batch = wire::bind("", "a") + wire::describe('P', "") + wire::execute() + wire::sync();
    const auto prepare = wire::parse("a", "select * from t") + wire::sync();
    on_replica();
    talk.send(prepare);
    talk.answer(wire::parse_complete() + wire::ready());
    talk.sent_to_client();
    talk.send(batch);
    talk.answer(stale + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), batch);
    EXPECT_EQ(talk.client.counters().healed, 1U);
    talk.send(batch + batch);
    talk.answer(wire::parse_complete() + stale + wire::ready() + stale + wire::ready());
    EXPECT_EQ(talk.client.take_healed_batch(), "") << "what is behind it has been sent already";
    EXPECT_NE(talk.sent_to_client(), "");
}

TEST_F(FrontRouting, KeepsNoLongRequests)
{
    on_replica();
    talk.send(wire::parse("", "select 1") + wire::bind("", "") + wire::execute() + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 1") + wire::ready());
    std::string many = wire::parse("", "select * from writing_view");
    for (int each = 0; each < 2000; ++each) {
        many += wire::bind("", "") + wire::execute();
    }
    talk.sent_to_client();
    talk.send(many + wire::sync());
    std::string start = wire::parse_complete() + wire::bind_complete();
    talk.answer(start + refusal + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), start + refusal + wire::ready());
}

}  // namespace
