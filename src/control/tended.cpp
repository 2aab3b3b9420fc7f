// SPDX-License-Identifier: Apache-2.0
#include "control/tended.hpp"

#include "telemetry/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <utility>

namespace penstock::control {

void tend(loop& on, tended what)
{
    auto running = what.begin();
    auto ended = [&on, what = std::move(what)](const std::exception_ptr& fault) mutable {
        if (!fault || !what.is_wanted()) {
            return;
        }
        try {
            std::rethrow_exception(fault);
        } catch (const std::exception& why) {
            log::error(what.failure, {{"reason", why.what()}});
        }
        const auto pause = what.pause();
        on.call_after(pause, [&on, what = std::move(what)]() mutable {
            if (what.is_wanted()) {
                tend(on, std::move(what));
            }
        });
    };
    boost::asio::co_spawn(on.context(), std::move(running), std::move(ended));
}

}  // namespace penstock::control
