// SPDX-License-Identifier: Apache-2.0
//
// Every event ends with balance(): what the shard lacks is asked of the budget, and told to the board where it is news.
#include "pool/shard_core.hpp"

#include <algorithm>
#include <utility>

namespace penstock::pool {

shard_core::shard_core(std::shared_ptr<shared_pool> pool,
                       std::shared_ptr<mailbox> messages,
                       pool_state::jitter_source jitter,
                       time_point now)
    : pool_{std::move(pool)},
      seat_{std::make_shared<seat>(pool_->own_account(), std::move(messages))},
      state_{pool_->limits(), std::move(jitter), seat_->of->joint->waiters},
      next_housekeeping_{now + housekeeping_interval}
{
    seat_->has_idle = &state_.has_idle();
    shared().join(seat_);
    follow_settings();
}

shard_core::~shard_core()
{
    shared().leave(seat_);
}

waiter_id shard_core::request(time_point now, void* tag)
{
    in_use_ = true;
    const auto waiter = state_.request(now, tag);
    balance(now);
    return waiter;
}

void shard_core::withdraw(waiter_id waiter, time_point now)
{
    state_.withdraw(waiter);
    balance(now);
}

void shard_core::open_failed(slot_id slot, time_point now, const client_error& error, bool definitive)
{
    const auto unused = std::move(permits_[slot]);  // back at the end, when the board knows that we do not want it
    state_.connect_failed(slot, now, error, definitive);
    balance(now);
}

void shard_core::place(slot_id slot, time_point now)
{
    if (const auto why = state_.worn_by(slot, now)) {
        close(slot, now, *why);
        return;
    }
    if (others_starve()) {
        const bool waits = state_.waiters() != 0;
        const auto oldest = waits ? state_.oldest_request() : time_point{};
        auto decision =
            shared().offer(seat_,
                           permits_[slot],
                           {.opened = state_.opened_at(slot), .idle_since = now, .oldest = waits ? &oldest : nullptr});
        if (decision.what == verdict::kind::hand_over) {
            state_.hand_over(slot, std::move(decision.to));
            return;  // give_away() follows
        }
        if (decision.what == verdict::kind::close) {
            close(slot, now, close_reason::limit);
            return;
        }
    }
    state_.make_available(slot, now);
    balance(now);
}

void shard_core::close(slot_id slot, time_point now, close_reason why)
{
    permits_[slot].mark_leaving();
    state_.close(slot, why);
    balance(now);
}

void shard_core::closed(slot_id slot, time_point now)
{
    state_.closed(slot);
    permits_[slot].give_back();
    balance(now);
}

std::pair<slot_age, permit> shard_core::give_away(slot_id slot, time_point now)
{
    std::pair<slot_age, permit> parts{state_.give_away(slot), std::move(permits_[slot])};
    balance(now);
    return parts;
}

slot_id shard_core::adopt(const slot_age& age, permit allowance)
{
    const auto slot = state_.adopt(age);
    permits_.resize(std::max<std::size_t>(permits_.size(), slot + 1));
    permits_[slot] = std::move(allowance);
    return slot;
}

void shard_core::receive(message what, time_point now)
{
    switch (what.what) {
        case message::kind::look: look(now); break;
        case message::kind::gift: ++arrivals_; return;  // adopt() and place() or close() follow, and tell the board
        case message::kind::make_room: make_room(std::move(what), now); break;
        case message::kind::permit:
            ++arrivals_;
            if (state_.wanted_permits(now) > 0) {
                open(std::move(what.allowance), now);
            }
            break;  // one that is no longer wanted goes back with the message, when the board knows
        case message::kind::changed:
            follow_settings();
            look(now);
            break;
    }
    balance(now);
}

void shard_core::tick(time_point now)
{
    state_.tick(now);
    mark_closing();
    if (now >= next_housekeeping_) {
        next_housekeeping_ = now + housekeeping_interval;
        keep_house(now);
    }
    if (const auto due = next_look(); due && *due <= now) {
        look(now);
    }
    balance(now);
}

std::optional<time_point> shard_core::next_tick(time_point now) const
{
    auto next = state_.next_tick(now);
    if (const auto due = next_look()) {
        next = std::min(next.value_or(*due), *due);
    }
    const bool busy = state_.counts().open_or_opening() != 0 || on_board_;
    if (busy || (in_use_ && state_.limits().minimum != 0 && !state_.is_draining())) {
        next = std::min(next.value_or(next_housekeeping_), next_housekeeping_);
    }
    return next;
}

void shard_core::drain(time_point now)
{
    state_.drain();
    mark_closing();
    balance(now);
    shared().step_down(seat_);
    on_board_ = false;
}

void shard_core::keep_house(time_point now)
{
    shared().note_idle(seat_, state_.counts().idle);
    if (state_.limits().idle_timeout != duration{}) {
        shrink(now);
    }
    if (state_.limits().minimum != 0 && in_use_) {
        keep_minimum(now);
    }
    if (on_board_ && state_.waiters() == 0 && arrivals_ == 0) {
        shared().step_down(seat_);
        on_board_ = false;
    }
}

void shard_core::shrink(time_point now)
{
    for (auto slot = state_.oldest_idle(); slot != no_slot; slot = state_.oldest_idle()) {
        const bool idle_for_long = now - state_.idle_since(slot) >= state_.limits().idle_timeout;
        if (!idle_for_long || !shared().may_shrink(seat_, permits_[slot])) {
            return;
        }
        state_.close(slot, close_reason::idle);
    }
}

void shard_core::keep_minimum(time_point now)
{
    while (state_.may_open(now)) {
        auto allowance = shared().take(seat_->of, purpose::minimum);
        if (!allowance) {
            return;
        }
        open(std::move(allowance), now);
    }
}

/// Whether other shards of this pool, its other kinds, or other pools want what we have, or a limit is exceeded.
bool shard_core::others_starve() const
{
    return seat_->of->attention.load(std::memory_order_relaxed) != (on_board_ ? 1U : 0U);
}

/// When an idle connection that was kept from others has been idle for so long that they may have it.
std::optional<time_point> shard_core::next_look() const
{
    const auto oldest = state_.oldest_idle();
    if (oldest == no_slot || !others_starve()) {
        return std::nullopt;
    }
    return std::max(state_.idle_since(oldest), looked_at_) + eviction_margin;
}

/// Offers idle connections until nobody wants one.
void shard_core::look(time_point now)
{
    for (auto slot = state_.oldest_idle(); slot != no_slot; slot = state_.oldest_idle()) {
        auto decision =
            shared().offer(seat_,
                           permits_[slot],
                           {.opened = state_.opened_at(slot), .idle_since = state_.idle_since(slot), .was_idle = true});
        if (decision.what == verdict::kind::keep) {
            break;
        }
        if (decision.what == verdict::kind::close) {
            state_.close(slot, close_reason::limit);
        } else {
            state_.take_from_idle(slot);
            state_.hand_over(slot, std::move(decision.to));
        }
    }
    end_look(now);
}

void shard_core::make_room(message order, time_point now)
{
    const auto slot = state_.oldest_idle();
    if (slot != no_slot && state_.idle_since(slot) <= order.idle_by) {
        shared().settle_debt(&permits_[slot], order.whom.take());
        state_.close(slot, close_reason::limit);
    }
    end_look(now);
}

void shard_core::end_look(time_point now)
{
    const auto oldest = state_.oldest_idle();
    std::optional<spare_connection> left;
    if (oldest != no_slot) {
        left = spare_connection{
            .opened = state_.opened_at(oldest), .idle_since = state_.idle_since(oldest), .was_idle = true};
    }
    looked_at_ = now;
    shared().end_look(seat_, left, now);
}

void shard_core::follow_settings()
{
    const auto now = shared().settings_of(*seat_->of);
    state_.resize(now.limits);
    if (std::exchange(generation_, now.generation) != now.generation) {
        state_.retire(now.generation, now.moved);
        mark_closing();
    }
    if (std::exchange(intake_, now.takes) != now.takes) {
        state_.take_in(now.takes);
        mark_closing();
    }
}

/// Connections that the policy has closed by itself no longer count among those the pool lives on.
void shard_core::mark_closing()
{
    for (const auto& each : state_.actions()) {
        if (each.what == action::kind::close) {
            permits_[each.slot].mark_leaving();
        }
    }
}

void shard_core::balance(time_point now)
{
    if (state_.waiters() == 0 && told_.hungry == 0 && arrivals_ == 0) {
        return;  // there is no need, and there was none
    }
    for (bool got_one = false;; got_one = true) {
        const auto current = need_at(now);
        if (!got_one && !is_news(current)) {
            if (current.hungry != told_.hungry || current.oldest != told_.oldest) {
                seat_->hungry.store(current.hungry, std::memory_order_relaxed);
                seat_->oldest.store(current.oldest.time_since_epoch().count(), std::memory_order_relaxed);
                told_ = current;
            }
            return;
        }
        auto allowance = shared().claim(seat_, current, std::exchange(arrivals_, 0));
        told_ = current;
        if (!allowance) {
            on_board_ = on_board_ || current.hungry != 0;
            return;
        }
        open(std::move(allowance), now);
    }
}

need shard_core::need_at(time_point now) const
{
    const auto hungry = state_.uncovered_waiters();
    if (hungry == 0) {
        return {};
    }
    return {.hungry = hungry,
            .oldest = state_.oldest_request(),
            .openable = state_.wanted_permits(now),
            .may_use_reserve = state_.wants_reserve(now)};
}

/// Whether the board must hear of it: it may bring something. Served waiters are no news.
bool shard_core::is_news(const need& current) const
{
    if (arrivals_ != 0) {
        return true;
    }
    return current.hungry != 0 && (!on_board_ || current.hungry > told_.hungry || current.openable > told_.openable ||
                                   current.may_use_reserve != told_.may_use_reserve);
}

void shard_core::open(permit allowance, time_point now)
{
    const auto slot = state_.open(now);
    permits_.resize(std::max<std::size_t>(permits_.size(), slot + 1));
    permits_[slot] = std::move(allowance);
}

}  // namespace penstock::pool
