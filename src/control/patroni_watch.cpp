// SPDX-License-Identifier: Apache-2.0
#include "control/patroni_watch.hpp"

#include "control/http_fetch.hpp"
#include "control/patroni.hpp"
#include "control/tended.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace penstock::control {
namespace asio = boost::asio;

namespace {

asio::awaitable<addresses> look_up(resolver& names, const place& where)
{
    if (auto numeric = net::numeric_endpoint(where.host, where.port); numeric.has_value()) {
        co_return std::vector<net::endpoint>{*numeric};
    }
    auto begin = [&names, &where](auto handler) {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        names.resolve(where.host, where.port, [kept](addresses found) { std::move (*kept)(std::move(found)); });
    };
    co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(addresses)>(begin, asio::use_awaitable);
}

std::string text_of(const place& where)
{
    const bool is_v6 = where.host.find(':') != std::string::npos;
    return (is_v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

}  // namespace

struct patroni_watch::state : std::enable_shared_from_this<state> {
    state(loop& where, std::vector<place> urls, duration longest, patroni_surroundings around)
        : on{where}, at{std::move(urls)}, patience{longest}, surroundings{std::move(around)}, nap{where.context()}
    {
    }

    void spawn();
    static asio::awaitable<void> keep_asking(std::shared_ptr<state> self);
    asio::awaitable<member_list> ask_one(const place& where);
    asio::awaitable<member_list> ask_all();

    loop& on;
    std::vector<place> at;
    duration patience;
    patroni_surroundings surroundings;
    asio::steady_timer nap;
    std::size_t first = 0;  ///< the one that answered last
    bool stopped = false;
};

patroni_watch::patroni_watch(loop& on, std::vector<place> at, duration patience, patroni_surroundings surroundings)
    : state_{std::make_shared<state>(on, std::move(at), patience, std::move(surroundings))}
{
}

patroni_watch::~patroni_watch()
{
    state_->stopped = true;
    state_->nap.cancel();
}

void patroni_watch::start()
{
    state_->spawn();
}

void patroni_watch::hasten()
{
    state_->nap.cancel();
}

void patroni_watch::state::spawn()
{
    tended asking;
    asking.failure = "asking Patroni failed, trying again";
    asking.is_wanted = [weak = weak_from_this()] {
        const auto self = weak.lock();
        return self && !self->stopped;
    };
    asking.begin = [weak = weak_from_this()] { return keep_asking(weak.lock()); };
    asking.pause = surroundings.pause;
    tend(on, std::move(asking));
}

asio::awaitable<void> patroni_watch::state::keep_asking(std::shared_ptr<state> self)
{
    while (!self->stopped) {
        auto list = co_await self->ask_all();
        if (self->stopped) {
            co_return;
        }
        self->surroundings.tell(std::move(list));
        self->nap.expires_after(self->surroundings.pause());
        co_await self->nap.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

/// Where nobody has a list, the reasons of all are told.
asio::awaitable<member_list> patroni_watch::state::ask_all()
{
    member_list list;
    std::string faults;
    for (std::size_t attempt = 0; attempt < at.size() && !stopped; ++attempt) {
        const auto index = (first + attempt) % at.size();
        list = co_await ask_one(at[index]);
        if (list.fault.empty()) {
            first = index;
            co_return list;
        }
        faults += (faults.empty() ? "" : "; ") + ("Patroni at " + text_of(at[index]) + ": " + list.fault);
    }
    list.fault = std::move(faults);
    co_return list;
}

asio::awaitable<member_list> patroni_watch::state::ask_one(const place& where)
{
    member_list list;
    fetch_request what;
    const auto found = co_await look_up(surroundings.names, where);
    if (stopped) {
        co_return list;
    }
    if (!found.has_value() || found->empty()) {
        list.fault = "its name cannot be resolved";
        co_return list;
    }
    what.at = *found;
    what.host = text_of(where);
    what.path = "/cluster";
    what.longest_answer = longest_patroni_answer;
    what.patience = patience;
    const auto answer = co_await fetch(std::move(what));
    if (!answer.fault.empty()) {
        list.fault = answer.fault;
        co_return list;
    }
    co_return read_patroni(answer.body);
}

}  // namespace penstock::control
