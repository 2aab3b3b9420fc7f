// SPDX-License-Identifier: Apache-2.0
//
// Database URLs: what libpq understands, and one clear sentence for everything else.
#include "settings/url.hpp"

#include "settings/lookup.hpp"
#include "support.hpp"

#include <vector>

namespace penstock::settings {
namespace {

using namespace std::chrono_literals;

database_url good(std::string_view text)
{
    auto [url, faults] = parse_url(text);
    EXPECT_EQ(all_texts(faults), "") << text;
    return url;
}

std::string fault_of(std::string_view text)
{
    const auto faults = parse_url(text).faults;
    EXPECT_EQ(faults.size(), 1U) << text << '\n' << all_texts(faults);
    return all_texts(faults);
}

TEST(Url, HasItsUsualParts)
{
    for (const auto* scheme : {"postgres", "postgresql"}) {
        const auto url = good(std::string{scheme} + "://app:secret@db.internal:5433/shop");
        EXPECT_EQ(url.hosts, (std::vector<address>{{"db.internal", 5433}}));
        EXPECT_EQ(url.user, "app");
        EXPECT_EQ(url.password.reveal(), "secret");
        EXPECT_EQ(url.database, "shop");
        EXPECT_FALSE(url.sslmode.has_value());
    }
}

TEST(Url, HasLibpqsDefaults)
{
    const auto url = good("postgres://app:pw@db");
    EXPECT_EQ(url.hosts[0].port, 5432);
    EXPECT_EQ(url.database, "app");
    EXPECT_EQ(good("postgres://app:pw@db/").database, "app");
    EXPECT_EQ(good("postgres://app:pw@db/?sslmode=require").sslmode, tls_mode::require);
    EXPECT_EQ(good("postgres://app:pw@/shop").hosts, (std::vector<address>{{"/var/run/postgresql", 5432}}));
}

TEST(Url, OfMySqlHasItsOwnDefaults)
{
    for (const auto* scheme : {"mysql", "mariadb"}) {
        const auto url = good(std::string{scheme} + "://app:pw@db/shop?charset=utf8mb4&ssl-mode=REQUIRED");
        EXPECT_EQ(url.engine, engine::mysql);
        EXPECT_EQ(url.hosts, (std::vector<address>{{"db", 3306}}));
        EXPECT_EQ(url.database, "shop");
        EXPECT_EQ(url.sslmode, tls_mode::require);
    }
    EXPECT_EQ(good("mysql://app:pw@db").database, "");  // no schema: clients choose
    EXPECT_EQ(good("mysql://app:pw@/shop").hosts[0].host, "/run/mysqld/mysqld.sock");
    EXPECT_EQ(good("mysql://app:pw@db/?sslmode=verify-full").sslmode, tls_mode::verify_full);
    EXPECT_NE(fault_of("mysql://app:pw@db/x?ssl-mode=sometimes").find("VERIFY_IDENTITY"), std::string::npos);
    EXPECT_NE(fault_of("mysql://app:pw@db/x?ssl-mod=REQUIRED").find("did you mean \"ssl-mode\""), std::string::npos);
    EXPECT_NE(fault_of("mysql://app:pw@db/x?application_name=x").find("not supported"), std::string::npos);
}

TEST(Url, OfMySqlMakesAClusterOfThatEngine)
{
    const auto all = from_url("mysql://app:pw@db1,db2:3307/shop").settings;
    ASSERT_EQ(all.clusters.size(), 1U);
    EXPECT_EQ(all.clusters[0].engine, engine::mysql);
    EXPECT_EQ(all.clusters[0].nodes[1].where, (address{"db2", 3307}));
    EXPECT_TRUE(addresses_for(all, engine::postgresql).empty());
    EXPECT_EQ(addresses_for(all, engine::mysql), (std::vector<address>{{"127.0.0.1", 6033}}));
    EXPECT_EQ(client_url(all, engine::mysql, "****"), "mysql://app:****@127.0.0.1:6033/shop");
    EXPECT_NE(find_database(all, "shop", engine::mysql), nullptr);
    EXPECT_EQ(find_database(all, "", engine::mysql), find_database(all, "shop", engine::mysql));
    EXPECT_EQ(find_database(all, "shop", engine::postgresql), nullptr);
}

TEST(Url, DecodesPercentSigns)
{
    const auto url = good("postgres://a%40b:p%3a%2F%3F%23%25%20w@db/d%20b?application_name=a%26b+c");
    EXPECT_EQ(url.user, "a@b");
    EXPECT_EQ(url.password.reveal(), "p:/?#% w");
    EXPECT_EQ(url.database, "d b");
    EXPECT_EQ(url.application_name, "a&b+c");
}

TEST(Url, TakesIpv6InBrackets)
{
    EXPECT_EQ(good("postgres://u:p@[::1]:5433/d").hosts, (std::vector<address>{{"::1", 5433}}));
    EXPECT_EQ(good("postgres://u:p@[fe80::1%25eth0]/d").hosts, (std::vector<address>{{"fe80::1%eth0", 5432}}));
}

TEST(Url, TakesSeveralHosts)
{
    EXPECT_EQ(good("postgres://u:p@a:1,b,[::1]:3/d").hosts, (std::vector<address>{{"a", 1}, {"b", 5432}, {"::1", 3}}));
    EXPECT_EQ(good("postgres://u:p@/d?host=a,b&port=1,2").hosts, (std::vector<address>{{"a", 1}, {"b", 2}}));
    EXPECT_EQ(good("postgres://u:p@/d?host=a,b&port=7").hosts, (std::vector<address>{{"a", 7}, {"b", 7}}));
}

TEST(Url, TakesUnixSockets)
{
    EXPECT_EQ(good("postgres://u:p@%2Frun%2Fpostgresql:5433/d").hosts,
              (std::vector<address>{{"/run/postgresql", 5433}}));
    EXPECT_EQ(good("postgres://u:p@/d?host=/run/postgresql").hosts, (std::vector<address>{{"/run/postgresql", 5432}}));
}

TEST(Url, TakesParameters)
{
    const temporary_folder folder;
    const auto file = folder.file("x.pem", "x");
    const auto url = good("postgres://db/?user=app&password=pw&dbname=shop&sslmode=verify-full&sslrootcert=" + file +
                          "&sslcert=" + file + "&sslkey=" + file +
                          "&connect_timeout=7&options=-c%20statement_timeout%3D5s&target_session_attrs=read-write");
    EXPECT_EQ(url.user, "app");
    EXPECT_EQ(url.password.reveal(), "pw");
    EXPECT_EQ(url.database, "shop");
    EXPECT_EQ(url.sslmode, tls_mode::verify_full);
    EXPECT_EQ(url.sslrootcert, file);
    EXPECT_EQ(url.connect_timeout, 7s);
    EXPECT_EQ(url.options, "-c statement_timeout=5s");
    EXPECT_EQ(good("postgres://u:p@h/d?ssl=true").sslmode, tls_mode::require);
    EXPECT_EQ(good("postgres://u:p@h/d?connect_timeout=0").connect_timeout, 1h);
    EXPECT_EQ(good("postgres://h/d?user=u&password=p&application_name=a@b").application_name, "a@b");
}

struct faulty {
    std::string_view url;
    std::string_view says;
};

TEST(Url, FaultsAreOneClearSentence)
{
    const faulty cases[] = {
        {"", "does not begin with postgres://"},
        {"oracle://u:p@h/d", "does not begin with postgres://"},
        {"postgres:u@h", "does not begin with postgres://"},
        {"postgres://h/d", "names no user"},
        {"postgres://:p@h/d", "names no user"},
        {"postgres://u@h/d", "no password"},
        {"postgres://u:p@h:x/d", "port of host 1"},
        {"postgres://u:p@h:0/d", "port of host 1"},
        {"postgres://u:p@h:65536/d", "port of host 1"},
        {"postgres://u:p@a,b:x/d", "port of host 2"},
        {"postgres://u:p@[::1/d", "no closing bracket"},
        {"postgres://u:p@[::1]x/d", "something other than a port"},
        {"postgres://u:p%@h/d", "holds a %"},
        {"postgres://u:p%4@h/d", "holds a %"},
        {"postgres://u:p%zz@h/d", "holds a %"},
        {"postgres://u:p%00@h/d", "holds a %"},
        {"postgres://u:p@h/d?sslmode=on", "sslmode has a value"},
        {"postgres://u:p@h/d?ssl=1", "ssl is not"},
        {"postgres://u:p@h/d?sslmod=require", "did you mean \"sslmode\"?"},
        {"postgres://u:p@h/d?schema=public", "\"schema\" is not supported; remove it"},
        {"postgres://u:p@h/d?sslmode", "no name or no value"},
        {"postgres://u:p@h/d?=x", "no name or no value"},
        {"postgres://u:p@h/d?connect_timeout=soon", "whole number of seconds"},
        {"postgres://u:p@h/d?connect_timeout=-1", "whole number of seconds"},
        {"postgres://u:p@h/d?target_session_attrs=leader", "target_session_attrs"},
        {"postgres://u:p@h/d?sslrootcert=/nowhere/ca.crt", "No such file"},
        {"postgres://u:p@/d?host=a,b&port=1,2,3", "2 hosts and 3 ports"},
    };
    for (const auto& [url, says] : cases) {
        const auto text = fault_of(url);
        EXPECT_NE(text.find(says), std::string::npos) << url << '\n' << text;
    }
}

TEST(Url, BadlyEncodedPasswordsAreNotPrinted)
{
    for (const auto* url : {"postgres://app:hun@ter2@db/shop",
                            "postgres://app:hun/ter2@db/shop",
                            "postgres://app:hun?ter2@db/shop",
                            "postgres://app:hun?ter2=x@db/shop",
                            "postgres://app:hun#ter2%@db/shop",
                            "postgres://app:hun:ter2%x@db/shop",
                            "postgres://app:hun,ter2/x@db/shop"}) {
        const auto faults = parse_url(url).faults;
        EXPECT_FALSE(faults.empty()) << url;
        EXPECT_EQ(all_texts(faults).find("hun"), std::string::npos) << all_texts(faults);
        EXPECT_EQ(all_texts(faults).find("ter2"), std::string::npos) << all_texts(faults);
    }
}

TEST(Url, SurvivesEveryCutOfItself)
{
    const std::string_view whole =
        "postgresql://a%40b:p%3A@[::1]:5433,h:1/d%20b?sslmode=require&host=x&options=-c%20a%3Db";
    for (std::size_t length = 0; length <= whole.size(); ++length) {
        (void)from_url(whole.substr(0, length));
        (void)parse_url("postgres://" + std::string{whole.substr(length)});
    }
}

TEST(FromUrl, IsAFullConfiguration)
{
    const auto [all, faults] = from_url("postgres://app:secret@db1:5433,db2/shop?sslmode=require&connect_timeout=3");
    ASSERT_EQ(all_texts(faults), "");
    ASSERT_EQ(all.clusters.size(), 1U);
    EXPECT_EQ(all.clusters[0].name, "main");
    EXPECT_EQ(all.clusters[0].nodes, (std::vector<node_settings>{{{"db1", 5433}}, {{"db2", 5432}}}));
    EXPECT_EQ(all.clusters[0].sslmode, tls_mode::require);
    EXPECT_EQ(all.clusters[0].monitor.user, "app");
    EXPECT_EQ(all.clusters[0].monitor.database, "shop");
    EXPECT_EQ(all.pool.limits.connect_timeout, 3s);
    ASSERT_NE(find_database(all, "shop", engine::postgresql), nullptr);
    EXPECT_EQ(find_database(all, "other", engine::postgresql), nullptr);
    ASSERT_NE(find_user(all, "app"), nullptr);
    EXPECT_EQ(find_user(all, "app")->password.reveal(), "secret");
    EXPECT_EQ(all.listen, listen_settings{});
}

TEST(FromUrl, IsHeldToTheSameRules)
{
    EXPECT_FALSE(from_url("postgres://app:secret@db1,db1/shop").ok());
    EXPECT_FALSE(from_url("postgres://app:secret@db1/pgbouncer").ok());
    EXPECT_FALSE(from_url("postgres://app:secret@db1/shop?sslmode=verify-full").ok());
}

TEST(ClientUrl, IsTheAddressOfPenstock)
{
    const auto all = from_url("postgres://a%40b:secret@db1:5433/my%20shop?sslmode=require").settings;
    EXPECT_EQ(client_url(all, engine::postgresql, "****"), "postgres://a%40b:****@127.0.0.1:6432/my%20shop");
    EXPECT_EQ(good(client_url(all, engine::postgresql, "p:w")).password.reveal(), "p:w");
    auto on_socket = all;
    on_socket.listen.postgresql = {{"/run/penstock", 6432}};
    EXPECT_EQ(good(client_url(on_socket, engine::postgresql, "x")).hosts, on_socket.listen.postgresql);
}

TEST(LooksLikeUrl, TellsUrlsFromFiles)
{
    EXPECT_TRUE(looks_like_url("postgres://x"));
    EXPECT_FALSE(looks_like_url("/etc/penstock.toml"));
}

}  // namespace
}  // namespace penstock::settings
