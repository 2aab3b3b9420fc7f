// SPDX-License-Identifier: Apache-2.0
//
// One coroutine accepts; one per new connection waits for its first octet.
#include "admin/listener.hpp"

#include "telemetry/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <set>
#include <utility>

namespace penstock::admin {
namespace asio = boost::asio;

namespace {

using descriptor = asio::posix::stream_descriptor;

constexpr duration pause_without_descriptors = milliseconds{100};

bool is_console(char first)
{
    return first == '\0' || first == '\x16';
}

/// A connection that has sent nothing yet; the alarm closes it.
struct newcomer {
    newcomer(asio::io_context& io, int socket) : peer{io, socket}, alarm{io} {}
    descriptor peer;
    asio::steady_timer alarm;
};

}  // namespace

struct listener::state : std::enable_shared_from_this<state> {
    state(asio::io_context& context, int socket, listener_handlers whom, listener_options chosen)
        : io{context}, listening{context, socket}, pause{context}, handlers{std::move(whom)}, options{chosen}
    {
    }

    static asio::awaitable<void> accept(std::shared_ptr<state> self);
    static asio::awaitable<void> introduce(std::shared_ptr<state> self, std::shared_ptr<newcomer> who);
    bool accept_all();
    void take(int socket);
    bool hand_over(newcomer& who);
    void stop();

    asio::io_context& io;
    descriptor listening;
    asio::steady_timer pause;
    listener_handlers handlers;
    listener_options options;
    std::set<std::shared_ptr<newcomer>> undecided{};
    bool stopped = false;
};

listener::listener(control::loop& on, int listening, listener_handlers handlers, listener_options options)
    : state_{std::make_shared<state>(on.context(), listening, std::move(handlers), options)}
{
    asio::co_spawn(on.context(), state::accept(state_), asio::detached);
}

listener::~listener()
{
    state_->stop();
}

asio::awaitable<void> listener::state::accept(std::shared_ptr<state> self)
{
    while (!self->stopped) {
        const auto [fault] =
            co_await self->listening.async_wait(descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
        if (fault || self->stopped) {
            break;
        }
        const bool may_go_on = self->accept_all();
        if (!may_go_on) {
            self->pause.expires_after(pause_without_descriptors);
            co_await self->pause.async_wait(asio::as_tuple(asio::use_awaitable));
        }
    }
}

/// Accepts whoever waits; false where descriptors or memory have run out.
bool listener::state::accept_all()
{
    while (true) {
        const int socket = accept4(listening.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (socket >= 0) {
            take(socket);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            log::warning("the admin port cannot accept: out of descriptors or memory");
            return false;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return true;
        }
    }
}

void listener::state::take(int socket)
{
    auto who = std::make_shared<newcomer>(io, socket);
    if (undecided.size() >= options.most_undecided) {
        return;  // and `who` closes it
    }
    undecided.insert(who);
    who->alarm.expires_after(options.first_octet_timeout);
    who->alarm.async_wait([weak = std::weak_ptr{who}](const boost::system::error_code& fault) {
        if (const auto late = weak.lock(); late && !fault) {
            late->peer.cancel();
        }
    });
    asio::co_spawn(io, introduce(shared_from_this(), std::move(who)), asio::detached);
}

asio::awaitable<void> listener::state::introduce(std::shared_ptr<state> self, std::shared_ptr<newcomer> who)
{
    bool goes_on = true;
    while (goes_on) {
        const auto [fault] = co_await who->peer.async_wait(descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
        goes_on = !fault && !self->stopped && !self->hand_over(*who);
    }
    who->alarm.cancel();
    self->undecided.erase(who);
}

/// False where nothing has come yet: Asio (1.26, of Boost 1.81) may run a wait for an event of the descriptor that had
/// the same number before, where that was closed after epoll had told of it.
bool listener::state::hand_over(newcomer& who)
{
    char first = 0;
    const auto count = recv(who.peer.native_handle(), &first, 1, MSG_PEEK);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return false;
    }
    const auto& handler = is_console(first) ? handlers.console : handlers.http;
    if (count == 1 && handler) {
        handler(who.peer.release());
    }
    return true;
}

void listener::state::stop()
{
    stopped = true;
    listening.close();
    pause.cancel();
    for (const auto& who : undecided) {
        who->peer.cancel();
    }
}

}  // namespace penstock::admin
