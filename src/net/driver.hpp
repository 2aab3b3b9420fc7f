// SPDX-License-Identifier: Apache-2.0
//
// The byte driver: one per worker thread. It waits on epoll for all sockets of the worker and dispatches.
//
// One turn: resume what is on the ready list, run posted functions and due timers, wait, dispatch. Everything except
// post() and stop() belongs to the thread that calls run(). Streams are told by slot and generation, so an event for a
// stream that was destroyed earlier in the same turn is dropped.
#pragma once

#include "core/bytes.hpp"
#include "core/clock.hpp"
#include "core/task.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace penstock::net {

class event;

/// Something with a descriptor that wants to know of its readiness.
class pollable {
public:
    virtual ~pollable() = default;
    /// Told of all that one turn of the loop found before any on_ready() is: whoever runs first then knows what has
    /// come for others as well. `events` are epoll's bits.
    virtual void on_arrival(std::uint32_t) {}
    /// `events` are epoll's bits. Called from the dispatch only.
    virtual void on_ready(std::uint32_t events) = 0;
};

class driver {
public:
    /// Where a pollable is registered; 0 is none.
    using registration = std::uint64_t;
    using timer_id = std::uint64_t;

    driver();
    ~driver();
    driver(const driver&) = delete;
    driver& operator=(const driver&) = delete;

    /// Runs until stop(). Ignores SIGPIPE's cause: no send of ours raises it.
    void run();
    /// Runs one turn, waiting at most `longest`. For tests.
    void run_once(duration longest);
    /// Ends run() after the current turn. From any thread.
    void stop();

    /// Runs a function on this driver's thread. From any thread; in order per caller.
    void post(std::function<void()> work);

    /// Starts a root coroutine; its frame frees itself at the end.
    void spawn(task<void> work);
    /// Roots that have not ended yet.
    [[nodiscard]] std::size_t running() const;

    /// The time at the start of this turn. Cheap, and good enough for deadlines and statistics.
    [[nodiscard]] time_point now() const { return now_; }

    /// Calls once at or after `when` (millisecond precision).
    timer_id call_at(time_point when, std::function<void()> work);
    /// The same for the end of somebody's patience, which limit_patience() may bring forward.
    timer_id call_by(time_point when, std::function<void()> work);
    /// Nobody waits longer than this any more, those included who are waiting already. A later limit than the last one
    /// changes nothing.
    void limit_patience(time_point when);
    /// This deadline, or the limit if that comes earlier.
    [[nodiscard]] time_point patient_until(time_point when) const;
    /// A timer that has been called, or is being called, is none any more; cancelling it does nothing.
    void cancel(timer_id timer);

    /// Edge-triggered for input and hang-up. Output is watched on demand, for as long as somebody waits for room: Unix
    /// sockets report it each time the peer reads, which would wake us for nothing on every message.
    [[nodiscard]] registration add(int descriptor, pollable& target);
    void watch_output(int descriptor, registration where, bool wanted);
    /// Level-triggered for input: listening sockets.
    [[nodiscard]] registration add_level(int descriptor, pollable& target);
    void remove(int descriptor, registration where);
    /// As remove(), for a descriptor that is closed at once: closing takes it off epoll without a call of our own.
    void remove_closing(registration where);

    /// Scratch memory that streams receive into; contents are valid until the next receive on this driver.
    [[nodiscard]] char* receive_buffer() { return receive_buffer_.get() + room_in_front; }
    static constexpr std::size_t receive_buffer_size = 64 * 1024;
    /// Octets in front of it and of the next two: who passes on what was received may put so much before it.
    static constexpr std::size_t room_in_front = 16;
    /// A second one, for what TLS decrypts.
    [[nodiscard]] char* plain_buffer() { return plain_buffer_.get() + room_in_front; }
    /// A third one, for what TLS is about to send; whoever borrows it leaves it empty.
    [[nodiscard]] std::string& sealed_buffer() { return sealed_buffer_; }
    /// Two more, for what a layer above TLS makes of octets received and of octets to be sent; made at the first call.
    [[nodiscard]] char* unwrapped_buffer()
    {
        if (!unwrapped_buffer_) {
            unwrapped_buffer_ = new_buffer();
        }
        return unwrapped_buffer_.get() + room_in_front;
    }
    [[nodiscard]] std::string& wrapped_buffer() { return wrapped_buffer_; }

    /// As long as it lives, what is received goes into other buffers, and views into the usual ones stay valid: for
    /// whoever has to look at one stream while it deals with what another gave. Not for every day.
    class other_buffers {
    public:
        explicit other_buffers(driver& on);
        ~other_buffers() { swap(); }
        other_buffers(const other_buffers&) = delete;
        other_buffers& operator=(const other_buffers&) = delete;

    private:
        void swap();

        driver& driver_;
        std::unique_ptr<char[]> receive_, plain_, unwrapped_{};
    };

private:
    friend class event;
    struct state;

    void turn(int longest_ms);
    [[nodiscard]] int milliseconds_to_wait(int longest_ms);
    void set_alarm(time_point when);
    void resume_ready();
    void run_posted();
    void run_due_timers();
    [[nodiscard]] pollable* target_of(registration where) const;
    void wait_and_dispatch(int timeout_ms);
    registration add_with(int descriptor, pollable& target, std::uint32_t events);
    void wake();

    void enqueue(event& ready);
    void forget(const event& gone);
    [[nodiscard]] static std::unique_ptr<char[]> new_buffer();

    time_point now_;
    std::unique_ptr<char[]> receive_buffer_;
    std::unique_ptr<char[]> plain_buffer_;
    std::string sealed_buffer_;
    std::unique_ptr<char[]> unwrapped_buffer_;
    std::string wrapped_buffer_;
    std::unique_ptr<state> state_;
};

/// Awaits until `when`.
task<void> sleep_until(driver& on, time_point when);

}  // namespace penstock::net
