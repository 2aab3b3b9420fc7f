// SPDX-License-Identifier: Apache-2.0
//
// Who gets in by auth_query's answer: the matrix of secrets, expiry, log-in rights and faults.
#include "control/look_up_answer.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace penstock::control {
namespace {

using kind = look_up_verdict::kind;
using sys_time = std::chrono::system_clock::time_point;

sql_answer rows(std::vector<std::string> columns, std::vector<sql_row> values)
{
    sql_answer answer;
    answer.columns = std::move(columns);
    answer.rows = std::move(values);
    return answer;
}

look_up_verdict judged(const sql_answer& answer)
{
    return judge(answer, "app", auth_method::scram_sha_256);
}

TEST(LookUpAnswer, FindsAUser)
{
    const auto verdict = judged(rows({"rolname", "rolpassword"}, {{"app", "secret"}}));
    EXPECT_EQ(verdict.how, kind::found);
    EXPECT_TRUE(verdict.user.record.exists);
    EXPECT_EQ(verdict.user.record.stored.reveal(), "secret");
    EXPECT_EQ(verdict.user.record.method, auth_method::scram_sha_256);
    EXPECT_FALSE(verdict.user.valid_until);
}

TEST(LookUpAnswer, LetsNobodyInWhoMayNot)
{
    const std::vector<std::pair<const char*, sql_answer>> table = {
        {"no row", rows({"n", "s"}, {})},
        {"no secret: expired, no login, or no password", rows({"n", "s"}, {{"app", std::nullopt}})},
        {"another user's row", rows({"n", "s"}, {{"admin", "secret"}})},
        {"a row without a name", rows({"n", "s"}, {{std::nullopt, "secret"}})},
        {"may not log in", rows({"n", "s", "rolcanlogin"}, {{"app", "secret", "f"}})},
        {"may perhaps not log in", rows({"n", "s", "rolcanlogin"}, {{"app", "secret", std::nullopt}})},
        {"an unreadable time", rows({"n", "s", "valid_until"}, {{"app", "secret", "tomorrow"}})},
    };
    for (const auto& [name, answer] : table) {
        EXPECT_EQ(judged(answer).how, kind::absent) << name;
    }
}

TEST(LookUpAnswer, IsUnavailableWhereTheDatabaseCannotSay)
{
    sql_answer down;
    down.fault = "connection refused";
    sql_answer forbidden;
    forbidden.fault = "permission denied for table pg_authid";
    forbidden.sqlstate = "42501";
    const auto two_rows = rows({"n", "s"}, {{"app", "x"}, {"app", "y"}});
    const auto one_column = rows({"n"}, {{"app"}});
    for (const auto& answer : {down, forbidden, two_rows, one_column}) {
        EXPECT_EQ(judged(answer).how, kind::unavailable);
        EXPECT_FALSE(judged(answer).reason.empty());
    }
}

TEST(LookUpAnswer, KnowsANameThatNoRoleCanHave)
{
    sql_answer answer;
    answer.fault = "invalid byte sequence for encoding \"UTF8\"";
    answer.sqlstate = "22021";
    EXPECT_EQ(judged(answer).how, kind::absent);
}

TEST(LookUpAnswer, HonoursValidUntilByName)
{
    for (const auto* name : {"valid_until", "rolvaliduntil", "valuntil"}) {
        const auto verdict = judged(rows({"n", "s", name}, {{"app", "secret", "1970-01-02 00:00:00+00"}}));
        EXPECT_EQ(verdict.how, kind::found);
        EXPECT_EQ(verdict.user.valid_until, sys_time{std::chrono::hours{24}});
    }
    const auto no_end = judged(rows({"n", "s", "valid_until"}, {{"app", "secret", std::nullopt}}));
    EXPECT_EQ(no_end.how, kind::found);
    EXPECT_FALSE(no_end.user.valid_until);
    const auto other = judged(rows({"n", "s", "comment"}, {{"app", "secret", "1970-01-02"}}));
    EXPECT_FALSE(other.user.valid_until);
}

TEST(Timestamp, IsReadInAllFormsPostgresqlWrites)
{
    const auto at = [](long long since) { return std::optional{sys_time{std::chrono::seconds{since}}}; };
    EXPECT_EQ(read_timestamp("1970-01-01"), at(0));
    EXPECT_EQ(read_timestamp("1970-01-01 00:00:01"), at(1));
    EXPECT_EQ(read_timestamp("1970-01-01 00:00:01.999+00"), at(1));
    EXPECT_EQ(read_timestamp("1970-01-01 05:30:00+05:30"), at(0));
    EXPECT_EQ(read_timestamp("1970-01-01 00:00:00-01"), at(3600));
    EXPECT_EQ(read_timestamp("2026-11-03 10:20:30+00"), at(1793701230));
    EXPECT_EQ(read_timestamp("infinity"), sys_time::max());
    EXPECT_EQ(read_timestamp("294276-12-31 00:00:00+00"), sys_time::max());
    EXPECT_EQ(read_timestamp("-infinity"), sys_time::min());
    EXPECT_EQ(read_timestamp("0044-03-15 00:00:00+00 BC"), sys_time::min());
    EXPECT_EQ(read_timestamp("1066-10-14"), sys_time::min());
}

TEST(Timestamp, IsRefusedInAnyOtherForm)
{
    for (const auto* text : {"",
                             "now",
                             "2026",
                             "2026-13-01",
                             "2026-02-30",
                             "2026-01-01 ",
                             "2026-01-01 10",
                             "03/11/2026",
                             "2026-01-01 10:00:00 UTC",
                             "2026-01-01 10:61:00",
                             "99999999999-01-01",
                             "2026-01-01x"}) {
        EXPECT_FALSE(read_timestamp(text)) << text;
    }
}

TEST(FittingMethod, AsksForMd5OnlyWhereNothingBetterFits)
{
    const auto hash = "md5" + std::string(32, 'a');
    EXPECT_EQ(fitting_method(hash, auth_method::scram_sha_256), auth_method::md5);
    EXPECT_EQ(fitting_method("clear", auth_method::scram_sha_256), auth_method::scram_sha_256);
    EXPECT_EQ(fitting_method(hash, auth_method::certificate), auth_method::certificate);
}

}  // namespace
}  // namespace penstock::control
