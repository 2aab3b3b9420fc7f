// SPDX-License-Identifier: Apache-2.0
#include "net/stream.hpp"

#include "tests/unit/net/support.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace penstock::net {

namespace {

using testing::make_non_blocking;
using testing::owned_socket;
using testing::socket_pair;
using testing::talk_both_ways;
using testing::tally;
using testing::tcp_pair;
using testing::turn_until;
using testing::unix_pair;

constexpr std::size_t mebibyte = 1024 * 1024;

/// Counts how often a stream tells its subscriber.
struct listener {
    driver& on;
    event woken{on};
    int times = 0;

    explicit listener(driver& where) : on{where} { on.spawn(count(*this)); }
    ~listener()
    {
        leaving = true;
        woken.fire();
    }
    listener(const listener&) = delete;
    listener& operator=(const listener&) = delete;

private:
    bool leaving = false;
    static task<void> count(listener& self)
    {
        for (;;) {
            co_await self.woken.wait();
            if (self.leaving) {
                co_return;
            }
            ++self.times;
        }
    }
};

void set_no_linger(int descriptor)
{
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
}

TEST(Stream, CarriesTenMegabytesBothWaysThroughTinyUnixBuffers)
{
    driver on;
    auto pair = unix_pair(4096);
    make_non_blocking(pair.theirs.get());
    stream left{on, pair.ours.release()};
    stream right{on, pair.theirs.release()};
    talk_both_ways(on, left, right, 10 * mebibyte, 30000);
    EXPECT_EQ(left.octets_sent(), 10 * mebibyte);
    EXPECT_EQ(right.octets_received(), 10 * mebibyte);
}

TEST(Stream, CarriesTenMegabytesBothWaysThroughTinyTcpBuffers)
{
    driver on;
    auto pair = tcp_pair(4096);
    make_non_blocking(pair.theirs.get());
    stream left{on, pair.ours.release()};
    stream right{on, pair.theirs.release()};
    talk_both_ways(on, left, right, 10 * mebibyte, 70001);
}

TEST(Stream, AShortReadMeansDrainedAndALaterArrivalWakesAgain)
{
    driver on;
    auto pair = tcp_pair();
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    EXPECT_FALSE(ours.readable());
    for (int round = 1; round <= 3; ++round) {
        pair.theirs.say("hello");
        EXPECT_TRUE(turn_until(on, [&] { return told.times == round; }));
        EXPECT_TRUE(ours.readable());
        const auto got = ours.receive();
        EXPECT_EQ(got.how, received::kind::data);
        EXPECT_EQ(got.data, "hello");
        EXPECT_FALSE(ours.readable());
    }
    EXPECT_EQ(ours.receive().how, received::kind::would_block);
}

TEST(Stream, AFullReadLeavesItReadable)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    pair.theirs.say(std::string(driver::receive_buffer_size + 1, 'x'));
    EXPECT_TRUE(turn_until(on, [&] { return ours.readable(); }));
    const auto got = ours.receive();
    EXPECT_EQ(got.data.size(), driver::receive_buffer_size);
    EXPECT_TRUE(ours.readable());
    testing::overwrite(got);
    EXPECT_EQ(ours.receive().data, "x");
    EXPECT_FALSE(ours.readable());
}

TEST(Stream, AnArrivalBetweenReadAndWaitIsNotLost)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    pair.theirs.say("one");
    EXPECT_TRUE(turn_until(on, [&] { return ours.readable(); }));
    pair.theirs.say("two");  // its readiness is reported with a stale event, or with one of its own
    EXPECT_EQ(ours.receive().data, "onetwo");
    pair.theirs.say("three");
    EXPECT_FALSE(ours.readable());
    EXPECT_TRUE(turn_until(on, [&] { return ours.readable(); }));
    EXPECT_EQ(ours.receive().data, "three");
}

TEST(Stream, DoesNotWakeItsSubscriberWhenThePeerMerelyReads)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    for (int round = 0; round < 5; ++round) {
        ours.send("something");
        EXPECT_EQ(pair.theirs.hear(), "something");
        on.run_once(duration{});
    }
    EXPECT_EQ(told.times, 0);
}

TEST(Stream, KeepsWhatTheKernelDoesNotTakeAndTellsWhenItIsGone)
{
    driver on;
    auto pair = unix_pair(4096);
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    const auto text = testing::pattern(0, 200000);
    ours.send(bytes{text}.substr(0, 100000));
    EXPECT_TRUE(ours.congested());
    ours.send(bytes{text}.substr(100000));
    const auto before = ours.backlog();
    on.run_once(duration{});
    EXPECT_EQ(told.times, 0);
    std::string heard;
    while (heard.size() < text.size()) {
        const auto part = pair.theirs.hear();
        heard += part;
        on.run_once(milliseconds{1});
        EXPECT_LE(ours.backlog(), before);
    }
    EXPECT_EQ(heard, text);
    EXPECT_EQ(ours.backlog(), 0U);
    EXPECT_EQ(told.times, 2);  // no longer congested, and empty
}

TEST(Stream, SleepsWhileTheUnixPeerReadsOnceTheBacklogIsGone)
{
    driver on;
    auto pair = unix_pair(4096);
    stream ours{on, pair.ours.release()};
    ours.send(std::string(50000, 'x'));
    EXPECT_TRUE(turn_until(on, [&] { return pair.theirs.hear().empty() && ours.backlog() == 0; }));
    ours.send("something");
    EXPECT_EQ(pair.theirs.hear(), "something");
    on.run_once(duration{});
    ours.send("something else");
    EXPECT_EQ(pair.theirs.hear(), "something else");
    const auto start = clock::now();
    on.run_once(milliseconds{30});
    EXPECT_GE(clock::now() - start, milliseconds{30});
}

TEST(Stream, PeekConsumesNothing)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    char first = 0;
    EXPECT_EQ(ours.peek(&first, 1), 0U);
    pair.theirs.say("\x16hello");
    EXPECT_TRUE(turn_until(on, [&] { return ours.readable(); }));
    EXPECT_EQ(ours.peek(&first, 1), 1U);
    EXPECT_EQ(first, '\x16');
    EXPECT_TRUE(ours.readable());
    EXPECT_EQ(ours.receive().data, "\x16hello");
}

TEST(Stream, AfterThePeersHalfCloseItStillSends)
{
    for (const bool tcp : {false, true}) {
        driver on;
        auto pair = tcp ? tcp_pair() : unix_pair();
        stream ours{on, pair.ours.release()};
        pair.theirs.say("last words");
        ASSERT_EQ(::shutdown(pair.theirs.get(), SHUT_WR), 0);
        EXPECT_TRUE(turn_until(on, [&] { return ours.peer_gone(); }));
        EXPECT_EQ(ours.receive().data, "last words");
        EXPECT_TRUE(ours.readable());  // the end makes no further event
        EXPECT_EQ(ours.receive().how, received::kind::end);
        EXPECT_FALSE(ours.readable());
        EXPECT_FALSE(ours.failed());
        ours.send("answer");
        EXPECT_TRUE(turn_until(on, [&] { return pair.theirs.hear() == "answer"; }));
    }
}

TEST(Stream, ShuttingDownSendsTheBacklogFirst)
{
    driver on;
    auto pair = unix_pair(4096);
    stream ours{on, pair.ours.release()};
    const auto text = testing::pattern(0, 100000);
    ours.send(text);
    ours.shut_down_sending();
    ours.send("too late");
    std::string heard;
    EXPECT_TRUE(turn_until(on, [&] {
        heard += pair.theirs.hear();
        return pair.theirs.hears_the_end();
    }));
    EXPECT_EQ(heard, text);
    pair.theirs.say("reply");
    EXPECT_TRUE(turn_until(on, [&] { return ours.readable(); }));
    EXPECT_EQ(ours.receive().data, "reply");
}

TEST(Stream, APeersResetIsAnError)
{
    driver on;
    auto pair = tcp_pair();
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    set_no_linger(pair.theirs.get());
    pair.theirs.close();
    EXPECT_TRUE(turn_until(on, [&] { return told.times > 0; }));
    EXPECT_TRUE(ours.peer_gone());
    EXPECT_EQ(ours.receive().how, received::kind::error);
    EXPECT_TRUE(ours.failed());
    EXPECT_EQ(ours.fault(), "receive: Connection reset by peer");
    ours.send("dropped");
    EXPECT_EQ(ours.backlog(), 0U);
}

TEST(Stream, AFailedSendStillGivesThePeersLastWords)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    pair.theirs.say("FATAL: shutting down");
    pair.theirs.close();
    ours.send("query");
    EXPECT_TRUE(ours.failed());
    EXPECT_TRUE(ours.readable());
    on.run_once(duration{});
    EXPECT_GT(told.times, 0);
    EXPECT_EQ(ours.receive().data, "FATAL: shutting down");
    EXPECT_EQ(ours.receive().how, received::kind::error);
    EXPECT_EQ(ours.fault(), "send: Broken pipe");
}

TEST(Stream, AResetDropsTheBacklogAndTells)
{
    driver on;
    auto pair = tcp_pair(4096);
    stream ours{on, pair.ours.release()};
    listener told{on};
    ours.subscribe(&told.woken);
    ours.send(std::string(mebibyte, 'x'));
    EXPECT_GT(ours.backlog(), 0U);
    set_no_linger(pair.theirs.get());
    pair.theirs.close();
    EXPECT_TRUE(turn_until(on, [&] { return told.times > 0; }));
    EXPECT_EQ(ours.backlog(), 0U);
    EXPECT_TRUE(ours.failed());
    EXPECT_EQ(ours.receive().how, received::kind::error);
}

TEST(Stream, TheSubscriberMayDestroyTheStreamsOfTheSameTurn)
{
    driver on;
    auto first = unix_pair();
    auto second = unix_pair();
    struct {
        std::unique_ptr<stream> left;
        std::unique_ptr<stream> right;
        std::unique_ptr<event> woken;
    } owned;
    owned.left = std::make_unique<stream>(on, first.ours.release());
    owned.right = std::make_unique<stream>(on, second.ours.release());
    owned.woken = std::make_unique<event>(on);
    owned.left->subscribe(owned.woken.get());
    owned.right->subscribe(owned.woken.get());
    const auto destroyer = [](decltype(owned)& everything) -> task<void> {
        co_await everything.woken->wait();
        everything.left.reset();
        everything.right.reset();
        everything.woken.reset();
    };
    on.spawn(destroyer(owned));
    first.theirs.say("x");
    second.theirs.say("x");
    on.run_once(seconds{1});
    on.run_once(duration{});
    EXPECT_EQ(owned.left, nullptr);
    EXPECT_EQ(on.running(), 0U);
}

TEST(Stream, WithoutSubscriberReadinessIsRemembered)
{
    driver on;
    auto pair = unix_pair();
    stream ours{on, pair.ours.release()};
    pair.theirs.say("x");
    on.run_once(seconds{1});
    EXPECT_TRUE(ours.readable());
}

TEST(Stream, NamesItsAddresses)
{
    driver on;
    auto tcp = tcp_pair();
    const stream over_tcp{on, tcp.ours.release()};
    EXPECT_TRUE(over_tcp.peer_address().starts_with("127.0.0.1:")) << over_tcp.peer_address();
    EXPECT_TRUE(over_tcp.local_address().starts_with("127.0.0.1:")) << over_tcp.local_address();
    EXPECT_NE(over_tcp.local_address(), over_tcp.peer_address());
    auto local = unix_pair();
    const stream over_unix{on, local.ours.release()};
    EXPECT_EQ(over_unix.peer_address(), "unix");
    EXPECT_EQ(over_unix.local_address(), "unix");
}

TEST(Stream, IsSmallWhileIdle)
{
    EXPECT_LE(sizeof(stream), 128U);
}

TEST(StreamHandOver, MovesToAnotherDriverWithItsBacklogAndInput)
{
    driver from;
    driver to;
    auto pair = unix_pair(4096);
    stream ours{from, pair.ours.release()};
    const auto text = testing::pattern(0, 100000);
    ours.send(text);
    pair.theirs.say("while away");
    ours.detach();
    from.run_once(duration{});
    ours.attach(to);
    EXPECT_TRUE(ours.readable());
    EXPECT_EQ(ours.receive().data, "while away");
    std::string heard;
    EXPECT_TRUE(turn_until(to, [&] {
        heard += pair.theirs.hear();
        return heard.size() == text.size();
    }));
    EXPECT_EQ(heard, text);
    listener told{to};
    ours.subscribe(&told.woken);
    pair.theirs.say("after");
    EXPECT_TRUE(turn_until(to, [&] { return told.times > 0; }));
    EXPECT_EQ(ours.receive().data, "after");
}

TEST(StreamHandOver, ADetachedStreamMayBeDestroyed)
{
    driver from;
    auto pair = unix_pair();
    {
        stream ours{from, pair.ours.release()};
        ours.detach();
    }
    EXPECT_TRUE(pair.theirs.hears_the_end());
}

}  // namespace

}  // namespace penstock::net
