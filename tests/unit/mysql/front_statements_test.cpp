// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements of MySQL clients on whatever server the lease brings.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

const std::string bound_long = std::string{"\0\1\3\0", 4} + ask::number(5);  // no NULL, types follow, LONG, 5
const std::string unbound_long = std::string{"\0\0", 2} + ask::number(5);

/// The client prepares `text` with one parameter and gets id `client_id`; the server gives `server_id`.
void prepare(exchange& talk, std::string_view text, std::uint32_t server_id)
{
    talk.send(ask::prepare(text));
    talk.answer(packets({say::prepared(server_id, 0, 1), say::column("?")}));
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(MysqlStatements, HaveIdsOfOurOwn)
{
    exchange talk;
    talk.send(ask::prepare("SELECT ?"));
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT ?"));
    talk.answer(packets({say::prepared(77, 1, 1), say::column("?"), say::column("a")}));
    EXPECT_EQ(talk.sent_to_client(), packets({say::prepared(1, 1, 1), say::column("?"), say::column("a")}));
    talk.send(ask::execute(1, bound_long));
    EXPECT_EQ(talk.sent_to_server(), ask::execute(77, bound_long));
    const auto rows = packets({"\1", say::column("a"), std::string{"\0\0\5\0\0\0", 6}, say::end()});
    talk.answer(rows);
    EXPECT_EQ(talk.sent_to_client(), rows);
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlStatements, ArePreparedUnseenOnAnotherServer)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::execute(1, bound_long)), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT ?"));
    talk.answer(packets({say::prepared(5, 0, 1), say::column("?")}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::execute(5, bound_long));
    talk.answer(packets({say::ok({.affected = 1})}));
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok({.affected = 1})}));
    EXPECT_EQ(talk.client.counters().reprepared, 1U);
}

TEST(MysqlStatements, GetTheServersErrorWhereTheyCannotBePreparedAgain)
{
    exchange talk;
    prepare(talk, "SELECT a FROM t WHERE b = ?", 77);
    talk.move_to(1);
    talk.send(ask::execute(1, bound_long));
    talk.sent_to_server();
    const auto error = packets({say::err(1146, "Table 'app.t' doesn't exist", "42S02")});
    talk.answer(error);
    EXPECT_EQ(talk.sent_to_client(), error);
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "");
    talk.send(ask::query("SELECT 1"));
    EXPECT_EQ(talk.sent_to_server(), ask::query("SELECT 1"));
}

TEST(MysqlStatements, SendTypesAgainToAServerThatHasNotSeenThem)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::execute(1, bound_long));
    talk.answer(packets({say::ok()}));
    talk.send(ask::execute(1, unbound_long));
    talk.answer(packets({say::ok()}));
    talk.sent_to_server();
    talk.move_to(1);
    talk.send(ask::execute(1, unbound_long));
    talk.sent_to_server();
    talk.answer(packets({say::prepared(5, 0, 1), say::column("?")}));
    talk.send({});
    EXPECT_EQ(talk.sent_to_server(), ask::execute(5, bound_long));
    talk.answer(packets({say::ok()}));
    talk.send(ask::execute(1, unbound_long));
    EXPECT_EQ(talk.sent_to_server(), ask::execute(5, unbound_long));
}

TEST(MysqlStatements, ArePreparedUnderTheSettingsOfTheirFirstTime)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.run("USE other", {say::ok({.changes = say::schema("other") + say::state_changed()})});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::execute(1, bound_long)), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT ?"));
    talk.answer(packets({say::prepared(5, 0, 1), say::column("?")}));
    EXPECT_EQ(talk.send({}), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::command(command::init_db, "other"));
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.send({}), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::execute(5, bound_long));
}

TEST(MysqlStatements, ThatNobodyPreparedAreRefusedAsByAServer)
{
    exchange talk;
    for (const auto& each : {ask::execute(9),
                             ask::on_statement(command::stmt_fetch, 9, ask::number(1)),
                             ask::on_statement(command::stmt_reset, 9)}) {
        talk.send(each);
        const auto told = talk.told();
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(decode_err(told[0])->code, 1243);
    }
    talk.send(ask::on_statement(command::stmt_close, 9));
    talk.send(ask::on_statement(command::stmt_send_long_data, 9, std::string{"\0\0x", 3}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_EQ(talk.sent_to_server(), "");
}

TEST(MysqlStatements, NumberMinusOneIsTheLastPrepared)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    prepare(talk, "SELECT ? + 1", 78);
    talk.send(ask::execute(0xffffffff, bound_long));
    EXPECT_EQ(talk.sent_to_server(), ask::execute(78, bound_long));
}

TEST(MysqlStatements, WithACursorKeepTheServerUntilItsLastRow)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::execute(1, bound_long, 1));
    talk.answer(packets({"\1", say::column("a"), say::end({.status = server_status::cursor_exists})}));
    EXPECT_TRUE(talk.server->is_idle());
    EXPECT_TRUE(talk.client.must_stay());
    talk.sent_to_server();
    talk.sent_to_client();
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(1)));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_fetch, 77, ask::number(1)));
    const std::string row{"\0\0\5\0\0\0", 6};
    const auto part = packets({row, say::end({.status = server_status::cursor_exists})});
    talk.answer(part);
    EXPECT_EQ(talk.sent_to_client(), part);
    EXPECT_TRUE(talk.client.must_stay());
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(1)));
    talk.answer(packets({row, say::end({.status = server_status::last_row_sent})}));
    EXPECT_FALSE(talk.client.must_stay());
    talk.sent_to_client();
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(1)));
    EXPECT_EQ(decode_err(talk.told()[0])->code, 1421);
}

TEST(MysqlStatements, WithTheSameTextDoNotShareAnInstanceThatHasACursor)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::execute(1, bound_long, 1));
    talk.answer(packets({"\1", say::column("a"), say::end({.status = server_status::cursor_exists})}));
    prepare(talk, "SELECT ?", 78);
    talk.send(ask::execute(2, bound_long));
    EXPECT_EQ(talk.sent_to_server(), ask::execute(78, bound_long));
    talk.answer(packets({say::ok()}));
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(1)));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_fetch, 77, ask::number(1)));
}

/// MySQL 9.7.4 answers an execution without a cursor behind one with a cursor by OK in the place of rows.
TEST(MysqlStatements, ThatHadACursorArePreparedAnewForAnExecutionWithoutOne)
{
    exchange talk{modern, modern | capability::long_password};
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::execute(1, bound_long, 1));
    talk.answer(packets({"\1", say::column("a"), say::end({.status = server_status::cursor_exists})}));
    talk.send(ask::on_statement(command::stmt_reset, 1));
    talk.answer(packets({say::ok()}));
    talk.sent_to_server();
    talk.send(ask::execute(1, bound_long, 1));
    EXPECT_EQ(talk.sent_to_server(), ask::execute(77, bound_long, 1)) << "a cursor behind a cursor does no harm";
    talk.answer(packets({"\1", say::column("a"), say::end({.status = server_status::cursor_exists})}));
    EXPECT_EQ(talk.send(ask::execute(1, bound_long)), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_close, 77) + ask::prepare("SELECT ?"));
    EXPECT_FALSE(talk.client.must_stay());
    talk.answer(packets({say::prepared(78, 0, 1), say::column("?")}));
    talk.send("");
    EXPECT_EQ(talk.sent_to_server(), ask::execute(78, bound_long));
}

TEST(MysqlStatements, WithLongDataKeepTheServerUntilTheyAreExecuted)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::on_statement(command::stmt_send_long_data, 1, std::string{"\0\0long", 6}));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_send_long_data, 77, std::string{"\0\0long", 6}));
    EXPECT_TRUE(talk.server->is_quiet());
    EXPECT_TRUE(talk.client.must_stay());
    talk.send(ask::execute(1, std::string{"\0\1\xfc\0", 4}));
    talk.answer(packets({say::ok()}));
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlStatements, WithLongDataAreReset)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::on_statement(command::stmt_reset, 1));
    EXPECT_EQ(talk.sent_to_server(), "");  // nothing of it is anywhere
    EXPECT_EQ(talk.sent_to_client(), packets({say::ok()}));
    talk.send(ask::on_statement(command::stmt_send_long_data, 1, std::string{"\0\0long", 6}));
    talk.sent_to_server();
    talk.send(ask::on_statement(command::stmt_reset, 1));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_reset, 77));
    talk.answer(packets({say::ok()}));
    EXPECT_FALSE(talk.client.must_stay());
}

TEST(MysqlStatements, PreparedTwiceOnAServerAreThereOnce)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    prepare(talk, "SELECT ?", 78);
    talk.send(ask::execute(1, bound_long));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_close, 77) + ask::execute(78, bound_long));
    EXPECT_EQ(talk.server->statements.size(), 1U);
}

TEST(MysqlStatements, AreClosedOnTheServerBeyondItsBudget)
{
    exchange talk;
    talk.servers[0] = std::make_unique<back>(2);
    server_identity identity;
    identity.capabilities = modern;
    talk.servers[0]->logged_in(identity);
    talk.servers[0]->set_tracking(true);
    talk.move_to(0);
    prepare(talk, "SELECT ?", 77);
    prepare(talk, "SELECT ? + 1", 78);
    talk.send(ask::prepare("SELECT ? + 2"));
    EXPECT_EQ(talk.sent_to_server(), ask::on_statement(command::stmt_close, 77) + ask::prepare("SELECT ? + 2"));
    EXPECT_EQ(talk.server->statements.size(), 1U);
}

TEST(MysqlStatements, OfOneClientAreBounded)
{
    exchange talk{modern, modern, front_limits{.statements = 1}};
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::prepare("SELECT ? + 1"));
    EXPECT_EQ(decode_err(talk.told()[0])->code, 1461);
    talk.send(ask::on_statement(command::stmt_close, 1));
    talk.send(ask::prepare("SELECT ? + 1"));
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT ? + 1"));
}

TEST(MysqlStatements, AreForgottenWhenTheSessionIsReset)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::command(command::reset_connection));
    talk.answer(packets({say::ok()}));
    EXPECT_EQ(talk.server->statements.size(), 0U);
    talk.sent_to_client();
    talk.send(ask::execute(1, bound_long));
    EXPECT_EQ(decode_err(talk.told()[0])->code, 1243);
}

TEST(MysqlStatements, TranslateQueryAttributes)
{
    const auto with_attributes = modern | capability::query_attributes;
    // A client without, a server with them: the number of parameters and their (empty) names are written.
    exchange talk{modern, with_attributes};
    prepare(talk, "SELECT ?", 77);
    talk.send(ask::execute(1, bound_long));
    EXPECT_EQ(talk.sent_to_server(),
              ask::execute(77, std::string{"\1\0\1\3\0\0", 6} + ask::number(5), parameter_count_available));
    // A client with, a server without them.
    exchange second{with_attributes, modern};
    prepare(second, "SELECT ?", 77);
    second.send(ask::execute(1, std::string{"\1\0\1\3\0\0", 6} + ask::number(5), parameter_count_available));
    EXPECT_EQ(second.sent_to_server(), ask::execute(77, bound_long));
    // An attribute more than there are parameters cannot be told such a server.
    second.answer(packets({say::ok()}));
    second.sent_to_client();
    second.send(ask::execute(
        1, std::string{"\2\0\1\3\0\0\3\0\1a", 10} + ask::number(5) + ask::number(6), parameter_count_available));
    EXPECT_EQ(decode_err(second.told()[0])->code, 1235);
}

TEST(MysqlStatements, MalformedAreRefused)
{
    exchange talk;
    prepare(talk, "SELECT ?", 77);
    for (const auto& tail : {std::string{}, std::string{"\0", 1}, std::string{"\0\2", 2}, std::string{"\0\1\3", 3}}) {
        talk.send(ask::execute(1, tail));
        EXPECT_EQ(decode_err(talk.told()[0])->code, 1835);
        EXPECT_EQ(talk.sent_to_server(), "");
    }
}

/// Values of VAR_STRING and of LONG.
std::string bound_name(std::string_view name)
{
    return std::string{"\0\1\xfd\0\3\0", 6} + say::text(name) + ask::number(1);
}

/// Executes SELECT GET_LOCK(?, ?) with these parameters and gives up the lock `mine`; what the server is asked then.
std::vector<std::string> asked_of_lock(std::string_view parameters, std::string_view before = {})
{
    exchange talk;
    talk.send(ask::prepare("SELECT GET_LOCK(?, ?)"));
    talk.answer(packets({say::prepared(77, 1, 2), say::column("?"), say::column("?"), say::column("l")}));
    talk.send(std::string{before});
    talk.send(ask::execute(1, parameters));
    talk.answer(packets({"\1", say::column("l"), std::string{"\0\0\1\0\0\0", 6}, say::end()}));
    EXPECT_TRUE(talk.client.must_stay());
    talk.send(ask::query("SELECT RELEASE_LOCK('mine')"));
    talk.answer(packets({"\1", say::column("r"), say::text("1"), say::end()}));
    talk.sent_to_server();
    outbox to_server{talk.server_scratch};
    outbox to_client{talk.client_scratch};
    talk.client.probe_pins(*talk.server, to_server, to_client);
    const auto asked = payloads_of(to_server.contents());
    if (!asked.empty()) {
        talk.answer(packets({"\1", say::column("n"), say::text("0"), say::end()}));
        EXPECT_FALSE(talk.client.must_stay());
    }
    return asked;
}

TEST(MysqlStatements, MayNameTheirLockByTheFirstParameter)
{
    EXPECT_EQ(asked_of_lock(bound_name("mine")),
              std::vector<std::string>{"\3SELECT COALESCE(IS_USED_LOCK('mine')=CONNECTION_ID(),0)"});
    EXPECT_TRUE(asked_of_lock(bound_name("it's")).empty());
    EXPECT_TRUE(asked_of_lock(bound_name("\\")).empty());
    EXPECT_TRUE(asked_of_lock(bound_name("l\xc3\xa4nger")).empty());
    EXPECT_TRUE(asked_of_lock(bound_name("")).empty());
    EXPECT_TRUE(asked_of_lock(bound_name(std::string(65, 'x'))).empty());
    const std::string null{"\1\1\xfd\0\3\0\1\0\0\0", 10};
    EXPECT_TRUE(asked_of_lock(null).empty());
    const std::string number{"\0\1\3\0\3\0\4abc\1\0\0\0", 14};
    EXPECT_TRUE(asked_of_lock(number).empty());
    const std::string cut_off{"\0\1\xfd\0\3\0\x09mine", 11};
    EXPECT_TRUE(asked_of_lock(cut_off).empty());
    const auto long_data = ask::on_statement(command::stmt_send_long_data, 1, std::string{"\0\0", 2} + "other");
    EXPECT_TRUE(asked_of_lock(bound_name("mine"), long_data).empty());
}

}  // namespace
}  // namespace penstock::mysql::test
