// SPDX-License-Identifier: Apache-2.0
//
// Transactions that only read: who answers START TRANSACTION READ ONLY, where they go, and how they end.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::mysql;
using namespace penstock::mysql::test;

namespace {

constexpr std::uint16_t in_block =
    server_status::autocommit | server_status::in_transaction | server_status::in_transaction_readonly;
const std::string begin = "\3START TRANSACTION READ ONLY";
const std::string ask_isolation = "\3SELECT @@tx_isolation";  // these servers have the capabilities of MariaDB
const std::vector<std::string> one_row{"\1", say::column("n"), say::text("1"), say::end({.status = in_block})};

/// Server 0 is the primary, server 1 a replica.
class MysqlFrontBlocks : public testing::Test {
protected:
    MysqlFrontBlocks()
    {
        talk.client.route_by(judge, {"ann", "app"}, false, false);
        talk.servers[1]->is_replica = talk.servers[1]->is_guarded = true;
        talk.servers[1]->isolation = "REPEATABLE-READ";
        talk.server = nullptr;
    }
    /// The transaction is begun here.
    void hold(const std::string& text = "start transaction read only")
    {
        talk.server = nullptr;
        EXPECT_EQ(talk.send(ask::query(text)), front_need::more) << text;
        EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok({.status = in_block})}) << text;
    }
    read_verdict verdict_of(const std::string& octets)
    {
        EXPECT_EQ(talk.send(octets), front_need::server);
        return talk.client.wanted().verdict;
    }
    /// What waits for a server runs on this one, where the transaction is begun first.
    void begin_on(std::size_t server)
    {
        talk.move_to(server);
        EXPECT_EQ(talk.send({}), front_need::answers);
        EXPECT_EQ(talk.asked(), std::vector<std::string>{begin});
        talk.reply({say::ok({.status = in_block})});
        EXPECT_EQ(talk.send({}), front_need::more);
    }
    /// A transaction that does nothing but read, on the primary.
    void show_that_it_reads(const std::string& first = "select n from t")
    {
        hold();
        EXPECT_EQ(verdict_of(ask::query(first)), read_verdict::transaction);
        begin_on(0);
        talk.reply(one_row);
        talk.send(ask::query("commit"));
        talk.reply({say::ok()});
        talk.sent_to_server();
        talk.sent_to_client();
    }
    void begin_on_replica(const std::string& first = "select n from t")
    {
        hold();
        EXPECT_EQ(verdict_of(ask::query(first)), read_verdict::read);
        begin_on(1);
        EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3" + first});
        talk.reply(one_row);
        EXPECT_EQ(talk.told(), one_row);
    }
    void set_isolation(std::string_view level)
    {
        talk.move_to(0);
        talk.run("set session transaction isolation level x",
                 {say::ok({.changes = say::variable("transaction_isolation", level)})});
        talk.servers[1]->parameters = talk.client.state().current();
        talk.server = nullptr;
    }

    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(MysqlFrontBlocks, AnswersTheBeginningOfWhatOnlyReads)
{
    hold();
    hold("START TRANSACTION READ ONLY;");  // has committed the one before, which was empty
    EXPECT_EQ(talk.send(ask::command(command::ping)), front_need::more);
    EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok({.status = in_block})});
}

TEST_F(MysqlFrontBlocks, AnswersItWhereAServerIsAboutToBeGivenBack)
{
    for (std::size_t server = 0; server < 2; ++server) {
        talk.move_to(server);
        EXPECT_EQ(talk.send(ask::query("start transaction read only")), front_need::more);
        EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok({.status = in_block})});
        EXPECT_EQ(talk.sent_to_server(), "");
        talk.server = nullptr;
    }
    talk.move_to(0);
    EXPECT_EQ(talk.send(ask::query("select n from t")), front_need::answers);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{begin});
    talk.reply({say::ok({.status = in_block})});
    talk.send({});
    talk.reply(one_row);
    talk.run("commit", {say::ok()});
    begin_on_replica();  // it was watched
}

TEST_F(MysqlFrontBlocks, LeavesAllOthersToTheServer)
{
    for (const auto* text : {"begin",
                             "start transaction",
                             "start transaction read write",
                             "start transaction read only, with consistent snapshot",
                             "start transaction read only; select 1",
                             "select 1; start transaction read only"}) {
        hold();
        EXPECT_EQ(talk.send(ask::query(text)), front_need::server) << text;
        talk.move_to(0);
        talk.send({});
        EXPECT_EQ(talk.asked(), std::vector<std::string>{begin}) << text;  // within the transaction that was held
        talk.reply({say::ok({.status = in_block})});
        talk.send({});
        EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3" + std::string{text}});
        talk.reply({say::ok()});
        talk.sent_to_client();
    }
}

TEST_F(MysqlFrontBlocks, LeavesThemToTheServerWhereItTellsOfEachTransaction)
{
    talk.move_to(0);
    talk.run("set session_track_transaction_info = 'STATE'",
             {say::ok({.changes = say::variable("session_track_transaction_info", "STATE")})});
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::query("start transaction read only")), front_need::server);
}

TEST_F(MysqlFrontBlocks, GoesByTheSessionsDefault)
{
    talk.move_to(0);
    talk.run("set session transaction read only", {say::ok({.changes = say::variable("transaction_read_only", "ON")})});
    for (const auto* text : {"begin", "begin work", "start transaction"}) {
        hold(text);
    }
    EXPECT_EQ(talk.send(ask::query("start transaction read write")), front_need::server);
}

TEST_F(MysqlFrontBlocks, WatchesOnThePrimaryWhatIsNotKnownYet)
{
    show_that_it_reads();
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::query("commit")), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3commit"});
    talk.reply({say::ok()});
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_TRUE(talk.server->is_idle());
    talk.sent_to_client();
    hold();
    EXPECT_EQ(verdict_of(ask::query("select n from u")), read_verdict::transaction);  // of another shape
}

TEST_F(MysqlFrontBlocks, KeepsThePrimaryForWhatHasDoneMoreThanRead)
{
    for (const auto* text : {"select get_lock('l', 1)",
                             "select f(1)",
                             "update t set n = 1",
                             "call p()",
                             "set @a = 1",
                             "select n from t for share",
                             "/* penstock: primary */ select 1",
                             "commit; begin"}) {
        penstock::mysql::read_judge fresh{well_known_functions()};
        talk.client.route_by(fresh, {"ann", "app"}, false, false);
        hold();
        EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::transaction);
        begin_on(0);
        talk.reply(one_row);
        talk.send(ask::query(text));
        EXPECT_EQ(fresh.blocks_behind("select n from t", {}), penstock::mysql::read_judge::blocks::write) << text;
        talk.reply({say::ok()});
        talk.client.excuse(talk.client.pins());
        talk.sent_to_server();
        talk.sent_to_client();
    }
}

TEST_F(MysqlFrontBlocks, NeedsNoWatchingWhereEachStatementHasItsOwnSnapshot)
{
    set_isolation("READ-COMMITTED");
    begin_on_replica();
}

TEST_F(MysqlFrontBlocks, NeedsNoWatchingWhereAReplicaIsAskedFor)
{
    begin_on_replica("/* penstock: replica */ select n from t");
}

TEST_F(MysqlFrontBlocks, KeepsThePrimaryWhereReadsLock)
{
    set_isolation("SERIALIZABLE");
    EXPECT_EQ(talk.send(ask::query("start transaction read only")), front_need::server);
}

TEST_F(MysqlFrontBlocks, AsksAReplicaForTheIsolationThatNobodyHasSet)
{
    show_that_it_reads();
    talk.servers[1]->isolation.clear();
    hold();
    EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::read);
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{ask_isolation});
    talk.reply({"\1", say::column("i"), say::text("SERIALIZABLE"), say::end()});
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(verdict_of({}), read_verdict::isolation);
    begin_on(0);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select n from t"});
}

TEST_F(MysqlFrontBlocks, IsMovedWhereEachStatementHasItsOwnSnapshot)
{
    set_isolation("READ-COMMITTED");
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::query("select get_lock('l', 1)")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::transaction);
    begin_on(0);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select get_lock('l', 1)"});
}

TEST_F(MysqlFrontBlocks, EndsWhereItWouldSeeOtherRowsThanBefore)
{
    show_that_it_reads();
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::query("select f(1)")), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3ROLLBACK"});
    auto told = talk.told();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].substr(0, 9), std::string("\xff\xbd\x04#40001", 9));  // 1213
    talk.reply({say::ok()});
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_TRUE(talk.server->is_idle());
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::command(command::ping)), front_need::more);
    EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok()});  // in no transaction
    hold();
    EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::transaction);  // on the primary from then on
}

TEST_F(MysqlFrontBlocks, EndsBehindALongValueWithTheNextCommandThatHasAnAnswer)
{
    talk.move_to(0);
    talk.send(ask::prepare("select n from t where b = ?"));
    talk.reply({say::prepared(1, 1, 1), say::column("?"), say::column("n")});
    talk.sent_to_server();
    talk.sent_to_client();
    show_that_it_reads();
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::on_statement(command::stmt_send_long_data, 1, std::string{"\0\0abc", 5})),
              front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "");
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.send(ask::execute(1, std::string("\0\1\3\0\7\0\0\0", 8)));
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3ROLLBACK"});
    EXPECT_EQ(talk.told().at(0).substr(3, 6), "#40001");
}

TEST_F(MysqlFrontBlocks, StaysForWhatEveryServerRefusesAndForWhatWasThereBefore)
{
    show_that_it_reads();
    begin_on_replica();
    const auto refusal = say::err(1792, "Cannot execute statement in a READ ONLY transaction.", "25006");
    for (const auto* text : {"insert into t values (1)",
                             "savepoint a",
                             "rollback to a",
                             "show warnings",
                             "select found_rows()",
                             "select n from u"}) {
        EXPECT_EQ(talk.send(ask::query(text)), front_need::more) << text;
        EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3" + std::string{text}});
        talk.reply({refusal});
        EXPECT_EQ(talk.told(), std::vector<std::string>{refusal}) << text;
        EXPECT_EQ(talk.client.take_healed_batch(), "");
    }
}

TEST_F(MysqlFrontBlocks, LeavesTheReplicaForATransactionThatMayWrite)
{
    show_that_it_reads();
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::query("begin")), front_need::server);
    begin_on(0);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3begin"});
}

TEST_F(MysqlFrontBlocks, LeavesTheReplicaForAReset)
{
    show_that_it_reads();
    begin_on_replica();
    EXPECT_EQ(talk.send(ask::command(command::reset_connection)), front_need::server);
    talk.move_to(0);
    talk.send({});
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\x1f"});
    talk.reply({say::ok()});
    EXPECT_FALSE(talk.client.must_stay());
}

TEST_F(MysqlFrontBlocks, IsForgottenWithAReset)
{
    hold();
    EXPECT_EQ(talk.send(ask::command(command::reset_connection)), front_need::more);
    EXPECT_EQ(talk.told(), std::vector<std::string>{say::ok()});
    EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::read);
}

TEST_F(MysqlFrontBlocks, BeginsElsewhereWhereItsFirstStatementIsLost)
{
    show_that_it_reads();
    hold();
    verdict_of(ask::query("select n from t"));
    begin_on(1);
    outbox to_client{talk.client_scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client));
    talk.server = nullptr;
    EXPECT_EQ(verdict_of(talk.client.take_healed_batch()), read_verdict::read);
    talk.sent_to_server();
    begin_on(0);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select n from t"});
}

TEST_F(MysqlFrontBlocks, IsLostWithItsReplicaOnceItHasRead)
{
    show_that_it_reads();
    begin_on_replica();
    talk.send(ask::query("select n from u"));
    outbox to_client{talk.client_scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client));
    const auto told = payloads_of(to_client.contents());
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(decode_err(told[0])->code, 2006);
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlFrontBlocks, TriesAnotherServerWhereItCannotBegin)
{
    hold();
    verdict_of(ask::query("select n from t"));
    talk.move_to(0);
    talk.send({});
    talk.sent_to_server();
    talk.reply({say::err(1317, "Query execution was interrupted", "70100")});
    EXPECT_TRUE(talk.server->must_close);
    EXPECT_EQ(talk.send({}), front_need::server);
    begin_on(2);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select n from t"});
}

TEST_F(MysqlFrontBlocks, BeginsUnsaidWithoutAutocommitWhereTheSessionReads)
{
    talk.move_to(0);
    talk.run("set session transaction read only", {say::ok({.changes = say::variable("transaction_read_only", "ON")})});
    talk.run("set autocommit = 0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    talk.servers[1]->parameters = talk.client.state().current();
    const auto row = [](std::uint16_t status) {
        return std::vector<std::string>{"\1", say::column("n"), say::text("1"), say::end({.status = status})};
    };
    constexpr std::uint16_t begun = in_block & ~server_status::autocommit;
    talk.server = nullptr;
    EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::transaction);
    talk.move_to(0);
    talk.send({});
    talk.reply(row(begun));
    talk.send(ask::query("commit"));
    talk.reply({say::ok({.status = 0})});
    talk.sent_to_server();
    talk.sent_to_client();
    talk.server = nullptr;
    EXPECT_EQ(verdict_of(ask::query("select n from t")), read_verdict::read);
    talk.move_to(1);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select n from t"});
    talk.reply(row(begun));
    EXPECT_EQ(talk.send(ask::query("set autocommit = 1")), front_need::more);
    talk.reply({say::ok({.changes = say::variable("autocommit", "ON")})});
    EXPECT_TRUE(talk.server->is_idle());
}

}  // namespace
