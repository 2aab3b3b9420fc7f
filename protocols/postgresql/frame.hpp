// SPDX-License-Identifier: Apache-2.0
//
// PostgreSQL's message frames and types. See "Message Formats" in the PostgreSQL manual (chapter 55.7 of version 17).
//
// A frame is a type octet and a length that counts itself (four octets) and the body, not the type.
#pragma once

#include "core/bytes.hpp"

#include <array>
#include <cstdint>

namespace penstock::postgresql {

/// What a client sends.
namespace from_client {
inline constexpr char bind = 'B', close = 'C', copy_data = 'd', copy_done = 'c', copy_fail = 'f', describe = 'D',
                      execute = 'E', flush = 'H', function_call = 'F', parse = 'P', password = 'p', query = 'Q',
                      sync = 'S', terminate = 'X';
}

/// What a server sends.
namespace from_server {
inline constexpr char authentication = 'R', backend_key_data = 'K', bind_complete = '2', close_complete = '3',
                      command_complete = 'C', copy_both_response = 'W', copy_data = 'd', copy_done = 'c',
                      copy_in_response = 'G', copy_out_response = 'H', data_row = 'D', empty_query_response = 'I',
                      error_response = 'E', function_call_response = 'V', negotiate_protocol_version = 'v',
                      no_data = 'n', notice_response = 'N', notification_response = 'A', parameter_description = 't',
                      parameter_status = 'S', parse_complete = '1', portal_suspended = 's', ready_for_query = 'Z',
                      row_description = 'T';
}

inline constexpr std::size_t header_size = 5;
/// PostgreSQL's own bound on a message (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize - 1).
inline constexpr std::uint32_t longest_message = 0x3ffffffe;

struct frame_header {
    char type = 0;
    std::uint32_t length = 0;  ///< as on the wire: body and the length's own four octets

    [[nodiscard]] bool is_sound() const { return length >= 4 && length <= longest_message; }
    [[nodiscard]] std::size_t frame_size() const { return std::size_t{length} + 1; }
    [[nodiscard]] std::size_t body_size() const { return length - 4; }
};

/// The header at the start of `at`, which holds header_size octets at least.
inline frame_header load_header(bytes at)
{
    return {at[0], load_u32(at.data() + 1)};
}

inline bytes body_of(bytes frame)
{
    frame.remove_prefix(header_size);
    return frame;
}

/// A set of message types, all of which are ASCII.
class type_set {
public:
    explicit constexpr type_set(std::string_view members)
    {
        for (const char member : members) {
            words_[word_of(member)] |= std::uint64_t{1} << bit_of(member);
        }
    }
    [[nodiscard]] constexpr bool has(char type) const { return (words_[word_of(type)] >> bit_of(type) & 1U) != 0; }

private:
    static constexpr std::size_t word_of(char type) { return static_cast<unsigned char>(type) >> 6; }
    static constexpr unsigned bit_of(char type) { return static_cast<unsigned char>(type) & 63U; }

    std::array<std::uint64_t, 4> words_{};  ///< of which the upper two stay empty
};

/// Starts a frame in `out` and gives the place of its length for end_frame().
inline std::size_t begin_frame(std::string& out, char type)
{
    out.push_back(type);
    out.append(4, '\0');
    return out.size() - 4;
}

inline void end_frame(std::string& out, std::size_t length_place)
{
    store_u32(out.data() + length_place, static_cast<std::uint32_t>(out.size() - length_place));
}

/// A whole frame with a ready body.
inline void append_frame(std::string& out, char type, bytes body)
{
    const auto place = begin_frame(out, type);
    out.append(body);
    end_frame(out, place);
}

/// A Parse of our own making; `definition` is what follows the name.
inline void append_parse(std::string& out, std::string_view name, bytes definition)
{
    const auto place = begin_frame(out, from_client::parse);
    out.append(name).push_back('\0');
    out.append(definition);
    end_frame(out, place);
}

/// ReadyForQuery with a transaction status: 'I', 'T' or 'E'.
inline void append_ready(std::string& out, char status)
{
    append_frame(out, from_server::ready_for_query, bytes{&status, 1});
}

inline void append_query(std::string& out, std::string_view text)
{
    const auto place = begin_frame(out, from_client::query);
    out.append(text);
    out.push_back('\0');
    end_frame(out, place);
}

}  // namespace penstock::postgresql
