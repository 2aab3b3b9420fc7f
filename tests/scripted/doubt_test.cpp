// SPDX-License-Identifier: Apache-2.0
//
// Servers that are in doubt: what a session's request waits for, and where it goes then.
#include "protocols/mysql/decode.hpp"
#include "tests/scripted/mysql_client.hpp"
#include "tests/scripted/mysql_server.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace penstock::test {

namespace {

using router::node_finding;
using router::node_role;

constexpr std::uint16_t shut_down = 1053, interrupted = 1317;
const std::string insert = mysql_query("INSERT 1");

/// A cluster of two nodes, and a client who has a connection to the first one, which is the primary. The test is the
/// control plane.
class Doubt : public testing::Test {
protected:
    explicit Doubt(const std::function<void(settings::tree&)>& adjust = {}) : all{engine::mysql, server, adjust}
    {
        all.process().set_examine([this](const std::string& cluster, const std::string& node, auto tell) {
            EXPECT_EQ(cluster, "main");
            examined.push_back(node);
            to_tell = std::move(tell);
        });
        all.settle();
        publish({node_role::primary, node_role::replica}, 0);
        client = &log_in();
        EXPECT_TRUE(is_ok(ask(insert)));
    }

    scripted_client& log_in()
    {
        auto& made = all.connect();
        all.settle();
        made.process_id = connection_id_in(made.take());
        made.send(mysql_login());
        all.settle();
        EXPECT_TRUE(is_ok(made.take()));
        return made;
    }
    static std::uint32_t connection_id_in(bytes greeting)
    {
        mysql::wire_reader in{greeting.substr(mysql::header_size + 1)};
        in.c_string();
        return in.u32();
    }
    /// Both nodes are the same server; connections to the second one are those opened later.
    void publish(std::vector<node_role> roles, std::optional<std::size_t> primary)
    {
        auto view = std::make_shared<router::cluster_view>();
        view->cluster = "main";
        view->version = ++version;
        for (const auto role : roles) {
            view->nodes.push_back({.id = {static_cast<std::uint32_t>(view->nodes.size())},
                                   .host = view->nodes.empty() ? "db" : "next",
                                   .endpoints = {server.where()},
                                   .role = role});
        }
        view->primary_index = primary;
        all.process().publish(std::move(view));
        all.settle();
    }
    std::string ask(bytes octets)
    {
        client->send(octets);
        all.settle();
        return client->take();
    }
    std::string found(node_finding what)
    {
        std::exchange(to_tell, {})(what);
        all.settle();
        return client->take();
    }
    static bool is_ok(bytes answer) { return answer.size() > mysql::header_size && answer[mysql::header_size] == '\0'; }
    static int error_of(bytes answer)
    {
        const auto why =
            answer.size() > mysql::header_size ? mysql::decode_err(answer.substr(mysql::header_size)) : std::nullopt;
        return why ? why->code : 0;
    }
    /// How often the servers' connections have got it.
    [[nodiscard]] std::size_t times_sent(std::size_t connection) const
    {
        std::size_t times = 0;
        const auto& heard = server.connections[connection]->heard();
        for (auto at = heard.find(insert); at != std::string::npos; at = heard.find(insert, at + 1)) {
            ++times;
        }
        return times;
    }

    std::vector<std::string> examined;
    std::function<void(node_finding)> to_tell;
    mysql_server server;
    world all;  // its end may still examine
    scripted_client* client = nullptr;
    std::uint64_t version = 1;
};

TEST_F(Doubt, AWriteThatWasRefusedGoesToTheNextPrimary)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    EXPECT_EQ(examined, std::vector<std::string>{"db:5432"});
    publish({node_role::replica, node_role::primary}, 1);
    ASSERT_TRUE(to_tell);
    EXPECT_TRUE(is_ok(client->take() + found(node_finding::alive)));
    ASSERT_EQ(server.connections.size(), 2U);
    EXPECT_EQ(times_sent(0), 2U);
    EXPECT_EQ(times_sent(1), 1U);
    EXPECT_EQ(all.stats().active, 0U);
}

TEST_F(Doubt, ItWaitsWhileThereIsNoPrimary)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    publish({node_role::replica, node_role::replica}, {});
    EXPECT_EQ(found(node_finding::alive), "");
    EXPECT_EQ(all.stats().waiters, 1U);
    publish({node_role::replica, node_role::primary}, 1);
    all.after(seconds{1});
    EXPECT_TRUE(is_ok(client->take()));
    EXPECT_EQ(times_sent(1), 1U);
}

TEST_F(Doubt, WhereNoPrimaryComesItIsToldSo)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    publish({node_role::replica, node_role::replica}, {});
    found(node_finding::alive);
    all.after(seconds{121});
    EXPECT_EQ(error_of(client->take()), 9501);
    EXPECT_EQ(error_of(ask(mysql_query("BAD"))), 0) << "it waits like any other now";
}

TEST_F(Doubt, WhatTheViewTellsAlreadyNobodyIsAsked)
{
    publish({node_role::replica}, 0);
    server.last().read_only = true;
    EXPECT_EQ(error_of(ask(insert)), 1290) << "the only node, which is read-only on purpose";
    EXPECT_EQ(error_of(ask(insert)), 1290);
    EXPECT_TRUE(examined.empty());
    EXPECT_EQ(server.connections.size(), 1U) << "the connection is as good as before";
}

TEST_F(Doubt, ThePrimaryThatIsReadOnlyOnPurposeHasTheLastWord)
{
    publish({node_role::primary}, 0);
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    publish({node_role::replica}, 0);
    const auto answer = client->take() + found(node_finding::alive);
    EXPECT_EQ(error_of(answer), 1290);
    EXPECT_EQ(answer[3], '\1') << "numbered as the first packet of an answer";
    EXPECT_EQ(times_sent(0), 2U);
    EXPECT_EQ(server.connections.size(), 1U);
    EXPECT_EQ(all.stats().idle, 1U);
}

TEST_F(Doubt, WhereNobodyCanLookTheServersWordCounts)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    EXPECT_EQ(error_of(found(node_finding::unknown)), 1290);
}

TEST_F(Doubt, TheFourthRefusalIsTold)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    server.refuses_writes = true;  // it is said to be the primary all the same
    EXPECT_EQ(found(node_finding::alive), "");
    EXPECT_EQ(found(node_finding::alive), "");
    EXPECT_EQ(examined.size(), 3U);
    EXPECT_EQ(error_of(found(node_finding::alive)), 1290);
    EXPECT_EQ(examined.size(), 3U);
    EXPECT_EQ(times_sent(3), 1U);
    EXPECT_EQ(ask(insert), "") << "a request of its own";
    EXPECT_EQ(examined.size(), 4U);
}

TEST_F(Doubt, ANodeThatIsSilentIsAskedAgainUntilItIsDown)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    EXPECT_EQ(found(node_finding::silent), "");
    EXPECT_EQ(examined.size(), 2U);
    publish({node_role::replica, node_role::primary}, 1);
    EXPECT_TRUE(is_ok(client->take() + found(node_finding::silent)));
}

TEST_F(Doubt, WithTheServerGoneTheWriteGoesToTheNext)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    const auto for_nobody = std::exchange(to_tell, {});
    server.connections[0]->close();
    all.settle();
    EXPECT_EQ(client->take(), "");
    EXPECT_EQ(examined.size(), 2U);
    for_nobody(node_finding::alive);
    all.settle();
    EXPECT_EQ(server.connections.size(), 1U) << "what was found before it was lost";
    publish({node_role::replica, node_role::primary}, 1);
    EXPECT_TRUE(is_ok(client->take()));
    EXPECT_EQ(times_sent(1), 1U);
    EXPECT_EQ(found(node_finding::silent), "");
}

TEST_F(Doubt, EndsWithItsClient)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    client->leave();
    all.settle();
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.stats().active, 0U);
    to_tell(node_finding::alive);
    all.settle();
}

TEST_F(Doubt, WhatIsSentBehindItWaits)
{
    server.last().read_only = true;
    EXPECT_EQ(ask(insert), "");
    EXPECT_EQ(ask(mysql_query("SELECT 5")), "");
    publish({node_role::replica, node_role::primary}, 1);
    const auto answers = client->take() + found(node_finding::alive);
    EXPECT_TRUE(is_ok(answers));
    EXPECT_NE(answers.find('5'), std::string::npos);
    const auto& heard = server.connections[1]->heard();
    EXPECT_LT(heard.find("INSERT"), heard.find("SELECT 5"));
}

TEST_F(Doubt, IsNoneOfWhatATransactionIsTold)
{
    EXPECT_TRUE(is_ok(ask(mysql_query("BEGIN"))));
    server.last().read_only = true;
    EXPECT_EQ(error_of(ask(insert)), 1290);
    EXPECT_TRUE(examined.empty());
}

// --- what was lost ---

const std::string read = mysql_query("SELECT 5");

bool has_row(bytes answer)
{
    return answer.find('5') != bytes::npos;
}

TEST_F(Doubt, AReadThatWasLostIsNotLostAgainToTheSamePrimary)
{
    server.last().follow({.what = fault::close});
    for (int each = 0; each < 5; ++each) {
        server.plan({.what = fault::close});  // of whatever is opened there
    }
    EXPECT_EQ(ask(read), "");
    for (std::size_t times = 1; times < 5; ++times) {
        EXPECT_EQ(examined.size(), times);
        EXPECT_EQ(found(node_finding::silent), "");
    }
    EXPECT_EQ(server.connections.size(), 1U);
    server.forget_plans();
    publish({node_role::replica, node_role::primary}, 1);
    EXPECT_TRUE(has_row(client->take()));
    EXPECT_EQ(server.connections.size(), 2U);
}

TEST_F(Doubt, AReadThatWasLostGoesOnWhereThePrimaryDoes)
{
    server.last().follow({.what = fault::close});
    EXPECT_EQ(ask(read), "");
    EXPECT_TRUE(has_row(found(node_finding::alive)));
    EXPECT_EQ(server.connections.size(), 2U);
    EXPECT_EQ(examined.size(), 1U);
}

TEST_F(Doubt, AReadOfAPrimaryThatSaysThatItEndsWaitsToo)
{
    server.last().breaks_off = shut_down;
    EXPECT_EQ(ask(read), "");
    EXPECT_EQ(examined, std::vector<std::string>{"db:5432"});
    EXPECT_EQ(server.connections.size(), 1U);
    EXPECT_TRUE(has_row(found(node_finding::alive)));
}

TEST_F(Doubt, WhatWasLostIsGivenUpInTime)
{
    server.last().follow({.what = fault::close});
    EXPECT_EQ(ask(read), "");
    all.after(seconds{119});
    EXPECT_EQ(client->take(), "");
    all.after(seconds{2});
    EXPECT_EQ(error_of(client->take()), 9501);
    EXPECT_TRUE(has_row(ask(read)));
}

TEST_F(Doubt, WhatWasLostEndsWithItsClient)
{
    server.last().follow({.what = fault::close});
    EXPECT_EQ(ask(read), "");
    client->leave();
    all.settle();
    EXPECT_EQ(all.worker().sessions(), 0U);
    found(node_finding::alive);
}

TEST_F(Doubt, WhatWasLostIsToldOfAnEndOfPenstock)
{
    server.last().follow({.what = fault::close});
    EXPECT_EQ(ask(read), "");
    all.worker().drain(clock::now() + seconds{25});
    all.settle();
    EXPECT_FALSE(client->was_ended()) << "it waits for an answer";
    EXPECT_TRUE(has_row(found(node_finding::alive)));
    EXPECT_TRUE(client->was_ended());
}

TEST(DoubtOfPostgresql, EndsWithACancelRequest)
{
    world all;
    all.process().set_examine([](const auto&, const auto&, const auto&) {});
    auto& client = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    all.server.last().close();
    all.settle();
    EXPECT_EQ(client.take(), "");
    all.request_cancel(client);
    EXPECT_EQ(error_in(client.take()), "ERROR 57014");
    client.send(wire::query("SELECT 2"));
    all.settle();
    EXPECT_EQ(client.take_types(), "TDCZ");
}

/// A read of PostgreSQL's, whose primary has said that somebody ended it.
class DoubtOfEndedRead : public testing::Test {
protected:
    DoubtOfEndedRead()
    {
        all.process().set_examine([this](const auto&, const auto&, auto tell) {
            ++examined;
            to_tell = std::move(tell);
        });
        client = &all.log_in();
        all.server.last().take_by_hand(true);
        client->send(wire::query("SELECT 1"));
        all.settle();
        all.server.last().say(wire::error("57P01", "terminating connection due to administrator command", "FATAL"));
        all.settle();
        all.server.last().close();
        all.settle();
        EXPECT_EQ(client->take(), "");
        EXPECT_EQ(examined, 1);
    }
    void find(node_finding what)
    {
        std::exchange(to_tell, {})(what);
        all.settle();
    }

    world all;
    scripted_client* client = nullptr;
    std::function<void(node_finding)> to_tell;
    int examined = 0;
};

TEST_F(DoubtOfEndedRead, IsToldWhereTheServerGoesOn)
{
    find(node_finding::alive);
    EXPECT_EQ(error_in(client->take()), "ERROR 08006");
    client->send(wire::query("SELECT 2"));
    all.settle();
    EXPECT_EQ(client->take_types(), "TDCZ");
}

TEST_F(DoubtOfEndedRead, IsToldWhereNobodyCanLook)
{
    find(node_finding::unknown);
    EXPECT_EQ(error_in(client->take()), "ERROR 08006");
}

TEST_F(DoubtOfEndedRead, IsSentAgainWhereTheServerHasEndedAndBegunAnew)
{
    find(node_finding::silent);
    EXPECT_EQ(client->take(), "");
    EXPECT_EQ(examined, 2);
    find(node_finding::alive);
    EXPECT_EQ(client->take_types(), "TDCZ");
}

// --- reads on replicas that are broken off ---

class DoubtOfReplica : public Doubt {
protected:
    DoubtOfReplica()
        : Doubt{[](settings::tree& tree) {
              tree.clusters[0].split.enabled = true;
              tree.clusters[0].split.consistency = router::consistency::off;
          }}
    {
        EXPECT_TRUE(has_row(ask(read)));
        EXPECT_EQ(server.connections.size(), 2U) << "it is read from the replica";
    }
};

TEST_F(DoubtOfReplica, AReadThatIsBrokenOffGoesElsewhereWhereTheReplicaEnds)
{
    server.last().breaks_off = interrupted;
    EXPECT_EQ(ask(read), "");
    EXPECT_EQ(examined, std::vector<std::string>{"next:5432"});
    EXPECT_TRUE(has_row(found(node_finding::silent)));
    EXPECT_TRUE(has_row(ask(read))) << "and so does the next one";
    EXPECT_EQ(server.connections.size(), 2U) << "by the connection to the primary";
}

TEST_F(DoubtOfReplica, AReadThatIsBrokenOffGoesElsewhereWhereItsConnectionEnds)
{
    server.last().breaks_off = interrupted;
    EXPECT_EQ(ask(read), "");
    server.last().close();
    all.settle();
    EXPECT_TRUE(has_row(client->take()));
    EXPECT_EQ(server.connections.size(), 2U);
}

TEST_F(DoubtOfReplica, AReadThatSomebodyHasBrokenOffIsTold)
{
    server.last().breaks_off = interrupted;
    EXPECT_EQ(ask(read), "");
    EXPECT_EQ(error_of(found(node_finding::alive)), 1317);
    server.last().breaks_off = 0;
    EXPECT_TRUE(has_row(ask(read)));
    EXPECT_EQ(server.connections.size(), 2U);
    EXPECT_EQ(server.connections[1]->heard().find("SELECT"), server.connections[1]->heard().find("SELECT 5"));
}

TEST_F(DoubtOfReplica, WhoeverHasSentAKillKnowsWhy)
{
    auto& other = log_in();
    server.connections[1]->breaks_off = interrupted;
    server.connections[1]->follow({.what = fault::pause});
    EXPECT_EQ(ask(read), "");
    other.send(mysql_query("KILL QUERY " + std::to_string(client->process_id)));
    all.settle();
    EXPECT_TRUE(is_ok(other.take()));
    EXPECT_TRUE(server.resume());
    all.settle();
    EXPECT_EQ(error_of(client->take()), 1317);
    EXPECT_TRUE(examined.empty());
}

TEST_F(DoubtOfReplica, AReplicaThatSaysThatItEndsIsReadFromNoMore)
{
    server.last().breaks_off = shut_down;
    EXPECT_TRUE(has_row(ask(read)));
    for (int times = 0; times < 5; ++times) {
        EXPECT_TRUE(has_row(ask(read)));
    }
    EXPECT_EQ(server.connections.size(), 2U);
    EXPECT_TRUE(examined.empty());
}

}  // namespace
}  // namespace penstock::test
