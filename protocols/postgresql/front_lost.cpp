// SPDX-License-Identifier: Apache-2.0
//
// The server is gone: what the client is told, and how it leaves the transaction that is lost with it.
//
// Everything that waits for an answer gets an error, and where a transaction block was open, or may have been opened by
// what was under way, the session goes on in a failed one that no server knows of (lost_transaction.hpp). So no
// statement runs outside the block it was sent for. The same holds for a block whose first request no server could be
// had for. What is lost beside a transaction, and was acknowledged, cannot be
// made good: then the session has to end.
#include "protocols/postgresql/front.hpp"

#include "protocols/postgresql/errors.hpp"

#include <algorithm>

namespace penstock::postgresql {

namespace {

bool ends_with_ready(const expected_reply& reply)
{
    return reply.kind == reply_kind::query || reply.kind == reply_kind::sync || reply.kind == reply_kind::function_call;
}

bool is_for_client(const expected_reply& reply)
{
    return reply.why == purpose::client && reply.how != reply_disposition::swallow;
}

/// It runs something, of which its block tells.
bool runs(const expected_reply& reply)
{
    return !is_extended(reply.kind) ? reply.kind != reply_kind::sync : reply.kind == reply_kind::execute;
}

/// What the batch that is under way may do to the block it was sent in: from `place` on, behind what it has `done`.
transaction_effect effect_of_batch(const ring<expected_reply>& owed, std::size_t place, transaction_effect done)
{
    for (; place < owed.size(); ++place) {
        if (!is_for_client(owed[place])) {
            continue;
        }
        if (runs(owed[place])) {
            fold(owed[place].block, done);
        }
        if (ends_with_ready(owed[place])) {
            break;
        }
    }
    return done;
}

/// What is said of a batch: `error` speaks of one that is no part of a transaction block. `committed`: some of it may
/// be, whatever has ended the rest.
client_error error_for_batch(const client_error& error, bool block_is_open, bool commits, bool committed)
{
    auto told = error;
    if (committed) {
        told.kind = error_kind::outcome_unknown;
    } else if (block_is_open && !commits) {
        told.kind = error_kind::server_lost;
        if (told.detail.empty()) {
            told.detail = "the connection to the database server was lost; the transaction was rolled back";
        }
    }
    return told;
}

}  // namespace

bool front::on_server_lost(back& server, const client_error& error, outbox& to_client)
{
    if (!pins_.empty() || parameters_.has_acknowledged() || server.is_mid_relay()) {
        return false;
    }
    if (server.is_replica && !server.has_relayed() && ((!is_on_replica() && send_again()) || takes_block_elsewhere())) {
        ++counters_.lost_with_replica;
        forget_lost(server);
        return true;
    }
    if (repeat(server, !error.detail.empty())) {
        ++counters_.lost_with_primary;
        forget_lost(server);
        return true;
    }
    end_repeats();
    const bool was_beginning = routes_ && (routes_->block == begun::held || routes_->block == begun::sent);
    revert_reports(to_client);
    if (server.withholds_ready()) {
        const client_error behind{
            .kind = error_kind::outcome_unknown,
            .detail =
                "the connection to the database server was lost behind the request; it may have taken effect, "
                "but session parameters are as before",
            .sqlstate = {}};
        encode_error(behind, to_client.made(), false);
        append_ready(to_client.made(), 'I');
    }
    if (answer_lost(server, error, to_client) || was_beginning) {
        const bool told = server.owes_client() || server.transaction_status() == 'E';
        auto why = error_for_batch(error, true, false, false);
        if (was_beginning && routes_->begin_error) {
            why = *std::exchange(routes_->begin_error, {});
        }
        lost_ = std::make_unique<lost_transaction>(std::move(why), told);
    }
    if (routes_) {
        routes_->block = begun::none;
    }
    forget_lost(server);
    return true;
}

/// What belongs to the refused request, up to its Sync, is discarded. Where it would have begun a transaction block the
/// client is in a failed one: what it has sent behind the request must not run outside of the block.
front_need front::answer_with_refusal(char type, bytes some, outbox& to_client)
{
    end_repeats();
    encode_error(*refusal_, to_client.made(), false);
    const bool is_open = is_in_block() || would_open_block(type, some);
    auto block = is_open ? std::make_unique<lost_transaction>(*refusal_, true) : nullptr;
    if (routes_) {
        routes_->block = begun::none;
    }
    refusal_.reset();
    if (type == from_client::query || type == from_client::function_call) {
        lost_ = std::move(block);
        append_ready(to_client.made(), status_without_server());
    } else {
        refused_block_ = std::move(block);
        skipping_ = true;
    }
    return front_need::more;
}

/// `some`: the message, or the beginning of a long one.
bool front::would_open_block(char type, bytes some)
{
    byte_reader body{body_of(some)};
    if (type == from_client::parse || type == from_client::bind) {
        body.c_string();  // the statement's name, or the portal's
    }
    switch (type) {
        case from_client::query:
        case from_client::parse: {
            const auto text = body.remainder();
            return store_.inspect_whole(text.substr(0, text.find('\0')), mode_).block.opens;
        }
        case from_client::bind: {
            const auto name = body.c_string();
            const auto named = name.empty() ? nullptr : statements_.find(name);
            return named ? named->block.opens
                         : name.empty() && statements_.has_unnamed() && statements_.unnamed().block.opens;
        }
        default: return false;
    }
}

/// Answers all batches that are under way. True where a transaction block is open behind them, or may be.
bool front::answer_lost(const back& server, const client_error& error, outbox& to_client)
{
    const auto& owed = server.expected();
    bool told = false;  // of the batch under way
    bool open = server.in_transaction();
    auto block = done_block_;
    bool committed = block.commits;
    const auto tell = [&](std::size_t place) {
        const auto batch = effect_of_batch(owed, place, block);
        const bool kept = committed || (batch.commits_early && !server.is_unsent);
        encode_error(error_for_batch(error, open, batch.commits, kept), to_client.made(), false);
    };
    for (std::size_t place = 0; place < owed.size(); ++place) {
        const auto& reply = owed[place];
        if (!is_for_client(reply)) {
            continue;
        }
        if (!told && !reply.failed) {
            tell(place);
        }
        told = true;
        if (runs(reply)) {
            fold(reply.failed ? transaction_effect{.opens = reply.block.opens} : reply.block, block);
        }
        if (ends_with_ready(reply)) {
            open = block.opens || (open && !block.ends);
            append_ready(to_client.made(), open ? 'E' : 'I');
            told = committed = false;
            block = {};
        }
    }
    if (server.is_unsynced()) {
        if (!told && !server.is_skipping()) {
            tell(owed.size());
        }
        skipping_ = true;
        open = block.opens || (open && !block.ends);
    }
    return open;
}

/// The client's reports are again what they were before what is lost.
void front::revert_reports(outbox& to_client)
{
    for (auto& was : std::exchange(told_before_, {})) {
        note_reading(was.first, was.second);
        append_frame(to_client.made(), from_server::parameter_status, was.first + '\0' + was.second + '\0');
        const auto last =
            std::find_if(told_.begin(), told_.end(), [&was](const auto& each) { return each.first == was.first; });
        if (last != told_.end()) {
            last->second = std::move(was.second);
        }
    }
}

void front::forget_lost(const back& server)
{
    const auto& owed = server.expected();
    for (std::size_t place = owed.size(); place > 0; --place) {
        if (auto* const change = owed[place - 1].change()) {
            undo_names(*change);
        }
    }
    parameters_.note_lost();
    stream_dropped_ = true;
    stream_inspected_ = false;
    collector_.reset();
    holding_ = false;
    batch_state_ = batch_state::none;
    portal_effects_.clear();
    bound_effects_.clear();
    unnamed_portal_effects_ = nullptr;
    named_portals_block_ = unnamed_portal_block_ = done_block_ = {};
    in_failure_ = recovered_ = false;
    names_error_.reset();
    resets_.clear();
}

// --- in a transaction whose server is lost ---

front_need front::in_lost_transaction(const frame_header& header, bytes whole, outbox& to_client)
{
    switch (header.type) {
        case from_client::query: return query_in_lost(whole, to_client);
        case from_client::parse: return parse_in_lost(whole, to_client);
        case from_client::bind: return bind_in_lost(whole, to_client);
        case from_client::describe: return describe_in_lost(whole, to_client);
        case from_client::execute: return execute_in_lost(whole, to_client);
        case from_client::close: return close_in_lost(whole, to_client);
        default: return refuse_in_lost(header.type, to_client);
    }
}

front_need front::refuse_in_lost(char type, outbox& to_client)
{
    encode_error(lost_->refusal(), to_client.made(), false);
    if (type == from_client::query || type == from_client::function_call) {
        append_ready(to_client.made(), 'E');
    } else {
        skipping_ = true;
    }
    return front_need::more;
}

front_need front::query_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto text = body.c_string();
    if (!body.finished_cleanly()) {
        return malformed("Query");
    }
    ++counters_.queries;
    const auto what = read_exit(text, mode_);
    if (!lost_->allows(what)) {
        return refuse_in_lost(from_client::query, to_client);
    }
    run_in_lost(what, to_client);
    append_ready(to_client.made(), status_without_server());
    return front_need::more;
}

/// A COMMIT by a client that knows of no failure must not look like a COMMIT that succeeded. False where it does not.
bool front::run_in_lost(exit_statement what, outbox& to_client)
{
    if (what == exit_statement::blank) {
        append_frame(to_client.made(), from_server::empty_query_response, {});
        return true;
    }
    const bool refused = what == exit_statement::commit && !lost_->is_told();
    if (refused) {
        encode_error(lost_->refusal(), to_client.made(), false);
    } else {
        append_frame(to_client.made(), from_server::command_complete, bytes{"ROLLBACK\0", 9});
    }
    lost_.reset();
    return !refused;
}

front_need front::parse_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto name = body.c_string();
    const auto definition = body.remainder();
    byte_reader inner{definition};
    const auto text = inner.c_string();
    inner.take(std::size_t{inner.u16()} * 4);
    if (body.failed() || !inner.finished_cleanly()) {
        return malformed("Parse");
    }
    ++counters_.client_parses;
    if (!lost_->allows(read_exit(text, mode_))) {
        return refuse_in_lost(from_client::parse, to_client);
    }
    if (name.empty()) {
        keep_unnamed(definition);
    } else if (statements_.find(name)) {
        return skip_in_lost("42P05", "prepared statement \"" + std::string{name} + "\" already exists", to_client);
    } else if (!has_room_for(definition)) {
        return skip_in_lost("54000", "too many prepared statements in this session", to_client);
    } else {
        statements_.set(name, intern(definition));
    }
    append_frame(to_client.made(), from_server::parse_complete, {});
    return front_need::more;
}

/// What of the client's statements runs without a server.
exit_statement front::prepared_exit(std::string_view name) const
{
    const auto text = text_of_prepared(name);
    return text ? read_exit(*text, mode_) : exit_statement::none;
}

front_need front::bind_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto portal = body.c_string();
    const auto name = body.c_string();
    if (body.failed()) {
        return malformed("Bind");
    }
    ++counters_.binds;
    const auto what = prepared_exit(name);
    if (!lost_->allows(what) || !lost_->bind(portal, what)) {
        return refuse_in_lost(from_client::bind, to_client);
    }
    append_frame(to_client.made(), from_server::bind_complete, {});
    return front_need::more;
}

front_need front::describe_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const char what = static_cast<char>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != 'S' && what != 'P')) {
        return malformed("Describe");
    }
    if (!lost_->allows(what == 'S' ? prepared_exit(name) : lost_->find(name))) {
        return refuse_in_lost(from_client::describe, to_client);
    }
    if (what == 'S') {
        append_frame(to_client.made(), from_server::parameter_description, bytes{"\0\0", 2});
    }
    append_frame(to_client.made(), from_server::no_data, {});
    return front_need::more;
}

front_need front::execute_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const auto portal = body.c_string();
    body.u32();
    if (!body.finished_cleanly()) {
        return malformed("Execute");
    }
    ++counters_.queries;
    const auto what = lost_->find(portal);
    if (!lost_->allows(what)) {
        return refuse_in_lost(from_client::execute, to_client);
    }
    skipping_ = !run_in_lost(what, to_client);
    return front_need::more;
}

front_need front::close_in_lost(bytes whole, outbox& to_client)
{
    byte_reader body{body_of(whole)};
    const char what = static_cast<char>(body.u8());
    const auto name = body.c_string();
    if (!body.finished_cleanly() || (what != 'S' && what != 'P')) {
        return malformed("Close");
    }
    if (what == 'P') {
        lost_->close(name);
    } else if (!name.empty()) {
        statements_.erase(name);
    } else if (statements_.has_unnamed()) {
        statements_.unnamed() = {.version = statements_.next_version(), .definition = {}, .effects = {}};
    }
    append_frame(to_client.made(), from_server::close_complete, {});
    return front_need::more;
}

/// An error of another kind than that the transaction has failed.
front_need front::skip_in_lost(std::string_view sqlstate, std::string detail, outbox& to_client)
{
    encode_error({.kind = error_kind::server_lost, .detail = std::move(detail), .sqlstate = std::string{sqlstate}},
                 to_client.made(),
                 false);
    skipping_ = true;
    return front_need::more;
}

}  // namespace penstock::postgresql
