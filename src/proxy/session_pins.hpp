// SPDX-License-Identifier: Apache-2.0
//
// For which reasons one session is pinned, since when and by which statement; and what is counted of it.
#pragma once

#include "core/clock.hpp"
#include "protocols/wire/pin_reason.hpp"
#include "telemetry/counters.hpp"

#include <memory>
#include <string>
#include <vector>

namespace penstock::proxy {

/// One reason.
struct pin_report {
    pin_reason reason{};
    duration lasts{};
    std::string digest{};  ///< of the shape of the statement that pinned; empty where it is not known
};

class session_pins {
public:
    [[nodiscard]] pin_set reasons() const { return reasons_; }
    [[nodiscard]] bool empty() const { return reasons_.empty(); }

    /// These are the reasons now; the new ones are due to the statement with that digest. Returns the new ones.
    pin_set follow(pin_set now, const std::string& digest, time_point at, telemetry::pool_counters& counters);
    /// Counts the time since it was counted last.
    void count_time(time_point at, telemetry::pool_counters& counters);
    [[nodiscard]] std::vector<pin_report> report(time_point at) const;

private:
    struct entry {
        pin_reason reason;
        time_point since;
        std::string digest;
    };
    struct memory {
        std::vector<entry> entries;
        time_point counted_at;
    };
    std::unique_ptr<memory> memory_;  ///< null: not pinned, as most sessions are
    pin_set reasons_{};
};

}  // namespace penstock::proxy
