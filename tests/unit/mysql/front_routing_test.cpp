// SPDX-License-Identifier: Apache-2.0
//
// What of a MySQL client's commands may go to a replica, and what is sent a second time.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::mysql;
using namespace penstock::mysql::test;

namespace {

const auto guarding = "\3SET SESSION TRANSACTION READ ONLY";
const auto refusal = say::err(1792, "Cannot execute statement in a READ ONLY transaction.", "25006");
const std::vector<std::string> one_row{"\1", say::column("n"), say::text("1"), say::end()};

/// A client whose commands are judged. Server 0 is the primary, server 1 a replica.
class MysqlFrontRouting : public testing::Test {
protected:
    MysqlFrontRouting() { begin(false); }

    void begin(bool patient)
    {
        talk.client.route_by(judge, {"ann", "app"}, patient, false);
        talk.servers[1]->is_replica = true;
        talk.server = nullptr;
    }
    /// What the command is judged to be, for which a server is wanted.
    read_verdict verdict_of(const std::string& octets)
    {
        talk.server = nullptr;
        drop();
        EXPECT_EQ(talk.send(octets), front_need::server);
        return talk.client.wanted().verdict;
    }
    /// No server can be had for what is at hand.
    void drop()
    {
        if (!talk.pending.empty()) {
            talk.client.refuse({error_kind::borrow_timeout, {}, {}});
            talk.server = nullptr;
            EXPECT_EQ(talk.send({}), front_need::more);
            talk.sent_to_client();
        }
    }
    /// The statement runs on the replica, which is quiet again.
    void read(const std::string& text)
    {
        drop();
        on_replica();
        talk.send(ask::query(text));
        guard_it();
        talk.reply(one_row);
        talk.sent_to_server();
        talk.sent_to_client();
    }
    void on_primary() { talk.move_to(0); }
    void on_replica() { talk.move_to(1); }
    /// The replica is told once to refuse writes.
    void guard_it()
    {
        if (!talk.server->is_quiet() && talk.server_got.ends_with(guarding)) {
            talk.reply({say::ok()});
            talk.send({});
        }
    }

    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(MysqlFrontRouting, JudgesWhatItWantsAServerFor)
{
    struct row {
        std::string octets;
        read_verdict expected;
    };
    const row table[] = {
        {ask::query("select 1"), read_verdict::read},
        {ask::query("select count(*) from t"), read_verdict::read},
        {ask::query("select 1; select 2"), read_verdict::read},
        {ask::query("select 1; delete from t"), read_verdict::writes},
        {ask::query("insert into t values (1)"), read_verdict::writes},
        {ask::query("select * from t for update"), read_verdict::locks},
        {ask::query("begin"), read_verdict::session},
        {ask::query("select last_insert_id()"), read_verdict::session},
        {ask::query("show warnings"), read_verdict::session},
        {ask::query("select f(1)"), read_verdict::function},
        {ask::query("select 'a\\'b'"), read_verdict::incomplete},  // no server was met, so nobody knows what that is
        {ask::prepare("select ?"), read_verdict::read},
        {ask::prepare("insert into t values (?)"), read_verdict::writes},
        {ask::command(command::init_db, "app"), read_verdict::session},
        {ask::command(command::drop_db, "app"), read_verdict::writes},
    };
    for (const auto& row : table) {
        EXPECT_EQ(verdict_of(row.octets), row.expected) << row.octets.substr(header_size);
    }
}

TEST_F(MysqlFrontRouting, JudgesExecutionsByTheTextThatWasPrepared)
{
    on_primary();
    talk.send(ask::prepare("select n from t where id = ?"));
    talk.reply({say::prepared(1, 1, 1), say::column("?"), say::column("n")});
    talk.send(ask::prepare("update t set n = ?"));
    talk.reply({say::prepared(2, 0, 1), say::column("?")});
    const std::string types("\0\1\3\0\7\0\0\0", 8);
    EXPECT_EQ(verdict_of(ask::execute(1, types)), read_verdict::read);
    EXPECT_EQ(verdict_of(ask::execute(2, types)), read_verdict::writes);
    EXPECT_EQ(verdict_of(ask::execute(1, types, 1)), read_verdict::lasting);  // with a cursor
    EXPECT_FALSE(talk.client.has_written());
}

TEST_F(MysqlFrontRouting, KeepsThePrimaryWhereTransactionsBeginUnsaid)
{
    on_primary();
    talk.run("set autocommit = 0", {say::ok({.status = 0, .changes = say::variable("autocommit", "OFF")})});
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::session);
    on_primary();
    talk.run("set autocommit = 1", {say::ok({.changes = say::variable("autocommit", "ON")})});
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::read);
}

TEST_F(MysqlFrontRouting, KeepsThePrimaryOnceWritesWereNotLogged)
{
    on_primary();
    talk.run("set sql_log_bin = 0", {say::ok({.changes = say::variable("sql_log_bin", "OFF")})});
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::session);
    on_primary();
    talk.run("set sql_log_bin = 1", {say::ok({.changes = say::variable("sql_log_bin", "ON")})});
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::session);
}

TEST_F(MysqlFrontRouting, KeepsThePrimaryForStoredCodeOfItsProduct)
{
    class all_harmless final : public function_catalogue {
    public:
        [[nodiscard]] std::uint64_t version() const override { return 1; }
        [[nodiscard]] bool harmless(const function_name&, std::span<const std::string>) const override { return true; }
    };
    judge.use(std::make_shared<all_harmless>());
    on_primary();
    talk.run("select 1", one_row);
    EXPECT_EQ(verdict_of(ask::query("select f(1)")), read_verdict::lasting);
}

TEST_F(MysqlFrontRouting, TellsAReplicaToRefuseWritesAndGivesItNothingButReads)
{
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::read);
    on_replica();
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{guarding});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select 1"});
    talk.reply(one_row);
    EXPECT_EQ(talk.told(), one_row);
    EXPECT_EQ(talk.send(ask::query("select 2")), front_need::more);  // told once
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3select 2"});
    talk.reply(one_row);
    EXPECT_EQ(talk.send(ask::query("delete from t")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::writes);
    EXPECT_TRUE(talk.asked().empty());
    EXPECT_FALSE(talk.client.has_written());
    on_primary();
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3delete from t"});
    EXPECT_TRUE(talk.client.has_written());
}

TEST_F(MysqlFrontRouting, TellsAReplicaAnewWhereASettingMayHaveUndoneIt)
{
    read("select 1");
    on_primary();
    talk.run("set session transaction read write",
             {say::ok({.changes = say::variable("transaction_read_only", "OFF")})});
    on_replica();
    talk.send(ask::query("select 1"));
    const auto asked = talk.asked();
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_NE(asked[0].find("transaction_read_only"), std::string::npos);
    EXPECT_EQ(asked[1], guarding);
}

TEST_F(MysqlFrontRouting, ChoosesForEachReadOfAPatientClient)
{
    begin(true);
    EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::read);
    on_replica();
    talk.send({});
    guard_it();
    talk.reply(one_row);
    EXPECT_EQ(talk.send(ask::query("select 2")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::read);
    EXPECT_EQ(talk.send({}), front_need::more);  // chosen again
}

TEST_F(MysqlFrontRouting, NotesWhatMayHaveWritten)
{
    on_primary();
    for (const auto* quiet : {"select 1", "set names utf8mb4", "begin", "select n from t", "commit"}) {
        talk.run(quiet, {say::ok()});
        EXPECT_FALSE(talk.client.has_written()) << quiet;
    }
    for (const auto* text : {"insert into t values (1)", "select f(1)", "call p()", "select 1 from t for update"}) {
        talk.client.forget_written();
        talk.send(ask::query(text));
        EXPECT_TRUE(talk.client.has_written()) << text;
        talk.reply({say::ok()});
    }
}

TEST_F(MysqlFrontRouting, SendsToThePrimaryWhatAReplicaRefuses)
{
    read("select 1");
    for (const auto& why : {refusal,
                            say::err(1290, "The MySQL server is running with the --super-read-only option so ..."),
                            say::err(1836, "Running in read-only mode")}) {
        exchange fresh;
        penstock::mysql::read_judge own{well_known_functions()};
        fresh.client.route_by(own, {"ann", "app"}, false, false);
        fresh.servers[1]->is_replica = fresh.servers[1]->is_guarded = true;
        fresh.move_to(1);
        const auto command = ask::query("select n from bumping where id = 5");
        fresh.send(command);
        fresh.reply({"\1", say::column("n"), why});
        EXPECT_EQ(fresh.sent_to_client(), "");
        EXPECT_EQ(fresh.client.counters().refused_by_replica, 1U);
        EXPECT_FALSE(fresh.settle());
        EXPECT_EQ(fresh.client.take_healed_batch(), command);
        EXPECT_EQ(fresh.send(command), front_need::server);
        EXPECT_EQ(fresh.client.wanted().verdict, read_verdict::refused);
        fresh.move_to(0);
        fresh.send({});
        EXPECT_TRUE(fresh.client.has_written());
        fresh.reply(one_row);
        EXPECT_EQ(fresh.told(), one_row);
        EXPECT_EQ(own.judge("select n from bumping where id = 6", {}).verdict, read_verdict::refused);
    }
}

TEST_F(MysqlFrontRouting, SendsToThePrimaryWhatAReplicaCannotPrepareAgain)
{
    read("select 1");
    on_primary();
    talk.send(ask::prepare("select n from bumping"));
    talk.reply({say::prepared(1, 1, 0), say::column("n")});
    talk.sent_to_client();
    for (const auto& why : {say::err(1146, "Table 'app.bumping' doesn't exist"), refusal}) {
        on_replica();
        EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
        talk.reply({why});
        EXPECT_EQ(talk.sent_to_client(), "");
        EXPECT_EQ(talk.send({}), front_need::server);
        EXPECT_EQ(talk.client.wanted().verdict, read_verdict::refused);
        on_primary();
        talk.client.forget_written();
        EXPECT_EQ(talk.send({}), front_need::more);
        EXPECT_EQ(talk.client.has_written(), why == refusal);
        talk.reply(one_row);
        EXPECT_EQ(talk.told(), one_row);
    }
    EXPECT_EQ(verdict_of(ask::execute(1)), read_verdict::refused);  // from then on
}

TEST_F(MysqlFrontRouting, TellsAnErrorThatIsNotTheReplicasFault)
{
    read("select 1");
    talk.send(ask::query("select n from t"));
    const auto other = say::err(1290, "The MySQL server is running with the --secure-file-priv option so ...");
    talk.reply({other});
    EXPECT_EQ(talk.told(), std::vector<std::string>{other});
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlFrontRouting, TellsARefusalBehindRowsThatWereSeen)
{
    read("select 1");
    talk.send(ask::query("select n from bumping"));
    talk.reply({"\1", say::column("n"), say::text("1")});
    EXPECT_EQ(talk.told().size(), 3U);
    talk.answer(packets({refusal}, 4));
    EXPECT_EQ(talk.told(), std::vector<std::string>{refusal});
    EXPECT_EQ(talk.client.take_healed_batch(), "");
    EXPECT_EQ(judge.judge("select n from bumping", {}).verdict, read_verdict::refused);
}

TEST_F(MysqlFrontRouting, KeepsTheBeginningOfAnAnswerUntilThereIsMore)
{
    read("select 1");
    talk.send(ask::query("select 1 from t"));
    const auto whole = packets(one_row);
    const auto beginning = packets({one_row[0], one_row[1]});
    talk.answer(beginning);
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(whole.substr(beginning.size()));
    EXPECT_EQ(talk.sent_to_client(), whole);
}

TEST_F(MysqlFrontRouting, GivesTheSameAnswersHoweverTheyAreCut)
{
    read("select 1");
    for (std::size_t piece = 1; piece < 20; ++piece) {
        talk.send(ask::query("select 1 from t"));
        talk.answer(packets(one_row), piece);
        EXPECT_EQ(talk.sent_to_client(), packets(one_row)) << piece;
        talk.send(ask::query("select n from bumping" + std::to_string(piece)));
        talk.answer(packets({one_row[0], one_row[1], refusal}), piece);
        EXPECT_EQ(talk.sent_to_client(), "") << piece;
        EXPECT_NE(talk.client.take_healed_batch(), "");
        EXPECT_EQ(verdict_of(ask::query("select 1")), read_verdict::refused);  // in its place
        drop();
        on_replica();
    }
}

TEST_F(MysqlFrontRouting, SendsElsewhereWhatIsLostWithAReplica)
{
    read("select 1");
    const auto command = ask::query("select 1 from t");
    talk.send(command);
    talk.answer(packets({one_row[0], one_row[1]}));
    outbox to_client{talk.client_scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client));
    EXPECT_TRUE(to_client.empty());
    EXPECT_EQ(talk.client.take_healed_batch(), command);
    EXPECT_EQ(talk.client.counters().lost_with_replica, 1U);
    EXPECT_EQ(verdict_of(command), read_verdict::read);
}

TEST_F(MysqlFrontRouting, SendsNothingTwiceOfWhichTheClientHasAPart)
{
    read("select 1");
    talk.send(ask::query("select 1 from t"));
    talk.reply({one_row[0], one_row[1], one_row[2]});
    outbox to_client{talk.client_scratch};
    talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client);
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlFrontRouting, SendsNothingTwiceThatHasNotGoneOut)
{
    on_replica();
    EXPECT_EQ(talk.send(ask::query("select 1")), front_need::answers);  // the replica is told to refuse writes
    outbox to_client{talk.client_scratch};
    EXPECT_TRUE(talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client));
    EXPECT_EQ(talk.client.take_healed_batch(), "");
}

TEST_F(MysqlFrontRouting, GoesToThePrimaryWhereReplicasAreLostTimeAndAgain)
{
    const auto command = ask::query("select 1 from t");
    read("select 1");
    for (int times = 0; times < 2; ++times) {
        on_replica();
        talk.send(command);
        talk.reply({say::err(1053, "Server shutdown in progress", "08S01")});
        EXPECT_TRUE(talk.server->must_close);
        talk.server->must_close = false;
        EXPECT_EQ(talk.client.take_healed_batch(), command);
    }
    EXPECT_EQ(verdict_of(command), read_verdict::refused);
}

TEST_F(MysqlFrontRouting, LeavesAReplicaThatTheSessionWouldHaveToStayOn)
{
    read("select 1");
    talk.send(ask::query("select 1 from t"));
    talk.reply({say::ok({.changes = say::state_changed()})});
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_EQ(talk.send(ask::query("select 2")), front_need::server);
    EXPECT_TRUE(talk.server->must_close);  // nobody else meets what was left there
}

TEST_F(MysqlFrontRouting, AvoidsAReplicaThatCannotBeBroughtToTheSessionsState)
{
    on_primary();
    talk.run("set time_zone = 'Europe/Berlin'", {say::ok({.changes = say::variable("time_zone", "Europe/Berlin")})});
    on_replica();
    EXPECT_EQ(talk.send(ask::query("select 1")), front_need::answers);
    talk.reply({say::err(1298, "Unknown or incorrect time zone: 'Europe/Berlin'")});
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send({}), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::refused);
}

TEST_F(MysqlFrontRouting, IsNotThereWhereNothingIsJudged)
{
    exchange fresh;
    fresh.run("delete from t", {say::ok()});
    EXPECT_FALSE(fresh.client.has_written());
    EXPECT_FALSE(fresh.client.may_send_again());
    EXPECT_FALSE(fresh.server->is_guarded);
}

}  // namespace
