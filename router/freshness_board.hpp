// SPDX-License-Identifier: Apache-2.0
//
// How much of a cluster's writes each node is known to have: where the control plane tells the workers.
//
// A node "covers" a moment if it has everything that was committed on the primary before it. Workers compare moments
// and know nothing of positions. A worker that has seen a write end asks for evidence newer than that; the first to ask
// wakes the sampler, which goes to sleep again once every replica covers all that was asked for. Atomic throughout.
#pragma once

#include "core/clock.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>

namespace penstock::router {

/// More nodes of a cluster are never read from.
inline constexpr std::size_t most_nodes = 64;

class freshness_board {
public:
    /// `wake` is called, from any thread, when evidence is asked for while nobody gathers any.
    explicit freshness_board(std::function<void()> wake = {}) : wake_{std::move(wake)} {}

    /// What that node covers; the epoch where that is not known.
    [[nodiscard]] time_point covers(std::size_t node) const
    {
        return node < most_nodes ? time_point{duration{covered_[node].load(std::memory_order_acquire)}} : time_point{};
    }
    void set(std::size_t node, time_point moment)
    {
        if (node < most_nodes) {
            covered_[node].store(moment.time_since_epoch().count(), std::memory_order_release);
        }
    }
    void forget_all()
    {
        for (auto& each : covered_) {
            each.store(0, std::memory_order_release);
        }
    }

    /// Nodes that cover `moment` are wanted.
    void want(time_point moment)
    {
        const auto wanted = moment.time_since_epoch().count();
        auto before = wanted_.load(std::memory_order_relaxed);
        while (before < wanted && !wanted_.compare_exchange_weak(before, wanted)) {
        }
        if (!gathering_.exchange(true) && wake_) {
            wake_();
        }
    }
    [[nodiscard]] time_point wanted() const { return time_point{duration{wanted_.load()}}; }
    /// The sampler sleeps: whoever asks next wakes it. False where somebody has asked meanwhile, so that it must go on.
    [[nodiscard]] bool rest(time_point seen)
    {
        gathering_.store(false);
        return wanted() <= seen || gathering_.exchange(true);
    }

    /// Whether positions can be had at all.
    [[nodiscard]] bool has_positions() const { return has_positions_.load(std::memory_order_relaxed); }
    void set_positions(bool known) { has_positions_.store(known, std::memory_order_relaxed); }

private:
    std::function<void()> wake_;
    std::array<std::atomic<duration::rep>, most_nodes> covered_{};
    std::atomic<duration::rep> wanted_{0};
    std::atomic<bool> gathering_{false};
    std::atomic<bool> has_positions_{false};
};

}  // namespace penstock::router
