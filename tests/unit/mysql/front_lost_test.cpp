// SPDX-License-Identifier: Apache-2.0
//
// A server that is lost in a transaction: its client is told once, of the right outcome, and goes on outside of any.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

const client_error gone{error_kind::outcome_unknown, {}, {}};
constexpr std::uint16_t in_block = server_status::in_transaction | server_status::autocommit;

/// A client in a transaction, on server 0.
class MysqlLost : public testing::Test {
protected:
    MysqlLost() { begin(talk); }

    static void begin(exchange& talk) { talk.run("begin", {say::ok({.status = in_block})}); }
    /// Whether the session goes on; `told` is what its client gets.
    static bool lose(exchange& talk, std::vector<std::string>* told = nullptr)
    {
        std::string scratch;
        outbox to_client{scratch};
        const bool goes_on = talk.client.on_server_lost(*talk.server, gone, to_client);
        if (told != nullptr) {
            *told = payloads_of(to_client.contents());
        }
        talk.server = nullptr;
        return goes_on;
    }
    /// The number of the error that a command gets which is under way in a transaction when its server is lost.
    static std::uint16_t error_of(const std::string& command)
    {
        exchange fresh;
        begin(fresh);
        fresh.send(command);
        std::vector<std::string> told;
        EXPECT_TRUE(lose(fresh, &told));
        EXPECT_EQ(told.size(), 1U);
        return decode_err(told.at(0))->code;
    }

    exchange talk;
};

TEST_F(MysqlLost, TellsWhatCannotHaveCommittedFromWhatMayHave)
{
    for (const auto* text : {"select * from t for update",
                             "insert into t values (1)",
                             "UPDATE t SET n = n + 1",
                             "  /* app:web */ delete from t",
                             "(select 1) union (select 2)",
                             "rollback",
                             "savepoint a",
                             "insert into t values (@a)"}) {
        EXPECT_EQ(error_of(ask::query(text)), 2006) << text;
    }
    for (const auto* text : {"commit",
                             "COMMIT WORK",
                             "/*!50000 commit */",
                             "begin",
                             "start transaction",
                             "create table u(n int)",
                             "call p()",
                             "set autocommit = 1",
                             "lock tables t read",
                             "insert into t values (1); commit",
                             "execute s",
                             "-- insert\ncommit",
                             ""}) {
        EXPECT_EQ(error_of(ask::query(text)), 2013) << text;
    }
    EXPECT_EQ(error_of(ask::prepare("commit")), 2006);
    EXPECT_EQ(error_of(ask::command(command::ping)), 2006);
    EXPECT_EQ(error_of(ask::command(command::drop_db, "app")), 2013);
    EXPECT_EQ(error_of(ask::query("insert into t values ('" + std::string(20'000, 'x') + "')")), 2013);  // not kept
}

TEST_F(MysqlLost, KnowsWhatWasPrepared)
{
    for (const bool commits : {true, false}) {
        exchange fresh;
        begin(fresh);
        fresh.send(ask::prepare(commits ? "commit" : "delete from t"));
        fresh.reply({say::prepared(5, 0, 0)});
        fresh.send(ask::execute(1));
        std::vector<std::string> told;
        EXPECT_TRUE(lose(fresh, &told));
        EXPECT_EQ(decode_err(told.at(0))->code, commits ? 2013 : 2006);
    }
}

TEST_F(MysqlLost, GoesOnOutsideOfTheTransaction)
{
    talk.send(ask::query("update t set n = 1"));
    EXPECT_TRUE(lose(talk));
    EXPECT_EQ(talk.send(ask::query("insert into t values (1)")), front_need::server);
    talk.sent_to_server();
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), (std::vector<std::string>{"\3insert into t values (1)"}));
    talk.reply({say::ok()});
    EXPECT_EQ(talk.told(), std::vector{say::ok()});
}

TEST_F(MysqlLost, TakesAutocommitAlong)
{
    exchange fresh;
    fresh.run("set autocommit = 0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    fresh.run("update t set n = 1", {say::ok({.status = server_status::in_transaction})});
    fresh.send(ask::query("update t set n = 2"));
    std::vector<std::string> told;
    EXPECT_TRUE(lose(fresh, &told));
    EXPECT_EQ(decode_err(told.at(0))->code, 2006);
    fresh.move_to(1);
    fresh.sent_to_server();
    EXPECT_EQ(fresh.send(ask::query("update t set n = 3")), front_need::answers);
    EXPECT_EQ(fresh.asked(), (std::vector<std::string>{"\3SET @@session.autocommit='OFF'"}));
}

TEST_F(MysqlLost, TellsAnIdleClientWithItsNextCommandAndOnce)
{
    for (const auto* text : {"insert into t values (1)", "commit", "begin", "rollback to a", "rollback and chain"}) {
        exchange fresh;
        begin(fresh);
        std::vector<std::string> told;
        EXPECT_TRUE(lose(fresh, &told));
        EXPECT_EQ(told.size(), 0U);
        EXPECT_EQ(fresh.send(ask::query(text)), front_need::more);
        told = fresh.told();
        ASSERT_EQ(told.size(), 1U) << text;
        EXPECT_EQ(decode_err(told[0])->code, 2006) << text;
        EXPECT_EQ(fresh.send(ask::query(text)), front_need::server) << text;
    }
}

TEST_F(MysqlLost, WhoRollsBackHasNothingToBeTold)
{
    for (const auto* text : {"rollback", "ROLLBACK WORK ;"}) {
        exchange fresh;
        begin(fresh);
        EXPECT_TRUE(lose(fresh));
        EXPECT_EQ(fresh.send(ask::query(text) + ask::query("select 1")), front_need::server);
        EXPECT_EQ(fresh.told(), std::vector{say::ok()});  // outside of a transaction
    }
    EXPECT_TRUE(lose(talk));
    EXPECT_EQ(talk.send(ask::command(command::reset_connection)), front_need::more);
    EXPECT_EQ(talk.send(ask::query("insert into t values (1)")), front_need::server);
}

TEST_F(MysqlLost, WhatHasNoAnswerTellsNobody)
{
    talk.send(ask::prepare("delete from t"));
    talk.reply({say::prepared(5, 0, 0)});
    talk.sent_to_client();
    EXPECT_TRUE(lose(talk));
    EXPECT_EQ(talk.send(ask::on_statement(command::stmt_close, 1)), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send(ask::query("insert into t values (1)")), front_need::more);
    EXPECT_EQ(decode_err(talk.told().at(0))->code, 2006);
}

TEST_F(MysqlLost, ALongCommandIsTold)
{
    EXPECT_TRUE(lose(talk));
    const auto command = ask::query("insert into t values ('" + std::string(2 << 20, 'x') + "')");
    EXPECT_EQ(talk.send(command.substr(0, 100'000)), front_need::more);
    EXPECT_EQ(talk.send(command.substr(100'000)), front_need::more);
    EXPECT_EQ(decode_err(talk.told().at(0))->code, 2006);
    EXPECT_EQ(talk.send(ask::query("select 1")), front_need::server);
}

TEST_F(MysqlLost, WhatWasSentBehindDoesNotRun)
{
    talk.send(ask::query("update t set n = 1"));
    talk.server->is_followed = true;
    EXPECT_FALSE(lose(talk));
    exchange idle;
    begin(idle);
    EXPECT_TRUE(lose(idle));
    EXPECT_EQ(idle.send(ask::query("update t set n = 1") + ask::query("update t set n = 2")), front_need::close);
    EXPECT_EQ(idle.client.error().kind, error_kind::server_lost);
}

TEST_F(MysqlLost, WhatIsBoundToTheServerEndsWithIt)
{
    talk.client.pin(pin_reason::temporary_object);
    EXPECT_FALSE(lose(talk));
    exchange distributed;
    distributed.server->set_xa(true);
    EXPECT_FALSE(lose(distributed));
}

TEST_F(MysqlLost, TheLossBeforeTheCommandWentOutIsToldInItsPlace)
{
    talk.send(ask::prepare("delete from t"));
    talk.reply({say::prepared(5, 0, 0)});
    talk.sent_to_client();
    talk.server->statements.clear();
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);  // it is prepared first
    EXPECT_TRUE(lose(talk));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(decode_err(talk.told().at(0))->code, 2006);
}

}  // namespace
}  // namespace penstock::mysql::test
