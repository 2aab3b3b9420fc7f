// SPDX-License-Identifier: Apache-2.0
//
// Reads that are lost with the primary are sent again to the next one; nothing else is, and nothing writes twice.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

const client_error gone{error_kind::outcome_unknown, {}, {}};
const std::vector<std::string> one_row{"\1", say::column("n"), say::text("1"), say::end()};
constexpr auto of_mysql = modern | capability::long_password;
const std::string no_writes = "\3SET @@session.transaction_read_only='ON'";
const std::string writes_again = "\3SET @@session.transaction_read_only=DEFAULT";

/// A client whose commands are not judged before they are sent.
class MysqlRepeats : public testing::Test {
protected:
    MysqlRepeats() { talk.client.prove_by(judge); }

    /// What is to be sent again of the command under way.
    static std::string lose(exchange& talk, const client_error& why = gone)
    {
        std::string scratch;
        outbox to_client{scratch};
        EXPECT_TRUE(talk.client.on_server_lost(*talk.server, why, to_client));
        auto octets = talk.client.take_healed_batch();
        EXPECT_EQ(octets.empty(), !to_client.empty());  // either it is sent again, or its client is told
        talk.server = nullptr;
        return octets;
    }
    std::string again(const std::string& command)
    {
        exchange fresh{modern, of_mysql};
        fresh.client.prove_by(judge);
        fresh.send(command);
        return lose(fresh);
    }
    /// It goes to another server, which is told first that it must not write.
    static void repeat(exchange& talk, std::size_t place, const std::string& command)
    {
        talk.move_to(place);
        EXPECT_EQ(talk.send(command), front_need::answers);
        EXPECT_EQ(talk.asked(), std::vector{no_writes});
        talk.reply({say::ok()});
        EXPECT_EQ(talk.send({}), front_need::more);
    }

    read_judge judge{well_known_functions()};
    exchange talk{modern, of_mysql};
};

TEST_F(MysqlRepeats, SendsProvedReadsAgainAndNothingElse)
{
    for (const auto* text : {"select 1",
                             "SELECT * FROM t WHERE n = 5 ORDER BY 1",
                             "select count(*), now() from t",
                             "/* penstock: primary */ select 1",
                             "select @mine from t"}) {
        EXPECT_EQ(again(ask::query(text)), ask::query(text)) << text;
    }
    for (const auto* text : {"insert into t values (1)",
                             "select * from t for update",
                             "select * from t lock in share mode",
                             "select some_function()",
                             "/* penstock: replica */ select app.some_function()",
                             "select 1 into @a",
                             "select @a := 1",
                             "select last_insert_id()",
                             "select found_rows()",
                             "select get_lock('l', 1)",
                             "select * from t into outfile '/x'",
                             "begin",
                             "commit",
                             "/* penstock: no_retry */ select 1",
                             "set @a = 5",
                             "call p()",

                             "select sql_calc_found_rows * from t",
                             "create table u(n int)",
                             "use app"}) {
        EXPECT_EQ(again(ask::query(text)), "") << text;
    }
    EXPECT_EQ(again(ask::command(command::init_db, "app")), "");
    EXPECT_EQ(again(ask::command(command::reset_connection)), "");
    EXPECT_EQ(again(ask::command(command::ping)), ask::command(command::ping));
    EXPECT_EQ(again(ask::prepare("delete from t")), ask::prepare("delete from t"));  // which is not run
}

TEST_F(MysqlRepeats, JudgesNothingThatIsNotLost)
{
    talk.run("select 1", one_row);
    talk.run("select 2 from t", one_row);
    EXPECT_EQ(judge.hits() + judge.misses(), 0U);
}

TEST_F(MysqlRepeats, WithoutAJudgeNothingIsProved)
{
    exchange fresh;
    fresh.send(ask::query("select 1"));
    EXPECT_EQ(lose(fresh), "");
}

TEST_F(MysqlRepeats, JudgesPreparedStatementsByTheirTexts)
{
    for (const bool reads : {true, false}) {
        exchange fresh{modern, of_mysql};
        fresh.client.prove_by(judge);
        fresh.send(ask::prepare(reads ? "select 1" : "delete from t"));
        fresh.reply({say::prepared(5, 0, 0)});
        fresh.sent_to_client();
        EXPECT_EQ(fresh.send(ask::execute(1)), front_need::more);
        EXPECT_EQ(lose(fresh), reads ? ask::execute(1) : "");
    }
    exchange with_cursor{modern, of_mysql};
    with_cursor.client.prove_by(judge);
    with_cursor.send(ask::prepare("select 1"));
    with_cursor.reply({say::prepared(5, 0, 0)});
    with_cursor.send(ask::execute(1, {}, 1));
    EXPECT_EQ(lose(with_cursor), "");
}

TEST_F(MysqlRepeats, PreparesAgainWhatItExecutesAgain)
{
    talk.send(ask::prepare("select 1"));
    talk.reply({say::prepared(5, 0, 0)});
    talk.send(ask::execute(1));
    EXPECT_EQ(lose(talk), ask::execute(1));
    talk.sent_to_server();
    talk.sent_to_client();
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
    EXPECT_EQ(talk.asked(), std::vector{no_writes});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.asked(), (std::vector<std::string>{"\x16select 1"}));
    talk.reply({say::prepared(9, 0, 0)});
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.reply(one_row);
    EXPECT_EQ(talk.told(), one_row);
}

TEST_F(MysqlRepeats, SendsNothingAgainOfWhichTheClientHasAPart)
{
    talk.send(ask::query("select n from t"));
    talk.answer(packets({"\1"}));
    EXPECT_NE(talk.sent_to_client(), "");
    EXPECT_EQ(lose(talk), "");
}

TEST_F(MysqlRepeats, SendsNothingAgainInATransaction)
{
    talk.run("begin", {say::ok({.status = server_status::in_transaction | server_status::autocommit})});
    talk.send(ask::query("select 1"));
    std::string scratch;
    outbox to_client{scratch};
    talk.client.on_server_lost(*talk.server, gone, to_client);
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlRepeats, SendsNothingAgainThatWouldBeginATransaction)
{
    talk.run("set autocommit = 0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    talk.send(ask::query("select 1"));
    EXPECT_EQ(lose(talk), "");
}

TEST_F(MysqlRepeats, SendsNothingAgainOfAPinnedSession)
{
    talk.client.pin(pin_reason::temporary_object);
    talk.send(ask::query("select 1"));
    std::string scratch;
    outbox to_client{scratch};
    EXPECT_FALSE(talk.client.on_server_lost(*talk.server, gone, to_client));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlRepeats, KeepsNoLongCommands)
{
    const std::string filling(16 * 1024, ' ');
    EXPECT_EQ(again(ask::query("select 1" + filling)), "");
    EXPECT_NE(again(ask::query("select 1" + filling.substr(100))), "");
}

TEST_F(MysqlRepeats, SendsNobodyElsesCommand)
{
    talk.run("select 'mine'", one_row);
    front other{talk.store, {}, parameter_set::none(), 8};
    client_identity who;
    who.capabilities = modern;
    other.logged_in(who);
    other.prove_by(judge);
    std::string scratch;
    outbox box{scratch};
    other.consume(ask::query("delete from t" + std::string(20'000, ' ')), talk.server, box, box);
    box.clear();
    EXPECT_TRUE(other.on_server_lost(*talk.server, gone, box));
    EXPECT_EQ(other.take_healed_batch(), "");
    EXPECT_FALSE(box.empty());
}

TEST_F(MysqlRepeats, TellsTheClientAfterThreeTimes)
{
    const auto command = ask::query("select 1");
    talk.send(command);
    talk.sent_to_server();
    for (std::size_t time = 1; time <= 3; ++time) {
        EXPECT_EQ(lose(talk), command);
        talk.servers[1] = std::make_unique<back>(100);
        server_identity identity;
        identity.capabilities = of_mysql;
        identity.parameters = {{"schema", "app"}};
        talk.servers[1]->logged_in(identity);
        talk.servers[1]->set_tracking(true);
        repeat(talk, 1, command);
        talk.sent_to_server();
    }
    EXPECT_EQ(lose(talk), "");
    EXPECT_EQ(talk.client.counters().lost_with_primary, 3U);
}

TEST_F(MysqlRepeats, TellsWhatBefellThoseOfAServerThatBrokeTheProtocol)
{
    talk.send(ask::query("select 1"));
    talk.server->is_faulty = true;
    EXPECT_EQ(lose(talk), "");
}

TEST_F(MysqlRepeats, SendsWhatHasRunForLongAgainOnce)
{
    const auto command = ask::query("select 1");
    talk.send(command);
    talk.sent_to_server();
    talk.server->ran_long = true;
    EXPECT_EQ(lose(talk), command);
    repeat(talk, 1, command);
    talk.server->ran_long = true;
    EXPECT_EQ(lose(talk), "");
}

TEST_F(MysqlRepeats, WhatIsSentAgainMustNotWriteAndNothingElseIsKeptFromIt)
{
    const auto command = ask::query("select * from view_that_writes");
    talk.send(command);
    talk.sent_to_server();
    EXPECT_EQ(lose(talk), command);
    repeat(talk, 1, command);
    EXPECT_EQ(talk.asked(), (std::vector<std::string>{"\3select * from view_that_writes"}));
    talk.reply({say::err(1792, "Cannot execute statement in a READ ONLY transaction.", "25006")});
    const auto told = talk.told();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(decode_err(told[0])->code, 2013);  // it may have written before
    EXPECT_EQ(decode_err(told[0])->sqlstate, "08007");
    EXPECT_EQ(talk.send(ask::query("delete from t")), front_need::answers);
    EXPECT_EQ(talk.asked(), std::vector{writes_again});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send({}), front_need::more);
    talk.reply({say::err(1792, "Cannot execute statement in a READ ONLY transaction.", "25006")});
    EXPECT_EQ(decode_err(talk.told()[0])->code, 1792);  // and that is the client's own
}

TEST_F(MysqlRepeats, TheNextSessionMayWrite)
{
    const auto command = ask::query("select 1");
    talk.send(command);
    EXPECT_EQ(lose(talk), command);
    talk.sent_to_server();
    repeat(talk, 1, command);
    talk.reply(one_row);
    EXPECT_EQ(talk.told(), one_row);
    front other{talk.store, {}, parameter_set::none(), 8};
    std::string scratch;
    std::string client_scratch;
    outbox to_server{scratch};
    outbox to_client{client_scratch};
    EXPECT_EQ(other.consume(ask::query("delete from t"), talk.server, to_server, to_client).need, front_need::answers);
    EXPECT_EQ(payloads_of(to_server.contents()), std::vector{writes_again});
}

TEST_F(MysqlRepeats, IsNotForgottenWhereAServerIsLostInFrontOfIt)
{
    const auto command = ask::query("select 1");
    talk.send(command);
    talk.sent_to_server();
    EXPECT_EQ(lose(talk), command);
    talk.move_to(1);
    EXPECT_EQ(talk.send(command), front_need::answers);
    std::string scratch;
    outbox to_client{scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, gone, to_client));
    EXPECT_TRUE(to_client.empty());
    talk.sent_to_server();
    repeat(talk, 2, {});
}

TEST_F(MysqlRepeats, NamesTheSettingAsServerAndSessionDo)
{
    exchange mariadb;
    mariadb.client.prove_by(judge);
    mariadb.send(ask::query("select 1"));
    EXPECT_EQ(lose(mariadb), ask::query("select 1"));
    mariadb.sent_to_server();
    mariadb.move_to(1);
    mariadb.send(ask::query("select 1"));
    EXPECT_EQ(mariadb.asked(), (std::vector<std::string>{"\3SET @@session.tx_read_only='ON'"}));
    exchange own;
    own.client.prove_by(judge);
    own.run("set transaction_read_only = 0", {say::ok({.changes = say::variable("transaction_read_only", "OFF")})});
    own.send(ask::query("select 1"));
    EXPECT_EQ(lose(own), ask::query("select 1"));
    own.sent_to_server();
    own.move_to(1);
    own.send(ask::query("select 1"));
    EXPECT_EQ(own.asked(), std::vector{no_writes});
}

TEST_F(MysqlRepeats, SendsAReadAgainThatAServerEndsAsItIsShutDown)
{
    const auto refusal = say::err(1053, "Server shutdown in progress", "08S01");
    const auto command = ask::query("select n from t");
    talk.send(command);
    talk.reply({refusal});
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), command);
    EXPECT_EQ(talk.send(command), front_need::server);  // another one
    exchange writing{modern, of_mysql};
    writing.client.prove_by(judge);
    writing.send(ask::query("delete from t"));
    writing.reply({refusal});
    EXPECT_EQ(writing.told(), std::vector{refusal});
    EXPECT_EQ(writing.client.take_healed_batch(), "");
}

TEST_F(MysqlRepeats, WhatNeverLeftUsIsSentAgainWhateverItIs)
{
    exchange fresh{modern, of_mysql};
    const auto command = ask::query("insert into t values (1)");
    fresh.send(command);
    fresh.server->is_unsent = true;
    EXPECT_EQ(lose(fresh), command);
    fresh.sent_to_server();
    fresh.move_to(1);
    EXPECT_EQ(fresh.send(command), front_need::more);
    EXPECT_EQ(fresh.asked(), (std::vector<std::string>{"\3insert into t values (1)"}));
}

TEST_F(MysqlRepeats, ServesWhereReadsAreJudgedBeforeTheyAreSent)
{
    talk.client.route_by(judge, {"app", "shop"}, false, false);
    const auto command = ask::query("/* penstock: primary */ select 1");
    talk.send(command);
    EXPECT_EQ(lose(talk), command);
    EXPECT_EQ(talk.client.counters().lost_with_primary, 1U);
    EXPECT_EQ(talk.client.counters().lost_with_replica, 0U);
    EXPECT_EQ(talk.send(command), front_need::server);
    talk.sent_to_server();
    repeat(talk, 1, {});
}

TEST_F(MysqlRepeats, ACommandThatNoServerCanBeHadForIsOver)
{
    const auto command = ask::query("select 1");
    talk.send(command);
    EXPECT_EQ(lose(talk), command);
    EXPECT_EQ(talk.send(command), front_need::server);
    talk.client.refuse({error_kind::borrow_timeout, {}, {}});
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(decode_err(talk.told()[0])->code, 9501);
    talk.sent_to_server();
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::query("delete from t")), front_need::more);
    EXPECT_EQ(talk.asked(), (std::vector<std::string>{"\3delete from t"}));
}

}  // namespace
}  // namespace penstock::mysql::test
