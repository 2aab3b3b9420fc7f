// SPDX-License-Identifier: Apache-2.0
//
// The server's half of an exchange: which replies a server connection owes, and what the client is to get of them.
//
// Every command with a reply is announced; advance() hops from packet to packet. Rows are passed on by their length and
// never held. What the two sides have agreed on may differ: EOF packets are dropped, inserted and made into OK packets,
// metadata flags and extended types too, and sequence numbers count what the client sees. What the server reports of
// its session (status flags, session tracking) is taken from every reply; the client sees only the tracking it asked
// for.
#pragma once

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/decode.hpp"
#include "protocols/mysql/found_rows.hpp"
#include "protocols/mysql/packet.hpp"
#include "protocols/mysql/reply_follower.hpp"
#include "protocols/mysql/statement.hpp"
#include "protocols/wire/doubt.hpp"
#include "protocols/wire/login_types.hpp"
#include "protocols/wire/kept_request.hpp"
#include "protocols/wire/outbox.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/pin_reason.hpp"
#include "protocols/wire/protocol.hpp"
#include "protocols/wire/ring.hpp"

#include "core/error.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace penstock::mysql {

class front;

/// What back::reported says of the status flags at login.
inline constexpr std::string_view reported_status = "=status";

/// Why a command was sent.
enum class purpose : std::uint8_t {
    client,          ///< the client's own
    prepare,         ///< a statement this server did not know; an error answers the client
    catch_up,        ///< the session's state, in front of the client's command
    tracking,        ///< turning session tracking on
    late_report,     ///< has the server tell what a statement that has failed has changed
    ask_tracking,    ///< what the client has made of session_track_*, where that is not reported
    ask_variables,   ///< has variables reported that were set without a word about it
    collation,       ///< has the collation reported that SET NAMES chose
    insert_id,       ///< LAST_INSERT_ID() as a later statement must find it
    ask_insert_id,   ///< LAST_INSERT_ID(), for later
    ask_found_rows,  ///< FOUND_ROWS(), likewise
    warnings,        ///< SHOW WARNINGS, for a client that may ask for them later
    ask_warnings,    ///< whether there are any
    own_error,       ///< SIGNAL: puts an error of our own where the client asks for it
    ask_locks,       ///< whether the session has still a lock by GET_LOCK()
    ask_isolation,   ///< what transactions are on this connection that do not say so
    ask_role,        ///< which role is active, for the session that has the connection
    check_role,      ///< likewise, so that no later session has an earlier one's
    begin,           ///< a transaction that the client began before
    housekeeping,    ///< a clean-up, or a query of our own
};

struct expected_reply {
    explicit expected_reply(reply_kind of, purpose reason = purpose::client)
        : kind{of}, why{reason}, relayed{reason == purpose::client}
    {
    }

    reply_kind kind;
    purpose why;
    bool relayed;                   ///< to the client; else only taken notice of
    command what = command::sleep;  ///< the client's command, where that matters when it is done
    bool answers_client = false;    ///< its error answers the client, although it is not relayed
    bool may_ask_for_file = false;
    bool failed = false;
    bool moved = false;                ///< a replica's refusal: the command is sent again to another server
    bool has_result = false;           ///< one of its results, or the only one, has ended
    std::uint8_t client_sequence = 1;  ///< the number of the first packet the client gets
    std::uint8_t server_sequence = 1;  ///< and of the first one the server sends
    bool had_rows = false;             ///< the last result was a result set
    bool is_flagged = false;  ///< an EOF has told the client that something has changed, and no OK has said what
    row_finder finds = row_finder::result;
    std::optional<std::uint64_t> found_rows{};  ///< what FOUND_ROWS() gives now, where that has changed
    bool opened_cursor = false;
    bool sent_last_row = false;
    bool reported_variables = false;
    bool reported_state = false;  ///< "something has changed", with nothing that would explain it
    std::uint16_t error_code = 0;
    std::uint16_t warnings = 0;  ///< of the last result
    /// What the client is told in the place of the number of warnings, where that is another session's.
    std::optional<std::uint16_t> told_warnings{};
    std::uint32_t client_statement = 0;
    std::uint64_t last_insert_id = 0;  ///< of the results: the last that was not 0
    std::uint64_t affected_rows = 0;   ///< of the last result, where it was OK
    std::uint64_t rows = 0;            ///< of the last result
    text_effects_ptr effects{};        ///< null: leaves nothing behind
    statement_ptr prepares{};

    [[nodiscard]] bool is_statement() const { return kind == reply_kind::query || kind == reply_kind::execute; }
};

class back {
public:
    explicit back(std::size_t statement_limit) : statement_limit_{statement_limit} {}
    /// What the login has agreed on.
    void logged_in(const server_identity& who);

    // --- what is sent ---

    /// The command has been put into the server's outbox.
    void announce(expected_reply&& reply);
    /// A frame of the client's file goes on: gives the number it has to have. An empty packet ends the file.
    std::uint8_t file_frame(packet_header header);
    /// Closes what is to be closed, and statements over the limit: gives how many those were.
    std::uint32_t close_excess(std::string& to_server, std::size_t keep_free);

    // --- what comes back ---

    advance_result advance(bytes chunk, front& client, outbox& to_client)
    {
        if (doubt_ != doubt::none) {
            return unasked(chunk);
        }
        if (is_replica) {
            return advance_replica(chunk, client, to_client);
        }
        const auto outcome = take(chunk, client, to_client);
        relayed_ = relayed_ || !to_client.empty();
        return outcome;
    }
    /// Why it cannot be told what the server is. Then its answer to the command under way is kept, and nothing else may
    /// come, until settle_doubt() says how that ended.
    [[nodiscard]] doubt doubted() const { return doubt_; }
    /// `again`: the command goes to another server, by way of the front's take_healed_batch(); else its client gets the
    /// answer.
    void settle_doubt(bool again, front& client, outbox& to_client);
    /// Takes bytes that came while nobody held the connection. False: it cannot be used any more.
    bool advance_idle(bytes chunk) { return chunk.empty() || unasked(chunk) == advance_result::ok; }

    // --- state ---

    [[nodiscard]] bool is_quiet() const { return expected_.empty() && frame_left_ == 0 && held_.empty(); }
    [[nodiscard]] bool in_transaction() const { return (status_ & server_status::in_transaction) != 0 || xa_ != 0; }
    [[nodiscard]] bool is_idle() const { return is_quiet() && !in_transaction(); }
    [[nodiscard]] bool owes_client() const;
    [[nodiscard]] bool is_mid_relay() const { return frame_left_ > 0 && relaying_frame_; }
    /// The client has something of the reply under way.
    [[nodiscard]] bool has_relayed() const { return relayed_; }
    /// The client sends a file now.
    [[nodiscard]] bool wants_file() const { return !expected_.empty() && follower_.wants_file(); }
    [[nodiscard]] const ring<expected_reply>& expected() const { return expected_; }
    /// The number the next packet to the client has.
    [[nodiscard]] std::uint8_t client_sequence() const { return client_sequence_; }
    [[nodiscard]] std::size_t statement_count() const { return statements.size(); }
    [[nodiscard]] const client_error& last_error() const { return last_error_; }
    [[nodiscard]] std::uint16_t status() const { return status_; }
    [[nodiscard]] capability_flags agreed() const { return agreed_; }
    [[nodiscard]] std::string_view version() const { return version_; }
    [[nodiscard]] std::string_view initial_schema() const { return initial_schema_; }
    [[nodiscard]] std::string_view default_sql_mode() const
    {
        return default_sql_mode_ ? std::string_view{*default_sql_mode_} : std::string_view{};
    }
    [[nodiscard]] bool knows_default_sql_mode() const { return default_sql_mode_.has_value(); }
    [[nodiscard]] bool tracks() const { return tracks_; }
    void set_tracking(bool on) { tracks_ = on; }
    void note_default_sql_mode(std::string_view mode) { default_sql_mode_ = mode; }
    /// LOCK TABLES is in force.
    [[nodiscard]] bool has_table_locks() const { return table_locks_; }
    /// SET TRANSACTION has been said for the next transaction.
    [[nodiscard]] bool has_characteristics() const { return characteristics_; }
    void set_xa(bool open) { xa_ = open ? 1 : 0; }
    [[nodiscard]] bool has_xa() const { return xa_ != 0; }
    /// Nothing is prepared and set beyond what a login gives.
    void was_reset();
    /// MariaDB, as far as its capabilities tell.
    [[nodiscard]] bool is_mariadb() const { return !has(agreed_, capability::long_password); }

    // What stored code leaves in a connection (user variables by SELECT ... INTO, named locks) nobody reports.
    /// The session of this stamp is about to use the connection.
    void note_user(std::uint64_t stamp);
    /// Since the last login or reset no other session has used it.
    [[nodiscard]] bool is_clean_for(std::uint64_t stamp) const { return !shared_ && (user_ == 0 || user_ == stamp); }
    /// Its user has run code that may have set any user variable.
    void note_code() { ran_code_ = true; }
    [[nodiscard]] bool ran_code() const { return ran_code_; }
    /// True once for each name and user: from then on its value is this user's.
    bool claim_variable(std::string_view name) { return own_variables_.emplace(name, false).second; }
    /// Likewise of one that its user is about to set. Also true, once, where it was claimed before and (`is_unset`) has
    /// only been read since.
    bool begin_variable(std::string_view name, bool is_unset)
    {
        const auto [claimed, is_new] = own_variables_.emplace(name, true);
        return is_new || (is_unset && !std::exchange(claimed->second, true));
    }

    // A reset leaves active roles and resource groups as they are, so a connection with another session's is closed.
    /// What has been left here that outlasts a reset.
    pin_set lasting{};
    /// Code that nobody looks into may have set a role.
    bool may_have_role = false;
    /// The role that the login gives, where it was asked for.
    std::optional<std::string> login_role{};

    // --- what the server connection carries ---

    known_statements statements;
    parameter_set_ptr parameters = parameter_set::none();  ///< set here beyond what the login gives
    std::map<std::string, std::string, std::less<>> reported;
    std::vector<std::uint32_t> to_close;  ///< statements to be closed with what is sent next
    /// What LAST_INSERT_ID() gives, where it is known.
    std::optional<std::uint64_t> insert_id{0};
    /// Else: the session of this stamp has it from here, and nobody has asked. 0: none.
    std::uint64_t untold_insert_id_of = 0;
    void has_insert_id(std::uint64_t value)
    {
        insert_id = value;
        untold_insert_id_of = 0;
    }
    void has_untold_insert_id(std::uint64_t stamp)
    {
        insert_id.reset();
        untold_insert_id_of = stamp;
    }
    /// What @@last_gtid is here (MariaDB).
    std::string last_gtid{};
    /// Which statement ran here last: a session's stamp and its own count.
    std::pair<std::uint64_t, std::uint64_t> last_statement{};
    /// Likewise, which it has the diagnostics of: some commands leave them as they are.
    std::pair<std::uint64_t, std::uint64_t> diagnostics_of{};
    /// A statement of nobody's runs here now.
    void forget_last_statement() { last_statement = diagnostics_of = {}; }
    /// Whose statement FOUND_ROWS() tells of: a session's stamp, or 0 where that is none of theirs or not known.
    std::uint64_t found_rows_of = 0;
    /// SHOW WARNINGS of our own came behind it: its diagnostics are still there, ROW_COUNT() and FOUND_ROWS() are not.
    bool showed_warnings = false;
    /// Warnings of whoever had the connection before may still be there: MariaDB keeps them while no table is used.
    bool foreign_diagnostics = false;
    bool must_close = false;
    /// The server has said that it ends.
    bool is_ending = false;
    /// It leads to a replica, which gets nothing but reads; and refuses all else of this connection, whoever asks.
    bool is_replica = false;
    bool is_guarded = false;
    /// Of the command under way nothing has left us.
    bool is_unsent = false;
    /// Or it has run for a while.
    bool ran_long = false;
    /// The server is lost because it broke the protocol.
    bool is_faulty = false;
    /// The client has sent something behind it already.
    bool is_followed = false;
    /// That command; of primaries only.
    kept_request request{};
    /// The isolation of its transactions, where no session has set it; empty: not known. Asked of replicas only.
    std::string isolation{};

private:
    /// The packet that comes next, as far as it is there.
    struct next_packet {
        std::size_t need;   ///< octets of it that have to be there before it can be dealt with
        message_role role;  ///< what it is, once they are
    };
    [[nodiscard]] next_packet judge(bytes start, const front& client) const;
    [[nodiscard]] static bool must_be_whole(message_role role);
    [[nodiscard]] bool captures() const;
    advance_result advance_replica(bytes chunk, front& client, outbox& to_client);
    advance_result take(bytes chunk, front& client, outbox& to_client);
    [[nodiscard]] bool has_only_begun() const;
    bool move_elsewhere(const err_packet& why, front& client, outbox& to_client);
    bool repeat_elsewhere(const err_packet& why, front& client, outbox& to_client);
    advance_result unasked(bytes chunk);
    advance_result frame(bytes some, message_role role, bool copied, front& client, outbox& to_client);
    advance_result begin_hop(packet_header header, bytes some, bool copied, outbox& to_client);
    void hop(bytes& chunk, outbox& to_client);
    [[nodiscard]] bool is_plain_result_next(bytes chunk, const front& client) const;
    bool take_plain_result(bytes& chunk, front& client, outbox& to_client);
    void relay_with_eof(bytes whole, std::size_t rows_at, std::size_t end_at, const ok_packet& end, outbox& to_client);
    void relay_rows(bytes rows, std::uint64_t count, outbox& to_client);
    void take_rows(bytes& chunk, const front& client, outbox& to_client);
    advance_result message(message_role role, bytes whole, bool copied, front& client, outbox& to_client);
    advance_result on_ok(bytes whole, bool copied, bool ends_rows, front& client, outbox& to_client);
    advance_result on_eof(bytes whole, bool copied, bool ends_rows, front& client, outbox& to_client);
    advance_result on_err(bytes whole, bool copied, front& client, outbox& to_client);
    void end_in_error(const err_packet& why, bytes whole, bool copied, front& client, outbox& to_client);
    advance_result on_column_count(bytes whole, bool copied, const front& client, outbox& to_client);
    advance_result on_definition(bytes whole, bool copied, front& client, outbox& to_client);
    advance_result on_prepared(bytes whole, front& client, outbox& to_client);
    bool take_changes(const ok_packet& ok, front& client);
    void end_result(const ok_packet& ok, front& client);
    void complete(front& client);
    [[nodiscard]] bool may_be_out_parameters(packet_header row, const front& client) const;
    void insert_eof(const front& client, outbox& to_client, std::optional<std::uint16_t> at_end = {});
    void begin_reply();
    [[nodiscard]] bool relays() const { return expected_.front().relayed; }
    void relay(bytes whole, bool copied, outbox& to_client);
    void relay_end(const ok_packet& ok, bool ends_rows, front& client, outbox& to_client);
    advance_result fault(std::string what);

    ring<expected_reply> expected_;
    std::size_t statement_limit_;
    reply_follower follower_;
    capability_flags agreed_ = 0;
    std::uint16_t status_ = server_status::autocommit;
    std::uint8_t xa_ = 0;
    std::uint64_t user_ = 0;  ///< the last one's stamp
    bool shared_ = false;
    bool ran_code_ = false;
    std::map<std::string, bool, std::less<>> own_variables_;  ///< and whether its user was about to set it
    bool tracks_ = false;
    bool table_locks_ = false;
    bool characteristics_ = false;
    bool owes_eof_ = false;      ///< definitions have ended and the client is to have an EOF behind them
    std::string first_row_{};    ///< of a result whose EOF behind definitions waits for what comes behind this row
    bool file_goes_on_ = false;  ///< the frame of the file that comes next belongs to the packet before it
    bool continues_ = false;     ///< the frame that comes next goes on with a row
    bool relaying_frame_ = false;
    std::uint8_t client_sequence_ = 1;
    sequence_check server_sequence_;
    bool counts_frames_ = false;  ///< of compression; then the numbers of packets mean nothing
    std::size_t frame_left_ = 0;  ///< octets of the row's frame under way that have not come
    std::string held_;            ///< a packet, or the start of one, that has to be whole to be judged
    std::string version_;         ///< as its greeting gave it
    bool relayed_ = false;
    bool relayed_before_ = false;  ///< than what has come now
    std::string beginning_;        ///< of an answer, kept until more of it has come, or the server is in doubt no more
    doubt doubt_ = doubt::none;
    std::string doubtful_;  ///< the answer that is kept
    std::string initial_schema_;
    std::optional<std::string> default_sql_mode_{};
    client_error last_error_{};
};

}  // namespace penstock::mysql
