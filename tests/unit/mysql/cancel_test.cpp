// SPDX-License-Identifier: Apache-2.0
//
// How a server is told to give up what a connection does: a login of its own, KILL QUERY, and its answer.
#include "protocols/mysql/protocol.hpp"
#include "tests/unit/mysql/server_support.hpp"

namespace penstock::mysql {
namespace {

using namespace played;

std::string refusal(std::uint8_t sequence, std::uint16_t number)
{
    std::string out;
    encode_err({number, "HY000"}, "no", out, sequence);
    return out;
}

TEST(MysqlCancel, LogsInKillsAndLeaves)
{
    auto with = account();
    with.database = "shop";
    penstock::test::scripted<bool> talk{[&with](dialogue& line) {
        return protocol::cancel(line, cancel_key{4711, {}}, with);
    }};
    talk.start().feed(greeting_by(native));
    const auto response = only_packet(talk.sent());
    const auto said = decode_response(response.payload, server_capabilities);
    ASSERT_TRUE(said);
    EXPECT_EQ(said->schema, "") << "none is needed, and it might be gone";
    talk.feed(packet(2, plain_ok));
    EXPECT_EQ(talk.sent(), packet(0, "\3KILL QUERY 4711"));
    EXPECT_FALSE(talk.done()) << "its answer is the proof";
    talk.feed(packet(1, plain_ok));
    ASSERT_TRUE(talk.done());
    EXPECT_TRUE(talk.result());
    EXPECT_EQ(talk.sent(), packet(0, "\1"));
}

TEST(MysqlCancel, HasArrivedWhereTheConnectionIsGone)
{
    for (const auto& [code, arrived] : {std::pair{1094, true}, std::pair{1095, false}}) {
        const auto with = account();
        penstock::test::scripted<bool> talk{[&with](dialogue& line) {
            return protocol::cancel(line, cancel_key{4711, {}}, with);
        }};
        talk.start().feed(greeting_by(native)).feed(packet(2, plain_ok));
        talk.feed(refusal(1, static_cast<std::uint16_t>(code)));
        ASSERT_TRUE(talk.done());
        EXPECT_EQ(talk.result(), arrived);
    }
}

TEST(MysqlCancel, FailsWhereTheServerRefusesOrGoesAway)
{
    for (const auto& said : {refusal(0, 1040), std::string{}}) {
        const auto with = account();
        penstock::test::scripted<bool> talk{[&with](dialogue& line) {
            return protocol::cancel(line, cancel_key{4711, {}}, with);
        }};
        talk.start().feed(said).end_of_input();
        ASSERT_TRUE(talk.done());
        EXPECT_FALSE(talk.result());
    }
}

}  // namespace
}  // namespace penstock::mysql
