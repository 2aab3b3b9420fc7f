// SPDX-License-Identifier: Apache-2.0
//
// The fault sweep: the server fails behind every octet of its answers, and the client behind every octet of its
// requests.
//
// The client gets one answer the protocol allows and is never left waiting; the connection is gone, no lease and no
// permit is lost, and the next request works on a new one.
#include "tests/scripted/programs.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace penstock::test {

namespace {

/// What a program leads to while all is well.
struct healthy_run {
    std::string at_client;
    std::string said;  ///< by the server
    std::size_t readies = 0;
};

std::size_t readies_in(bytes stream)
{
    const auto types = types_of(stream);
    return static_cast<std::size_t>(std::count(types.begin(), types.end(), 'Z'));
}

healthy_run run_healthy(const program& what)
{
    world all;
    auto& client = all.log_in();
    healthy_run run;
    for (const auto& step : what.steps) {
        client.send(step);
        all.settle();
    }
    run.at_client = client.take();
    run.said = all.server.last().said();
    run.readies = readies_in(run.at_client);
    return run;
}

/// Whether all of `stream` is whole messages.
bool is_whole(bytes stream)
{
    const auto frames = frames_of(stream);
    return frames.empty() || (frames.back().size() >= postgresql::header_size &&
                              postgresql::load_header(frames.back()).frame_size() == frames.back().size());
}

/// One answer to each request: between two ReadyForQuery at most one error.
bool answers_once(bytes stream)
{
    std::size_t errors = 0;
    for (const char type : types_of(stream)) {
        errors = type == 'Z' ? 0 : errors + (type == 'E' ? 1 : 0);
        if (errors > 1) {
            return false;
        }
    }
    return true;
}

/// What came of a healthy answer and then at most an error that ends the session, or, in the middle of a message,
/// nothing.
bool is_cut_short(bytes stream, bytes healthy)
{
    const auto same = std::mismatch(stream.begin(), stream.end(), healthy.begin(), healthy.end()).first;
    const auto rest = stream.substr(static_cast<std::size_t>(same - stream.begin()));
    if (rest.empty()) {
        return true;
    }
    // Where an error begins as the healthy answer goes on ("E"), the two are told apart by their ends.
    for (std::size_t start = stream.size() - rest.size() + 1; start-- > 0;) {
        const auto tail = stream.substr(start);
        if (types_of(tail) == "E" && is_whole(tail) && is_whole(stream.substr(0, start))) {
            return error_in(tail).starts_with("FATAL");
        }
    }
    return false;
}

/// The client's side after the server has failed: told, and able to go on, or ended.
void check_client(world& all, scripted_client& client, const healthy_run& healthy, bool garbled, bool pinned)
{
    const auto got = client.take();
    if (client.was_ended()) {
        EXPECT_TRUE(garbled || pinned || !is_whole(got)) << "more than the exchange is lost: " << types_of(got);
        EXPECT_TRUE(garbled || is_cut_short(got, healthy.at_client)) << types_of(got) << ' ' << error_in(got);
        return;
    }
    EXPECT_TRUE(is_whole(got));
    EXPECT_TRUE(answers_once(got)) << types_of(got);
    EXPECT_EQ(readies_in(got), healthy.readies) << "the client waits for ever: " << types_of(got);
    EXPECT_TRUE(got.ends_with(wire::ready())) << types_of(got);
    client.send(wire::query("SELECT again"));
    all.settle();
    const auto again = client.take();
    EXPECT_TRUE(again.ends_with(wire::ready())) << types_of(again);
    EXPECT_NE(again.find("SELECT again"), std::string::npos) << types_of(again) << error_in(again);
}

/// Nothing is held but what is idle, and somebody else is served.
void check_pool(world& all)
{
    EXPECT_EQ(all.stats().active, 0U);
    EXPECT_EQ(all.stats().resetting, 0U);
    EXPECT_EQ(all.usage().held, all.stats().idle);
    EXPECT_EQ(all.server.open_connections(), all.stats().idle);
    auto& next = all.log_in();
    next.send(wire::query("SELECT next"));
    all.settle();
    EXPECT_EQ(next.take_types(), "TDCZ");
}

void run_program(world& all, scripted_client& client, const program& what)
{
    for (const auto& step : what.steps) {
        client.send(step);
        all.settle();
    }
}

class FaultSweep : public ::testing::TestWithParam<program> {
protected:
    /// Fails behind every octet in turn; with a message only where one may begin, since elsewhere it is the rest of
    /// another.
    void sweep(fault how)
    {
        const auto healthy = run_healthy(GetParam());
        const bytes said = healthy.said;
        for (std::size_t after = 0; after <= healthy.said.size(); ++after) {
            if (how == fault::fatal && !is_whole(said.substr(0, after))) {
                continue;
            }
            SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(said.size()));
            world all;
            all.server.plan({.what = how, .after = after});
            auto& client = all.log_in();
            run_program(all, client, GetParam());
            check_client(all, client, healthy, how == fault::garbage, GetParam().how == peculiarity::stays);
            check_pool(all);
            if (HasFailure()) {
                return;
            }
        }
    }
};

TEST_P(FaultSweep, ServerCloses)
{
    sweep(fault::close);
}

TEST_P(FaultSweep, ServerSendsGarbage)
{
    sweep(fault::garbage);
}

TEST_P(FaultSweep, ServerEndsTheSession)
{
    sweep(fault::fatal);
}

/// The client waits as long as it likes; once it has gone, so is the connection, after an attempt to cancel.
TEST_P(FaultSweep, ServerFallsSilentAndTheClientLeaves)
{
    const auto healthy = run_healthy(GetParam());
    for (std::size_t after = 0; after < healthy.said.size(); ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(healthy.said.size()));
        world all;
        all.server.plan({.what = fault::stall, .after = after});
        auto& client = all.log_in();
        run_program(all, client, GetParam());
        const auto got = client.take();
        EXPECT_TRUE(healthy.at_client.starts_with(got)) << types_of(got);
        client.leave();
        all.settle();
        for (int second = 0; second < 20; ++second) {
            all.after(seconds{1});
        }
        EXPECT_EQ(all.worker().sessions(), 0U);
        check_pool(all);
        ASSERT_FALSE(HasFailure());
    }
}

/// Whoever comes next finds the connection as if nobody had been there, or a new one.
void check_next_borrower(world& all)
{
    check_pool(all);
    for (const auto& each : all.server.connections) {
        if (each->is_open()) {
            EXPECT_EQ(*each->model().settings().find("timezone"), "UTC");
        }
    }
}

TEST_P(FaultSweep, ClientVanishesAmidItsRequests)
{
    const auto octets = GetParam().octets();
    for (std::size_t after = 0; after <= octets.size(); ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(octets.size()));
        world all{[](auto& tree) { tree.pool.limits.size = 1; }};
        auto& client = all.log_in();
        std::size_t left = after;
        for (const auto& step : GetParam().steps) {
            client.send(bytes{step}.substr(0, left));
            left -= std::min(left, step.size());
            all.settle();
        }
        client.leave();
        all.settle();
        EXPECT_EQ(all.worker().sessions(), 0U);
        check_next_borrower(all);
        ASSERT_FALSE(HasFailure());
    }
}

TEST_P(FaultSweep, ClientVanishesAmidTheAnswers)
{
    const auto healthy = run_healthy(GetParam());
    for (std::size_t after = 0; after < healthy.said.size(); ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(healthy.said.size()));
        world all{[](auto& tree) { tree.pool.limits.size = 1; }};
        all.server.plan({.what = fault::pause, .after = after});
        auto& client = all.log_in();
        run_program(all, client, GetParam());
        client.leave();
        all.settle();
        all.server.resume();
        all.settle();
        EXPECT_EQ(all.worker().sessions(), 0U);
        check_next_borrower(all);
        ASSERT_FALSE(HasFailure());
    }
}

INSTANTIATE_TEST_SUITE_P(Programs, FaultSweep, ::testing::ValuesIn(all_programs()), test_name);

// --- connecting and logging in ---

class LoginFaults : public ::testing::TestWithParam<fault> {};

/// A server that fails its login is tried again, and the client that waits for it gets in.
TEST_P(LoginFaults, AreTriedAgain)
{
    const auto total = login_answer(1).size();
    for (std::size_t after = 0; after < total; ++after) {
        SCOPED_TRACE("after " + std::to_string(after) + " octets of " + std::to_string(total));
        world all;
        all.server.plan({.what = GetParam(), .after = after, .from_login = true});
        auto& client = all.connect();
        client.send(startup_packet());
        all.settle();
        EXPECT_EQ(client.take(), "");
        all.after(seconds{11});  // connect_timeout, where it has fallen silent
        all.after(seconds{1});   // back-off
        EXPECT_TRUE(client.take().ends_with(wire::ready()));
        EXPECT_EQ(all.usage().held, 1U);
        client.send(wire::query("SELECT 1"));
        all.settle();
        EXPECT_EQ(client.take_types(), "TDCZ");
        ASSERT_FALSE(HasFailure());
    }
}

std::string name_of_fault(const ::testing::TestParamInfo<fault>& of)
{
    constexpr std::array names{"None", "Close", "Garbage", "Fatal", "Stall"};
    return names[static_cast<std::size_t>(of.param)];
}

INSTANTIATE_TEST_SUITE_P(Faults,
                         LoginFaults,
                         ::testing::Values(fault::close, fault::garbage, fault::fatal, fault::stall),
                         name_of_fault);

TEST(LoginRefused, ForGoodIsToldAtOnce)
{
    world all;
    all.server.plan({.refusal = wire::error("28P01", "password authentication failed", "FATAL")});
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    EXPECT_EQ(error_in(client.take()), "FATAL 28P01");
    EXPECT_TRUE(client.was_ended());
    EXPECT_EQ(all.usage().held, 0U);
}

TEST(LoginRefused, ForNowIsTriedAgainUntilTheBorrowTimeout)
{
    world all;
    for (int attempt = 0; attempt < 100; ++attempt) {
        all.server.plan({.refusal = wire::error("53300", "sorry, too many clients already", "FATAL")});
    }
    auto& client = all.connect();
    client.send(startup_packet());
    all.settle();
    for (int second = 0; second < 119; ++second) {
        all.after(seconds{1});
    }
    EXPECT_EQ(client.take(), "");
    EXPECT_GT(all.server.connections.size(), 5U);
    all.after(seconds{2});
    EXPECT_TRUE(error_in(client.take()).starts_with("FATAL "));
    EXPECT_EQ(all.usage().held, 0U);
}

}  // namespace

}  // namespace penstock::test
