// SPDX-License-Identifier: Apache-2.0
//
// What MySQL and MariaDB answer to the sampler's questions, and what becomes of a primary that numbers nothing.
#include "control/sampler.hpp"

#include "fake_sql_client.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

const std::string source = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

std::optional<router::position> read(const sql_row& row)
{
    return mysql_positions().read(one_row(row));
}

router::position executed(const std::string& text)
{
    return {.executed = router::gtid_set::parse(text).value_or(router::gtid_set{})};
}

router::position last(const std::string& text, std::uint32_t writer)
{
    return {.last = router::gtid_position::parse(text).value_or(router::gtid_position{}), .writer = writer};
}

TEST(MysqlPositions, AreReadOfBothProducts)
{
    EXPECT_EQ(read({"mysql", "1", source + ":1-5", "1", "ON"}), executed(source + ":1-5"));
    EXPECT_EQ(read({"mysql", "1", source + ":1-5", "1", "ON_PERMISSIVE"}), executed(source + ":1-5"));
    EXPECT_EQ(read({"mysql", "2", source + ":1-4,\n" + source + ":6"}), executed(source + ":1-4:6"));
    EXPECT_EQ(read({"mariadb", "1", "0-1-7,0-1-7", "1", "ON"}), last("0-1-7", 1));
    EXPECT_EQ(read({"mariadb", "2", "0-1-7,1-1-3"}), last("0-1-7,1-1-3", 2));
}

TEST(MysqlPositions, AreNoneInAnyOtherForm)
{
    for (const auto& row : std::vector<sql_row>{{},
                                                {"mysql"},
                                                {"mysql", "1", "x"},
                                                {"other", "1", source + ":1"},
                                                {"mariadb", "x", "0-1-7"},
                                                {"mariadb", "1", source + ":1"},
                                                {std::nullopt, "1", source + ":1"}}) {
        EXPECT_EQ(read(row), std::nullopt);
    }
    EXPECT_EQ(mysql_positions().read(fault("no")), std::nullopt);
}

TEST(MysqlPositions, AreNoneWhereThePrimaryNumbersNothing)
{
    const auto ask = mysql_positions();
    for (const auto& row : std::vector<sql_row>{{"mysql", "1", "", "1", "OFF"},
                                                {"mysql", "1", source + ":1-5", "1", "OFF_PERMISSIVE"},
                                                {"mysql", "1", source + ":1-5", "0", "ON"},
                                                {"mariadb", "1", ",", "0", "ON"}}) {
        EXPECT_TRUE(ask.has_none(one_row(row)));
        EXPECT_EQ(read(row), std::nullopt);
    }
    EXPECT_FALSE(ask.has_none(one_row({"mysql", "1", "", "1", "ON"})));
    EXPECT_FALSE(ask.has_none(one_row({"mariadb", "1", ",", "1", "ON"})));
}

/// Node 0 is the primary, 1 a replica.
class MysqlSampler : public testing::Test {
protected:
    MysqlSampler()
    {
        auto made = std::make_shared<router::cluster_view>();
        for (std::uint32_t place = 0; place < 2; ++place) {
            router::node one;
            one.id = {place};
            one.host = "127.0.0.1";
            one.endpoints.push_back(*net::numeric_endpoint("127.0.0.1", static_cast<std::uint16_t>(5000 + place)));
            one.role = place == 0 ? router::node_role::primary : router::node_role::replica;
            made->nodes.push_back(one);
        }
        made->primary_index = 0;
        view = made;
        sampler_options options;
        options.account.engine = engine::mysql;
        options.interval = milliseconds{1};
        options.after_failure = milliseconds{5};
        options.ask = mysql_positions();
        own = std::make_unique<sampler>(on, options, database.factory(), [this] { return view; });
    }

    bool asked()
    {
        return on.run_until([this] { return !database.questions.empty(); }, seconds{5});
    }
    bool rests()
    {
        return !on.run_until([this] { return !database.questions.empty(); }, milliseconds{50});
    }

    loop on;
    fake_database database;
    router::cluster_view_ptr view;
    std::unique_ptr<sampler> own;
};

TEST_F(MysqlSampler, CoversAWriteOnceAReplicaHasExecutedIt)
{
    const auto written = clock::now();
    own->board()->want(written);
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "1", source + ":1-9", "1", "ON"}));
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "2", source + ":1-7:9"}));
    EXPECT_LE(own->board()->covers(1), written);
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "2", source + ":1-9"}));
    EXPECT_GT(own->board()->covers(1), written);
    EXPECT_TRUE(rests());
}

TEST_F(MysqlSampler, SaysWhetherThereArePositionsAndRestsWhereThereAreNone)
{
    own->board()->want(clock::now());
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "1", "", "1", "OFF"}));
    EXPECT_FALSE(own->board()->has_positions());
    EXPECT_TRUE(rests());
    const auto later = clock::now();
    own->board()->want(later);
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "1", source + ":1-9", "1", "ON"}));
    EXPECT_TRUE(own->board()->has_positions());
    ASSERT_TRUE(asked());
    database.answer(one_row({"mysql", "2", source + ":1-9"}));
    EXPECT_GT(own->board()->covers(1), later);
}

}  // namespace
}  // namespace penstock::control
