// SPDX-License-Identifier: Apache-2.0
//
// Sans-io dialogues: log in, reset, catch up. A conversation is a coroutine that never touches a socket.
//
// It talks to a dialogue: need(n) waits until n octets have come, write() adds to what goes out, start_tls() and
// look_up() ask whoever drives it for a deed. The driver (proxy/login over a stream, or a test by script) calls start()
// once, then, as long as waiting_for() is not want::nothing, does what is wanted and calls the matching answer
// function. Output is to be sent each time the conversation waits. A peer that goes away is told with end_of_input().
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "protocols/wire/login_types.hpp"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace penstock {

/// What a conversation waits for.
enum class want : std::uint8_t {
    nothing,  ///< it has ended, or was not started
    input,    ///< more octets from the peer
    tls,      ///< the TLS handshake, once what was written has been sent
    user,     ///< the record of the user named in user_question()
};

/// The plumbing between one conversation and whoever drives it. Outlives the conversation; does not move.
class dialogue {
public:
    dialogue() = default;
    dialogue(const dialogue&) = delete;
    dialogue& operator=(const dialogue&) = delete;

    // --- the conversation's side ---

    /// Waits until at least `count` octets are buffered. False where the peer went away first.
    auto need(std::size_t count) { return need_awaiter{*this, count}; }
    /// The octets that have come and are not consumed; valid until the next wait.
    [[nodiscard]] bytes buffered() const { return bytes{input_}.substr(consumed_); }
    void consume(std::size_t count) { consumed_ += count; }
    /// Octets to send, in order, before the next wait.
    std::string& output() { return output_; }
    /// Waits for the handshake to end. Empty where it failed. The caller makes sure that nothing is buffered before.
    auto start_tls() { return tls_awaiter{*this}; }
    /// Waits for the user's record.
    auto look_up(user_question question) { return user_awaiter{*this, std::move(question)}; }

    // --- the driver's side ---

    [[nodiscard]] want waiting_for() const { return waiting_for_; }
    [[nodiscard]] const user_question& question() const { return question_; }
    /// Adds octets from the peer and goes on if the conversation waited for them and now has enough.
    void feed(bytes octets);
    void end_of_input();
    /// What came behind the message that asked for TLS: the beginning of the peer's handshake, where a protocol lets a
    /// client go on without an answer. To be taken before the handshake; what is left is never taken for what came
    /// after.
    [[nodiscard]] std::string take_unread();
    void tls_done(std::optional<tls_facts> facts);
    void user_found(user_record record);
    /// What is to be sent now; the caller clears it.
    std::string& to_send() { return output_; }
    /// Octets that came after the conversation's end and belong to what follows.
    [[nodiscard]] std::string take_leftover() { return input_.substr(consumed_); }

private:
    struct need_awaiter {
        dialogue& self;
        std::size_t count;
        bool await_ready() const { return self.buffered().size() >= count || self.input_ended_; }
        void await_suspend(std::coroutine_handle<> waiter)
        {
            self.needed_ = count;
            self.suspend(want::input, waiter);
        }
        bool await_resume() const { return self.buffered().size() >= count; }
    };
    struct tls_awaiter {
        dialogue& self;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter) { self.suspend(want::tls, waiter); }
        std::optional<tls_facts> await_resume() const { return std::move(self.tls_facts_); }
    };
    struct user_awaiter {
        dialogue& self;
        user_question question;
        bool await_ready() const { return false; }
        void await_suspend(std::coroutine_handle<> waiter)
        {
            self.question_ = question;
            self.suspend(want::user, waiter);
        }
        user_record await_resume() const { return std::move(self.record_); }
    };

    void suspend(want what, std::coroutine_handle<> waiter)
    {
        waiting_for_ = what;
        waiter_ = waiter;
    }
    void resume();

    std::string input_;
    std::size_t consumed_ = 0;
    std::string output_;
    bool input_ended_ = false;
    std::size_t needed_ = 0;
    want waiting_for_ = want::nothing;
    std::coroutine_handle<> waiter_{};
    user_question question_{};
    std::optional<tls_facts> tls_facts_{};
    user_record record_{};
};

/// A dialogue's coroutine with its result. start() runs it to its first wait; done() says whether the result is there.
template <class T>
class [[nodiscard]] conversation {
public:
    struct promise_type {
        std::optional<T> value;
        std::coroutine_handle<> parent{};
        conversation get_return_object()
        {
            return conversation{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct final_awaiter {
            bool await_ready() noexcept { return false; }
            void await_suspend(std::coroutine_handle<promise_type> self) noexcept
            {
                if (auto parent = self.promise().parent) {
                    parent.resume();
                }
            }
            void await_resume() noexcept {}
        };
        final_awaiter final_suspend() noexcept { return {}; }
        template <class U>
        void return_value(U&& result)
        {
            value.emplace(std::forward<U>(result));
        }
        [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
    };

    explicit conversation(std::coroutine_handle<promise_type> frame) : frame_{frame} {}
    conversation(conversation&& other) noexcept : frame_{std::exchange(other.frame_, {})} {}
    conversation(const conversation&) = delete;
    conversation& operator=(const conversation&) = delete;
    conversation& operator=(conversation&&) = delete;
    ~conversation()
    {
        if (frame_) {
            frame_.destroy();
        }
    }

    void start() { frame_.resume(); }
    [[nodiscard]] bool done() const { return frame_.done(); }
    /// The result; to be called once, when done.
    T take() { return std::move(*frame_.promise().value); }

    /// A part of a dialogue may be a conversation of its own.
    auto operator co_await() &&
    {
        struct awaiter {
            std::coroutine_handle<promise_type> frame;
            bool await_ready() { return false; }
            bool await_suspend(std::coroutine_handle<> waiter)
            {
                frame.resume();
                if (frame.done()) {
                    return false;
                }
                frame.promise().parent = waiter;
                return true;
            }
            T await_resume() { return std::move(*frame.promise().value); }
        };
        return awaiter{frame_};
    }

private:
    std::coroutine_handle<promise_type> frame_;
};

}  // namespace penstock
