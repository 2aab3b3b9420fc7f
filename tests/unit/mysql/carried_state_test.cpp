// SPDX-License-Identifier: Apache-2.0
//
// What makes a session on another server the same beyond its values: the collations of its character sets and texts,
// the types of its user variables, also those that prepared statements were made under, and the counts of its last
// statement.
#include "protocols/mysql/protocol.hpp"
#include "protocols/mysql/user_variables.hpp"
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

using list = std::vector<std::string>;

constexpr auto on_mysql = modern | capability::long_password;

list query_of(std::string_view text)
{
    return {'\3' + std::string{text}};
}

list commands(const parameter_list& from, const parameter_list& to, bool is_mariadb = false)
{
    return *catch_up_commands(
        *parameter_set::of(from), *parameter_set::of(to), {.initial_schema = "app", .is_mariadb = is_mariadb});
}

// --- user variables ---

TEST(MysqlCarriedVariable, IsItsLastLiteralItsCollationAndNullBehindIt)
{
    const auto text = carry("'x'", "latin1_bin", nullptr);
    EXPECT_EQ(read_carried(text).literal, "'x'");
    EXPECT_EQ(read_carried(text).collation, "latin1_bin");
    EXPECT_FALSE(read_carried(text).is_null);
    const auto null = carry("NULL", "utf8mb4_bin", &text);
    EXPECT_EQ(read_carried(null).literal, "'x'");
    EXPECT_EQ(read_carried(null).collation, "latin1_bin") << "NULL leaves the type as it was";
    EXPECT_TRUE(read_carried(null).is_null);
    EXPECT_EQ(carry("null", "", &null), null);
    const auto only_null = carry("null", "latin1_bin", nullptr);
    EXPECT_TRUE(read_carried(only_null).is_null);
    EXPECT_EQ(read_carried(only_null).literal, "");
    EXPECT_EQ(carry("null", "", &only_null), only_null);
    EXPECT_EQ(carry("5", "latin1_bin", &null), "5");
}

TEST(MysqlCarriedVariable, NullHasTheTypeThatItHadHere)
{
    EXPECT_EQ(commands({}, {{"@a", "5\nnull"}}), query_of("SET @`a`=5,@`a`=NULL"));
    EXPECT_EQ(commands({}, {{"@a", "null"}}), query_of("SET @`a`=_binary'',@`a`=NULL"));
    EXPECT_EQ(commands({{"@a", "5"}}, {}), query_of("SET @`a`=_binary'',@`a`=NULL"));
}

TEST(MysqlCarriedVariable, TextIsSetUnderTheCollationItHad)
{
    EXPECT_EQ(commands({{"collation_connection", "latin1_bin"}},
                       {{"@a", "'x'\nlatin1_bin"}, {"collation_connection", "latin1_bin"}}),
              query_of("SET @`a`='x'"));
    EXPECT_EQ(commands({{"collation_connection", "46"}},
                       {{"@a", "'x'\nlatin1_bin"}, {"@b", "'y'\n"}, {"@c", "7"}, {"collation_connection", "46"}}),
              (list{"\3SET @@session.collation_connection=DEFAULT",
                    "\3SET @`b`='y'",
                    "\3SET @@session.collation_connection='latin1_bin'",
                    "\3SET @`a`='x'",
                    "\3SET @@session.collation_connection=46",
                    "\3SET @`c`=7"}));
}

TEST(MysqlCarriedVariable, TextThatComesWithAnotherCollationPins)
{
    exchange talk;
    talk.run("SET collation_connection = 'latin1_bin', @a = 'x'",
             {say::ok({.changes = say::variable("collation_connection", "latin1_bin") + say::state_changed()})});
    EXPECT_TRUE(talk.client.pins().has(pin_reason::user_variable));
    exchange other;
    other.run("SET collation_connection = 'latin1_bin'",
              {say::ok({.changes = say::variable("collation_connection", "latin1_bin")})});
    other.run("SET @a = 'x'", {say::ok({.changes = say::state_changed()})});
    EXPECT_TRUE(other.client.pins().empty());
    EXPECT_EQ(*other.client.state().current()->find("@a"), "'x'\nlatin1_bin");
}

TEST(MysqlCarriedVariable, OfAStatementThatFailedPins)
{
    exchange talk;
    talk.run("SET @a = 5, sql_mode = 'nonsense'", {say::err(1231, "no", "42000")});
    EXPECT_TRUE(talk.client.pins().has(pin_reason::user_variable));
}

TEST(MysqlCarriedVariable, ThatAnExpressionMayHaveSetBeforeItFailedPins)
{
    for (const auto* const text : {"SET @a = (SELECT 1 UNION SELECT 2)",
                                   "SELECT @a := 1, (SELECT 1 UNION SELECT 2)",
                                   "SELECT 1 UNION SELECT 2 INTO @a"}) {
        exchange talk;
        talk.run(text, {say::err(1242, "more than 1 row", "21000")});
        EXPECT_TRUE(talk.client.pins().has(pin_reason::user_variable)) << text;
    }
}

TEST(MysqlCarriedVariable, OfWhatIsNoSqlIsAsItWas)
{
    for (const auto* const text : {"SET @a = 5,,", "SET @a = (SELECT 1) nonsense"}) {
        exchange talk;
        talk.run("SET @a = 'x'", {say::ok({.changes = say::state_changed()})});
        talk.run(text, {say::err(1064, "syntax", "42000")});
        EXPECT_TRUE(talk.client.pins().empty()) << text;
        EXPECT_EQ(*talk.client.state().current()->find("@a"), "'x'\n");
    }
    exchange several;
    several.run("SET @a = 5; SET @a = ,", {say::err(1064, "syntax", "42000")});
    EXPECT_TRUE(several.client.pins().has(pin_reason::user_variable)) << "the first of them has run";
}

TEST(MysqlCarriedVariable, OfAStatementThatMayFailIsBegunAnewWhereOthersHaveBeen)
{
    struct row {
        std::string_view text;
        std::string_view on_mysql;
        std::string_view on_mariadb;
    };
    for (const auto& [text, mysqls, mariadbs] : {
             row{"SET @a = 5, sql_mode = 'x'", "SET @`a`='',@`a`=NULL", "SET @`a`=_latin1'',@`a`=NULL"},
             row{"SET @a = 'x', sql_mode = 'x'", "SET @`a`='',@`a`=NULL", "SET @`a`='',@`a`=NULL"},
             row{"SET @a = NULL, sql_mode = 'x'", "SET @`a`=_binary'',@`a`=NULL", "SET @`a`=_binary'',@`a`=NULL"},
             row{"SET @a = 5", "", ""},
             row{"SET @a = 5; SET sql_mode = 'x'", "", ""},
         }) {
        for (const bool is_mariadb : {false, true}) {
            SCOPED_TRACE(std::string{text} + (is_mariadb ? " on MariaDB" : " on MySQL"));
            exchange talk{modern, is_mariadb ? modern : on_mysql};
            talk.server->note_user(99);
            talk.send(ask::query(text));
            const auto before = is_mariadb ? mariadbs : mysqls;
            ASSERT_EQ(talk.asked(), query_of(before.empty() ? text : before));
            if (!before.empty()) {
                talk.reply({say::ok()});
                EXPECT_EQ(talk.send({}), front_need::more);
                EXPECT_EQ(talk.asked(), query_of(text));
            }
        }
    }
    exchange read{modern, on_mysql};
    read.server->note_user(99);
    read.send(ask::query("SELECT @a"));
    read.reply({say::ok()});
    read.send({});
    read.reply({"\1", say::column("@a"), std::string{"\xfb"}, say::end()});
    read.sent_to_server();
    read.send(ask::query("SET @a = 5, sql_mode = 'x'"));
    EXPECT_EQ(read.asked(), query_of("SET @`a`='',@`a`=NULL")) << "to read it has given it no type";
    read.reply({say::ok()});
    EXPECT_EQ(read.send({}), front_need::more) << "once";
    exchange own{modern, on_mysql};
    own.send(ask::query("SET @a = 5, sql_mode = 'x'"));
    EXPECT_EQ(own.asked(), query_of("SET @a = 5, sql_mode = 'x'")) << "nobody has been there";
}

// --- SET NAMES ... COLLATE ---

void set_names(exchange& talk, const std::string& text)
{
    talk.send(ask::query(text));
    talk.reply({say::ok({.changes = say::variable("character_set_client", "utf8mb4") +
                                    say::variable("character_set_connection", "utf8mb4") +
                                    say::variable("character_set_results", "utf8mb4")})});
    EXPECT_TRUE(talk.settle());
    talk.reply({say::ok({.changes = say::variable("collation_connection", "utf8mb4_bin")})});
    talk.sent_to_server();
    talk.sent_to_client();
}

TEST(MysqlSetNamesCollate, IsAskedForTheCollationThatItChose)
{
    exchange talk;
    const auto names = say::variable("character_set_client", "latin1") +
                       say::variable("character_set_connection", "latin1") +
                       say::variable("character_set_results", "latin1") + say::state_changed();
    talk.send(ask::query("SET NAMES latin1 COLLATE latin1_bin"));
    talk.answer(packets({say::ok({.changes = names})}));
    talk.sent_to_server();
    talk.sent_to_client();
    EXPECT_TRUE(talk.client.must_stay());
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SET collation_connection=@@collation_connection"));
    talk.answer(packets({say::ok({.changes = say::variable("collation_connection", "latin1_bin")})}));
    EXPECT_EQ(talk.sent_to_client(), "");
    EXPECT_FALSE(talk.client.must_stay());
    EXPECT_EQ(commands({}, talk.client.state().current()->entries(), true),
              query_of("SET NAMES latin1 COLLATE `latin1_bin`"));
}

TEST(MysqlSetNamesCollate, GivesTheCollationToTheCharacterSetsToo)
{
    exchange talk{modern, on_mysql};
    set_names(talk, "SET NAMES utf8mb4 COLLATE utf8mb4_bin");
    EXPECT_TRUE(talk.client.pins().empty());
    EXPECT_EQ(commands({}, talk.client.state().current()->entries()),
              query_of("SET NAMES utf8mb4 COLLATE `utf8mb4_bin`"));
    EXPECT_TRUE(talk.client.state().reading({}).utf8);
    EXPECT_EQ(commands({}, {{"character_set_client", "utf8mb4_bin"}, {"character_set_results", "latin1"}}),
              (list{"\3SET NAMES utf8mb4 COLLATE `utf8mb4_bin`",
                    "\3SET @@session.collation_connection=DEFAULT,@@session.character_set_results='latin1'"}));
}

TEST(MysqlSetNamesCollate, WithoutItOrWithMoreInOneText)
{
    exchange plain{modern, on_mysql};
    set_names(plain, "SET NAMES utf8mb4");
    EXPECT_EQ(*plain.client.state().current()->find("character_set_client"), "utf8mb4");
    exchange more{modern, on_mysql};
    set_names(more, "SET NAMES utf8mb4 COLLATE utf8mb4_bin, character_set_client = utf8mb4");
    EXPECT_TRUE(more.client.pins().has(pin_reason::unknown_setting));
}

TEST(MysqlSetNamesCollate, OfAStatementsContextIsThatOfResultsAsWell)
{
    const auto made = with_context(
        parameter_set::of({{"character_set_client", "latin1"}, {"character_set_results", "utf8mb4_unicode_ci"}}),
        *parameter_set::of({{"character_set_client", "utf8mb4_bin"}}),
        true);
    EXPECT_EQ(*made->find("character_set_results"), "utf8mb4_bin") << "a server takes one of them at a time";
}

TEST(MysqlSetNamesCollate, OfResultsStaysWhereOnlyTheConnectionsIsAnother)
{
    const parameter_list names{{"character_set_client", "utf8mb4_bin"},
                               {"character_set_results", "utf8mb4_bin"},
                               {"collation_connection", "utf8mb4_bin"}};
    const parameter_list of_statement{
        {"character_set_client", "latin1"}, {"character_set_results", "utf8mb4_bin"}, {"collation_connection", "46"}};
    EXPECT_EQ(commands(names, of_statement, true),
              query_of("SET @@session.character_set_client='latin1',@@session.collation_connection=46"))
        << "MariaDB does not take a collation for the character set of results";
}

// --- prepared statements ---

TEST(MysqlPreparedVariables, ArePreparedAnewUnderWhatTheyHeld)
{
    exchange talk{modern, on_mysql};
    talk.run("SET @a = 5", {say::ok({.changes = say::state_changed()})});
    talk.send(ask::prepare("SELECT @a, @b"));
    talk.reply({say::prepared(77, 2, 0), say::column("@a"), say::column("@b")});
    talk.run("SET @a = 'x'", {say::ok({.changes = say::state_changed()})});
    talk.sent_to_server();
    talk.sent_to_client();
    talk.servers[1]->parameters = parameter_set::of({{"@b", "2"}});
    talk.move_to(1);
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SET @`b`=_binary'',@`b`=NULL,@`a`=5"));
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(""), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT @a, @b"));
    talk.reply({say::prepared(88, 2, 0), say::column("@a"), say::column("@b")});
    EXPECT_EQ(talk.send(""), front_need::answers);
    EXPECT_EQ(talk.asked(), query_of("SET @`a`='x'"));
    talk.reply({say::ok()});
    EXPECT_EQ(talk.send(""), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), ask::execute(88));
}

TEST(MysqlPreparedVariables, ThatNobodyKnowsAreLeftAlone)
{
    exchange talk{modern, on_mysql};
    talk.run("SET @a = 5", {say::ok({.changes = say::state_changed()})});
    talk.send(ask::prepare("SELECT @a"));
    talk.reply({say::prepared(77, 1, 0), say::column("@a")});
    talk.run("SELECT 7 INTO @a", {say::ok({.changes = say::state_changed()})});
    talk.sent_to_server();
    talk.server->statements.erase(77);
    EXPECT_EQ(talk.send(ask::execute(1)), front_need::answers);
    EXPECT_EQ(talk.sent_to_server(), ask::prepare("SELECT @a"));
}

// --- FOUND_ROWS() ---

list with_cursor(exchange& talk)
{
    talk.send(ask::prepare("SELECT 1"));
    talk.reply({say::prepared(77, 1, 0), say::column("1")});
    talk.send(ask::execute(1, {}, 1));
    talk.reply({"\1", say::column("a"), say::end({.status = server_status::cursor_exists})});
    talk.sent_to_server();
    talk.sent_to_client();
    return {};
}

TEST(MysqlFoundRows, OfACursorAreItsRowsOnceItIsReadToTheEnd)
{
    exchange talk{modern, on_mysql};
    with_cursor(talk);
    const std::string row{"\0\0\5\0\0\0", 6};
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(2)));
    talk.reply({row, row, say::end({.status = server_status::cursor_exists})});
    talk.send(ask::on_statement(command::stmt_fetch, 1, ask::number(2)));
    talk.reply({row, say::end({.status = server_status::last_row_sent})});
    EXPECT_FALSE(talk.settle());
    talk.move_to(1);
    talk.sent_to_server();
    talk.send(ask::query("SELECT FOUND_ROWS()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT CAST(3 AS SIGNED) AS `FOUND_ROWS()`"));
}

TEST(MysqlFoundRows, OfACursorGivenUpAreAskedFor)
{
    exchange talk{modern, on_mysql};
    with_cursor(talk);
    EXPECT_FALSE(talk.settle()) << "as long as it is open, its server is there to be asked";
    talk.send(ask::on_statement(command::stmt_reset, 1));
    talk.reply({say::ok()});
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SELECT FOUND_ROWS()"));
    talk.reply({"\1", say::column("a"), say::text("9"), say::end()});
    talk.move_to(1);
    talk.send(ask::query("SELECT FOUND_ROWS()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT CAST(9 AS SIGNED) AS `FOUND_ROWS()`"));
}

TEST(MysqlFoundRows, OfAnOpenCursorAreNotDisturbed)
{
    exchange talk;
    with_cursor(talk);
    talk.send(ask::query("INSERT INTO t VALUES (7)"));
    talk.reply({say::ok({.affected = 1, .insert_id = 7})});
    EXPECT_FALSE(talk.settle()) << "the server stays, and can be asked for LAST_INSERT_ID() later";
    talk.sent_to_server();
    talk.send(ask::on_statement(command::stmt_close, 1));
    EXPECT_TRUE(talk.settle());
}

TEST(MysqlFoundRows, ThatWereCalculatedAreAskedForBehindAStatementThatLeavesThem)
{
    exchange talk{modern, on_mysql};
    talk.run("SELECT SQL_CALC_FOUND_ROWS a FROM t LIMIT 1", {"\1", say::column("a"), say::text("1"), say::end()});
    talk.send(ask::query("SET time_zone = '+01:00'"));
    talk.reply({say::ok({.changes = say::variable("time_zone", "+01:00")})});
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), query_of("SELECT FOUND_ROWS()"));
}

TEST(MysqlFoundRows, ThatOnlyTheServerKnowsAreAskedForBeforeAStatementOfOurOwn)
{
    exchange talk;
    talk.servers[0]->last_statement = {99, 1};
    const auto in_transaction = static_cast<std::uint16_t>(server_status::autocommit | server_status::in_transaction);
    talk.run("BEGIN", {say::ok({.status = in_transaction})});
    talk.run("SET sql_select_limit = 2",
             {say::ok({.status = in_transaction, .changes = say::variable("sql_select_limit", "2")})});
    talk.run("SELECT 1 UNION SELECT 2 UNION SELECT 3",
             {"\1", say::column("a"), say::text("1"), say::text("2"), say::end({.status = in_transaction})});
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::answers);
    EXPECT_EQ(talk.asked(), (list{"\3SELECT FOUND_ROWS()", "\3SELECT 1 FROM (SELECT 1) d"}));
    talk.reply({"\1", say::column("a"), say::text("3"), say::end({.status = in_transaction})});
    talk.reply({"\1", say::column("1"), say::text("1"), say::end({.status = in_transaction})});
    talk.send({});
    talk.reply({"\3",
                say::column("Level"),
                say::column("Code"),
                say::column("Message"),
                say::end({.status = in_transaction})});
    talk.sent_to_server();
    talk.send(ask::query("SELECT FOUND_ROWS()"));
    EXPECT_EQ(talk.asked(), query_of("SELECT (1000000000000000003-1000000000000000000) AS `FOUND_ROWS()`"));
}

// --- warnings ---

TEST(MysqlPing, TellsOfNoWarningsOnceTheyWereRead)
{
    exchange talk{modern, on_mysql};
    talk.send(ask::query("selec"));
    talk.reply({say::err(1064, "no", "42000")});
    EXPECT_TRUE(talk.settle());
    talk.reply({"\3", say::column("Level"), say::column("Code"), say::column("Message"), say::end()});
    talk.sent_to_client();
    const auto warnings = [&talk] {
        talk.send(ask::command(command::ping));
        talk.reply({say::ok()});
        return decode_ok(talk.told().back(), modern)->warnings;
    };
    EXPECT_EQ(warnings(), 1) << "our own SHOW WARNINGS was not the client's";
    talk.send(ask::query("SHOW WARNINGS"));
    if (!talk.server->is_quiet()) {
        talk.reply({"\3", say::column("Level"), say::column("Code"), say::column("Message"), say::end()});
    }
    talk.sent_to_client();
    EXPECT_EQ(warnings(), 0);
}

TEST(MysqlWarnings, AreKeptBeforeAStatementOfOurOwnThoughTheServerStays)
{
    exchange talk{modern, on_mysql};
    talk.client.pin(pin_reason::advisory_lock);
    talk.send(ask::query("SET no_such_variable = 1"));
    talk.reply({say::err(1193, "no", "HY000")});
    talk.sent_to_server();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), (list{"\3SHOW WARNINGS", "\3SET sql_mode=@@sql_mode"}));
}

// --- what an EOF packet cannot tell ---

TEST(MysqlTracking, OfRowsIsToldByTheNextOkWhereTheClientGetsEof)
{
    for (const bool is_mariadb : {false, true}) {
        exchange talk{modern & ~capability::deprecate_eof, is_mariadb ? modern : on_mysql};
        talk.send(ask::query("SELECT 1"));
        talk.reply({"\1", say::column("a"), say::text("1"), say::end({.changes = say::schema("other")})});
        const auto eof = decode_eof(talk.told().back());
        EXPECT_EQ((eof->status & server_status::session_state_changed) != 0, is_mariadb);
        talk.send(ask::query("DO 1"));
        talk.reply({say::ok()});
        EXPECT_EQ(decode_ok(talk.told().back(), modern)->changes, is_mariadb ? "" : say::schema("other"));
        talk.send(ask::query("SET time_zone = '+01:00'"));
        talk.reply({say::ok({.changes = say::variable("time_zone", "+01:00")})});
        EXPECT_EQ(decode_ok(talk.told().back(), modern)->changes,
                  (is_mariadb ? say::schema("other") : "") + say::variable("time_zone", "+01:00"));
        talk.send(ask::query("DO 1"));
        talk.reply({say::ok()});
        EXPECT_EQ(decode_ok(talk.told().back(), modern)->changes, "");
    }
}

}  // namespace
}  // namespace penstock::mysql::test
