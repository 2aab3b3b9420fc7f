// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.hpp"

#include "proxy/cancel.hpp"
#include "proxy/session_counters_impl.hpp"
#include "proxy/session_doubt_impl.hpp"
#include "proxy/session_login_impl.hpp"
#include "proxy/session_pins_impl.hpp"
#include "proxy/session_relay_impl.hpp"
#include "proxy/session_routing_impl.hpp"
#include "telemetry/log.hpp"

#include <algorithm>

namespace penstock::proxy {

namespace {

/// How long a request goes on whose client has left, before it is cancelled; and then until its connection is given up.
constexpr auto abandoned_grace = seconds{5};
constexpr auto abandoned_patience = seconds{5};
constexpr auto draining_patience = seconds{1};
/// How long a client gets to take an error before its connection is closed.
constexpr auto last_words_patience = seconds{2};

}  // namespace

template <protocol P>
task<void> serve_client(worker& on, int descriptor, entrance by)
{
    session<P> client{on, descriptor, by};
    co_await client.run();
}

template <protocol P>
session<P>::session(worker& on, int descriptor, entrance by)
    : worker_{on},
      client_{on.driver(), descriptor},
      event_{on.driver()},
      for_console_{by == entrance::console},
      read_only_{by == entrance::for_reading},
      since_{on.driver().now()}
{
    client_.subscribe(&event_);
    number_ = on.enroll(*this);
    on.owner().clients.fetch_add(1, std::memory_order_relaxed);
}

template <protocol P>
session<P>::~session()
{
    if (!on_console_) {
        worker_.owner().clients.fetch_sub(1, std::memory_order_relaxed);
    }
    worker_.dismiss(number_);
    if (kill_news_) {
        kill_news_->tell = nullptr;
    }
    forget_doubt();
}

template <protocol P>
task<void> session<P>::run()
{
    const bool logged_in = co_await log_in();
    if (logged_in) {
        co_await serve();
        co_await leave();
    }
    co_await say_last_words();
}

template <protocol P>
void session<P>::sweep(time_point now)
{
    if (!front_ || over_) {
        return;
    }
    if (!pins_.empty()) {
        pins_.count_time(now, *pool_->counters);
    }
    // Its end is behind octets that the server does not let us take.
    const bool unheard = hold_ == hold::answers || hold_ == hold::kill || (lease_ && lease_->wire().congested());
    if (unheard && client_.peer_gone() && now - since_ > abandoned_grace) {
        left_by_itself_ = true;
        over_ = true;
        event_.notify();
        return;
    }
    const auto& limits = worker_.current()->settings->clients;
    if (client_.backlog() > 0 && limits.client_write_timeout > duration::zero()) {
        if (client_.octets_sent() != sent_mark_ || stuck_since_ == time_point{}) {
            sent_mark_ = client_.octets_sent();
            stuck_since_ = now;
        } else if (now - stuck_since_ > limits.client_write_timeout) {
            stop({error_kind::client_too_slow, {}}, false);
        }
        return;
    }
    stuck_since_ = {};
    const auto is_over = [&](duration limit) { return limit > duration::zero() && now - rests_since_ > limit; };
    const bool idle = !lease_ && !ticket_ && !doubt_;
    if (hold_ == hold::doubt && now - wait_since_ > pool_->record->shared->limits().borrow_timeout) {
        give_up_lost({error_kind::borrow_timeout, "the server that was lost has not been heard of since", {}});
    } else if (idle && is_over(limits.idle_client_timeout)) {
        stop({error_kind::idle_timeout, {}}, false);
    } else if (lease_ && makes_server_wait() && is_over(limits.idle_transaction_timeout)) {
        stop({error_kind::idle_transaction_timeout, {}}, false);
    }
}

/// Its server waits for it and for nothing else: in a transaction, or for the rest of a long request.
template <protocol P>
bool session<P>::makes_server_wait() const
{
    const auto& server = lease_->half();
    const bool stops_midway = front_->is_mid_message() && !lease_->wire().congested() && !client_.readable();
    return stops_midway || (server.is_quiet() && server.in_transaction());
}

template <protocol P>
void session<P>::stop(client_error why, bool when_idle)
{
    if (when_idle && (!front_ || lease_ || ticket_ || doubt_)) {
        stop_when_idle_ = true;
        stop_ = std::move(why);
        return;
    }
    stop_when_idle_ = false;
    stop_ = std::move(why);
    event_.notify();
}

template <protocol P>
void session<P>::cancel(const std::string& key, std::function<void()> done)
{
    const bool theirs = !secret_.empty() && secret::equal_in_constant_time(key, secret_);
    if (!theirs) {
        worker_.counters().process.cancel_requests_unmatched.add();
        done();
        return;
    }
    if (on_console_) {
        is_cancelled_ = true;
        event_.notify();
    }
    cancel_statement([done = std::move(done)](bool) { done(); });
}

template <protocol P>
void session<P>::kill(const kill_order& order, std::function<void(kill_result)> done)
{
    const bool is_seen =
        logged_in_ && !over_ && order.protocol == P::name && pool_->record->key.cluster == order.cluster;
    if (!is_seen || order.user != user_) {
        done(is_seen ? kill_result::not_owner : kill_result::unknown);
        return;
    }
    if (!order.what.whole_session) {
        cancel_statement(
            [done = std::move(done)](bool arrived) { done(arrived ? kill_result::done : kill_result::failed); });
        return;
    }
    log::info("client is killed by another one of its user",
              {{"client", client_.peer_address()}, {"user", user_}, {"database", database_}});
    was_killed_ = true;
    over_ = true;
    event_.notify();
    done(kill_result::done);
}

/// The relay finds the end of the connection, as if the server had gone.
template <protocol P>
void session<P>::fence(const std::string& cluster, const std::string& node)
{
    if (lease_ && lease_->place().node == node && pool_->record->key.cluster == cluster) {
        lease_->wire().break_off("another node has become the primary");
    }
}

template <protocol P>
void session<P>::note_view()
{
    if (doubt_) {
        event_.notify();
    }
}

/// What the client waits for is given up, be it a server connection or a server's answer. `done` is told whether the
/// server knows, where it has to.
template <protocol P>
void session<P>::cancel_statement(std::function<void(bool)> done)
{
    if (ticket_ && !over_) {
        ticket_.reset();
        done(true);
        refuse_request(P::interrupted());
        return;
    }
    if (doubt_ && !over_) {
        done(true);
        lease_ ? settle_doubt(false) : give_up_lost(P::interrupted());
        event_.notify();
        return;
    }
    if (!lease_ || !lease_->half().owes_client() || lease_->key().process_id == 0) {
        done(true);
        return;
    }
    pool_->counters->cancels.add();
    const auto configuration = worker_.current();
    cancel_order order;
    order.target = lease_->key();
    order.where = lease_->place();
    order.account = pool_->record->account();
    order.gate = lease_->gate();
    if (!lease_->has_tls()) {
        order.account.tls = server_account::tls_mode::disable;
    } else if (order.account.tls < server_account::tls_mode::require) {
        order.account.tls = server_account::tls_mode::require;
    }
    const auto& contexts = configuration->server_tls;
    if (const auto tls = contexts.find(pool_->record->key.cluster); tls != contexts.end()) {
        order.tls = tls->second;
    }
    ++order.gate->under_way;
    order.gate->may_linger = true;
    const auto deadline = worker_.driver().now() + configuration->settings->pool.cancel_timeout;
    worker_.driver().spawn(send_cancel<P>(worker_.driver(), std::move(order), deadline, std::move(done)));
}

template <protocol P>
session_report session<P>::describe(time_point now, bool in_full) const
{
    session_report report;
    report.id = number_;
    report.on_console = on_console_;
    if (front_) {
        report.what = ticket_ || hold_ == hold::doubt ? session_report::state::waiting
                      : lease_                        ? session_report::state::active
                                                      : session_report::state::idle;
        report.pins = front_->pins();
        report.prepared_statements = front_->statement_count();
        report.pool = pool_->record.get();
    } else if (on_console_) {
        report.what = session_report::state::active;
    }
    if (ticket_) {
        report.waiting_for = now - wait_since_;
    }
    if (lease_) {
        report.server_id = lease_->id();
    }
    if (in_full) {
        using wall_clock = std::chrono::system_clock;
        report.process_id = number_;
        report.pinned = pins_.report(now);
        report.user = user_;
        report.database = database_;
        report.application_name = application_name();
        report.client_address = client_.peer_address();
        report.local_address = client_.local_address();
        report.tls = client_.tls() == net::tls_state::established ? client_.facts().version : std::string{};
        report.connected_at = connected_at_;
        report.requested_at = wall_clock::now() - std::chrono::duration_cast<wall_clock::duration>(now - since_);
    }
    return report;
}

/// It may have been changed by SET.
template <protocol P>
std::string_view session<P>::application_name() const
{
    if constexpr (requires { front_->application_name(); }) {
        if (front_ && !front_->application_name().empty()) {
            return front_->application_name();
        }
    }
    return application_name_;
}

template <protocol P>
void session<P>::end(client_error why)
{
    worker_.counters().process.count_client_error(why.kind);
    if (why.kind != error_kind::shutting_down && why.kind != error_kind::idle_timeout) {
        log::info("client is refused",
                  {{"client", client_.peer_address()},
                   {"user", user_},
                   {"database", database_},
                   {"reason", name_of(why.kind)},
                   {"detail", why.detail}});
    }
    over_ = true;
    if (lease_ && lease_->half().is_mid_relay()) {
        return;  // the client has a part of a message: whatever follows would be taken for the rest
    }
    if (!lease_ || !lease_->half().owes_client()) {
        client_.answer_early();
    }
    std::string out;
    if (front_) {
        front_->tell_error(why, lease_ ? &lease_->half() : nullptr, out, true);
    } else {
        P::encode_refusal(why, who_ ? *who_ : client_identity{}, out);
    }
    client_.send(out);
}

template <protocol P>
task<void> session<P>::leave()
{
    if (!left_by_itself_) {
        client_.shut_down_sending();  // it need not wait for what the server has to be asked yet
    }
    ticket_.reset();
    forget_doubt();
    if (lease_) {
        co_await abandon();
    }
    if (pool_ != nullptr) {
        leave_pool();
    }
    log::debug("client left", {{"client", client_.peer_address()}, {"user", user_}, {"database", database_}});
}

/// The session is nobody's any more: neither its pool nor its user's limit counts it.
template <protocol P>
void session<P>::leave_pool()
{
    copy_counters();
    pins_.follow({}, {}, worker_.driver().now(), *pool_->counters);
    pool_->counters->client_disconnects.add();
    if (std::exchange(admitted_, false)) {
        dismiss();
    }
    counted_ = {};
    routes_.reset();
    pool_ = nullptr;
    front_.reset();
}

/// Gives the lease back after its client has gone: ends what is half done, waits for the answers, has the rest cleaned
/// up.
template <protocol P>
task<void> session<P>::abandon()
{
    client_.subscribe(nullptr);
    auto& server = *lease_;
    const bool is_doomed = server.half().must_close;  // and yet what was sent last runs, or is cancelled
    if (front_->is_mid_message() || (is_doomed && server.half().is_quiet())) {
        discard(is_doomed ? telemetry::discard_reason::unclean : why_abandoned());
        co_return;
    }
    std::string scratch;
    drop_doubted();
    {
        outbox to_server{scratch};
        P::end_abandoned(*front_, server.half(), to_server);
        server.wire().send(to_server.contents());
    }
    if (server.half().must_close && !is_doomed) {
        discard(why_abandoned());
        co_return;
    }
    const bool at_once = was_killed_ || server.half().in_transaction() || worker_.is_draining();
    auto deadline = worker_.driver().now() + (at_once ? duration::zero() : abandoned_grace);
    bool cancelled = false;
    bool expired = false;
    while (!server.half().is_quiet()) {
        const auto timer = worker_.driver().call_by(deadline, [this, &expired] {
            expired = true;
            event_.notify();
        });
        const auto in = server.wire().receive();
        auto how = advance_result::ok;
        bool lost = in.how == net::received::kind::end || in.how == net::received::kind::error;
        if (in.how == net::received::kind::data) {
            outbox to_nobody{scratch};
            how = server.half().advance(in.data, *front_, to_nobody);
            drop_doubted();
            lost = how != advance_result::ok;
            co_await event_.yield();  // it may never stop: the deadline has to have its turn
        } else if (in.how == net::received::kind::would_block) {
            co_await event_.wait();
        }
        worker_.driver().cancel(timer);
        if (lost || (expired && cancelled)) {
            discard(lost ? reason_of(how) : why_abandoned());
            co_return;
        }
        if (expired) {
            expired = false;
            cancelled = true;
            deadline = worker_.driver().now() + (worker_.is_draining() ? draining_patience : abandoned_patience);
            cancel_statement([](bool) {});
        }
    }
    if (server.half().must_close) {
        discard(telemetry::discard_reason::unclean);
        co_return;
    }
    if (routes_) {
        note_write();
    }
    if (front_->must_stay()) {
        server.needs(cleanup::everything);
    } else if (server.half().in_transaction()) {
        server.needs(cleanup::rollback);
    }
    if (server.needs_reset()) {
        pool_->counters->resets.add();
    }
    server.lent_to = 0;
    if (is_renewed_ && !over_ && server.needs_reset()) {  // its client goes on, and may meet what it has left
        const bool clean = co_await server.reset();
        if (!clean) {
            discard(telemetry::discard_reason::unclean);
            co_return;
        }
    }
    lease_.release();
}

/// Why a connection is given up that the server has ended, in its own words or without any.
template <protocol P>
telemetry::discard_reason session<P>::reason_of(advance_result how)
{
    using reason = telemetry::discard_reason;
    return how == advance_result::violation ? reason::protocol_violation : reason::server_closed;
}

/// Why a connection is given up that did not come to rest after its client.
template <protocol P>
telemetry::discard_reason session<P>::why_abandoned() const
{
    using reason = telemetry::discard_reason;
    if (!stop_ || left_by_itself_) {
        return reason::client_gone;
    }
    return stop_->kind == error_kind::client_too_slow ? reason::client_too_slow
           : stop_->kind == error_kind::shutting_down ? reason::shutdown
                                                      : reason::client_gone;
}

template <protocol P>
void session<P>::discard(telemetry::discard_reason why)
{
    pool_->counters->count_discard(why);
    if (routes_) {
        note_write();
    }
    lease_.discard();
}

/// What was sent last should arrive: a socket closed over unread input would take it back.
template <protocol P>
task<void> session<P>::say_last_words()
{
    if (client_.peer_gone() || client_.failed() || left_by_itself_) {
        co_return;
    }
    client_.subscribe(&event_);
    client_.shut_down_sending();
    bool expired = false;
    const auto timer = worker_.driver().call_by(worker_.driver().now() + last_words_patience, [this, &expired] {
        expired = true;
        event_.notify();
    });
    while (!expired) {
        const auto in = client_.receive();
        if (in.how == net::received::kind::would_block) {
            co_await event_.wait();
        } else if (in.how == net::received::kind::data) {
            co_await event_.yield();
        } else {
            break;
        }
    }
    worker_.driver().cancel(timer);
}

template class session<postgresql::protocol>;
template class session<mysql::protocol>;
template task<void> serve_client<postgresql::protocol>(worker& on, int descriptor, entrance by);
template task<void> serve_client<mysql::protocol>(worker& on, int descriptor, entrance by);

}  // namespace penstock::proxy
