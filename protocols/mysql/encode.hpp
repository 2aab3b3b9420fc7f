// SPDX-License-Identifier: Apache-2.0
//
// Writing MySQL's payloads: little-endian and length-encoded values, and whole OK and EOF packets. ERR is in
// errors.hpp.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/decode.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock::mysql {

/// Appends wire data to a string that the caller owns.
class wire_writer {
public:
    explicit wire_writer(std::string& out) : out_{out} {}

    wire_writer& u8(std::uint8_t value) { return fixed(value, 1); }
    wire_writer& u16(std::uint16_t value) { return fixed(value, 2); }
    wire_writer& u24(std::uint32_t value) { return fixed(value, 3); }
    wire_writer& u32(std::uint32_t value) { return fixed(value, 4); }
    wire_writer& u64(std::uint64_t value) { return fixed(value, 8); }
    wire_writer& lenenc(std::uint64_t value)
    {
        if (value < 0xfb) {
            return fixed(value, 1);
        }
        if (value <= 0xffff) {
            return fixed(0xfc, 1).fixed(value, 2);
        }
        if (value <= 0xffffff) {
            return fixed(0xfd, 1).fixed(value, 3);
        }
        return fixed(0xfe, 1).fixed(value, 8);
    }
    wire_writer& lenenc_string(bytes value) { return lenenc(value.size()).raw(value); }
    wire_writer& null() { return fixed(0xfb, 1); }
    wire_writer& raw(bytes value)
    {
        out_.append(value);
        return *this;
    }
    wire_writer& zeros(std::size_t count)
    {
        out_.append(count, '\0');
        return *this;
    }
    /// Text and its closing zero octet. The text holds no zero octet itself.
    wire_writer& c_string(std::string_view value) { return raw(value).zeros(1); }

private:
    wire_writer& fixed(std::uint64_t value, std::size_t count)
    {
        char octets[8];
        for (std::size_t place = 0; place < count; ++place) {
            octets[place] = static_cast<char>(value >> (8 * place));
        }
        out_.append(octets, count);
        return *this;
    }

    std::string& out_;
};

/// The payload of an OK packet for a connection with these capabilities; `header` is eof_header where it stands for
/// EOF. Session changes are written where the connection tracks them and ok.status says that there are some.
void encode_ok_payload(const ok_packet& ok, capability_flags agreed, std::string& out, std::uint8_t header = ok_header);
void encode_eof_payload(const eof_packet& eof, std::string& out);

/// Whole packets. They give the sequence number that comes next.
std::uint8_t encode_ok(const ok_packet& ok,
                       capability_flags agreed,
                       std::string& out,
                       std::uint8_t sequence,
                       std::uint8_t header = ok_header);
std::uint8_t encode_eof(const eof_packet& eof, std::string& out, std::uint8_t sequence);
/// Octets of an EOF packet, its header included.
inline constexpr std::size_t eof_size = 9;
std::array<char, eof_size> eof_octets(const eof_packet& eof, std::uint8_t sequence);

}  // namespace penstock::mysql
