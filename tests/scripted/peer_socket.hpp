// SPDX-License-Identifier: Apache-2.0
//
// The test's end of a connection: a non-blocking socket with what came and what is still to be sent.
#pragma once

#include <string>
#include <string_view>

namespace penstock::test {

class peer_socket {
public:
    explicit peer_socket(int descriptor) : descriptor_{descriptor} {}
    peer_socket(const peer_socket&) = delete;
    peer_socket& operator=(const peer_socket&) = delete;
    ~peer_socket() { close(); }

    /// Sends what the kernel takes and keeps the rest for pump().
    void send(std::string_view octets);
    /// Sends and receives what can be; whether anything moved.
    bool pump();
    void close();

    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    /// The other side has closed or reset the connection.
    [[nodiscard]] bool ended() const { return ended_; }
    [[nodiscard]] std::size_t unsent() const { return unsent_.size(); }

    std::string received{};
    bool reading = true;  ///< false: what comes is left in the kernel

private:
    bool flush();

    int descriptor_;
    bool ended_ = false;
    std::string unsent_;
};

}  // namespace penstock::test
