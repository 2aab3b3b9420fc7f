// SPDX-License-Identifier: Apache-2.0
//
// What a primary refuses because it takes no writes, and of which nothing has run, waits until it is known whether
// there is another primary.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

const auto refusal =
    say::err(1290, "The MySQL server is running with the --super-read-only option so it cannot execute this statement");
constexpr auto of_mysql = modern | capability::long_password;

class MysqlDemoted : public testing::Test {
protected:
    MysqlDemoted() { talk.client.prove_by(judge); }

    /// Whether it is kept what the server says to this.
    doubt of(const std::string& command, const std::string& answer = refusal)
    {
        exchange fresh{modern, of_mysql};
        fresh.client.prove_by(judge);
        fresh.send(command);
        fresh.reply({answer});
        const auto why = fresh.server->doubted();
        EXPECT_EQ(fresh.told().empty(), why != doubt::none) << "kept or told";
        return why;
    }
    static void settle(exchange& which, bool again)
    {
        std::string scratch;
        outbox to_client{scratch};
        which.server->settle_doubt(again, which.client, to_client);
        which.client_got.append(to_client.contents());
    }

    read_judge judge{well_known_functions()};
    exchange talk{modern, of_mysql};
};

TEST_F(MysqlDemoted, KeepsTheRefusalOfASingleStatement)
{
    for (const auto* text : {"insert into t values (1)",
                             "UPDATE t SET n = n + 1",
                             "/* app */ delete from t where n = length('abc')",
                             "create table u(n int)",
                             "insert into t select * from u",
                             "start transaction read write"}) {
        EXPECT_EQ(of(ask::query(text)), doubt::demoted) << text;
    }
    for (const auto* text : {"insert into t values (1); insert into t values (2)",
                             "call p()",
                             "select writes_something()",
                             "insert into t values (stored_function())",
                             "load data infile '/x' into table t",
                             "load data local infile '/x' into table t",
                             "/* penstock: no_retry */ insert into t values (1)"}) {
        EXPECT_EQ(of(ask::query(text)), doubt::none) << text;
    }
    EXPECT_EQ(of(ask::command(command::create_db, "d")), doubt::none);
}

TEST_F(MysqlDemoted, KnowsTheRefusalsOfAServerThatTakesNoWrites)
{
    const auto insert = ask::query("insert into t values (1)");
    EXPECT_EQ(of(insert, say::err(1290, "The MariaDB server is running with the --read-only option")), doubt::demoted);
    EXPECT_EQ(of(insert, say::err(1836, "Running in read-only mode")), doubt::demoted);
    EXPECT_EQ(of(insert, say::err(1290, "... running with the --secure-file-priv option")), doubt::none);
    EXPECT_EQ(of(insert, say::err(1792, "Cannot execute statement in a READ ONLY transaction.")), doubt::none);
    EXPECT_EQ(of(insert, say::err(1062, "Duplicate entry")), doubt::none);
}

TEST_F(MysqlDemoted, SendsItAgainToOtherServersThreeTimes)
{
    const auto command = ask::query("insert into t values (1)");
    talk.send(command);
    talk.reply({refusal});
    EXPECT_FALSE(talk.server->is_quiet());
    EXPECT_EQ(talk.send(ask::query("select 1")), front_need::answers);
    talk.pending.clear();
    settle(talk, true);
    EXPECT_TRUE(talk.server->is_quiet());
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), command);
    EXPECT_EQ(talk.client.counters().refused_by_primary, 1U);
    EXPECT_EQ(talk.send(command), front_need::server) << "not to the same connection";
    talk.servers[0]->must_close = false;  // stands for another one
    for (const std::size_t next : {1, 2, 0}) {
        talk.sent_to_server();
        talk.move_to(next);
        EXPECT_EQ(talk.send({}), front_need::more);
        EXPECT_EQ(talk.asked(), (std::vector<std::string>{"\3insert into t values (1)"}));
        talk.reply({refusal});
        if (next != 0) {
            settle(talk, true);
            EXPECT_EQ(talk.client.take_healed_batch(), command);
            EXPECT_EQ(talk.send(command), front_need::server);
        }
    }
    EXPECT_EQ(talk.told(), std::vector{refusal}) << "that is its answer";
    EXPECT_EQ(talk.client.counters().refused_by_primary, 3U);
    EXPECT_TRUE(talk.settle());
    talk.reply({"\3", say::column("Level"), say::column("Code"), say::column("Message"), say::end()});
    talk.reply({"\1", say::column("LAST_INSERT_ID()"), say::text("0"), say::end()});
    talk.send(ask::query("insert into t values (2)"));
    talk.reply({refusal});
    EXPECT_EQ(talk.server->doubted(), doubt::demoted) << "another command";
}

TEST_F(MysqlDemoted, GivesTheAnswerThatWasKept)
{
    talk.send(ask::query("insert into t values (1)"));
    talk.answer(packets({refusal}), 3);
    settle(talk, false);
    EXPECT_EQ(numbers_of(talk.client_got), "1");
    EXPECT_EQ(talk.told(), std::vector{refusal});
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_EQ(talk.client.take_healed_batch(), "");
    settle(talk, true);
    EXPECT_EQ(talk.sent_to_client(), "") << "it is in no doubt any more";
}

TEST_F(MysqlDemoted, TakesNothingElseFromAServerInDoubt)
{
    talk.send(ask::query("insert into t values (1)"));
    talk.reply({refusal});
    EXPECT_EQ(talk.answer(packets({say::err(1053, "Server shutdown in progress", "08S01")}, 0)), advance_result::lost);
    exchange nonsense{modern, of_mysql};
    nonsense.send(ask::query("insert into t values (1)"));
    EXPECT_EQ(nonsense.reply({refusal, say::ok()}), advance_result::violation);
}

TEST_F(MysqlDemoted, SendsItAgainWhereTheServerIsLostMeanwhile)
{
    const auto command = ask::query("insert into t values (1)");
    talk.send(command);
    talk.reply({refusal});
    talk.server->is_unsent = true;  // as a session says of what has not run
    std::string scratch;
    outbox to_client{scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::outcome_unknown, {}, {}}, to_client));
    EXPECT_TRUE(to_client.empty());
    EXPECT_EQ(talk.client.take_healed_batch(), command);
}

TEST_F(MysqlDemoted, KnowsWhatWasPreparedByItsText)
{
    for (const bool is_single : {true, false}) {
        exchange fresh{modern, of_mysql};
        fresh.client.prove_by(judge);
        fresh.send(ask::prepare(is_single ? "insert into t values (1)" : "call p()"));
        fresh.reply({say::prepared(5, 0, 0)});
        fresh.sent_to_client();
        fresh.send(ask::execute(1));
        fresh.reply({refusal});
        EXPECT_EQ(fresh.server->doubted(), is_single ? doubt::demoted : doubt::none);
    }
}

TEST_F(MysqlDemoted, KeepsNothingOfATransactionOrAPinnedSession)
{
    talk.run("begin", {say::ok({.status = server_status::in_transaction | server_status::autocommit})});
    talk.send(ask::query("insert into t values (1)"));
    talk.reply({refusal});
    EXPECT_EQ(talk.told(), std::vector{refusal});
    exchange chained{modern, of_mysql};
    chained.run("set autocommit = 0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    chained.send(ask::query("insert into t values (1)"));
    chained.reply({refusal});
    EXPECT_EQ(chained.told(), std::vector{refusal});
    exchange pinned{modern, of_mysql};
    pinned.client.pin(pin_reason::temporary_object);
    pinned.send(ask::query("insert into t values (1)"));
    pinned.reply({refusal});
    EXPECT_EQ(pinned.told(), std::vector{refusal});
}

TEST_F(MysqlDemoted, LeavesReadOnlyClientsTheirRefusals)
{
    talk.client.route_by(judge, {"app", "shop"}, false, true);
    talk.send(ask::query("insert into t values (1)"));
    talk.reply({refusal});
    EXPECT_EQ(talk.told(), std::vector{refusal});
}

/// A session whose reads may go to replicas, on one.
class MysqlInterrupted : public MysqlDemoted {
protected:
    MysqlInterrupted() { on_replica.server->is_replica = true; }

    /// The replica refuses writes from the first command on.
    void read(std::string_view text)
    {
        on_replica.client.route_by(judge, {"app", "shop"}, false, false);
        EXPECT_EQ(on_replica.send(ask::query(text)), front_need::answers);
        on_replica.reply({say::ok()});
        EXPECT_EQ(on_replica.send({}), front_need::more);
        on_replica.sent_to_server();
    }

    const std::string interrupted = say::err(1317, "Query execution was interrupted", "70100");
    exchange on_replica{modern, of_mysql};
};

TEST_F(MysqlInterrupted, ReadsWaitOnAPrimary)
{
    EXPECT_EQ(of(ask::query("select n from t"), interrupted), doubt::interrupted);
    EXPECT_EQ(of(ask::query("delete from t"), interrupted), doubt::none);
    EXPECT_EQ(of(ask::query("select stored_function()"), interrupted), doubt::none);
    EXPECT_EQ(of(ask::query("/* penstock: no_retry */ select n from t"), interrupted), doubt::none);
}

TEST_F(MysqlInterrupted, GoToTheNextPrimaryWhereThatOneEnds)
{
    const auto command = ask::query("select n from t");
    talk.send(command);
    talk.reply({interrupted});
    settle(talk, true);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.client.take_healed_batch(), command);
    EXPECT_TRUE(talk.server->is_ending);
    EXPECT_EQ(talk.client.counters().lost_with_primary, 1U);
    EXPECT_EQ(talk.send(command), front_need::server);
}

TEST_F(MysqlInterrupted, WaitWithTheBeginningOfTheirAnswers)
{
    talk.send(ask::query("select n from t"));
    talk.reply({"\1", say::column("n"), interrupted});
    EXPECT_EQ(talk.server->doubted(), doubt::interrupted);
    EXPECT_EQ(talk.sent_to_client(), "");
    settle(talk, false);
    EXPECT_EQ(numbers_of(talk.client_got), "1,2,3");
    EXPECT_EQ(talk.told(), (std::vector{std::string{"\1"}, say::column("n"), interrupted}));
}

TEST_F(MysqlInterrupted, ThatTheirClientsHaveAPartOfDoNotWait)
{
    talk.send(ask::query("select n from t"));
    talk.answer(packets({"\1", say::column("n")}));
    EXPECT_NE(talk.sent_to_client(), "");
    talk.answer(packets({interrupted}, 3));
    EXPECT_EQ(talk.told(), std::vector{interrupted});
}

TEST_F(MysqlInterrupted, OnAReplicaGoElsewhereWhereItEnds)
{
    read("select n from t");
    on_replica.reply({"\1", say::column("n"), interrupted});
    EXPECT_EQ(on_replica.server->doubted(), doubt::interrupted);
    settle(on_replica, true);
    EXPECT_EQ(on_replica.sent_to_client(), "");
    EXPECT_TRUE(on_replica.server->is_ending);
    EXPECT_EQ(on_replica.client.take_healed_batch(), ask::query("select n from t"));
    EXPECT_EQ(on_replica.client.counters().lost_with_replica, 1U);
    EXPECT_EQ(on_replica.send(ask::query("select n from t")), front_need::server);
    EXPECT_TRUE(on_replica.client.wanted().reads()) << "on any other one";
}

TEST_F(MysqlInterrupted, OnAReplicaAreToldWhereItGoesOn)
{
    read("select n from t");
    on_replica.answer(packets({"\1", say::column("n")}));
    EXPECT_EQ(on_replica.sent_to_client(), "") << "kept until more of it has come";
    on_replica.answer(packets({interrupted}, 3));
    settle(on_replica, false);
    EXPECT_EQ(on_replica.told(), (std::vector{std::string{"\1"}, say::column("n"), interrupted}));
    EXPECT_TRUE(on_replica.server->is_idle());
    EXPECT_FALSE(on_replica.server->must_close);
}

}  // namespace
}  // namespace penstock::mysql::test
