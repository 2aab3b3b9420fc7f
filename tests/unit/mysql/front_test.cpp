// SPDX-License-Identifier: Apache-2.0
//
// The client's half of a MySQL exchange: what each command becomes on its way to the server, and its answer on its way
// back, where both sides have agreed on the same.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

const std::vector<std::string> one_row = {"\1", say::column("a"), say::text("1"), say::end()};

TEST(MysqlFront, PassesAQueryAndItsAnswerUnchanged)
{
    exchange talk;
    EXPECT_EQ(talk.send(ask::query("SELECT 1")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 1"));
    EXPECT_EQ(talk.reply(one_row), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), packets(one_row));
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlFront, AsksForAServerAndAnswersWhereThereIsNone)
{
    exchange talk;
    auto* const kept = talk.server;
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::query("SELECT 1")), front_need::server);
    talk.client.refuse({error_kind::borrow_timeout, {}, {}});
    EXPECT_EQ(talk.send({}), front_need::more);
    const auto told = talk.told();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(decode_err(told[0])->code, 9501);
    EXPECT_EQ(talk.send(ask::query("SELECT 2")), front_need::server);
    talk.server = kept;
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 2"));
}

/// What is known of a text that waits for a server holds for that text only.
TEST(MysqlFront, LooksAtTheTextBehindOneThatHasWaited)
{
    const std::string plain = "SELECT a FROM t WHERE", locks = "DO GET_LOCK('abc', 1)";
    ASSERT_EQ(plain.size(), locks.size());
    for (const bool is_refused : {false, true}) {
        exchange talk;
        auto* const kept = std::exchange(talk.server, nullptr);
        EXPECT_EQ(talk.send(ask::query(plain)), front_need::server);
        if (is_refused) {
            talk.client.refuse({error_kind::borrow_timeout, {}, {}});
            EXPECT_EQ(talk.send({}), front_need::more);
        }
        talk.server = kept;
        if (!is_refused) {
            EXPECT_EQ(talk.send({}), front_need::more);
            talk.reply({say::ok()});
        }
        EXPECT_FALSE(talk.client.must_stay());
        EXPECT_EQ(talk.send(ask::query(locks)), front_need::more);
        talk.reply({say::ok()});
        EXPECT_TRUE(talk.client.must_stay());
    }
}

TEST(MysqlFront, SendsTheNextCommandOnceTheLastIsAnswered)
{
    exchange talk;
    EXPECT_EQ(talk.send(ask::query("SELECT 1") + ask::query("SELECT 2")), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 1"));
    talk.reply(one_row);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 2"));
}

TEST(MysqlFront, AnswersPingWithoutAServerAndSendsItToOneThatIsHeld)
{
    exchange talk;
    auto* const kept = talk.server;
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::command(command::ping)), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok()}));
    talk.server = kept;
    talk.send(ask::command(command::ping));
    EXPECT_EQ(talk.sent_to_server(), ask::command(command::ping));
}

TEST(MysqlFront, RefusesCommandsItDoesNotKnowWithTheServersError)
{
    exchange talk;
    for (const auto what : {command::sleep,
                            command::connect,
                            command::time,
                            command::daemon,
                            command::binlog_dump,
                            command::table_dump,
                            command::register_slave,
                            command::clone,
                            command{0x55}}) {
        talk.send(ask::command(what, "x"));
        const auto told = talk.told();
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(decode_err(told[0])->code, 1047);
        EXPECT_EQ(talk.sent_to_server(), "");
    }
}

TEST(MysqlFront, RefusesPacketsOutOfOrderAndEmptyCommands)
{
    exchange talk;
    EXPECT_EQ(talk.send(packets({"\3SELECT 1"}, 1)), front_need::close);
    exchange second;
    EXPECT_EQ(second.send(packets({""}, 0)), front_need::close);
}

TEST(MysqlFront, KeepsTheServerInsideATransactionByItsStatusFlags)
{
    exchange talk;
    talk.send(ask::query("whatever opens one"));
    talk.reply({say::ok({.status = server_status::in_transaction | server_status::autocommit})});
    EXPECT_FALSE(talk.server->is_idle());
    talk.send(ask::query("DROP TABLE t"));
    talk.reply({say::ok()});
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(MysqlFront, KeepsTheServerWithAutocommitOffOnlyInsideATransaction)
{
    exchange talk;
    talk.run("SET autocommit=0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_FALSE(talk.client.must_stay());
    talk.move_to(1);
    talk.send(ask::query("SELECT 1"));
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3SET @@session.autocommit='OFF'"});
    talk.reply({say::ok({.status = 0})});
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3SELECT 1"});
    talk.reply({"\1", say::column("a"), say::text("1"), say::end({.status = server_status::in_transaction})});
    EXPECT_FALSE(talk.server->is_idle());
}

TEST(MysqlFront, KeepsTheServerUntilAnXaTransactionHasItsEnd)
{
    exchange talk;
    talk.run("XA START 'a'", {say::ok({.status = server_status::in_transaction})});
    talk.run("XA PREPARE 'a'", {say::ok()});  // MySQL reports no transaction any more
    EXPECT_FALSE(talk.server->is_idle());
    talk.run("XA COMMIT 'a'", {say::ok()});
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(MysqlFront, RelaysSeveralResultsOfOneText)
{
    exchange talk;
    talk.send(ask::query("SELECT 1; INSERT INTO t VALUES (1); SELECT 2"));
    const auto more = static_cast<std::uint16_t>(server_status::more_results_exist | server_status::autocommit);
    std::vector<std::string> reply = {"\1",
                                      say::column("a"),
                                      say::text("1"),
                                      say::end({.status = more}),
                                      say::ok({.affected = 1, .insert_id = 5, .status = more})};
    reply.insert(reply.end(), one_row.begin(), one_row.end());
    for (std::size_t count = 1; count < reply.size(); ++count) {
        exchange partly;
        partly.send(ask::query("SELECT 1; INSERT INTO t VALUES (1); SELECT 2"));
        partly.answer(packets({reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(count)}));
        EXPECT_FALSE(partly.server->is_quiet()) << count;
    }
    EXPECT_EQ(talk.answer(packets(reply), 1), advance_result::ok);
    EXPECT_EQ(talk.sent_to_client(), packets(reply));
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(MysqlFront, EndsAReplyWithAnErrorWhereverItComes)
{
    const auto error = say::err(1317, "Query execution was interrupted", "70100");
    const std::vector<std::vector<std::string>> replies = {{error},
                                                           {"\2", say::column("a"), error},
                                                           {"\1", say::column("a"), error},
                                                           {"\1", say::column("a"), say::text("1"), error}};
    for (const auto& reply : replies) {
        exchange talk;
        talk.send(ask::query("SELECT a FROM t"));
        EXPECT_EQ(talk.reply(reply), advance_result::ok);
        EXPECT_EQ(talk.sent_to_client(), packets(reply));
        EXPECT_TRUE(talk.server->is_quiet());
    }
}

TEST(MysqlFront, RelaysRepliesOfEveryForm)
{
    struct example {
        std::string command;
        std::vector<std::string> reply;
    };
    const std::vector<example> examples = {
        {ask::command(command::init_db, "app2"), {say::ok({.changes = say::schema("app2")})}},
        {ask::command(command::field_list, std::string{"t\0%", 3}), {say::column("a"), say::column("b"), say::end()}},
        {ask::command(command::statistics), {"Uptime: 5"}},
        {ask::command(command::debug), {say::end()}},
        {ask::command(command::set_option, std::string{"\1\0", 2}), {say::end()}},
        {ask::command(command::process_info), one_row},
        {ask::command(command::refresh, "\1"), {say::ok()}},
        {ask::command(command::reset_connection), {say::ok()}},
    };
    for (const auto& each : examples) {
        exchange talk;
        talk.send(each.command);
        EXPECT_EQ(talk.sent_to_server(), each.command);
        EXPECT_EQ(talk.answer(packets(each.reply), 1), advance_result::ok);
        EXPECT_EQ(talk.sent_to_client(), packets(each.reply));
        EXPECT_TRUE(talk.server->is_quiet());
        exchange failing;
        failing.send(each.command);
        const std::vector<std::string> error = {say::err(1045, "no", "28000")};
        failing.reply(error);
        EXPECT_EQ(failing.sent_to_client(), packets(error));
    }
}

TEST(MysqlFront, LeavesOnQuit)
{
    exchange talk;
    EXPECT_EQ(talk.send(ask::command(command::quit)), front_need::leave);
    EXPECT_EQ(talk.sent_to_server(), "");
}

TEST(MysqlFront, AnswersWithAnErrorWhenItsServerIsLost)
{
    exchange talk;
    talk.send(ask::query("SELECT a FROM t"));
    talk.answer(packets({"\1", say::column("a"), say::text("1")}));
    talk.sent_to_client();
    outbox to_client{talk.client_scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::outcome_unknown, {}, {}}, to_client));
    EXPECT_EQ(numbers_of(to_client.contents()), "4");
    EXPECT_EQ(decode_err(payloads_of(to_client.contents())[0])->code, 2013);
}

TEST(MysqlFront, TakesAnyCutOfTheClientsOctets)
{
    exchange talk;
    for (const char octet : ask::query("SELECT 1")) {
        EXPECT_EQ(talk.send(bytes{&octet, 1}), front_need::more);
    }
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 1"));
}

}  // namespace
}  // namespace penstock::mysql::test
