// SPDX-License-Identifier: Apache-2.0
//
// Compressed packets: frames around pieces of the stream of packets. See "Compression" in the Client/Server Protocol
// chapter of the MySQL source documentation.
//
// A frame has the length of its payload (three octets), a number, and the length of the payload before it was
// compressed (three octets; 0: it was not). Frames and the packets in them begin and end where they like. Nothing is
// held but what a decompressor needs: payloads are taken apart as they come, into the room there is, so what a frame
// announces costs no memory. What comes out must be as long as announced, and end where the frame does.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/compression_codec.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace penstock::mysql {

inline constexpr std::size_t compressed_header_size = 7;
/// Both lengths have three octets.
inline constexpr std::uint32_t longest_compressed = 0xffffff;
/// Shorter payloads go out as they are, as servers have it (MIN_COMPRESS_LENGTH).
inline constexpr std::size_t least_compressed = 50;

struct compressed_header {
    std::uint32_t length = 0;  ///< of the payload as it is sent
    std::uint8_t number = 0;
    std::uint32_t plain_length = 0;  ///< of what it holds; 0: it is not compressed
};

/// The header at the start of `at`, which holds compressed_header_size octets at least.
[[nodiscard]] compressed_header load_compressed_header(bytes at);
void store_compressed_header(char* at, compressed_header header);

/// Appends a frame with `plain`, which has longest_compressed octets at most: compressed where that makes it shorter.
void append_compressed(compression how, int level, std::uint8_t number, bytes plain, std::string& out);

/// Follows the frames of one direction wherever the stream is cut.
class compressed_reader {
public:
    explicit compressed_reader(compression how) : how_{how} {}

    struct step {
        std::size_t taken = 0;
        std::size_t given = 0;
        std::optional<std::uint8_t> began{};  ///< the number of the frame whose header is whole now
    };

    /// Goes on with the front of `input`, up to the end of a header or of the room. A fault ends it for good.
    step take(bytes input, char* into, std::size_t room);

    /// The next octet begins a frame.
    [[nodiscard]] bool is_between_frames() const { return !in_payload_ && header_count_ == 0; }
    /// take() may give something without further input.
    [[nodiscard]] bool may_go_on() const { return wants_room_; }
    /// Why the stream cannot be followed; empty while it can.
    [[nodiscard]] std::string_view fault() const { return fault_; }

private:
    void begin(step& now);
    void take_plain(bytes input, char* into, std::size_t room, step& now);
    void take_packed(bytes input, char* into, std::size_t room, step& now);
    void end();
    void fail(std::string_view why);

    compression how_;
    bool in_payload_ = false;
    bool wants_room_ = false;
    std::uint8_t header_count_ = 0;
    char header_[compressed_header_size]{};
    std::uint32_t left_ = 0;        ///< of the payload as it is sent
    std::uint32_t plain_left_ = 0;  ///< of what it holds, where it is compressed
    borrowed_decompressor decompressor_{};
    std::string_view fault_{};
};

}  // namespace penstock::mysql
