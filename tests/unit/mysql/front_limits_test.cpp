// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/mysql/exchange.hpp"

#include <gtest/gtest.h>

namespace penstock::mysql::test {
namespace {

/// Rule 0 is for everything, 1 for what reads from t, 2 for one shape.
class MysqlLimits : public testing::Test {
protected:
    MysqlLimits()
    {
        judge.follow(std::make_shared<const route_rules>(
            std::vector<route_rule>{{.limit = "all"}, {.statement = "*from t*", .limit = "t"}, {.statement = "select 0"}},
            std::vector<std::string>{}));
    }
    std::uint64_t of(const std::string& octets) { return talk.client.rules_for(octets, judge); }

    read_judge judge{well_known_functions()};
    exchange talk;
};

TEST_F(MysqlLimits, GoByTheTextOfAQuery)
{
    EXPECT_EQ(of(ask::query("SELECT n FROM t WHERE n = 5")), 0b011U);
    EXPECT_EQ(of(ask::query("delete from t")), 0b011U);
    EXPECT_EQ(of(ask::query("select 17")), 0b101U);
    EXPECT_EQ(of(ask::query("begin")), 0b001U);
}

TEST_F(MysqlLimits, GoByTheTextOfWhatIsExecuted)
{
    talk.send(ask::prepare("select n from t"));
    talk.reply({say::prepared(5, 0, 0)});
    EXPECT_EQ(of(ask::execute(1)), 0b011U);
    EXPECT_EQ(of(ask::execute(9)), 0b001U);
    EXPECT_EQ(of(ask::prepare("select n from t")), 0b001U) << "which runs nothing";
    EXPECT_EQ(of(ask::command(command::ping)), 0b001U);
}

TEST_F(MysqlLimits, OfWhatIsNotThereWholeAreThoseOfEverything)
{
    const auto whole = ask::query("select n from t");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(of(whole.substr(0, size)), 0b001U);
    }
    EXPECT_EQ(of(whole + "and more"), 0b011U);
}

}  // namespace
}  // namespace penstock::mysql::test
