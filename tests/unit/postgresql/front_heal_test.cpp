// SPDX-License-Identifier: Apache-2.0
//
// "cached plan must not change result type": after a migration a batch is sent again where nobody can tell.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

std::string stale_plan()
{
    return wire::frame('E',
                       wire::c_string("SERROR") + wire::c_string("C0A000") + wire::c_string("Mder Plan ist alt") +
                           wire::c_string("RRevalidateCachedQuery") + '\0');
}

std::string described_batch()
{
    return wire::bind("", "a") + wire::describe('P', "") + wire::execute() + wire::sync();
}

/// A client with a prepared statement "a".
struct prepared : exchange {
    prepared()
    {
        send(wire::parse("a", "SELECT * FROM t") + wire::sync());
        answer(wire::parse_complete() + wire::ready());
        sent_to_server();
        sent_to_client();
    }
};

TEST(StalePlan, ADescribedBatchThatIsAloneIsSentAgain)
{
    prepared talk;
    talk.send(described_batch());
    const auto before = talk.sent_to_server();
    talk.answer(stale_plan() + wire::ready());
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_TRUE(talk.client.must_stay());
    const auto batch = talk.client.take_healed_batch();
    EXPECT_EQ(batch, described_batch());
    talk.send(batch);
    const auto again = talk.sent_to_server();
    EXPECT_EQ(types_of(again), "PBDES");
    EXPECT_NE(again.find(".1"), std::string::npos);
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::rows("new") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "2TDCZ");
    EXPECT_EQ(talk.client.counters().healed, 1U);
    EXPECT_FALSE(talk.client.must_stay());
    talk.send(described_batch());
    EXPECT_EQ(types_of(talk.sent_to_server()), "BDES");
}

TEST(StalePlan, WhoeverPreparesTheTextAgainGetsAFreshPlan)
{
    prepared talk;
    talk.send(wire::bind("", "a") + wire::execute() + wire::sync());  // relies on the description it has
    talk.answer(stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
    EXPECT_TRUE(talk.client.take_healed_batch().empty());
    talk.sent_to_server();
    talk.send(wire::close('S', "a") + wire::parse("a", "SELECT * FROM t") + wire::sync());
    EXPECT_EQ(types_of(talk.sent_to_server()), "PS");
}

TEST(StalePlan, InATransactionItIsTheClients)
{
    prepared talk;
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.sent_to_client();
    talk.send(described_batch());
    talk.answer(stale_plan() + wire::ready('E'));
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(StalePlan, ABatchWithAnotherBehindItIsNotSentAgain)
{
    prepared talk;
    talk.send(described_batch() + described_batch());
    talk.answer(stale_plan() + wire::ready() + stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZEZ");
    EXPECT_TRUE(talk.client.take_healed_batch().empty());
}

TEST(StalePlan, NorOneOfWhichTheClientHasSomething)
{
    prepared talk;
    talk.send(wire::parse("", "SELECT 1") + described_batch());
    talk.answer(wire::parse_complete() + stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "1EZ");
}

TEST(StalePlan, NorOneWithTwoBinds)
{
    prepared talk;
    talk.send(wire::bind("", "a") + wire::describe('P', "") + wire::execute() + described_batch());
    talk.answer(stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(StalePlan, NorOneBehindWhichAMessageHasBegun)
{
    prepared talk;
    talk.send(described_batch());
    talk.send(wire::copy_data("late data").substr(0, 7));
    talk.answer(stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(StalePlan, AnotherErrorOfTheSameCodeIsTheClients)
{
    prepared talk;
    talk.send(described_batch());
    talk.answer(wire::error("0A000", "FOR UPDATE is not allowed with DISTINCT clause") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

TEST(StalePlan, ABatchTooLongToKeepIsNotSentAgain)
{
    prepared talk;
    const std::string value(17'000, 'x');
    talk.send(wire::bind("", "a", {value}) + wire::describe('P', "") + wire::execute() + wire::sync());
    talk.answer(stale_plan() + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "EZ");
}

}  // namespace
