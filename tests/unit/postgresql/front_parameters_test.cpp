// SPDX-License-Identifier: Apache-2.0
//
// Parameters follow the session, and what a session may have changed is asked for before its connection goes.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

constexpr std::string_view guarded_start = "SET exit_on_error=on;SELECT 1";
constexpr std::string_view guarded_end = ";SET exit_on_error=off";

std::string guarded(std::string_view calls)
{
    return wire::query(std::string{guarded_start}.append(calls).append(guarded_end));
}

/// The client runs this and the server does it.
void run(exchange& talk, std::string_view text, std::string_view tag, char status = 'I')
{
    talk.send(wire::query(text));
    talk.answer(wire::command_complete(tag) + wire::ready(status));
    talk.sent_to_server();
}

TEST(FrontParameters, StartUpValuesAreSentInFrontOfTheFirstRequest)
{
    exchange talk{{{"TimeZone", "Asia/Tokyo"}, {"application_name", "it's"}}};
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(),
              guarded(",pg_catalog.set_config(E'application_name',E'it''s',false)"
                      ",pg_catalog.set_config(E'timezone',E'Asia/Tokyo',false)") +
                  wire::query("SELECT 1"));
    talk.answer(wire::set_config_answer());
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(wire::rows("1") + wire::ready());
    EXPECT_EQ(types_of(talk.sent_to_client()), "TDCZ");
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
}

TEST(FrontParameters, AServerWithTheSameValuesIsSentNothing)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    talk.server->parameters = parameter_set::of({{"timezone", "Asia/Tokyo"}});
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT 1"));
    EXPECT_EQ(talk.client.counters().catch_ups, 0U);
}

TEST(FrontParameters, WhatAnotherSessionLeftGoesBackToTheDefault)
{
    exchange talk;
    talk.server->parameters = parameter_set::of({{"timezone", "Asia/Tokyo"}, {"role", "boss"}});
    talk.send(wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(),
              guarded(",pg_catalog.set_config(E'role',NULL,false)"
                      ",pg_catalog.set_config(E'timezone',NULL,false)") +
                  wire::query("SELECT 1"));
}

TEST(FrontParameters, ASetIsAskedForAfterItsTransaction)
{
    exchange talk;
    run(talk, "BEGIN", "BEGIN", 'T');
    run(talk, "SET work_mem = '5MB'", "SET", 'T');
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_FALSE(talk.settle());  // not yet: ROLLBACK would undo it
    run(talk, "ROLLBACK", "ROLLBACK");
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT pg_catalog.current_setting(E'work_mem',true)"));
    talk.answer(wire::rows("4MB") + wire::ready());
    EXPECT_EQ(*talk.client.parameters().current()->find("work_mem"), "4MB");
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(FrontParameters, AFailedSetLeavesNothing)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = 'impossible'"));
    talk.answer(wire::error("22023") + wire::ready());
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_FALSE(talk.settle());
}

TEST(FrontParameters, AFailedTextOfSeveralStatementsMayHaveSet)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = '5MB'; COMMIT; SELECT 1/0"));
    talk.answer(wire::command_complete("SET") + wire::command_complete("COMMIT") + wire::error("22012") +
                wire::ready());
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
}

TEST(FrontParameters, AReportThatNothingExplainsIsAskedForToo)
{
    exchange talk;
    talk.send(wire::query("SELECT sets_a_time_zone()"));
    talk.answer(wire::rows("") + wire::parameter_status("TimeZone", "CET") + wire::ready());
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT pg_catalog.current_setting(E'timezone',true)"));
}

TEST(FrontParameters, ResetGoesBackToTheStartUpValue)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    run(talk, "SELECT 1", "SELECT 1");
    talk.answer({});
    exchange fresh{{{"timezone", "Asia/Tokyo"}}};
    fresh.server->parameters = fresh.client.parameters().current();
    for (const auto* text : {"RESET timezone", "RESET ALL", "SET timezone TO DEFAULT"}) {
        run(fresh, text, "RESET");
        EXPECT_TRUE(fresh.settle()) << text;
        EXPECT_EQ(fresh.sent_to_server(),
                  guarded(",pg_catalog.set_config(E'timezone',E'Asia/Tokyo',false)") +
                      wire::query("SELECT pg_catalog.current_setting(E'timezone',true)"));
        fresh.answer(wire::set_config_answer() + wire::rows("Asia/Tokyo") + wire::ready());
        EXPECT_FALSE(fresh.client.must_stay());
    }
}

TEST(FrontParameters, CodeThatNobodyLooksIntoMayHaveReset)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    talk.server->parameters = talk.client.parameters().current();
    for (const auto* text : {"DO $$ BEGIN EXECUTE 'RESET ALL'; END $$", "CALL p()"}) {
        run(talk, text, "DO");
        EXPECT_TRUE(talk.settle()) << text;
        const auto sent = talk.sent_to_server();
        EXPECT_NE(sent.find("pg_catalog.set_config(E'timezone',E'Asia/Tokyo',false)"), std::string::npos) << sent;
        talk.sent_to_client();
        talk.answer(wire::set_config_answer());
        EXPECT_EQ(talk.sent_to_client(), "");
    }
    talk.send(wire::query("CALL p()") + wire::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), wire::query("CALL p()")) << "what follows waits";
    exchange bare;
    run(bare, "CALL p()", "CALL");
    EXPECT_FALSE(bare.settle());
}

TEST(FrontParameters, WhatIsSetAfterAResetInTheSameTextStays)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    talk.server->parameters = talk.client.parameters().current();
    run(talk, "RESET ALL; SET timezone = 'CET'", "SET");
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT pg_catalog.current_setting(E'timezone',true)"));
}

TEST(FrontParameters, TheNextRequestWaitsForAReset)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    talk.server->parameters = talk.client.parameters().current();
    talk.send(wire::query("RESET timezone"));
    EXPECT_EQ(talk.send(wire::query("SHOW timezone")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), wire::query("RESET timezone"));
    talk.answer(wire::command_complete("RESET") + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(types_of(talk.sent_to_server()), "QQ");
    talk.answer(wire::set_config_answer() + wire::rows("Asia/Tokyo") + wire::ready());
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), wire::query("SHOW timezone"));
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");
}

TEST(FrontParameters, ResetAllLeavesTheRole)
{
    exchange talk{{{"role", "clerk"}, {"timezone", "CET"}}};
    talk.server->parameters = talk.client.parameters().current();
    run(talk, "RESET ALL", "RESET");
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server().find("role"), std::string::npos);
}

TEST(FrontParameters, DiscardAllBringsStartUpValuesBackOnTheSameConnection)
{
    exchange talk{{{"timezone", "Asia/Tokyo"}}};
    talk.server->parameters = talk.client.parameters().current();
    talk.client.pin(pin_reason::listen);
    run(talk, "DISCARD ALL", "DISCARD ALL");
    EXPECT_TRUE(talk.client.pins().empty());
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.sent_to_server(), guarded(",pg_catalog.set_config(E'timezone',E'Asia/Tokyo',false)"));
    talk.answer(wire::set_config_answer());
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(FrontParameters, AReportGoesToTheClientOnlyIfItIsNews)
{
    exchange talk;
    talk.client.greeted(std::make_shared<const parameter_list>(parameter_list{{"TimeZone", "UTC"}}));
    talk.send(wire::query("SELECT 1"));
    talk.answer(wire::parameter_status("TimeZone", "UTC"));
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(wire::parameter_status("TimeZone", "CET"));
    EXPECT_EQ(talk.sent_to_client(), wire::parameter_status("TimeZone", "CET"));
    talk.answer(wire::parameter_status("TimeZone", "CET"));
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(wire::parameter_status("TimeZone", "UTC"));
    EXPECT_EQ(talk.sent_to_client(), wire::parameter_status("TimeZone", "UTC"));
}

TEST(FrontParameters, SettingsOfAPortalCountWhenItIsExecuted)
{
    exchange talk;
    talk.send(wire::parse("s", "SET work_mem = '5MB'") + wire::bind("p", "s") + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::ready('T'));
    EXPECT_FALSE(talk.client.must_stay());
    talk.send(wire::execute("p") + wire::sync());
    talk.answer(wire::command_complete("SET") + wire::ready('T'));
    EXPECT_TRUE(talk.client.must_stay());
}

TEST(FrontParameters, APortalBoundInABatchThatWasSentBeforeAnEarlierOneEndedKeepsItsSettings)
{
    exchange talk;
    talk.send(wire::parse("s", "SET work_mem = '5MB'") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    talk.send(wire::query("SELECT 1"));
    talk.send(wire::bind("p", "s"));
    talk.answer(wire::rows("1") + wire::ready());
    talk.send(wire::execute("p") + wire::sync());
    talk.answer(wire::bind_complete() + wire::command_complete("SET") + wire::ready());
    EXPECT_TRUE(talk.client.must_stay());
}

TEST(FrontParameters, ATransactionThatRecoveredIsAskedForAllThatWasBoundInIt)
{
    exchange talk;
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    talk.send(wire::parse("s", "SET work_mem = '5MB'") + wire::parse("t", "SELECT 1") + wire::bind("p", "s") +
              wire::sync());
    talk.answer(wire::parse_complete() + wire::parse_complete() + wire::bind_complete() + wire::ready('T'));
    talk.send(wire::query("SAVEPOINT x"));
    talk.answer(wire::command_complete("SAVEPOINT") + wire::ready('T'));
    // The server skips what replaces the portal, and after ROLLBACK TO it is the SET that runs.
    talk.send(wire::bind("", "nothing") + wire::close('P', "p") + wire::bind("p", "t") + wire::sync());
    talk.answer(wire::error("26000") + wire::ready('E'));
    talk.send(wire::query("ROLLBACK TO x"));
    talk.answer(wire::command_complete("ROLLBACK") + wire::ready('T'));
    talk.send(wire::execute("p") + wire::sync());
    talk.answer(wire::command_complete("SET") + wire::ready('T'));
    talk.send(wire::query("COMMIT"));
    talk.answer(wire::command_complete("COMMIT") + wire::ready());
    EXPECT_TRUE(talk.client.must_stay());
    talk.sent_to_server();
    talk.settle();
    EXPECT_EQ(talk.sent_to_server(), wire::query("SELECT pg_catalog.current_setting(E'work_mem',true)"));
}

TEST(FrontParameters, WhatWasSentUnderTheWrongRulesOfReadingPins)
{
    exchange talk;
    talk.send(wire::query("SELECT changes_the_rules()") + wire::query("SELECT '\\'; SET work_mem = 1; --'"));
    talk.answer(wire::rows("") + wire::parameter_status("standard_conforming_strings", "off") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::opaque));
}

TEST(FrontParameters, AfterASetOfTheRulesOfReadingTheNextTextWaits)
{
    for (const auto* text :
         {"SET standard_conforming_strings = off", "SET client_encoding = 'SJIS'", "SET NAMES 'SJIS'"}) {
        exchange talk;
        talk.send(wire::query(text));
        EXPECT_EQ(talk.send(wire::query("SELECT 1")), front_need::answers) << text;
    }
}

TEST(FrontParameters, AnInjectedRequestThatIsRefusedEndsTheConnectionOrPins)
{
    exchange talk;
    run(talk, "SET work_mem = '5MB'", "SET");
    talk.settle();
    talk.answer(wire::error("42501") + wire::ready());
    EXPECT_TRUE(talk.client.pins().has(pin_reason::unknown_setting));
    EXPECT_EQ(types_of(talk.sent_to_client()), "CZ");

    exchange other{{{"timezone", "nowhere"}}};
    other.send(wire::query("SELECT 1"));
    EXPECT_EQ(other.answer(wire::command_complete("SET") + wire::error("22023", "no such zone", "FATAL")),
              advance_result::lost);
    EXPECT_EQ(other.sent_to_client(), "");
}

TEST(FrontParameters, TooManyToCarryPins)
{
    exchange talk;
    for (int round = 0; round < 600 && talk.client.pins().empty(); ++round) {
        run(talk, "SET my.v" + std::to_string(round) + " = 'x'", "SET");
        talk.settle();
        talk.answer(wire::rows("x") + wire::ready());
    }
    EXPECT_TRUE(talk.client.pins().has(pin_reason::unknown_setting));
}

TEST(FrontParameters, AProbeAnsweredOtherwiseIsAFault)
{
    using row = std::vector<const std::string*>;
    for (const auto& answer : {wire::data_row(row{}),
                               wire::data_row(row{nullptr, nullptr}),
                               wire::frame('D', {}),
                               wire::data_row(std::string_view{"a\0b", 3})}) {
        exchange talk;
        run(talk, "SET work_mem = '5MB'", "SET");
        talk.settle();
        EXPECT_EQ(talk.answer(wire::row_description(1) + answer), advance_result::violation);
    }
}

}  // namespace
