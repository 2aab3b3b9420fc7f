// SPDX-License-Identifier: Apache-2.0
//
// How a session serves: bytes in both directions, the lease between them, and its end. Part of session.cpp.
#pragma once

#include "proxy/session.hpp"
#include "telemetry/log.hpp"

#include <limits>

namespace penstock::proxy {

template <protocol P>
task<void> session<P>::serve()
{
    constexpr int longest_run = 16;  // steps; then the worker's other sessions have their turn
    int steps = 0;
    while (!over_) {
        if (hold_ == hold::login) {
            co_await log_in_again();
            continue;
        }
        const bool progress = step();
        if (progress && ++steps < longest_run) {
            continue;
        }
        steps = 0;
        if (progress) {
            co_await event_.yield();
        } else {
            co_await event_.wait();
        }
    }
}

/// Does what can be done now. False where there is nothing.
template <protocol P>
bool session<P>::step()
{
    if (stop_ && (!stop_when_idle_ || (!lease_ && !ticket_ && !doubt_))) {
        end(*stop_);
        return true;
    }
    if (doubt_ && resolve_doubt()) {
        return true;
    }
    if (ticket_ || hold_ == hold::doubt) {
        if (take_lease()) {
            return true;
        }
        over_ = left_by_itself_ = client_.peer_gone();
        return over_;
    }
    if (lease_ && lease_->wire().readable() && !client_.congested() && take_from_server()) {
        return true;
    }
    if (lease_ && lease_->wire().congested()) {
        return false;
    }
    return take_from_client();
}

template <protocol P>
bool session<P>::take_from_server()
{
    const auto in = lease_->wire().receive();
    if (in.how == net::received::kind::would_block) {
        return false;
    }
    if (in.how != net::received::kind::data) {
        server_lost(advance_result::ok);
        return true;
    }
    auto& server = lease_->half();
    auto how = advance_result::ok;
    {
        outbox to_client{worker_.template side<P>().to_client_scratch, in.buffer};
        how = server.advance(in.data, *front_, to_client);
        if (routes_) {
            note_write();  // before its client can know of it
        }
        client_.send(to_client.contents());
    }
    if (how != advance_result::ok) {
        server_lost(how);
    } else if (doubt_of_server() != doubt::none) {
        begin_doubt();
    } else if (server.is_quiet()) {
        after_answers();
    }
    return true;
}

template <protocol P>
bool session<P>::take_from_client()
{
    if (hold_ == hold::kill) {
        return take_kill_result();
    }
    if (hold_ == hold::login) {
        return false;
    }
    if (hold_ == hold::answers) {
        if (lease_ && !lease_->half().is_quiet()) {
            return false;
        }
        hold_ = hold::none;
        consume(pending_, true);
        return true;
    }
    if (!client_.readable()) {
        return false;
    }
    const auto in = client_.receive();
    switch (in.how) {
        case net::received::kind::would_block: return false;
        case net::received::kind::end:
        case net::received::kind::error:
            if (const auto* fault = client_.layer_fault(); fault != nullptr && !client_.failed()) {
                end(*fault);
                return true;
            }
            left_by_itself_ = true;
            over_ = true;
            return true;
        case net::received::kind::data: break;
    }
    since_ = worker_.driver().now();
    if (pending_.empty()) {
        consume(in.data, false);
    } else {
        pending_.append(in.data);
        consume(pending_, true);
    }
    return true;
}

/// Hands octets of the client to its front; what cannot be taken yet stays in pending_.
template <protocol P>
void session<P>::consume(bytes input, bool from_pending)
{
    std::size_t taken = 0;
    if (!lease_ || lease_->half().is_quiet()) {
        client_.begin_answer();
    }
    while (true) {
        front_progress progress;
        {
            outbox to_server{worker_.template side<P>().to_server_scratch};
            outbox to_client{worker_.template side<P>().to_client_scratch};
            const bool was_quiet = lease_ && lease_->half().is_quiet();
            asked_mark_ = was_quiet ? lease_->wire().octets_taken() : asked_mark_;
            progress = front_->consume(input.substr(taken), lease_ ? &lease_->half() : nullptr, to_server, to_client);
            if (was_quiet && lease_->half().owes_client()) {  // not only an answer to what goes in front of a request
                asked_at_ = since_;
                sent_at_ = worker_.driver().now();
            }
            send_both(to_server, to_client);
        }
        taken += progress.consumed;
        rests_since_ = progress.consumed > 0 ? worker_.driver().now() : rests_since_;
        const bool moves = static_cast<bool>(lease_);
        switch (progress.need) {
            case front_need::more: break;
            case front_need::server:
                if (moves) {
                    if (!from_pending) {  // what is cleaned up may use the buffer that they are in
                        pending_.assign(input.substr(taken));
                        input = pending_;
                        taken = 0;
                        from_pending = true;
                    }
                    leave_server();
                }
                if (moves || may_begin(input.substr(taken))) {
                    need_server();
                }
                if (lease_ || is_refused_at_once()) {
                    continue;
                }
                break;
            case front_need::answers: hold_ = hold::answers; break;
            case front_need::leave:
                left_by_itself_ = true;
                over_ = true;
                break;
            case front_need::close: end(front_->error()); break;
            case front_need::log_in: hold_ = hold::login; break;
            case front_need::kill:
                if constexpr (requires { front_->wanted_kill(); }) {
                    send_kill(front_->wanted_kill());
                }
                break;
        }
        break;
    }
    if (from_pending) {
        pending_.erase(0, taken);
        if (pending_.empty() && pending_.capacity() > 256) {
            std::string{}.swap(pending_);  // assignment would keep the memory
        }
    } else if (taken < input.size()) {
        pending_.assign(input.substr(taken));
    }
    if (lease_ && lease_->half().is_quiet() && !over_ && hold_ != hold::login) {
        after_answers();
    }
}

/// Tells the session of that number, on whatever worker it is; the answer is awaited.
template <protocol P>
void session<P>::send_kill(kill_request what)
{
    hold_ = hold::kill;
    kill_news_ = std::make_shared<kill_news>();
    kill_news_->tell = &event_;
    const auto& all = worker_.owner().workers();
    const bool is_possible = what.number <= std::numeric_limits<std::uint32_t>::max();
    const auto index = is_possible ? worker_of(static_cast<std::uint32_t>(what.number)) : all.size();
    if (what.number == number_ || index >= all.size()) {
        kill_news_->how = what.number == number_ ? kill_result::itself : kill_result::unknown;
        event_.notify();
        return;
    }
    kill_order order{.what = what, .protocol = P::name, .cluster = pool_->record->key.cluster, .user = user_};
    all[index]->kill(std::move(order), [&own = worker_, news = kill_news_](kill_result how) {
        own.run_here([news, how] {
            news->how = how;
            if (news->tell != nullptr) {
                news->tell->notify();
            }
        });
    });
}

template <protocol P>
bool session<P>::take_kill_result()
{
    if (!kill_news_->how) {
        return false;
    }
    const auto how = *kill_news_->how;
    kill_news_.reset();
    hold_ = hold::none;
    if constexpr (requires { front_->wanted_kill(); }) {
        std::string out;
        front_->on_killed(how, out);
        client_.send(out);
        if (how == kill_result::itself && front_->wanted_kill().whole_session) {
            was_killed_ = true;
            over_ = true;
            return true;
        }
    }
    consume(pending_, true);
    return true;
}

template <protocol P>
void session<P>::send_both(outbox& to_server, outbox& to_client)
{
    if (!to_server.empty()) {
        lease_->wire().send(to_server.contents());
    }
    if (!to_client.empty()) {
        client_.send(to_client.contents());
    }
}

/// Borrows a connection: at once where one is idle and nobody waits ahead, else by a ticket.
template <protocol P>
void session<P>::need_server()
{
    auto& from = routes_ ? choose_pool() : *pool_;
    if (routes_ && routes_->is_refused) {
        worker_.counters().process.count_client_error(error_kind::server_unavailable);
        front_->refuse({error_kind::server_unavailable, "no replica can serve this request", {}});
        return;
    }
    if (auto granted = from.shard->try_acquire()) {
        pool_->counters->wait_time.add(0);
        begin_lease(std::move(granted));
        return;
    }
    hold_ = hold::server;
    wait_since_ = worker_.driver().now();
    ticket_ = std::make_unique<pool::ticket<connection>>();
    from.shard->enqueue(*ticket_, event_);
}

/// Whether the ticket has come to something.
template <protocol P>
bool session<P>::take_lease()
{
    if (!ticket_ || ticket_->state() == pool::ticket_state::waiting) {
        return false;
    }
    if (ticket_->state() == pool::ticket_state::rejected) {
        auto why = ticket_->error();
        ticket_.reset();
        if (routes_ && try_elsewhere(why)) {
            return true;
        }
        if (why.kind == error_kind::borrow_timeout) {
            pool_->counters->borrow_timeouts.add();
        }
        refuse_request(std::move(why));
        return true;
    }
    auto granted = ticket_->take();
    ticket_.reset();
    hold_ = hold::none;
    pool_->counters->waits.add();
    const auto waited = std::chrono::duration_cast<std::chrono::microseconds>(worker_.driver().now() - wait_since_);
    pool_->counters->wait_time.add(static_cast<std::uint64_t>(std::max<std::int64_t>(0, waited.count())));
    if (routes_ && routes_->has_fallen_behind()) {
        granted.release();
        choose_again();
        return true;
    }
    begin_lease(std::move(granted));
    if (!pending_.empty()) {
        consume(pending_, true);
    }
    return true;
}

/// The request that waits for a server is answered with an error; the session goes on.
template <protocol P>
void session<P>::refuse_request(client_error why)
{
    worker_.counters().process.count_client_error(why.kind);
    hold_ = hold::none;
    if (!logged_in_) {
        refuse(std::move(why));
        return;
    }
    front_->refuse(std::move(why));
    consume(pending_, true);
}

template <protocol P>
void session<P>::begin_lease(pool::lease<connection> granted)
{
    lease_ = std::move(granted);
    lease_->subscribe(&event_);
    lease_->lent_to = number_;
    if constexpr (requires { front_->wanted(); }) {
        lease_->half().is_replica = routes_ && routes_->loan;
    }
    from_server_mark_ = lease_->wire().octets_received();
    to_server_mark_ = lease_->wire().octets_sent();
    pool_->counters->assignments.add();
    transaction_at_ = worker_.driver().now();
    lease_->lent_at = transaction_at_;
}

/// The server owes nothing: what has to be injected goes out, and if nothing keeps the lease, it is given back.
template <protocol P>
void session<P>::after_answers()
{
    auto& server = lease_->half();
    count_answers();
    if constexpr (requires { front_->has_left(); }) {
        if (front_->has_left()) {
            over_ = true;
            return;
        }
    }
    if (!excused_.empty()) {
        excuse_pins();
    }
    if (routes_) {
        end_writes();
    }
    {
        outbox to_server{worker_.template side<P>().to_server_scratch};
        outbox to_client{worker_.template side<P>().to_client_scratch};
        front_->settle(server, to_server, to_client);
        if constexpr (requires { front_->probe_pins(server, to_server, to_client); }) {
            if (!front_->pins().empty() && hold_ == hold::none && pending_.empty()) {
                front_->probe_pins(server, to_server, to_client);
            }
        }
        send_both(to_server, to_client);
    }
    if (auto healed = front_->take_healed_batch(); !healed.empty()) {
        pending_.insert(0, healed);
        hold_ = hold::none;
        if (is_ending() && !is_replica()) {
            auto node = lease_->place().node;
            leave_server();
            send_again_later(std::move(node), doubt::lost, {});
        } else {
            consume(pending_, true);
        }
        return;
    }
    if (may_release()) {
        release();
    }
}

template <protocol P>
bool session<P>::may_release() const
{
    return lease_->half().is_idle() && !front_->must_stay() && !front_->is_mid_message() && hold_ == hold::none;
}

template <protocol P>
void session<P>::release()
{
    const auto& wire = lease_->wire();
    pool_->counters->server_bytes_received.add(wire.octets_received() - from_server_mark_);
    pool_->counters->server_bytes_sent.add(wire.octets_sent() - to_server_mark_);
    lease_->lent_to = 0;
    const auto now = worker_.driver().now();
    if (is_ending()) {
        worker_.owner().suspect(pool_->record->key.cluster, lease_->place().node);
    }
    if (is_replica()) {
        is_ending() ? routes_->loan.failed(now) : routes_->loan.ended(now - transaction_at_, now);
    }
    if (lease_->half().must_close) {
        discard(telemetry::discard_reason::unclean);
    } else {
        lease_.release();
    }
    copy_counters();
    if (stop_when_idle_ && stop_) {
        event_.notify();
    }
}

}  // namespace penstock::proxy
