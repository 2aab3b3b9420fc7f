// SPDX-License-Identifier: Apache-2.0
//
// Clients that break the protocol: each gets a clear error and loses its connection, and no more.
#include "tests/support/exchange_script.hpp"

#include <gtest/gtest.h>

using namespace penstock;
using namespace penstock::postgresql;
using namespace penstock::test;

namespace {

constexpr std::string_view known_types = "BCdcfDEHFPQSX";

std::string header(char type, std::uint32_t length)
{
    return type + wire::number(length);
}

TEST(HostileClient, ImpossibleLengthsOfEveryType)
{
    for (const char type : known_types) {
        for (const std::uint32_t length : {0U, 1U, 2U, 3U, 0x3fffffffU, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
            exchange talk;
            EXPECT_EQ(talk.send(header(type, length) + "whatever"), front_need::close) << type << length;
            EXPECT_EQ(talk.client.error().kind, error_kind::protocol_violation);
            EXPECT_FALSE(talk.client.error().detail.empty());
            EXPECT_EQ(talk.sent_to_server(), "");
        }
    }
}

TEST(HostileClient, UnknownTypes)
{
    for (int type = 0; type < 256; ++type) {
        if (type != 0 && known_types.find(static_cast<char>(type)) != std::string_view::npos) {
            continue;
        }
        exchange talk;
        EXPECT_EQ(talk.send(header(static_cast<char>(type), 4)), front_need::close) << type;
        EXPECT_NE(talk.client.error().detail.find("invalid frontend message type"), std::string::npos);
    }
}

TEST(HostileClient, ShortMessagesThatClaimToBeLong)
{
    for (const char type : {'C', 'D', 'E', 'H', 'S', 'X', 'c'}) {
        exchange talk;
        EXPECT_EQ(talk.send(header(type, 1'000'000)), front_need::close) << type;
    }
}

TEST(HostileClient, BodiesThatAreCutOrLackTheirEnd)
{
    const std::string malformed[] = {
        wire::frame('Q', {}),
        wire::frame('Q', "SELECT 1"),
        wire::frame('Q', std::string{"SELECT 1\0more\0", 14}),
        wire::frame('P', {}),
        wire::frame('P', "a"),
        wire::frame('P', wire::c_string("a")),
        wire::frame('P', wire::c_string("a") + wire::c_string("SELECT 1")),
        wire::frame('P', wire::c_string("a") + wire::c_string("SELECT 1") + wire::short_number(1)),
        wire::frame('P',
                    wire::c_string("a") + wire::c_string("SELECT 1") + wire::short_number(0xffff) + wire::number(23)),
        wire::frame('P', wire::c_string("a") + wire::c_string("SELECT 1") + wire::short_number(0) + "x"),
        wire::frame('B', {}),
        wire::frame('B', "p"),
        wire::frame('B', wire::c_string("p")),
        wire::frame('B', wire::c_string("p") + "a"),
        wire::frame('D', {}),
        wire::frame('D', "S"),
        wire::frame('D', "Sa"),
        wire::frame('D', wire::c_string("Xa")),
        wire::frame('D', wire::c_string("Sa") + "x"),
        wire::frame('C', {}),
        wire::frame('C', "P"),
        wire::frame('C', wire::c_string("Xa")),
        wire::frame('E', {}),
        wire::frame('E', wire::c_string("p")),
        wire::frame('E', wire::c_string("p") + "abc"),
        wire::frame('E', wire::c_string("p") + "abcde"),
        wire::frame('F', {}),
        wire::frame('F', "abc"),
    };
    for (const auto& message : malformed) {
        exchange talk;
        EXPECT_EQ(talk.send(message), front_need::close) << testing::PrintToString(message);
        EXPECT_EQ(talk.client.error().kind, error_kind::protocol_violation);
        EXPECT_TRUE(talk.client.error().detail.starts_with("malformed")) << talk.client.error().detail;
        EXPECT_EQ(talk.server->outstanding(), 0U);
    }
}

TEST(HostileClient, LongMessagesWhoseNamesNeverEnd)
{
    for (const char type : {'B', 'P'}) {
        exchange talk{{}, {.inspected_statement = 20'000}};
        const std::string endless(40'000, 'x');
        EXPECT_EQ(talk.send(header(type, 1'000'000) + endless), front_need::close) << type;
    }
}

TEST(HostileClient, NamedStatementsBeyondTheBound)
{
    exchange talk{{}, {.inspected_statement = 20'000}};
    const auto parse = wire::parse("a", std::string(100'000, 'x')) + wire::bind("", "a") + wire::sync();
    for (bytes rest = parse; !rest.empty(); rest.remove_prefix(std::min<std::size_t>(rest.size(), 5000))) {
        if (talk.send(rest.substr(0, 5000)) != front_need::more) {
            EXPECT_EQ(talk.client.error().kind, error_kind::limit_exceeded);
            return;
        }
        EXPECT_LT(talk.unconsumed().size(), 30'000U);
    }
    // It was told instead of being cut off.
    EXPECT_EQ(talk.client.statement_count(), 0U);
}

TEST(HostileClient, PipelinesNobodyAnswersAreBounded)
{
    exchange talk;
    std::string syncs;
    for (int count = 0; count < 1000; ++count) {
        syncs += wire::sync();
    }
    auto need = front_need::more;
    for (int round = 0; round < 100 && need == front_need::more; ++round) {
        need = talk.send(syncs);
    }
    EXPECT_EQ(need, front_need::answers);
    EXPECT_LE(talk.server->outstanding(), 20'000U);
}

TEST(HostileClient, BatchesWithoutASyncAreBounded)
{
    exchange talk;
    std::string closes;
    for (int count = 0; count < 10'000; ++count) {
        closes += wire::close('P', "");
    }
    auto need = front_need::more;
    for (int round = 0; round < 200 && need == front_need::more; ++round) {
        need = talk.send(closes);
    }
    EXPECT_EQ(need, front_need::close);
    EXPECT_EQ(talk.client.error().kind, error_kind::limit_exceeded);
}

TEST(HostileClient, PortalsWithEffectsAreBounded)
{
    exchange talk;
    talk.send(wire::parse("s", "SET work_mem = '5MB'"));
    for (int count = 0; count < 1000; ++count) {
        talk.send(wire::bind("p" + std::to_string(count), "s"));
    }
    EXPECT_TRUE(talk.client.pins().has(pin_reason::opaque));
}

TEST(HostileClient, TerminateIsTakenAnywhere)
{
    exchange talk;
    EXPECT_EQ(talk.send(wire::frame('X', {})), front_need::leave);
    exchange amid;
    EXPECT_EQ(amid.send(wire::parse("", "SELECT 1") + wire::frame('X', {})), front_need::leave);
}

}  // namespace
