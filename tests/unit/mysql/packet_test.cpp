// SPDX-License-Identifier: Apache-2.0
//
// Frames: their headers, long messages in several of them, and following them wherever the stream is cut.
#include "protocols/mysql/packet.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::mysql {
namespace {

using namespace std::string_literals;

/// The lengths of the frames in `stream`, whose sequence numbers must count from `first`.
std::vector<std::size_t> frames_of(bytes stream, std::uint8_t first)
{
    std::vector<std::size_t> lengths;
    while (!stream.empty()) {
        const auto header = load_header(stream);
        EXPECT_EQ(header.sequence, first++);
        lengths.push_back(header.length);
        stream.remove_prefix(header.frame_size());
    }
    return lengths;
}

TEST(Packet, HeaderIsLittleEndianLengthAndSequence)
{
    const auto header = load_header("\x01\x02\x03\xff"s);
    EXPECT_EQ(header.length, 0x030201U);
    EXPECT_EQ(header.sequence, 255);
    char back[header_size];
    store_header(back, header);
    EXPECT_EQ(std::string(back, header_size), "\x01\x02\x03\xff"s);
}

TEST(Packet, AShortMessageIsOneFrame)
{
    std::string out = "before";
    EXPECT_EQ(append_packet(out, 7, "\x03select 1"), 8);
    EXPECT_EQ(out, "before\x09\0\0\x07\x03select 1"s);
    std::string same = "before";
    const auto place = begin_packet(same);
    same.append("\x03select 1");
    EXPECT_EQ(end_packet(same, place, 7), 8);
    EXPECT_EQ(same, out);
}

TEST(Packet, MessagesAroundSixteenMebibytesAreSplitAndEndWithAShorterFrame)
{
    using lengths = std::vector<std::size_t>;
    const std::size_t most = longest_frame;
    const std::vector<std::pair<std::size_t, lengths>> table{
        {most - 1, {most - 1}},
        {most, {most, 0}},
        {most + 1, {most, 1}},
        {2 * most, {most, most, 0}},
        {2 * most + 5, {most, most, 5}},
    };
    for (const auto& [size, expected] : table) {
        std::string payload(size, 'x');
        payload.back() = 'z';
        std::string by_append;
        EXPECT_EQ(append_packet(by_append, 254, payload), static_cast<std::uint8_t>(254 + expected.size()));
        EXPECT_EQ(frames_of(by_append, 254), expected) << size;
        std::string by_end;
        const auto place = begin_packet(by_end);
        by_end.append(payload);
        EXPECT_EQ(end_packet(by_end, place, 254), static_cast<std::uint8_t>(254 + expected.size()));
        EXPECT_TRUE(by_end == by_append) << size;

        EXPECT_EQ(whole_message_size(by_end), by_end.size());
        EXPECT_EQ(whole_message_size(bytes{by_end}.substr(0, by_end.size() - 1)), std::nullopt) << size;
        std::string scratch;
        EXPECT_TRUE(join_payload(by_end, scratch) == payload) << size;
    }
}

TEST(Packet, WholeMessageSizeLeavesWhatFollows)
{
    std::string out;
    append_packet(out, 0, "abc");
    const auto size = out.size();
    append_packet(out, 0, "d");
    EXPECT_EQ(whole_message_size(out), size);
    EXPECT_EQ(whole_message_size(bytes{}), std::nullopt);
    std::string scratch;
    EXPECT_EQ(join_payload(bytes{out}.substr(0, size), scratch), "abc");
}

/// What a follower says of a stream given in pieces of `step` octets, a header never in parts.
struct followed {
    std::string payloads;  ///< each message and "|"
    std::size_t headers = 0;
    std::size_t begun = 0;
    std::string octets;
    bool mid_message = false;
};

followed follow(bytes stream, std::size_t step)
{
    followed seen;
    packet_follower follower;
    std::string buffer;
    for (std::size_t at = 0; at < stream.size(); at += step) {
        buffer.append(stream.substr(at, step));
        for (;;) {
            const auto piece = follower.take(buffer);
            if (piece.octets.empty()) {
                break;
            }
            seen.octets.append(piece.octets);
            seen.payloads.append(piece.payload).append(piece.ends ? "|" : "");
            seen.headers += piece.has_header ? 1 : 0;
            seen.begun += piece.begins ? 1 : 0;
            buffer.erase(0, piece.octets.size());
        }
    }
    seen.mid_message = follower.is_mid_message();
    return seen;
}

TEST(PacketFollower, FindsMessagesWhereverTheStreamIsCut)
{
    std::string stream;
    append_packet(stream, 0, "one");
    append_packet(stream, 1, "");
    append_packet(stream, 2, "three and more");
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        const auto seen = follow(stream, step);
        EXPECT_EQ(seen.payloads, "one||three and more|") << step;
        EXPECT_EQ(seen.headers, 3U) << step;
        EXPECT_EQ(seen.begun, 3U) << step;
        EXPECT_EQ(seen.octets, stream) << step;
        EXPECT_FALSE(seen.mid_message) << step;
    }
}

TEST(PacketFollower, AMessageOfExactlyTheLongestFrameEndsWithItsEmptyFrame)
{
    std::string stream;
    append_packet(stream, 0, std::string(longest_frame, 'x'));
    append_packet(stream, 0, "next");
    for (const std::size_t step :
         {std::size_t{1} << 20, stream.size(), stream.size() - 5, std::size_t{longest_frame}}) {
        const auto seen = follow(stream, step);
        EXPECT_EQ(seen.begun, 2U);
        EXPECT_EQ(seen.headers, 3U);
        EXPECT_EQ(seen.payloads.size(), std::size_t{longest_frame} + 6);
        EXPECT_TRUE(seen.payloads.ends_with("x|next|"));
    }
    packet_follower follower;
    const auto frame = bytes{stream}.substr(0, header_size + longest_frame);
    EXPECT_FALSE(follower.take(frame).ends);
    EXPECT_TRUE(follower.is_mid_message());
}

TEST(SequenceCheck, CountsAndWrapsAround)
{
    sequence_check check;
    for (int round = 0; round < 600; ++round) {
        EXPECT_TRUE(check.accept(static_cast<std::uint8_t>(round)));
    }
    EXPECT_FALSE(check.accept(7));
    check.restart();
    EXPECT_EQ(check.next(), 0);
    EXPECT_TRUE(check.accept(0));
}

}  // namespace
}  // namespace penstock::mysql
