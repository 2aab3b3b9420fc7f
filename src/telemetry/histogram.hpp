// SPDX-License-Identifier: Apache-2.0
//
// Distributions of times in microseconds, in fixed memory: log-linear buckets, eight to each power of two.
//
// One thread records, any thread may read. A value is known to within an eighth of itself (a percentile, given as the
// middle of its bucket, to within a sixteenth); below 8 it is exact. Values from 2^36 us (19 hours) on share the last
// bucket.
#pragma once

#include "telemetry/counter.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace penstock::telemetry {

namespace buckets {

inline constexpr unsigned sub_bits = 3;       ///< 2^3 buckets to each power of two
inline constexpr unsigned highest_bits = 36;  ///< values below 2^36 have their own buckets
inline constexpr std::size_t count = (highest_bits - sub_bits + 1) << sub_bits;

constexpr std::size_t index_of(std::uint64_t value)
{
    value = std::min(value, (std::uint64_t{1} << highest_bits) - 1);
    if (value < (1U << sub_bits)) {
        return static_cast<std::size_t>(value);
    }
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - sub_bits;
    return (static_cast<std::size_t>(shift) << sub_bits) + static_cast<std::size_t>(value >> shift);
}

/// The smallest value of a bucket; index_of(lowest(i)) == i.
constexpr std::uint64_t lowest(std::size_t index)
{
    if (index < (2U << sub_bits)) {
        return index;
    }
    const auto shift = (index >> sub_bits) - 1;
    return static_cast<std::uint64_t>((index & ((1U << sub_bits) - 1)) + (1U << sub_bits)) << shift;
}

}  // namespace buckets

/// A plain sum of histograms, to be asked and merged.
class distribution {
public:
    void add(std::uint64_t value);
    void merge(const distribution& other);

    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t sum() const { return sum_; }
    [[nodiscard]] std::uint64_t largest() const { return largest_; }
    /// The value below or at which the share `fraction` (0 to 1) of all values lies; 0 where there are none.
    [[nodiscard]] std::uint64_t percentile(double fraction) const;
    /// How many values are at most `bound`; exact where bound + 1 is a power of two from 8 on, else counted by whole
    /// buckets.
    [[nodiscard]] std::uint64_t count_up_to(std::uint64_t bound) const;

private:
    friend class histogram;
    std::array<std::uint64_t, buckets::count> counts_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t largest_ = 0;
};

/// What a worker records into.
class histogram {
public:
    void add(std::uint64_t microseconds)
    {
        counts_[buckets::index_of(microseconds)].add();
        sum_.add(microseconds);
        largest_.raise_to(microseconds);
    }
    [[nodiscard]] std::uint64_t sum() const { return sum_.value(); }
    /// Adds what is recorded to a distribution. While the owner records, the parts may differ by what came in between.
    void add_to(distribution& total) const;

private:
    std::array<counter, buckets::count> counts_{};
    counter sum_{};
    counter largest_{};
};

}  // namespace penstock::telemetry
