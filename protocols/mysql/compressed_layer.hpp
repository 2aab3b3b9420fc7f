// SPDX-License-Identifier: Apache-2.0
//
// The compressed protocol as a layer of a stream: frames made and taken apart, and their numbers.
//
// Frames of both directions are counted together, from 0 with each command; 255 is followed by 0. What we do for a
// client and for a server differs in who begins a command. A client may send its next one before it has our answer, so
// the frames of a command count from when that command is dealt with, and no call of open() gives octets of two frames.
// Towards a server, packets are followed: each command begins a frame of its own, which has number 0.
#pragma once

#include "core/stream_layer.hpp"
#include "protocols/mysql/compressed.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// Octets of packets that go into one frame: bounds the memory and the time that one takes.
inline constexpr std::size_t longest_compressed_part = 256 * 1024;

class compressed_layer : public stream_layer {
public:
    compressed_layer(compression how, int level) : reader_{how}, how_{how}, level_{level} {}

    std::size_t open(bytes from_wire, char* into, std::size_t room) final;
    [[nodiscard]] bool has_input() const final { return !left_over_.empty() || reader_.may_go_on(); }
    [[nodiscard]] bool is_between_frames() const final { return left_over_.empty() && reader_.is_between_frames(); }
    void begin_answer() override {}
    void answer_early() override {}
    [[nodiscard]] const client_error* fault() const final { return fault_ ? &*fault_ : nullptr; }

protected:
    /// Whether a frame with this number may come now; counts it.
    virtual bool accept(std::uint8_t number) = 0;
    /// Octets of two frames may be given together.
    [[nodiscard]] virtual bool joins_frames() const = 0;
    void append(bytes part, std::string& to_wire) { append_compressed(how_, level_, next_++, part, to_wire); }

    std::uint8_t next_ = 0;  ///< the number of the next frame, whoever sends it

private:
    bool take(bytes& input, char* into, std::size_t room, std::size_t& given);
    void fail(std::string_view why, std::uint16_t number);

    compressed_reader reader_;
    compression how_;
    int level_;
    std::string left_over_;  ///< what came and has not been taken, from left_over_taken_ on; without storage when idle
    std::size_t left_over_taken_ = 0;
    std::optional<client_error> fault_{};
};

/// Towards a client.
class compressed_client_layer final : public compressed_layer {
public:
    using compressed_layer::compressed_layer;
    void seal(bytes& messages, std::string& to_wire) override;
    void begin_answer() override;
    void answer_early() override;

private:
    bool accept(std::uint8_t number) override;
    [[nodiscard]] bool joins_frames() const override { return false; }

    bool spoke_last_ = true;                  ///< the last frame was ours
    std::optional<std::uint8_t> deferred_{};  ///< next_ once the command is dealt with that has come meanwhile
};

/// Towards a server.
class compressed_server_layer final : public compressed_layer {
public:
    using compressed_layer::compressed_layer;
    void seal(bytes& messages, std::string& to_wire) override;

private:
    bool accept(std::uint8_t number) override;
    [[nodiscard]] bool joins_frames() const override { return true; }
    bool begins_command(bytes header);
    std::size_t next_part(bytes messages, bool& is_command);

    std::uint8_t answer_ = 0;       ///< the number of the frame that begins the answer to the newest command
    std::size_t packet_left_ = 0;   ///< of the packet under way, what has not been sent
    std::uint8_t packet_ = 0;       ///< its number
    bool message_goes_on_ = false;  ///< the next packet belongs to the same message
    bool heard_ = false;            ///< the server has said something since we have
};

}  // namespace penstock::mysql
