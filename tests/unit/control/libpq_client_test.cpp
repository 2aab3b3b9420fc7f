// SPDX-License-Identifier: Apache-2.0
//
// The libpq client against a scripted server on a socket: good answers, refusals, silence, lost connections.
#include "control/libpq_client.hpp"

#include "core/bytes.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace penstock::control {
namespace {

std::string message(char type, std::string_view body)
{
    std::string out;
    byte_writer{out}.u8(static_cast<std::uint8_t>(type)).u32(static_cast<std::uint32_t>(body.size() + 4)).raw(body);
    return out;
}

std::string text(const char* value)
{
    return std::string{value} + '\0';
}

std::string error_response(const char* sqlstate, const char* what)
{
    return message('E',
                   text("SFATAL") + text("VFATAL") + text((std::string{"C"} + sqlstate).c_str()) +
                       text((std::string{"M"} + what).c_str()) + '\0');
}

const std::string welcome = message('R', std::string(4, '\0')) + message('S', text("server_version") + text("15.2")) +
                            message('S', text("client_encoding") + text("UTF8")) + message('K', std::string(8, '\1')) +
                            message('Z', "I");

std::string row_description()
{
    std::string body;
    byte_writer{body}.u16(1).c_string("name").u32(0).u16(0).u32(25).u16(0xffff).u32(0xffffffff).u16(0);
    return message('T', body);
}

std::string data_row(std::string_view value)
{
    std::string body;
    byte_writer{body}.u16(1).u32(static_cast<std::uint32_t>(value.size())).raw(value);
    return message('D', body);
}

std::string rows(const std::string& data)
{
    return message('1', "") + message('2', "") + row_description() + data + message('C', text("SELECT 1")) +
           message('Z', "I");
}

/// Listens on a port of its own; a thread plays the script for each connection, one after the other.
class scripted_server {
public:
    /// What one connection does: what answers the start-up packet, then what answers each query; it hangs up at the end
    /// of the list unless `stays`.
    struct script {
        std::string greeting;
        std::vector<std::string> answers{};
        bool stays = true;
    };

    explicit scripted_server(std::vector<script> scripts) : listening_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}
    {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        socklen_t size = sizeof address;
        EXPECT_EQ(getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &size), 0);
        EXPECT_EQ(listen(listening_, 8), 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread{[this, scripts = std::move(scripts)] {
            for (const auto& each : scripts) {
                play(each);
            }
        }};
    }
    ~scripted_server()
    {
        finish();
        close(listening_);
    }
    /// Waits for the scripts' end and gives what all clients sent.
    const std::string& finish()
    {
        shutdown(listening_, SHUT_RDWR);
        if (thread_.joinable()) {
            thread_.join();
        }
        return seen_;
    }
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    [[nodiscard]] sql_target target() const
    {
        return {.host = "localhost",
                .addresses = {"127.0.0.1"},
                .port = port_,
                .user = "probe",
                .database = "db",
                .password = secret{"hidden"},
                .tls = server_account::tls_mode::disable};
    }
    [[nodiscard]] int connections() const { return connections_; }

private:
    void play(const script& what)
    {
        const int client = accept(listening_, nullptr, nullptr);
        if (client < 0) {
            return;
        }
        ++connections_;
        if (receive(client)) {
            reply(client, what.greeting);
            for (const auto& answer : what.answers) {
                if (!receive(client)) {
                    break;
                }
                reply(client, answer);
            }
        }
        while (what.stays && receive(client)) {
        }
        close(client);
    }
    bool receive(int client)
    {
        char buffer[4096];
        const auto size = recv(client, buffer, sizeof buffer, 0);
        seen_.append(buffer, size > 0 ? static_cast<std::size_t>(size) : 0);
        return size > 0;
    }
    static void reply(int client, const std::string& with)
    {
        EXPECT_EQ(send(client, with.data(), with.size(), MSG_NOSIGNAL), static_cast<ssize_t>(with.size()));
    }

    int listening_;
    std::uint16_t port_ = 0;
    std::string seen_{};
    std::atomic<int> connections_ = 0;
    std::thread thread_{};
};

class LibpqClient : public testing::Test {
protected:
    sql_answer ask(sql_client& client, duration patience = seconds{10}, std::string parameter = "x")
    {
        std::optional<sql_answer> got;
        sql_query query{.text = "select $1", .parameters = {std::move(parameter)}};
        client.ask(std::move(query), patience, [&got](sql_answer answer) { got = std::move(answer); });
        EXPECT_FALSE(got);  // never from inside
        EXPECT_TRUE(on.run_until([&got] { return got.has_value(); }, seconds{20}));
        return got.value_or(sql_answer{});
    }

    loop on;
};

TEST_F(LibpqClient, AsksWithParametersBesideTheText)
{
    scripted_server server{{{welcome, {rows(data_row("app"))}}}};
    sql_answer answer;
    {
        libpq_client client{on, server.target()};
        answer = ask(client, seconds{10}, "'; drop table x");
    }
    ASSERT_TRUE(answer.ok()) << answer.fault;
    EXPECT_EQ(answer.columns, std::vector<std::string>{"name"});
    ASSERT_EQ(answer.rows.size(), 1U);
    EXPECT_EQ(answer.rows[0], sql_row{"app"});
    EXPECT_EQ(answer.server_version, 150002U);
    const auto& seen = server.finish();
    EXPECT_NE(seen.find(text("select $1")), std::string::npos);
    EXPECT_NE(seen.find("'; drop table x"), std::string::npos);
    EXPECT_NE(seen.find("search_path=pg_catalog "), std::string::npos);
}

TEST_F(LibpqClient, KeepsTheConnectionAndReplacesALostOne)
{
    scripted_server server{
        {{welcome, {rows(data_row("1")), rows(data_row("2"))}, false}, {welcome, {rows(data_row("3"))}}}};
    libpq_client client{on, server.target()};
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"1"});
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"2"});
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"3"});
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(LibpqClient, AsksOnceMoreWhereAKeptConnectionBreaksAtTheQuestion)
{
    scripted_server server{{{welcome, {rows(data_row("1")), ""}, false}, {welcome, {rows(data_row("2"))}}}};
    libpq_client client{on, server.target()};
    EXPECT_TRUE(ask(client).ok());
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"2"});
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(LibpqClient, AnswersInTheOrderOfTheQuestions)
{
    scripted_server server{{{welcome, {rows(data_row("1")), rows(data_row("2"))}}}};
    libpq_client client{on, server.target()};
    std::vector<std::string> order;
    const auto note = [&order](const sql_answer& answer) { order.push_back(answer.rows.at(0).at(0).value()); };
    client.ask({.text = "a"}, seconds{10}, note);
    client.ask({.text = "b"}, seconds{10}, note);
    ASSERT_TRUE(on.run_until([&order] { return order.size() == 2; }, seconds{20}));
    EXPECT_EQ(order, (std::vector<std::string>{"1", "2"}));
}

TEST_F(LibpqClient, TellsARefusedLoginByItsSqlstate)
{
    scripted_server server{{{error_response("53300", "too many clients"), {}, false}}};
    libpq_client client{on, server.target()};
    const auto answer = ask(client);
    EXPECT_EQ(answer.sqlstate, "53300");
    EXPECT_NE(answer.fault.find("too many clients"), std::string::npos);
    EXPECT_EQ(answer.fault.find("hidden"), std::string::npos);
}

TEST_F(LibpqClient, TellsAFailedQueryAndGoesOn)
{
    const auto refusal = error_response("42501", "permission denied") + message('Z', "I");
    scripted_server server{{{welcome, {refusal, rows(data_row("2"))}}}};
    libpq_client client{on, server.target()};
    const auto answer = ask(client);
    EXPECT_EQ(answer.sqlstate, "42501");
    EXPECT_NE(answer.fault.find("permission denied"), std::string::npos);
    EXPECT_TRUE(ask(client).ok());
}

TEST_F(LibpqClient, TellsThatNobodyListens)
{
    sql_target target;
    {
        scripted_server server{{}};
        target = server.target();
    }
    libpq_client client{on, target};
    const auto answer = ask(client);
    EXPECT_FALSE(answer.ok());
    EXPECT_EQ(answer.sqlstate, "");
}

TEST_F(LibpqClient, GivesUpOnASilentServerAtTheDeadline)
{
    scripted_server silent_at_login{{{""}}};
    libpq_client first{on, silent_at_login.target()};
    const auto no_login = ask(first, milliseconds{30});
    EXPECT_NE(no_login.fault.find("no connection to localhost"), std::string::npos) << no_login.fault;
    EXPECT_EQ(no_login.sqlstate, "");

    scripted_server silent_at_query{{{welcome}}};
    libpq_client second{on, silent_at_query.target()};
    const auto no_answer = ask(second, milliseconds{100});
    EXPECT_NE(no_answer.fault.find("no answer from localhost"), std::string::npos) << no_answer.fault;
}

TEST_F(LibpqClient, TellsOfAServerThatHangsUpInMidAnswer)
{
    scripted_server server{{{welcome, {rows(data_row("1")).substr(0, 20)}, false}}};
    libpq_client client{on, server.target()};
    const auto answer = ask(client);
    EXPECT_FALSE(answer.ok());
    EXPECT_EQ(answer.sqlstate, "");
}

TEST_F(LibpqClient, BoundsAnAnswer)
{
    std::string many;
    for (std::size_t row = 0; row <= libpq_client::most_rows; ++row) {
        many += data_row("");
    }
    const auto large = data_row(std::string(libpq_client::most_octets, 'x'));
    for (const auto& data : {many, large}) {
        scripted_server server{{{welcome, {rows(data)}}}};
        libpq_client client{on, server.target()};
        EXPECT_NE(ask(client).fault.find("larger than expected"), std::string::npos);
    }
}

TEST_F(LibpqClient, RefusesAServerThatStartsACopy)
{
    const auto copy = message('1', "") + message('2', "") + message('G', std::string(3, '\0'));
    scripted_server server{{{welcome, {copy}}}};
    libpq_client client{on, server.target()};
    EXPECT_NE(ask(client).fault.find("no rows"), std::string::npos);
}

TEST_F(LibpqClient, AnswersNothingOnceItIsGone)
{
    scripted_server server{{{welcome}}};
    bool answered = false;
    {
        libpq_client client{on, server.target()};
        client.ask({.text = "a"}, seconds{10}, [&answered](const sql_answer&) { answered = true; });
        ASSERT_TRUE(on.run_until([&server] { return server.connections() == 1; }, seconds{5}));
    }
    bool passed = false;
    on.call_after(milliseconds{5}, [&passed] { passed = true; });
    EXPECT_TRUE(on.run_until([&passed] { return passed; }, seconds{5}));
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace penstock::control
