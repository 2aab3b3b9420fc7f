// SPDX-License-Identifier: Apache-2.0
#include "tests/scripted/virtual_clock.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace penstock::test {

namespace {

constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
std::atomic<std::int64_t> added{0};

}  // namespace

void advance_clock(duration by)
{
    added.fetch_add(std::chrono::duration_cast<std::chrono::nanoseconds>(by).count());
}

}  // namespace penstock::test

extern "C" int clock_gettime(clockid_t which, timespec* into) noexcept
{
    const auto status = static_cast<int>(syscall(SYS_clock_gettime, which, into));
    if (status == 0 && which == CLOCK_MONOTONIC) {
        using namespace penstock::test;
        const auto sum = into->tv_nsec + added.load(std::memory_order_relaxed);
        into->tv_sec += sum / nanoseconds_per_second;
        into->tv_nsec = sum % nanoseconds_per_second;
    }
    return status;
}
