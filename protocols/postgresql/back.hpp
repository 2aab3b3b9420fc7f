// SPDX-License-Identifier: Apache-2.0
//
// The server's half of an exchange: which replies a server connection owes, and where in its bytes each one ends.
//
// Every request that is sent is announced; advance() hops from frame to frame and says what the client is to get: replies to
// its own requests, nothing of what was injected, and replies we make up for what the server was never asked. Row data is
// hopped over by its length, never read or held. Effects apply when the server confirms. A reply that fits no request is a
// fault of the server and ends the connection. See "Message Flow" in the PostgreSQL manual.
#pragma once

#include "protocols/postgresql/effects.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/known_statements.hpp"
#include "protocols/postgresql/statement.hpp"
#include "protocols/wire/outbox.hpp"
#include "protocols/wire/parameter_set.hpp"
#include "protocols/wire/protocol.hpp"
#include "protocols/wire/ring.hpp"

#include "core/error.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace penstock::postgresql {

class front;

/// Which reply is owed; each is ended by the message named.
enum class reply_kind : std::uint8_t {
    query,               ///< ReadyForQuery
    parse,               ///< ParseComplete
    bind,                ///< BindComplete
    describe_statement,  ///< ParameterDescription and then RowDescription or NoData
    describe_portal,     ///< RowDescription or NoData
    execute,             ///< CommandComplete, EmptyQueryResponse or PortalSuspended
    close,               ///< CloseComplete
    sync,                ///< ReadyForQuery
    function_call,       ///< ReadyForQuery
};

/// What becomes of the reply.
enum class reply_disposition : std::uint8_t {
    relay,
    swallow,         ///< to a message we injected
    swallow_success, ///< injected; but an error answers the client's own next message
    synthesise,      ///< the server was not asked: we make the reply up in its place
};

/// Why an injected request was sent.
enum class purpose : std::uint8_t {
    client,    ///< it was not injected
    prepare,   ///< a statement this server did not know
    evict,     ///< Close of a statement over the limit
    catch_up,  ///< the session's parameters, in front of its first message
    reapply,   ///< start-up values after a RESET
    probe,     ///< values of parameters that may have changed
    housekeeping,  ///< a clean-up, or a query of our own
};

/// A name of the client's that a pipelined message changed before the server confirmed it.
struct name_change {
    std::string name;
    statement_ptr before;  ///< null: the name was free
};

struct expected_reply {
    reply_kind kind = reply_kind::query;
    reply_disposition how = reply_disposition::relay;
    purpose why = purpose::client;
    bool failed = false;
    statement_ptr prepares{};                       ///< the statement the server knows if this succeeds
    std::unique_ptr<name_change> change{};          ///< undone where the server refuses or skips it
    std::shared_ptr<const text_effects> effects{};  ///< null: leaves nothing behind
};

class back {
public:
    explicit back(std::size_t statement_limit) : statement_limit_{statement_limit} {}

    // --- what is sent ---

    /// The caller has put the request into `to_server` (or, for synthesise, nowhere). Returns the entry for additions.
    expected_reply* announce(expected_reply reply, front& client, outbox& to_client);
    /// Adds effects that became known only with the end of the newest announced request's text.
    void amend_newest(std::shared_ptr<const text_effects> effects)
    {
        if (!expected_.empty()) {
            expected_.back().effects = std::move(effects);
        }
    }
    /// Closes statements over the limit, so that one more can be prepared.
    void make_room(front& client, outbox& to_server, outbox& to_client);
    /// Makes the server know `wanted` before what is sent next, and closes what is over the limit. False where it was known.
    bool ensure_known(const statement_ptr& wanted,
                      front& client,
                      outbox& to_server,
                      outbox& to_client,
                      reply_disposition on_reply = reply_disposition::swallow_success);

    // --- what comes back ---

    /// Takes bytes from the server. `client` is told of completed replies and asked about changed parameters.
    advance_result advance(bytes chunk, front& client, outbox& to_client);
    /// Takes bytes that came while nobody held the connection. False: it cannot be used any more.
    bool advance_idle(bytes chunk);

    // --- state ---

    [[nodiscard]] std::size_t outstanding() const { return expected_.size(); }
    /// 'I', 'T' or 'E', as of the last ReadyForQuery.
    [[nodiscard]] char transaction_status() const { return transaction_status_; }
    [[nodiscard]] bool in_transaction() const { return transaction_status_ != 'I'; }
    /// Extended-protocol messages were sent and their Sync was not.
    [[nodiscard]] bool is_unsynced() const { return unsynced_; }
    /// No reply is owed and nothing half done: what comes next starts afresh.
    [[nodiscard]] bool is_quiet() const { return expected_.empty() && !unsynced_ && frame_left_ == 0 && held_.empty(); }
    /// Nothing of the current client's is left in it, as far as messages tell.
    [[nodiscard]] bool is_idle() const { return is_quiet() && transaction_status_ == 'I'; }
    /// The server waits for COPY data.
    [[nodiscard]] bool is_copying_in() const { return copying_in_; }
    /// Requests of the client's that have not been answered, in order; the last may lack its Sync (is_unsynced()).
    [[nodiscard]] const ring<expected_reply>& expected() const { return expected_; }
    /// A frame is under way of which the client has a part.
    [[nodiscard]] bool is_mid_relay() const { return frame_left_ > 0 && relaying_frame_; }
    /// A reply to the client's own request is owed.
    [[nodiscard]] bool owes_client() const;
    /// Something of the reply that is under way has been relayed.
    [[nodiscard]] bool has_relayed() const { return relayed_; }
    void forget_relayed() { relayed_ = false; }
    [[nodiscard]] const client_error& last_error() const { return last_error_; }

    // --- what the server connection carries; effects apply on confirmation ---

    known_statements statements;
    parameter_set_ptr parameters = parameter_set::none();  ///< set here beyond the server's defaults
    std::map<std::string, std::string, std::less<>> reported;  ///< last ParameterStatus of each name
    /// Whose unnamed statement the server holds: a session's stamp, 0 for none.
    std::uint64_t unnamed_stamp = 0;
    /// Set by session code when the connection must not be used again.
    bool must_close = false;

private:
    advance_result frame(const frame_header& header, bytes whole, front& client, outbox& to_client, bool copied);
    advance_result begin_hop(const frame_header& header, bytes start, front& client, outbox& to_client, bool copied);
    advance_result on_error(bytes body, bytes whole, front& client, outbox& to_client, bool copied);
    advance_result on_parameter_status(bytes body, bytes whole, front& client, outbox& to_client, bool copied);
    bool must_hold(char type);
    bool is_relayed(char type);
    void relay(bytes octets, outbox& to_client, bool copied);
    [[nodiscard]] bool fits(char type) const;
    [[nodiscard]] bool ends(char type) const;
    void complete(front& client, outbox& to_client);
    void skip_to_sync(front& client);
    void forget_swallowed_syncs();
    void mute_batch();
    [[nodiscard]] bool batch_is_alone() const;
    void make_up_replies(front& client, outbox& to_client);
    void undo(expected_reply& skipped, front& client);
    advance_result fault(std::string what);

    ring<expected_reply> expected_;
    std::size_t statement_limit_;
    char transaction_status_ = 'I';
    bool unsynced_ = false;
    bool skipping_ = false;       ///< the server discards what it is sent up to the next Sync
    bool copying_in_ = false;
    bool relayed_ = false;
    bool relaying_frame_ = false; ///< what becomes of the rest of the frame under way
    std::size_t frame_left_ = 0;  ///< octets of the frame under way that have not come
    std::string held_;            ///< a frame, or the start of one, that has to be whole to be judged
    client_error last_error_{};
};

}  // namespace penstock::postgresql
