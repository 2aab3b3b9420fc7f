// SPDX-License-Identifier: Apache-2.0
//
// Who asks for more of its diagnostics than is kept keeps the server that has them, and only as long as it has any.
#include "tests/unit/mysql/diagnostics_support.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

std::string one_warning()
{
    return row("1064", "no");
}

/// A client that has asked for more than SHOW WARNINGS, of what was kept.
struct curious : exchange {
    explicit curious(capability_flags of_servers) : exchange{modern, of_servers}
    {
        send(ask::query("selec"));
        reply({say::err(1064, "no", "42000")});
        settle();
        reply(warnings({one_warning()}));
        server = nullptr;
        EXPECT_EQ(send(ask::query("SHOW ERRORS")), front_need::more);
        EXPECT_TRUE(client.pins().empty()) << "no server has them any more";
        move_to(1);
        forget();
    }
    void forget()
    {
        sent_to_server();
        sent_to_client();
    }
    void run(std::string_view text, const list& answer)
    {
        send(ask::query(text));
        reply(answer);
        forget();
    }
    /// The server is asked whether it has diagnostics, and tells of so many.
    void probe(std::size_t count)
    {
        outbox to_server{server_scratch};
        outbox to_client{client_scratch};
        EXPECT_TRUE(client.probe_pins(*server, to_server, to_client));
        EXPECT_EQ(payloads_of(to_server.contents()), list{"\3SHOW WARNINGS LIMIT 1"});
        reply(warnings(list(count, one_warning())));
        forget();
    }
    [[nodiscard]] bool is_pinned() const { return client.pins() == pin_set{pin_reason::diagnostics}; }
};

TEST(MysqlDiagnosticsPin, EndsOnMysqlWithAStatementThatLeavesNone)
{
    curious talk{on_mysql};
    talk.run("SELECT a FROM t", {"\1", say::column("a"), say::text("1"), say::end()});
    EXPECT_TRUE(talk.client.pins().empty());
    talk.run("DROP TABLE IF EXISTS t", {say::ok({.warnings = 1})});
    EXPECT_TRUE(talk.is_pinned());
    EXPECT_FALSE(talk.settle()) << "they are where they are";
    talk.send(ask::query("GET DIAGNOSTICS @a = NUMBER"));
    EXPECT_EQ(talk.asked(), list{"\3GET DIAGNOSTICS @a = NUMBER"});
    talk.reply({say::ok()});
    EXPECT_TRUE(talk.client.pins().has(pin_reason::diagnostics));
    talk.send(ask::command(command::ping));
    talk.reply({say::ok({.warnings = 1})});
    EXPECT_TRUE(talk.client.pins().has(pin_reason::diagnostics)) << "a command that is no statement leaves them";
    talk.run("DO 1", {say::ok()});
    EXPECT_FALSE(talk.client.pins().has(pin_reason::diagnostics));
}

TEST(MysqlDiagnosticsPin, IsThatOfAnErrorToo)
{
    curious talk{on_mysql};
    talk.run("selec", {say::err(1064, "no", "42000")});
    EXPECT_TRUE(talk.is_pinned());
    talk.run("DO 1", {say::ok()});
    EXPECT_TRUE(talk.client.pins().empty());
    talk.send(ask::command(command::init_db, "other"));
    talk.reply({say::err(1049, "no such schema", "42000")});
    EXPECT_TRUE(talk.is_pinned()) << "it stands where the last statement has left nothing";
}

TEST(MysqlDiagnosticsPin, EndsOnMariaDbWhenTheServerSaysThatItHasNone)
{
    curious talk{modern};
    talk.run("DROP TABLE IF EXISTS t", {say::ok({.warnings = 1})});
    EXPECT_TRUE(talk.is_pinned());
    talk.run("DO 1", {say::ok()});
    EXPECT_TRUE(talk.is_pinned()) << "MariaDB forgets them only where a table is used";
    talk.probe(1);
    EXPECT_TRUE(talk.is_pinned());
    outbox to_server{talk.server_scratch};
    outbox to_client{talk.client_scratch};
    EXPECT_FALSE(talk.client.probe_pins(*talk.server, to_server, to_client)) << "once per statement";
    talk.run("SELECT a FROM t", {"\1", say::column("a"), say::text("1"), say::end()});
    talk.probe(0);
    EXPECT_TRUE(talk.client.pins().empty());
}

TEST(MysqlDiagnosticsPin, IsNotThatOfAClientThatReadsShowWarningsAlone)
{
    exchange talk{modern, on_mysql};
    talk.send(ask::query("selec"));
    talk.reply({say::err(1064, "no", "42000")});
    talk.send(ask::query("SHOW ERRORS"));
    talk.reply(warnings({one_warning()}));
    EXPECT_TRUE(talk.client.pins().empty()) << "their server has told";
}

TEST(MysqlDiagnosticsPin, OfAPreparedStatementEndsWhenThatIsClosed)
{
    for (const auto* text : {"SELECT ROW_COUNT()", "SELECT FOUND_ROWS()", "SHOW WARNINGS"}) {
        SCOPED_TRACE(text);
        curious talk{on_mysql};
        for (std::uint32_t each = 0; each < 2; ++each) {
            talk.send(ask::prepare(text));
            talk.reply({say::prepared(77 + each, 1, 0), say::column("n")});
        }
        talk.run("DO 1", {say::ok()});
        EXPECT_TRUE(talk.is_pinned());
        talk.send(ask::on_statement(command::stmt_close, 1));
        EXPECT_TRUE(talk.is_pinned());
        talk.send(ask::on_statement(command::stmt_close, 2));
        EXPECT_TRUE(talk.client.pins().empty());
    }
}

TEST(MysqlDiagnosticsPin, OfAFailedPrepareEndsWithTheNextStatement)
{
    curious talk{on_mysql};
    talk.send(ask::prepare("SELECT ROW_COUNT() FROM nowhere"));
    talk.reply({say::err(1146, "no such table", "42S02")});
    EXPECT_TRUE(talk.is_pinned()) << "for its error";
    talk.run("DO 1", {say::ok()});
    EXPECT_TRUE(talk.client.pins().empty());
}

TEST(MysqlDiagnosticsPin, IsForgottenWithTheSession)
{
    curious talk{on_mysql};
    talk.run("selec", {say::err(1064, "no", "42000")});
    talk.send(ask::command(command::reset_connection));
    talk.reply({say::ok()});
    EXPECT_TRUE(talk.client.pins().empty());
    talk.run("selec", {say::err(1064, "no", "42000")});
    EXPECT_TRUE(talk.client.pins().empty());
}

}  // namespace
}  // namespace penstock::mysql::test
