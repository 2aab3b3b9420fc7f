// SPDX-License-Identifier: Apache-2.0
//
// The state of a MySQL session on its way from server to server, and what the client is told of it.
#include "protocols/mysql/protocol.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

/// On a fresh server: what goes out in front of a command of the session, all of it confirmed.
list catch_up_of(exchange& talk, std::size_t server = 1)
{
    talk.move_to(server);
    list all;
    while (talk.send(all.empty() ? ask::query("SELECT 1") : "") == front_need::answers) {
        auto asked = talk.asked();
        const auto count = asked.size();
        all.insert(all.end(), asked.begin(), asked.end());
        for (std::size_t each = 0; each < count; ++each) {
            talk.answer(packets({say::ok()}));
        }
    }
    EXPECT_EQ(talk.asked(), query_of("SELECT 1"));
    EXPECT_EQ(talk.sent_to_client(), "");
    talk.answer(packets({say::ok()}));
    talk.sent_to_client();
    return all;
}

TEST(MysqlState, FollowsTheSessionByTheServersWord)
{
    exchange talk;
    talk.run("SET sql_mode = 'ANSI', lock_wait_timeout = 77",
             {say::ok({.changes = say::variable("sql_mode", "ANSI") + say::variable("lock_wait_timeout", "77")})});
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_EQ(catch_up_of(talk), query_of("SET @@session.lock_wait_timeout=77,@@session.sql_mode='ANSI'"));
    EXPECT_EQ(catch_up_of(talk, 1), list{});
}

TEST(MysqlState, OfOtherSessionsIsTakenBack)
{
    exchange talk;
    talk.servers[1]->parameters = parameter_set::of({{"time_zone", "+02:00"}, {"@a", "5"}});
    EXPECT_EQ(catch_up_of(talk), (list{"\3SET @@session.time_zone=DEFAULT", "\3SET @`a`=_binary'',@`a`=NULL"}));
}

TEST(MysqlState, WhatMysqlTakesDefaultForOffInIsSetToTheGlobalValue)
{
    exchange talk;
    talk.servers[1]->parameters = parameter_set::of({{"foreign_key_checks", "ON"}, {"unique_checks", "OFF"}});
    EXPECT_EQ(catch_up_of(talk),
              query_of("SET @@session.foreign_key_checks=@@global.foreign_key_checks,"
                       "@@session.unique_checks=@@global.unique_checks"));
}

TEST(MysqlState, NullIsNotOfTheTypeOfAnotherSessionsValue)
{
    exchange talk;
    talk.run("SET @a = NULL", {say::ok({.changes = say::state_changed()})});
    EXPECT_EQ(catch_up_of(talk), query_of("SET @`a`=_binary'',@`a`=NULL"));
}

TEST(MysqlState, HasLiteralUserVariables)
{
    exchange talk;
    talk.run("SET @a = 5, @B = 'x'", {say::ok({.changes = say::state_changed()})});
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_EQ(catch_up_of(talk), query_of("SET @`a`=5,@`b`='x'"));
}

TEST(MysqlState, HasTheSchema)
{
    exchange talk;
    talk.run("USE other", {say::ok({.changes = say::schema("other") + say::state_changed()})});
    EXPECT_EQ(catch_up_of(talk), list{"\2other"});
    exchange back_again;
    back_again.servers[1]->parameters = parameter_set::of({{std::string{schema_entry}, "other"}});
    EXPECT_EQ(catch_up_of(back_again),
              list{"\2"
                   "app"});
}

TEST(MysqlState, ThatNoServerCanBeBroughtToNeedsAnotherServer)
{
    exchange talk;
    server_identity nowhere;
    nowhere.capabilities = modern;
    talk.servers[1] = std::make_unique<back>(100);
    talk.servers[1]->logged_in(nowhere);
    talk.servers[1]->set_tracking(true);
    talk.servers[1]->parameters = parameter_set::of({{std::string{schema_entry}, "other"}});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::query("SELECT 1")), front_need::server);
    EXPECT_TRUE(talk.server->must_close);
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.move_to(2);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("SELECT 1"));
}

TEST(MysqlState, WithoutASchemaAnyMorePins)
{
    exchange talk;
    talk.run("DROP DATABASE app", {say::ok({.changes = say::schema("")})});
    EXPECT_EQ(to_string(talk.client.pins()), "unknown_setting");
}

TEST(MysqlState, HasTheSwitchForSeveralStatements)
{
    exchange talk;
    talk.send(ask::command(command::set_option, std::string{"\0\0", 2}));
    talk.answer(packets({say::end()}));
    talk.sent_to_server();
    talk.sent_to_client();
    EXPECT_EQ(catch_up_of(talk), (list{std::string{"\x1b\0\0", 3}}));
}

TEST(MysqlState, NeverRunsAStatementUnderSettingsThatWereRefused)
{
    exchange talk;
    talk.run("SET time_zone = 'Mars'", {say::ok({.changes = say::variable("time_zone", "Mars")})});
    for (const std::size_t number : {1, 2, 0}) {
        talk.servers[number] = std::make_unique<back>(100);
        server_identity who;
        who.capabilities = modern;
        who.parameters = {{"schema", "app"}};
        talk.servers[number]->logged_in(who);
        talk.servers[number]->set_tracking(true);
        talk.move_to(number);
        EXPECT_EQ(talk.send(number == 1 ? ask::query("INSERT INTO t VALUES (1)") : ""), front_need::answers);
        EXPECT_EQ(talk.asked(), query_of("SET @@session.time_zone='Mars'"));
        talk.answer(packets({say::err(1298, "Unknown or incorrect time zone: 'Mars'")}));
        EXPECT_EQ(talk.sent_to_client(), "");
        if (number != 0) {
            EXPECT_EQ(talk.send({}), front_need::server);
        }
    }
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "");
    const auto told = talk.told();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_NE(decode_err(told[0])->message.find("Mars"), std::string_view::npos);
}

TEST(MysqlState, TakesTheServersCharacterSetWhereTheClientsIsUnknownThere)
{
    client_identity who;
    who.collation = 255;
    statement_store store;
    exchange talk{modern, modern | capability::long_password};
    front client{store, {}, protocol::carried_parameters(who), 8};
    for (const std::size_t number : {0, 1}) {
        outbox to_server{talk.server_scratch};
        outbox to_client{talk.client_scratch};
        talk.move_to(number);
        const auto need = client.consume(ask::query("SELECT 1"), talk.server, to_server, to_client).need;
        const auto asked = payloads_of(to_server.contents());
        if (number == 1) {
            EXPECT_EQ(need, front_need::more);
            EXPECT_EQ(asked, query_of("SELECT 1"));
            break;
        }
        EXPECT_EQ(need, front_need::answers);
        EXPECT_EQ(asked,
                  query_of("SET @@session.character_set_client=255,@@session.character_set_results=255,"
                           "@@session.collation_connection=255"));
        talk.server->advance(packets({say::err(1115, "Unknown character set: '255'", "42000")}), client, to_client);
        EXPECT_TRUE(talk.server->must_close);
    }
}

TEST(MysqlState, TurnsTrackingOnOnAFreshServer)
{
    exchange talk;
    talk.server->set_tracking(false);
    EXPECT_EQ(talk.send(ask::query("SELECT 1")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of(tracking_statement()));
    talk.answer(packets({say::ok({.changes = say::variable("sql_mode", "ANSI_QUOTES")})}));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.server->default_sql_mode(), "ANSI_QUOTES");
    EXPECT_EQ(talk.sent_to_client(), "");
}

TEST(MysqlState, PinsWhatCannotBeCarried)
{
    const std::vector<std::pair<std::string, std::string>> examples = {
        {"CREATE TEMPORARY TABLE t (a int)", "temporary_object"},
        {"SELECT GET_LOCK('a', 1)", "advisory_lock"},
        {"SELECT 1 INTO @a", "user_variable"},
        {"SET ROLE a", "role"},
        {"SET pseudo_thread_id = 5", "unknown_setting"}};
    for (const auto& [text, reason] : examples) {
        exchange talk;
        talk.run(text, {say::ok()});
        EXPECT_EQ(to_string(talk.client.pins()), reason) << text;
        EXPECT_TRUE(talk.client.must_stay());
    }
}

TEST(MysqlState, ThatChangedUnseenPins)
{
    exchange talk;
    talk.run("DO 1", {say::ok({.changes = say::state_changed()})});
    EXPECT_EQ(to_string(talk.client.pins()), "state_change");
}

TEST(MysqlState, KeepsTheServerWhileTablesAreLocked)
{
    exchange talk;
    talk.run("LOCK TABLES t READ", {say::ok({.changes = say::transaction_state("_______L")})});
    EXPECT_TRUE(talk.client.must_stay());
    talk.run("UNLOCK TABLES", {say::ok({.changes = say::transaction_state("________")})});
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlState, KeepsTheServerThatWasToldOfTheNextTransaction)
{
    exchange talk;
    talk.run("SET TRANSACTION READ ONLY", {say::ok({.changes = say::characteristics("SET TRANSACTION READ ONLY;")})});
    EXPECT_TRUE(talk.client.must_stay());
    talk.run("SELECT 1", {say::ok({.changes = say::characteristics("")})});
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlState, IsNewAfterAReset)
{
    exchange talk;
    talk.run("CREATE TEMPORARY TABLE t (a int)", {say::ok()});
    talk.run("SET @a = 5", {say::ok()});
    talk.send(ask::command(command::reset_connection));
    EXPECT_EQ(talk.sent_to_server(), ask::command(command::reset_connection));
    talk.answer(packets({say::ok()}));
    EXPECT_TRUE(talk.client.pins().empty());
    EXPECT_FALSE(talk.server->tracks());
    talk.sent_to_client();
    EXPECT_EQ(catch_up_of(talk), list{});
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::command(command::reset_connection)), front_need::more);
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok()}));
}

TEST(MysqlState, TimestampGoesBackToTheClock)
{
    exchange talk;
    talk.run("SET timestamp = 5", {say::ok({.changes = say::variable("timestamp", "5.000000")})});
    talk.run("SET timestamp = DEFAULT", {say::ok({.changes = say::variable("timestamp", "5.000000")})});
    EXPECT_EQ(catch_up_of(talk), list{});
}

// --- what earlier statements left ---

TEST(MysqlEarlier, LastInsertIdIsThereOnAnotherServer)
{
    exchange talk;
    talk.run("INSERT INTO t VALUES ()", {say::ok({.affected = 1, .insert_id = 42})});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::query("SELECT LAST_INSERT_ID()")), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(42)"));
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.asked(), query_of("SELECT LAST_INSERT_ID()"));
    talk.answer(packets({"\1", say::column("a"), say::text("42"), say::end()}));
    talk.send(ask::query("INSERT INTO t VALUES (100)"));
    talk.answer(packets({say::ok({.affected = 1, .insert_id = 100})}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SELECT LAST_INSERT_ID()"));
    talk.answer(packets({"\1", say::column("a"), say::text("42"), say::end()}));
    talk.move_to(2);
    talk.send(ask::query("SELECT LAST_INSERT_ID()"));
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(42)"));
}

TEST(MysqlEarlier, LastInsertIdIsNoExplicitValue)
{
    exchange talk;
    talk.send(ask::query("INSERT INTO t VALUES (100)"));
    talk.answer(packets({say::ok({.affected = 1, .insert_id = 100})}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle()) << "nobody has asked for one yet, but this session may";
    EXPECT_EQ(talk.asked(), query_of("SELECT LAST_INSERT_ID()"));
    talk.answer(packets({"\1", say::column("a"), say::text("0"), say::end()}));
    talk.move_to(1);
    talk.send(ask::query("SELECT LAST_INSERT_ID()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT LAST_INSERT_ID()"));
}

TEST(MysqlEarlier, LastInsertIdIsAskedOfTheServerThatHasItOrOfNone)
{
    exchange talk;
    talk.run("INSERT INTO t VALUES ()", {say::ok({.affected = 1, .insert_id = 42})});
    talk.move_to(1);
    talk.server->insert_id = 99;  // and its number
    talk.send(ask::query("SELECT 1"));
    talk.answer(packets({say::ok()}));
    EXPECT_FALSE(talk.settle());
    talk.sent_to_server();
    talk.send(ask::query("SELECT LAST_INSERT_ID()"));
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(42)"));
}

TEST(MysqlEarlier, LastInsertIdThatAResultWithRowsSetIsAsked)
{
    exchange talk;
    talk.send(ask::query("SELECT LAST_INSERT_ID(77)"));
    talk.answer(packets({"\1", say::column("a"), say::text("77"), say::end()}));
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SELECT LAST_INSERT_ID()"));
    talk.answer(packets({"\1", say::column("a"), say::text("77"), say::end()}));
    talk.move_to(1);
    talk.send(ask::query("SELECT LAST_INSERT_ID()"));
    EXPECT_EQ(talk.asked(), query_of("DO LAST_INSERT_ID(77)"));
}

TEST(MysqlEarlier, LastInsertIdOfALostServerIsAskedOfNoOther)
{
    exchange talk;
    constexpr auto open = server_status::in_transaction | server_status::autocommit;
    talk.run("BEGIN", {say::ok({.status = open})});
    talk.run("INSERT INTO t VALUES ()", {say::ok({.affected = 1, .insert_id = 42, .status = open})});
    outbox to_client{talk.client_scratch};
    talk.client.on_server_lost(*talk.server, {error_kind::server_lost, {}, {}}, to_client);
    talk.move_to(1);
    talk.send(ask::query("SELECT 1"));
    talk.answer(packets({say::ok()}));
    EXPECT_FALSE(talk.settle());
}

TEST(MysqlEarlier, WarningsAreKeptForShowWarnings)
{
    exchange talk;
    talk.send(ask::query("INSERT INTO t VALUES ('long')"));
    talk.answer(packets({say::ok({.affected = 1, .warnings = 1})}));
    talk.sent_to_server();
    talk.sent_to_client();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SHOW WARNINGS"));
    const auto row = say::text("Warning") + say::text("1265") + say::text("Data truncated");
    talk.answer(packets({"\3", say::column("Level"), say::column("Code"), say::column("Message"), row, say::end()}), 1);
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_FALSE(talk.client.must_stay());
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::more);
    const auto told = talk.told();
    ASSERT_EQ(told.size(), 6U);
    EXPECT_EQ(told[4], row);
}

TEST(MysqlEarlier, FoundRowsOfAnotherSessionAreNotAskedFor)
{
    exchange talk;
    talk.run("SET time_zone = '+01:00'", {say::ok({.changes = say::variable("time_zone", "+01:00")})});
    talk.send(ask::query("SELECT FOUND_ROWS()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT (1000000000000000000-1000000000000000000) AS `FOUND_ROWS()`"))
        << "SET leaves there what it was";
}

TEST(MysqlEarlier, RowCountAndFoundRowsAreThoseOfThisSession)
{
    exchange talk;
    talk.run("UPDATE t SET a = 1", {say::ok({.affected = 3})});
    talk.move_to(1);
    talk.send(ask::query("SELECT ROW_COUNT()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT (1000000000000000003-1000000000000000000) AS `ROW_COUNT()`"));
    talk.answer(packets({"\1", say::column("a"), say::text("3"), say::end()}));
    talk.run("SELECT a FROM t", {"\1", say::column("a"), say::text("1"), say::text("2"), say::end()});
    talk.move_to(2);
    talk.send(ask::query("SELECT FOUND_ROWS() + 1"));
    EXPECT_EQ(talk.asked(), query_of("SELECT ((1000000000000000002-1000000000000000000)) + 1"));
}

/// With each "#number" as it is put to MariaDB, where it shall be as wide as a count.
std::string in_mariadbs_words(std::string text)
{
    for (const auto& [number, words] : {std::pair{"#2", "(1000000000000000002-1000000000000000000)"},
                                        std::pair{"#-1", "(999999999999999999-1000000000000000000)"}}) {
        for (auto at = text.find(number); at != std::string::npos; at = text.find(number)) {
            text.replace(at, std::string_view{number}.size(), words);
        }
    }
    return text;
}

TEST(MysqlEarlier, CountsKeepTheirNamesAsColumns)
{
    struct row {
        const char* text;
        const char* sent;
    };
    for (const auto& [text, sent] : {
             row{"select found_rows(), Row_Count() from dual",
                 "select #2 AS `found_rows()`, #-1 AS `Row_Count()` from dual"},
             row{"select 1, found_rows() ;", "select 1, #2 AS `found_rows()` ;"},
             row{"select abs(found_rows()), 1", "select abs((#2)), 1"},
             row{"select found_rows() as n", "select (#2) as n"},
             row{"select 1 from t order by 1, found_rows()", "select 1 from t order by 1, (#2)"},
             row{"insert into t values (1, found_rows())", "insert into t values (1, (#2))"},
             row{"do 1, found_rows()", "do 1, (#2)"},
             row{"select found_rows(), found_rows()", "select #2 AS `found_rows()`, #2 AS `found_rows()`"},
         }) {
        exchange talk;
        talk.run("SELECT a FROM t", {"\1", say::column("a"), say::text("1"), say::text("2"), say::end()});
        talk.move_to(1);
        talk.send(ask::query(text));
        EXPECT_EQ(talk.asked(), query_of(in_mariadbs_words(sent)));
    }
}

TEST(MysqlEarlier, ConnectionIdIsTheClients)
{
    exchange talk;
    client_identity who;
    who.capabilities = modern;
    who.connection_id = 4242;
    talk.client.logged_in(who);
    talk.send(ask::query("SELECT CONNECTION_ID()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT 4242 AS `CONNECTION_ID()`"));
    talk.answer(packets({"\1", say::column("a"), say::text("4242"), say::end()}));
}

TEST(MysqlEarlier, CalculatedFoundRowsKeepTheServerForOneStatement)
{
    exchange talk;
    talk.run("SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", {"\1", say::column("a"), say::text("1"), say::end()});
    EXPECT_TRUE(talk.client.must_stay());
    talk.send(ask::query("SELECT FOUND_ROWS()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT FOUND_ROWS()"));
    talk.answer(packets({"\1", say::column("a"), say::text("9"), say::end()}));
    EXPECT_FALSE(talk.client.must_stay());
}

// --- LOAD DATA LOCAL ---

TEST(MysqlLocalFile, IsRelayedFromTheClient)
{
    exchange talk{modern | capability::local_files, modern | capability::local_files};
    talk.send(ask::query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));
    talk.sent_to_server();
    talk.answer(
        packets({"\xfb"
                 "f"}));
    EXPECT_EQ(talk.sent_to_client(),
              packets({"\xfb"
                       "f"}));
    const auto file = packets({std::string(100000, 'x'), "y", ""}, 2);
    for (const char octet : file) {
        ASSERT_EQ(talk.send(bytes{&octet, 1}), front_need::more);
    }
    EXPECT_TRUE(talk.sent_to_server() == file);
    talk.answer(packets({say::ok({.affected = 9})}, 5));
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok({.affected = 9})}, 5));
    EXPECT_TRUE(talk.server->is_idle());
}

TEST(MysqlLocalFile, IsNotGivenToAServerThatAsksOutOfTheBlue)
{
    for (const auto* const text : {"SELECT 1", "LOAD DATA INFILE 'f' INTO TABLE t"}) {
        exchange talk{modern | capability::local_files, modern | capability::local_files};
        talk.send(ask::query(text));
        EXPECT_EQ(talk.answer(packets({"\xfb/etc/passwd"})), advance_result::violation);
        EXPECT_EQ(talk.sent_to_client(), "");
    }
}

TEST(MysqlLocalFile, IsRefusedToAClientThatSendsNone)
{
    exchange talk{modern, modern | capability::long_password};
    talk.send(ask::query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));
    EXPECT_EQ(talk.sent_to_server(), "");
    const auto packets_told = talk.told();
    const auto told = decode_err(packets_told[0]);
    EXPECT_EQ(told->code, 3948);
    EXPECT_EQ(told->sqlstate, "42000");
}

TEST(MysqlLocalFile, IsRefusedAsMariaDbDoes)
{
    exchange talk;
    talk.send(ask::query("LOAD DATA LOCAL INFILE 'f' INTO TABLE t"));
    EXPECT_EQ(talk.sent_to_server(), "");
    const auto packets_told = talk.told();
    const auto told = decode_err(packets_told[0]);
    EXPECT_EQ(told->code, 4166);
    EXPECT_EQ(told->sqlstate, "HY000");
}

}  // namespace
}  // namespace penstock::mysql::test
