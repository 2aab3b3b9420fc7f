// SPDX-License-Identifier: Apache-2.0
//
// The board: who starves, who may help, and what is promised to whom. Invariants are in board.hpp.
#include "pool/board.hpp"

#include "core/assert.hpp"

#include <algorithm>

namespace penstock::pool {

namespace {

/// Who may bring down the count that is in the way.
seat::scope scope_of(refusal in_the_way)
{
    switch (in_the_way) {
        case refusal::none:
        case refusal::stopped: return seat::scope::own;
        case refusal::pool: return seat::scope::kinds;
        case refusal::user:
        case refusal::node:
        case refusal::process: break;
    }
    return seat::scope::all;
}

bool is_same_pool(const account& one, const account& other)
{
    return one.joint == other.joint;
}

bool is_within(seat::scope scope, const account& who, const seat& caller)
{
    return &who != caller.of.get() &&
           (scope == seat::scope::all || (scope == seat::scope::kinds && is_same_pool(who, *caller.of)));
}

/// How many connections a pool has to live on, of all kinds.
std::uint32_t expected_of(const account& pool)
{
    return pool.joint->total.expected();
}

claimant claimant_of(const seat& who)
{
    return {.connections = expected_of(*who.of), .turn = who.of->joint->turn, .oldest = who.since()};
}

/// Whether a connection is closed for this waiter of another pool or kind, rather than used where it is.
bool is_closed_for(const seat& waiter, const spare_connection& what, const account& of)
{
    const bool nobody_waits = what.oldest == nullptr;
    if (what.was_idle && nobody_waits) {
        return false;  // what was idle longest is closed, wherever that is (order_room)
    }
    if (!is_same_pool(of, *waiter.of)) {
        const released_connection released{.of = expected_of(of), .opened = what.opened, .now = what.idle_since};
        return gives_way(released, claimant_of(waiter));
    }
    if (nobody_waits) {
        return true;
    }
    const bool has_served = what.idle_since - what.opened >= eviction_margin;
    return waiter.since() + (has_served ? duration{} : eviction_margin) < *what.oldest;
}

/// How many shards on the board, besides this one, its connections may help.
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
    who->of->joint->wanted_last = who->of.get();
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

verdict budget::offer(const std::shared_ptr<seat>& who, permit& of, const spare_connection& what)
{
    const std::lock_guard lock{mutex_};
    auto* const sibling = oldest_sibling(*who);
    if (is_over(*who->of, what.oldest != nullptr || sibling != nullptr)) {
        mark_leaving_locked(of);
        settle();
        return {verdict::kind::close};
    }
    const bool hands_over =
        sibling != nullptr && (what.oldest == nullptr || sibling->since() + hand_over_margin < *what.oldest);
    auto of_its_kind = what;
    const auto siblings_oldest = hands_over ? sibling->since() : time_point{};
    if (hands_over) {
        of_its_kind.oldest = &siblings_oldest;
    }
    if (auto* const elsewhere = first_to_give_way_to(*who, of_its_kind); elsewhere != nullptr) {
        owe_room(*elsewhere);
        of.owed_to_ = elsewhere->shared_from_this();
        mark_leaving_locked(of);
        settle();
        return {verdict::kind::close};
    }
    if (hands_over) {
        ++sibling->promised;
        return {verdict::kind::hand_over, sibling->shared_from_this()};
    }
    if (what.oldest == nullptr) {
        if (who->idle == seat::stock::none) {
            who->idle = seat::stock::known;
            who->oldest_idle = what.idle_since;
            who->idle_for_long = false;
            who->idle_has_served = what.idle_since - what.opened >= eviction_margin;
        }
        call_for_all();  // those of other pools and kinds, to whom this one may give room
    }
    return {};
}

void budget::end_look(const std::shared_ptr<seat>& who, const std::optional<spare_connection>& left, time_point now)
{
    const std::lock_guard lock{mutex_};
    who->asked = false;
    who->idle = left ? seat::stock::known : seat::stock::none;
    who->oldest_idle = left ? left->idle_since : now;
    who->idle_for_long = now - who->oldest_idle >= eviction_margin;
    who->idle_has_served = left && now - left->opened >= eviction_margin;
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
        take_back_room(*who);
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
        widen(who, refusal::none);
        who.on_board = false;
        std::erase(board_, &who);
        who.of->attention.fetch_sub(1, std::memory_order_relaxed);
    }
}

/// A need that a limit stands in the way of is the concern of all that count against that limit.
void budget::widen(seat& who, refusal in_the_way)
{
    const auto after = scope_of(in_the_way);
    const auto before = std::exchange(who.calls_on, after);
    if (before == after) {
        return;
    }
    const bool everybody = before == seat::scope::all || after == seat::scope::all;
    for (auto* each : everybody ? accounts_ : who.of->joint->kinds) {
        const bool was_called = is_within(before, *each, who);
        const bool is_called = is_within(after, *each, who);
        if (is_called && !was_called) {
            raise_attention(*each, who);
        } else if (was_called && !is_called) {
            each->attention.fetch_sub(1, std::memory_order_relaxed);
        }
    }
}

bool budget::may_be_called(const account& of, const seat& by)
{
    return is_within(by.calls_on, of, by);
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
            const bool next = first == nullptr || is_next(claimant_of(*each), claimant_of(*first));
            if (next && each->wants_permit() && refused_by(*each->of, purpose_of(*each)) == refusal::none) {
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
    widen(who, refused_by(*who.of, purpose_of(who)));
    bool asking = call_on(*who.of, who);
    if (who.calls_on == seat::scope::own || !who.wants_room()) {
        return;
    }
    for (const auto* each : called_on_by(who)) {
        if (each != who.of.get() && can_help(*each, who)) {
            asking = call_on(*each, who) || asking;
        }
    }
    if (!asking) {  // all have answered: now the oldest idle connection is known
        order_room(who);
    }
}

const std::vector<account*>& budget::called_on_by(const seat& who) const
{
    return who.calls_on == seat::scope::all ? accounts_ : who.of->joint->kinds;
}

/// Asks the shards of a kind to look, where that may bring something. True while an answer is outstanding.
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

/// Has other pools or kinds close what was idle longest, one connection per waiter that nothing else is promised to.
void budget::order_room(seat& who)
{
    while (who.wants_room()) {
        auto* const holder = holder_of_room_for(who);
        if (holder == nullptr) {
            return;
        }
        owe_room(who);
        holder->idle = seat::stock::unknown;
        ask(*holder,
            {.what = message::kind::make_room,
             .whom = debt{who.shared_from_this()},
             .idle_by = holder->idle_for_long ? holder->oldest_idle : time_point::max()});
    }
}

/// The shard of another pool or kind with the idle connection that is to be closed for this one; null: there is none.
seat* budget::holder_of_room_for(const seat& who) const
{
    const auto has = expected_of(*who.of);
    const bool is_the_only_way = has == 0 && !has_too_many_somewhere(who);
    seat* oldest = nullptr;
    for (const auto* each : called_on_by(who)) {
        if (each == who.of.get() || !can_help(*each, who)) {
            continue;
        }
        for (const auto& at : each->seats) {
            const bool older = oldest == nullptr || at->oldest_idle < oldest->oldest_idle;
            const idle_connection idle{.of = expected_of(*each),
                                       .for_long = at->idle_for_long,
                                       .has_served = at->idle_has_served,
                                       .is_the_only_way = is_the_only_way};
            if (older && at->idle == seat::stock::known && !at->asked &&
                (is_same_pool(*each, *who.of) || gives_way(idle, has))) {
                oldest = at.get();
            }
        }
    }
    return oldest;
}

/// Whether a pool that could help has a connection too many: then its next release will.
bool budget::has_too_many_somewhere(const seat& who) const
{
    return std::ranges::any_of(called_on_by(who), [&](const account* each) {
        return has_too_many(expected_of(*each), expected_of(*who.of)) && can_help(*each, who);
    });
}

void budget::owe_room(seat& to)
{
    ++to.room;
    ++to.of->joint->total.coming;
    ++to.of->user_tally->coming;
}

void budget::take_back_room(seat& from)
{
    PENSTOCK_ASSERT(from.room > 0);
    --from.room;
    --from.of->joint->total.coming;
    --from.of->user_tally->coming;
}

/// Whether closing a connection of `donor` brings down every count that is in the way of `blocked`, or will be when all
/// has come that is being closed for it.
bool budget::can_help(const account& donor, const seat& blocked) const
{
    const auto helps = [](std::uint32_t limit, const tally& count, bool counts_there) {
        return counts_there || limit == 0 || (count.held < limit && count.expected() < limit);
    };
    const auto& of = *blocked.of;
    const auto& pool = *of.joint;
    const auto size = pool.limits.size + (blocked.may_use_reserve ? pool.limits.reserve : 0);
    return helps(size, pool.total, is_same_pool(donor, of)) &&
           helps(user_limit(of), *of.user_tally, donor.user_tally == of.user_tally) &&
           (!of.node_tally || helps(limits_.per_node, *of.node_tally, donor.node_tally == of.node_tally));
}

purpose budget::purpose_of(const seat& who)
{
    return who.may_use_reserve ? purpose::reserve : purpose::demand;
}

/// The shard of the same kind, not this one, whose first waiter has waited longest and has nothing promised.
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

/// The same among shards of other pools and kinds in whose way this connection stands, and for whom it is to be closed.
seat* budget::first_to_give_way_to(const seat& who, const spare_connection& what) const
{
    seat* first = nullptr;
    for (auto* each : board_) {
        const bool next = first == nullptr || is_next(claimant_of(*each), claimant_of(*first));
        if (next && may_be_called(*who.of, *each) && each->wants_room() && !asks_its_own(*each) &&
            can_help(*who.of, *each) && is_closed_for(*each, what, *who.of)) {
            first = each;
        }
    }
    return first;
}

/// Whether a shard of its own kind may have an idle connection for it, and is being asked: nobody need close one yet.
bool budget::asks_its_own(const seat& who)
{
    return std::ranges::any_of(who.of->seats, [&](const auto& each) { return each.get() != &who && each->asked; });
}

}  // namespace penstock::pool
