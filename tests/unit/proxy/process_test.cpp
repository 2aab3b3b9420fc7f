// SPDX-License-Identifier: Apache-2.0
//
// What workers share: pools and their accounts, limits as settings and servers give them, clients per user.
#include "proxy/process.hpp"

#include <gtest/gtest.h>

namespace penstock::proxy {
namespace {

configuration_ptr configuration_of(settings::tree tree)
{
    auto made = std::make_shared<configuration>();
    made->settings = std::make_shared<const settings::tree>(std::move(tree));
    return made;
}

settings::tree small_tree()
{
    settings::tree tree;
    settings::cluster_settings cluster;
    cluster.nodes = {{.where = {"db", 5432}}};
    tree.clusters = {cluster};
    tree.databases = {settings::database_settings{}};
    return tree;
}

router::cluster_view_ptr view(std::vector<router::node> nodes, std::optional<std::size_t> primary)
{
    auto made = std::make_shared<router::cluster_view>();
    made->cluster = "main";
    made->nodes = std::move(nodes);
    made->primary_index = primary;
    return made;
}

class ProcessTest : public ::testing::Test {
protected:
    explicit ProcessTest(settings::tree tree = small_tree()) : made{configuration_of(std::move(tree)), users} {}

    std::shared_ptr<pool_record> pool(const server_account& account)
    {
        return made.pool_for(
            {"main", account.user, "shop"}, made.current()->settings->databases.front(), nullptr, account);
    }

    control::loop loop;
    control::credentials users{loop, {}, {}};
    process made;
};

TEST_F(ProcessTest, RemembersOfAUserWithoutSessionsWhatItWroteAndWhatItHasUsedUp)
{
    auto tree = small_tree();
    tree.users = {settings::user_settings{}};
    tree.users.front().name = "app";
    tree.users.front().max_transactions_per_second = 1;
    made.configure(configuration_of(std::move(tree)));
    made.mark_of("main", "app")->store(7);
    EXPECT_EQ(made.mark_of("main", "app")->load(), 7);
    EXPECT_EQ(made.mark_of("main", "other")->load(), 0);
    EXPECT_TRUE(made.rates_of(engine::postgresql, "app", "shop").of_user->take(time_point{seconds{5}}));
    EXPECT_FALSE(made.rates_of(engine::postgresql, "app", "shop").of_user->take(time_point{seconds{5}}));
}

TEST_F(ProcessTest, ForgetsLimitsThatNobodyUsesOnceThereAreMany)
{
    const auto limit_of = [&](const std::string& user) { return made.rates_of(engine::mysql, user, "shop").of_user; };
    const auto used = limit_of("used");
    const std::weak_ptr<pool::rate_limit> unused = limit_of("unused");
    EXPECT_FALSE(unused.expired());
    for (int number = 0; number < 1024; ++number) {
        EXPECT_NE(limit_of("user" + std::to_string(number)), nullptr);
    }
    EXPECT_TRUE(unused.expired());
    EXPECT_EQ(limit_of("used"), used);
}

TEST_F(ProcessTest, GreetsWithTheLowestOfAllServersOfAnEngine)
{
    EXPECT_EQ(made.greeting_of(engine::mysql), server_greeting{});
    made.note_greeting(engine::mysql, "a:3306", {.version = "8.4.3", .capabilities = 1});
    made.note_greeting(engine::mysql, "b:3306", {.version = "8.0.36", .capabilities = 1});
    made.note_greeting(engine::mysql, "c:3306", {});
    EXPECT_EQ(made.greeting_of(engine::mysql).version, "8.0.36");
    made.note_greeting(engine::mysql, "b:3306", {.version = "9.0.1", .capabilities = 1});
    EXPECT_EQ(made.greeting_of(engine::mysql).version, "8.4.3") << "it was upgraded";
    EXPECT_EQ(made.greeting_of(engine::postgresql), server_greeting{});
}

server_account with_password(const std::string& text)
{
    server_account account;
    account.user = "ann";
    account.database = "shop";
    account.password = secret{text};
    return account;
}

TEST_F(ProcessTest, HasOnePoolForEachAccountAndDatabase)
{
    const auto first = pool(with_password("a"));
    EXPECT_EQ(pool(with_password("a")), first);
    server_account other;
    other.user = "bob";
    EXPECT_NE(pool(other), first);
    EXPECT_EQ(made.pools().size(), 2U);
}

TEST_F(ProcessTest, LearnsANewerPasswordFromALoginButNothingFromOneWithoutProof)
{
    const auto record = pool(with_password("old"));
    EXPECT_TRUE(record->learn(with_password("new")));
    EXPECT_FALSE(record->learn(with_password("new")));
    EXPECT_EQ(record->account().password.reveal(), "new");
    EXPECT_FALSE(record->learn(with_password("")));
    EXPECT_EQ(record->account().password.reveal(), "new");
}

TEST_F(ProcessTest, SendsPoolsToThePrimaryOfTheLatestView)
{
    const auto before = pool(with_password("a"));
    EXPECT_EQ(before->shared->node(), "");
    made.publish(view({{.host = "one"}, {.host = "two", .port = 5433}}, 1));
    EXPECT_EQ(before->shared->node(), "two:5433");
    server_account other;
    other.user = "bob";
    EXPECT_EQ(pool(other)->shared->node(), "two:5433");
    const auto down = router::node_state::down;
    made.publish(view({{.host = "one"}, {.host = "two", .port = 5433, .state = down}}, std::nullopt));
    EXPECT_EQ(before->shared->node(), "two:5433") << "it may only be slow to answer probes";
    made.publish(view({{.host = "one"}, {.host = "two", .port = 5433}}, std::nullopt));
    EXPECT_EQ(before->shared->node(), "") << "it is there, and must not be written to";
    made.publish(view({{.host = "one"}, {.host = "two", .port = 5433}}, 0));
    EXPECT_EQ(before->shared->node(), "one:5432");
}

TEST_F(ProcessTest, RetiresWhatItHasForReadsAtAReplicaThatBecomesThePrimary)
{
    const auto record = pool(with_password("a"));
    const auto first = made.pool_on_replica(record, "one:5432");
    const auto second = made.pool_on_replica(record, "two:5432");
    const auto generation = [this](const std::shared_ptr<pool_record>& of) {
        return made.budget()->settings_of(*of->shared->own_account()).generation;
    };
    const auto before = generation(second);
    made.publish(view({{.host = "one"}, {.host = "two"}}, 0));
    made.publish(view({{.host = "one"}, {.host = "two"}}, 0));
    EXPECT_EQ(generation(second), before);
    made.publish(view({{.host = "one"}, {.host = "two"}}, 1));
    EXPECT_NE(generation(second), before);
    EXPECT_EQ(generation(first), before);
}

/// How many connections the process may have to its node.
std::size_t connections_allowed(process& made, const std::shared_ptr<pool_record>& record)
{
    std::vector<pool::permit> taken;
    while (auto next = made.budget()->take(record->shared->own_account(), pool::purpose::demand)) {
        taken.push_back(std::move(next));
    }
    return taken.size();
}

TEST_F(ProcessTest, ForgetsHowFarANodeWasThatWasLeftOrGaveItsPlaceAway)
{
    const auto now = clock::now();
    const auto board = std::make_shared<router::freshness_board>();
    made.set_board("main", board);
    std::vector<router::node> nodes{{.id = {0}, .host = "a"}, {.id = {1}, .host = "b"}, {.id = {2}, .host = "c"}};
    made.publish(view(nodes, 0));
    for (std::size_t place = 0; place < nodes.size(); ++place) {
        board->set(place, now);
    }
    nodes[1].state = router::node_state::left;
    made.publish(view(nodes, 0));
    EXPECT_EQ(board->covers(1), time_point{});
    EXPECT_EQ(board->covers(2), now);
    nodes[2].host = "d";
    made.publish(view(nodes, 0));
    EXPECT_EQ(board->covers(2), time_point{});
    EXPECT_EQ(board->covers(0), now);
}

TEST_F(ProcessTest, GreetsAsTheServersDoThatAreStillThere)
{
    std::vector<router::node> nodes{{.id = {0}, .host = "a", .version_text = "8.4.3"},
                                    {.id = {1}, .host = "b", .version_text = "8.0.36"},
                                    {.id = {2}, .host = "c", .version_text = "5.7.44"}};
    auto tree = small_tree();
    tree.clusters.front().engine = engine::mysql;
    made.configure(configuration_of(tree));
    made.publish(view(nodes, 0));
    made.note_greeting(engine::mysql, "a:5432", {.version = "8.4.3", .capabilities = 1});
    made.note_greeting(engine::mysql, "b:5432", {.version = "8.0.36", .capabilities = 1});
    EXPECT_EQ(made.greeting_of(engine::mysql).version, "5.7.44");
    nodes[2].state = router::node_state::quarantined;
    made.publish(view(nodes, 0));
    EXPECT_EQ(made.greeting_of(engine::mysql).version, "8.0.36");
    nodes[1].state = router::node_state::left;
    made.publish(view(nodes, 0));
    EXPECT_EQ(made.greeting_of(engine::mysql).version, "8.4.3");
    nodes[0] = {.id = {0}, .host = "d"};
    made.publish(view(nodes, 0));
    EXPECT_EQ(made.greeting_of(engine::mysql), server_greeting{}) << "another one has its place";
}

TEST_F(ProcessTest, LeavesTheServerWhatItReservesAndTheProbeItsConnection)
{
    const auto record = pool(with_password("a"));
    made.publish(view({{.host = "db", .max_connections = 10, .reserved_connections = 3}}, 0));
    EXPECT_EQ(connections_allowed(made, record), 6U);
}

TEST_F(ProcessTest, TakesTheSmallestNodeForTheMeasure)
{
    const auto record = pool(with_password("a"));
    made.publish(view({{.host = "db", .max_connections = 15}, {.host = "replica", .max_connections = 5}}, 0));
    EXPECT_EQ(connections_allowed(made, record), 4U);
    made.publish(view({{.host = "db", .max_connections = 1, .reserved_connections = 3}}, 0));
    EXPECT_EQ(connections_allowed(made, record), 1U) << "never none";
}

TEST_F(ProcessTest, TakesNoMeasureFromANodeThatIsNotUsed)
{
    const auto record = pool(with_password("a"));
    const auto quarantined = router::node_state::quarantined;
    made.publish(view(
        {{.host = "db", .max_connections = 15}, {.host = "stranger", .state = quarantined, .max_connections = 1}}, 0));
    EXPECT_EQ(connections_allowed(made, record), 14U);
}

TEST_F(ProcessTest, CountsHoweverMuchAServerSaysThatItTakes)
{
    auto tree = small_tree();
    tree.pool.limits.size = 20;
    made.configure(configuration_of(tree));
    const auto record = pool(with_password("a"));
    made.publish(
        view({{.host = "db", .max_connections = 85899348}}, 0));  // a hundred times that is little more than 2^33
    EXPECT_EQ(connections_allowed(made, record), 20U);
}

TEST_F(ProcessTest, ChangesLimitsOfPoolsThatExist)
{
    const auto record = pool(with_password("a"));
    auto tree = small_tree();
    tree.pool.limits.size = 3;
    made.configure(configuration_of(tree));
    EXPECT_EQ(record->shared->limits().size, 3U);
    tree.pool.shared.process = 2;
    made.configure(configuration_of(tree));
    EXPECT_EQ(connections_allowed(made, record), 2U);
}

TEST_F(ProcessTest, HoldsAUserToItsOwnLimitOfConnections)
{
    auto tree = small_tree();
    tree.pool.shared.per_user = 5;
    settings::user_settings ann;
    ann.name = "ann";
    ann.max_user_connections = 3;
    tree.users = {ann};
    made.configure(configuration_of(tree));
    EXPECT_EQ(connections_allowed(made, pool(with_password("a"))), 3U);
    server_account other;
    other.user = "bob";
    EXPECT_EQ(connections_allowed(made, pool(other)), 5U);
}

TEST_F(ProcessTest, FollowsTheEntriesThatAPoolWasMadeFor)
{
    auto tree = small_tree();
    tree.databases.front().name = "store";
    tree.databases.front().server_database = "shop";
    settings::user_settings till;
    till.name = "till";
    till.server_user = "ann";
    tree.users = {till};
    made.configure(configuration_of(tree));
    const auto record = made.pool_for({"main", "ann", "shop"},
                                      made.current()->settings->databases.front(),
                                      &made.current()->settings->users.front(),
                                      with_password("a"));
    tree.databases.front().pool.size = 7;
    tree.users.front().pool.mode = settings::pool_mode::session;
    tree.databases.front().init_query = "SELECT 2";
    made.configure(configuration_of(tree));
    EXPECT_EQ(record->shared->limits().size, 7U);
    EXPECT_EQ(record->mode(), settings::pool_mode::session);
    EXPECT_EQ(record->init_query(), "SELECT 2");
}

TEST_F(ProcessTest, AdmitsSoManyClientsToADatabase)
{
    EXPECT_TRUE(made.admit_to_database("shop", 1));
    EXPECT_FALSE(made.admit_to_database("shop", 1));
    EXPECT_TRUE(made.admit_to_database("books", 1));
    made.dismiss_from_database("shop");
    EXPECT_TRUE(made.admit_to_database("shop", 1));
}

TEST_F(ProcessTest, AdmitsSoManyClientsOfAUser)
{
    EXPECT_TRUE(made.admit_user("ann", 2));
    EXPECT_TRUE(made.admit_user("ann", 2));
    EXPECT_FALSE(made.admit_user("ann", 2));
    EXPECT_TRUE(made.admit_user("bob", 2));
    made.dismiss_user("ann");
    EXPECT_TRUE(made.admit_user("ann", 2));
    EXPECT_TRUE(made.admit_user("ann", 0)) << "no limit";
    made.dismiss_user("nobody");
}

}  // namespace
}  // namespace penstock::proxy
