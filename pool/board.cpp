// SPDX-License-Identifier: Apache-2.0
//
// The board: who starves, who may help, and what is promised to whom. Invariants are in board.hpp.
#include "pool/board.hpp"

#include "core/assert.hpp"

#include <algorithm>

namespace penstock::pool {

namespace {

bool is_shared(refusal why)
{
    return why == refusal::user || why == refusal::node || why == refusal::process;
}

/// How many shards on the board, besides this one, its pool's connections may help.
std::uint32_t others_starving(const seat& who)
{
    const auto starving = who.of->attention.load(std::memory_order_relaxed) & ~account::over_bit;
    return starving - (who.on_board ? 1 : 0);
}

void ask(seat& whom, message what)
{
    whom.asked = true;
    whom.box->deliver(std::move(what));
}

}  // namespace

void budget::join(const std::shared_ptr<seat>& who)
{
    const std::lock_guard lock{mutex_};
    who->present = true;
    who->of->seats.push_back(who);
}

void budget::leave(const std::shared_ptr<seat>& who)
{
    const std::lock_guard lock{mutex_};
    remove_from_board(*who);
    who->present = false;
    std::erase(who->of->seats, who);
    settle();
}

permit budget::claim(const std::shared_ptr<seat>& who, const need& what, std::uint32_t arrived)
{
    const std::lock_guard lock{mutex_};
    PENSTOCK_ASSERT(who->promised >= arrived);
    who->promised -= arrived;
    who->hungry.store(what.hungry, std::memory_order_relaxed);
    who->oldest.store(what.oldest.time_since_epoch().count(), std::memory_order_relaxed);
    who->openable = what.openable;
    who->may_use_reserve = what.may_use_reserve;
    if (what.hungry == 0) {
        return {};
    }
    who->of->in_use = true;
    if (who->wants_permit() && refused_by(*who->of, purpose_of(*who)) == refusal::none) {
        return take_locked(who->of);  // nobody on the board could use it, or it would not be free
    }
    if (!who->on_board) {
        add_to_board(*who);
    }
    call_for(*who);
    return {};
}

void budget::step_down(const std::shared_ptr<seat>& who)
{
    const std::lock_guard lock{mutex_};
    remove_from_board(*who);
}

verdict budget::offer(const std::shared_ptr<seat>& who, permit& of, const time_point* oldest, time_point idle_since)
{
    const std::lock_guard lock{mutex_};
    auto* const sibling = oldest_sibling(*who);
    if (is_over(*who->of, oldest != nullptr || sibling != nullptr)) {
        mark_leaving_locked(of);
        settle();
        return {verdict::kind::close};
    }
    if (sibling != nullptr && (oldest == nullptr || sibling->since() + hand_over_margin < *oldest)) {
        ++sibling->promised;
        return {verdict::kind::hand_over, sibling->shared_from_this()};
    }
    if (oldest == nullptr) {
        if (who->idle == seat::stock::none) {
            who->idle = seat::stock::known;
            who->oldest_idle = idle_since;
        }
        call_for_all();  // those in other pools, to whom this one may give room
        return {};
    }
    auto* const elsewhere = oldest_elsewhere(*who);
    if (elsewhere != nullptr && elsewhere->since() + eviction_margin < *oldest) {
        ++elsewhere->room;
        of.owed_to_ = elsewhere->shared_from_this();
        mark_leaving_locked(of);
        settle();
        return {verdict::kind::close};
    }
    return {};
}

void budget::end_look(const std::shared_ptr<seat>& who, bool has_idle, time_point oldest_idle)
{
    const std::lock_guard lock{mutex_};
    who->asked = false;
    who->idle = has_idle ? seat::stock::known : seat::stock::none;
    who->oldest_idle = oldest_idle;
    call_for_all();
}

bool budget::send(const std::shared_ptr<seat>& to, message& gift)
{
    const std::lock_guard lock{mutex_};
    if (to->present) {
        to->box->deliver(std::move(gift));
    }
    return to->present;
}

void budget::settle_debt(permit* of, const std::shared_ptr<seat>& who)
{
    const std::lock_guard lock{mutex_};
    if (of != nullptr) {
        of->owed_to_ = who;
        mark_leaving_locked(*of);
    } else {
        --who->room;
    }
    settle();
}

debt::~debt()
{
    if (to_) {
        to_->of->shared->settle_debt(nullptr, to_);
    }
}

void budget::add_to_board(seat& who)
{
    who.on_board = true;
    board_.push_back(&who);
    raise_attention(*who.of, who);
}

void budget::remove_from_board(seat& who)
{
    if (who.on_board) {
        widen(who, false);
        who.on_board = false;
        std::erase(board_, &who);
        who.of->attention.fetch_sub(1, std::memory_order_relaxed);
    }
}

/// A wide need is other pools' concern as well.
void budget::widen(seat& who, bool wide)
{
    if (std::exchange(who.wide, wide) == wide) {
        return;
    }
    for (auto* each : accounts_) {
        if (each == who.of.get()) {
            continue;
        }
        if (wide) {
            raise_attention(*each, who);
        } else {
            each->attention.fetch_sub(1, std::memory_order_relaxed);
        }
    }
}

/// Shards that saw nobody starving until now have told nothing of their idle connections.
void budget::raise_attention(account& of, const seat& because_of)
{
    for (const auto& each : of.seats) {
        if (each.get() != &because_of && others_starving(*each) == 0) {
            each->idle = seat::stock::unknown;
        }
    }
    of.attention.fetch_add(1, std::memory_order_relaxed);
}

/// After every change of a count: permits to those who can use them, and calls for what else may help.
void budget::settle()
{
    allot();
    call_for_all();
}

void budget::allot()
{
    for (;;) {
        seat* first = nullptr;
        for (auto* each : board_) {
            const bool older = first == nullptr || each->since() < first->since();
            if (older && each->wants_permit() && refused_by(*each->of, purpose_of(*each)) == refusal::none) {
                first = each;
            }
        }
        if (first == nullptr) {
            return;
        }
        ++first->promised;
        message gives{.what = message::kind::permit};
        gives.allowance = take_locked(first->of);
        first->box->deliver(std::move(gives));
    }
}

void budget::call_for_all()
{
    for (auto* each : board_) {
        call_for(*each);
    }
}

void budget::call_for(seat& who)
{
    if (!who.wants_more()) {
        return;
    }
    widen(who, is_shared(refused_by(*who.of, purpose_of(who))));
    bool asking = call_on(*who.of, who);
    if (!who.wide || !who.wants_room()) {
        return;
    }
    for (const auto* each : accounts_) {
        if (each != who.of.get() && can_help(*each, *who.of)) {
            asking = call_on(*each, who) || asking;
        }
    }
    if (!asking) {  // all have answered: now the oldest idle connection is known
        order_room(who);
    }
}

/// Asks the shards of a pool to look, where that may bring something. True while an answer is outstanding.
bool budget::call_on(const account& of, const seat& on_behalf)
{
    const bool sibling = on_behalf.of.get() == &of;
    bool asking = false;
    for (const auto& each : of.seats) {
        if (each.get() == &on_behalf) {
            continue;
        }
        const bool worth_it = each->idle == seat::stock::unknown || (sibling && each->idle == seat::stock::known);
        if (worth_it && !each->asked) {
            ask(*each, {.what = message::kind::look});
        }
        asking = asking || each->asked;
    }
    return asking;
}

/// Has other pools close what was idle longest, one connection per waiter that nothing else is promised to.
void budget::order_room(seat& who)
{
    while (who.wants_room()) {
        seat* oldest = nullptr;
        for (const auto* each : accounts_) {
            if (each == who.of.get() || !can_help(*each, *who.of)) {
                continue;
            }
            for (const auto& at : each->seats) {
                const bool has = at->idle == seat::stock::known && !at->asked;
                if (has && (oldest == nullptr || at->oldest_idle < oldest->oldest_idle)) {
                    oldest = at.get();
                }
            }
        }
        if (oldest == nullptr) {
            return;
        }
        ++who.room;
        oldest->idle = seat::stock::unknown;
        ask(*oldest, {.what = message::kind::make_room, .whom = debt{who.shared_from_this()}});
    }
}

/// Whether closing a connection of `donor` brings down every shared count that is in the way of `blocked`.
bool budget::can_help(const account& donor, const account& blocked) const
{
    const auto full = [](std::uint32_t limit, const tally& count) { return limit != 0 && count.held >= limit; };
    if (full(user_limit(blocked), *blocked.user_tally) && donor.user_tally != blocked.user_tally) {
        return false;
    }
    return !blocked.node_tally || !full(limits_.per_node, *blocked.node_tally) ||
           donor.node_tally == blocked.node_tally;
}

purpose budget::purpose_of(const seat& who)
{
    return who.may_use_reserve ? purpose::reserve : purpose::demand;
}

/// The shard of the same pool, not this one, whose first waiter has waited longest and has nothing promised.
seat* budget::oldest_sibling(const seat& who) const
{
    seat* oldest = nullptr;
    for (auto* each : board_) {
        if (each != &who && each->of == who.of && each->wants_more() &&
            (oldest == nullptr || each->since() < oldest->since())) {
            oldest = each;
        }
    }
    return oldest;
}

/// The same among other pools' shards that a connection of this pool stands in the way of.
seat* budget::oldest_elsewhere(const seat& who) const
{
    seat* oldest = nullptr;
    for (auto* each : board_) {
        if (each->of != who.of && each->wide && each->wants_room() && can_help(*who.of, *each->of) &&
            (oldest == nullptr || each->since() < oldest->since())) {
            oldest = each;
        }
    }
    return oldest;
}

}  // namespace penstock::pool
