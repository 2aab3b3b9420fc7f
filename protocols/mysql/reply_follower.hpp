// SPDX-License-Identifier: Apache-2.0
//
// The grammar of one command's reply: which message may come now, what it is, and when the reply has ended.
//
// A pure state machine over the first octet and the length of each message of a server; nothing of them is kept. It
// knows what the server was agreed with (DEPRECATE_EOF, optional metadata), not what the client wants: translating is
// back's. See "Command Phase" in the MySQL protocol documentation.
#pragma once

#include "core/bytes.hpp"
#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/decode.hpp"

#include <cstdint>
#include <optional>

namespace penstock::mysql {

/// The form of a command's reply.
enum class reply_kind : std::uint8_t {
    query,       ///< OK, ERR, text result sets or a request for a local file
    execute,     ///< OK, ERR or binary result sets
    prepare,     ///< a header with counts, definitions of parameters and of columns
    fetch,       ///< binary rows of a cursor
    field_list,  ///< definitions up to an EOF
    ok,          ///< OK or ERR
    eof,         ///< EOF (or OK in its place) or ERR
    text,        ///< one message of plain text: COM_STATISTICS
};

/// What a message is to the reply under way.
enum class message_role : std::uint8_t {
    ok,
    err,
    column_count,
    definition,       ///< of a column or a parameter
    definitions_end,  ///< EOF behind definitions, where EOF is not deprecated
    row,
    rows_end,  ///< EOF or OK in its place: ends rows, a field list, or a reply of the form eof
    local_infile,
    prepared,  ///< the header of the answer to COM_STMT_PREPARE
    text,
    unexpected,  ///< the server broke the protocol
};

/// The header of the answer to COM_STMT_PREPARE.
struct prepared_header {
    std::uint32_t statement = 0;
    std::uint16_t columns = 0;
    std::uint16_t parameters = 0;
    std::uint16_t warnings = 0;
    bool has_metadata = true;
};

class reply_follower {
public:
    /// A reply of this form comes next, on a connection with these capabilities.
    void begin(reply_kind kind, capability_flags agreed);

    /// What a message with this first octet is; `length` is its first frame's and at least 1.
    [[nodiscard]] message_role role_of(std::uint8_t first, std::uint32_t length) const;

    /// Whether role_of() says row: most messages are.
    [[nodiscard]] bool is_row(std::uint8_t first, std::uint32_t length) const
    {
        return state_ == state::rows && first != err_header && !ends_rows(first, length);
    }

    // Each message that has come is told here, by its role.
    /// False where the count is none that a server could mean.
    [[nodiscard]] bool on_column_count(bytes payload);
    [[nodiscard]] std::optional<prepared_header> on_prepared(bytes payload);
    void on_definition();
    /// The definitions have been gone through, and rows are next.
    void on_rows() { state_ = state::rows; }
    /// `cursor`: its rows stay at the server, to be fetched.
    void on_definitions_end(bool cursor);
    /// OK or the end of rows; `more`: another result follows.
    void on_end(bool more);
    void on_err() { state_ = state::ended; }
    void on_text() { state_ = state::ended; }
    void on_local_infile() { state_ = state::file; }
    /// The client's empty packet has been sent on.
    void on_file_end() { state_ = state::after_file; }

    /// Nothing of a result has come yet.
    [[nodiscard]] bool is_at_start() const { return state_ == state::first; }
    [[nodiscard]] bool has_ended() const { return state_ == state::ended; }
    /// The client's data for LOAD DATA LOCAL goes out now.
    [[nodiscard]] bool wants_file() const { return state_ == state::file; }
    /// The last of some definitions has come, and what follows was agreed to come without an EOF in between.
    [[nodiscard]] bool is_behind_definitions() const { return behind_definitions_; }
    [[nodiscard]] bool is_among_rows() const { return state_ == state::rows; }

private:
    enum class state : std::uint8_t {
        first,            ///< the first message of a result
        definitions,      ///< left_ of them
        definitions_end,  ///< the EOF behind them
        rows,
        file,        ///< the client sends a file
        after_file,  ///< OK or ERR, for that file
        ended,
    };
    void end_group();
    [[nodiscard]] bool ends_rows(std::uint8_t first, std::uint32_t length) const
    {
        return first == eof_header && (deprecate_eof_ ? length < 0xffffff : length < 9);
    }

    reply_kind kind_ = reply_kind::ok;
    state state_ = state::ended;
    bool deprecate_eof_ = false;
    bool optional_metadata_ = false;
    bool cache_metadata_ = false;
    bool behind_definitions_ = false;
    std::uint32_t left_ = 0;       ///< definitions of this group
    std::uint32_t next_left_ = 0;  ///< definitions of the group behind it (the columns of a prepared statement)
};

}  // namespace penstock::mysql
