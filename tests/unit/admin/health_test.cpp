// SPDX-License-Identifier: Apache-2.0
//
// `penstock health` against a peer that answers well, badly or not at all.
#include "admin/health.hpp"

#include "net/connect.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace penstock::admin {
namespace {

/// Listens on a free port; the first connection gets an answer to its request, if there is one to give.
class peer {
public:
    explicit peer(std::string answer = {}) : socket_{*net::listen_on(*net::numeric_endpoint("127.0.0.1", 0))}
    {
        if (!answer.empty()) {
            serving_ = std::thread{[this, answer] { serve(answer); }};
        }
    }
    ~peer()
    {
        if (serving_.joinable()) {
            serving_.join();
        }
        ::close(socket_);
    }
    peer(const peer&) = delete;
    peer& operator=(const peer&) = delete;

    [[nodiscard]] settings::address where() const { return {"127.0.0.1", net::local_port(socket_)}; }

private:
    void serve(const std::string& answer) const
    {
        pollfd waiting{.fd = socket_, .events = POLLIN, .revents = 0};
        ::poll(&waiting, 1, 5000);
        const int client = ::accept(socket_, nullptr, nullptr);
        char request[256];
        ::recv(client, request, sizeof request, 0);
        ::send(client, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::close(client);
    }

    int socket_;
    std::thread serving_;
};

TEST(HealthCommand, IsContentWithStatus200Only)
{
    EXPECT_TRUE(ask_health(peer{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"}.where()).healthy);
    const auto ill = ask_health(peer{"HTTP/1.1 503 Service Unavailable\r\n\r\n"}.where());
    EXPECT_FALSE(ill.healthy);
    EXPECT_NE(ill.text.find("503"), std::string::npos);
}

TEST(HealthCommand, WhoDoesNotSpeakHttpIsIll)
{
    EXPECT_FALSE(ask_health(peer{"SSH-2.0-OpenSSH 200\r\n"}.where()).healthy);
    EXPECT_FALSE(ask_health(peer{std::string(100'000, 'x')}.where()).healthy);
}

TEST(HealthCommand, DoesNotWaitForEver)
{
    const peer silent;
    const auto answer = ask_health(silent.where(), milliseconds{50});
    EXPECT_FALSE(answer.healthy);
    EXPECT_NE(answer.text.find("timed out"), std::string::npos);
}

TEST(HealthCommand, NobodyThereIsIll)
{
    settings::address where;
    {
        where = peer{}.where();
    }
    const auto answer = ask_health(where);
    EXPECT_FALSE(answer.healthy);
    EXPECT_EQ(answer.text, where.text() + ": Connection refused");
}

TEST(HealthCommand, AListenerOnEveryAddressIsAskedOnTheLoopback)
{
    const peer well{"HTTP/1.1 200 OK\r\n\r\n"};
    EXPECT_TRUE(ask_health({"0.0.0.0", well.where().port}).healthy);
}

}  // namespace
}  // namespace penstock::admin
