// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/packet.hpp"

#include "core/assert.hpp"

#include <algorithm>

namespace penstock::mysql {

std::uint8_t end_packet(std::string& out, std::size_t place, std::uint8_t sequence)
{
    PENSTOCK_ASSERT(place + header_size <= out.size());
    for (;;) {
        const auto payload = out.size() - place - header_size;
        const auto length = static_cast<std::uint32_t>(std::min<std::size_t>(payload, longest_frame));
        store_header(out.data() + place, {length, sequence++});
        if (length < longest_frame) {
            return sequence;
        }
        place += header_size + length;
        out.insert(place, header_size, '\0');
    }
}

std::uint8_t append_packet(std::string& out, std::uint8_t sequence, bytes payload)
{
    for (;;) {
        const auto length = static_cast<std::uint32_t>(std::min<std::size_t>(payload.size(), longest_frame));
        char header[header_size];
        store_header(header, {length, sequence++});
        out.append(header, header_size).append(payload.substr(0, length));
        if (length < longest_frame) {
            return sequence;
        }
        payload.remove_prefix(length);
    }
}

std::uint8_t append_packet(std::string& out, std::uint8_t sequence, bytes head, bytes rest)
{
    const auto length = head.size() + rest.size();
    if (length >= longest_frame) {
        return append_packet(out, sequence, std::string{head}.append(rest));
    }
    char header[header_size];
    store_header(header, {static_cast<std::uint32_t>(length), sequence});
    out.append(header, header_size).append(head).append(rest);
    return static_cast<std::uint8_t>(sequence + 1);
}

packet_follower::piece packet_follower::take(bytes input)
{
    piece next{};
    std::size_t before = 0;
    if (left_ == 0) {
        if (input.size() < header_size) {
            return next;
        }
        next.header = load_header(input);
        next.has_header = true;
        next.begins = !in_message_;
        in_message_ = true;
        left_ = next.header.length;
        last_frame_ = !next.header.goes_on();
        before = header_size;
    }
    const auto count = std::min(left_, input.size() - before);
    left_ -= count;
    next.octets = input.substr(0, before + count);
    next.payload = input.substr(before, count);
    next.ends = left_ == 0 && last_frame_ && in_message_ && !next.octets.empty();
    if (next.ends) {
        in_message_ = false;
    }
    return next;
}

std::uint8_t number_packets(std::span<char> packets, std::uint8_t sequence)
{
    char* at = packets.data();
    const char* const end = at + packets.size();
    while (at < end) {
        const auto size = load_header({at, header_size}).frame_size();
        at[3] = static_cast<char>(sequence++);
        at += size;
    }
    return sequence;
}

std::optional<std::size_t> whole_message_size(bytes input)
{
    std::size_t size = 0;
    for (;;) {
        if (input.size() - size < header_size) {
            return std::nullopt;
        }
        const auto header = load_header(input.substr(size));
        if (input.size() - size < header.frame_size()) {
            return std::nullopt;
        }
        size += header.frame_size();
        if (!header.goes_on()) {
            return size;
        }
    }
}

bytes join_payload(bytes message, std::string& scratch)
{
    const auto first = load_header(message);
    if (!first.goes_on()) {
        return message.substr(header_size, first.length);
    }
    scratch.clear();
    scratch.reserve(message.size());
    while (message.size() >= header_size) {
        const auto header = load_header(message);
        scratch.append(message.substr(header_size, header.length));
        message.remove_prefix(std::min(header.frame_size(), message.size()));
    }
    return scratch;
}

}  // namespace penstock::mysql
