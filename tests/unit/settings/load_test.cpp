// SPDX-License-Identifier: Apache-2.0
//
// From TOML to the tree: every kind of value, and every fault with its place and remedy.
#include "settings/load.hpp"

#include "settings/lookup.hpp"
#include "support.hpp"

#include <algorithm>
#include <vector>

namespace penstock::settings {
namespace {

using namespace std::chrono_literals;

TEST(Load, ASocketOfMysqlIsAWholePath)
{
    const auto [all, faults] = load_text(R"(
[listen]
mysql = ["unix:/run/penstock/mysql.sock", "127.0.0.1"]
[[cluster]]
engine = "mariadb"
nodes = ["unix:/run/mysqld/mysqld.sock"]
[[user]]
name = "app"
password = "x"
)",
                                         "f",
                                         variables({}));
    ASSERT_EQ(all_texts(faults), "");
    EXPECT_EQ(all.listen.mysql, (std::vector<address>{{"/run/penstock/mysql.sock", 0}, {"127.0.0.1", 6033}}));
    EXPECT_EQ(all.clusters[0].nodes[0].where, (address{"/run/mysqld/mysqld.sock", 0}));
    EXPECT_EQ(all.clusters[0].nodes[0].where.text(), "unix:/run/mysqld/mysqld.sock");
}

TEST(Load, TakesClustersOfBothEngines)
{
    const auto [all, faults] = load_text(R"(
[listen]
mysql = ["0.0.0.0"]
[[cluster]]
name = "pg"
nodes = ["db1"]
[[cluster]]
name = "my"
engine = "mariadb"
nodes = ["db2"]
[[database]]
name = "shop"
cluster = "pg"
[[database]]
name = "shop"
cluster = "my"
[[user]]
name = "app"
password = "x"
)",
                                         "penstock.toml",
                                         variables({}));
    ASSERT_EQ(all_texts(faults), "");
    EXPECT_EQ(all.listen.postgresql, (std::vector<address>{{"127.0.0.1", 6432}}));
    EXPECT_EQ(all.listen.mysql, (std::vector<address>{{"0.0.0.0", 6033}}));
    EXPECT_EQ(all.clusters[0].nodes[0].where.port, 5432);
    EXPECT_EQ(all.clusters[1].nodes[0].where.port, 3306);
    EXPECT_EQ(find_database(all, "shop", engine::postgresql), &all.databases[0]);
    EXPECT_EQ(find_database(all, "shop", engine::mysql), &all.databases[1]);
    EXPECT_EQ(cluster_of(all, "nowhere", engine::mysql), "my");
}

TEST(Load, TakesEveryKindOfValue)
{
    const auto [all, faults] = load_text(R"(
workers = 3
drain_timeout = 10
[listen]
postgresql = ["0.0.0.0:7000", "[::1]", "unix:/run/penstock:7000"]
[clients]
idle_client_timeout = "90s"
client_statement_memory = "1MiB"
max_startup_packet = 4096
[pool]
pool_mode = "session"
pool_size = 7
init_query = "set x = '$1'"
[auth]
auth_method = "md5"
[admin]
console = ["127.0.0.1", "unix:/run/console"]
listen = []
stats_users = ["grafana"]
[[cluster]]
name = "one"
nodes = ["db1", { address = "[::2]:6000", role = "replica" }, { address = "db3", weight = 30, zone = "b", backup = true }]
sslmode = "require"
read_write_split = true
read_consistency = "user"
max_replica_lag = "10s"
position_interval = "20ms"
write_window = "3s"
balance = "latency"
zone = "b"
[[cluster]]
name = "two"
nodes = ["unix:/run/postgresql"]
[[database]]
name = "shop"
cluster = "two"
server_database = "shop_live"
pool_size = 3
[[user]]
name = "app"
password = "${PW}"
pool_mode = "transaction"
max_user_client_connections = 5
)",
                                         "penstock.toml",
                                         variables({{"PW", "s3cret"}}));
    ASSERT_EQ(all_texts(faults), "");
    EXPECT_EQ(all.workers, 3U);
    EXPECT_EQ(all.drain_timeout, 10s);
    EXPECT_EQ(all.listen.postgresql, (std::vector<address>{{"0.0.0.0", 7000}, {"::1", 6432}, {"/run/penstock", 7000}}));
    EXPECT_EQ(all.clients.idle_client_timeout, 90s);
    EXPECT_EQ(all.clients.client_statement_memory, 1U << 20);
    EXPECT_EQ(all.clients.max_startup_packet, 4096U);
    EXPECT_EQ(all.pool.mode, pool_mode::session);
    EXPECT_EQ(all.pool.limits.size, 7U);
    EXPECT_EQ(all.pool.init_query, "set x = '$1'");
    EXPECT_EQ(all.auth.method, auth_method::md5);
    EXPECT_TRUE(all.admin.listen.empty());
    EXPECT_EQ(all.admin.console, (std::vector<address>{{"127.0.0.1", 6432}, {"/run/console", 6432}}));
    EXPECT_EQ(all.admin.stats_users, std::vector<std::string>{"grafana"});
    ASSERT_EQ(all.clusters.size(), 2U);
    EXPECT_EQ(all.clusters[0].nodes[0], (node_settings{{"db1", 5432}, node_role::automatic}));
    EXPECT_EQ(all.clusters[0].nodes[1], (node_settings{{"::2", 6000}, node_role::replica}));
    EXPECT_EQ(all.clusters[0].nodes[2],
              (node_settings{.where = {"db3", 5432}, .weight = 30, .zone = "b", .backup = true}));
    EXPECT_EQ(all.clusters[0].split,
              (split_settings{.enabled = true,
                              .consistency = router::consistency::user,
                              .max_replica_lag = 10s,
                              .position_interval = 20ms,
                              .write_window = 3s,
                              .balance = router::balance_method::latency,
                              .zone = "b"}));
    EXPECT_FALSE(all.clusters[1].split.enabled);
    EXPECT_EQ(all.clusters[0].sslmode, tls_mode::require);
    EXPECT_EQ(all.clusters[1].nodes[0].where, (address{"/run/postgresql", 5432}));
    EXPECT_EQ(all.databases[0].server_database, "shop_live");
    EXPECT_EQ(all.databases[0].pool.size, 3U);
    EXPECT_EQ(all.users[0].password.reveal(), "s3cret");
    EXPECT_EQ(all.users[0].pool.mode, pool_mode::transaction);
    EXPECT_EQ(all.users[0].max_user_client_connections, 5U);
}

TEST(Load, KeepsDefaultsForWhatIsNotSaid)
{
    const auto [all, faults] = load_with_rest("");
    ASSERT_EQ(all_texts(faults), "");
    tree expected;
    expected.clusters.push_back({.nodes = {{{"db1", 5432}}}});
    expected.databases.push_back({});
    expected.users.push_back({.name = "app", .password = secret{"pw"}});
    EXPECT_EQ(all, expected);
}

TEST(Load, PutsTheOnlyClustersNameIntoTheImpliedDatabase)
{
    const auto [all, faults] =
        load_text("[[cluster]]\nname='x'\nnodes=['a']\n[[user]]\nname='u'\npassword='p'\n", "f", variables({}));
    ASSERT_EQ(all_texts(faults), "");
    ASSERT_NE(find_database(all, "anything", engine::postgresql), nullptr);
    EXPECT_EQ(find_database(all, "anything", engine::postgresql)->cluster, "x");
}

TEST(Load, ReadsSecretsFromFilesBesideTheConfiguration)
{
    const temporary_folder folder;
    folder.file("app.pw", "from a file\n");
    const auto path =
        folder.file("penstock.toml", "[[cluster]]\nnodes=['a']\n[[user]]\nname='u'\npassword='file:app.pw'\n");
    const auto [all, faults] = load_file(path);
    ASSERT_EQ(all_texts(faults), "");
    EXPECT_EQ(all.users[0].password.reveal(), "from a file");
    EXPECT_TRUE(check(path).empty());
}

TEST(Load, AVariableThatHoldsFileColonIsNoFile)
{
    const auto [all, faults] = load_text(
        "[[cluster]]\nnodes=['a']\n[[user]]\nname='u'\npassword='${PW}'\n", "f", variables({{"PW", "file:/x"}}));
    ASSERT_EQ(all_texts(faults), "");
    EXPECT_EQ(all.users[0].password.reveal(), "file:/x");
}

TEST(Load, TakesNumbersFromTheEnvironment)
{
    EXPECT_EQ(load_with_rest("workers = \"${N}\"", variables({{"N", "4"}})).settings.workers, 4U);
    EXPECT_FALSE(load_with_rest("workers = \"${N}\"", variables({{"N", "four"}})).ok());
    EXPECT_FALSE(load_with_rest("workers = \"4\"").ok());
}

TEST(Load, ChecksServersCertificatesAsTheModeSays)
{
    const temporary_folder folder;
    const auto ca = folder.file("ca.crt", "x");
    const auto verify_of = [&](const std::string& mode, bool with_ca) {
        const auto [all, faults] =
            load_text("[[cluster]]\nnodes=['a']\nsslmode='" + mode + "'\n" +
                          (with_ca ? "sslrootcert='" + ca + "'\n" : "") + "[[user]]\nname='u'\npassword='p'\n",
                      "f",
                      variables({}));
        EXPECT_EQ(all_texts(faults), "");
        return all.clusters[0].tls.verify_peer;
    };
    using verify = net::tls_options::verify;
    EXPECT_EQ(verify_of("prefer", true), verify::none);
    EXPECT_EQ(verify_of("require", false), verify::none);
    EXPECT_EQ(verify_of("require", true), verify::required);
    EXPECT_EQ(verify_of("verify-ca", true), verify::required);
    EXPECT_EQ(verify_of("verify-full", true), verify::full);
}

struct faulty {
    std::string_view toml;   ///< put in front of a valid rest
    std::string_view place;  ///< line:column
    std::string_view says;   ///< a part of the fault's text
};

class LoadFault : public testing::TestWithParam<faulty> {};

TEST_P(LoadFault, IsToldWithPlaceAndRemedy)
{
    const auto& [toml, place, says] = GetParam();
    const auto faults = load_with_rest(toml).faults;
    ASSERT_EQ(faults.size(), 1U) << all_texts(faults);
    const auto text = faults[0].text();
    EXPECT_TRUE(text.starts_with("penstock.toml:" + std::string{place} + ": ")) << text;
    EXPECT_NE(text.find(says), std::string::npos) << text;
}

const faulty grammar[] = {
    {"workers = \n", "1:", "not TOML"},
    {"workers = 1\nworkers = 2\n", "2:", "keep one of the two"},
    {"[pool]\n[pool]\n", "2:", "cannot redefine"},
    {"[log]\nlevel = info\n", "2:", "double quotes"},
    {"[log]\nlevel = \"info\n", "2:", "not TOML"},
    {"[log\n", "1:", "expected ']'"},
    {"a b = 1\n", "1:", "expected '='"},
    {"[admin]\nlisten = [\"a\"\n", "", "not TOML"},
    {"workers = 0x\n", "1:", "not TOML"},
    {"workers = 99999999999999999999\n", "1:", "64 bits"},
    {"\"\xff\" = 1\n", "1:", "utf-8"},
};

TEST(LoadFault, OfGrammarIsToldWithItsLine)
{
    for (const auto& [toml, place, says] : grammar) {
        const auto faults = load_with_rest(toml).faults;
        ASSERT_EQ(faults.size(), 1U) << toml;
        const auto text = faults[0].text();
        EXPECT_TRUE(text.starts_with("penstock.toml:" + std::string{place})) << text;
        EXPECT_NE(text.find(says), std::string::npos) << text;
        EXPECT_GE(faults[0].where.line, 1U);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Types,
    LoadFault,
    testing::Values(faulty{"workers = 'two'",
                           "1:11",
                           "workers is a text where a whole number belongs; write the number without quotes"},
                    faulty{"workers = 1.5", "1:11", "workers is a fraction where a whole number belongs"},
                    faulty{"workers = -1", "1:11", "workers is negative; give 0 or more"},
                    faulty{"workers = true", "1:11", "workers is true or false where a whole number belongs"},
                    faulty{"drain_timeout = 1979-05-27", "1:17", "drain_timeout is a date or time where"},
                    faulty{"[tls]\nrequire_tls = 'yes'", "2:15", "require_tls is a text where true or false belongs"},
                    faulty{"[log]\nlevel = 3", "2:9", "level is a whole number where a text belongs"},
                    faulty{"[listen]\npostgresql = '127.0.0.1:6432'", "2:14", "where a list of addresses belongs"},
                    faulty{"[listen]\npostgresql = [6432]", "2:15", "where a text belongs"},
                    faulty{"[admin]\nadmin_users = 'me'", "2:15", "where a list of texts belongs"},
                    faulty{"pool = 5", "1:8", "pool is a whole number where a table belongs; write [pool]"},
                    faulty{"[database]\nname = 'x'",
                           "1:1",
                           "database is a table where a list of tables belongs; write [[database]]"},
                    faulty{"database = ['x']", "1:13", "write [[database]]"},
                    faulty{"pool = [1]", "1:8", "pool is a list where a table belongs"}));

INSTANTIATE_TEST_SUITE_P(
    Values,
    LoadFault,
    testing::Values(
        faulty{"workers = 1025", "1:11", "workers is 1025; give a value from 0 to 1024"},
        faulty{"drain_timeout = '5 minutes'", "1:17", "drain_timeout is \"5 minutes\"; write a duration as"},
        faulty{"drain_timeout = '366d'", "1:17", "drain_timeout is 366d; give a value from 0s to 365d"},
        faulty{"drain_timeout = 9223372036854775807", "1:17", "give a value from 0s"},
        faulty{"[pool]\nconnection_borrow_timeout = 0", "2:29", "is 0s; give a value from 1ms to 1h"},
        faulty{"[pool]\npool_size = 0", "2:13", "pool_size is 0; give a value from 1 to 10000"},
        faulty{"[pool]\nmax_idle_connections_percent = 101", "2:32", "give a value from 0 to 100"},
        faulty{"[clients]\nclient_statement_memory = '64kB'", "2:27", "write a size as"},
        faulty{"[clients]\nmax_startup_packet = 1", "2:22", "is 1B; give a value from 512B to 1MiB"},
        faulty{"[pool]\npool_mode = 'sesion'", "2:13", "pool_mode is \"sesion\"; did you mean \"session\"?"},
        faulty{"[pool]\npool_mode = 'statement'", "2:13", "write \"transaction\" or \"session\""},
        faulty{"[log]\nformat = 'xml'", "2:10", "write \"auto\", \"text\" or \"json\""},
        faulty{"[listen]\npostgresql = ['*:6432']", "2:15", "holds \"*:6432\"; write an address as"},
        faulty{"[log]\nlevel = '${GONE}'", "2:9", "the environment variable GONE is not set"},
        faulty{"[log]\nlevel = '${'", "2:9", "is not followed by a variable's name"},
        faulty{"[pool]\ninit_query = \"a\\u0000b\"", "2:14", "zero octet"},
        faulty{"[auth]\nauth_query_password = 'file:/nowhere/at/all'", "2:23", "No such file or directory"},
        faulty{"[auth]\nauth_file = '/nowhere/userlist.txt'", "2:13", "No such file or directory"}));

INSTANTIATE_TEST_SUITE_P(
    UnknownKeys,
    LoadFault,
    testing::Values(
        faulty{"wrokers = 1", "1:1", "unknown key \"wrokers\"; did you mean \"workers\"?"},
        faulty{"[clients]\n idle_client_timout = 1",
               "2:2",
               "unknown key \"idle_client_timout\" in [clients]; did you mean \"idle_client_timeout\"?"},
        faulty{"[pools]", "1:2", "unknown key \"pools\"; did you mean \"pool\"?"},
        faulty{"pool_size = 5", "1:1", "it belongs elsewhere: [pool] pool_size"},
        faulty{"[pool]\nnodes = []", "2:1", "it belongs elsewhere: [[cluster]] nodes"},
        faulty{"[clients]\nmax_client_conn = 5",
               "2:1",
               "PgBouncer's max_client_conn is [clients] max_client_connections here"},
        faulty{"[pool]\nlambda_triggers = []", "2:1", "remove it; docs/configuration.md lists all keys"},
        faulty{"[[database]]\nnmae = 'x'", "2:1", "unknown key \"nmae\" in [database]; did you mean \"name\"?"}));

TEST(LoadFault, IsToldForEachThingWrongInTheOrderOfTheFile)
{
    const auto faults =
        load_with_rest("workers = -1\nx = 1\n[pool]\npool_size = 0\npool_mode = 'q'\n[log]\nlevel = 1\n").faults;
    ASSERT_EQ(faults.size(), 5U) << all_texts(faults);
    EXPECT_TRUE(
        std::is_sorted(faults.begin(), faults.end(), [](const auto& a, const auto& b) { return a.where < b.where; }));
    for (const auto& fault : faults) {
        EXPECT_GT(fault.where.line, 0U);
        EXPECT_GT(fault.where.column, 0U);
        EXPECT_FALSE(fault.remedy.empty()) << fault.text();
    }
}

TEST(LoadFault, OfAMissingFileIsOneClearSentence)
{
    const auto faults = load_file("/nowhere/penstock.toml").faults;
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_TRUE(
        faults[0].text().starts_with("/nowhere/penstock.toml: cannot read \"/nowhere/penstock.toml\": No such file"))
        << faults[0].text();
    EXPECT_EQ(check("/").size(), 1U);
}

TEST(LoadFault, NeverHoldsANumberThatMayBeASecret)
{
    const auto faults = load_with_rest("[auth]\nauth_query_password = 49153625364758697081\n").faults;
    EXPECT_FALSE(faults.empty());
    EXPECT_EQ(all_texts(faults).find("4915"), std::string::npos) << all_texts(faults);
}

TEST(LoadFault, NeverHoldsASecret)
{
    // Each of these has "hunter2" where somebody might put it by mistake.
    const auto everywhere = variables({{"PW", "hunter2"}});
    for (const auto* toml : {
             "pasword = 'hunter2'\n",
             "[auth]\nauth_query_password = hunter2\n",
             "[auth]\nauth_query_password = \"hunter2\n",
             "[auth]\nauth_query_password = 'hunter2' hunter2\n",
             "[auth]\nauth_query_password = ['hunter2']\n",
             "[log]\nlevel = '${PW}'\n",
             "[pool]\npool_mode = '${PW}'\n",
             "drain_timeout = '${PW}'\n",
             "workers = '${PW}'\n",
             "[auth]\nauth_file = '/${PW}'\n",
             "[listen]\npostgresql = ['postgres://app:hunter2@db/app']\n",
             "[[cluster]]\nname='c'\nnodes = ['app:hunter2@db:5432']\n[[database]]\n",
             "[[user]]\nname = 'x'\npassword = 'SCRAM-SHA-256$hunter2'\n",
         }) {
        const auto faults = load_with_rest(toml, everywhere).faults;
        EXPECT_FALSE(faults.empty()) << toml;
        EXPECT_EQ(all_texts(faults).find("hunter2"), std::string::npos) << all_texts(faults);
    }
}

}  // namespace
}  // namespace penstock::settings
