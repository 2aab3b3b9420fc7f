// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/encode.hpp"

#include "protocols/mysql/packet.hpp"

namespace penstock::mysql {

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
    wire_writer{out}.u8(eof_header).u16(eof.warnings).u16(eof.status);
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
    const auto place = begin_packet(out);
    encode_eof_payload(eof, out);
    return end_packet(out, place, sequence);
}

}  // namespace penstock::mysql
