// SPDX-License-Identifier: Apache-2.0
//
// Those who cannot go on before a node has been probed.
#pragma once

#include "router/doubt.hpp"

#include <functional>
#include <utility>
#include <vector>

namespace penstock::control {

/// Each is told once, if at all: whoever waits when this goes is not.
class examiners {
public:
    void add(std::function<void(router::node_finding)> whom) { all_.push_back(std::move(whom)); }
    void take(examiners& from)
    {
        for (auto& each : std::exchange(from.all_, {})) {
            all_.push_back(std::move(each));
        }
    }
    [[nodiscard]] bool empty() const { return all_.empty(); }
    void tell(router::node_finding found)
    {
        for (const auto& each : std::exchange(all_, {})) {
            each(found);
        }
    }

private:
    std::vector<std::function<void(router::node_finding)>> all_;
};

}  // namespace penstock::control
