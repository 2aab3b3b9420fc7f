// SPDX-License-Identifier: Apache-2.0
//
// The monitor with a scripted database and resolver: what it publishes and when it probes.
#include "control/monitor.hpp"

#include "control/probes.hpp"
#include "fake_sql_client.hpp"
#include "telemetry/log.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace penstock::control {
namespace {

class Monitor : public testing::Test {
protected:
    void SetUp() override
    {
        log::capture([this](std::string_view line) { log_lines += line; });
    }
    void TearDown() override { log::capture({}); }

    monitor_surroundings surroundings()
    {
        monitor_surroundings around;
        around.make_client = database.factory();
        around.resolve = [this](const std::string&, std::uint16_t port) -> addresses {
            ++times_resolved;
            if (!resolvable) {
                return make_error_code(boost::system::errc::host_unreachable);
            }
            return std::vector<net::endpoint>{*net::numeric_endpoint("10.0.0.7", port)};
        };
        around.publish = [this](router::cluster_view_ptr view) { views.push_back(std::move(view)); };
        return around;
    }

    static monitor_options watching(std::vector<node_address> nodes)
    {
        monitor_options options;
        options.nodes = std::move(nodes);
        options.account = sql_target{.user = "probe"};
        options.probe_interval = seconds{3600};
        return options;
    }

    bool wait_for_questions(std::size_t count)
    {
        return on.run_until([this, count] { return database.questions.size() >= count; }, seconds{5});
    }

    /// To the oldest question about a role, and to the one about the history behind it.
    void answer_probe(const sql_answer& role)
    {
        database.answer(role);
        ASSERT_TRUE(on.run_until(
            [this] {
                return !database.questions.empty() && database.questions.back().query.text == history_query().text;
            },
            seconds{5}));
        auto history = std::move(database.questions.back());
        database.questions.pop_back();
        history.answer(fault("denied", "42501"));
    }

    fake_database database;
    std::atomic<bool> resolvable = true;
    std::atomic<int> times_resolved = 0;
    std::vector<router::cluster_view_ptr> views;
    std::string log_lines;
    loop on;
};

TEST_F(Monitor, PublishesAUsableViewOfANumericNodeAtOnce)
{
    monitor watcher{on, watching({{"127.0.0.1", 5433}}), surroundings()};
    watcher.start();
    ASSERT_EQ(views.size(), 1U);
    EXPECT_EQ(watcher.current(), views[0]);
    ASSERT_NE(views[0]->primary(), nullptr);
    EXPECT_EQ(views[0]->primary()->endpoints.at(0).text(), "127.0.0.1:5433");
}

TEST_F(Monitor, ReportsWhatProbesSay)
{
    monitor watcher{on, watching({{"127.0.0.1", 1}, {"127.0.0.1", 2}}), surroundings()};
    watcher.start();
    EXPECT_EQ(views.back()->primary(), nullptr);
    ASSERT_TRUE(wait_for_questions(2));
    answer_probe(one_row({"t", "100", "3"}));
    answer_probe(one_row({"f", "100", "3"}));
    ASSERT_TRUE(on.run_until([this] { return views.back()->primary() != nullptr; }, seconds{5}));
    EXPECT_EQ(views.back()->primary()->id.value, 1U);
    EXPECT_EQ(watcher.current(), views.back());
}

TEST_F(Monitor, ProbesAsTheAccountAtTheResolvedAddress)
{
    monitor watcher{on, watching({{"db.internal", 5433}}), surroundings()};
    watcher.start();
    EXPECT_TRUE(views.back()->primary()->endpoints.empty());
    ASSERT_TRUE(wait_for_questions(1));
    EXPECT_EQ(views.back()->primary()->endpoints.size(), 1U);
    ASSERT_EQ(database.targets.size(), 1U);
    EXPECT_EQ(database.targets[0].host, "db.internal");
    EXPECT_EQ(database.targets[0].addresses, std::vector<std::string>{"10.0.0.7"});
    EXPECT_EQ(database.targets[0].port, 5433);
    EXPECT_EQ(database.targets[0].user, "probe");
}

TEST_F(Monitor, SaysSoWhereANameCannotBeResolvedAndTriesAgain)
{
    resolvable = false;
    auto options = watching({{"db.internal", 5433}});
    options.probe_interval = milliseconds{1};
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(on.run_until([this] { return !views.back()->nodes[0].is_up(); }, seconds{5}));
    EXPECT_NE(views.back()->nodes[0].reason.find("cannot resolve db.internal"), std::string::npos);
    EXPECT_GE(times_resolved, 3);
    resolvable = true;
    ASSERT_TRUE(wait_for_questions(1));
}

TEST_F(Monitor, ProbesASuspectedNodeAtOnce)
{
    monitor watcher{on, watching({{"127.0.0.1", 1}}), surroundings()};
    watcher.start();
    ASSERT_TRUE(wait_for_questions(1));
    answer_probe(one_row({"f", "100", "3"}));
    watcher.suspect({0});
    EXPECT_TRUE(wait_for_questions(1));
}

TEST_F(Monitor, IsWokenByASuspicion)
{
    auto options = watching({{"127.0.0.1", 1}});
    options.shortest_pause = milliseconds{1};
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(wait_for_questions(1));
    answer_probe(one_row({"f", "100", "3"}));
    bool asleep = false;
    on.call_after(milliseconds{10}, [&asleep] { asleep = true; });
    ASSERT_TRUE(on.run_until([&asleep] { return asleep; }, seconds{5}));
    EXPECT_TRUE(database.questions.empty());
    watcher.suspect({0});
    EXPECT_TRUE(wait_for_questions(1));
}

TEST_F(Monitor, TellsWhoAsksWhatTheNextProbeHasFound)
{
    std::vector<router::node_finding> told;
    const auto tell = [this, &told](router::node_finding found) {
        EXPECT_FALSE(views.empty());
        told.push_back(found);
    };
    const auto is_told = [&told](std::size_t times) { return [&told, times] { return told.size() == times; }; };
    auto options = watching({{"127.0.0.1", 1}, {"127.0.0.1", 2}});
    options.shortest_pause = milliseconds{1};
    {
        monitor watcher{on, options, surroundings()};
        watcher.start();
        ASSERT_TRUE(wait_for_questions(2));
        watcher.examine({0}, tell);
        bool posted = false;
        on.post([&posted] { posted = true; });
        ASSERT_TRUE(on.run_until([&posted] { return posted; }, seconds{5}));
        answer_probe(one_row({"f", "100", "3"}));
        answer_probe(one_row({"t", "100", "3"}));
        ASSERT_TRUE(wait_for_questions(1)) << "again, for that probe had begun before";
        EXPECT_TRUE(told.empty());
        const auto connections = database.targets.size();
        answer_probe(one_row({"t", "100", "3"}));
        ASSERT_TRUE(wait_for_questions(1));
        EXPECT_TRUE(told.empty()) << "of a connection that there was, which may be the last to hear of an end";
        EXPECT_EQ(database.targets.size(), connections + 1);
        database.answer(one_row({"1"}));
        ASSERT_TRUE(on.run_until(is_told(1), seconds{5}));
        EXPECT_EQ(told.back(), router::node_finding::alive);
        EXPECT_EQ(views.back()->primary(), nullptr) << "the view says what it is";
        while (!database.questions.empty()) {
            database.answer(fault("connection refused"));
        }
        watcher.examine({1}, tell);
        ASSERT_TRUE(on.run_until(
            [this, &told] {
                if (!database.questions.empty()) {
                    database.answer(fault("connection refused"));
                }
                return told.size() == 2;
            },
            seconds{5}));
        EXPECT_EQ(told.back(), router::node_finding::silent);
        watcher.examine({5}, tell);
        ASSERT_TRUE(on.run_until(is_told(3), seconds{5}));
        EXPECT_EQ(told.back(), router::node_finding::unknown) << "there is no such node";
        watcher.examine({0}, tell);
        posted = false;
        on.post([&posted] { posted = true; });
        ASSERT_TRUE(on.run_until([&posted] { return posted; }, seconds{5}));
    }
    ASSERT_TRUE(on.run_until(is_told(4), seconds{5})) << "whoever waits is told when nobody looks any more";
    EXPECT_EQ(told.back(), router::node_finding::unknown);
}

TEST_F(Monitor, FindsANodeSilentThatTakesNoConnectionUnlessItIsOnlyFull)
{
    for (const auto& [refusal, found] : {std::pair{fault("connection refused"), router::node_finding::silent},
                                         std::pair{fault("shutting down", "57P03"), router::node_finding::silent},
                                         std::pair{fault("too many clients", "53300"), router::node_finding::alive}}) {
        views.clear();
        auto options = watching({{"127.0.0.1", 1}});
        options.shortest_pause = milliseconds{1};
        std::optional<router::node_finding> told;
        monitor watcher{on, options, surroundings()};
        watcher.start();
        ASSERT_TRUE(wait_for_questions(1));
        answer_probe(one_row({"f", "100", "3"}));
        watcher.examine({0}, [&told](router::node_finding seen) { told = seen; });
        ASSERT_TRUE(wait_for_questions(1));
        answer_probe(one_row({"f", "100", "3"}));
        ASSERT_TRUE(wait_for_questions(1));
        database.answer(refusal);
        ASSERT_TRUE(on.run_until([&told] { return told.has_value(); }, seconds{5}));
        EXPECT_EQ(*told, found) << refusal.fault;
        EXPECT_TRUE(views.back()->nodes[0].is_up()) << "that is for the probes to say";
    }
}

TEST_F(Monitor, TellsAtOnceThatNothingIsProbed)
{
    auto options = watching({{"127.0.0.1", 1}});
    options.account.reset();
    monitor watcher{on, options, surroundings()};
    watcher.start();
    std::optional<router::node_finding> told;
    watcher.examine({0}, [&told](router::node_finding found) { told = found; });
    ASSERT_TRUE(on.run_until([&told] { return told.has_value(); }, seconds{5}));
    EXPECT_EQ(*told, router::node_finding::unknown);
}

TEST_F(Monitor, AsksEveryNodeOftenWhileThePrimaryDoesNotAnswer)
{
    auto options = watching({{"127.0.0.1", 1}, {"127.0.0.1", 2}});
    options.shortest_pause = milliseconds{1};
    options.doubtful_pause = milliseconds{2};
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(wait_for_questions(2));
    answer_probe(one_row({"f", "100", "3"}));
    answer_probe(one_row({"t", "100", "3"}));
    ASSERT_TRUE(on.run_until([this] { return views.back()->primary() != nullptr; }, seconds{5}));
    watcher.suspect({0});
    ASSERT_TRUE(wait_for_questions(1));
    database.answer(fault("connection refused"));
    ASSERT_TRUE(wait_for_questions(2)) << "the replica may have been promoted";
    while (!database.questions.empty()) {
        database.answer(fault("connection refused"));
    }
    EXPECT_TRUE(wait_for_questions(2)) << "and again";
}

TEST_F(Monitor, AsksANodeOftenThatIsDown)
{
    auto options = watching({{"127.0.0.1", 1}, {"127.0.0.1", 2}});
    options.shortest_pause = milliseconds{1};
    options.doubtful_pause = milliseconds{2};
    options.failures_until_down = 1;
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(wait_for_questions(2));
    answer_probe(one_row({"f", "100", "3"}));
    database.answer(fault("connection refused"));
    ASSERT_TRUE(on.run_until([this] { return views.back()->primary() != nullptr; }, seconds{5}));
    for (int more = 0; more < 3; ++more) {
        ASSERT_TRUE(wait_for_questions(1)) << "it may be back as a replica, and be promoted soon";
        EXPECT_EQ(database.questions.size(), 1U) << "not so the primary";
        database.answer(fault("connection refused"));
    }
    ASSERT_TRUE(wait_for_questions(1));
    answer_probe(one_row({"t", "100", "3"}));
    EXPECT_TRUE(on.run_until([this] { return views.back()->nodes[1].is_up(); }, seconds{5}));
}

TEST_F(Monitor, ProbesNothingWithoutAnAccount)
{
    auto options = watching({{"db.internal", 1}});
    options.account.reset();
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(on.run_until([this] { return !views.back()->primary()->endpoints.empty(); }, seconds{5}));
    EXPECT_TRUE(database.targets.empty());
}

TEST_F(Monitor, WarnsWhereNobodyIsProbedAndNobodyCanBeThePrimary)
{
    using router::node_role;
    const auto warns = [this](std::vector<node_address> nodes) {
        log_lines.clear();
        auto options = watching(std::move(nodes));
        options.account.reset();
        monitor watcher{on, options, surroundings()};
        watcher.start();
        return log_lines.find("nothing tells which node is the primary") != std::string::npos;
    };
    EXPECT_TRUE(warns({{"127.0.0.1", 1}, {"127.0.0.1", 2}}));
    EXPECT_FALSE(warns({{"127.0.0.1", 1}}));
    EXPECT_FALSE(warns({{"127.0.0.1", 1}, {"127.0.0.1", 2, node_role::primary}}));
}

TEST_F(Monitor, EndsWithAProbeUnderWay)
{
    {
        monitor watcher{on, watching({{"127.0.0.1", 1}, {"db.internal", 1}}), surroundings()};
        watcher.start();
        ASSERT_TRUE(wait_for_questions(1));
    }
    EXPECT_TRUE(database.questions.empty());
    const auto before = views.size();
    bool done = false;
    on.post([&done] { done = true; });
    EXPECT_TRUE(on.run_until([&done] { return done; }, seconds{5}));
    EXPECT_EQ(views.size(), before);
}

TEST(TargetIn, PrefersThePrimaryAndNeedsAnAddress)
{
    topology nodes{"main", {{"a", 1}, {"b", 2}}};
    EXPECT_FALSE(monitor::target_in(nodes.view(), {}));
    nodes.observe(address_observation{.node = {0}, .endpoints = {*net::numeric_endpoint("10.0.0.1", 1)}});
    nodes.observe(address_observation{.node = {1}, .endpoints = {*net::numeric_endpoint("::1", 2)}});
    EXPECT_EQ(monitor::target_in(nodes.view(), {})->host, "a");
    nodes.observe(probe_observation{.node = {0}, .how = probe_observation::kind::answered, .in_recovery = true});
    nodes.observe(probe_observation{.node = {1}, .how = probe_observation::kind::answered});
    const auto target = monitor::target_in(nodes.view(), sql_target{.user = "u"});
    EXPECT_EQ(target->host, "b");
    EXPECT_EQ(target->addresses, std::vector<std::string>{"::1"});
    EXPECT_EQ(target->user, "u");
}

TEST(TargetIn, IsNoNodeThatWasOnlyFound)
{
    topology nodes{"main", {{"a", 1}}, 1, true};
    nodes.observe(address_observation{.node = {0}, .endpoints = {*net::numeric_endpoint("10.0.0.1", 1)}});
    nodes.observe(probe_observation{.node = {0}, .how = probe_observation::kind::failed, .fault = "refused"});
    member_list list;
    list.members = {{.host = "a", .port = 1}, {.host = "b", .port = 2}};
    nodes.observe(list);
    nodes.observe(address_observation{.node = {1}, .endpoints = {*net::numeric_endpoint("10.0.0.2", 2)}});
    EXPECT_FALSE(monitor::target_in(nodes.view(), {})) << "nobody knows what it is";
    nodes.observe(probe_observation{.node = {1}, .how = probe_observation::kind::answered, .in_recovery = true});
    EXPECT_EQ(monitor::target_in(nodes.view(), {})->host, "b");
}

TEST_F(Monitor, AsksMySqlInItsOwnWordsUntilEnoughIsKnown)
{
    auto options = watching({{"127.0.0.1", 1}, {"127.0.0.1", 2}});
    options.account->engine = engine::mysql;
    monitor watcher{on, options, surroundings()};
    watcher.start();
    ASSERT_TRUE(wait_for_questions(2));
    EXPECT_EQ(database.targets.at(0).engine, engine::mysql);
    for (const auto* read_only : {"ON", "OFF"}) {
        EXPECT_TRUE(database.questions.front().query.text.starts_with("SHOW GLOBAL VARIABLES"));
        sql_answer variables;
        variables.columns = {"Variable_name", "Value"};
        variables.rows = {{"read_only", read_only}, {"max_connections", "151"}};
        database.answer(variables);
    }
    const auto asks_further = [this] {
        return database.questions.size() == 2 && database.questions.front().query.text == "SHOW SLAVE STATUS";
    };
    ASSERT_TRUE(on.run_until(asks_further, seconds{5}));
    database.answer(fault("denied", "42000"));
    EXPECT_TRUE(database.questions.front().query.text.starts_with("SELECT @@GLOBAL.gtid_mode"));
    database.answer(fault("denied", "42000"));
    ASSERT_TRUE(wait_for_questions(1));
    database.answer(fault("denied", "42000"));
    ASSERT_TRUE(on.run_until([this] { return views.back()->primary() != nullptr; }, seconds{5}));
    EXPECT_EQ(views.back()->primary()->id.value, 1U);
    EXPECT_EQ(views.back()->nodes[0].role, router::node_role::replica);
    EXPECT_EQ(views.back()->nodes[1].max_connections, 151U);
}

}  // namespace
}  // namespace penstock::control
