// SPDX-License-Identifier: Apache-2.0
//
// MySQL's packet frames. See "MySQL Packets" in the Client/Server Protocol chapter of the MySQL source documentation.
//
// A frame is a three-octet little-endian length, a sequence number, and so many octets of payload. A message of 16 MiB
// - 1 octets or more is split into frames of exactly that length and a shorter last one, which is empty where nothing
// is left. Sequence numbers start at 0 with each command, count every frame of both directions, and wrap around at 256.
#pragma once

#include "core/bytes.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace penstock::mysql {

inline constexpr std::size_t header_size = 4;
/// A frame of this length is followed by another one of the same message.
inline constexpr std::uint32_t longest_frame = 0xffffff;

struct packet_header {
    std::uint32_t length = 0;  ///< of the payload
    std::uint8_t sequence = 0;

    [[nodiscard]] std::size_t frame_size() const { return header_size + length; }
    /// Another frame of the same message follows.
    [[nodiscard]] bool goes_on() const { return length == longest_frame; }
};

/// The header at the start of `at`, which holds header_size octets at least.
inline packet_header load_header(bytes at)
{
    const auto octet = [at](std::size_t place) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(at[place]));
    };
    return {octet(0) | octet(1) << 8 | octet(2) << 16, static_cast<std::uint8_t>(octet(3))};
}

/// What stands behind the header of a frame, which holds header_size octets at least.
inline bytes payload_of(bytes frame)
{
    return {frame.data() + header_size, frame.size() - header_size};
}

inline void store_header(char* at, packet_header header)
{
    at[0] = static_cast<char>(header.length);
    at[1] = static_cast<char>(header.length >> 8);
    at[2] = static_cast<char>(header.length >> 16);
    at[3] = static_cast<char>(header.sequence);
}

/// Starts a message in `out`, to which the caller appends the payload, and gives the place for end_packet().
inline std::size_t begin_packet(std::string& out)
{
    out.append("\0\0\0", header_size);
    return out.size() - header_size;
}

/// Ends the message begun at `place`, splitting it where it is long. Gives the sequence number that comes next.
std::uint8_t end_packet(std::string& out, std::size_t place, std::uint8_t sequence);

/// A whole message with a ready payload. Gives the sequence number that comes next.
std::uint8_t append_packet(std::string& out, std::uint8_t sequence, bytes payload);
/// The same with a payload in two parts.
std::uint8_t append_packet(std::string& out, std::uint8_t sequence, bytes head, bytes rest);

/// Numbers packets that follow each other and are there whole. Gives the sequence number that comes next.
std::uint8_t number_packets(std::span<char> packets, std::uint8_t sequence);

/// Follows the frames and messages of one direction wherever the stream is cut, without keeping any of it.
///
/// take() gives the next piece: some payload, or the end of a message. Of a message the payload is given as it comes;
/// the pieces of its frames follow each other. Sequence numbers are reported, not judged: see sequence_check.
class packet_follower {
public:
    struct piece {
        bytes octets{};           ///< of the stream, headers included: consumed by this piece
        bytes payload{};          ///< its part without the header
        bool begins = false;      ///< first octets of a message (the payload may still be empty)
        bool ends = false;        ///< the message is whole with this piece
        bool has_header = false;  ///< a frame began with this piece: `header` is set
        packet_header header{};
    };

    /// The next piece at the front of `input`; empty octets where it holds not even a whole header. The caller removes
    /// piece::octets from the front and calls again. A header is only taken whole.
    [[nodiscard]] piece take(bytes input);

    /// A message has begun and not ended.
    [[nodiscard]] bool is_mid_message() const { return in_message_; }
    /// Payload octets of the current frame that are still to come.
    [[nodiscard]] std::size_t frame_left() const { return left_; }

private:
    std::size_t left_ = 0;
    bool last_frame_ = true;  ///< the current frame is its message's last
    bool in_message_ = false;
};

/// The sequence numbers of one exchange, both directions. Wraps around at 256.
class sequence_check {
public:
    /// A new command begins: its first frame has number 0.
    void restart() { next_ = 0; }
    /// Whether a frame with this number may come now; counts it.
    [[nodiscard]] bool accept(std::uint8_t sequence)
    {
        const bool expected = sequence == next_;
        next_ = static_cast<std::uint8_t>(sequence + 1);
        return expected;
    }
    /// The number the next frame has, whoever sends it.
    [[nodiscard]] std::uint8_t next() const { return next_; }
    void set_next(std::uint8_t sequence) { next_ = sequence; }

private:
    std::uint8_t next_ = 0;
};

/// The octets of the message at the front of `input`, headers included, if it is there as a whole; nothing where more
/// must come. What it carries is bounded by the caller, who looks at load_header() first.
[[nodiscard]] std::optional<std::size_t> whole_message_size(bytes input);

/// The payload of the whole message `message`: a view into it where it is one frame, else joined in `scratch`.
[[nodiscard]] bytes join_payload(bytes message, std::string& scratch);

}  // namespace penstock::mysql
