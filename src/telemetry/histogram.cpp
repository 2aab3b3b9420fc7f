// SPDX-License-Identifier: Apache-2.0
#include "telemetry/histogram.hpp"

#include <cmath>

namespace penstock::telemetry {

namespace {

/// The value that stands for a bucket: its middle, which is the value itself where the bucket has only one.
std::uint64_t middle(std::size_t index)
{
    const auto low = buckets::lowest(index);
    return low + (buckets::lowest(index + 1) - low) / 2;
}

}  // namespace

void distribution::add(std::uint64_t value)
{
    ++counts_[buckets::index_of(value)];
    ++count_;
    sum_ += value;
    largest_ = std::max(largest_, value);
}

void distribution::merge(const distribution& other)
{
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        counts_[index] += other.counts_[index];
    }
    count_ += other.count_;
    sum_ += other.sum_;
    largest_ = std::max(largest_, other.largest_);
}

std::uint64_t distribution::percentile(double fraction) const
{
    if (count_ == 0) {
        return 0;
    }
    const auto share = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto wanted = std::clamp(static_cast<std::uint64_t>(share), std::uint64_t{1}, count_);
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        seen += counts_[index];
        if (seen >= wanted) {
            return std::min(middle(index), largest_);
        }
    }
    return largest_;
}

std::uint64_t distribution::count_up_to(std::uint64_t bound) const
{
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size() && buckets::lowest(index + 1) - 1 <= bound; ++index) {
        seen += counts_[index];
    }
    return seen;
}

void histogram::add_to(distribution& total) const
{
    for (std::size_t index = 0; index < counts_.size(); ++index) {
        const auto many = counts_[index].value();
        total.counts_[index] += many;
        total.count_ += many;
    }
    total.sum_ += sum_.value();
    total.largest_ = std::max(total.largest_, largest_.value());
}

}  // namespace penstock::telemetry
