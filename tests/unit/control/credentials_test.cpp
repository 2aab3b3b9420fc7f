// SPDX-License-Identifier: Apache-2.0
//
// The order of the sources, the caches with a clock of the test's own, and what a dead database means.
#include "control/credentials.hpp"

#include "fake_sql_client.hpp"
#include "telemetry/log.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <thread>

namespace penstock::control {
namespace {

class Credentials : public testing::Test {
protected:
    void SetUp() override
    {
        log::capture([this](std::string_view line) { lines.emplace_back(line); });
    }
    void TearDown() override { log::capture({}); }

    credential_surroundings surroundings()
    {
        credential_surroundings around;
        around.make_client = database.factory();
        around.where_to_ask = [this](const std::string& cluster) -> std::optional<sql_target> {
            const auto other = other_places.find(cluster);
            return other == other_places.end() ? place : other->second;
        };
        around.now = [this] { return now; };
        around.today = [this] { return today; };
        return around;
    }

    /// Asks, and runs the loop until the question has reached the database or was answered.
    void ask(credentials& who, const std::string& user, const std::string& cluster = {})
    {
        const auto before = database.questions.size() + answers.size();
        bool reached = false;
        who.look_up({user, "db", cluster}, [this](user_record record) { answers.push_back(std::move(record)); });
        on.post([&reached] { reached = true; });
        ASSERT_TRUE(on.run_until([&reached] { return reached; }, seconds{5})) << before;
    }

    static credential_options asking()
    {
        credential_options options;
        options.auth_query = default_auth_query;
        return options;
    }

    loop on;
    fake_database database;
    std::optional<sql_target> place = sql_target{.host = "db1"};
    time_point now{};
    std::chrono::system_clock::time_point today{};
    std::map<std::string, sql_target> other_places;  ///< by cluster
    std::vector<user_record> answers;
    std::vector<std::string> lines;
};

TEST_F(Credentials, KnowsTheUsersOfTheConfigurationWithoutAsking)
{
    auto options = asking();
    options.users = {{"app", auth_method::password, secret{"x"}}};
    credentials who{on, options, surroundings()};
    const auto record = who.known({"app", "db"});
    ASSERT_TRUE(record);
    EXPECT_TRUE(record->exists);
    EXPECT_EQ(record->method, auth_method::password);
    EXPECT_FALSE(who.known({"other", "db"}));
}

TEST_F(Credentials, KnowsThatAUserIsAbsentWhereThereIsNobodyToAsk)
{
    credentials who{on, {}, surroundings()};
    const auto record = who.known({"app", "db"});
    ASSERT_TRUE(record);
    EXPECT_FALSE(record->exists);
    EXPECT_FALSE(record->temporarily_unavailable);
}

TEST_F(Credentials, TakesTheFileAfterTheConfiguration)
{
    auto path = testing::TempDir() + "penstock-userlist-XXXXXX";
    const int file = mkstemp(path.data());
    ASSERT_GE(file, 0);
    close(file);
    std::ofstream{path} << "\"app\" \"of the file\"\n\"other\" \"md5" << std::string(32, 'a') << "\"\nbroken\n";
    credential_options options;
    options.users = {{"app", auth_method::scram_sha_256, secret{"of the configuration"}}};
    options.users_file = path;
    credentials who{on, options, surroundings()};
    EXPECT_EQ(who.known({"app", "db"})->stored.reveal(), "of the configuration");
    EXPECT_EQ(who.known({"other", "db"})->method, auth_method::md5);
    ASSERT_EQ(lines.size(), 1U);
    EXPECT_NE(lines[0].find("3"), std::string::npos);
    std::remove(path.c_str());
}

TEST_F(Credentials, PassesTheNameAsAParameter)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "x' or '1'='1");
    ASSERT_EQ(database.questions.size(), 1U);
    EXPECT_EQ(database.questions[0].query.text, default_auth_query);
    EXPECT_EQ(database.questions[0].query.parameters, std::vector<std::string>{"x' or '1'='1"});
}

TEST_F(Credentials, AsksTheClusterOfTheDatabaseAndKeepsTheirUsersApart)
{
    other_places = {{"east", {.host = "east1"}}, {"west", {.host = "west1"}}};
    credentials who{on, asking(), surroundings()};
    ask(who, "app", "east");
    ask(who, "app", "west");
    ASSERT_EQ(database.questions.size(), 2U) << "a question of its own for each cluster";
    ASSERT_EQ(database.targets.size(), 2U);
    EXPECT_EQ(database.targets[0].host, "east1");
    EXPECT_EQ(database.targets[1].host, "west1");
    database.answer(one_row({"app", "of the east"}));
    database.answer(one_row({"app", "of the west"}));
    EXPECT_EQ(who.known({"app", "db", "east"})->stored.reveal(), "of the east");
    EXPECT_EQ(who.known({"app", "db", "west"})->stored.reveal(), "of the west");
    EXPECT_FALSE(who.known({"app", "db", "north"}));
    now += seconds{2};
    who.forget({"app", "db", "east"});
    EXPECT_FALSE(who.known({"app", "db", "east"}));
    EXPECT_TRUE(who.known({"app", "db", "west"}));
}

TEST_F(Credentials, AMoveOfOneClusterLeavesTheOthersQuestionsAlone)
{
    other_places = {{"east", {.host = "east1"}}, {"west", {.host = "west1"}}};
    credentials who{on, asking(), surroundings()};
    ask(who, "app", "east");
    ask(who, "bob", "west");
    other_places["east"].host = "east2";
    ask(who, "eve", "east");
    ASSERT_EQ(database.questions.size(), 3U);
    EXPECT_EQ(database.questions[0].query.parameters, std::vector<std::string>{"bob"}) << "not asked twice";
    EXPECT_EQ(database.targets.back().host, "east2");
    database.answer(one_row({"bob", "x"}));
    ASSERT_EQ(answers.size(), 1U);
}

TEST_F(Credentials, RemembersAFoundUserForTheCacheTime)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "app");
    database.answer(one_row({"app", "secret"}));
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0].exists);
    now += seconds{29};
    ASSERT_TRUE(who.known({"app", "db"}));
    EXPECT_EQ(who.known({"app", "db"})->stored.reveal(), "secret");
    now += seconds{1};
    EXPECT_FALSE(who.known({"app", "db"}));
}

TEST_F(Credentials, RemembersAnUnknownUserForLess)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "nobody");
    database.answer({});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_FALSE(answers[0].exists);
    EXPECT_FALSE(answers[0].temporarily_unavailable);
    now += milliseconds{4999};
    EXPECT_TRUE(who.known({"nobody", "db"}));
    now += milliseconds{1};
    EXPECT_FALSE(who.known({"nobody", "db"}));
}

TEST_F(Credentials, AsksOnceForQuestionsThatComeTogether)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "app");
    ask(who, "app");
    EXPECT_EQ(database.questions.size(), 1U);
    database.answer(one_row({"app", "secret"}));
    EXPECT_EQ(answers.size(), 2U);
}

TEST_F(Credentials, ToldApartADeadDatabaseFromAnUnknownUser)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "app");
    database.answer(fault("connection refused"));
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_FALSE(answers[0].exists);
    EXPECT_TRUE(answers[0].temporarily_unavailable);
    EXPECT_EQ(lines.size(), 1U);
    EXPECT_FALSE(who.known({"app", "db"}));  // not remembered
    place.reset();
    ask(who, "app");
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_TRUE(answers[1].temporarily_unavailable);
    EXPECT_EQ(lines.size(), 1U);  // a line a second is enough
    now += seconds{1};
    ask(who, "app");
    EXPECT_EQ(lines.size(), 2U);
}

TEST_F(Credentials, StopsBelievingWhenValidUntilHasPassed)
{
    credentials who{on, asking(), surroundings()};
    auto answer = one_row({"app", "secret", "1970-01-01 00:00:10+00"});
    answer.columns[2] = "valid_until";
    ask(who, "app");
    database.answer(answer);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0].exists);
    today += seconds{10};
    ASSERT_TRUE(who.known({"app", "db"}));
    EXPECT_FALSE(who.known({"app", "db"})->exists);
    now += seconds{30};
    ask(who, "app");
    database.answer(answer);
    EXPECT_FALSE(answers[1].exists);
}

TEST_F(Credentials, ForgetsAUserOnRequestOnceASecond)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "app");
    database.answer(one_row({"app", "secret"}));
    who.forget({"app", "db"});
    EXPECT_TRUE(who.known({"app", "db"}));
    now += seconds{1};
    who.forget({"app", "db"});
    EXPECT_FALSE(who.known({"app", "db"}));
}

TEST_F(Credentials, AsksAgainWhereThePlaceToAskHasChanged)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "a");
    place->host = "db2";
    ask(who, "b");
    ASSERT_EQ(database.targets.size(), 2U);
    EXPECT_EQ(database.targets[1].host, "db2");
    ASSERT_EQ(database.questions.size(), 2U);
    database.answer({});
    database.answer({});
    EXPECT_EQ(answers.size(), 2U);
}

TEST_F(Credentials, RefusesNamesThatNoRoleHasWithoutAsking)
{
    credentials who{on, asking(), surroundings()};
    EXPECT_TRUE(who.known({"", "db"}));
    EXPECT_TRUE(who.known({std::string(64, 'x'), "db"}));
    EXPECT_FALSE(who.known({std::string(63, 'x'), "db"}));
}

TEST_F(Credentials, BoundsTheQuestionsUnderWay)
{
    credentials who{on, asking(), surroundings()};
    for (int number = 0; number < 1001; ++number) {
        ask(who, "u" + std::to_string(number));
    }
    EXPECT_EQ(database.questions.size(), 1000U);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0].temporarily_unavailable);
}

TEST_F(Credentials, DoesNotRememberWhatAnOlderConfigurationAsked)
{
    credentials who{on, asking(), surroundings()};
    ask(who, "app");
    who.configure(asking());
    database.answer(one_row({"app", "secret"}));
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_FALSE(who.known({"app", "db"}));
}

TEST_F(Credentials, TakesNewOptions)
{
    credentials who{on, {}, surroundings()};
    EXPECT_FALSE(who.known({"app", "db"})->exists);
    credential_options options;
    options.users = {{"app", auth_method::scram_sha_256, secret{"x"}}};
    who.configure(options);
    EXPECT_TRUE(who.known({"app", "db"})->exists);
}

TEST_F(Credentials, MayBeAskedByManyThreadsWhileItChanges)
{
    auto options = asking();
    options.users = {{"app", auth_method::scram_sha_256, secret{"x"}}};
    credentials who{on, options, surroundings()};
    std::atomic<int> given = 0;
    std::vector<std::thread> threads;
    for (int number = 0; number < 3; ++number) {
        threads.emplace_back([&who, &given, options] {
            for (int round = 0; round < 100; ++round) {
                EXPECT_TRUE(who.known({"app", "db"})->exists);
                who.look_up({"u" + std::to_string(round), "db"}, [&given](const user_record&) { ++given; });
                who.forget({"u1", "db"});
                if (round % 10 == 0) {
                    who.configure(options);
                }
            }
        });
    }
    const auto answer_all = [this, &given] {
        while (!database.questions.empty()) {
            const auto user = database.questions.front().query.parameters.front();
            database.answer(one_row({user, "secret"}));
        }
        return given == 300;
    };
    EXPECT_TRUE(on.run_until(answer_all, seconds{30}));
    for (auto& thread : threads) {
        thread.join();
    }
}

TEST_F(Credentials, AsksEachClusterInTheWordsOfItsProduct)
{
    auto options = asking();
    options.mysql_auth_query = "SELECT authentication_string, plugin FROM mysql.user WHERE user = ?";
    other_places["shop"] = sql_target{.engine = engine::mysql, .host = "db2"};
    credentials who{on, options, surroundings()};
    const std::string long_name(100, 'x');
    ask(who, long_name, "shop");
    ASSERT_EQ(database.questions.size(), 1U);
    EXPECT_EQ(database.questions.front().query.text, options.mysql_auth_query);
    EXPECT_EQ(database.questions.front().query.parameters, std::vector<std::string>{long_name});
    EXPECT_EQ(database.targets.at(0).engine, engine::mysql);
    auto answer = one_row({"*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "mysql_native_password"});
    answer.columns = {"authentication_string", "plugin"};
    database.answer(answer);
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_TRUE(answers[0].exists);
    EXPECT_EQ(answers[0].stored.reveal(), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    EXPECT_TRUE(who.known({long_name, "db", "shop"})->exists);

    ask(who, "ann", "");
    EXPECT_EQ(database.questions.front().query.text, options.auth_query);
    EXPECT_FALSE(who.known({std::string(513, 'x'), "db", "shop"})->exists);
}

TEST_F(Credentials, AsksNoClusterWhoseProductHasNoQuery)
{
    place->engine = engine::mysql;
    credentials who{on, asking(), surroundings()};
    ask(who, "ann");
    EXPECT_TRUE(database.questions.empty());
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_FALSE(answers[0].exists);
    EXPECT_FALSE(answers[0].temporarily_unavailable);
}

}  // namespace
}  // namespace penstock::control
