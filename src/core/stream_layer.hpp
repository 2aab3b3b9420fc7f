// SPDX-License-Identifier: Apache-2.0
//
// What a protocol puts between its messages and the stream once a login has agreed on it, above TLS: MySQL's
// compression. A transform of octets, tied to no thread; net::stream calls it.
#pragma once

#include "core/bytes.hpp"
#include "core/error.hpp"

#include <cstddef>
#include <string>

namespace penstock {

class stream_layer {
public:
    stream_layer() = default;
    stream_layer(const stream_layer&) = delete;
    stream_layer& operator=(const stream_layer&) = delete;
    virtual ~stream_layer() = default;

    /// Takes what came, all of it, and gives up to `room` octets of messages. What did not fit is kept; nothing new is
    /// passed in as long as has_input() holds.
    virtual std::size_t open(bytes from_wire, char* into, std::size_t room) = 0;
    /// open() may give more without anything having come.
    [[nodiscard]] virtual bool has_input() const = 0;
    /// Nothing of a frame has come that is not whole, and nothing is kept.
    [[nodiscard]] virtual bool is_between_frames() const = 0;
    /// Appends to `to_wire` what goes out for a part of `messages`, which is taken off its front. Never without
    /// progress.
    virtual void seal(bytes& messages, std::string& to_wire) = 0;
    /// What is sent from here on answers the peer's newest command, not one before it.
    virtual void begin_answer() = 0;
    /// What is sent from here on answers a command that has not come yet: a goodbye to a peer that waits for nothing.
    virtual void answer_early() = 0;
    /// What the peer did wrong; null while nothing. From then on open() gives nothing.
    [[nodiscard]] virtual const client_error* fault() const = 0;
};

}  // namespace penstock
