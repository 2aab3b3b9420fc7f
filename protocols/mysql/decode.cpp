// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/decode.hpp"

namespace penstock::mysql {

bytes wire_reader::counted(std::uint64_t count)
{
    if (count > in_.left()) {
        fail();
        return {};
    }
    return in_.take(static_cast<std::size_t>(count));
}

std::uint64_t wire_reader::long_lenenc(std::uint8_t first)
{
    switch (first) {
        case 0xfb:
        case 0xff: fail(); return 0;
        case 0xfc: return u16();
        case 0xfd: return u24();
        case 0xfe: return u64();
        default: return first;
    }
}

std::optional<bytes> wire_reader::nullable_string()
{
    if (in_.left() > 0 && peek() == 0xfb) {
        skip(1);
        return std::nullopt;
    }
    return lenenc_string();
}

std::string_view wire_reader::c_string_or_rest()
{
    auto copy = in_;
    const auto text = copy.c_string();
    if (copy.failed()) {
        return in_.remainder();
    }
    in_ = copy;
    return text;
}

std::uint8_t wire_reader::peek() const
{
    auto copy = in_;
    return copy.u8();
}

std::optional<ok_packet> decode_ok(bytes payload, capability_flags agreed)
{
    wire_reader in{payload};
    const auto header = in.u8();
    ok_packet ok{};
    ok.affected_rows = in.lenenc();
    ok.last_insert_id = in.lenenc();
    ok.status = in.u16();
    ok.warnings = in.u16();
    if (in.failed() || (header != ok_header && header != eof_header)) {
        return std::nullopt;
    }
    if (in.left() == 0) {
        return ok;
    }
    if ((agreed & capability::session_track) == 0) {
        ok.info = in.remainder();
        // Servers write a length here although the documentation has plain text.
        wire_reader counted{ok.info};
        const auto text = counted.lenenc_string();
        ok.info = counted.finished_cleanly() ? text : ok.info;
        return ok;
    }
    ok.info = in.lenenc_string();
    if ((ok.status & server_status::session_state_changed) != 0) {
        ok.changes = in.lenenc_string();
    }
    return in.finished_cleanly() ? std::optional{ok} : std::nullopt;
}

std::optional<eof_packet> decode_eof(bytes payload)
{
    wire_reader in{payload};
    const auto header = in.u8();
    eof_packet eof{};
    eof.warnings = in.u16();
    eof.status = in.u16();
    return header == eof_header && in.finished_cleanly() ? std::optional{eof} : std::nullopt;
}

std::optional<err_packet> decode_err(bytes payload)
{
    wire_reader in{payload};
    const auto header = in.u8();
    err_packet err{};
    err.code = in.u16();
    if (in.left() >= 6 && in.peek() == '#') {
        in.skip(1);
        err.sqlstate = in.take(5);
    }
    err.message = in.remainder();
    return header == err_header && !in.failed() ? std::optional{err} : std::nullopt;
}

std::optional<session_change> session_change_reader::next()
{
    if (!pairs_.empty()) {
        return from_pairs();
    }
    if (in_.left() == 0) {
        return std::nullopt;
    }
    const auto start = all_.size() - in_.left();
    session_change change{};
    change.type = in_.u8();
    const auto body = in_.lenenc_string();
    if (in_.failed()) {
        return std::nullopt;
    }
    block_ = all_.substr(start, all_.size() - in_.left() - start);
    change.kind =
        change.type < static_cast<std::uint8_t>(change_kind::unknown) ? change_kind{change.type} : change_kind::unknown;
    change.block = block_;
    wire_reader of_body{body};
    switch (change.kind) {
        case change_kind::system_variable: pairs_ = body; return from_pairs();
        case change_kind::schema: change.name = of_body.lenenc_string(); break;
        case change_kind::gtids: of_body.skip(1); [[fallthrough]];
        case change_kind::transaction_characteristics:
        case change_kind::transaction_state: change.value = of_body.lenenc_string(); break;
        case change_kind::state_change:  // its one octet has no length of its own, in both products
        case change_kind::unknown: change.value = of_body.remainder(); break;
    }
    if (!of_body.finished_cleanly()) {
        in_.fail();
        return std::nullopt;
    }
    return change;
}

std::optional<session_change> session_change_reader::from_pairs()
{
    wire_reader pair{pairs_};
    session_change change{.kind = change_kind::system_variable, .block = block_};
    change.name = pair.lenenc_string();
    change.value = pair.lenenc_string();
    if (pair.failed()) {
        in_.fail();
        pairs_ = {};
        return std::nullopt;
    }
    pairs_ = pair.remainder();
    return change;
}

}  // namespace penstock::mysql
