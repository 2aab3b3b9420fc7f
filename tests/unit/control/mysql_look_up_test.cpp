// SPDX-License-Identifier: Apache-2.0
//
// Who is let in by what auth_query answered about a MySQL or MariaDB user, and who is not.
#include "control/mysql_look_up.hpp"

#include "fake_sql_client.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::control {
namespace {

using kind = look_up_verdict::kind;

// Stored forms of the password "password": by mysql_native_password, caching_sha2_password and MariaDB's ed25519.
constexpr auto native = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19";
const std::string sha2 = "$A$005$12345678901234567890" + std::string(43, 'x');
constexpr auto ed25519 = "ZIgUREUg5PVgQ6LskhXmO+eZLS0nC8be6HPjYWR4YJY";

sql_answer rows(std::vector<std::string> columns, std::vector<sql_row> all)
{
    sql_answer answer;
    answer.columns = std::move(columns);
    answer.rows = std::move(all);
    return answer;
}

look_up_verdict judged(const sql_answer& answer)
{
    return judge_mysql(answer, "ann", auth_method::scram_sha_256);
}

std::string stored_of(const sql_answer& answer)
{
    const auto verdict = judged(answer);
    return verdict.how == kind::found ? std::string{verdict.user.record.stored.reveal()} : "nobody";
}

const std::vector<std::string> usual{"authentication_string", "plugin"};
const std::vector<std::string> full{"User", "authentication_string", "plugin", "account_locked", "password_expired"};

TEST(MysqlLookUp, TakesTheSecretsOfEachPlugin)
{
    EXPECT_EQ(stored_of(rows(usual, {{native, "mysql_native_password"}})), native);
    EXPECT_EQ(stored_of(rows(usual, {{native, ""}})), native);
    EXPECT_EQ(stored_of(rows(usual, {{sha2, "caching_sha2_password"}})), sha2);
    EXPECT_EQ(stored_of(rows(usual, {{ed25519, "ed25519"}})), std::string{"ed25519:"} + ed25519);
    const auto verdict = judged(rows(usual, {{native, "mysql_native_password"}}));
    EXPECT_TRUE(verdict.user.record.exists);
    EXPECT_EQ(verdict.user.record.method, auth_method::scram_sha_256);
    EXPECT_FALSE(verdict.user.valid_until);
}

TEST(MysqlLookUp, NeverTakesAnUnknownFormForAPasswordInClear)
{
    EXPECT_EQ(stored_of(rows(usual, {{"invalid", "mysql_native_password"}})), "nobody");
    EXPECT_EQ(stored_of(rows({"AUTHENTICATION_STRING"}, {{"invalid"}})), "nobody");
    EXPECT_EQ(stored_of(rows(usual, {{native, "caching_sha2_password"}})), "nobody");
    EXPECT_EQ(stored_of(rows(usual, {{"invalid", "ed25519"}})), "nobody");
    EXPECT_FALSE(judged(rows(usual, {{"invalid", "ed25519"}})).reason.empty());
    EXPECT_EQ(stored_of(rows({"password"}, {{"a table of one's own"}})), "a table of one's own");
    EXPECT_EQ(stored_of(rows({"name", "secret"}, {{"ann", "x"}})), "x");
    EXPECT_EQ(stored_of(rows({"anything"}, {{native}})), native);
}

TEST(MysqlLookUp, LetsNobodyInWithoutASecretOrByAnotherMethod)
{
    EXPECT_EQ(judged(rows(usual, {})).how, kind::absent);
    EXPECT_EQ(judged(rows(usual, {{"", "mysql_native_password"}})).how, kind::absent);
    EXPECT_EQ(judged(rows(usual, {{std::nullopt, "mysql_native_password"}})).how, kind::absent);
    for (const auto* plugin : {"unix_socket", "auth_socket", "sha256_password", "authentication_ldap_simple"}) {
        const auto verdict = judged(rows(usual, {{native, plugin}}));
        EXPECT_EQ(verdict.how, kind::absent) << plugin;
        EXPECT_NE(verdict.reason.find("cannot be served"), std::string::npos);
    }
}

TEST(MysqlLookUp, HonoursLocksAndExpiry)
{
    const auto row = [](const char* user, sql_value locked, sql_value expired) {
        return rows(full, {{user, native, "mysql_native_password", std::move(locked), std::move(expired)}});
    };
    EXPECT_EQ(stored_of(row("ann", "N", "N")), native);
    EXPECT_EQ(stored_of(row("ann", "0", "0")), native);
    EXPECT_EQ(stored_of(row("ann", std::nullopt, std::nullopt)), native);
    for (const auto* yes : {"Y", "y", "1", "strange"}) {
        EXPECT_EQ(judged(row("ann", yes, "N")).how, kind::absent) << yes;
        EXPECT_EQ(judged(row("ann", "N", yes)).how, kind::absent) << yes;
    }
    EXPECT_EQ(judged(row("Ann", "N", "N")).how, kind::absent);
    EXPECT_FALSE(judged(row("bob", "N", "N")).reason.empty());
}

TEST(MysqlLookUp, WantsAllAccountsOfAUserToAgree)
{
    constexpr auto other = "*94BDCEBE19083CE2A1F959FD02F964C7AF4CFC29";
    constexpr auto by = "mysql_native_password";
    EXPECT_EQ(stored_of(rows(usual, {{native, by}, {native, by}})), native);
    const auto several = judged(rows(usual, {{native, by}, {other, by}}));
    EXPECT_EQ(several.how, kind::unavailable);
    EXPECT_NE(several.reason.find("different secrets"), std::string::npos);
    EXPECT_EQ(several.reason.find('*'), std::string::npos) << "no secret is told";
    const auto locked = rows(full, {{"ann", other, by, "Y", "N"}, {"ann", native, by, "N", "N"}});
    EXPECT_EQ(stored_of(locked), native);
    EXPECT_EQ(stored_of(rows(usual, {{"", by}, {native, by}})), native);
    EXPECT_EQ(stored_of(rows(usual, {{native, by}, {"", by}})), native);
}

TEST(MysqlLookUp, IsUnavailableWhereTheServerCouldNotSay)
{
    const auto verdict = judged(fault("SELECT command denied", "42000"));
    EXPECT_EQ(verdict.how, kind::unavailable);
    EXPECT_EQ(verdict.reason, "SELECT command denied");
    EXPECT_EQ(judged(rows(usual, {{native}})).how, kind::unavailable);
    EXPECT_EQ(judged(rows({}, {sql_row{}})).how, kind::unavailable);
}

}  // namespace
}  // namespace penstock::control
