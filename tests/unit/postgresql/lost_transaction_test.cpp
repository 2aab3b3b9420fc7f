// SPDX-License-Identifier: Apache-2.0
//
// A transaction whose server is lost: refused but for its end, with no server, and never silently over.
#include "protocols/postgresql/lost_transaction.hpp"

#include "protocols/postgresql/errors.hpp"
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

const client_error gone{error_kind::server_lost, "the server is gone", {}};
const client_error unknown{error_kind::outcome_unknown, {}, {}};

/// The SQLSTATEs of the errors in a stream, separated by spaces.
std::string codes(bytes stream)
{
    std::string all;
    for (const auto& frame : frames_of(stream)) {
        if (frame[0] == 'E') {
            const auto report = decode_error(bytes{frame}.substr(header_size));
            all.append(all.empty() ? "" : " ").append(report.sqlstate);
        }
    }
    return all;
}

/// As codes(), with the status of each ReadyForQuery: "08006 E".
std::string outline(bytes stream)
{
    std::string all;
    for (const auto& frame : frames_of(stream)) {
        const auto code = codes(frame);
        all.append(all.empty() ? "" : " ").append(frame[0] == 'E' ? code : frame.substr(0, 1));
        if (frame[0] == 'Z') {
            all.back() = frame[5];
        }
    }
    return all;
}

/// A client in a transaction.
struct in_transaction : exchange {
    in_transaction()
    {
        send(wire::query("BEGIN"));
        answer(wire::command_complete("BEGIN") + wire::ready('T'));
        sent_to_client();
    }

    std::string ask(bytes octets)
    {
        EXPECT_EQ(send(octets), front_need::more);
        return outline(sent_to_client());
    }
};

TEST(LostTransaction, IsFailedAfterTheRequestThatWasUnderWay)
{
    in_transaction talk;
    talk.send(wire::query("INSERT"));
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08006 E") << "it cannot have been committed";
    EXPECT_EQ(talk.ask(wire::query("SELECT 1")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("SAVEPOINT a")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK TO a")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK; SELECT 1")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK AND CHAIN")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("BEGIN")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK PREPARED 'x'")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::function_call(955)), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("")), "I E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK")), "C I");
    EXPECT_EQ(talk.send(wire::query("SELECT 2")), front_need::server);
}

TEST(LostTransaction, IsToldOfWithTheNextRequestWhereNoneWasUnderWay)
{
    in_transaction talk;
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.sent_to_client(), "") << "no error without a request";
    EXPECT_EQ(talk.ask(wire::query("SELECT 1")), "08006 E");
    EXPECT_EQ(talk.ask(wire::query("SELECT 1")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("COMMIT")), "C I");
}

TEST(LostTransaction, DoesNotLookCommittedToAClientThatWasNotTold)
{
    in_transaction simple;
    simple.lose_server(gone);
    EXPECT_EQ(simple.ask(wire::query("COMMIT")), "08006 I");
    EXPECT_EQ(simple.send(wire::query("SELECT 2")), front_need::server);
    in_transaction extended;
    extended.lose_server(gone);
    EXPECT_EQ(extended.ask(wire::parse("", "commit") + wire::bind("", "") + wire::execute() + wire::sync()),
              "1 2 08006 I");
}

TEST(LostTransaction, RolledBackFirstNeedsNoError)
{
    in_transaction talk;
    talk.lose_server(gone);
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK")), "C I");
}

TEST(LostTransaction, AnswersCommitWithRollbackAsPostgresqlDoes)
{
    in_transaction talk;
    talk.send(wire::query("INSERT"));
    talk.lose_server(unknown);
    talk.sent_to_client();
    talk.send(wire::query("COMMIT"));
    EXPECT_EQ(talk.sent_to_client(), wire::command_complete("ROLLBACK") + wire::ready());
}

TEST(LostTransaction, TellsACommitUnderWayFromOtherRequests)
{
    in_transaction talk;
    talk.send(wire::query("INSERT") + wire::query("COMMIT") + wire::query("SELECT 1"));
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08006 E 08007 I 08007 I");
    EXPECT_EQ(talk.send(wire::query("SELECT 2")), front_need::server);
}

TEST(LostTransaction, IsOpenWhereABeginWasUnderWay)
{
    exchange talk;
    talk.send(wire::query("BEGIN") + wire::query("INSERT"));
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08007 E 08006 E");
    talk.send(wire::query("INSERT"));
    EXPECT_EQ(outline(talk.sent_to_client()), "25P02 E") << "it would run outside its transaction";
}

TEST(LostTransaction, IsNotOpenWhereItBeganAndEnded)
{
    exchange talk;
    talk.send(wire::query("BEGIN; INSERT; COMMIT"));
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08007 I");
}

TEST(LostTransaction, ACommitIsInDoubtAlsoWhereItsOwnReplyHasCome)
{
    for (const bool executed : {false, true}) {
        in_transaction talk;
        talk.send(wire::parse("", "COMMIT") + wire::bind("", "") + wire::execute() + wire::sync());
        talk.answer(wire::parse_complete() + wire::bind_complete() +
                    (executed ? wire::command_complete("COMMIT") : ""));
        talk.sent_to_client();
        EXPECT_TRUE(talk.lose_server(executed ? gone : unknown));
        EXPECT_EQ(outline(talk.sent_to_client()), "08007 I");
    }
}

TEST(LostTransaction, ANamedPortalMayHaveCommitted)
{
    in_transaction talk;
    talk.send(wire::parse("", "COMMIT") + wire::bind("p", "") + wire::sync());
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::ready('T'));
    talk.send(wire::execute("p") + wire::sync());
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08007 E");
}

TEST(LostTransaction, SkipsARefusedBatchToItsSync)
{
    in_transaction talk;
    talk.lose_server(gone);
    EXPECT_EQ(talk.ask(wire::parse("", "SELECT 1") + wire::bind("", "") + wire::execute() + wire::sync()), "08006 E");
    EXPECT_EQ(talk.ask(wire::bind("", "unknown") + wire::execute() + wire::query("ROLLBACK") + wire::sync()),
              "25P02 E");
    EXPECT_EQ(talk.ask(wire::describe('S', "x") + wire::sync()), "25P02 E");
    EXPECT_EQ(talk.ask(wire::describe('P', "x") + wire::sync()), "25P02 E");
    EXPECT_EQ(talk.ask(wire::execute("x") + wire::sync()), "25P02 E");
    EXPECT_EQ(talk.ask(wire::close('P', "x") + wire::close('S', "x") + wire::sync()), "3 3 E");
    EXPECT_EQ(talk.ask(wire::flush() + wire::sync()), "E");
}

TEST(LostTransaction, EndsByABatchToo)
{
    in_transaction talk;
    talk.send(wire::query("INSERT"));
    talk.lose_server(unknown);
    talk.sent_to_client();
    EXPECT_EQ(talk.ask(wire::parse("r", "ROLLBACK") + wire::parse("r", "ROLLBACK") + wire::sync()), "1 42P05 E");
    EXPECT_EQ(talk.ask(wire::describe('S', "r") + wire::bind("p", "r") + wire::describe('P', "p") + wire::sync()),
              "t n 2 n E");
    EXPECT_EQ(talk.ask(wire::execute("p") + wire::sync()), "C I");
    EXPECT_EQ(talk.client.statement_count(), 1U);
}

TEST(LostTransaction, GoesToAServerInTheMiddleOfTheBatchThatEndsIt)
{
    in_transaction talk;
    talk.send(wire::query("INSERT"));
    talk.lose_server(unknown);
    talk.sent_to_client();
    EXPECT_EQ(talk.send(wire::parse("", "ROLLBACK") + wire::bind("", "") + wire::execute() +
                        wire::parse("", "SELECT 1") + wire::bind("", "") + wire::execute() + wire::sync()),
              front_need::server);
    EXPECT_EQ(outline(talk.sent_to_client()), "1 2 C");
    talk.sent_to_server();
    talk.move_to(1);
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(types_of(talk.sent_to_server()), "PBES");
    talk.answer(wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready());
    EXPECT_EQ(outline(talk.sent_to_client()), "1 2 C I");
}

TEST(LostTransaction, ABatchWithoutItsSyncIsSkippedIntoIt)
{
    in_transaction talk;
    talk.send(wire::parse("", "INSERT") + wire::bind("", ""));
    EXPECT_TRUE(talk.lose_server(unknown));
    EXPECT_EQ(outline(talk.sent_to_client()), "08006");
    EXPECT_EQ(talk.ask(wire::execute() + wire::sync()), "E");
    EXPECT_EQ(talk.ask(wire::query("SELECT 1")), "25P02 E");
}

TEST(LostTransaction, ThatHadFailedBeforeIsAsItWas)
{
    in_transaction talk;
    talk.send(wire::query("BAD"));
    talk.answer(wire::error("42601") + wire::ready('E'));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.ask(wire::query("SELECT 1")), "25P02 E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK")), "C I");
}

TEST(LostTransaction, DropsLongMessages)
{
    in_transaction talk;
    talk.lose_server(gone);
    const auto query = wire::query(std::string(100'000, ' ') + "ROLLBACK");
    EXPECT_EQ(talk.ask(query.substr(0, 40'000)), "08006 E");
    EXPECT_EQ(talk.ask(query.substr(40'000)), "");
    const auto bind = wire::bind("", "", {std::string(100'000, 'x')});
    EXPECT_EQ(talk.ask(bind.substr(0, 40'000)), "25P02");
    EXPECT_EQ(talk.ask(bind.substr(40'000) + wire::sync()), "E");
    EXPECT_EQ(talk.ask(wire::query("ROLLBACK")), "C I");
}

TEST(LostTransaction, TakesItsParametersWithIt)
{
    exchange talk;
    talk.client.greeted(std::make_shared<const parameter_list>(parameter_list{{"TimeZone", "UTC"}}));
    talk.send(wire::query("BEGIN; SET timezone TO 'CET'"));
    talk.answer(wire::command_complete("BEGIN") + wire::command_complete("SET") +
                wire::parameter_status("TimeZone", "CET") + wire::ready('T'));
    talk.sent_to_client();
    EXPECT_TRUE(talk.lose_server(gone));
    EXPECT_EQ(talk.sent_to_client(), wire::parameter_status("TimeZone", "UTC"));
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_EQ(talk.client.parameters().current()->find("timezone"), nullptr);
}

TEST(LostTransaction, KeepsAStatementMadeInIt)
{
    in_transaction talk;
    talk.send(wire::parse("a", "SELECT 7") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready('T'));
    talk.sent_to_client();
    talk.lose_server(gone);
    talk.ask(wire::query("ROLLBACK"));
    talk.move_to(1);
    talk.sent_to_server();
    talk.send(wire::bind("", "a") + wire::sync());
    EXPECT_NE(talk.sent_to_server().find("SELECT 7"), std::string::npos);
}

TEST(LostTransaction, CannotBeSurvivedByAPinnedSession)
{
    in_transaction talk;
    talk.send(wire::query("LISTEN x"));
    talk.answer(wire::command_complete("LISTEN") + wire::ready('T'));
    EXPECT_FALSE(talk.lose_server(gone));
}

// --- the probe behind a request that has set something ---

struct after_set : exchange {
    after_set()
    {
        client.greeted(std::make_shared<const parameter_list>(parameter_list{{"TimeZone", "UTC"}}));
        send(wire::query("SET timezone TO 'CET'"));
        answer(wire::command_complete("SET") + wire::parameter_status("TimeZone", "CET") + wire::ready());
        EXPECT_EQ(types_of(sent_to_client()), "CS") << "its ReadyForQuery is withheld";
        settle();
    }
};

TEST(LostProbe, IsToldAndTheParameterIsAsBefore)
{
    after_set talk;
    EXPECT_TRUE(talk.lose_server(gone));
    const auto told = talk.sent_to_client();
    EXPECT_EQ(outline(told), "S 08007 I");
    EXPECT_TRUE(told.starts_with(wire::parameter_status("TimeZone", "UTC")));
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_EQ(talk.send(wire::query("SHOW timezone")), front_need::server);
}

TEST(LostProbe, EndsTheSessionWhereTheClientReliesOnTheChange)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = '5MB'") + wire::query("SELECT 1"));
    talk.answer(wire::command_complete("SET") + wire::ready() + wire::row_description(1));
    EXPECT_FALSE(talk.lose_server(gone)) << "SET was acknowledged, and its value is lost";
}

TEST(LostProbe, OfAnEarlierRequestIsNoneOfALaterOnes)
{
    exchange talk;
    talk.send(wire::query("SET work_mem = '5MB'"));
    talk.answer(wire::command_complete("SET") + wire::ready());
    talk.settle();
    const std::string value = "5MB";
    talk.answer(wire::row_description(1) + wire::data_row(value) + wire::command_complete("SELECT 1") + wire::ready());
    talk.sent_to_client();
    talk.send(wire::query("BEGIN"));
    talk.answer(wire::command_complete("BEGIN") + wire::ready('T'));
    EXPECT_TRUE(talk.lose_server(gone));
    ASSERT_NE(talk.client.parameters().current()->find("work_mem"), nullptr);
    EXPECT_EQ(*talk.client.parameters().current()->find("work_mem"), "5MB");
}

// --- which text is an exit ---

TEST(ExitStatement, IsReadStrictly)
{
    const std::pair<std::string_view, exit_statement> cases[] = {
        {"", exit_statement::blank},
        {" ; -- nothing", exit_statement::blank},
        {"ROLLBACK", exit_statement::rollback},
        {"abort work;;", exit_statement::rollback},
        {"/* why */ RollBack Transaction ;", exit_statement::rollback},
        {"COMMIT AND NO CHAIN", exit_statement::commit},
        {"end transaction and no chain", exit_statement::commit},
        {"COMMIT AND CHAIN", exit_statement::none},
        {"ROLLBACK TO a", exit_statement::none},
        {"ROLLBACK WORK TO SAVEPOINT a", exit_statement::none},
        {"COMMIT PREPARED 'x'", exit_statement::none},
        {"ROLLBACK; SELECT 1", exit_statement::none},
        {"; ROLLBACK", exit_statement::none},
        {"ROLLBACK /* not closed", exit_statement::none},
        {"ROLLBACK 1", exit_statement::none},
        {"ROLLBACK nonsense", exit_statement::none},
        {"\"rollback\"", exit_statement::none},
        {"COMMIT WORK WORK", exit_statement::none},
        {"COMMIT AND NO", exit_statement::none},
        {"SELECT 1", exit_statement::none},
    };
    for (const auto& [text, wanted] : cases) {
        EXPECT_EQ(read_exit(text, {}), wanted) << text;
    }
}

TEST(LostTransaction, HoldsAFewPortalsOnly)
{
    lost_transaction lost{gone, true};
    for (int portal = 0; portal < 256; ++portal) {
        EXPECT_TRUE(lost.bind("p" + std::to_string(portal), exit_statement::rollback));
    }
    EXPECT_FALSE(lost.bind("one more", exit_statement::rollback));
    lost.close("p7");
    EXPECT_EQ(lost.find("p7"), exit_statement::none);
    EXPECT_TRUE(lost.bind("one more", exit_statement::rollback));
}

}  // namespace
