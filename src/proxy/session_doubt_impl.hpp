// SPDX-License-Identifier: Apache-2.0
//
// What becomes of a session's request whose server is lost, or in doubt: whether it is sent again, and after what. Part
// of session.cpp.
//
// A server is in doubt that has answered as no primary does. Its answer waits in the server connection's half, whatever
// comes next, until the control plane has looked at the node, or the cluster's view tells enough.
#pragma once

#include "proxy/session.hpp"

#include "router/doubt.hpp"
#include "telemetry/log.hpp"

namespace penstock::proxy {

/// What has run for so long is not likely to have met a connection that was dead before.
constexpr auto long_run = seconds{1};

/// The server is gone, or cannot be trusted any more. Takes only its exchange where nothing else was lost with it.
template <protocol P>
void session<P>::server_lost(advance_result how)
{
    auto& server = lease_->half();
    forget_doubt();
    server.is_unsent = lease_->wire().octets_taken() == asked_mark_ || doubt_of_server() == doubt::demoted;
    server.is_faulty = how == advance_result::violation || lease_->wire().layer_fault() != nullptr;
    server.ran_long = worker_.driver().now() - sent_at_ > long_run;
    if constexpr (requires { server.is_followed; }) {
        server.is_followed = server.owes_client() && (client_.readable() || !pending_.empty());
    }
    const bool said_why = how == advance_result::lost;
    client_error why{error_kind::server_lost, {}, {}};
    if (how == advance_result::violation) {
        why = {error_kind::outcome_unknown, server.last_error().detail, {}};
    } else if (said_why) {
        why.detail = "the server ended the connection: " + server.last_error().detail;
    } else if (server.owes_client() && !server.is_unsent) {
        why.kind = error_kind::outcome_unknown;
    }
    const auto& reason = server.last_error().detail;
    log::warning("server connection lost",
                 {{"server", lease_->place().node},
                  {"client", client_.peer_address()},
                  {"user", user_},
                  {"database", database_},
                  {"reason", reason.empty() ? lease_->wire().fault() : reason}});
    pool_->counters->count_discard(reason_of(how));
    worker_.owner().suspect(pool_->record->key.cluster, lease_->place().node);
    const bool was_primary = !is_replica();
    if (routes_) {
        note_write();
        routes_->loan.failed(worker_.driver().now());
    }
    auto doubted = doubt::lost;
    if constexpr (requires { server.was_told_to_end(); }) {
        doubted = said_why && !server.is_unsent && server.was_told_to_end() ? doubt::ended : doubt::lost;
    }
    bool answered = false;
    {
        outbox to_client{worker_.template side<P>().to_client_scratch};
        answered = front_->on_server_lost(server, why, to_client);
        client_.send(to_client.contents());
    }
    if (!answered) {
        why.detail += why.detail.empty() ? "the connection to the database server was lost" : "";
        why.detail += server.is_mid_relay() ? " in the middle of a message" : "";
        if (const auto pins = front_->pins(); !pins.empty()) {
            why.detail += "; the session's state was lost with it (" + to_string(pins) + ")";
        }
        end(why);  // looks at the lease: the client may have a part of a message
    }
    auto node = lease_->place().node;
    lease_.discard();
    hold_ = hold::none;
    if (over_) {
        return;
    }
    auto again = front_->take_healed_batch();  // nothing of it has run, or it was a read
    if (again.empty()) {
        worker_.counters().process.count_client_error(why.kind);
    }
    pending_.insert(0, again);
    is_again_ = !again.empty();
    if (is_again_ && was_primary) {
        send_again_later(std::move(node), doubted, std::move(why));
    } else if (!pending_.empty()) {
        consume(pending_, true);
    }
}

/// Why the server that is held is in doubt.
template <protocol P>
doubt session<P>::doubt_of_server() const
{
    if constexpr (requires { lease_->half().doubted(); }) {
        return lease_ ? lease_->half().doubted() : doubt::none;
    }
    return doubt::none;
}

/// It has said that it ends.
template <protocol P>
bool session<P>::is_ending() const
{
    if constexpr (requires { lease_->half().is_ending; }) {
        return lease_->half().is_ending;
    }
    return false;
}

/// What the primary had under way that was lost with it is sent again as soon as it is known to go on, or to be the
/// primary no more. Else all its connections might be lost to it one after the other. Not so what somebody has ended on
/// a primary that goes on: that gets `what`.
template <protocol P>
void session<P>::send_again_later(std::string node, doubt why, client_error what)
{
    is_again_ = true;
    hold_ = hold::doubt;
    wait_since_ = worker_.driver().now();
    doubt_ = std::make_shared<doubt_news>();
    doubt_->node = std::move(node);
    doubt_->why = why;
    doubt_->what = std::move(what);
    if (!resolve_doubt()) {
        examine_doubted();
    }
}

/// It is not sent again any more.
template <protocol P>
void session<P>::give_up_lost(client_error why)
{
    forget_doubt();
    is_again_ = false;
    if (why.kind == error_kind::borrow_timeout) {
        pool_->counters->borrow_timeouts.add();
    }
    refuse_request(std::move(why));
    event_.notify();
}

/// The server has just been found to be in doubt. Who has sent a KILL knows why it has broken off what it did.
template <protocol P>
void session<P>::begin_doubt()
{
    const auto& gate = *lease_->gate();
    if (doubt_of_server() == doubt::interrupted && (gate.under_way > 0 || gate.may_linger)) {
        settle_doubt(false);
        return;
    }
    doubt_ = std::make_shared<doubt_news>();
    doubt_->node = lease_->place().node;
    if (!resolve_doubt()) {
        log::info("server is in doubt, and examined",
                  {{"server", doubt_->node}, {"client", client_.peer_address()}, {"user", user_}});
        examine_doubted();
    }
}

/// The control plane looks at it; what it finds is awaited.
template <protocol P>
void session<P>::examine_doubted()
{
    const auto asked = std::make_shared<doubt_news>(*doubt_);
    forget_doubt();  // what comes late of an earlier look is nobody's
    doubt_ = asked;
    doubt_->found = router::node_finding::none;
    doubt_->tell = &event_;
    worker_.owner().examine(
        pool_->record->key.cluster, doubt_->node, [&own = worker_, news = doubt_](router::node_finding found) {
            own.run_here([news, found] {
                news->found = found;
                if (news->tell != nullptr) {
                    news->tell->notify();
                }
            });
        });
}

/// False where it cannot be told yet.
template <protocol P>
bool session<P>::resolve_doubt()
{
    const auto view = worker_.owner().view_of(pool_->record->key.cluster);
    if (doubt_->why == doubt::ended && doubt_->found == router::node_finding::silent) {
        doubt_->why = doubt::lost;  // it is the server that ends, be it to begin anew
    }
    const auto why = lease_ ? doubt_of_server() : doubt_->why;
    const auto verdict =
        view ? router::judge_doubt(why, *view, doubt_->node, doubt_->found) : router::doubt_verdict::again;
    if (verdict == router::doubt_verdict::ask) {
        if (doubt_->found != router::node_finding::none) {
            examine_doubted();
        }
        return false;
    }
    if (lease_) {
        settle_doubt(verdict == router::doubt_verdict::again);
        return true;
    }
    if (verdict == router::doubt_verdict::answer) {
        give_up_lost(std::move(doubt_->what));
        return true;
    }
    forget_doubt();
    hold_ = hold::none;
    consume(pending_, true);
    return true;
}

/// The request of which a server is in doubt is sent again, or gets the answer that was kept.
template <protocol P>
void session<P>::settle_doubt(bool again)
{
    forget_doubt();
    if constexpr (requires { lease_->half().doubted(); }) {
        {
            outbox to_client{worker_.template side<P>().to_client_scratch};
            lease_->half().settle_doubt(again, *front_, to_client);
            client_.send(to_client.contents());
        }
        after_answers();
    }
}

/// The client has left: what a server in doubt has said is nobody's.
template <protocol P>
void session<P>::drop_doubted()
{
    if constexpr (requires { lease_->half().doubted(); }) {
        std::string scratch;
        outbox to_nobody{scratch};
        lease_->half().settle_doubt(false, *front_, to_nobody);
    }
}

template <protocol P>
void session<P>::forget_doubt()
{
    if (doubt_) {
        doubt_->tell = nullptr;
        doubt_.reset();
    }
}

}  // namespace penstock::proxy
