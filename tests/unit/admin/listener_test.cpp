// SPDX-License-Identifier: Apache-2.0
//
// Who gets which connection by its first octet.
#include "admin/listener.hpp"

#include "http_client.hpp"
#include "net/connect.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <optional>

namespace penstock::admin {
namespace {

class Listener : public testing::Test {
protected:
    void SetUp() override
    {
        const auto place = net::numeric_endpoint("127.0.0.1", 0);
        auto opened = net::listen_on(*place);
        ASSERT_TRUE(opened.has_value());
        listening = *opened;
        port = net::local_port(listening);
    }

    /// Takes a connection over, and keeps what it begins with.
    std::function<void(int)> taker(std::optional<std::string>& into)
    {
        return [&into](int descriptor) {
            char buffer[16];
            const auto size = recv(descriptor, buffer, sizeof buffer, 0);
            into = std::string{buffer, size > 0 ? static_cast<std::size_t>(size) : 0};
            close(descriptor);
        };
    }

    [[nodiscard]] int connect() const
    {
        const auto place = net::numeric_endpoint("127.0.0.1", port);
        const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(descriptor, reinterpret_cast<const sockaddr*>(&place->address), place->size), 0);
        return descriptor;
    }

    control::loop on;
    int listening = -1;
    std::uint16_t port = 0;
    std::optional<std::string> to_http;
    std::optional<std::string> to_console;
};

TEST_F(Listener, TellsHttpFromPostgresqlByTheFirstOctetAndReadsNothing)
{
    listener port_open{on, listening, {taker(to_http), taker(to_console)}};
    const std::string start_up{"\0\0\0\x08\x04\xd2\x16\x2f", 8};
    for (const auto& [sent, http] : std::vector<std::pair<std::string, bool>>{
             {"GET / HTTP/1.1", true}, {start_up, false}, {std::string{"\x16\x03\x01"}, false}, {"\x80", true}}) {
        to_http.reset();
        to_console.reset();
        raw_client client{on, connect()};
        client.write(sent);
        ASSERT_TRUE(on.run_until([this] { return to_http || to_console; }, seconds{10}));
        EXPECT_EQ(http ? to_http : to_console, sent);
    }
}

TEST_F(Listener, ClosesWhomNobodyTakes)
{
    listener port_open{on, listening, {taker(to_http), {}}};
    raw_client client{on, connect()};
    client.write(std::string(8, '\0'));
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(Listener, ClosesWhoSaysNothing)
{
    listener_options options;
    options.first_octet_timeout = milliseconds{5};
    listener port_open{on, listening, {taker(to_http), {}}, options};
    raw_client client{on, connect()};
    EXPECT_EQ(client.read_to_end(), "");
    EXPECT_FALSE(to_http);
}

TEST_F(Listener, BoundsThoseWhoHaveSaidNothing)
{
    listener_options options;
    options.most_undecided = 1;
    listener port_open{on, listening, {taker(to_http), {}}, options};
    raw_client first{on, connect()};
    raw_client second{on, connect()};
    EXPECT_EQ(second.read_to_end(), "");
    first.write("GET");
    EXPECT_TRUE(on.run_until([this] { return to_http.has_value(); }, seconds{10}));
}

/// One turn of the loop finds three things: an event that makes us close a third descriptor, a newcomer, and an event
/// of that third descriptor. Asio runs the last one for the newcomer, which has its place by then.
TEST_F(Listener, WaitsOnWhereAnEventWasThatOfADescriptorNowClosed)
{
    namespace asio = boost::asio;
    listener port_open{on, listening, {taker(to_http), {}}};
    int first[2];
    int third[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, third), 0);
    asio::posix::stream_descriptor closes{on.context(), first[0]};
    std::optional<asio::posix::stream_descriptor> closed{std::in_place, on.context(), third[0]};
    const auto readable = asio::posix::stream_descriptor::wait_read;
    closes.async_wait(readable, [&](const auto&) { closed.reset(); });
    closed->async_wait(readable, [](const auto&) {});
    on.run_until([] { return false; }, milliseconds{20});  // the listener waits, too

    ASSERT_EQ(write(first[1], "x", 1), 1);
    raw_client client{on, connect()};
    ASSERT_EQ(write(third[1], "x", 1), 1);
    on.run_until([&] { return !closed; }, seconds{10});
    on.run_until([] { return false; }, milliseconds{20});  // time in which it would be closed
    client.write("GET /");
    EXPECT_TRUE(on.run_until([this] { return to_http.has_value(); }, seconds{10}));
    EXPECT_EQ(to_http, "GET /");
    close(first[1]);
    close(third[1]);
}

TEST_F(Listener, EndsWithConnectionsUndecided)
{
    std::optional<raw_client> client;
    {
        listener port_open{on, listening, {taker(to_http), {}}};
        client.emplace(on, connect());
        on.run_until([] { return false; }, milliseconds{5});
    }
    EXPECT_EQ(client->read_to_end(), "");
}

}  // namespace
}  // namespace penstock::admin
