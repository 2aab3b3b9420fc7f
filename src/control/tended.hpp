// SPDX-License-Identifier: Apache-2.0
//
// Coroutines that are to run for as long as their owner does.
#pragma once

#include "control/loop.hpp"
#include "core/clock.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string_view>

namespace penstock::control {

struct tended {
    std::string_view failure{};                             ///< logged where it ends by an exception; there for good
    std::function<bool()> is_wanted{};                      ///< false once its owner has stopped, or is gone
    std::function<boost::asio::awaitable<void>()> begin{};  ///< called only where it is wanted
    std::function<duration()> pause{};                      ///< before it is begun again; likewise
};

/// Begins it, and again wherever it has ended by an exception. On the loop's thread, or before that runs.
void tend(loop& on, tended what);

}  // namespace penstock::control
