// SPDX-License-Identifier: Apache-2.0
#include "net/event.hpp"

#include "net/driver.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace penstock::net {

namespace {

task<void> count_wake_ups(event& on, int& count)
{
    for (;;) {
        co_await on.wait();
        if (++count == 3) {
            co_return;
        }
    }
}

TEST(Event, FireResumesTheWaiterAtOnce)
{
    driver on;
    event happened{on};
    int count = 0;
    on.spawn(count_wake_ups(happened, count));
    happened.fire();
    EXPECT_EQ(count, 1);
    happened.fire();
    happened.fire();
    EXPECT_EQ(count, 3);
}

TEST(Event, NotifyResumesTheWaiterOnceInTheNextTurn)
{
    driver on;
    event happened{on};
    int count = 0;
    on.spawn(count_wake_ups(happened, count));
    happened.notify();
    happened.notify();
    EXPECT_EQ(count, 0);
    on.run_once(duration{});
    on.run_once(duration{});
    EXPECT_EQ(count, 1);
    happened.fire();
    happened.fire();
}

TEST(Event, RemembersOneNotificationForALaterWaiter)
{
    driver on;
    event happened{on};
    happened.notify();
    happened.fire();
    int count = 0;
    on.spawn(count_wake_ups(happened, count));
    EXPECT_EQ(count, 1);
    happened.fire();
    happened.fire();
}

TEST(Event, DestroyedWhileOnTheReadyListIsTakenOffIt)
{
    driver on;
    auto doomed = std::make_unique<event>(on);
    // A waiter that outlives its event would never end, so it is one that destroys the event when it runs first.
    event first{on};
    const auto destroyer = [](event& until, std::unique_ptr<event>& victim) -> task<void> {
        co_await until.wait();
        victim.reset();
    };
    struct frame_owner {
        std::coroutine_handle<> waiter;
        ~frame_owner() { waiter.destroy(); }
    };
    auto victim_task = [](event& until) -> task<void> { co_await until.wait(); }(*doomed);
    const frame_owner victim{victim_task.release()};
    victim.waiter.resume();
    on.spawn(destroyer(first, doomed));
    first.notify();
    doomed->notify();
    on.run_once(duration{});
    on.run_once(duration{});
    EXPECT_EQ(doomed, nullptr);
    EXPECT_FALSE(victim.waiter.done());
}

TEST(Event, DestroyedBeforeItsTurnIsTakenOffTheReadyList)
{
    driver on;
    auto doomed = std::make_unique<event>(on);
    auto victim_task = [](event& until) -> task<void> { co_await until.wait(); }(*doomed);
    const auto victim = victim_task.release();
    victim.resume();
    doomed->notify();
    doomed.reset();
    on.run_once(duration{});
    EXPECT_FALSE(victim.done());
    victim.destroy();
}

TEST(Event, AChainOfNotificationsTakesATurnEach)
{
    driver on;
    event happened{on};
    int rounds = 0;
    const auto again = [](event& self, int& count) -> task<void> {
        while (++count < 3) {
            self.notify();  // remembered, since nobody waits yet ...
            co_await self.wait();
            co_await self.wait();  // ... so it is this one that ends with the next notification
        }
    };
    on.spawn(again(happened, rounds));
    EXPECT_EQ(rounds, 1);
    happened.notify();
    on.run_once(duration{});
    EXPECT_EQ(rounds, 2);
    happened.notify();
    on.run_once(duration{});
    EXPECT_EQ(rounds, 3);
    EXPECT_EQ(on.running(), 0U);
}

TEST(Event, TheWaiterMayDestroyIt)
{
    driver on;
    auto doomed = std::make_unique<event>(on);
    const auto destroyer = [](std::unique_ptr<event>& own) -> task<void> {
        co_await own->wait();
        own.reset();
    };
    on.spawn(destroyer(doomed));
    doomed->fire();
    EXPECT_EQ(doomed, nullptr);
    doomed = std::make_unique<event>(on);
    on.spawn(destroyer(doomed));
    doomed->notify();
    on.run_once(duration{});
    EXPECT_EQ(doomed, nullptr);
}

}  // namespace

}  // namespace penstock::net
