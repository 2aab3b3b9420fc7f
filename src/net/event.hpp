// SPDX-License-Identifier: Apache-2.0
//
// event: what one coroutine waits on, and the driver's ready list that resumes it.
//
// An event has at most one waiter. Streams fire it from the driver's dispatch, which resumes the waiter at once;
// everybody else calls notify(), which puts the waiter on the ready list, so that nobody is resumed inside another's
// function. A notification with nobody waiting is remembered until the next wait. Wake-ups may be spurious: a waiter
// looks again.
#pragma once

#include <coroutine>

namespace penstock::net {

class driver;

class event {
public:
    explicit event(driver& owner) : driver_{&owner} {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;
    ~event();  ///< a waiter on the ready list is taken off it

    /// Resumes the waiter in this turn of the loop, after what runs now. On the worker's own thread only.
    void notify();

    /// Resumes the waiter at once. For the driver's dispatch, where no other coroutine is running.
    void fire();

    /// Waits for the next notification; returns at once where one is pending.
    auto wait() { return awaiter{*this}; }

    /// Suspends until the next turn of the loop, so that others have theirs; a firing in between resumes earlier.
    auto yield() { return yielder{*this}; }

private:
    friend class driver;
    struct yielder {
        event& self;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) noexcept
        {
            self.waiter_ = waiter;
            self.notify();
        }
        void await_resume() const noexcept { self.pending_ = false; }
    };
    struct awaiter {
        event& self;
        bool await_ready() const noexcept
        {
            const bool ready = self.pending_;
            self.pending_ = false;
            return ready;
        }
        void await_suspend(std::coroutine_handle<> waiter) noexcept { self.waiter_ = waiter; }
        void await_resume() const noexcept {}
    };

    void resume_from_list();

    driver* driver_;
    std::coroutine_handle<> waiter_{};
    bool pending_ = false;
    bool queued_ = false;  ///< on the driver's ready list
};

}  // namespace penstock::net
