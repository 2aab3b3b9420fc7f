// SPDX-License-Identifier: Apache-2.0
//
// The io_context and the guard that keeps run() waiting where there is no work.
#include "control/loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <utility>

namespace penstock::control {

namespace asio = boost::asio;

struct loop::state {
    asio::io_context io;
    asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
};

loop::loop() : state_{std::make_unique<state>()} {}
loop::~loop() = default;

void loop::run()
{
    state_->io.run();
}

bool loop::run_until(const std::function<bool()>& done, duration longest)
{
    const auto end = clock::now() + longest;
    while (!done()) {
        if (clock::now() >= end || state_->io.stopped()) {  // a stopped context would not wait, and we should spin
            return false;
        }
        state_->io.run_one_until(end);
    }
    return true;
}

void loop::stop()
{
    state_->io.stop();
}

void loop::post(std::function<void()> work)
{
    asio::post(state_->io, std::move(work));
}

void loop::call_after(duration wait, std::function<void()> work)
{
    auto timer = std::make_shared<asio::steady_timer>(state_->io, wait);
    timer->async_wait([timer, work = std::move(work)](const boost::system::error_code& fault) {
        if (!fault) {
            work();
        }
    });
}

asio::io_context& loop::context()
{
    return state_->io;
}

}  // namespace penstock::control
