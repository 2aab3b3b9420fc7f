// SPDX-License-Identifier: Apache-2.0
#include "proxy/server_connection.hpp"

#include "protocols/mysql/protocol.hpp"
#include "protocols/postgresql/protocol.hpp"
#include "telemetry/log.hpp"

#include <atomic>
#include <optional>

namespace penstock::proxy {

namespace {

/// How long a clean-up may take, and how long a goodbye waits for the server's end.
constexpr auto reset_patience = seconds{5};
constexpr auto goodbye_patience = seconds{2};

std::uint64_t next_id()
{
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace

template <protocol P>
server_connection<P>::server_connection(net::driver& on,
                                        std::unique_ptr<net::stream> wire,
                                        server_identity identity,
                                        server_place place,
                                        std::size_t statement_limit)
    : driver_{&on},
      wire_{std::move(wire)},
      half_{statement_limit},
      identity_{std::move(identity)},
      place_{std::move(place)},
      id_{next_id()}
{
    half_.logged_in(identity_);
}

/// A session asks for it while it deals with octets of its client, which are in the driver's buffers.
template <protocol P>
bool server_connection<P>::is_usable()
{
    std::optional<net::driver::other_buffers> elsewhere;
    if (wire_->readable()) {
        elsewhere.emplace(*driver_);
    }
    while (wire_->readable()) {
        const auto in = wire_->receive();
        if (in.how == net::received::kind::would_block) {
            break;
        }
        if (in.how == net::received::kind::data && half_.advance_idle(in.data)) {
            continue;
        }
        if (in.how == net::received::kind::data) {
            note_unasked(half_.last_error());
        } else if (const auto* const fault = wire_->layer_fault()) {
            note_unasked(*fault);
        }
        return false;
    }
    if (wire_->holds_part()) {
        note_unasked({error_kind::outcome_unknown, "the server sent the start of what answers nothing", {}});
        return false;
    }
    return !wire_->peer_gone() && !wire_->failed() && !half_.must_close;
}

/// Nobody's exchange ends with it, so the log is where it is told.
template <protocol P>
void server_connection<P>::note_unasked(const client_error& why) const
{
    const auto tell = why.kind == error_kind::server_lost ? log::info : log::warning;
    tell("idle server connection closed", {{"server", place_.node}, {"reason", why.detail}});
}

template <protocol P>
task<bool> server_connection<P>::reset()
{
    const auto deadline = driver_->now() + reset_patience;
    net::event told{*driver_};
    gate_->waiting = &told;
    while (gate_->under_way > 0) {
        co_await told.wait();
    }
    gate_->waiting = nullptr;
    const bool was_cancelled = std::exchange(gate_->may_linger, false);
    if (cleanup_ == cleanup::none && !was_cancelled) {
        co_return is_usable();
    }
    typename P::statement_store store;
    typename P::front janitor{store, {}, parameter_set::none(), 1};
    std::string scratch;
    outbox to_server{scratch};
    if (was_cancelled) {
        P::announce_absorber(janitor, half_, to_server);
    }
    if (cleanup_ != cleanup::none) {
        P::announce_reset(cleanup_, janitor, half_, to_server);
    }
    if (half_.is_quiet()) {
        co_return is_usable();
    }
    const bool settled = co_await settle(to_server, janitor, deadline);
    cleanup_ = cleanup::none;
    co_return settled&& half_.is_idle() && !half_.must_close;
}

template <protocol P>
task<bool> server_connection<P>::run(std::string text, time_point deadline)
{
    typename P::statement_store store;
    typename P::front asker{store, {}, parameter_set::none(), 1};
    std::string scratch;
    outbox to_server{scratch};
    P::announce_query(text, asker, half_, to_server);
    const bool settled = co_await settle(to_server, asker, deadline);
    co_return settled&& half_.is_idle() && !half_.must_close;
}

template <protocol P>
task<bool> server_connection<P>::settle(outbox& to_server, typename P::front& asker, time_point deadline)
{
    net::event told{*driver_};
    wire_->subscribe(&told);
    bool expired = false;
    const auto timer = driver_->call_by(deadline, [&expired, &told] {
        expired = true;
        told.notify();
    });
    wire_->send(to_server.contents());
    to_server.clear();
    std::string scratch;
    bool sound = true;
    while (sound && !expired && !half_.is_quiet()) {
        const auto in = wire_->receive();
        if (in.how == net::received::kind::data) {
            outbox to_nobody{scratch};
            sound = half_.advance(in.data, asker, to_nobody) == advance_result::ok;
            co_await told.yield();  // a server that goes on and on must not keep the deadline from coming
        } else if (in.how == net::received::kind::would_block) {
            co_await told.wait();
        } else {
            sound = false;
        }
    }
    driver_->cancel(timer);
    wire_->subscribe(nullptr);
    co_return sound && !expired;
}

template <protocol P>
void server_connection<P>::detach()
{
    wire_->detach();
    driver_ = nullptr;
}

template <protocol P>
void server_connection<P>::attach(net::driver& on)
{
    driver_ = &on;
    wire_->attach(on);
}

template <protocol P>
task<void> server_connection<P>::close()
{
    if (wire_->failed()) {
        co_return;
    }
    net::event told{*driver_};
    wire_->subscribe(&told);
    std::string goodbye;
    P::encode_goodbye(goodbye);
    wire_->send(goodbye);
    wire_->shut_down_sending();
    bool expired = false;
    const auto timer = driver_->call_by(driver_->now() + goodbye_patience, [&expired, &told] {
        expired = true;
        told.notify();
    });
    while (!expired) {
        const auto in = wire_->receive();
        if (in.how == net::received::kind::would_block) {
            co_await told.wait();
        } else if (in.how == net::received::kind::data) {
            co_await told.yield();  // it may never stop: then the deadline ends it
        } else {
            break;
        }
    }
    driver_->cancel(timer);
    wire_->subscribe(nullptr);
}

template class server_connection<postgresql::protocol>;
template class server_connection<mysql::protocol>;

}  // namespace penstock::proxy
