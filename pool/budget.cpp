// SPDX-License-Identifier: Apache-2.0
//
// Permits, limits and accounts. The board, which every change of a count ends with, is in board.cpp.
#include "pool/budget.hpp"

#include "pool/board.hpp"
#include "pool/shared_pool.hpp"

#include "core/assert.hpp"

#include <algorithm>
#include <utility>

namespace penstock::pool {

namespace {

bool reached(std::uint32_t limit, std::uint32_t held)
{
    return limit != 0 && held >= limit;
}

bool exceeded(std::uint32_t limit, std::uint32_t held)
{
    return limit != 0 && held > limit;
}

/// What is shared under that key, made where nobody shares it yet.
template <class Key, class Shared>
std::shared_ptr<Shared> shared_under(std::map<Key, std::weak_ptr<Shared>>& among, const Key& key)
{
    std::erase_if(among, [](const auto& entry) { return entry.second.expired(); });
    auto found = among[key].lock();
    if (!found) {
        found = std::make_shared<Shared>();
        among[key] = found;
    }
    return found;
}

}  // namespace

permit& permit::operator=(permit&& other) noexcept
{
    if (this != &other) {
        give_back();
        account_ = std::move(other.account_);
        node_ = std::move(other.node_);
        owed_to_ = std::move(other.owed_to_);
        node_name_ = std::move(other.node_name_);
        leaving_ = other.leaving_;
    }
    return *this;
}

void permit::mark_leaving()
{
    if (account_ && !leaving_) {
        const auto shared = account_->shared;
        const std::lock_guard lock{shared->mutex_};
        shared->mark_leaving_locked(*this);
        shared->settle();
    }
}

void permit::give_back()
{
    if (account_) {
        const auto keep = std::exchange(account_, nullptr);
        const auto owed_to = owed_to_;  // as its shard's place goes, so may messages, and with them permits
        const std::lock_guard lock{keep->shared->mutex_};
        account_ = keep;
        keep->shared->put_back_locked(*this);
        keep->shared->settle();
    }
}

shared_limits budget::limits() const
{
    const std::lock_guard lock{mutex_};
    return limits_;
}

void budget::set_limits(const shared_limits& limits)
{
    const std::lock_guard lock{mutex_};
    limits_ = limits;
    refresh_over_everywhere();
    for (const auto* each : accounts_) {
        tell_of_change(*each);
    }
    settle();
}

tally budget::usage() const
{
    const std::lock_guard lock{mutex_};
    return process_;
}

tally budget::usage_of_node(const std::string& name) const
{
    const std::lock_guard lock{mutex_};
    const auto found = nodes_.find(name);
    const auto known = found == nodes_.end() ? nullptr : found->second.lock();
    return known ? *known : tally{};
}

budget::account_settings budget::settings_of(const account& of) const
{
    const std::lock_guard lock{mutex_};
    return {of.joint->limits, of.generation, of.moved, of.takes};
}

permit budget::take(const std::shared_ptr<account>& of, purpose why, refusal* blocked_by)
{
    const std::lock_guard lock{mutex_};
    const auto refused = refused_by(*of, why);
    if (blocked_by != nullptr) {
        *blocked_by = refused;
    }
    return refused == refusal::none ? take_locked(of) : permit{};
}

bool budget::has_room(const account& of) const
{
    const std::lock_guard lock{mutex_};
    const auto refused = refused_by(of, purpose::demand);
    if (refused == refusal::none || refused == refusal::stopped) {
        return refused == refusal::none;
    }
    const auto has_idle = [](const auto& each) { return each->has_idle->load(std::memory_order_relaxed); };
    return std::any_of(of.joint->kinds.begin(), of.joint->kinds.end(), [&](const account* kind) {
        return std::any_of(kind->seats.begin(), kind->seats.end(), has_idle);
    });
}

refusal budget::refused_by(const account& of, purpose why) const
{
    if (of.takes != intake::open) {
        return refusal::stopped;
    }
    const auto& pool = *of.joint;
    const auto& limits = pool.limits;
    if (why == purpose::minimum &&
        (pool.wanted_last != &of || pool.total.staying() >= std::min(limits.minimum, limits.size))) {
        return refusal::pool;
    }
    if (pool.total.held >= limits.size + (why == purpose::reserve ? limits.reserve : 0)) {
        return refusal::pool;
    }
    if (reached(user_limit(of), of.user_tally->held)) {
        return refusal::user;
    }
    if (of.node_tally && reached(limits_.per_node, of.node_tally->held)) {
        return refusal::node;
    }
    return reached(limits_.process, process_.held) ? refusal::process : refusal::none;
}

std::uint32_t budget::user_limit(const account& of) const
{
    const auto own = limits_.of_users.find(of.key.user);
    return own == limits_.of_users.end() ? limits_.per_user : own->second;
}

permit budget::take_locked(const std::shared_ptr<account>& of)
{
    permit taken;
    taken.account_ = of;
    taken.node_ = of->node_tally;
    taken.node_name_ = of->node;
    of->joint->turn = ++turns_;
    ++of->joint->total.held;
    ++of->user_tally->held;
    if (taken.node_) {
        ++taken.node_->held;
    }
    ++process_.held;
    refresh_over(*of);
    return taken;
}

void budget::mark_leaving_locked(permit& of)
{
    if (std::exchange(of.leaving_, true)) {
        return;
    }
    ++of.account_->joint->total.leaving;
    ++of.account_->user_tally->leaving;
    if (of.node_) {
        ++of.node_->leaving;
    }
    ++process_.leaving;
    refresh_over(*of.account_);
}

void budget::put_back_locked(permit& of)
{
    const auto held_by = std::exchange(of.account_, nullptr);
    const auto put_back = [leaving = of.leaving_](tally& count) {
        PENSTOCK_ASSERT(count.held > 0 && (!leaving || count.leaving > 0));
        --count.held;
        count.leaving -= leaving ? 1 : 0;
    };
    put_back(held_by->joint->total);
    put_back(*held_by->user_tally);
    if (of.node_) {
        put_back(*of.node_);
    }
    put_back(process_);
    if (of.owed_to_) {
        take_back_room(*of.owed_to_);
    }
    of.node_.reset();
    of.owed_to_.reset();
    of.leaving_ = false;
    refresh_over(*held_by);
}

bool budget::is_over(const account& of, bool reserve_counts) const
{
    const auto& limits = of.joint->limits;
    return of.joint->total.staying() > limits.size + (reserve_counts ? limits.reserve : 0) || is_over_shared(of);
}

bool budget::is_over_shared(const account& of) const
{
    return exceeded(user_limit(of), of.user_tally->staying()) ||
           (of.node_tally && exceeded(limits_.per_node, of.node_tally->staying())) ||
           exceeded(limits_.process, process_.staying());
}

void budget::refresh_over(account& changed)
{
    if (any_shared_over_) {
        refresh_over_everywhere();
    } else {
        for (auto* each : changed.joint->kinds) {
            mark_over(*each);
        }
    }
}

void budget::mark_over(account& of) const
{
    if (is_over(of, false)) {
        of.attention.fetch_or(account::over_bit, std::memory_order_relaxed);
    } else {
        of.attention.fetch_and(~account::over_bit, std::memory_order_relaxed);
    }
}

void budget::refresh_over_everywhere()
{
    any_shared_over_ = false;
    for (auto* each : accounts_) {
        mark_over(*each);
        any_shared_over_ = any_shared_over_ || is_over_shared(*each);
    }
}

void budget::note_idle(const std::shared_ptr<seat>& who, std::uint32_t count)
{
    const std::lock_guard lock{mutex_};
    who->idle_count = count;
}

bool budget::may_shrink(const std::shared_ptr<seat>& who, permit& of)
{
    const std::lock_guard lock{mutex_};
    const auto& pool = *who->of->joint;
    std::uint64_t idle = 0;
    for (const auto* kind : pool.kinds) {
        for (const auto& each : kind->seats) {
            idle += each->idle_count;
        }
    }
    const auto allowed = std::uint64_t{pool.limits.size} * pool.limits.max_idle_percent / 100;
    if (idle <= allowed || pool.total.staying() <= pool.limits.minimum) {
        return false;
    }
    --who->idle_count;
    mark_leaving_locked(of);
    settle();
    return true;
}

void budget::open_account(const std::shared_ptr<account>& of, const pool_limits& limits)
{
    const std::lock_guard lock{mutex_};
    of->user_tally = shared_under(users_, of->key.user);
    of->node_tally = of->node.empty() ? nullptr : shared_under(nodes_, of->node);
    of->joint = shared_under(joint_accounts_, of->key.of_all_kinds());
    if (of->joint->kinds.empty()) {
        of->joint->limits = limits;
    }
    of->joint->kinds.push_back(of.get());
    accounts_.push_back(of.get());
    for (const auto* each : board_) {
        if (may_be_called(*of, *each)) {
            raise_attention(*of, *each);
        }
    }
    refresh_over(*of);
}

void budget::close_account(const std::shared_ptr<account>& of)
{
    const std::lock_guard lock{mutex_};
    std::erase(accounts_, of.get());
    std::erase(of->joint->kinds, of.get());
    if (of->joint->wanted_last == of.get()) {
        of->joint->wanted_last = nullptr;
    }
}

void budget::change_account(account& of, const account_change& to)
{
    const std::lock_guard lock{mutex_};
    if (to.limits && *to.limits != of.joint->limits) {
        of.joint->limits = *to.limits;
        for (const auto* each : of.joint->kinds) {
            tell_of_change(*each);
        }
    }
    if (to.node && *to.node != of.node) {
        of.node = *to.node;
        of.node_tally = of.node.empty() ? nullptr : shared_under(nodes_, of.node);
        of.moved = ++of.generation;
        tell_of_change(of);
    } else if (to.retire) {
        ++of.generation;
        tell_of_change(of);
    }
    if (to.takes && std::exchange(of.takes, *to.takes) != *to.takes) {
        tell_of_change(of);
    }
    refresh_over(of);
    settle();
}

void budget::tell_of_change(const account& of)
{
    for (const auto& each : of.seats) {
        each->box->deliver({.what = message::kind::changed});
    }
}

shared_pool::shared_pool(std::shared_ptr<budget> shared, pool_key key, const pool_limits& limits, std::string node)
    : budget_{std::move(shared)}, account_{std::make_shared<account>()}
{
    account_->shared = budget_;
    account_->key = std::move(key);
    account_->node = std::move(node);
    budget_->open_account(account_, limits);
}

shared_pool::~shared_pool()
{
    budget_->close_account(account_);
}

const pool_key& shared_pool::key() const
{
    return account_->key;
}

pool_limits shared_pool::limits() const
{
    const std::lock_guard lock{budget_->mutex_};
    return account_->joint->limits;
}

void shared_pool::set_limits(const pool_limits& limits)
{
    budget_->change_account(*account_, {.limits = limits});
}

std::string shared_pool::node() const
{
    const std::lock_guard lock{budget_->mutex_};
    return account_->node;
}

void shared_pool::set_node(std::string node)
{
    budget_->change_account(*account_, {.node = std::move(node)});
}

void shared_pool::take_in(intake next)
{
    budget_->change_account(*account_, {.takes = next});
}

void shared_pool::retire()
{
    budget_->change_account(*account_, {.retire = true});
}

pool_usage shared_pool::usage() const
{
    const std::lock_guard lock{budget_->mutex_};
    const auto& pool = *account_->joint;
    pool_usage now{.held = pool.total.held, .leaving = pool.total.leaving};
    for (const auto* kind : pool.kinds) {
        for (const auto& each : kind->seats) {
            now.starving += each->on_board && each->wants_more() ? 1 : 0;
        }
    }
    return now;
}

}  // namespace penstock::pool
