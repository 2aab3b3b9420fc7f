// SPDX-License-Identifier: Apache-2.0
//
// What clients are greeted with where several servers may serve them.
#include "protocols/mysql/common_greeting.hpp"

#include "protocols/mysql/capabilities.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql {
namespace {

constexpr auto mysql_capabilities =
    capability::long_password | capability::protocol_41 | capability::query_attributes | capability::deprecate_eof;
constexpr auto mariadb_capabilities =
    capability::protocol_41 | capability::deprecate_eof | capability::mariadb_cache_metadata;

server_greeting of(std::string version, capability_flags capabilities, std::string plugin = "caching_sha2_password")
{
    return {.version = std::move(version), .auth_plugin = std::move(plugin), .capabilities = capabilities};
}

TEST(MysqlCommonGreeting, IsEmptyWhereNoServerIsKnown)
{
    EXPECT_EQ(common_greeting({}), server_greeting{});
}

TEST(MysqlCommonGreeting, IsTheOnlyServersOwn)
{
    const auto one = of("8.4.3", mysql_capabilities);
    EXPECT_EQ(common_greeting({one}), one);
    const auto other = of("5.5.5-10.11.6-MariaDB", mariadb_capabilities, "mysql_native_password");
    EXPECT_EQ(common_greeting({other}), other);
}

TEST(MysqlCommonGreeting, HasTheLowestVersionAndWhatAllCanDo)
{
    const auto older = of("8.0.9", mysql_capabilities & ~capability::query_attributes, "mysql_native_password");
    const auto newer = of("8.0.36", mysql_capabilities);
    for (const auto& servers : {std::vector{older, newer}, std::vector{newer, older}}) {
        EXPECT_EQ(common_greeting(servers), older);
    }
    const auto less = of("9.1.0", mysql_capabilities & ~capability::deprecate_eof);
    const auto common = common_greeting({newer, less});
    EXPECT_EQ(common.version, "8.0.36");
    EXPECT_EQ(common.capabilities, mysql_capabilities & ~capability::deprecate_eof);
}

TEST(MysqlCommonGreeting, TakesTheVersionOfAServerThatHasOnlyBeenProbed)
{
    const auto common = common_greeting({of("8.4.3", mysql_capabilities), of("8.0.11", 0)});
    EXPECT_EQ(common.version, "8.0.11");
    EXPECT_EQ(common.capabilities, mysql_capabilities);
    EXPECT_EQ(common_greeting({of("8.0.11", 0)}).version, "8.0.11");
}

TEST(MysqlCommonGreeting, IsOneProductsWhereBothAreThere)
{
    const auto common =
        common_greeting({of("9.7.4", mysql_capabilities), of("5.5.5-10.11.6-MariaDB", mariadb_capabilities)});
    EXPECT_EQ(common.version, "9.7.4");
    EXPECT_EQ(common.capabilities, capability::long_password | capability::protocol_41 | capability::deprecate_eof);
    const auto other = common_greeting({of("12.0.1", mysql_capabilities), of("11.4.2-MariaDB", mariadb_capabilities)});
    EXPECT_EQ(other.version, "11.4.2-MariaDB");
    EXPECT_EQ(other.capabilities, capability::protocol_41 | capability::deprecate_eof);
}

TEST(MysqlCommonGreeting, ReadsVersions)
{
    EXPECT_EQ(version_in("8.4.3-log"), (server_version{8, 4, 3}));
    EXPECT_EQ(version_in("5.5.5-10.11.6-MariaDB-log"), (server_version{10, 11, 6}));
    EXPECT_EQ(version_in("5.5.5-log"), (server_version{5, 5, 5}));
    EXPECT_LT(version_in("8.0.9"), version_in("8.0.10"));
    for (const auto* const odd : {"", "x", "99999999999.1", ".", "8", "8..1"}) {
        EXPECT_LE(version_in(odd), (server_version{8, 1, 0})) << odd;
    }
    EXPECT_EQ(version_in("nonsense"), server_version{});
}

}  // namespace
}  // namespace penstock::mysql
