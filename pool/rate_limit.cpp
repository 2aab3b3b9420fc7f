// SPDX-License-Identifier: Apache-2.0
#include "pool/rate_limit.hpp"

#include <algorithm>
#include <chrono>

namespace penstock::pool {

namespace {

constexpr std::int64_t second = 1'000'000'000;

std::int64_t nanoseconds_of(time_point at)
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count();
}

}  // namespace

void rate_limit::set(std::uint32_t per_second)
{
    interval_.store(per_second == 0 ? 0 : std::max<std::int64_t>(1, second / per_second), std::memory_order_relaxed);
}

bool rate_limit::take(time_point now)
{
    const auto interval = interval_.load(std::memory_order_relaxed);
    if (interval == 0) {
        return true;
    }
    const auto at = nanoseconds_of(now);
    auto full_at = full_at_.load(std::memory_order_relaxed);
    while (true) {
        const auto next = std::max(full_at, at) + interval;
        if (next - at > std::max(second, interval)) {
            return false;
        }
        if (full_at_.compare_exchange_weak(full_at, next, std::memory_order_relaxed)) {
            return true;
        }
    }
}

void rate_limit::give_back()
{
    full_at_.fetch_sub(interval_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

bool rate_limit::is_full(time_point now) const
{
    return full_at_.load(std::memory_order_relaxed) <= nanoseconds_of(now);
}

joint_take::~joint_take()
{
    for (std::size_t each = 0; each < count_; ++each) {
        taken_[each]->give_back();
    }
}

bool joint_take::take(rate_limit* from)
{
    if (from == nullptr) {
        return true;
    }
    if (count_ == most || !from->take(now_)) {
        return false;
    }
    taken_[count_++] = from;
    return true;
}

}  // namespace penstock::pool
