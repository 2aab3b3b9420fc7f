// SPDX-License-Identifier: Apache-2.0
#include "proxy/session_pins.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace penstock::proxy {

pin_set session_pins::follow(pin_set now, const std::string& digest, time_point at, telemetry::pool_counters& counters)
{
    count_time(at, counters);
    const bool was_pinned = !reasons_.empty();
    if (!was_pinned && !now.empty()) {
        memory_ = std::make_unique<memory>();
        memory_->counted_at = at;
    }
    pin_set added;
    now.for_each([&](pin_reason reason) {
        if (!reasons_.has(reason)) {
            added.add(reason);
            counters.count_pin(static_cast<std::size_t>(reason));
            memory_->entries.push_back({reason, at, digest});
        }
    });
    reasons_ = now;
    if (memory_) {
        std::erase_if(memory_->entries, [now](const auto& each) { return !now.has(each.reason); });
    }
    if (now.empty()) {
        memory_.reset();
    }
    if (was_pinned != !now.empty()) {
        counters.pinned_now.set(counters.pinned_now.value() + (was_pinned ? std::uint64_t(-1) : 1));
    }
    return added;
}

void session_pins::count_time(time_point at, telemetry::pool_counters& counters)
{
    if (!memory_ || at <= memory_->counted_at) {
        return;
    }
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(at - memory_->counted_at);
    memory_->counted_at += micros;  // what is less than one is counted the next time
    reasons_.for_each([&](pin_reason reason) {
        counters.count_pinned_time(static_cast<std::size_t>(reason), static_cast<std::uint64_t>(micros.count()));
    });
}

std::vector<pin_report> session_pins::report(time_point at) const
{
    std::vector<pin_report> all;
    if (memory_) {
        for (const auto& each : memory_->entries) {
            all.push_back({each.reason, at - each.since, each.digest});
        }
    }
    return all;
}

}  // namespace penstock::proxy
