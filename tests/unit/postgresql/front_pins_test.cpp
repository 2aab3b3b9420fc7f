// SPDX-License-Identifier: Apache-2.0
//
// A pin ends when the server says that nothing is left of what it was for, and only then.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// The client runs this and the server does it.
void run(exchange& talk, std::string_view text, std::string_view tag, char status = 'I')
{
    talk.send(wire::query(text));
    talk.answer(wire::command_complete(tag) + wire::ready(status));
    talk.sent_to_server();
    talk.sent_to_client();
}

/// A session with a temporary table that it has just dropped.
struct after_drop : exchange {
    after_drop()
    {
        run(*this, "CREATE TEMP TABLE t (x int)", "CREATE TABLE");
        EXPECT_TRUE(client.pins().has(pin_reason::temporary_object));
        EXPECT_FALSE(probe_pins());
        run(*this, "DROP TABLE t", "DROP TABLE");
    }
};

TEST(FrontPins, AreOverWhenTheServerSaysSo)
{
    after_drop talk;
    EXPECT_TRUE(talk.probe_pins());
    EXPECT_NE(talk.sent_to_server().find("pg_my_temp_schema"), std::string::npos);
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_EQ(talk.answer(wire::rows("f") + wire::ready()), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_TRUE(talk.client.pins().empty());
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_FALSE(talk.probe_pins());
}

TEST(FrontPins, GoOnWhereSomethingIsLeft)
{
    after_drop talk;
    EXPECT_TRUE(talk.probe_pins());
    EXPECT_EQ(talk.answer(wire::rows("t") + wire::ready()), advance_result::ok);
    EXPECT_TRUE(talk.client.pins().has(pin_reason::temporary_object));
    EXPECT_FALSE(talk.probe_pins()) << "nothing has happened since";
}

TEST(FrontPins, GoOnWhereTheServerRefusesTheQuestion)
{
    after_drop talk;
    EXPECT_TRUE(talk.probe_pins());
    EXPECT_EQ(talk.answer(wire::error("42501") + wire::ready()), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_TRUE(talk.client.pins().has(pin_reason::temporary_object));
    EXPECT_FALSE(talk.server->must_close);
    run(talk, "DROP TABLE u", "DROP TABLE");
    EXPECT_TRUE(talk.probe_pins());
}

TEST(FrontPins, AreNotAskedAboutInATransaction)
{
    exchange talk;
    run(talk, "LISTEN news", "LISTEN");
    run(talk, "BEGIN", "BEGIN", 'T');
    run(talk, "UNLISTEN news", "UNLISTEN", 'T');
    EXPECT_FALSE(talk.probe_pins());
    run(talk, "COMMIT", "COMMIT");
    EXPECT_TRUE(talk.probe_pins());
}

TEST(FrontPins, AreNotAskedAboutWhereAnotherOneStays)
{
    exchange talk;
    run(talk, "LISTEN news", "LISTEN");
    run(talk, "DO $$ BEGIN END $$", "DO");
    run(talk, "UNLISTEN news", "UNLISTEN");
    EXPECT_FALSE(talk.probe_pins());
}

TEST(FrontPins, OfTwoKindsAreAskedAboutTogether)
{
    exchange talk;
    run(talk, "LISTEN news", "LISTEN");
    run(talk, "SELECT pg_advisory_lock(1)", "SELECT 1");
    run(talk, "UNLISTEN news", "UNLISTEN");
    EXPECT_FALSE(talk.probe_pins());
    run(talk, "SELECT pg_advisory_unlock(1)", "SELECT 1");
    EXPECT_TRUE(talk.probe_pins());
    const auto two = wire::short_number(2) + wire::number(1) + "t" + wire::number(1) + "f";
    EXPECT_EQ(talk.answer(wire::row_description(2) + wire::frame('D', two) + wire::command_complete("SELECT 1") +
                          wire::ready()),
              advance_result::ok);
    EXPECT_EQ(talk.client.pins(), pin_set{pin_reason::advisory_lock});
}

TEST(FrontPins, ThatBeginBehindTheQuestionStay)
{
    after_drop talk;
    EXPECT_TRUE(talk.probe_pins());
    talk.send(wire::query("CREATE TEMP TABLE u (x int)"));
    EXPECT_EQ(talk.answer(wire::rows("f") + wire::ready()), advance_result::ok);
    EXPECT_EQ(talk.answer(wire::command_complete("CREATE TABLE") + wire::ready()), advance_result::ok);
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");
    EXPECT_EQ(talk.client.pins(), pin_set{pin_reason::temporary_object});
}

TEST(FrontPins, MayEndWithAFailedTransaction)
{
    exchange talk;
    run(talk, "BEGIN", "BEGIN", 'T');
    run(talk, "CREATE TEMP TABLE t (x int)", "CREATE TABLE", 'T');
    talk.send(wire::query("SELECT 1/0"));
    talk.answer(wire::error("22012") + wire::ready('E'));
    run(talk, "COMMIT", "ROLLBACK");
    EXPECT_TRUE(talk.probe_pins());
}

TEST(FrontPins, EndByPreparedStatementsAsWell)
{
    exchange talk;
    run(talk, "LISTEN news", "LISTEN");
    talk.send(wire::parse("stop", "UNLISTEN news") + wire::bind("", "stop") + wire::execute() + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("UNLISTEN") + wire::ready());
    EXPECT_TRUE(talk.probe_pins());
}

TEST(FrontPins, OfSequencesEndWhenTheyAreDiscarded)
{
    exchange talk;
    run(talk, "SELECT nextval('s')", "SELECT 1");
    run(talk, "DISCARD SEQUENCES; SELECT nextval('s')", "SELECT 1");
    EXPECT_TRUE(talk.client.pins().has(pin_reason::sequence));
    run(talk, "DISCARD SEQUENCES", "DISCARD SEQUENCES");
    EXPECT_TRUE(talk.client.pins().empty());
}

TEST(FrontPins, AServerThatAnswersOtherwiseIsGivenUp)
{
    const auto truth = wire::number(1) + "f";
    for (const auto& row : {wire::short_number(2) + truth + truth,
                            wire::short_number(0),
                            wire::short_number(1) + wire::number(1) + "x",
                            wire::short_number(1) + wire::number(0xffffffff),
                            wire::short_number(1) + truth + "f"}) {
        after_drop talk;
        EXPECT_TRUE(talk.probe_pins());
        EXPECT_EQ(talk.answer(wire::row_description(1) + wire::frame('D', row)), advance_result::violation);
        EXPECT_EQ(talk.sent_to_client(), "");
        EXPECT_FALSE(talk.client.pins().empty());
    }
    after_drop talk;
    EXPECT_TRUE(talk.probe_pins());
    const auto row = wire::frame('D', wire::short_number(1) + truth);
    EXPECT_EQ(talk.answer(wire::row_description(1) + row + row), advance_result::violation) << "two rows";
}

TEST(FrontPins, ThatAreRefusedNeverReachTheServer)
{
    exchange talk;
    talk.client.follow({.refused = pins_of_statements()});
    talk.send(wire::query("CREATE TABLE kept (x int); LISTEN news"));
    EXPECT_EQ(talk.sent_to_server(), "");
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_NE(told.find("listen"), std::string::npos);
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
}

TEST(FrontPins, ThatAreRefusedFailTheirTransaction)
{
    exchange talk;
    talk.client.follow({.refused = pins_of_statements()});
    run(talk, "BEGIN", "BEGIN", 'T');
    talk.send(wire::query("LISTEN news"));
    EXPECT_EQ(talk.sent_to_server().find("LISTEN"), std::string::npos);
    talk.answer(wire::error("42601", "syntax error") + wire::ready('E'));
    const auto told = talk.sent_to_client();
    EXPECT_EQ(types_of(told), "EZ");
    EXPECT_EQ(told.find("syntax error"), std::string::npos);
    EXPECT_NE(told.find("listen"), std::string::npos);
}

TEST(FrontPins, OfCodeThatNobodyLooksIntoCostTheConnection)
{
    for (const auto* text : {"DO $$ BEGIN END $$", "CALL p()", "SELECT pg_backup_start('x')", "SELECT setseed(0.5)"}) {
        exchange talk;
        run(talk, text, "DO");
        EXPECT_TRUE(talk.server->must_close) << text;
        EXPECT_TRUE(talk.client.must_stay()) << text;
        run(talk, "DISCARD ALL", "DISCARD ALL");
        EXPECT_TRUE(talk.server->must_close) << text;
        EXPECT_FALSE(talk.client.must_stay()) << text;
    }
    exchange talk;
    run(talk, "CREATE TEMP TABLE t (x int)", "CREATE TABLE");
    EXPECT_FALSE(talk.server->must_close);
}

TEST(FrontPins, AreNotForASeedOfTheStartWhichSowsNothing)
{
    exchange talk{{{"seed", "0.5"}, {"work_mem", "1MB"}}};
    EXPECT_TRUE(talk.client.pins().empty());
    talk.send(wire::query("SELECT 1"));
    const auto sent = talk.sent_to_server();
    EXPECT_NE(sent.find("E'work_mem'"), std::string::npos);
    EXPECT_EQ(sent.find("E'seed'"), std::string::npos);
}

TEST(FrontPins, LastWhileTheSearchPathHasPgTemp)
{
    exchange talk;
    run(talk, "SELECT set_config('search_path', 'pg_' || 'temp', false)", "SELECT 1");
    EXPECT_FALSE(talk.probe_pins());
    EXPECT_TRUE(talk.settle());
    talk.answer(wire::rows("pg_temp") + wire::ready());
    EXPECT_EQ(talk.client.pins(), pin_set{pin_reason::temporary_object});
    run(talk, "DROP TABLE t", "DROP TABLE");
    EXPECT_FALSE(talk.probe_pins()) << "the next one may be temporary again";
    run(talk, "SET search_path = public", "SET");
    EXPECT_TRUE(talk.settle());
    talk.answer(wire::rows("public") + wire::ready());
    EXPECT_TRUE(talk.probe_pins());
    talk.answer(wire::rows("f") + wire::ready());
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(FrontPins, AreForASearchPathOfTheStart)
{
    EXPECT_EQ((exchange{{{"search_path", "PG_TEMP, public"}}}.client.pins()), pin_set{pin_reason::temporary_object});
    EXPECT_TRUE((exchange{{{"search_path", "public"}}}.client.pins().empty()));
}

TEST(FrontPins, ComeWithTheValueThatIsBound)
{
    for (const auto* value : {"pg_temp", "public"}) {
        exchange talk;
        talk.send(wire::parse("", "SELECT set_config('search_path', $1, true)") + wire::bind("", "", {value}) +
                  wire::execute() + wire::sync());
        talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 1") +
                    wire::ready());
        EXPECT_EQ(talk.client.pins().has(pin_reason::temporary_object), value == std::string_view{"pg_temp"});
    }
}

/// What a connection has that was another session's, with what another may have drawn from sequences in it.
struct second_hand : exchange {
    second_hand() { server->user_stamp = 77; }
};

TEST(FrontSequences, OfOthersAreForgottenBeforeTheyAreAskedFor)
{
    for (const auto& ask :
         {wire::query("SELECT lastval()"),
          wire::parse("", "SELECT currval('s')") + wire::bind("", "") + wire::execute() + wire::sync(),
          wire::parse("p", "SELECT currval('s')") + wire::bind("", "p") + wire::execute() + wire::sync()}) {
        second_hand talk;
        talk.send(ask);
        EXPECT_TRUE(talk.sent_to_server().starts_with(wire::query("DISCARD SEQUENCES")));
        EXPECT_FALSE(talk.server->foreign_sequences);
    }
}

TEST(FrontSequences, OfOthersAreNotToldInATransaction)
{
    second_hand talk;
    run(talk, "BEGIN", "BEGIN", 'T');
    talk.send(wire::query("SELECT lastval()"));
    EXPECT_EQ(talk.sent_to_server().find("lastval"), std::string::npos);
    talk.answer(wire::error("42601") + wire::ready('E'));
    EXPECT_NE(talk.sent_to_client().find("55000"), std::string::npos);
    run(talk, "ROLLBACK", "ROLLBACK");
    talk.server->user_stamp = 77;  // another session has had it
    talk.send(wire::query("BEGIN"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("DISCARD SEQUENCES") + wire::query("BEGIN"));
}

TEST(FrontSequences, OfTheSessionItselfStay)
{
    exchange talk;
    run(talk, "INSERT INTO t DEFAULT VALUES", "INSERT 0 1");
    talk.send(wire::query("SELECT lastval()"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT lastval()"));
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::sequence));
}

}  // namespace
