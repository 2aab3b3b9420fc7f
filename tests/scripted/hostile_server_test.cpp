// SPDX-License-Identifier: Apache-2.0
//
// A server that breaks the protocol after its login: its connection is closed, its client told, nobody else affected.
#include "tests/scripted/world.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace penstock::test {

namespace {

using hostile_answers = std::vector<std::pair<std::string, std::string>>;

std::string header(char type, std::uint32_t length)
{
    return std::string{type} + wire::number(length);
}

/// None of these may answer a simple query, and none begins a message that the client gets a part of.
hostile_answers to_a_query()
{
    using namespace wire;
    return {
        {"ParseComplete", parse_complete()},
        {"BindComplete", bind_complete()},
        {"CloseComplete", close_complete()},
        {"NoData", no_data()},
        {"ParameterDescription", parameter_description()},
        {"PortalSuspended", portal_suspended()},
        {"FunctionCallResponse", frame('V', number(0xffffffff))},
        {"AuthenticationOk", frame('R', number(0))},
        {"BackendKeyData", frame('K', number(1) + number(2))},
        {"CopyBothResponse", frame('W', '\0' + short_number(0))},
        {"an unknown type", frame('!', "what")},
        {"type zero", frame('\0', "what")},
        {"a length of 0", header('C', 0)},
        {"a length of 3", header('T', 3)},
        {"a length of 2 GiB and more", header('T', 0x80000000)},
        {"the greatest length", header('Z', 0xffffffff)},
        {"a row longer than any", header('D', 0x7fffffff)},
        {"a description longer than what is held", header('T', 17U << 20)},
        {"ReadyForQuery in an unknown state", ready('?')},
        {"an empty ReadyForQuery", frame('Z', {})},
        {"a long ReadyForQuery", frame('Z', "II")},
        {"a malformed ParameterStatus", frame('S', "TimeZone")},
    };
}

TEST(HostileServer, IsClosedAndItsClientTold)
{
    for (const auto& [name, octets] : to_a_query()) {
        SCOPED_TRACE(name);
        world all;
        auto& client = all.log_in();
        auto& other = all.log_in();
        all.server.last().take_by_hand(true);
        client.send(wire::query("SELECT 1"));
        all.settle();
        auto& hostile = all.server.last();
        other.send(wire::query("SELECT 2"));
        all.settle();
        EXPECT_EQ(other.take_types(), "TDCZ");
        hostile.say(octets);
        all.settle();
        EXPECT_FALSE(hostile.is_open());
        const auto told = client.take();
        EXPECT_EQ(types_of(told), "EZ");
        EXPECT_EQ(error_in(told), "ERROR 08007");
        EXPECT_EQ(all.usage().held, 1U);
        client.send(wire::query("SELECT 3"));
        other.send(wire::query("SELECT 4"));
        all.settle();
        EXPECT_EQ(client.take_types(), "TDCZ");
        EXPECT_EQ(other.take_types(), "TDCZ");
        ASSERT_FALSE(HasFailure());
    }
}

TEST(HostileServer, CannotAnswerWhatNobodyAsked)
{
    using namespace wire;
    const hostile_answers unasked{
        {"rows", rows("1") + ready()},
        {"ReadyForQuery", ready()},
        {"an error", error("42601")},
        {"an error that ends it", error("57P01", "bye", "FATAL")},
        {"CopyInResponse", copy_in_response()},
        {"a notification", notification("x")},
        {"half a message", header('N', 40)},
    };
    for (const auto& [name, octets] : unasked) {
        SCOPED_TRACE(name);
        world all;
        auto& client = all.log_in();
        auto& hostile = all.server.last();
        hostile.say(octets);
        all.settle();
        EXPECT_FALSE(hostile.is_open());
        EXPECT_EQ(client.take(), "");
        client.send(query("SELECT 1"));
        all.settle();
        EXPECT_EQ(client.take_types(), "TDCZ");
        ASSERT_FALSE(HasFailure());
    }
}

TEST(HostileServer, MayReportAndRemarkWhileIdle)
{
    world all;
    auto& client = all.log_in();
    all.server.last().say(wire::notice("going on") + wire::parameter_status("TimeZone", "CET"));
    all.settle();
    EXPECT_TRUE(all.server.last().is_open());
    EXPECT_EQ(client.take(), "");
    client.send(wire::query("SELECT 1"));
    all.settle();
    EXPECT_EQ(all.server.connections.size(), 1U);
}

TEST(HostileServer, CannotReachTheNextBorrowerWithWhatItSendsTooMuch)
{
    world all;
    auto& client = all.log_in();
    auto& next = all.log_in();
    all.server.last().take_by_hand(true);
    client.send(wire::query("SELECT 1"));
    all.settle();
    all.server.last().say(wire::rows("1") + wire::ready() + wire::rows("secret") + wire::ready());
    all.settle();
    const auto got = client.take();
    EXPECT_EQ(got.substr(0, got.find('Z')).find("secret"), std::string::npos);
    next.send(wire::query("SELECT 2"));
    all.settle();
    const auto other = next.take();
    EXPECT_EQ(types_of(other), "TDCZ");
    EXPECT_EQ(other.find("secret"), std::string::npos);
    EXPECT_EQ(all.server.connections.size(), 2U);
}

/// The client has a part of a row, so nothing can follow: not even an error, which would be taken for the row's rest.
TEST(HostileServer, ThatStopsAmidARowGivesNoOtherRow)
{
    for (const std::size_t missing : {1U, 10U, 60U, 100U, 4000U}) {
        SCOPED_TRACE(missing);
        world all;
        auto& client = all.log_in();
        all.server.last().take_by_hand(true);
        client.send(wire::query("SELECT 1"));
        all.settle();
        const auto answer = wire::row_description(1) + wire::data_row(std::string(5000, 'x'));
        const auto said = answer.substr(0, answer.size() - missing);
        all.server.last().say(said);
        all.settle();
        all.server.last().close();
        all.settle();
        EXPECT_TRUE(client.take() == said) << "something else was put into the row";
        EXPECT_TRUE(client.was_ended());
    }
}

TEST(HostileServer, CannotMakeTheLoginWaitForEver)
{
    world all;
    all.server.plan({.by_hand = true});
    auto& client = all.connect();
    client.send(startup_packet({{"search_path", "mine"}}));
    all.settle();
    EXPECT_EQ(all.server.last().heard().substr(0, 1), "Q") << "the greeting is learnt with the client's parameters";
    EXPECT_EQ(client.take(), "");
    all.after(seconds{61});  // client_login_timeout
    EXPECT_TRUE(error_in(client.take()).starts_with("FATAL"));
    EXPECT_TRUE(client.was_ended());
    client.leave();
    all.after(seconds{3});
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.usage().held, 0U);
}

TEST(HostileServer, DoesNotKeepAClientThatLeavesDuringItsLogin)
{
    world all;
    all.server.plan({.by_hand = true});
    auto& client = all.connect();
    client.send(startup_packet({{"search_path", "mine"}}));
    all.settle();
    client.leave();
    all.settle();
    EXPECT_EQ(all.worker().sessions(), 0U);
    EXPECT_EQ(all.usage().held, 0U);
}

TEST(HostileServer, ThatRefusesTheClientsParametersIsToldToTheClient)
{
    world all;
    all.server.plan({.by_hand = true});
    auto& client = all.connect();
    client.send(startup_packet({{"search_path", "mine"}}));
    all.settle();
    all.server.last().say(wire::command_complete("SET") + wire::error("22023", "invalid value", "FATAL"));
    all.server.last().close();
    all.settle();
    EXPECT_EQ(error_in(client.take()), "FATAL 22023");
    EXPECT_TRUE(client.was_ended());
    EXPECT_EQ(all.usage().held, 0U);
    all.log_in();
}

}  // namespace

}  // namespace penstock::test
