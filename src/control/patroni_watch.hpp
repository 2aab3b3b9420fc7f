// SPDX-License-Identifier: Apache-2.0
//
// Asks a cluster's Patroni for its members, again and again: one URL after the other until one answers, beginning with
// the one that did last.
#pragma once

#include "control/loop.hpp"
#include "control/members.hpp"
#include "control/resolver.hpp"
#include "core/clock.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace penstock::control {

struct patroni_surroundings {
    resolver& names;
    std::function<duration()> pause;        ///< until it is asked again
    std::function<void(member_list)> tell;  ///< of each round: a list, or why there is none
};

class patroni_watch {
public:
    patroni_watch(loop& on, std::vector<place> at, duration patience, patroni_surroundings surroundings);
    ~patroni_watch();  ///< nothing is told afterwards. On the control thread, or once it has ended
    patroni_watch(const patroni_watch&) = delete;
    patroni_watch& operator=(const patroni_watch&) = delete;

    /// Begins to ask. Once; before run() or on the control thread.
    void start();
    /// Asks now, unless it does already. On the control thread.
    void hasten();

private:
    struct state;
    std::shared_ptr<state> state_;
};

}  // namespace penstock::control
