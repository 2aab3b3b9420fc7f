// SPDX-License-Identifier: Apache-2.0
//
// Those who cannot go on before a node has been probed.
#pragma once

#include "router/doubt.hpp"

#include <functional>
#include <utility>
#include <vector>

namespace penstock::control {

/// Each is told once. Whoever was not when this goes is told that nobody looks.
class examiners {
public:
    examiners() = default;
    examiners(examiners&& other) noexcept : all_{std::exchange(other.all_, {})} {}
    examiners& operator=(examiners&&) = delete;
    ~examiners() { tell(router::node_finding::unknown); }

    void add(std::function<void(router::node_finding)> whom) { all_.push_back(std::move(whom)); }
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
