// SPDX-License-Identifier: Apache-2.0
//
// What a MySQL or MariaDB server's answers say about a node, asked in turn.
#include "control/mysql_probe.hpp"

#include "fake_sql_client.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

namespace penstock::control {
namespace {

using kind = probe_observation::kind;
using values = std::map<std::string, std::string>;

sql_answer pairs(const values& all, std::uint32_t version = 80036, const char* text = "8.0.36")
{
    sql_answer answer;
    answer.columns = {"Variable_name", "Value"};
    for (const auto& [name, value] : all) {
        answer.rows.push_back({name, value});
    }
    answer.server_version = version;
    answer.version_text = text;
    return answer;
}

values primary()
{
    return {{"read_only", "OFF"},
            {"super_read_only", "OFF"},
            {"offline_mode", "OFF"},
            {"max_connections", "151"},
            {"server_uuid", "u1"},
            {"version", "8.0.36"},
            {"version_comment", "MySQL"}};
}

values with(values all, const values& other)
{
    for (const auto& [name, value] : other) {
        all[name] = value;
    }
    return all;
}

values mariadb(const values& other = {})
{
    return with({{"read_only", "OFF"}, {"max_connections", "151"}, {"version", "10.11.6-MariaDB"}}, other);
}

sql_answer refused(std::uint16_t number)
{
    auto answer = fault("no", "HY000");
    answer.error_number = number;
    return answer;
}

/// A probe that is given its answers by what is asked; what is not scripted is refused for want of a privilege.
struct played {
    std::map<std::string, sql_answer> answers{};
    std::vector<std::string> asked{};

    probe_observation run(sql_answer variables)
    {
        mysql_probe probing{{2}};
        answers["SHOW GLOBAL VARIABLES"] = std::move(variables);
        while (const auto question = probing.question()) {
            EXPECT_TRUE(question->parameters.empty());
            asked.push_back(question->text);
            probing.take(answer_to(question->text));
        }
        return probing.seen();
    }
    sql_answer answer_to(const std::string& text) const
    {
        for (const auto& [begin, answer] : answers) {
            if (text.starts_with(begin)) {
                return answer;
            }
        }
        return refused(1227);
    }
};

/// One that answers this question besides.
played told(const char* question, sql_answer answer)
{
    played one;
    one.answers.emplace(question, std::move(answer));
    return one;
}

TEST(MysqlProbe, ReadsRoleLimitsAndVersion)
{
    const auto seen = played{}.run(pairs(primary()));
    EXPECT_EQ(seen.node.value, 2U);
    EXPECT_EQ(seen.how, kind::answered);
    EXPECT_FALSE(seen.in_recovery);
    EXPECT_EQ(seen.max_connections, 151U);
    EXPECT_EQ(seen.reserved_connections, 0U);
    EXPECT_EQ(seen.server_version, 80036U);
    EXPECT_EQ(seen.version_text, "8.0.36");
    EXPECT_EQ(seen.writes_with, "server u1");
}

TEST(MysqlProbe, TakesAReadOnlyServerForAReplicaWhateverItMayTell)
{
    EXPECT_TRUE(played{}.run(pairs(with(primary(), {{"read_only", "ON"}}))).in_recovery);
    EXPECT_TRUE(played{}.run(pairs(with(primary(), {{"super_read_only", "ON"}}))).in_recovery);
    EXPECT_TRUE(played{}.run(pairs(mariadb({{"read_only", "ON"}}))).in_recovery);
    EXPECT_TRUE(played{}.run(pairs(mariadb({{"read_only", "NO_LOCK"}}))).in_recovery);
    EXPECT_FALSE(played{}.run(pairs(mariadb())).in_recovery);
}

TEST(MysqlProbe, AsksAServerThatTakesWritesForItsTransactions)
{
    constexpr auto set = "aaaaaaaa-0000-0000-0000-000000000001:1-5";
    const auto history_of = [](sql_answer variables, sql_row answer) {
        return told("SELECT @@GLOBAL.gtid_mode", one_row(std::move(answer))).run(std::move(variables)).past;
    };
    const auto found = history_of(pairs(primary()), {"ON", set});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->executed, router::gtid_set::parse(set));
    EXPECT_EQ(history_of(pairs(with(primary(), {{"read_only", "ON"}})), {"ON", set}), std::nullopt);
    EXPECT_EQ(history_of(pairs(mariadb()), {"ON", set}), std::nullopt);
    EXPECT_EQ(history_of(pairs(primary()), {"OFF", set}), std::nullopt);
    EXPECT_EQ(history_of(pairs(primary()), {"OFF_PERMISSIVE", set}), std::nullopt);
    EXPECT_EQ(history_of(pairs(primary()), {"ON", "x"}), std::nullopt);
    EXPECT_EQ(history_of(pairs(primary()), {"ON"}), std::nullopt);
    EXPECT_EQ(played{}.run(pairs(primary())).past, std::nullopt) << "not told";
}

TEST(MysqlProbe, AsksForReplicationInTheWordsOfTheProduct)
{
    const auto last_asked = [](sql_answer variables) {
        played one;
        one.run(std::move(variables));
        return one.asked.back();
    };
    EXPECT_EQ(last_asked(pairs(primary())), "SHOW REPLICA STATUS");
    EXPECT_EQ(last_asked(pairs(primary(), 50744, "5.7.44")), "SHOW SLAVE STATUS");
    EXPECT_EQ(last_asked(pairs(mariadb(), 101106, "5.5.5-10.11.6-MariaDB")), "SHOW ALL SLAVES STATUS");
}

TEST(MysqlProbe, SaysWhereReplicationIsNotAsItShouldBe)
{
    const auto status = [](const char* io, const char* sql) {
        auto answer = one_row({"db1", io, sql});
        answer.columns = {"Source_Host", "Replica_IO_Running", "Replica_SQL_Running"};
        return answer;
    };
    const auto replica = pairs(with(primary(), {{"read_only", "ON"}}));
    EXPECT_EQ(told("SHOW REPLICA", status("Yes", "Yes")).run(replica).says, "read_only");
    EXPECT_EQ(told("SHOW REPLICA", status("Connecting", "Yes")).run(replica).says, "read_only");
    EXPECT_EQ(told("SHOW REPLICA", status("Yes", "No")).run(replica).says, "read_only and its replication stopped");
    EXPECT_EQ(told("SHOW REPLICA", status("No", "Yes")).run(replica).says, "read_only and its replication stopped");
    const auto odd = told("SHOW REPLICA", status("Yes", "Yes")).run(pairs(primary()));
    EXPECT_EQ(odd.says, "not read_only although it replicates from another server");
    EXPECT_FALSE(odd.in_recovery);
    EXPECT_TRUE(odd.follows);
    EXPECT_FALSE(played{}.run(pairs(primary())).follows);

    auto older = one_row({"No", "Yes"});
    older.columns = {"Slave_IO_Running", "Slave_SQL_Running"};
    EXPECT_EQ(told("SHOW ALL SLAVES", older).run(pairs(mariadb({{"read_only", "ON"}}))).says,
              "read_only and its replication stopped");
}

TEST(MysqlProbe, TellsAliveFromDead)
{
    EXPECT_EQ(played{}.run(fault("connection refused")).how, kind::failed);
    for (const int number : {1040, 1044, 1045, 1049, 1129, 1130, 1203, 1820, 3118, 3159}) {
        EXPECT_EQ(played{}.run(refused(static_cast<std::uint16_t>(number))).how, kind::refused) << number;
    }
    for (const int number : {1047, 1053, 1077, 3032}) {
        EXPECT_EQ(played{}.run(refused(static_cast<std::uint16_t>(number))).how, kind::failed) << number;
    }
    EXPECT_EQ(played{}.run(refused(1045)).fault, "no");
    const auto offline = played{}.run(pairs(with(primary(), {{"offline_mode", "ON"}})));
    EXPECT_EQ(offline.how, kind::failed);
    EXPECT_EQ(offline.fault, "the server is in offline mode");
}

TEST(MysqlProbe, AsksNothingMoreOfAServerThatDidNotAnswer)
{
    played one;
    one.run(refused(1045));
    EXPECT_EQ(one.asked.size(), 1U);
}

TEST(MysqlProbe, DoesNotBelieveAStrangeAnswer)
{
    for (const auto& strange : {values{},
                                values{{"read_only", "OFF"}},
                                values{{"max_connections", "151"}},
                                values{{"read_only", "OFF"}, {"max_connections", "many"}},
                                values{{"read_only", "OFF"}, {"max_connections", "99999999999"}},
                                values{{"read_only", ""}, {"max_connections", "151"}}}) {
        EXPECT_EQ(played{}.run(pairs(strange)).how, kind::failed);
    }
    EXPECT_EQ(played{}.run(one_row({"a"})).how, kind::failed);
    EXPECT_EQ(played{}.run(one_row({std::nullopt, "ON"})).how, kind::failed);
}

TEST(MysqlProbe, CountsAGaleraNodeOnlyWhileItServes)
{
    const auto in_galera = mariadb({{"wsrep_on", "ON"}});
    const auto status = [](const char* ready, const char* part) {
        return pairs({{"wsrep_ready", ready},
                      {"wsrep_cluster_status", part},
                      {"wsrep_local_state_comment", "Synced"},
                      {"wsrep_cluster_state_uuid", "g1"}});
    };
    const auto good = told("SHOW GLOBAL STATUS", status("ON", "Primary")).run(pairs(in_galera));
    EXPECT_EQ(good.how, kind::answered);
    EXPECT_FALSE(good.in_recovery);
    EXPECT_EQ(good.writes_with, "Galera cluster g1");
    EXPECT_EQ(told("SHOW GLOBAL STATUS", status("OFF", "Primary")).run(pairs(in_galera)).how, kind::failed);
    const auto cut_off = told("SHOW GLOBAL STATUS", status("ON", "non-Primary")).run(pairs(in_galera));
    EXPECT_EQ(cut_off.how, kind::failed);
    EXPECT_NE(cut_off.fault.find("non-Primary"), std::string::npos);
    EXPECT_EQ(played{}.run(pairs(in_galera)).how, kind::answered) << "what is not told is done without";

    played not_on;
    not_on.run(pairs(mariadb({{"wsrep_on", "OFF"}})));
    EXPECT_EQ(not_on.asked.size(), 2U);
}

TEST(MysqlProbe, CountsAMemberOfAGroupOnlyWhileItIsOnline)
{
    const auto in_group = pairs(with(primary(), {{"group_replication_group_name", "g2"}}));
    const auto member = [](const char* state, const char* role) {
        return std::map<std::string, sql_answer>{{"SELECT MEMBER_STATE", one_row({state, role})}};
    };
    const auto writer = played{member("ONLINE", "PRIMARY")}.run(in_group);
    EXPECT_FALSE(writer.in_recovery);
    EXPECT_EQ(writer.writes_with, "group g2");
    EXPECT_TRUE(played{member("ONLINE", "SECONDARY")}.run(in_group).in_recovery);
    for (const auto* state : {"RECOVERING", "ERROR", "UNREACHABLE"}) {
        EXPECT_EQ(played{member(state, "")}.run(in_group).how, kind::failed) << state;
    }
    EXPECT_EQ(played{member("OFFLINE", "")}.run(in_group).writes_with, "server u1");
    EXPECT_EQ(played{}.run(in_group).how, kind::answered);
}

}  // namespace
}  // namespace penstock::control
