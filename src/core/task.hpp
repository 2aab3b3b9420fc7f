// SPDX-License-Identifier: Apache-2.0
//
// task<T>: the coroutine of the data plane. It starts when it is awaited and runs on its worker's thread until it ends.
//
// A child that ends without suspending returns straight into its parent, so a loop of such awaits needs no stack. There
// are no exceptions in tasks: one that escapes ends the process. Spawn roots only through net::driver::spawn; arguments
// of a root are taken by value, and no capturing lambda is a coroutine (captures die with the lambda).
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace penstock {

template <class T = void>
class [[nodiscard]] task;

namespace detail {

struct task_promise_base {
    std::coroutine_handle<> continuation{};
    bool awaited_later = false;  ///< the parent has suspended: the end must resume it

    std::suspend_always initial_suspend() noexcept { return {}; }

    struct final_awaiter {
        bool await_ready() noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> self) noexcept
        {
            auto& promise = self.promise();
            if (promise.awaited_later) {
                auto next = promise.continuation;
                next.resume();  // may destroy this frame; nothing of it is touched afterwards
            }
        }
        void await_resume() noexcept {}
    };
    final_awaiter final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

template <class T>
struct task_promise : task_promise_base {
    std::optional<T> value;
    task<T> get_return_object();
    template <class U>
    void return_value(U&& result)
    {
        value.emplace(std::forward<U>(result));
    }
    T take() { return std::move(*value); }
};

template <>
struct task_promise<void> : task_promise_base {
    task<void> get_return_object();
    void return_void() {}
    void take() {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] task {
public:
    using promise_type = detail::task_promise<T>;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle frame) : frame_{frame} {}
    task(task&& other) noexcept : frame_{std::exchange(other.frame_, {})} {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    task& operator=(task&&) = delete;
    ~task()
    {
        if (frame_) {
            frame_.destroy();
        }
    }

    auto operator co_await() && { return awaiter{frame_}; }

    /// Gives up ownership of the frame; for spawn() only.
    handle release() { return std::exchange(frame_, {}); }

private:
    struct awaiter {
        handle frame;
        bool await_ready() noexcept { return false; }
        bool await_suspend(std::coroutine_handle<> parent)
        {
            frame.promise().continuation = parent;
            frame.resume();
            if (frame.done()) {
                return false;
            }
            frame.promise().awaited_later = true;
            return true;
        }
        T await_resume() { return frame.promise().take(); }
    };

    handle frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object()
{
    return task<T>{std::coroutine_handle<task_promise<T>>::from_promise(*this)};
}

inline task<void> task_promise<void>::get_return_object()
{
    return task<void>{std::coroutine_handle<task_promise<void>>::from_promise(*this)};
}

/// A root: runs at once, owns the task it was given, and frees itself at the end.
struct detached {
    struct promise_type {
        detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };
};

}  // namespace detail

/// Starts a root task now; it runs until its first suspension before this returns. Used by net::driver::spawn.
inline detail::detached start_detached(task<void> work)
{
    co_await std::move(work);
}

}  // namespace penstock
