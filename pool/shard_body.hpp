// SPDX-License-Identifier: Apache-2.0
//
// shard_body: carries shard_core's actions out on a driver, for connections of type C.
//
// All of it runs on the shard's thread, except shard_mailbox::deliver(). Coroutines here borrow the shard_body, which
// waits for them in closed(). Lists: connections_ holds the connection of every slot that has one; a waiting ticket is
// the tag of its waiter in the core.
#pragma once

#include "pool/pool.hpp"
#include "pool/shard_core.hpp"

#include "core/assert.hpp"
#include "net/driver.hpp"
#include "net/event.hpp"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace penstock::pool {

/// Brings messages to the shard's thread; what comes after the shard has gone is dropped there.
template <class C>
class shard_mailbox final : public mailbox, public std::enable_shared_from_this<shard_mailbox<C>> {
public:
    shard_mailbox(net::driver& on, shard_body<C>& owner) : driver_{&on}, owner_{&owner} {}

    void deliver(message what) override
    {
        auto parcel = std::make_shared<message>(std::move(what));
        driver_->post(
            [self = this->shared_from_this(), parcel = std::move(parcel)] { self->open(std::move(*parcel)); });
    }
    void forget_owner() { owner_ = nullptr; }
    /// Posted by the shard to itself: looks at idle connections whose watcher fired.
    void post_watch()
    {
        driver_->post([self = this->shared_from_this()] {
            if (self->owner_ != nullptr) {
                self->owner_->drop_unusable();
            }
        });
    }

private:
    void open(message what)
    {
        if (owner_ != nullptr) {
            owner_->receive(std::move(what));
        }
    }

    net::driver* driver_;
    shard_body<C>* owner_;  ///< touched on the shard's thread only
};

template <class C>
class shard_body {
    static_assert(pooled_connection<C>);

public:
    shard_body(net::driver& on, std::shared_ptr<shared_pool> pool, std::shared_ptr<opener<C>> opens)
        : driver_{&on},
          opener_{std::move(opens)},
          mailbox_{std::make_shared<shard_mailbox<C>>(on, *this)},
          core_{std::move(pool), mailbox_, jitter_source(), on.now()},
          watcher_{on}
    {
    }

    ~shard_body()
    {
        PENSTOCK_ASSERT(is_empty() && !watching_);  // drain() and closed() come first
        driver_->cancel(timer_);
        mailbox_->forget_owner();
    }

    shard_body(const shard_body&) = delete;
    shard_body& operator=(const shard_body&) = delete;

    lease<C> try_acquire()
    {
        for (auto slot = core_.take_idle(); slot != no_slot; slot = core_.take_idle()) {
            auto& candidate = *connections_[slot];
            candidate.subscribe(nullptr);
            if (candidate.is_usable()) {
                ++stats_.granted;
                return lease<C>{*this, candidate, slot};
            }
            core_.close(slot, driver_->now(), close_reason::unusable);
            follow_up();
        }
        return {};
    }

    void enqueue(ticket<C>& who, net::event& tell)
    {
        PENSTOCK_ASSERT(who.state_ == ticket_state::unused);
        who.owner_ = this;
        who.granted_ = try_acquire();
        if (who.granted_) {
            who.state_ = ticket_state::granted;
            return;
        }
        who.state_ = ticket_state::waiting;
        who.tell_ = nullptr;  // what happens before this returns is seen without being told
        who.waiter_ = core_.request(driver_->now(), &who);
        follow_up();
        who.tell_ = &tell;
    }

    void withdraw(ticket<C>& who)
    {
        if (who.state_ == ticket_state::waiting) {
            who.state_ = ticket_state::unused;
            core_.withdraw(who.waiter_, driver_->now());
            follow_up();
        } else {
            who.state_ = ticket_state::unused;
            who.take().release();
        }
    }

    void release(std::uint32_t slot)
    {
        auto& back = *connections_[slot];
        back.subscribe(nullptr);
        const auto now = driver_->now();
        if (!back.is_usable()) {
            core_.close(slot, now, close_reason::unusable);
        } else if (!back.needs_reset()) {
            core_.returned(slot);
            place(slot);
        } else if (const auto why = core_.state().worn_by(slot, now)) {
            core_.close(slot, now, *why);
        } else {
            core_.resetting(slot);
            spawn(reset(slot));
        }
        follow_up();
    }

    void discard(std::uint32_t slot)
    {
        connections_[slot]->subscribe(nullptr);
        core_.close(slot, driver_->now(), close_reason::borrower);
        follow_up();
    }

    void receive(message what)
    {
        const auto now = driver_->now();
        if (what.what == message::kind::gift) {
            auto cargo = std::static_pointer_cast<gift>(what.cargo);
            auto allowance = std::move(what.allowance);
            core_.receive(std::move(what), now);
            take_in(std::move(*cargo), std::move(allowance));
        } else {
            core_.receive(std::move(what), now);
        }
        follow_up();
    }

    void drop_unusable()
    {
        watch_posted_ = false;
        const auto& state = core_.state();
        for (auto slot = state.next_idle(no_slot); slot != no_slot;) {
            const auto next = state.next_idle(slot);
            if (!connections_[slot]->is_usable()) {
                connections_[slot]->subscribe(nullptr);
                core_.close(slot, driver_->now(), close_reason::unusable);
            }
            slot = next;
        }
        follow_up();
    }

    [[nodiscard]] shard_stats stats() const
    {
        const auto& counts = core_.state().counts();
        auto now = stats_;
        now.idle = counts.idle;
        now.active = counts.leased;
        now.connecting = counts.connecting;
        now.resetting = counts.resetting;
        now.closing = counts.closing;
        now.waiters = counts.waiters;
        now.oldest_wait = counts.waiters == 0 ? duration{} : driver_->now() - core_.state().oldest_request();
        return now;
    }

    void for_each(const std::function<void(const C&, slot_use)>& look) const
    {
        for (slot_id slot = 0; slot < connections_.size(); ++slot) {
            if (connections_[slot]) {
                look(*connections_[slot], use_of(core_.state().state_of(slot)));
            }
        }
    }

    void drain()
    {
        core_.drain(driver_->now());
        follow_up();
    }

    [[nodiscard]] const shard_core& core() const { return core_; }
    [[nodiscard]] bool has_room() const { return core_.has_room(); }

    task<void> closed()
    {
        PENSTOCK_ASSERT(core_.state().is_draining() && emptied_ == nullptr);
        net::event emptied{*driver_};
        emptied_ = &emptied;
        while (!is_empty()) {
            co_await emptied.wait();
        }
        stop_watching_ = true;
        watcher_.notify();
        while (watching_) {
            co_await emptied.wait();
        }
        emptied_ = nullptr;
    }

private:
    struct gift {
        std::unique_ptr<C> connection;
        slot_age age;
    };

    static pool_state::jitter_source jitter_source()
    {
        return [engine = std::minstd_rand{std::random_device{}()}]() mutable {
            return std::uniform_real_distribution<double>{0, 1}(engine);
        };
    }

    static slot_use use_of(slot_state state)
    {
        switch (state) {
            case slot_state::connecting: return slot_use::connecting;
            case slot_state::leased: return slot_use::active;
            case slot_state::resetting: return slot_use::resetting;
            case slot_state::closing: return slot_use::closing;
            case slot_state::none:
            case slot_state::checked:
            case slot_state::idle: break;
        }
        return slot_use::idle;
    }

    [[nodiscard]] bool is_empty() const { return under_way_ == 0 && core_.state().counts().open_or_opening() == 0; }

    /// Ends every event: does what the core says, which may be the cause of more, and sees to the timer.
    void follow_up()
    {
        if (following_) {
            return;  // the one further up the stack goes on
        }
        following_ = true;
        auto& actions = core_.actions();
        for (std::size_t i = 0; i < actions.size(); ++i) {
            const auto next = std::move(actions[i]);  // the list may grow meanwhile
            carry_out(next);
        }
        actions.clear();
        following_ = false;
        arm();
        if (emptied_ != nullptr && is_empty()) {
            emptied_->notify();
        }
    }

    void carry_out(const action& what)
    {
        switch (what.what) {
            case action::kind::grant: grant(what); break;
            case action::kind::reject: reject(what); break;
            case action::kind::open: spawn(open(what.slot)); break;
            case action::kind::close:
                ++stats_.closed_for[static_cast<std::size_t>(what.why)];
                spawn(close(what.slot));
                break;
            case action::kind::hand_over: hand_over(what.slot, what.to); break;
        }
    }

    void grant(const action& what)
    {
        ++stats_.granted;
        ++stats_.waited;
        stats_.wait_time += what.waited;
        auto& to = *static_cast<ticket<C>*>(what.tag);
        to.granted_ = lease<C>{*this, *connections_[what.slot], what.slot};
        to.state_ = ticket_state::granted;
        tell(to);
    }

    void reject(const action& what)
    {
        ++(what.error.kind == error_kind::borrow_timeout ? stats_.timed_out : stats_.rejected);
        auto& to = *static_cast<ticket<C>*>(what.tag);
        to.error_ = what.error;
        to.state_ = ticket_state::rejected;
        tell(to);
    }

    static void tell(ticket<C>& whom)
    {
        if (whom.tell_ != nullptr) {
            whom.tell_->notify();
        }
    }

    void hand_over(slot_id slot, const std::shared_ptr<seat>& to)
    {
        auto connection = std::move(connections_[slot]);
        connection->subscribe(nullptr);
        connection->detach();
        auto [age, allowance] = core_.give_away(slot, driver_->now());
        auto cargo = std::make_shared<gift>(gift{std::move(connection), age});
        message parcel{.what = message::kind::gift};
        parcel.allowance = std::move(allowance);
        parcel.cargo = cargo;
        if (core_.pool()->shared_budget().send(to, parcel)) {
            ++stats_.handed_over;
            return;
        }
        cargo->connection->attach(*driver_);  // that shard has left
        const auto back = hold(core_.adopt(age, std::move(parcel.allowance)), std::move(cargo->connection));
        core_.close(back, driver_->now(), close_reason::drained);
    }

    void take_in(gift taken, permit allowance)
    {
        ++stats_.taken_over;
        taken.connection->attach(*driver_);
        const auto slot = hold(core_.adopt(taken.age, std::move(allowance)), std::move(taken.connection));
        if (connections_[slot]->is_usable()) {
            place(slot);
        } else {
            core_.close(slot, driver_->now(), close_reason::unusable);
        }
    }

    slot_id hold(slot_id slot, std::unique_ptr<C> connection)
    {
        connections_.resize(std::max<std::size_t>(connections_.size(), slot + 1));
        connections_[slot] = std::move(connection);
        return slot;
    }

    void place(slot_id slot)
    {
        core_.place(slot, driver_->now());
        if (core_.state().state_of(slot) == slot_state::idle) {
            if (!watching_) {
                watching_ = true;
                spawn(watch());
            }
            connections_[slot]->subscribe(&watcher_);
        }
    }

    void spawn(task<void> work) { driver_->spawn(std::move(work)); }

    task<void> open(slot_id slot)
    {
        ++under_way_;
        auto node = core_.node_of(slot);
        const auto deadline = driver_->now() + core_.state().limits().connect_timeout;
        auto result = co_await opener_->open(*driver_, std::move(node), deadline);
        const auto now = driver_->now();
        if (result.connection) {
            ++stats_.opened;
            hold(slot, std::move(result.connection));
            core_.opened(slot, now);
            place(slot);
        } else {
            ++(result.failure.connected ? stats_.failed_logins : stats_.failed_opens);
            core_.open_failed(slot, now, result.failure.error, result.failure.definitive);
        }
        --under_way_;
        follow_up();
    }

    task<void> reset(slot_id slot)
    {
        ++under_way_;
        const bool clean = co_await connections_[slot]->reset();
        connections_[slot]->subscribe(nullptr);
        core_.returned(slot);
        if (clean && connections_[slot]->is_usable()) {
            place(slot);
        } else {
            core_.close(slot, driver_->now(), clean ? close_reason::unusable : close_reason::reset_failed);
        }
        --under_way_;
        follow_up();
    }

    task<void> close(slot_id slot)
    {
        ++under_way_;
        connections_[slot]->subscribe(nullptr);
        co_await connections_[slot]->close();
        connections_[slot].reset();  // first the socket, then its permit
        ++stats_.closed;
        core_.closed(slot, driver_->now());
        --under_way_;
        follow_up();
    }

    /// Waits for a sign from any idle connection. Which one it was is looked for once per turn of the loop, however
    /// many spoke.
    task<void> watch()
    {
        while (!stop_watching_) {
            co_await watcher_.wait();
            if (!std::exchange(watch_posted_, true)) {
                mailbox_->post_watch();
            }
        }
        watching_ = false;
        if (emptied_ != nullptr) {
            emptied_->notify();
        }
    }

    void arm()
    {
        const auto next = core_.next_tick(driver_->now());
        if (!next || (timer_ != 0 && timer_due_ <= *next)) {
            return;
        }
        driver_->cancel(timer_);
        timer_due_ = *next;
        timer_ = driver_->call_at(*next, [this] {
            timer_ = 0;
            core_.tick(driver_->now());
            follow_up();
        });
    }

    net::driver* driver_;
    std::shared_ptr<opener<C>> opener_;
    std::shared_ptr<shard_mailbox<C>> mailbox_;
    shard_core core_;
    std::vector<std::unique_ptr<C>> connections_;
    shard_stats stats_{};

    net::event watcher_;  ///< subscribed to every idle connection
    bool watching_ = false;
    bool watch_posted_ = false;
    bool stop_watching_ = false;

    bool following_ = false;         ///< follow_up() is on the stack
    std::size_t under_way_ = 0;      ///< coroutines for connections
    net::event* emptied_ = nullptr;  ///< closed() waits
    net::driver::timer_id timer_ = 0;
    time_point timer_due_{};
};

}  // namespace penstock::pool
