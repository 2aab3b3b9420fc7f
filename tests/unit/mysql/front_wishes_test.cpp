// SPDX-License-Identifier: Apache-2.0
//
// Who has a say in where a MySQL client's commands go: its user variable, rules that know its program, the listener it
// has come to; and what it says of functions.
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::mysql;
using namespace penstock::mysql::test;

namespace {

const std::string guarding = "\3SET SESSION TRANSACTION READ ONLY";

TEST(MysqlFrontSetting, SaysWhereReadsGo)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, false);
    const auto set = [&talk](const std::string& value) {
        talk.move_to(0);
        talk.run("set @penstock_route = " + value, {say::ok()});
        talk.server = nullptr;
    };
    const auto verdict = [&talk] {
        EXPECT_EQ(talk.send(ask::query("select n from t")), front_need::server);
        const auto found = talk.client.wanted().verdict;
        talk.move_to(0);
        talk.send({});
        talk.reply({"\1", say::column("n"), say::text("1"), say::end()});
        talk.sent_to_client();
        talk.server = nullptr;
        return found;
    };
    set("'Primary'");
    EXPECT_EQ(verdict(), read_verdict::hint);
    EXPECT_EQ(talk.client.wanted().by, wish_source::setting);
    set("'replica'");
    EXPECT_EQ(verdict(), read_verdict::read);
    for (const auto* none : {"'auto'", "null"}) {
        set("'primary'");
        set(none);
        EXPECT_EQ(verdict(), read_verdict::read) << none;
    }
    set("'primary'");
    talk.send(ask::command(command::reset_connection));
    EXPECT_EQ(verdict(), read_verdict::read);
}

TEST(MysqlFrontSetting, IsRefusedWhereItIsNoRoute)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, false);
    for (const auto* value : {"'elsewhere'", "1", "''"}) {
        talk.move_to(0);
        talk.sent_to_client();
        const auto text = "set @penstock_route = " + std::string{value};
        for (const auto& octets : {ask::query(text), ask::prepare(text)}) {
            EXPECT_EQ(talk.send(octets), front_need::more);
            const auto told = talk.told();
            ASSERT_EQ(told.size(), 1U) << value;
            EXPECT_EQ(told[0].substr(0, 9), std::string("\xff\xcf\x04#42000", 9));  // 1231
        }
        EXPECT_EQ(talk.sent_to_server(), "");
    }
}

TEST(MysqlFrontListener, GivesReplicasAll)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, true);
    talk.servers[1]->is_replica = true;
    talk.server = nullptr;
    for (const auto* text : {"start transaction read only", "insert into t values (1)", "select 1"}) {
        EXPECT_EQ(talk.send(ask::query(text)), front_need::server);
        EXPECT_TRUE(talk.client.wanted().reads());
        EXPECT_EQ(talk.client.wanted().by, wish_source::listener);
        talk.move_to(1);
        if (talk.send({}) == front_need::answers) {
            EXPECT_EQ(talk.asked(), std::vector<std::string>{guarding});
            talk.reply({say::ok()});
            talk.send({});
        }
        EXPECT_EQ(talk.asked(), std::vector<std::string>{"\3" + std::string{text}});
        const auto refusal = say::err(1792, "Cannot execute statement in a READ ONLY transaction.", "25006");
        talk.reply({refusal});
        EXPECT_EQ(talk.told(), std::vector<std::string>{refusal});
        EXPECT_EQ(talk.client.take_healed_batch(), "");
        talk.server = nullptr;
    }
    EXPECT_FALSE(talk.client.has_written());
}

TEST(MysqlFrontListener, IsGuardedAgainWhereItsClientHasUndoneThat)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, true);
    talk.move_to(1);
    talk.server->is_replica = talk.server->is_guarded = true;
    talk.run("set session transaction read write",
             {say::ok({.changes = say::variable("transaction_read_only", "OFF")})});
    talk.send(ask::query("insert into t values (1)"));
    EXPECT_EQ(talk.asked(), std::vector<std::string>{guarding});
}

TEST(MysqlFrontRules, KnowTheProgramByItsName)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    const route_rules rules{{{.application_name = "report*", .route = route_hint::primary}}, {"db1:3306"}};
    judge.follow(std::make_shared<const route_rules>(rules));
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, false);
    talk.server = nullptr;
    client_identity who;
    who.capabilities = modern;
    who.attributes = {{"_client_name", "libmysql"}, {"program_name", "reports"}};
    talk.client.logged_in(who);
    EXPECT_EQ(talk.client.application_name(), "reports");
    EXPECT_EQ(talk.client.identity().attributes, (parameter_list{{"program_name", "reports"}}));
    EXPECT_EQ(talk.send(ask::query("select 1")), front_need::server);
    EXPECT_EQ(talk.client.wanted().verdict, read_verdict::hint);
    EXPECT_EQ(talk.client.wanted().by, wish_source::rule);
}

TEST(MysqlFrontDefinitions, AreToldOf)
{
    penstock::mysql::read_judge judge{well_known_functions()};
    exchange talk;
    talk.client.route_by(judge, {"ann", "app"}, false, false);
    for (const auto* text : {"create function f() returns int return 1",
                             "DROP PROCEDURE p",
                             "alter view v as select 1",
                             "select 1; drop trigger t",
                             "drop database d"}) {
        talk.client.forget_written();
        talk.run(text, {say::ok()});
        EXPECT_TRUE(talk.client.has_defined()) << text;
    }
    for (const auto* text : {"create table t (n int)", "select 'create function'", "insert into t values (1)"}) {
        talk.client.forget_written();
        talk.run(text, {say::ok()});
        EXPECT_FALSE(talk.client.has_defined()) << text;
    }
}

}  // namespace
