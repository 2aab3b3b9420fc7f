// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/encode.hpp"

#include "protocols/mysql/packet.hpp"

#include <algorithm>
#include <array>

namespace penstock::mysql {

namespace {

std::array<char, 5> eof_body(const eof_packet& eof)
{
    const auto octet = [](int value) { return static_cast<char>(value); };
    return {
        octet(eof_header), octet(eof.warnings), octet(eof.warnings >> 8), octet(eof.status), octet(eof.status >> 8)};
}

}  // namespace

void encode_ok_payload(const ok_packet& ok, capability_flags agreed, std::string& out, std::uint8_t header)
{
    const bool tracks = (agreed & capability::session_track) != 0;
    const bool changed = tracks && (ok.status & server_status::session_state_changed) != 0;
    const auto status =
        changed ? ok.status : static_cast<std::uint16_t>(ok.status & ~server_status::session_state_changed);
    wire_writer to{out};
    to.u8(header).lenenc(ok.affected_rows).lenenc(ok.last_insert_id).u16(status).u16(ok.warnings);
    if (changed || !ok.info.empty()) {
        to.lenenc_string(ok.info);
    }
    if (changed) {
        to.lenenc_string(ok.changes);
    }
}

void encode_eof_payload(const eof_packet& eof, std::string& out)
{
    const auto body = eof_body(eof);
    out.append(body.data(), body.size());
}

std::uint8_t encode_ok(
    const ok_packet& ok, capability_flags agreed, std::string& out, std::uint8_t sequence, std::uint8_t header)
{
    const auto place = begin_packet(out);
    encode_ok_payload(ok, agreed, out, header);
    return end_packet(out, place, sequence);
}

std::uint8_t encode_eof(const eof_packet& eof, std::string& out, std::uint8_t sequence)
{
    const auto packet = eof_octets(eof, sequence);
    out.append(packet.data(), packet.size());
    return static_cast<std::uint8_t>(sequence + 1);
}

std::array<char, eof_size> eof_octets(const eof_packet& eof, std::uint8_t sequence)
{
    const auto body = eof_body(eof);
    std::array<char, eof_size> packet;
    static_assert(packet.size() == header_size + body.size());
    store_header(packet.data(), {body.size(), sequence});
    std::copy(body.begin(), body.end(), packet.begin() + header_size);
    return packet;
}

}  // namespace penstock::mysql
