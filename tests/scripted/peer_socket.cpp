// SPDX-License-Identifier: Apache-2.0
#include "tests/scripted/peer_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace penstock::test {

void peer_socket::send(std::string_view octets)
{
    unsent_.append(octets);
    flush();
}

bool peer_socket::pump()
{
    if (!is_open()) {
        return false;
    }
    bool moved = flush();
    std::array<char, 65536> buffer;
    while (reading && !ended_) {
        const auto count = ::recv(descriptor_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count > 0) {
            received.append(buffer.data(), static_cast<std::size_t>(count));
        } else if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        } else {
            ended_ = true;
        }
        moved = true;
    }
    return moved;
}

bool peer_socket::flush()
{
    bool moved = false;
    while (is_open() && !unsent_.empty()) {
        const auto count = ::send(descriptor_, unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                unsent_.clear();  // nobody takes it any more; receiving tells
            }
            break;
        }
        unsent_.erase(0, static_cast<std::size_t>(count));
        moved = true;
    }
    return moved;
}

void peer_socket::close()
{
    if (is_open()) {
        ::close(std::exchange(descriptor_, -1));
    }
}

}  // namespace penstock::test
