// SPDX-License-Identifier: Apache-2.0
//
// What the end of a reply, an error or COPY does to the replies that are owed behind it.
//
// After an error in the extended protocol the server discards messages up to the next Sync: what was announced up to
// there is undone, newest first, as if it had never been sent.
#include "protocols/postgresql/back.hpp"

#include "protocols/postgresql/front.hpp"

namespace penstock::postgresql {

void back::complete(front& client, outbox& to_client)
{
    auto done = expected_.pop();
    if (done.kind == reply_kind::parse && done.prepares) {
        statements.confirm(done.prepares);
    } else if (done.why == purpose::evict) {
        statements.end_close(done.prepares);
    }
    if (done.extras && !done.extras->own_name.empty() && !done.failed) {
        own.confirm(done.extras->own_name, done.extras->own);
    }
    if (expected_.empty() && !unsynced_) {
        in_batch_ = false;
    }
    client.on_done(done, *this);
    if (has_to_make_up()) {
        make_up_replies(client, to_client);
    }
}

/// Replies that we make up go out as soon as they are due, but not into the middle of a frame.
void back::make_up_replies(front& client, outbox& to_client)
{
    while (has_to_make_up() && frame_left_ == 0) {
        auto reply = expected_.pop();
        const char type = reply.kind == reply_kind::parse ? from_server::parse_complete : from_server::close_complete;
        append_frame(to_client.made(), type, {});
        relayed_ = true;
        client.on_done(reply, *this);
    }
}

/// The request at the front has failed.
void back::refuse(expected_reply& refused, std::string_view sqlstate, front& client)
{
    if (refused.kind == reply_kind::parse && refused.prepares) {
        if (sqlstate == "42P05") {  // duplicate_prepared_statement: it was there without our knowing
            statements.doubt(refused.prepares);
        } else {
            statements.refuse(refused.prepares, refused.batch);
        }
    } else if (refused.prepares && sqlstate == "26000" && refused.why == purpose::client) {
        statements.erase(refused.prepares);  // invalid_sql_statement_name: it was gone without our knowing
    }
    if (auto* const change = refused.change()) {
        undo_names(*change, client, 1);
        doubt_own_name(refused);
    }
    if (refused.why == purpose::prepare && refused.unnamed_version != 0) {
        unnamed_stamp = 0;
    } else if (refused.unnamed_version != 0) {
        client.on_unnamed_refused(refused.unnamed_version);
        for (std::size_t place = 1; place < expected_.size(); ++place) {
            const auto* const newer = expected_[place].change();
            if (newer != nullptr && newer->unnamed_before &&
                newer->unnamed_before->version == refused.unnamed_version) {
                newer->unnamed_before->exists = false;
            }
        }
    }
}

/// The request at the front has failed and been dealt with; what follows up to the Sync did not happen.
void back::skip_to_sync(front& client)
{
    std::size_t sync = 0;
    while (sync < expected_.size() && expected_[sync].kind != reply_kind::sync) {
        ++sync;
    }
    for (std::size_t place = sync; place > 1; --place) {
        skip(expected_[place - 1], client, sync);
    }
    client.on_done(expected_.front(), *this);
    for (std::size_t left = sync; left > 0; --left) {
        expected_.pop();
    }
    if (expected_.empty()) {
        skipping_ = true;
        unsynced_ = true;
    } else {
        expected_.front().failed = true;  // its batch has been told
    }
}

/// `later` is the place in the queue of what comes behind the skipped batch.
void back::skip(expected_reply& skipped, front& client, std::size_t later)
{
    skipped.failed = true;
    if (skipped.why == purpose::evict) {
        statements.undo_close(skipped.prepares);
    } else if (skipped.kind == reply_kind::parse && skipped.prepares) {
        statements.refuse(skipped.prepares, skipped.batch);
    }
    if (auto* const change = skipped.change()) {
        undo_names(*change, client, later);
        doubt_own_name(skipped);
    }
    undo_unnamed(skipped, client, later);
}

/// A later batch may have changed the same name: then what was before this change is what was before that one.
void back::undo_names(statement_change& change, front& client, std::size_t later)
{
    if (change.name.empty() && !change.all_before) {
        return;
    }
    for (std::size_t place = later; place < expected_.size(); ++place) {
        auto* const newer = expected_[place].change();
        if (newer == nullptr || change.name.empty()) {
            continue;
        }
        if (newer->all_before) {
            newer->all_before->erase(change.name);
            if (change.before) {
                newer->all_before->emplace(change.name, change.before);
            }
            return;
        }
        if (newer->name == change.name) {
            newer->before = change.before;
            return;
        }
    }
    client.undo_names(change);
}

void back::undo_unnamed(expected_reply& skipped, front& client, std::size_t later)
{
    auto* const change = skipped.change();
    if (skipped.unnamed_version == 0 || change == nullptr || !change->unnamed_before) {
        return;
    }
    for (std::size_t place = later; place < expected_.size(); ++place) {
        auto* const newer = expected_[place].change();
        if (newer != nullptr && newer->unnamed_before && newer->unnamed_before->version == skipped.unnamed_version) {
            newer->unnamed_before = std::move(change->unnamed_before);
            return;
        }
    }
    client.undo_unnamed(*change, skipped.unnamed_version);
}

void back::note_copy_data()
{
    if (!expected_.empty()) {
        expected_.back().copy_data = true;
    }
}

void back::note_copy_end()
{
    if (takes_only_copy_data()) {
        copy_ended_ = true;
    } else if (!expected_.empty()) {
        ++expected_.back().copy_ends;
    }
}

/// The server reads COPY data up to the CopyDone or CopyFail that may have been sent already. On the way it ignores
/// Sync and takes any other message for a fault, which ends the COPY; see "COPY Operations" in the PostgreSQL manual.
/// In the simple protocol that message is thereby lost, unless a faulty row came before it: nobody can tell, and the
/// server is given up.
advance_result back::begin_copy_in()
{
    copying_in_ = true;
    copy_ended_ = false;
    syncs_in_copy_ = 0;
    bool data_sent = false;
    while (!copy_ended_) {
        auto& head = expected_.front();
        data_sent = data_sent || head.copy_data;
        if (head.copy_ends > 0) {
            --head.copy_ends;
            copy_ended_ = true;
        } else if (expected_.size() == 1) {
            break;
        } else if (expected_[1].kind == reply_kind::sync) {
            syncs_in_copy_ += data_sent ? 1 : 0;
            drop_behind_front();
        } else if (is_extended(head.kind) && expected_[1].how != reply_disposition::synthesise) {
            copy_ended_ = true;  // by the error, and the server skips to a Sync
        } else {
            last_error_ = {error_kind::server_lost, "a request amid COPY data", "08P01"};
            return advance_result::lost;
        }
    }
    if (expected_.size() == 1 && is_extended(expected_.front().kind)) {
        unsynced_ = true;
        in_batch_ = true;
    }
    return advance_result::ok;
}

void back::drop_behind_front()
{
    auto kept = expected_.pop();
    kept.copy_ends = expected_.front().copy_ends;
    kept.copy_data = expected_.front().copy_data;
    expected_.front() = std::move(kept);
}

/// A COPY has failed after a Sync was sent in the middle of its data. Whether the server answers that Sync depends on
/// which of the two came first there, and nobody can tell; so this server is given up.
advance_result back::lose_count_of_syncs()
{
    if (expected_.empty()) {
        expected_reply unanswered{reply_kind::sync};
        unanswered.failed = true;
        expected_.push(std::move(unanswered));
        unsynced_ = false;
        skipping_ = false;
    }
    last_error_.detail = "COPY failed after a Sync amid its data";
    return advance_result::lost;
}

/// The batch under way is the last one sent, its Sync included, and the client has nothing of its answer.
bool back::batch_is_alone() const
{
    if (relayed_) {
        return false;
    }
    for (std::size_t place = 0; place + 1 < expected_.size(); ++place) {
        if (expected_[place].kind == reply_kind::sync) {
            return false;
        }
    }
    return expected_[expected_.size() - 1].kind == reply_kind::sync;
}

/// The client gets nothing of the batch at the front: it will be sent again.
void back::mute_batch()
{
    for (std::size_t place = 0; place < expected_.size(); ++place) {
        expected_[place].how = reply_disposition::swallow;
        if (expected_[place].kind == reply_kind::sync) {
            return;
        }
    }
}

}  // namespace penstock::postgresql
