// SPDX-License-Identifier: Apache-2.0
//
// So many in a second: a token bucket that all workers share without a lock.
//
// Kept as one point in time, at which the bucket will be full again ("generic cell rate algorithm", ITU-T I.371):
// taking one moves it on by what one takes to come back, and there is none to take where it lies too far ahead.
#pragma once

#include "core/clock.hpp"

#include <atomic>
#include <cstdint>

namespace penstock::pool {

class rate_limit {
public:
    /// `per_second`: what comes back in a second, and what there is at most; 0: there is no limit. From any thread.
    void set(std::uint32_t per_second);
    /// Takes one. False where there is none. From any thread.
    [[nodiscard]] bool take(time_point now);
    /// All has come back. From any thread.
    [[nodiscard]] bool is_full(time_point now) const;

private:
    std::atomic<std::int64_t> interval_{0};  ///< nanoseconds until one comes back; 0: no limit
    std::atomic<std::int64_t> full_at_{0};
};

}  // namespace penstock::pool
