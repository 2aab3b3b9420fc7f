// SPDX-License-Identifier: Apache-2.0
//
// What SHOW WARNINGS tells behind a command that is no statement: on MySQL such a one leaves what there was, and where
// it fails adds its error to that.
#include "tests/unit/mysql/diagnostics_support.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

/// A statement that fails, whose error is kept before its server is given back.
void fail(exchange& talk)
{
    talk.send(ask::query("selec"));
    talk.reply({say::err(1064, "no", "42000")});
    talk.settle();
    talk.reply(warnings({row("1064", "no")}));
    talk.sent_to_server();
    talk.sent_to_client();
}

void choose_schema(exchange& talk, const std::string& answer)
{
    talk.send(ask::command(command::init_db, "other"));
    talk.reply({answer});
    talk.sent_to_server();
    talk.sent_to_client();
}

std::uint16_t told_by_ping(exchange& talk)
{
    talk.send(ask::command(command::ping));
    talk.reply({say::ok({.warnings = 7})});
    talk.sent_to_server();
    return decode_ok(talk.told().back(), modern)->warnings;
}

/// What SHOW WARNINGS tells without any server: columns, rows, end.
list shown(exchange& talk)
{
    talk.server = nullptr;
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::more);
    auto told = talk.told();
    EXPECT_GE(told.size(), 5U);
    return told.size() < 5 ? list{} : list{told.begin() + 4, told.end() - 1};
}

TEST(MysqlLateDiagnostics, StayThoseOfTheStatementWhereACommandBehindItSucceeds)
{
    exchange talk{modern, on_mysql};
    talk.client.pin(pin_reason::advisory_lock);
    talk.send(ask::query("SET sql_mode = 'nonsense'"));
    talk.reply({say::err(1231, "no", "42000")});
    talk.sent_to_server();
    talk.sent_to_client();
    EXPECT_TRUE(talk.settle());
    EXPECT_EQ(talk.asked(), (list{"\3SHOW WARNINGS", "\3SET sql_mode=@@sql_mode"}));
    talk.reply(warnings({row("1231", "no")}));
    talk.reply({say::ok()});
    choose_schema(talk, say::ok({.changes = say::schema("other")}));
    EXPECT_EQ(talk.send(ask::query("SELECT @@warning_count")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "") << "the server has forgotten them";
    EXPECT_EQ(talk.told().at(2), say::text("1"));
}

TEST(MysqlLateDiagnostics, OfAnotherServerGetTheErrorAdded)
{
    exchange talk{modern, on_mysql};
    fail(talk);
    talk.move_to(1);
    choose_schema(talk, say::err(1049, "no such schema", "42000"));
    EXPECT_FALSE(talk.settle());
    EXPECT_EQ(told_by_ping(talk), 2);
    EXPECT_EQ(shown(talk), (list{row("1064", "no"), row("1049", "no such schema")}));
}

TEST(MysqlLateDiagnostics, OfNoStatementAreTheErrorAlone)
{
    exchange talk{modern, on_mysql};
    choose_schema(talk, say::err(1049, "no such schema", "42000"));
    EXPECT_TRUE(talk.settle()) << "how the columns are described is not known";
    EXPECT_EQ(talk.asked(), list{"\3SHOW WARNINGS"});
    talk.reply(warnings({row("1064", "another session's"), row("1049", "no such schema")}));
    EXPECT_EQ(told_by_ping(talk), 1);
    EXPECT_EQ(shown(talk), list{row("1049", "no such schema")});
}

TEST(MysqlLateDiagnostics, OfAServerThatDoesNotSayHowTheyAreDescribedAreNotAskedForAgain)
{
    exchange talk{modern, on_mysql};
    choose_schema(talk, say::err(1049, "no such schema", "42000"));
    EXPECT_TRUE(talk.settle());
    talk.reply({say::err(1317, "Query execution was interrupted", "70100")});
    EXPECT_FALSE(talk.settle());
}

TEST(MysqlLateDiagnostics, OfTheSameServerAreAskedForTogether)
{
    exchange talk{modern, on_mysql};
    fail(talk);
    choose_schema(talk, say::err(1049, "no such schema", "42000"));
    EXPECT_TRUE(talk.settle());
    talk.reply(warnings({row("1064", "no"), row("1049", "no such schema")}));
    EXPECT_EQ(shown(talk), (list{row("1064", "no"), row("1049", "no such schema")}));
}

TEST(MysqlLateDiagnostics, WithAnotherSessionsErrorAddedAreNotThisOnes)
{
    exchange talk{modern, on_mysql};
    fail(talk);
    front other{talk.store, {}, parameter_set::none(), 8};
    client_identity who;
    who.capabilities = modern;
    other.logged_in(who);
    std::string to_server;
    std::string to_client;
    outbox server_box{to_server};
    outbox client_box{to_client};
    other.consume(ask::command(command::init_db, "other"), talk.server, server_box, client_box);
    talk.server->advance(packets({say::err(1049, "no such schema", "42000")}), other, client_box);
    EXPECT_EQ(talk.send(ask::query("SHOW WARNINGS")), front_need::more);
    EXPECT_EQ(talk.sent_to_server(), "") << "the server has one too many";
}

TEST(MysqlLateDiagnostics, AreNotToldOfBehindACommandOnAStatement)
{
    for (const bool has_cursor : {false, true}) {
        exchange talk{modern, on_mysql};
        talk.send(ask::prepare("SELECT 1"));
        talk.reply({say::prepared(77, 1, 0), say::column("1")});
        if (has_cursor) {
            talk.send(ask::execute(1, {}, 1));
            talk.reply({"\1", say::column("1"), say::end({.status = server_status::cursor_exists})});
        }
        talk.send(ask::query("DROP TABLE IF EXISTS t"));
        talk.reply({say::ok({.warnings = 1})});
        talk.send(ask::on_statement(command::stmt_reset, 1));
        if (has_cursor) {
            talk.reply({say::ok()});
        }
        talk.sent_to_client();
        EXPECT_EQ(told_by_ping(talk), 0);
        talk.send(ask::query("SHOW WARNINGS"));
        EXPECT_EQ(talk.asked(), list{"\3SHOW WARNINGS"}) << "they are there all the same";
    }
}

TEST(MysqlLateDiagnostics, AreTheErrorAloneOnMariaDb)
{
    exchange talk;
    fail(talk);
    talk.move_to(1);
    choose_schema(talk, say::err(1049, "no such schema", "42000"));
    EXPECT_TRUE(talk.settle());
    talk.reply(warnings({row("1049", "no such schema")}));
    EXPECT_EQ(shown(talk), list{row("1049", "no such schema")});
}

}  // namespace
}  // namespace penstock::mysql::test
