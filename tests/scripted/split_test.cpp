// SPDX-License-Identifier: Apache-2.0
//
// The split sweep: what is sent, in whatever pieces, gives the same octets on both sides.
#include "tests/scripted/programs.hpp"
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

namespace penstock::test {

namespace {

/// What both sides have received.
struct outcome_of_run {
    std::string at_client;
    std::string at_server;
    friend bool operator==(const outcome_of_run&, const outcome_of_run&) = default;
};

void PrintTo(const outcome_of_run& run, std::ostream* out)
{
    *out << "client: " << types_of(run.at_client) << ", server: " << types_of(run.at_server);
}

/// Everything that is to be said is said; pieces that the server keeps back come one after the other.
void settle_all(world& all)
{
    all.settle();
    while (all.server.resume()) {
        all.settle();
    }
}

/// Runs it with the client's octets cut where `is_cut` says so and the server's according to its plan.
outcome_of_run run(const program& what, const server_plan& plan, const std::function<bool(std::size_t)>& is_cut)
{
    world all;
    all.server.plan(plan);
    auto& client = all.connect();
    client.send(startup_packet());
    settle_all(all);
    EXPECT_TRUE(client.take().ends_with(wire::ready()));
    std::size_t at = 0;
    for (const auto& step : what.steps) {
        std::string piece;
        for (const char octet : step) {
            if (!piece.empty() && is_cut(at)) {
                client.send(piece);
                settle_all(all);
                piece.clear();
            }
            piece.push_back(octet);
            ++at;
        }
        client.send(piece);
        settle_all(all);
    }
    EXPECT_EQ(all.server.connections.size(), 1U);
    EXPECT_EQ(all.stats().active, what.how == peculiarity::stays ? 1U : 0U);
    const auto heard = all.server.last().take_heard();
    return {client.take(), what.how == peculiarity::racy ? std::string{} : heard};
}

const auto never = [](std::size_t) { return false; };
const auto always = [](std::size_t) { return true; };

std::size_t octets_said_in(const program& what)
{
    world all;
    auto& client = all.log_in();
    for (const auto& step : what.steps) {
        client.send(step);
        all.settle();
    }
    return all.server.last().said().size();
}

class SplitSweep : public ::testing::TestWithParam<program> {};

TEST_P(SplitSweep, CutsOfTheClientsOctetsChangeNothing)
{
    const auto whole = run(GetParam(), {}, never);
    EXPECT_FALSE(whole.at_client.empty());
    EXPECT_EQ(run(GetParam(), {}, always), whole) << "octet by octet";
    for (std::size_t cut = 1; cut < GetParam().octets().size(); ++cut) {
        ASSERT_EQ(run(GetParam(), {}, [cut](std::size_t at) { return at == cut; }), whole) << "cut at " << cut;
    }
}

TEST_P(SplitSweep, CutsOfTheServersOctetsChangeNothing)
{
    const auto whole = run(GetParam(), {}, never);
    EXPECT_EQ(run(GetParam(), {.what = fault::piece}, never), whole) << "octet by octet";
    const auto total = octets_said_in(GetParam());
    for (std::size_t cut = 0; cut < total; ++cut) {
        ASSERT_EQ(run(GetParam(), {.what = fault::pause, .after = cut}, never), whole) << "cut at " << cut;
    }
}

TEST_P(SplitSweep, OctetByOctetOnBothSidesAndFromTheLoginOn)
{
    const auto whole = run(GetParam(), {}, never);
    EXPECT_EQ(run(GetParam(), {.what = fault::piece, .from_login = true}, always), whole);
}

INSTANTIATE_TEST_SUITE_P(Programs, SplitSweep, ::testing::ValuesIn(all_programs()), test_name);

}  // namespace

}  // namespace penstock::test
