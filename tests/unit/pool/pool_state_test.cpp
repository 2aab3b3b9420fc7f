// SPDX-License-Identifier: Apache-2.0
//
// pool_state, event by event: who is granted what, when a connection is opened, what failures and time do.
#include "pool/pool_state.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace penstock::pool {
namespace {

using kind = action::kind;

class PoolState : public testing::Test {
protected:
    PoolState() : PoolState{pool_limits{}} {}
    explicit PoolState(const pool_limits& limits) : state{limits, [this] { return jitter; }, everybody} {}

    std::vector<action> actions() { return std::exchange(state.actions(), {}); }
    action only_action()
    {
        auto list = actions();
        EXPECT_EQ(list.size(), 1U);
        return list.empty() ? action{} : list.front();
    }
    void expect_no_action() { EXPECT_TRUE(actions().empty()); }

    /// A connection opened for nobody.
    slot_id idle_slot()
    {
        const auto slot = state.open(now);
        state.connected(slot, now);
        state.make_available(slot, now);
        actions();
        return slot;
    }

    void fail(slot_id slot, bool definitive = false)
    {
        const auto why = definitive ? error_kind::server_login_failed : error_kind::server_unavailable;
        state.connect_failed(slot, now, {why, "no route to host"}, definitive);
    }

    time_point now = time_point{} + std::chrono::hours{1};
    double jitter = 1;
    std::shared_ptr<waiter_count> everybody = std::make_shared<waiter_count>(0);
    pool_state state;
};

TEST_F(PoolState, WantsOneConnectionPerWaiter)
{
    EXPECT_EQ(state.wanted_permits(now), 0U);
    state.request(now, nullptr);
    state.request(now, nullptr);
    EXPECT_EQ(state.wanted_permits(now), 2U);
    const auto slot = state.open(now);
    EXPECT_EQ(only_action().what, kind::open);
    EXPECT_EQ(state.state_of(slot), slot_state::connecting);
    EXPECT_EQ(state.wanted_permits(now), 1U);
    EXPECT_EQ(state.uncovered_waiters(), 1U);
}

TEST_F(PoolState, AConnectionBeingCleanedCountsForAWaiter)
{
    idle_slot();
    const auto slot = state.take_idle();
    state.request(now, nullptr);
    state.resetting(slot);
    EXPECT_EQ(state.wanted_permits(now), 0U);
}

TEST_F(PoolState, GrantsInTheOrderOfRequests)
{
    int first = 0;
    int second = 0;
    const auto one = state.request(now, &first);
    now += seconds{1};
    const auto two = state.request(now, &second);
    for (const auto& [id, tag] : {std::pair{one, &first}, std::pair{two, &second}}) {
        const auto slot = state.adopt({.born = now});
        state.make_available(slot, now);
        const auto granted = only_action();
        EXPECT_EQ(granted.what, kind::grant);
        EXPECT_EQ(granted.slot, slot);
        EXPECT_EQ(granted.waiter, id);
        EXPECT_EQ(granted.tag, tag);
        EXPECT_EQ(granted.waited, now - (tag == &first ? now - seconds{1} : now));
    }
}

TEST_F(PoolState, WhoLeavesIsSkippedWhereverItStands)
{
    std::vector<waiter_id> ids;
    for (int i = 0; i < 4; ++i) {
        ids.push_back(state.request(now, nullptr));
    }
    state.withdraw(ids[0]);
    state.withdraw(ids[2]);
    state.make_available(state.adopt({.born = now}), now);
    EXPECT_EQ(only_action().waiter, ids[1]);
    state.withdraw(ids[3]);
    EXPECT_EQ(state.counts().waiters, 0U);
    state.make_available(state.adopt({.born = now}), now);
    expect_no_action();
}

TEST_F(PoolState, ALateWithdrawalHitsNobodyElse)
{
    const auto gone = state.request(now, nullptr);
    state.withdraw(gone);
    const auto next = state.request(now, nullptr);
    EXPECT_NE(gone, next);
    state.withdraw(gone);
    EXPECT_EQ(state.counts().waiters, 1U);
}

TEST_F(PoolState, TakesTheIdleSlotUsedLast)
{
    const auto older = idle_slot();
    const auto newer = idle_slot();
    EXPECT_EQ(state.oldest_idle(), older);
    EXPECT_EQ(state.take_idle(), newer);
    EXPECT_EQ(state.take_idle(), older);
    EXPECT_EQ(state.take_idle(), no_slot);
}

TEST_F(PoolState, AnIdleSlotLeavesTheListFromItsMiddle)
{
    const auto first = idle_slot();
    const auto middle = idle_slot();
    const auto last = idle_slot();
    state.close(middle, close_reason::idle);
    EXPECT_EQ(only_action().slot, middle);
    EXPECT_EQ(state.next_idle(no_slot), last);
    EXPECT_EQ(state.next_idle(last), first);
    EXPECT_EQ(state.next_idle(first), no_slot);
    EXPECT_EQ(state.counts().closing, 1U);
    state.closed(middle);
    EXPECT_EQ(state.counts().open_or_opening(), 2U);
}

TEST_F(PoolState, RejectsBeyondMaxWaiters)
{
    pool_limits limits;
    limits.max_waiters = 1;
    state.resize(limits);
    const auto first = state.request(now, nullptr);
    expect_no_action();
    const auto second = state.request(now, nullptr);
    const auto rejected = only_action();
    EXPECT_EQ(rejected.what, kind::reject);
    EXPECT_EQ(rejected.waiter, second);
    EXPECT_EQ(rejected.error.kind, error_kind::too_many_clients);
    state.withdraw(first);
    state.request(now, nullptr);
    expect_no_action();
    EXPECT_EQ(*everybody, 1U);
}

TEST_F(PoolState, RejectsAtTheBorrowDeadlineAndNotBefore)
{
    const auto waiter = state.request(now, nullptr);
    const auto deadline = now + state.limits().borrow_timeout;
    EXPECT_EQ(state.next_tick(now), deadline);
    state.tick(deadline - milliseconds{1});
    expect_no_action();
    state.tick(deadline);
    const auto rejected = only_action();
    EXPECT_EQ(rejected.waiter, waiter);
    EXPECT_EQ(rejected.error.kind, error_kind::borrow_timeout);
    EXPECT_EQ(rejected.error.detail, "no server connection became free within 120 s");
    EXPECT_EQ(state.next_tick(deadline), std::nullopt);
}

TEST_F(PoolState, AFailureKeepsTheWaitersAndIsNamedAtTheirDeadline)
{
    state.request(now, nullptr);
    fail(state.open(now));
    actions();
    EXPECT_EQ(state.counts().waiters, 1U);
    state.tick(now + state.limits().borrow_timeout);
    EXPECT_EQ(only_action().error.detail,
              "no server connection became free within 120 s; the last attempt to open one failed: no route to host");
}

TEST_F(PoolState, BacksOffTwiceAsLongEachTimeUpToALimit)
{
    state.request(now, nullptr);
    for (const auto expected : {100, 200, 400, 800, 1600, 3200, 6400, 12800, 15000, 15000}) {
        EXPECT_EQ(state.wanted_permits(now), 1U);
        fail(state.open(now));
        EXPECT_EQ(state.backing_off_until() - now, milliseconds{expected});
        EXPECT_EQ(state.next_tick(now), state.backing_off_until());
        EXPECT_EQ(state.wanted_permits(now), 0U);
        EXPECT_EQ(state.wanted_permits(state.backing_off_until() - milliseconds{1}), 0U);
        now = state.backing_off_until();
    }
}

TEST_F(PoolState, JitterShortensABackOffByUpToHalf)
{
    jitter = 0;
    state.request(now, nullptr);
    fail(state.open(now));
    EXPECT_EQ(state.backing_off_until() - now, milliseconds{50});
}

TEST_F(PoolState, FailuresTogetherCountOnce)
{
    state.request(now, nullptr);
    state.request(now, nullptr);
    const auto one = state.open(now);
    const auto two = state.open(now);
    fail(one);
    fail(two);
    EXPECT_EQ(state.backing_off_until() - now, milliseconds{100});
}

TEST_F(PoolState, AfterAFailureOneTriesForAll)
{
    for (int i = 0; i < 5; ++i) {
        state.request(now, nullptr);
    }
    fail(state.open(now));
    now = state.backing_off_until();
    EXPECT_EQ(state.wanted_permits(now), 1U);
    const auto slot = state.open(now);
    EXPECT_EQ(state.wanted_permits(now), 0U);
    state.connected(slot, now);
    state.make_available(slot, now);
    EXPECT_EQ(state.wanted_permits(now), 4U);
}

TEST_F(PoolState, ARefusedLoginRejectsEverybodyAtOnce)
{
    state.request(now, nullptr);
    state.request(now, nullptr);
    const auto slot = state.open(now);
    actions();
    fail(slot, true);
    const auto list = actions();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].error, (client_error{error_kind::server_login_failed, "no route to host"}));
    EXPECT_EQ(list[1].error, list[0].error);

    state.request(now, nullptr);
    EXPECT_EQ(only_action().what, kind::reject) << "and those who come before the next try";
    state.request(state.backing_off_until(), nullptr);
    expect_no_action();
    EXPECT_EQ(state.wanted_permits(state.backing_off_until()), 1U);
}

TEST_F(PoolState, ARefusedLoginIsTriedAgainWithinASecond)
{
    for (int i = 0; i < 12; ++i) {
        fail(state.open(now), true);
        EXPECT_LE(state.backing_off_until() - now, seconds{1});
        now = state.backing_off_until();
    }
}

TEST_F(PoolState, AWornConnectionIsNotUsedAgain)
{
    jitter = 0;
    const auto slot = idle_slot();
    const auto lifetime = state.limits().lifetime;
    EXPECT_FALSE(state.is_worn(slot, now + lifetime - milliseconds{1}));
    EXPECT_TRUE(state.is_worn(slot, now + lifetime));
    state.tick(now + lifetime);
    EXPECT_EQ(only_action().what, kind::close);
}

TEST_F(PoolState, JitterShortensALifetimeByUpToATenth)
{
    jitter = 1;
    const auto slot = idle_slot();
    const auto lifetime = state.limits().lifetime;
    EXPECT_TRUE(state.is_worn(slot, now + lifetime * 9 / 10));
    EXPECT_FALSE(state.is_worn(slot, now + lifetime * 9 / 10 - milliseconds{1}));
}

TEST_F(PoolState, ALifetimeOfNothingHasNoEnd)
{
    pool_limits limits;
    limits.lifetime = {};
    state.resize(limits);
    EXPECT_FALSE(state.is_worn(idle_slot(), now + std::chrono::hours{10000}));
}

TEST_F(PoolState, RetiringClosesIdleOnesAndWearsTheRest)
{
    const auto used = idle_slot();
    state.take_idle();
    const auto idle = idle_slot();
    const auto opening = state.open(now);
    actions();
    state.retire(1);
    EXPECT_EQ(only_action().slot, idle);
    EXPECT_TRUE(state.is_worn(used, now));
    EXPECT_TRUE(state.is_worn(opening, now));
    EXPECT_FALSE(state.is_worn(state.open(now), now));
}

TEST_F(PoolState, RetiringForgetsFailures)
{
    fail(state.open(now), true);
    actions();
    state.retire(1);
    state.request(now, nullptr);
    expect_no_action();
    EXPECT_EQ(state.wanted_permits(now), 1U);
}

TEST_F(PoolState, WantsTheReserveWhenTheFirstHasWaitedLongEnough)
{
    pool_limits limits;
    limits.reserve = 2;
    state.resize(limits);
    state.request(now, nullptr);
    const auto then = now + limits.reserve_timeout;
    EXPECT_FALSE(state.wants_reserve(then - milliseconds{1}));
    EXPECT_TRUE(state.wants_reserve(then));
    EXPECT_EQ(state.next_tick(now), then);
    limits.reserve = 0;
    state.resize(limits);
    EXPECT_FALSE(state.wants_reserve(then));
}

TEST_F(PoolState, DrainingRejectsClosesAndOpensNothing)
{
    const auto used = idle_slot();
    state.take_idle();
    const auto waiting = state.request(now, nullptr);
    state.drain();
    EXPECT_EQ(only_action().waiter, waiting);
    EXPECT_TRUE(state.is_worn(used, now));
    const auto late = state.request(now, nullptr);
    const auto rejected = only_action();
    EXPECT_EQ(rejected.waiter, late);
    EXPECT_EQ(rejected.error.kind, error_kind::shutting_down);
    EXPECT_EQ(state.wanted_permits(now), 0U);
}

TEST_F(PoolState, AHandOverTakesTheAgeAlong)
{
    jitter = 0.25;
    const auto slot = idle_slot();
    const auto born = now;
    now += seconds{5};
    state.take_from_idle(slot);
    state.hand_over(slot, nullptr);
    EXPECT_EQ(only_action().what, kind::hand_over);
    const auto age = state.give_away(slot);
    EXPECT_EQ(age.born, born);
    EXPECT_EQ(age.jitter, 0.25);
    EXPECT_EQ(state.counts().open_or_opening(), 0U);
    const auto there = state.adopt(age);
    EXPECT_EQ(there, slot) << "slots are used again";
    EXPECT_EQ(state.state_of(there), slot_state::checked);
}

}  // namespace
}  // namespace penstock::pool
