// SPDX-License-Identifier: Apache-2.0
//
// Capability flags, status flags and command bytes by their names in the protocol documentation of MySQL and MariaDB.
//
// One 64-bit set holds both: the lower half is MySQL's, the upper half MariaDB's extended capabilities, which travel in
// the filler octets of the handshake where neither side sets CLIENT_MYSQL (bit 0, once CLIENT_LONG_PASSWORD).
#pragma once

#include <cstdint>

namespace penstock::mysql {

using capability_flags = std::uint64_t;

namespace capability {
inline constexpr capability_flags long_password = 1ULL << 0;  ///< also CLIENT_MYSQL: "I am not MariaDB"
inline constexpr capability_flags found_rows = 1ULL << 1;
inline constexpr capability_flags long_flag = 1ULL << 2;
inline constexpr capability_flags connect_with_db = 1ULL << 3;
inline constexpr capability_flags no_schema = 1ULL << 4;
inline constexpr capability_flags compress = 1ULL << 5;
inline constexpr capability_flags odbc = 1ULL << 6;
inline constexpr capability_flags local_files = 1ULL << 7;
inline constexpr capability_flags ignore_space = 1ULL << 8;
inline constexpr capability_flags protocol_41 = 1ULL << 9;
inline constexpr capability_flags interactive = 1ULL << 10;
inline constexpr capability_flags ssl = 1ULL << 11;
inline constexpr capability_flags ignore_sigpipe = 1ULL << 12;
inline constexpr capability_flags transactions = 1ULL << 13;
inline constexpr capability_flags reserved = 1ULL << 14;
inline constexpr capability_flags secure_connection = 1ULL << 15;
inline constexpr capability_flags multi_statements = 1ULL << 16;
inline constexpr capability_flags multi_results = 1ULL << 17;
inline constexpr capability_flags ps_multi_results = 1ULL << 18;
inline constexpr capability_flags plugin_auth = 1ULL << 19;
inline constexpr capability_flags connect_attrs = 1ULL << 20;
inline constexpr capability_flags plugin_auth_lenenc = 1ULL << 21;
inline constexpr capability_flags can_handle_expired_passwords = 1ULL << 22;
inline constexpr capability_flags session_track = 1ULL << 23;
inline constexpr capability_flags deprecate_eof = 1ULL << 24;
inline constexpr capability_flags optional_resultset_metadata = 1ULL << 25;
inline constexpr capability_flags zstd_compression = 1ULL << 26;
inline constexpr capability_flags query_attributes = 1ULL << 27;
inline constexpr capability_flags multi_factor_authentication = 1ULL << 28;
inline constexpr capability_flags capability_extension = 1ULL << 29;
inline constexpr capability_flags ssl_verify_server_cert = 1ULL << 30;
inline constexpr capability_flags remember_options = 1ULL << 31;
// MariaDB's.
inline constexpr capability_flags mariadb_progress = 1ULL << 32;
inline constexpr capability_flags mariadb_com_multi = 1ULL << 33;
inline constexpr capability_flags mariadb_stmt_bulk_operations = 1ULL << 34;
inline constexpr capability_flags mariadb_extended_metadata = 1ULL << 35;
inline constexpr capability_flags mariadb_cache_metadata = 1ULL << 36;
inline constexpr capability_flags mariadb_bulk_unit_results = 1ULL << 37;

inline constexpr capability_flags lower_half = 0xffffffffULL;
}  // namespace capability

[[nodiscard]] constexpr bool has(capability_flags set, capability_flags flag)
{
    return (set & flag) == flag;
}

/// SERVER_STATUS_* and SERVER_*: in OK and EOF packets.
namespace server_status {
inline constexpr std::uint16_t in_transaction = 0x0001, autocommit = 0x0002, more_results_exist = 0x0008,
                               no_good_index_used = 0x0010, no_index_used = 0x0020, cursor_exists = 0x0040,
                               last_row_sent = 0x0080, db_dropped = 0x0100, no_backslash_escapes = 0x0200,
                               metadata_changed = 0x0400, query_was_slow = 0x0800, ps_out_params = 0x1000,
                               in_transaction_readonly = 0x2000, session_state_changed = 0x4000, ansi_quotes = 0x8000;
/// What says something about the session rather than about one statement.
inline constexpr std::uint16_t lasting =
    in_transaction | autocommit | no_backslash_escapes | in_transaction_readonly | ansi_quotes;
/// And what is known as soon as the columns of a result are.
inline constexpr std::uint16_t of_definitions =
    lasting | more_results_exist | ps_out_params | no_good_index_used | no_index_used;
}  // namespace server_status

/// The first octet of a client's message in the command phase.
enum class command : std::uint8_t {
    sleep = 0x00,
    quit = 0x01,
    init_db = 0x02,
    query = 0x03,
    field_list = 0x04,
    create_db = 0x05,
    drop_db = 0x06,
    refresh = 0x07,
    shutdown = 0x08,
    statistics = 0x09,
    process_info = 0x0a,
    connect = 0x0b,
    process_kill = 0x0c,
    debug = 0x0d,
    ping = 0x0e,
    time = 0x0f,
    delayed_insert = 0x10,
    change_user = 0x11,
    binlog_dump = 0x12,
    table_dump = 0x13,
    connect_out = 0x14,
    register_slave = 0x15,
    stmt_prepare = 0x16,
    stmt_execute = 0x17,
    stmt_send_long_data = 0x18,
    stmt_close = 0x19,
    stmt_reset = 0x1a,
    set_option = 0x1b,
    stmt_fetch = 0x1c,
    daemon = 0x1d,
    binlog_dump_gtid = 0x1e,
    reset_connection = 0x1f,
    clone = 0x20,
    subscribe_group_replication_stream = 0x21,
    stmt_bulk_execute = 0xfa,  ///< MariaDB
    multi = 0xfe,              ///< MariaDB, reserved
};

}  // namespace penstock::mysql
