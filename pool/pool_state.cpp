// SPDX-License-Identifier: Apache-2.0
//
// Waiters and the idle list are linked through their entries, so that leaving from the middle costs nothing; entries
// are used again, and a waiter's id holds a generation so that a late withdraw() cannot hit its successor.
#include "pool/pool_state.hpp"

#include "core/assert.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace penstock::pool {

namespace {

/// After a refused login the next try comes soon: a password may just have been put right.
constexpr duration longest_backoff_when_refused = seconds{1};

client_error go_elsewhere()
{
    return {error_kind::server_unavailable, "the server is being drained"};
}

double in_seconds(duration length)
{
    return std::chrono::duration<double>(length).count();
}

std::string seconds_text(duration length)
{
    auto text = std::to_string(in_seconds(length));
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
        text.pop_back();
    }
    return text + " s";
}

duration scaled(duration length, double factor)
{
    return duration{static_cast<duration::rep>(static_cast<double>(length.count()) * factor)};
}

}  // namespace

pool_state::pool_state(const pool_limits& limits, jitter_source jitter, std::shared_ptr<waiter_count> all_waiters)
    : limits_{limits}, jitter_{std::move(jitter)}, all_waiters_{std::move(all_waiters)}
{
}

slot_id pool_state::take_idle()
{
    const auto slot = first_idle_;
    if (slot != no_slot) {
        unlink_idle(slot);
        enter(slot, slot_state::leased);
    }
    return slot;
}

waiter_id pool_state::request(time_point now, void* tag)
{
    PENSTOCK_ASSERT(first_idle_ == no_slot);
    std::uint32_t index = 0;
    if (free_waiters_.empty()) {
        index = static_cast<std::uint32_t>(waiters_.size());
        waiters_.emplace_back();
    } else {
        index = free_waiters_.back();
        free_waiters_.pop_back();
    }
    auto& entry = waiters_[index];
    ++entry.generation;
    entry.tag = tag;
    entry.since = now;
    entry.queued = true;
    entry.next = no_waiter;
    entry.previous = std::exchange(last_waiter_, index);
    (entry.previous == no_waiter ? first_waiter_ : waiters_[entry.previous].next) = index;
    ++waiting_;
    const auto everybody = all_waiters_->fetch_add(1, std::memory_order_relaxed) + 1;

    const auto waiter = id_of(index);
    if (draining_) {
        reject(waiter, now, {error_kind::shutting_down, {}});
    } else if (intake_ == intake::elsewhere) {
        reject(waiter, now, go_elsewhere());
    } else if (limits_.max_waiters != 0 && everybody > limits_.max_waiters) {
        reject(waiter,
               now,
               {error_kind::too_many_clients,
                std::to_string(limits_.max_waiters) + " sessions are waiting for a connection of this pool already"});
    } else if (refused_ && now < backoff_until_) {
        reject(waiter, now, last_failure_);
    }
    return waiter;
}

void pool_state::withdraw(waiter_id waiter)
{
    const auto index = static_cast<std::uint32_t>(waiter);
    if (index < waiters_.size() && waiters_[index].queued && id_of(index) == waiter) {
        unqueue(index, waiters_[index].since);
    }
}

std::uint32_t pool_state::uncovered_waiters() const
{
    const auto coming =
        count_of(slot_state::connecting) + count_of(slot_state::resetting) + count_of(slot_state::checked);
    return waiting_ > coming ? waiting_ - coming : 0;
}

std::uint32_t pool_state::wanted_permits(time_point now) const
{
    return may_open(now) ? std::min(uncovered_waiters(), failures_ == 0 ? no_slot : 1U) : 0;
}

bool pool_state::may_open(time_point now) const
{
    // After a failure, one at a time tries whether the server is back.
    return !draining_ && intake_ == intake::open && now >= backoff_until_ &&
           (failures_ == 0 || count_of(slot_state::connecting) == 0);
}

slot_id pool_state::open(time_point now)
{
    const auto slot = new_slot(slot_state::connecting);
    slots_[slot].age = {now, jitter_(), generation_};
    actions_.push_back({.what = action::kind::open, .slot = slot});
    return slot;
}

void pool_state::connected(slot_id slot, time_point now)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::connecting);
    slots_[slot].age.born = now;
    forget_failures();
    enter(slot, slot_state::checked);
}

void pool_state::connect_failed(slot_id slot, time_point now, const client_error& error, bool definitive)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::connecting);
    closed(slot);
    if (intake_ != intake::open) {
        return;  // servers may well be down meanwhile: those who wait learn nothing from that
    }
    last_failure_ = error;
    refused_ = definitive;
    back_off(now,
             definitive ? std::min(limits_.backoff_longest, longest_backoff_when_refused) : limits_.backoff_longest);
    if (definitive) {
        reject_all(now, error);
    }
}

void pool_state::returned(slot_id slot)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::leased || slots_[slot].state == slot_state::resetting);
    enter(slot, slot_state::checked);
}

void pool_state::resetting(slot_id slot)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::leased);
    enter(slot, slot_state::resetting);
}

slot_id pool_state::adopt(const slot_age& age)
{
    const auto slot = new_slot(slot_state::checked);
    slots_[slot].age = age;
    return slot;
}

std::optional<close_reason> pool_state::worn_by(slot_id slot, time_point now) const
{
    const auto& age = slots_[slot].age;
    if (draining_) {
        return close_reason::drained;
    }
    if (intake_ != intake::open) {
        return close_reason::paused;
    }
    if (age.generation < generation_) {
        return age.generation < moved_ ? close_reason::moved : close_reason::retired;
    }
    if (limits_.lifetime != duration{} && now - age.born >= scaled(limits_.lifetime, 1 - age.jitter / 10)) {
        return close_reason::lifetime;
    }
    return std::nullopt;
}

void pool_state::make_available(slot_id slot, time_point now)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::checked);
    if (first_waiter_ == no_waiter) {
        enter(slot, slot_state::idle);
        slots_[slot].idle_since = now;
        push_idle(slot);
        return;
    }
    enter(slot, slot_state::leased);
    auto grant = unqueue(first_waiter_, now);
    grant.what = action::kind::grant;
    grant.slot = slot;
    actions_.push_back(std::move(grant));
}

slot_age pool_state::give_away(slot_id slot)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::checked);
    const auto age = slots_[slot].age;
    closed(slot);
    return age;
}

void pool_state::take_from_idle(slot_id slot)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::idle);
    unlink_idle(slot);
    enter(slot, slot_state::checked);
}

void pool_state::hand_over(slot_id slot, std::shared_ptr<seat> to)
{
    PENSTOCK_ASSERT(slots_[slot].state == slot_state::checked);
    actions_.push_back({.what = action::kind::hand_over, .slot = slot, .to = std::move(to)});
}

void pool_state::close(slot_id slot, close_reason why)
{
    if (slots_[slot].state == slot_state::idle) {
        unlink_idle(slot);
    }
    enter(slot, slot_state::closing);
    actions_.push_back({.what = action::kind::close, .slot = slot, .why = why});
}

void pool_state::closed(slot_id slot)
{
    enter(slot, slot_state::none);
    free_slots_.push_back(slot);
}

void pool_state::tick(time_point now)
{
    while (first_waiter_ != no_waiter && now - waiters_[first_waiter_].since >= limits_.borrow_timeout) {
        reject(id_of(first_waiter_), now, timeout_error());
    }
    for (auto slot = last_idle_; slot != no_slot;) {
        const auto previous = slots_[slot].previous;
        if (const auto why = worn_by(slot, now)) {
            close(slot, *why);
        }
        slot = previous;
    }
}

std::optional<time_point> pool_state::next_tick(time_point now) const
{
    if (waiting_ == 0) {
        return std::nullopt;
    }
    const auto since = oldest_request();
    auto next = since + limits_.borrow_timeout;
    if (limits_.reserve != 0 && !wants_reserve(now)) {
        next = std::min(next, since + limits_.reserve_timeout);
    }
    if (now < backoff_until_) {
        next = std::min(next, backoff_until_);
    }
    return next;
}

void pool_state::retire(std::uint64_t generation, std::uint64_t moved)
{
    generation_ = generation;
    moved_ = moved;
    for (auto slot = last_idle_; slot != no_slot;) {
        const auto previous = slots_[slot].previous;
        if (slots_[slot].age.generation < generation_) {
            close(slot, slots_[slot].age.generation < moved_ ? close_reason::moved : close_reason::retired);
        }
        slot = previous;
    }
    forget_failures();  // what was learnt of the old settings says nothing of the new ones
}

void pool_state::take_in(intake next)
{
    intake_ = next;
    forget_failures();
    if (next != intake::open) {
        close_idle(close_reason::paused);
    }
    if (next == intake::elsewhere) {
        reject_all({}, go_elsewhere());
    }
}

void pool_state::drain()
{
    draining_ = true;
    close_idle(close_reason::drained);
    reject_all({}, {error_kind::shutting_down, {}});
}

bool pool_state::wants_reserve(time_point now) const
{
    return limits_.reserve != 0 && waiting_ != 0 && now - oldest_request() >= limits_.reserve_timeout;
}

slot_id pool_state::new_slot(slot_state state)
{
    slot_id slot = 0;
    if (free_slots_.empty()) {
        slot = static_cast<slot_id>(slots_.size());
        slots_.emplace_back();
        ++in_state_[static_cast<std::size_t>(slot_state::none)];
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
    }
    slots_[slot] = {};
    enter(slot, state);
    return slot;
}

void pool_state::enter(slot_id slot, slot_state state)
{
    const auto left = std::exchange(slots_[slot].state, state);
    --in_state_[static_cast<std::size_t>(left)];
    ++in_state_[static_cast<std::size_t>(state)];
}

void pool_state::push_idle(slot_id slot)
{
    auto& entry = slots_[slot];
    entry.previous = no_slot;
    entry.next = std::exchange(first_idle_, slot);
    (entry.next == no_slot ? last_idle_ : slots_[entry.next].previous) = slot;
    has_idle_.store(true, std::memory_order_relaxed);
}

void pool_state::unlink_idle(slot_id slot)
{
    const auto& entry = slots_[slot];
    (entry.previous == no_slot ? first_idle_ : slots_[entry.previous].next) = entry.next;
    (entry.next == no_slot ? last_idle_ : slots_[entry.next].previous) = entry.previous;
    has_idle_.store(first_idle_ != no_slot, std::memory_order_relaxed);
}

void pool_state::reject(waiter_id waiter, time_point now, const client_error& error)
{
    auto rejected = unqueue(static_cast<std::uint32_t>(waiter), now);
    rejected.what = action::kind::reject;
    rejected.error = error;
    actions_.push_back(std::move(rejected));
}

/// Takes a waiter out of the queue; gives an action that names it.
action pool_state::unqueue(std::uint32_t index, time_point now)
{
    auto& entry = waiters_[index];
    action result{.waiter = id_of(index), .tag = entry.tag, .waited = now - entry.since};
    (entry.previous == no_waiter ? first_waiter_ : waiters_[entry.previous].next) = entry.next;
    (entry.next == no_waiter ? last_waiter_ : waiters_[entry.next].previous) = entry.previous;
    entry.queued = false;
    free_waiters_.push_back(index);
    --waiting_;
    all_waiters_->fetch_sub(1, std::memory_order_relaxed);
    return result;
}

void pool_state::reject_all(time_point now, const client_error& error)
{
    while (first_waiter_ != no_waiter) {
        reject(id_of(first_waiter_), now, error);
    }
}

void pool_state::close_idle(close_reason why)
{
    while (last_idle_ != no_slot) {
        close(last_idle_, why);
    }
}

void pool_state::forget_failures()
{
    failures_ = 0;
    refused_ = false;
    backoff_until_ = {};
}

void pool_state::back_off(time_point now, duration longest)
{
    if (now < backoff_until_) {
        return;  // several were under way and fail together: that is one failure
    }
    const auto doublings = std::min(failures_++, 20U);
    const auto step = std::min(longest, scaled(limits_.backoff_first, static_cast<double>(1U << doublings)));
    backoff_until_ = now + scaled(step, 0.5 + jitter_() / 2);
}

waiter_id pool_state::id_of(std::uint32_t index) const
{
    return waiter_id{waiters_[index].generation} << 32 | index;
}

client_error pool_state::timeout_error() const
{
    auto text = "no server connection became free within " + seconds_text(limits_.borrow_timeout);
    if (intake_ != intake::open) {
        text += intake_ == intake::paused ? "; the database is paused" : "; its primary is being drained";
    } else if (failures_ != 0 && !last_failure_.detail.empty()) {
        text += "; the last attempt to open one failed: " + last_failure_.detail;
    }
    return {error_kind::borrow_timeout, std::move(text)};
}

}  // namespace penstock::pool
