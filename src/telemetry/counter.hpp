// SPDX-License-Identifier: Apache-2.0
//
// A number that one thread changes and any thread may read, at the price of a plain load and store.
#pragma once

#include <atomic>
#include <cstdint>

namespace penstock::telemetry {

/// Only its owner's thread changes it: the addition is no atomic instruction, so two writers would lose counts.
class counter {
public:
    void add(std::uint64_t amount = 1)
    {
        value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }
    /// For gauges: what add() put on.
    void subtract(std::uint64_t amount = 1)
    {
        value_.store(value_.load(std::memory_order_relaxed) - amount, std::memory_order_relaxed);
    }
    void raise_to(std::uint64_t value)
    {
        if (value > value_.load(std::memory_order_relaxed)) {
            value_.store(value, std::memory_order_relaxed);
        }
    }
    void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

}  // namespace penstock::telemetry
