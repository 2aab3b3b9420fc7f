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

}  // namespace
