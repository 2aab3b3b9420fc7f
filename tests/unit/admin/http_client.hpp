// SPDX-License-Identifier: Apache-2.0
//
// The other end of a socket that the admin port serves: writes raw octets, and runs the loop until something has come
// back.
#pragma once

#include "control/loop.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace penstock::admin {

class raw_client {
public:
    raw_client(control::loop& on, int descriptor) : on_{&on}, descriptor_{descriptor}
    {
        fcntl(descriptor_, F_SETFL, fcntl(descriptor_, F_GETFL) | O_NONBLOCK);
    }
    ~raw_client() { close(descriptor_); }
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;

    void write(std::string_view octets)
    {
        EXPECT_EQ(send(descriptor_, octets.data(), octets.size(), MSG_NOSIGNAL), static_cast<ssize_t>(octets.size()));
    }
    void end_writing() { shutdown(descriptor_, SHUT_WR); }

    /// What has come once `text` is in it, or whatever has come by the end or the limit.
    std::string read_until(std::string_view text)
    {
        on_->run_until([this, text] { return read_some() || got_.find(text) != std::string::npos; }, seconds{10});
        return std::exchange(got_, {});
    }
    /// Everything up to the end; fails where none comes.
    std::string read_to_end()
    {
        EXPECT_TRUE(on_->run_until([this] { return read_some(); }, seconds{10}));
        return std::exchange(got_, {});
    }

private:
    /// True at the end.
    bool read_some()
    {
        std::array<char, 4096> buffer;
        while (!ended_) {
            const auto size = recv(descriptor_, buffer.data(), buffer.size(), 0);
            if (size < 0 && errno == EAGAIN) {
                break;
            }
            ended_ = size <= 0;
            got_.append(buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
        }
        return ended_;
    }

    control::loop* on_;
    int descriptor_;
    std::string got_{};
    bool ended_ = false;
};

/// A connected pair: ours, and the server's, which is non-blocking.
inline std::pair<int, int> connected_pair()
{
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {ends[0], ends[1]};
}

}  // namespace penstock::admin
