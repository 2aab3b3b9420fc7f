// SPDX-License-Identifier: Apache-2.0
//
// The monitor where Aurora lists the members: whom it asks, and what becomes of what it is told.
#include "control/monitor.hpp"

#include "control/aurora.hpp"
#include "control/probes.hpp"
#include "fake_sql_client.hpp"
#include "telemetry/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace penstock::control {
namespace {

using router::node_state;

class MonitorMembers : public testing::Test {
protected:
    void SetUp() override
    {
        log::capture([this](std::string_view line) { lines.emplace_back(line); });
    }
    void start(duration interval = milliseconds{1})
    {
        monitor_surroundings around;
        around.make_client = [this](const sql_target& target) {
            return (target.port == 1 ? writer : reader).factory()(target);
        };
        around.publish = [this](router::cluster_view_ptr view) { newest = std::move(view); };
        monitor_options options;
        options.nodes = {{"127.0.0.1", 1}};
        options.account = sql_target{.user = "probe"};
        options.probe_interval = milliseconds{1};
        options.discovery.from = discovery_options::source::aurora;
        options.discovery.aurora_endpoint = "127.0.0.1:{server_id}";
        options.discovery.interval = interval;
        watcher = std::make_unique<monitor>(on, std::move(options), std::move(around));
        watcher->start();
    }
    void TearDown() override
    {
        watcher.reset();
        log::capture({});
    }

    /// Answers as the instances do that `listed` says, the first one the writer, until that is so.
    bool serve_until(const std::function<bool()>& done)
    {
        return on.run_until(
            [&] {
                while (!writer.questions.empty() || !reader.questions.empty()) {
                    answer_one(writer.questions.empty() ? reader : writer);
                }
                return done();
            },
            seconds{30});  // with so many nodes, under sanitizers
    }
    void answer_one(fake_database& database)
    {
        times_read += &database == &reader ? 1 : 0;
        const auto& text = database.questions.front().query.text;
        if (&database == &writer && writer_is_lost) {
            database.answer(fault("connection refused"));
        } else if (text == history_query().text) {
            const auto& told = &database == &writer ? database_of_writer : database_of_reader;
            database.answer(told.empty() ? fault("denied", "42501") : one_row({told, "1", "1"}));
        } else if (text == aurora_question(engine::postgresql).text) {
            ++times_listed;
            times_listed_by_reader += &database == &reader ? 1 : 0;
            sql_answer rows;
            for (const auto& each : listed) {
                rows.rows.push_back({each, each == listed.front() ? "1" : "0", "0"});
            }
            database.answer(broken.ok() ? rows : broken);
        } else {
            database.answer(one_row({&database == &reader ? "t" : "f", "100", "3"}));
        }
    }
    [[nodiscard]] std::size_t count_lines(std::string_view with) const
    {
        return static_cast<std::size_t>(std::count_if(lines.begin(), lines.end(), [with](const std::string& line) {
            return line.find(with) != std::string::npos;
        }));
    }
    [[nodiscard]] node_state state_of(std::size_t place) const { return newest->nodes.at(place).state; }

    loop on;
    fake_database writer;
    fake_database reader;
    std::vector<std::string> listed{"1"};
    sql_answer broken{};
    bool writer_is_lost = false;
    std::string database_of_writer{};  ///< system identifiers
    std::string database_of_reader{};
    int times_listed = 0;
    int times_listed_by_reader = 0;
    int times_read = 0;
    std::vector<std::string> lines;
    router::cluster_view_ptr newest;
    std::unique_ptr<monitor> watcher;
};

TEST_F(MonitorMembers, ANodeThatIsFoundIsProbedAndOneThatIsLostIsNot)
{
    listed = {"1", "2"};
    start();
    ASSERT_TRUE(serve_until([this] { return newest->nodes.size() == 2; }));
    EXPECT_EQ(newest->nodes[1].endpoints.at(0).text(), "127.0.0.1:2");
    ASSERT_TRUE(serve_until([this] { return newest->nodes[1].max_connections == 100; }));
    listed = {"1"};
    ASSERT_TRUE(serve_until([this] { return state_of(1) == node_state::left; }));
    times_listed = 0;
    times_read = 0;
    ASSERT_TRUE(serve_until([this] { return times_listed > 20; }));
    EXPECT_LE(times_read, 2) << "a probe that was under way";
    listed = {"1", "2"};
    ASSERT_TRUE(
        serve_until([this] { return state_of(1) == node_state::up && newest->nodes[1].max_connections == 100; }));
    EXPECT_EQ(newest->nodes.size(), 2U);
    EXPECT_EQ(count_lines("node is found"), 1U);
}

TEST_F(MonitorMembers, WhyThereIsNoListIsToldOnceAndChangesNothing)
{
    listed = {"1", "2"};
    start();
    ASSERT_TRUE(serve_until([this] { return newest->nodes.size() == 2; }));
    broken = fault("function pg_catalog.aurora_replica_status() does not exist", "42883");
    times_listed = 0;
    ASSERT_TRUE(serve_until([this] { return times_listed > 10; }));
    EXPECT_EQ(count_lines("members of the cluster cannot be had"), 1U);
    EXPECT_EQ(count_lines("aurora_replica_status() does not exist"), 1U);
    EXPECT_EQ(state_of(1), node_state::up);
    broken = {};
    ASSERT_TRUE(serve_until([this] { return count_lines("members of the cluster are known again") == 1; }));
}

TEST_F(MonitorMembers, WhereThePrimaryIsLostTheListIsNotWaitedFor)
{
    listed = {"1", "2"};
    start(std::chrono::hours{1});
    ASSERT_TRUE(serve_until([this] { return newest->nodes.size() == 2 && newest->nodes[1].max_connections == 100; }));
    listed = {"1", "2", "3"};
    writer_is_lost = true;
    EXPECT_TRUE(serve_until([this] { return newest->nodes.size() == 3; }));
    EXPECT_EQ(times_listed_by_reader, 1);
}

TEST_F(MonitorMembers, AStrangerIsNotAskedForMembers)
{
    database_of_writer = "7";
    database_of_reader = "9";
    listed = {"1", "2"};
    start();
    ASSERT_TRUE(serve_until([this] { return newest->nodes.size() == 2 && state_of(1) == node_state::quarantined; }));
    writer_is_lost = true;
    ASSERT_TRUE(serve_until([this] { return state_of(0) == node_state::down; }));
    times_read = 0;
    ASSERT_TRUE(serve_until([this] { return times_read > 20; }));
    EXPECT_EQ(times_listed_by_reader, 0);
}

TEST_F(MonitorMembers, WhoeverHasAPlaceNowIsProbedThere)
{
    for (int port = 2; port <= 64; ++port) {
        listed.push_back(std::to_string(port));
    }
    start();
    ASSERT_TRUE(serve_until([this] { return newest->nodes.size() == 64 && newest->nodes[1].max_connections == 100; }));
    listed[1] = "65";
    ASSERT_TRUE(serve_until([this] { return newest->nodes[1].port == 65 && newest->nodes[1].max_connections == 100; }));
    EXPECT_EQ(newest->nodes[1].endpoints.at(0).text(), "127.0.0.1:65");
    EXPECT_EQ(newest->nodes[1].role, router::node_role::replica);
    EXPECT_EQ(reader.targets.back().port, 65);
}

}  // namespace
}  // namespace penstock::control
