// SPDX-License-Identifier: Apache-2.0
//
// What the tests of net share: connected sockets, a loop that turns a driver until something holds, and a coroutine
// that sends one pattern while it checks another.
#pragma once

#include "net/connect.hpp"
#include "net/driver.hpp"
#include "net/event.hpp"
#include "net/stream.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>

namespace penstock::net::testing {

/// Overwrites what was received and the room in front of it, as whoever has received it may.
inline void overwrite(const received& got)
{
    ASSERT_EQ(got.how, received::kind::data);
    ASSERT_EQ(got.buffer.data() + driver::room_in_front, got.data.data());
    ASSERT_EQ(got.buffer.size(), driver::room_in_front + got.data.size());
    std::fill(got.buffer.begin(), got.buffer.end(), '!');
}

/// Turns the driver until the claim holds; false if it does not within a generous time.
template <class Claim>
bool turn_until(driver& on, Claim claim)
{
    const auto give_up = clock::now() + seconds{120};
    bool holds = claim();
    while (!holds && clock::now() < give_up) {
        on.run_once(milliseconds{10});
        holds = claim();
    }
    return holds;
}

/// A descriptor of the test's own, closed at its end.
class owned_socket {
public:
    explicit owned_socket(int number = -1) : number_{number} {}
    owned_socket(owned_socket&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    owned_socket& operator=(owned_socket&& other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~owned_socket() { close(); }
    void close()
    {
        if (number_ >= 0) {
            ::close(std::exchange(number_, -1));
        }
    }
    [[nodiscard]] int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

    void say(std::string_view text) const
    {
        EXPECT_EQ(::send(number_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    /// What has come; empty if nothing has, or if the other side has closed.
    [[nodiscard]] std::string hear() const
    {
        std::array<char, 65536> room{};
        const auto count = ::recv(number_, room.data(), room.size(), MSG_DONTWAIT);
        return {room.data(), count > 0 ? static_cast<std::size_t>(count) : 0};
    }
    /// Whether the other side has closed (and nothing is left to hear).
    [[nodiscard]] bool hears_the_end() const
    {
        char unused = 0;
        return ::recv(number_, &unused, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }

private:
    int number_;
};

struct socket_pair {
    owned_socket ours;    ///< non-blocking, for a stream
    owned_socket theirs;  ///< blocking
};

inline void make_non_blocking(int descriptor)
{
    ASSERT_EQ(::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK), 0);
}

/// The least that the kernel allows to be on its way; the default where `size` is 0.
inline void limit_buffers(int descriptor, int size)
{
    if (size > 0) {
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
        ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
}

inline socket_pair unix_pair(int buffer_size = 0)
{
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    limit_buffers(ends[0], buffer_size);
    limit_buffers(ends[1], buffer_size);
    make_non_blocking(ends[0]);
    return {owned_socket{ends[0]}, owned_socket{ends[1]}};
}

inline socket_pair tcp_pair(int buffer_size = 0)
{
    const auto anywhere = numeric_endpoint("127.0.0.1", 0);
    owned_socket listening{*listen_on(*anywhere)};
    limit_buffers(listening.get(), buffer_size);
    const auto where = numeric_endpoint("127.0.0.1", local_port(listening.get()));
    owned_socket theirs{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    limit_buffers(theirs.get(), buffer_size);
    EXPECT_EQ(::connect(theirs.get(), reinterpret_cast<const sockaddr*>(&where->address), where->size), 0);
    owned_socket ours{::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    EXPECT_GE(ours.get(), 0);
    return {std::move(ours), std::move(theirs)};
}

/// The octets from `offset` on of an endless text without short periods.
inline std::string pattern(std::size_t offset, std::size_t size)
{
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        const auto at = offset + i;
        text[i] = static_cast<char>(at * 167 + (at >> 8) * 59 + (at >> 16) * 31);
    }
    return text;
}

/// What came of a conversation of patterns.
struct tally {
    std::size_t received = 0;
    bool intact = true;  ///< all of it as expected
    bool done = false;   ///< the coroutine has ended
    std::size_t worst_backlog = 0;
    received::kind last = received::kind::would_block;
};

/// Sends `to_send` octets of the pattern, each time `chunk`, never into a congested stream, and checks `to_receive`
/// ones that come meanwhile. Ends when all of that is done, or at an end or error.
inline task<void> talk(
    stream& with, event& woken, std::size_t to_send, std::size_t to_receive, std::size_t chunk, tally& told)
{
    with.subscribe(&woken);
    std::size_t sent = 0;
    for (;;) {
        while (sent < to_send && !with.congested()) {
            const auto size = std::min(chunk, to_send - sent);
            with.send(pattern(sent, size));
            sent += size;
            told.worst_backlog = std::max(told.worst_backlog, with.backlog());
        }
        if (sent == to_send && with.backlog() == 0 && told.received >= to_receive) {
            break;
        }
        if (!with.readable()) {
            co_await woken.wait();
            continue;
        }
        const auto got = with.receive();
        told.last = got.how;
        if (got.how == received::kind::end || got.how == received::kind::error) {
            break;
        }
        told.intact = told.intact && got.data == pattern(told.received, got.data.size());
        told.received += got.data.size();
    }
    with.subscribe(nullptr);
    told.done = true;
}

/// Both ends talk at once until both are done.
inline void talk_both_ways(driver& on, stream& left, stream& right, std::size_t size, std::size_t chunk)
{
    event left_woken{on};
    event right_woken{on};
    tally left_told;
    tally right_told;
    on.spawn(talk(left, left_woken, size, size, chunk, left_told));
    on.spawn(talk(right, right_woken, size, size, chunk, right_told));
    EXPECT_TRUE(turn_until(on, [&] { return left_told.done && right_told.done; }));
    for (const auto* told : {&left_told, &right_told}) {
        EXPECT_EQ(told->received, size);
        EXPECT_TRUE(told->intact);
        EXPECT_LE(told->worst_backlog, stream::congestion_mark + 2 * chunk);
    }
}

}  // namespace penstock::net::testing
