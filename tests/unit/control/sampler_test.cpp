// SPDX-License-Identifier: Apache-2.0
//
// The sampler with scripted nodes: it asks while something is wanted, the primary first, and covers no more than it was
// told.
#include "control/sampler.hpp"

#include "fake_sql_client.hpp"

#include <gtest/gtest.h>

namespace penstock::control {
namespace {

/// Node 0 is the primary, 1 and 2 are replicas.
class Sampler : public testing::Test {
protected:
    Sampler()
    {
        auto made = std::make_shared<router::cluster_view>();
        for (std::uint32_t place = 0; place < 3; ++place) {
            router::node one;
            one.id = {place};
            one.host = "127.0.0.1";
            one.port = static_cast<std::uint16_t>(5000 + place);
            one.endpoints.push_back(*net::numeric_endpoint("127.0.0.1", one.port));
            one.role = place == 0 ? router::node_role::primary : router::node_role::replica;
            made->nodes.push_back(one);
        }
        made->primary_index = 0;
        view = made;
        options.account.user = "probe";
        options.interval = milliseconds{1};
        options.after_failure = milliseconds{20};
        options.ask = postgresql_positions();
        own = std::make_unique<sampler>(on, options, database.factory(), [this] { return view; });
    }

    bool asked(std::size_t count = 1)
    {
        return on.run_until([this, count] { return database.questions.size() >= count; }, seconds{5});
    }
    bool is_for_primary() { return database.questions.front().query.text == options.ask.of_primary.text; }
    bool wait(const std::function<bool()>& claim) { return on.run_until(claim, seconds{5}); }
    void change_primary(std::size_t to)
    {
        auto made = std::make_shared<router::cluster_view>(*view);
        made->nodes[*made->primary_index].role = router::node_role::replica;
        made->nodes[to].role = router::node_role::primary;
        made->primary_index = to;
        view = made;
    }

    loop on;
    fake_database database;
    router::cluster_view_ptr view;
    sampler_options options;
    std::unique_ptr<sampler> own;
};

TEST_F(Sampler, AsksNobodyWhileNothingIsWanted)
{
    EXPECT_FALSE(on.run_until([this] { return !database.questions.empty(); }, milliseconds{50}));
    EXPECT_TRUE(own->board()->has_positions());
}

TEST_F(Sampler, CoversAWriteOnceAReplicaHasReplayedWhatCameBehindIt)
{
    const auto written = clock::now();
    own->board()->want(written);
    ASSERT_TRUE(asked());
    EXPECT_TRUE(is_for_primary());
    database.answer(one_row({"1", "1000"}));
    ASSERT_TRUE(asked(2));
    EXPECT_FALSE(is_for_primary());
    database.answer(one_row({"1", "999"}));
    EXPECT_LE(own->board()->covers(1), written);
    database.answer(one_row({"1", "1000"}));
    EXPECT_GT(own->board()->covers(2), written);
    ASSERT_TRUE(asked());
    EXPECT_FALSE(is_for_primary());  // the sample of the primary serves until more is wanted
    database.answer(one_row({"1", "1000"}));
    EXPECT_GT(own->board()->covers(1), written);
    EXPECT_FALSE(on.run_until([this] { return !database.questions.empty(); }, milliseconds{50}));
}

TEST_F(Sampler, AsksAgainForALaterWrite)
{
    own->board()->want(clock::now());
    ASSERT_TRUE(asked());
    const auto later = clock::now();
    own->board()->want(later);  // while the question is under way, so its answer does not count for this one
    database.answer(one_row({"1", "1000"}));
    ASSERT_TRUE(wait([this] {
        while (!database.questions.empty() && !is_for_primary()) {
            database.answer(one_row({"1", "5000"}));
        }
        return !database.questions.empty();
    }));
    EXPECT_LE(own->board()->covers(1), later);
    database.answer(one_row({"1", "2000"}));
    ASSERT_TRUE(asked(2));
    database.answer(one_row({"1", "5000"}));
    EXPECT_GT(own->board()->covers(1), later);
}

TEST_F(Sampler, BelievesNoOtherTimeline)
{
    const auto written = clock::now();
    own->board()->want(written);
    ASSERT_TRUE(asked());
    database.answer(one_row({"2", "1000"}));
    ASSERT_TRUE(asked(2));
    database.answer(one_row({"1", "9000"}));
    EXPECT_EQ(own->board()->covers(1), time_point{});
}

TEST_F(Sampler, BelievesNoAnswerOfANodeThatWasLeftOrGaveItsPlaceAway)
{
    const auto written = clock::now();
    own->board()->want(written);
    ASSERT_TRUE(asked());
    database.answer(one_row({"1", "1000"}));
    ASSERT_TRUE(asked(2));
    auto made = std::make_shared<router::cluster_view>(*view);
    made->nodes[1].state = router::node_state::left;
    made->nodes[2].host = "127.0.0.2";
    view = made;
    database.answer(one_row({"1", "1000"}));
    database.answer(one_row({"1", "1000"}));
    EXPECT_EQ(own->board()->covers(1), time_point{});
    EXPECT_EQ(own->board()->covers(2), time_point{});
}

TEST_F(Sampler, ForgetsAllWithANewPrimary)
{
    own->board()->want(clock::now());
    ASSERT_TRUE(asked());
    database.answer(one_row({"1", "1000"}));
    ASSERT_TRUE(asked(2));
    database.answer(one_row({"1", "1000"}));
    EXPECT_NE(own->board()->covers(1), time_point{});
    change_primary(2);
    own->look_again();
    EXPECT_EQ(own->board()->covers(1), time_point{});
}

TEST_F(Sampler, ForgetsAReplicaThatDoesNotAnswer)
{
    own->board()->set(1, clock::now());
    own->board()->want(clock::now());
    ASSERT_TRUE(asked());
    database.answer(one_row({"1", "1000"}));
    ASSERT_TRUE(asked(2));
    database.answer(fault("gone"));
    EXPECT_EQ(own->board()->covers(1), time_point{});
}

TEST_F(Sampler, UnderstandsNothingButTwoNumbers)
{
    const auto read = postgresql_positions().read;
    EXPECT_EQ(read(one_row({"3", "8192"})), (router::position{3, 8192}));
    EXPECT_EQ(read(one_row({"3", "8216"})), (router::position{3, 8192}));  // behind a page's header there is nothing
    EXPECT_EQ(read(one_row({"3", "8224"})), (router::position{3, 8224}));
    for (const auto& row : std::vector<sql_row>{
             {"1"}, {"1", "x"}, {"1", std::nullopt}, {"", "1"}, {"1", "-5"}, {"1", "1.5"}, {"1", "2", "3"}}) {
        EXPECT_EQ(read(one_row(row)), std::nullopt);
    }
    EXPECT_EQ(read(fault("no")), std::nullopt);
}

}  // namespace
}  // namespace penstock::control
