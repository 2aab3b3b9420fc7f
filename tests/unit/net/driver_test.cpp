// SPDX-License-Identifier: Apache-2.0
#include "net/driver.hpp"

#include "net/event.hpp"
#include "tests/unit/net/support.hpp"

#include <gtest/gtest.h>

#include <sys/epoll.h>

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace penstock::net {

namespace {

using testing::turn_until;
using testing::unix_pair;

/// Calls a function when its descriptor is ready.
class probe final : public pollable {
public:
    probe(driver& on, int descriptor, std::function<void(std::uint32_t)> told)
        : driver_{on}, descriptor_{descriptor}, told_{std::move(told)}, registration_{on.add(descriptor, *this)}
    {
    }
    ~probe() override { driver_.remove(descriptor_, registration_); }
    probe(const probe&) = delete;
    probe& operator=(const probe&) = delete;
    void on_ready(std::uint32_t events) override
    {
        const auto told = told_;  // which may destroy this probe
        told(events);
    }

private:
    driver& driver_;
    int descriptor_;
    std::function<void(std::uint32_t)> told_;
    driver::registration registration_;
};

TEST(Driver, EndsAllPatienceAtTheLimit)
{
    driver on;
    std::vector<int> order;
    const auto start = on.now();
    on.call_by(start + seconds{100}, [&] { order.push_back(2); });
    on.call_at(start + seconds{100}, [&] { order.push_back(9); });
    const auto cancelled = on.call_by(start + seconds{100}, [&] { order.push_back(9); });
    on.limit_patience(start + milliseconds{5});
    on.limit_patience(start + seconds{50});  // changes nothing
    on.cancel(cancelled);
    on.call_by(start + seconds{100}, [&] { order.push_back(3); });
    on.call_by(start + milliseconds{1}, [&] { order.push_back(1); });
    EXPECT_EQ(on.patient_until(start + seconds{1}), start + milliseconds{5});
    EXPECT_TRUE(turn_until(on, [&] { return order.size() == 3; }));
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
    EXPECT_GE(clock::now() - start, milliseconds{5});
    bool late = false;
    on.call_by(start + seconds{100}, [&] { late = true; });
    EXPECT_TRUE(turn_until(on, [&] { return late; }));
}

TEST(Driver, CallsTimersInOrderOfTimeThenOfCreation)
{
    driver on;
    std::vector<int> order;
    const auto start = on.now();
    on.call_at(start + milliseconds{6}, [&] { order.push_back(3); });
    on.call_at(start + milliseconds{3}, [&] { order.push_back(1); });
    on.call_at(start + milliseconds{3}, [&] { order.push_back(2); });
    on.call_at(start - seconds{1}, [&] { order.push_back(0); });
    EXPECT_TRUE(turn_until(on, [&] { return order.size() == 4; }));
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
    EXPECT_GE(clock::now() - start, milliseconds{6});
}

TEST(Driver, NeverCallsATimerEarly)
{
    driver on;
    const auto when = clock::now() + std::chrono::microseconds{2500};
    bool called = false;
    on.call_at(when, [&] {
        called = true;
        EXPECT_GE(clock::now(), when);
    });
    EXPECT_TRUE(turn_until(on, [&] { return called; }));
}

TEST(Driver, RunsForTimersHoweverTheyAreSet)
{
    driver on;
    std::vector<int> order;
    const auto start = clock::now();
    const auto never = on.call_at(start + milliseconds{1}, [&] { order.push_back(-1); });
    on.call_at(start, [&] { on.cancel(never); });  // what the alarm is set for goes, and nothing is due then
    on.call_at(start + milliseconds{8}, [&] {
        order.push_back(2);
        on.call_at(on.now() + milliseconds{1}, [&] {
            order.push_back(3);
            on.stop();
        });
    });
    on.call_at(start + milliseconds{4}, [&] { order.push_back(1); });  // earlier than one that is set
    on.call_at(start + seconds{100}, [&] { order.push_back(-2); });
    on.run();
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
    EXPECT_LT(clock::now() - start, seconds{50});
}

TEST(Driver, CancelledTimersAreNotCalled)
{
    driver on;
    int called = 0;
    driver::timer_id second = 0;
    on.call_at(on.now(), [&] {
        ++called;
        on.cancel(second);
    });
    second = on.call_at(on.now(), [&] { called += 100; });
    on.cancel(0);
    on.run_once(duration{});
    on.run_once(duration{});
    EXPECT_EQ(called, 1);
}

TEST(Driver, ATimerMayCancelItselfAndMakeAnother)
{
    driver on;
    int called = 0;
    driver::timer_id own = 0;
    own = on.call_at(on.now(), [&] {
        on.cancel(own);
        on.call_at(on.now(), [&] { ++called; });
    });
    EXPECT_TRUE(turn_until(on, [&] { return called == 1; }));
}

TEST(Driver, RunsPostedFunctionsInOrder)
{
    driver on;
    std::vector<int> order;
    on.post([&] {
        order.push_back(1);
        on.post([&] { order.push_back(3); });
    });
    on.post([&] { order.push_back(2); });
    EXPECT_TRUE(turn_until(on, [&] { return order.size() == 3; }));
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
}

TEST(Driver, IsWokenByPostsOfOtherThreads)
{
    constexpr int threads = 4;
    constexpr int posts = 2000;
    driver on;
    std::vector<int> last(threads, -1);
    int received = 0;
    bool in_order = true;
    std::vector<std::thread> posters;
    for (int thread = 0; thread < threads; ++thread) {
        posters.emplace_back([&, thread] {
            for (int i = 0; i < posts; ++i) {
                on.post([&, thread, i] {
                    auto& previous = last[static_cast<std::size_t>(thread)];
                    in_order = in_order && previous == i - 1;
                    previous = i;
                    if (++received == threads * posts) {
                        on.stop();
                    }
                });
            }
        });
    }
    on.run();  // sleeps without a limit: a lost wake-up would hang here
    for (auto& poster : posters) {
        poster.join();
    }
    EXPECT_EQ(received, threads * posts);
    EXPECT_TRUE(in_order);
}

TEST(Driver, StopFromAnotherThreadEndsRunAndRunMayComeAgain)
{
    driver on;
    for (int round = 0; round < 2; ++round) {
        std::thread stopper{[&] { on.stop(); }};
        on.run();
        stopper.join();
    }
    SUCCEED();
}

TEST(Driver, ReportsInputOncePerArrival)
{
    driver on;
    auto pair = unix_pair();
    int told = 0;
    const probe watching{on, pair.ours.get(), [&](std::uint32_t events) {
                             EXPECT_NE(events & EPOLLIN, 0U);
                             ++told;
                         }};
    pair.theirs.say("a");
    on.run_once(seconds{1});
    on.run_once(duration{});
    EXPECT_EQ(told, 1);
    pair.theirs.say("b");
    on.run_once(seconds{1});
    EXPECT_EQ(told, 2);
}

TEST(Driver, ReportsOutputOnlyWhileItIsWatched)
{
    driver on;
    auto pair = unix_pair();
    std::uint32_t seen = 0;
    struct sink final : pollable {
        std::uint32_t& seen;
        explicit sink(std::uint32_t& into) : seen{into} {}
        void on_ready(std::uint32_t events) override { seen |= events; }
    } target{seen};
    const auto where = on.add(pair.ours.get(), target);
    on.run_once(duration{});
    EXPECT_EQ(seen, 0U);
    on.watch_output(pair.ours.get(), where, true);
    on.run_once(duration{});
    EXPECT_NE(seen & EPOLLOUT, 0U);
    seen = 0;
    on.watch_output(pair.ours.get(), where, false);
    on.run_once(duration{});
    EXPECT_EQ(seen & EPOLLOUT, 0U);
    on.remove(pair.ours.get(), where);
}

TEST(Driver, DropsEventsOfWhatWasRemovedInTheSameTurn)
{
    driver on;
    auto first = unix_pair();
    auto second = unix_pair();
    std::unique_ptr<probe> probes[2];
    std::unique_ptr<probe> newcomer;
    auto third = unix_pair();
    int told = 0;
    int newcomer_told = 0;
    // Whichever is told first removes the other, whose slot a newcomer takes while the other's event is still in the
    // batch.
    probes[0] = std::make_unique<probe>(on, first.ours.get(), [&](std::uint32_t) {
        ++told;
        probes[1].reset();
        newcomer = std::make_unique<probe>(on, third.ours.get(), [&](std::uint32_t) { ++newcomer_told; });
    });
    probes[1] = std::make_unique<probe>(on, second.ours.get(), [&](std::uint32_t) {
        ++told;
        probes[0].reset();
        newcomer = std::make_unique<probe>(on, third.ours.get(), [&](std::uint32_t) { ++newcomer_told; });
    });
    first.theirs.say("x");
    second.theirs.say("x");
    on.run_once(seconds{1});
    on.run_once(duration{});
    EXPECT_EQ(told, 1);
    EXPECT_EQ(newcomer_told, 0);
}

TEST(Driver, CountsRootsThatHaveNotEnded)
{
    driver on;
    event first{on};
    event second{on};
    const auto waiting = [](event& until) -> task<void> { co_await until.wait(); };
    on.spawn(waiting(first));
    on.spawn(waiting(second));
    EXPECT_EQ(on.running(), 2U);
    first.notify();
    second.notify();
    EXPECT_EQ(on.running(), 2U);  // nobody is resumed inside notify()
    on.run_once(duration{});
    EXPECT_EQ(on.running(), 0U);
}

}  // namespace

}  // namespace penstock::net
