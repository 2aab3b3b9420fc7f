// SPDX-License-Identifier: Apache-2.0
//
// What a client asks of us and not of its server. KILL: what is understood of it, and what a client is told;
// COM_CHANGE_USER.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

constexpr std::uint32_t own_number = 4242;

struct asking : exchange {
    explicit asking(capability_flags with = modern) : exchange{with, modern}
    {
        client_identity who;
        who.capabilities = with;
        who.connection_id = own_number;
        client.logged_in(who);
        server = nullptr;
    }
    /// What the client is told when that has come of it.
    std::uint16_t answered(kill_result how)
    {
        client_got.clear();
        client.on_killed(how, client_got);
        const auto told = this->told();
        const auto err = decode_err(told.at(0));
        return err ? err->code : 0;
    }
};

TEST(MysqlKill, IsUnderstoodWhereItNamesANumber)
{
    struct form {
        std::string_view text;
        std::uint64_t number;
        bool whole;
    };
    for (const auto& each : {form{"KILL 5", 5, true},
                             form{"kill connection 5;", 5, true},
                             form{"Kill Query 18", 18, false},
                             form{"KILL QUERY '18'", 18, false},
                             form{"/* a */ KILL /* b */ QUERY 18 -- c", 18, false},
                             form{"/*!50000 KILL QUERY 18 */", 18, false},
                             form{"KILL 9223372036854775807", 9223372036854775807U, true},
                             form{"KILL CONNECTION_ID()", own_number, true},
                             form{"KILL QUERY connection_id ( )", own_number, false}}) {
        asking talk;
        EXPECT_EQ(talk.send(ask::query(each.text)), front_need::kill) << each.text;
        EXPECT_EQ(talk.client.wanted_kill().number, each.number) << each.text;
        EXPECT_EQ(talk.client.wanted_kill().whole_session, each.whole) << each.text;
        EXPECT_EQ(talk.pending, "") << each.text;
    }
}

TEST(MysqlKill, IsRefusedInFormsThatOnlyTheServerCouldMeanSomethingBy)
{
    for (const auto* const text : {"KILL",
                                   "KILL QUERY",
                                   "KILL @a",
                                   "KILL 5 6",
                                   "KILL 5 + 1",
                                   "KILL -5",
                                   "KILL 5.0",
                                   "KILL 0x5",
                                   "KILL USER ann",
                                   "KILL QUERY ID 5",
                                   "KILL SOFT 5",
                                   "KILL ?",
                                   "KILL QUERY CONNECTION 5",
                                   "KILL 92233720368547758070",
                                   "KILL CONNECTION_ID(",
                                   "KILL 5 /*! + 1 */",
                                   "SELECT 1; KILL 5",
                                   "KILL 5; SELECT 1",
                                   "KILL 5; KILL 6"}) {
        asking talk;
        EXPECT_EQ(talk.send(ask::query(text)), front_need::more) << text;
        const auto told = talk.told();
        ASSERT_EQ(told.size(), 1U) << text;
        EXPECT_EQ(decode_err(told[0])->code, 1235) << text;
        EXPECT_EQ(talk.sent_to_server(), "") << text;
    }
}

TEST(MysqlKill, CommandMeansTheWholeSession)
{
    asking talk;
    EXPECT_EQ(talk.send(ask::command(command::process_kill, ask::number(77))), front_need::kill);
    EXPECT_EQ(talk.client.wanted_kill().number, 77U);
    EXPECT_TRUE(talk.client.wanted_kill().whole_session);
    for (const auto* const malformed : {"", "abc", "abcde"}) {
        EXPECT_EQ(talk.send(ask::command(command::process_kill, malformed)), front_need::more);
        EXPECT_EQ(decode_err(talk.told().at(0))->code, 1835);
    }
}

TEST(MysqlKill, IsAnsweredAsByAServer)
{
    asking talk;
    talk.send(ask::query("KILL QUERY 5"));
    EXPECT_EQ(talk.answered(kill_result::done), 0);
    EXPECT_EQ(talk.answered(kill_result::itself), 1317);
    EXPECT_EQ(talk.answered(kill_result::unknown), 1094);
    EXPECT_EQ(talk.answered(kill_result::not_owner), 1095);
    EXPECT_EQ(talk.answered(kill_result::failed), 1105);
    talk.send(ask::command(command::ping));
    EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok({.warnings = 1})}) << "as MySQL tells behind an error";
}

TEST(MysqlKill, WaitsForTheAnswersBeforeIt)
{
    asking talk;
    talk.move_to(0);
    EXPECT_EQ(talk.send(ask::query("SELECT 1") + ask::query("KILL 5")), front_need::answers);
    talk.reply({"\1", say::column("a"), say::text("1"), say::end()});
    EXPECT_EQ(talk.send({}), front_need::kill);
    EXPECT_EQ(talk.asked().size(), 1U) << "the server never sees it";
}

TEST(MysqlKill, PreparedIsCarriedOutByUsToo)
{
    asking talk;
    talk.move_to(0);
    talk.send(ask::prepare("KILL QUERY 5"));
    talk.reply({say::prepared(9, 0, 0)});
    talk.sent_to_server();
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::kill);
    EXPECT_EQ(talk.client.wanted_kill().number, 5U);
    EXPECT_EQ(talk.sent_to_server(), "");
}

TEST(MysqlKill, NeverReachesAServerInALongText)
{
    for (const auto& text : {"KILL 5 /*" + std::string(40000, 'x') + "*/",
                             "SELECT '" + std::string(40000, 'x') + "'; KILL 5",
                             "SELECT '" + std::string(40000, 'x') + "'; KILL 5 ;"}) {
        for (const std::size_t piece : {1000U, 39999U, 1U << 20}) {
            exchange small{modern, modern, {.inspected_statement = 20000}};
            bytes rest{};
            const auto octets = ask::query(text);
            rest = octets;
            auto need = front_need::more;
            while (!rest.empty() && need == front_need::more) {
                need = small.send(rest.substr(0, piece));
                rest.remove_prefix(std::min(piece, rest.size()));
            }
            EXPECT_EQ(need, front_need::close);
            EXPECT_TRUE(small.client.is_mid_message()) << "its connection is not to be given back";
            EXPECT_LT(small.sent_to_server().size(), octets.size());
        }
    }
}

TEST(MysqlChangeUser, IsHandedOutWholeWithWhoTheClientWas)
{
    exchange talk;
    client_identity who;
    who.capabilities = old;
    who.collation = 45;
    who.connection_id = own_number;
    who.nonce = "abcdefghij0123456789";
    talk.client.logged_in(who);
    const auto request = "ann" + std::string(1, '\0') + std::string(60000, 'a');
    EXPECT_EQ(talk.send(ask::query("SELECT 1") + ask::command(command::change_user, request)), front_need::answers);
    talk.reply({"\1", say::column("a"), say::eof(), say::text("1"), say::eof()});
    EXPECT_EQ(talk.send({}), front_need::log_in);
    EXPECT_EQ(talk.client.take_login(), '\x11' + request);
    EXPECT_EQ(talk.pending, "");
    const auto before = talk.client.identity();
    EXPECT_EQ(before.capabilities, old);
    EXPECT_EQ(before.collation, 45);
    EXPECT_EQ(before.connection_id, own_number);
    EXPECT_EQ(before.nonce, who.nonce);
    EXPECT_EQ(talk.asked().size(), 1U) << "no server sees it";
}

TEST(MysqlChangeUser, IsBounded)
{
    exchange talk;
    EXPECT_EQ(talk.send(ask::command(command::change_user, std::string(200000, 'a'))), front_need::close);
}

}  // namespace
}  // namespace penstock::mysql::test
