// SPDX-License-Identifier: Apache-2.0
//
// However the bytes of both peers are cut, the same bytes come out.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

#include <functional>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

/// What one peer sends next. The other one has sent everything before it.
struct turn {
    enum class speaker { client, server } who;
    std::string octets;
};

struct outcome {
    std::string to_server;
    std::string to_client;
    bool idle = false;
};

using cutter = std::function<std::vector<bytes>(bytes)>;

/// Plays the turns, those of `cut_turn` in pieces.
outcome play(const std::vector<turn>& turns, std::size_t cut_turn, const cutter& cut)
{
    exchange talk{{{"timezone", "CET"}}, {.inspected_statement = 30'000}, 2};
    outcome result;
    for (std::size_t place = 0; place < turns.size(); ++place) {
        const auto& [who, octets] = turns[place];
        for (const auto piece : place == cut_turn ? cut(octets) : std::vector<bytes>{octets}) {
            if (who == turn::speaker::client) {
                EXPECT_NE(talk.send(piece), front_need::close) << talk.client.error().detail;
            } else {
                EXPECT_EQ(talk.answer(piece), advance_result::ok) << talk.server->last_error().detail;
            }
        }
        if (who == turn::speaker::server && talk.server->is_quiet()) {
            talk.settle();
        }
    }
    result.to_server = talk.sent_to_server();
    result.to_client = talk.sent_to_client();
    result.idle = talk.server->is_idle();
    return result;
}

/// Every two parts where the turn is short, else parts around what matters: the beginnings of frames and some places
/// between.
std::vector<std::size_t> cuts_of(bytes octets)
{
    std::vector<std::size_t> places;
    for (std::size_t at = 1;
         at<octets.size(); at += octets.size()> 5000 && at > 40 && at + 40 < octets.size() ? 997 : 1) {
        places.push_back(at);
    }
    return places;
}

void sweep(const std::vector<turn>& turns)
{
    const auto whole = play(turns, turns.size(), {});
    EXPECT_TRUE(whole.idle);
    const auto compare = [&](std::size_t cut_turn, const cutter& cut, std::size_t place) {
        const auto cut_up = play(turns, cut_turn, cut);
        ASSERT_EQ(cut_up.to_server, whole.to_server) << "turn " << cut_turn << " cut at " << place;
        ASSERT_EQ(cut_up.to_client, whole.to_client) << "turn " << cut_turn << " cut at " << place;
        ASSERT_EQ(cut_up.idle, whole.idle);
    };
    for (std::size_t cut_turn = 0; cut_turn < turns.size() && !testing::Test::HasFailure(); ++cut_turn) {
        for (const auto place : cuts_of(turns[cut_turn].octets)) {
            const cutter in_two = [place](bytes octets) -> std::vector<bytes> {
                return {octets.substr(0, place), octets.substr(place)};
            };
            compare(cut_turn, in_two, place);
        }
        const cutter bytewise = [](bytes octets) {
            std::vector<bytes> pieces;
            for (std::size_t at = 0; at < octets.size(); ++at) {
                pieces.push_back(octets.substr(at, 1));
            }
            return pieces;
        };
        compare(cut_turn, bytewise, 0);
    }
}

constexpr auto client = turn::speaker::client;
constexpr auto server = turn::speaker::server;

TEST(Split, SimpleQueriesAndSettings)
{
    const std::string value = "5MB";
    sweep({{client, wire::query("SELECT 1") + wire::query("SET work_mem = '5MB'")},
           {server,
            wire::set_config_answer() + wire::rows("1") + wire::ready() + wire::command_complete("SET") +
                wire::parameter_status("application_name", "x") + wire::notice("so") + wire::ready()},
           {server,
            wire::row_description(2) + wire::data_row({&value, &value}) + wire::command_complete("SELECT 1") +
                wire::ready()},
           {client, wire::query("RESET timezone")},
           {server, wire::command_complete("RESET") + wire::parameter_status("TimeZone", "UTC") + wire::ready()},
           {server, wire::set_config_answer() + wire::rows("CET") + wire::ready()},
           {client, wire::function_call(955)},
           {server, wire::frame('V', wire::number(4) + "data") + wire::ready()}});
}

TEST(Split, BatchesWithErrorsEvictionsAndMadeUpReplies)
{
    sweep({{client,
            wire::parse("a", "SELECT 1") + wire::parse("b", "SELECT 2") + wire::parse("c", "SELECT 3") +
                wire::bind("", "c") + wire::execute() + wire::close('S', "a") + wire::flush() + wire::sync()},
           {server,
            wire::set_config_answer() + wire::parse_complete() + wire::parse_complete() + wire::close_complete() +
                wire::parse_complete() + wire::bind_complete() + wire::command_complete("SELECT 0") + wire::ready()},
           {client, wire::parse("d", "SELECT 3") + wire::bind("", "nothing") + wire::close('S', "b") + wire::sync()},
           {server, wire::error("26000") + wire::ready()},
           {client, wire::bind("", "b") + wire::describe('S', "d") + wire::sync()},
           {server, wire::bind_complete() + wire::parameter_description() + wire::row_description(1) + wire::ready()}});
}

TEST(Split, CopyInAndOut)
{
    sweep({{client, wire::query("COPY t FROM STDIN")},
           {server, wire::set_config_answer() + wire::copy_in_response()},
           {client, wire::copy_data("one\n") + wire::copy_data(std::string(3000, 'x')) + wire::copy_done()},
           {server, wire::command_complete("COPY 2") + wire::ready()},
           {client, wire::parse("", "COPY t FROM STDIN") + wire::bind("", "") + wire::execute() + wire::sync()},
           {server, wire::parse_complete() + wire::bind_complete() + wire::copy_in_response()},
           {client, wire::copy_data("one\n") + wire::copy_fail("why not") + wire::sync()},
           {server, wire::error("57014") + wire::ready()},
           {client, wire::query("COPY t TO STDOUT")},
           {server,
            wire::copy_out_response() + wire::copy_data("one\n") + wire::copy_done() +
                wire::command_complete("COPY 1") + wire::ready()}});
}

TEST(Split, LongMessages)
{
    const std::string padding(20'000, ' ');
    sweep({{client, wire::query("SELECT 1" + padding)},
           {server, wire::set_config_answer() + wire::rows(padding) + wire::ready()},
           {client, wire::parse("a", "SELECT $1") + wire::bind("", "a", {padding}) + wire::execute() + wire::sync()},
           {server,
            wire::parse_complete() + wire::bind_complete() + wire::data_row(padding) +
                wire::command_complete("SELECT 1") + wire::ready()},
           {client, wire::parse("", "SELECT 2" + padding) + wire::bind("", "") + wire::sync()},
           {server, wire::parse_complete() + wire::bind_complete() + wire::ready()}});
}

}  // namespace
