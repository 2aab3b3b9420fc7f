// SPDX-License-Identifier: Apache-2.0
//
// Buckets, percentiles and merging, against exact answers from sorted values.
#include "telemetry/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace penstock::telemetry {
namespace {

TEST(Buckets, CoverEveryValueOnceAndInOrder)
{
    for (std::size_t index = 0; index < buckets::count; ++index) {
        const auto low = buckets::lowest(index);
        const auto next = buckets::lowest(index + 1);
        ASSERT_LT(low, next);
        EXPECT_EQ(buckets::index_of(low), index);
        EXPECT_EQ(buckets::index_of(next - 1), index);
        EXPECT_LE((next - low) * 8, std::max<std::uint64_t>(low, 8)) << "wider than an eighth of its values";
    }
}

TEST(Buckets, LastOneTakesWhatIsTooLarge)
{
    EXPECT_EQ(buckets::index_of(~std::uint64_t{0}), buckets::count - 1);
    EXPECT_EQ(buckets::index_of(std::uint64_t{1} << buckets::highest_bits), buckets::count - 1);
}

TEST(Distribution, KnowsNothingWhenEmpty)
{
    const distribution empty;
    EXPECT_EQ(empty.percentile(0.5), 0U);
    EXPECT_EQ(empty.count(), 0U);
    EXPECT_EQ(empty.count_up_to(1'000'000), 0U);
}

TEST(Distribution, IsExactForOneValue)
{
    distribution one;
    one.add(5);
    EXPECT_EQ(one.percentile(0), 5U);
    EXPECT_EQ(one.percentile(0.5), 5U);
    EXPECT_EQ(one.percentile(1), 5U);
    EXPECT_EQ(one.largest(), 5U);
}

TEST(Distribution, NeverTellsMoreThanTheLargestValue)
{
    distribution one;
    one.add(1024);
    EXPECT_EQ(one.percentile(0.99), 1024U);
}

TEST(Distribution, PercentilesAreWithinASixteenthOfTheTruth)
{
    std::mt19937_64 random{7};
    std::lognormal_distribution<double> times{7.0, 2.0};
    distribution measured;
    std::vector<std::uint64_t> values;
    for (int count = 0; count < 20000; ++count) {
        values.push_back(static_cast<std::uint64_t>(times(random)));
        measured.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double fraction : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(fraction * static_cast<double>(values.size())));
        const auto truth = static_cast<double>(values[rank - 1]);
        EXPECT_NEAR(static_cast<double>(measured.percentile(fraction)), truth, truth / 16 + 1) << fraction;
    }
}

TEST(Distribution, CountsExactlyBelowPowersOfTwo)
{
    distribution measured;
    for (std::uint64_t value = 0; value < 1000; ++value) {
        measured.add(value);
    }
    EXPECT_EQ(measured.count_up_to(127), 128U);
    EXPECT_EQ(measured.count_up_to(511), 512U);
    EXPECT_EQ(measured.count_up_to(1'000'000), 1000U);
}

TEST(Histogram, AddsUpWithOthers)
{
    histogram left;
    histogram right;
    left.add(10);
    left.add(3000);
    right.add(500'000);
    distribution sum;
    left.add_to(sum);
    distribution other;
    right.add_to(other);
    sum.merge(other);
    EXPECT_EQ(sum.count(), 3U);
    EXPECT_EQ(sum.sum(), 503'010U);
    EXPECT_EQ(sum.largest(), 500'000U);
    EXPECT_EQ(sum.percentile(0.3), 10U);
}

TEST(Histogram, TellsTheSameAsADistribution)
{
    histogram recorded;
    distribution plain;
    for (std::uint64_t value = 1; value < 1'000'000; value = value * 3 / 2 + 1) {
        recorded.add(value);
        plain.add(value);
    }
    distribution sum;
    recorded.add_to(sum);
    EXPECT_EQ(sum.count(), plain.count());
    EXPECT_EQ(sum.sum(), plain.sum());
    for (const double fraction : {0.1, 0.5, 0.9}) {
        EXPECT_EQ(sum.percentile(fraction), plain.percentile(fraction));
    }
}

}  // namespace
}  // namespace penstock::telemetry
