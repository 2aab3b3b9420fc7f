// SPDX-License-Identifier: Apache-2.0
//
// The control plane's one thread: an Asio io_context with posts and timers.
//
// Everything in this module happens on the thread that calls run(), unless a function says otherwise. Asio itself stays
// in the .cpp files, which reach the io_context by context().
#pragma once

#include "core/clock.hpp"

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace penstock::control {

class loop {
public:
    loop();
    ~loop();  ///< what is still under way is dropped; no handler is called
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// Runs until stop(), waiting for work where there is none.
    void run();
    /// Runs what is due until `done` says so, `longest` has passed or stop() was called; true where `done` did. For
    /// tests and start-up.
    bool run_until(const std::function<bool()>& done, duration longest);
    /// Ends run() and run_until(), for good. From any thread.
    void stop();

    /// Runs a function on this thread. From any thread; in order per caller.
    void post(std::function<void()> work);
    /// Runs a function on this thread after a while. From any thread.
    void call_after(duration wait, std::function<void()> work);

    [[nodiscard]] boost::asio::io_context& context();

private:
    struct state;
    std::unique_ptr<state> state_;
};

}  // namespace penstock::control
