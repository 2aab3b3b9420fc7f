// SPDX-License-Identifier: Apache-2.0
//
// A server that only counts, connections to it without sockets, and openers that a test can hold up or make fail.
#pragma once

#include "pool/pool.hpp"

#include "net/driver.hpp"
#include "net/event.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace penstock::pool::test {

/// What the server sees of us. Thread-safe.
struct fake_server {
    std::atomic<int> open{0};
    std::atomic<int> most{0};
    std::atomic<int> ever{0};

    void came()
    {
        ++ever;
        const int now = ++open;
        for (int before = most; before < now && !most.compare_exchange_weak(before, now);) {
        }
    }
    void went() { --open; }
};

/// Lets other work of the driver run: a turn through its posted functions.
inline task<void> next_turn(net::driver& on)
{
    net::event later{on};
    on.post([&later] { later.notify(); });
    co_await later.wait();
}

class fake_connection {
public:
    explicit fake_connection(fake_server& to, net::driver& on) : server_{&to}, driver_{&on}, number{to.ever + 1}
    {
        server_->came();
    }
    fake_connection(const fake_connection&) = delete;
    fake_connection& operator=(const fake_connection&) = delete;
    ~fake_connection() { server_->went(); }

    bool is_usable()
    {
        check_thread();
        return usable;
    }
    bool needs_reset() const { return dirty; }
    task<bool> reset()
    {
        co_await next_turn(*driver_);
        check_thread();
        dirty = false;
        co_return reset_works;
    }
    void subscribe(net::event* whom)
    {
        check_thread();
        subscriber = whom;
    }
    void detach()
    {
        check_thread();
        driver_ = nullptr;
        thread_ = {};
    }
    void attach(net::driver& to)
    {
        driver_ = &to;
        thread_ = std::this_thread::get_id();
    }
    task<void> close()
    {
        check_thread();
        closing = true;
        if (hold_closing != nullptr) {
            co_await hold_closing->wait();
        } else {
            co_await next_turn(*driver_);
        }
        check_thread();
    }

private:
    void check_thread() const { ASSERT_EQ(thread_, std::this_thread::get_id()) << "used on another worker's thread"; }

    fake_server* server_;
    net::driver* driver_;
    std::thread::id thread_ = std::this_thread::get_id();

public:
    int number;
    bool usable = true;
    bool dirty = false;
    bool reset_works = true;
    bool closing = false;
    net::event* hold_closing = nullptr;
    net::event* subscriber = nullptr;
    int borrowers = 0;  ///< not atomic: the sanitizer tells if two threads ever hold it
};

static_assert(pooled_connection<fake_connection>);

/// Opens at the next turn, or when `gate` is notified; fails while told to.
class fake_opener final : public opener<fake_connection> {
public:
    explicit fake_opener(fake_server& to) : server_{&to} {}

    task<open_result<fake_connection>> open(net::driver& on, std::string node, time_point) override
    {
        nodes.push_back(std::move(node));
        if (gate != nullptr) {
            co_await gate->wait();
        } else {
            co_await next_turn(on);
        }
        open_result<fake_connection> made;
        if (failing || (fail_every != 0 && ++tries_ % fail_every == 0)) {
            made.failure = {{error_kind::server_unavailable, "connection refused"}, definitive, connected};
        } else {
            made.connection = std::make_unique<fake_connection>(*server_, on);
        }
        co_return made;
    }

    std::vector<std::string> nodes{};
    net::event* gate = nullptr;
    bool failing = false;
    bool definitive = false;
    bool connected = false;
    int fail_every = 0;

private:
    fake_server* server_;
    int tries_ = 0;
};

using fake_lease = lease<fake_connection>;
using fake_ticket = ticket<fake_connection>;

inline task<void> await_closed(shard<fake_connection>& which, bool& done)
{
    co_await which.closed();
    done = true;
}

}  // namespace penstock::pool::test
