// SPDX-License-Identifier: Apache-2.0
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// Rule 0 is for everything, 1 for what reads from t, 2 for one shape.
class FrontLimits : public testing::Test {
protected:
    FrontLimits()
    {
        judge.follow(std::make_shared<const route_rules>(
            std::vector<route_rule>{{.limit = "all"}, {.statement = "*from t*", .limit = "t"}, {.statement = "select 0"}},
            std::vector<std::string>{}));
    }
    std::uint64_t of(const std::string& octets) { return talk.client.rules_for(octets, judge); }

    penstock::postgresql::read_judge judge{well_known_functions()};
    exchange talk;
};

const auto run = wire::bind("", "") + wire::execute() + wire::sync();

TEST_F(FrontLimits, GoByTheTextOfAQuery)
{
    EXPECT_EQ(of(wire::query("SELECT n FROM t WHERE n = 5")), 0b011U);
    EXPECT_EQ(of(wire::query("delete from t")), 0b011U);
    EXPECT_EQ(of(wire::query("select 17")), 0b101U);
    EXPECT_EQ(of(wire::query("begin")), 0b001U);
}

TEST_F(FrontLimits, GoByTheTextsOfABatch)
{
    EXPECT_EQ(of(wire::parse("", "select n from t") + run), 0b011U);
    EXPECT_EQ(of(wire::parse("", "select n from t") + wire::sync()), 0b001U) << "which runs nothing";
    EXPECT_EQ(of(wire::parse("", "select n from t") + wire::bind("", "") + wire::execute() + wire::parse("", "select 1") +
                 run),
              0b001U)
        << "what holds for all of it";
    talk.send(wire::parse("a", "select 1") + wire::sync());
    talk.answer(wire::parse_complete() + wire::ready());
    const auto execute = wire::bind("", "a") + wire::execute() + wire::sync();
    EXPECT_EQ(of(execute), 0b101U);
    EXPECT_EQ(of(execute + wire::query("select n from t")), 0b101U) << "that is another request";
    EXPECT_EQ(of(wire::bind("", "unknown") + wire::execute() + wire::sync()), 0b001U);
}

TEST_F(FrontLimits, OfWhatIsNotThereWholeAreThoseOfEverything)
{
    const auto whole = wire::query("select n from t");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(of(whole.substr(0, size)), 0b001U);
    }
}

}  // namespace
