// SPDX-License-Identifier: Apache-2.0
//
// Taking MySQL's payloads apart: a reader for little-endian and length-encoded values, and the packets that end a
// command: OK, EOF and ERR, with what OK says of changed session state.
//
// The reader remembers its first fault and never reads past its view; every length of a peer is bounded by the octets
// that are there. See "Basic Data Types" and "Generic Response Packets" in the MySQL protocol documentation.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace penstock::mysql {

class wire_reader {
public:
    explicit wire_reader(bytes input) : in_{input} {}

    std::uint8_t u8() { return in_.u8(); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(fixed<2>()); }
    std::uint32_t u24() { return static_cast<std::uint32_t>(fixed<3>()); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(fixed<4>()); }
    std::uint64_t u48() { return fixed<6>(); }
    std::uint64_t u64() { return fixed<8>(); }

    /// A length-encoded integer. 0xFB (NULL) and 0xFF (ERR) are none: a fault.
    std::uint64_t lenenc()
    {
        const auto first = u8();
        return first < 0xfb ? first : long_lenenc(first);
    }
    /// A length-encoded string.
    bytes lenenc_string() { return counted(lenenc()); }
    /// A length-encoded string, or NULL.
    std::optional<bytes> nullable_string();

    /// The next `count` octets, or a fault.
    bytes take(std::size_t count) { return in_.take(count); }
    void skip(std::size_t count) { in_.take(count); }
    /// Text up to a zero octet, which is consumed.
    std::string_view c_string() { return in_.c_string(); }
    /// Text up to a zero octet or, where there is none, to the end.
    std::string_view c_string_or_rest();
    bytes remainder() { return in_.remainder(); }

    /// The next octet, which stays; 0 at the end.
    [[nodiscard]] std::uint8_t peek() const;
    [[nodiscard]] std::size_t left() const { return in_.left(); }
    [[nodiscard]] bool failed() const { return in_.failed(); }
    [[nodiscard]] bool finished_cleanly() const { return in_.finished_cleanly(); }
    /// Marks a value that was read as one that may not be.
    void fail() { in_.take(in_.left() + 1); }

private:
    template <std::size_t Count>
    std::uint64_t fixed()
    {
        const auto octets = in_.take(Count);
        std::uint64_t value = 0;
        for (std::size_t place = octets.size(); place-- > 0;) {
            value = value << 8 | static_cast<unsigned char>(octets[place]);
        }
        return value;
    }
    std::uint64_t long_lenenc(std::uint8_t first);
    bytes counted(std::uint64_t count);

    byte_reader in_;
};

/// First octets of a response.
inline constexpr std::uint8_t ok_header = 0x00, local_infile_header = 0xfb, eof_header = 0xfe, err_header = 0xff;

[[nodiscard]] inline bool is_err(bytes payload)
{
    return !payload.empty() && static_cast<std::uint8_t>(payload[0]) == err_header;
}

/// An EOF packet as it was before DEPRECATE_EOF. A row may begin with 0xFE too (a column of 16 MiB), hence the length.
[[nodiscard]] inline bool is_eof(bytes payload)
{
    return !payload.empty() && static_cast<std::uint8_t>(payload[0]) == eof_header && payload.size() < 9;
}

/// An OK packet that stands where EOF stood (DEPRECATE_EOF); again a row may begin with 0xFE, but is then longer.
[[nodiscard]] inline bool is_ok_for_eof(bytes payload, std::size_t message_size)
{
    return !payload.empty() && static_cast<std::uint8_t>(payload[0]) == eof_header && message_size < 0xffffff;
}

struct ok_packet {
    std::uint64_t affected_rows = 0;
    std::uint64_t last_insert_id = 0;
    std::uint16_t status = 0;  ///< server_status
    std::uint16_t warnings = 0;
    bytes info{};
    bytes changes{};  ///< session-state blocks: session_change_reader
};

struct eof_packet {
    std::uint16_t warnings = 0;
    std::uint16_t status = 0;
};

struct err_packet {
    std::uint16_t code = 0;
    std::string_view sqlstate{};  ///< five octets, or empty where the server sent none
    std::string_view message{};
};

/// An OK packet (0x00, or 0xFE in place of EOF). `agreed` are the capabilities of that connection. Nothing where it is
/// malformed.
[[nodiscard]] std::optional<ok_packet> decode_ok(bytes payload, capability_flags agreed);
[[nodiscard]] std::optional<eof_packet> decode_eof(bytes payload);
/// An ERR packet with or without SQLSTATE (there is none before the capabilities are agreed on).
[[nodiscard]] std::optional<err_packet> decode_err(bytes payload);

/// What a block of session state is about (SESSION_TRACK_*).
enum class change_kind : std::uint8_t {
    system_variable = 0,              ///< name and value
    schema = 1,                       ///< name is the new schema
    state_change = 2,                 ///< value "1": something changed
    gtids = 3,                        ///< value, by encoding 0
    transaction_characteristics = 4,  ///< value: SQL that starts an equal transaction
    transaction_state = 5,            ///< value: eight octets such as "T_______"
    unknown,                          ///< of a later version: value is the raw block
};

struct session_change {
    change_kind kind{};
    std::string_view name{};
    std::string_view value{};
    std::uint8_t type = 0;  ///< as on the wire
    bytes block{};          ///< the whole block, type octet included, to be passed on as it is
};

/// Goes through ok_packet::changes.
class session_change_reader {
public:
    explicit session_change_reader(bytes changes) : all_{changes}, in_{changes} {}

    /// The next change; nothing at the end or at the first fault.
    [[nodiscard]] std::optional<session_change> next();
    [[nodiscard]] bool failed() const { return in_.failed(); }

private:
    std::optional<session_change> from_pairs();

    bytes all_;
    wire_reader in_;
    bytes pairs_{};  ///< further variables of a block that holds several (MariaDB may)
    bytes block_{};
};

}  // namespace penstock::mysql
