// SPDX-License-Identifier: Apache-2.0
//
// So many in a second: a token bucket that all workers share without a lock.
//
// Kept as one point in time, at which the bucket will be full again ("generic cell rate algorithm", ITU-T I.371):
// taking one moves it on by what one takes to come back, and there is none to take where it lies too far ahead.
#pragma once

#include "core/clock.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::pool {

class rate_limit {
public:
    /// `per_second`: what comes back in a second, and what there is at most; 0: there is no limit. From any thread.
    void set(std::uint32_t per_second);
    /// Takes one. False where there is none. From any thread.
    [[nodiscard]] bool take(time_point now);
    /// What was taken last was not used: another limit left no room. From any thread.
    void give_back();
    /// All has come back. From any thread.
    [[nodiscard]] bool is_full(time_point now) const;

private:
    std::atomic<std::int64_t> interval_{0};  ///< nanoseconds until one comes back; 0: no limit
    std::atomic<std::int64_t> full_at_{0};
};

/// One from each of several limits, or none from any. Ends as soon as one of them has none.
class joint_take {
public:
    explicit joint_take(time_point now) : now_{now} {}
    joint_take(const joint_take&) = delete;
    joint_take& operator=(const joint_take&) = delete;
    ~joint_take();

    /// False where it has none. Null: there is no limit. `from` outlives this.
    [[nodiscard]] bool take(rate_limit* from);
    /// All had one.
    void keep() { count_ = 0; }

private:
    static constexpr std::size_t most = 66;  ///< of a user, of a database and of the rules
    time_point now_;
    std::size_t count_ = 0;
    std::array<rate_limit*, most> taken_;  // NOLINT(cppcoreguidelines-pro-type-member-init): the first count_ of them
};

}  // namespace penstock::pool
