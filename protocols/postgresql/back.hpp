// SPDX-License-Identifier: Apache-2.0
//
// The server's half of an exchange: which replies a server connection owes, and where in its bytes each one ends.
//
// Every request that is sent is announced; advance() hops from frame to frame and says what the client is to get:
// replies to its own requests, nothing of what was injected, and replies we make up for what the server was never
// asked. Row data is hopped over by its length, never read or held. Effects apply when the server confirms. A reply
// that fits no request is a fault of the server and ends the connection. See "Message Flow" in the PostgreSQL manual.
#pragma once

#include "protocols/postgresql/client_statements.hpp"
#include "protocols/postgresql/effects.hpp"
#include "protocols/postgresql/errors.hpp"
#include "protocols/postgresql/frame.hpp"
#include "protocols/postgresql/known_statements.hpp"
#include "protocols/postgresql/own_names.hpp"
#include "protocols/postgresql/statement.hpp"
#include "protocols/wire/kept_request.hpp"
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

/// Whether the request is of the extended query protocol: if it fails, the server skips to the next Sync.
[[nodiscard]] constexpr bool is_extended(reply_kind kind)
{
    return kind != reply_kind::query && kind != reply_kind::sync && kind != reply_kind::function_call;
}

/// What becomes of the reply.
enum class reply_disposition : std::uint8_t {
    relay,
    swallow,          ///< to a message we injected
    swallow_success,  ///< injected; but an error answers the client's own next message
    synthesise,       ///< the server was not asked: we make the reply up in its place
};

/// Why an injected request was sent.
enum class purpose : std::uint8_t {
    client,        ///< it was not injected
    prepare,       ///< a statement this server did not know
    name,          ///< a statement under the client's own name
    evict,         ///< Close of a statement over the limit
    catch_up,      ///< the session's parameters, in front of its first message
    reapply,       ///< start-up values after a RESET
    probe,         ///< values of parameters that may have changed
    pins,          ///< whether what the session is pinned for is over
    housekeeping,  ///< a clean-up, or a query of our own
    begin,         ///< the client's transaction, whose BEGIN it was told of before
};

/// What few requests bring with them; kept apart, so that the others are quickly queued.
struct reply_extras {
    ~reply_extras();  // out of line, as it is as rare as what it destroys

    std::optional<client_error> instead{};          ///< what the client is told in the place of the server's error
    statement_change change{};                      ///< undone where the server refuses or skips it
    std::shared_ptr<const text_effects> effects{};  ///< null: leaves nothing behind
    std::string own_name{};                         ///< of the client's, which then stands for what follows
    statement_ptr own{};                            ///< null: for nothing
};

struct expected_reply {
    explicit expected_reply(reply_kind of,
                            reply_disposition disposition = reply_disposition::relay,
                            purpose reason = purpose::client)
        : kind{of}, how{disposition}, why{reason}
    {
    }

    reply_kind kind;
    reply_disposition how;
    purpose why;
    bool failed = false;
    bool copy_data = false;       ///< CopyData was sent behind this
    transaction_effect block{};   ///< of a query, or of the portal that an Execute runs
    std::uint32_t copy_ends = 0;  ///< CopyDone and CopyFail that were sent behind this
    bool goes_on = false;         ///< the client's query has more, so its ReadyForQuery comes with that, if at all
    std::uint64_t unnamed_version = 0;  ///< what the client's unnamed statement became with this; 0: it is as before
    std::uint64_t batch = 0;            ///< announce() fills it in
    statement_ptr prepares{};           ///< the statement the server has if this succeeds (Close, DEALLOCATE: has lost)
    std::unique_ptr<reply_extras> extras{};

    /// To be filled in.
    [[nodiscard]] reply_extras& extra()
    {
        if (!extras) {
            extras = std::make_unique<reply_extras>();
        }
        return *extras;
    }
    /// Null, or an empty change, where no statement changes.
    [[nodiscard]] statement_change* change() const { return extras ? &extras->change : nullptr; }
    [[nodiscard]] const text_effects* effects() const { return extras ? extras->effects.get() : nullptr; }
    [[nodiscard]] const client_error* instead() const
    {
        return extras && extras->instead ? &*extras->instead : nullptr;
    }
};
static_assert(sizeof(expected_reply) <= 64);  // each message brings one, and each reply takes one away

class back {
public:
    explicit back(std::size_t statement_limit) : statement_limit_{statement_limit} {}

    void logged_in(const server_identity& who);

    // --- what is sent ---

    /// The caller has put the request into `to_server` (or, for synthesise, nowhere).
    void announce(expected_reply&& reply, front& client, outbox& to_client);
    /// The newest announced request, for what becomes known only with the end of its text; null where it has been
    /// skipped.
    [[nodiscard]] expected_reply* newest() { return expected_.empty() ? nullptr : &expected_.back(); }
    /// CopyData has been sent, or CopyDone or CopyFail.
    void note_copy_data();
    void note_copy_end();
    /// A Sync has been sent to a server that reads COPY data and will not answer it, unless data before it was refused.
    void note_sync_in_copy() { syncs_in_copy_ += expected_.front().copy_data ? 1 : 0; }
    /// Before a Parse of `wanted`: closes statements over the limit, and `wanted` itself if the server may have it.
    void make_way(const statement_ptr& wanted, front& client, outbox& to_server, outbox& to_client);
    /// Closes what no client needs any more, if the server may have it.
    void forget(const statement_ptr& gone, front& client, outbox& to_server, outbox& to_client);
    /// Makes the server know `wanted` before what is sent next, and closes what is over the limit. False where it was
    /// known.
    bool ensure_known(const statement_ptr& wanted,
                      std::string_view name,
                      front& client,
                      outbox& to_server,
                      outbox& to_client,
                      reply_disposition on_reply = reply_disposition::swallow_success);

    /// Makes the server know `wanted` under the client's own name, which is closed first if it may stand for anything
    /// else. Null: the name is to stand for nothing.
    void name_statement(std::string_view name,
                        const statement_ptr& wanted,
                        front& client,
                        outbox& to_server,
                        outbox& to_client,
                        reply_disposition on_reply);
    /// What is injected for names ends here, so that a simple query can follow.
    void end_naming(front& client, outbox& to_server, outbox& to_client);

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
    /// After an error the server discards what it is sent up to a Sync that has not been sent.
    [[nodiscard]] bool is_skipping() const { return skipping_; }
    /// The batch under way; what an error makes the server skip is of the same batch.
    [[nodiscard]] std::uint64_t batch() const { return batch_; }
    /// What is sent next may be skipped by the server, since a message before it in its batch may fail.
    [[nodiscard]] bool may_skip() const { return in_batch_; }
    /// No reply is owed and nothing half done: what comes next starts afresh.
    [[nodiscard]] bool is_quiet() const { return expected_.empty() && !unsynced_ && frame_left_ == 0 && held_.empty(); }
    /// Nothing of the current client's is left in it, as far as messages tell.
    [[nodiscard]] bool is_idle() const { return is_quiet() && transaction_status_ == 'I'; }
    /// The client waits for a ReadyForQuery until a probe has been answered; nothing of it goes out before.
    [[nodiscard]] bool withholds_ready() const { return ready_withheld_; }
    /// That client has left.
    void forget_withheld() { ready_withheld_ = false; }
    /// The server waits for COPY data.
    [[nodiscard]] bool is_copying_in() const { return copying_in_; }
    /// And its end has not been sent, so the server understands nothing but COPY data.
    [[nodiscard]] bool takes_only_copy_data() const { return copying_in_ && !copy_ended_; }
    /// Requests of the client's that have not been answered, in order; the last may lack its Sync (is_unsynced()).
    [[nodiscard]] const ring<expected_reply>& expected() const { return expected_; }
    /// A frame is under way of which the client has a part.
    [[nodiscard]] bool is_mid_relay() const { return frame_left_ > 0 && relaying_frame_ && beginning_.empty(); }
    /// A reply to the client's own request is owed.
    [[nodiscard]] bool owes_client() const;
    /// Something of the reply that is under way has been relayed.
    [[nodiscard]] bool has_relayed() const { return relayed_; }
    void forget_relayed() { relayed_ = false; }
    [[nodiscard]] std::size_t statement_count() const { return statements.size(); }
    [[nodiscard]] const client_error& last_error() const { return last_error_; }
    /// Its last words: an administrator has ended the server, or this connection alone (57P01 stands for both).
    [[nodiscard]] bool was_told_to_end() const { return last_error_.sqlstate == "57P01"; }

    // --- what the server connection carries; effects apply on confirmation ---

    known_statements statements;
    own_names own;                                             ///< of its last user
    parameter_set_ptr parameters = parameter_set::none();      ///< set here beyond the server's defaults
    std::map<std::string, std::string, std::less<>> reported;  ///< last ParameterStatus of each name
    /// Whose unnamed statement the server holds: a session's stamp, 0 for none.
    std::uint64_t unnamed_stamp = 0;
    /// 0: for certain; else the server may skip what made it so, and only the rest of this batch can rely on it.
    std::uint64_t unnamed_batch = 0;
    /// Whose request it has had last: a session's stamp, 0 for nobody's since it is as new.
    std::uint64_t user_stamp = 0;
    /// currval() and lastval() may tell what was another session's.
    bool foreign_sequences = false;
    /// Temporary objects may have been in it, so that it takes no other temp_buffers.
    bool had_temporary = false;
    /// Set by session code when the connection must not be used again.
    bool must_close = false;
    /// And where it leads to a replica, which gets nothing but reads.
    bool is_replica = false;
    /// Of the request under way nothing has left us.
    bool is_unsent = false;
    /// Or it has run for a while.
    bool ran_long = false;
    /// The server is lost because it broke the protocol.
    bool is_faulty = false;
    /// That request, where it is the only one and began outside of a transaction.
    kept_request request{};

private:
    bool take_idle(bytes chunk);
    advance_result frame(char type, bytes whole, front& client, outbox& to_client, bool copied);
    advance_result begin_hop(const frame_header& header, bytes start, outbox& to_client, bool copied);
    advance_result on_error(bytes body, bytes whole, front& client, outbox& to_client, bool copied);
    advance_result on_parameter_status(bytes body, bytes whole, front& client, outbox& to_client, bool copied);
    bool note_reported(std::string_view name, std::string_view value);
    bool must_hold(char type);
    [[nodiscard]] bool is_relayed(char type) const;
    [[nodiscard]] bool is_ready_relayed() const;
    void relay(bytes octets, outbox& to_client, bool copied);
    advance_result on_ready(bytes whole, front& client, outbox& to_client, bool copied);
    void last_ready(bytes whole, front& client, outbox& to_client, bool copied);
    [[nodiscard]] bool fits(char type) const;
    /// The reply that is due next is one that we make up.
    [[nodiscard]] bool has_to_make_up() const
    {
        return !expected_.empty() && expected_.front().how == reply_disposition::synthesise;
    }
    [[nodiscard]] bool is_being_prepared(const statement_ptr& wanted, std::string_view name) const;
    void send_close(const statement_ptr& leaving, front& client, outbox& to_server, outbox& to_client);
    void complete(front& client, outbox& to_client);
    void close_name(std::string_view name, front& client, outbox& to_server, outbox& to_client);
    void doubt_own_name(const expected_reply& failed);
    void refuse(expected_reply& refused, std::string_view sqlstate, front& client);
    void skip_to_sync(front& client);
    void skip(expected_reply& skipped, front& client, std::size_t later);
    void undo_names(statement_change& change, front& client, std::size_t later);
    void undo_unnamed(expected_reply& skipped, front& client, std::size_t later);
    advance_result begin_copy_in();
    void drop_behind_front();
    advance_result lose_count_of_syncs();
    void mute_batch();
    [[nodiscard]] bool batch_is_alone() const;
    advance_result take(bytes chunk, front& client, outbox& to_client);
    void forget_beginning(front& client, outbox& to_client);
    bool move_elsewhere(const error_report& why, front& client, outbox& to_client);
    void make_up_replies(front& client, outbox& to_client);
    advance_result fault(std::string what);

    ring<expected_reply> expected_;
    std::size_t statement_limit_;
    char transaction_status_ = 'I';
    std::uint64_t batch_ = 1;  ///< grows with every Sync sent
    bool in_batch_ = false;    ///< extended-protocol messages of this batch may be unanswered
    bool unsynced_ = false;
    bool skipping_ = false;
    bool ready_withheld_ = false;  ///< the client gets it once the probe has been answered
    bool copying_in_ = false;
    bool copy_ended_ = false;          ///< CopyDone or CopyFail has been sent for the COPY under way
    std::uint32_t syncs_in_copy_ = 0;  ///< sent in the middle of its data, not before it
    bool relayed_ = false;
    bool relayed_for_good_ = false;  ///< something that is on its way to the client, or was noted for it
    bool relaying_frame_ = false;    ///< what becomes of the rest of the frame under way
    std::size_t frame_left_ = 0;     ///< octets of the frame under way that have not come
    std::string held_;               ///< a frame, or the start of one, that has to be whole to be judged
    std::string
        beginning_;  ///< of a replica's answer, kept until more of it has come: it may have to be asked for anew
    client_error last_error_{};
};

}  // namespace penstock::postgresql
