// SPDX-License-Identifier: Apache-2.0
//
// The MySQL client against a scripted server on a socket: good answers, refusals, silence, lost connections, and what a
// server may not talk it into.
#include "control/mysql_client.hpp"

#include "protocols/mysql/capabilities.hpp"
#include "protocols/mysql/encode.hpp"
#include "protocols/mysql/errors.hpp"
#include "protocols/mysql/handshake.hpp"
#include "protocols/mysql/packet.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace penstock::control {
namespace {

using namespace std::string_literals;
namespace capability = mysql::capability;
using tls_mode = server_account::tls_mode;

constexpr mysql::capability_flags offered = capability::long_password | capability::protocol_41 |
                                            capability::secure_connection | capability::plugin_auth |
                                            capability::deprecate_eof | capability::connect_with_db;

std::string packet(std::uint8_t sequence, bytes payload)
{
    std::string out;
    mysql::append_packet(out, sequence, payload);
    return out;
}

std::string greeting_of(std::string_view plugin = "mysql_native_password", mysql::capability_flags flags = offered)
{
    std::string payload;
    mysql::encode_greeting_payload({.version = "8.0.36",
                                    .connection_id = 7,
                                    .nonce = std::string(20, 'n'),
                                    .capabilities = flags,
                                    .collation = 45,
                                    .status = 2,
                                    .auth_plugin = plugin},
                                   payload);
    return packet(0, payload);
}

std::string ok(std::uint8_t sequence)
{
    return packet(sequence, "\0\0\0\x02\0\0\0"s);
}

std::string refusal(std::uint8_t sequence, std::uint16_t number, std::string_view sqlstate, std::string_view text)
{
    std::string out;
    mysql::encode_err({number, sqlstate}, text, out, sequence);
    return out;
}

std::string row(std::string_view value)
{
    std::string column;
    mysql::wire_writer to{column};
    to.lenenc_string("def").lenenc_string("").lenenc_string("").lenenc_string("").lenenc_string("name");
    to.lenenc_string("name").lenenc(12).u16(45).u32(100).u8(0xfd).u16(0).u8(0).zeros(2);
    std::string cells;
    mysql::wire_writer{cells}.lenenc_string(value);
    return packet(1, "\x01") + packet(2, column) + packet(3, cells) + packet(4, "\xfe\0\0\x02\0\0\0"s);
}

/// Listens on a port of its own; a thread plays the script for each connection, one after the other.
class scripted_server {
public:
    /// What one connection says at once, and then after each piece that it hears; it hangs up at the end of the list
    /// unless it `stays`.
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

    [[nodiscard]] sql_target target(tls_mode tls = tls_mode::prefer) const
    {
        return {.engine = engine::mysql,
                .host = "localhost",
                .addresses = {"127.0.0.1"},
                .port = port_,
                .user = "probe",
                .password = secret{"hidden"},
                .tls = tls};
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
        reply(client, what.greeting);
        for (const auto& answer : what.answers) {
            if (!receive(client)) {
                break;
            }
            reply(client, answer);
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

class MysqlClient : public testing::Test {
protected:
    sql_answer ask(sql_client& client, duration patience = seconds{10})
    {
        std::optional<sql_answer> got;
        sql_query query{.text = "select name"};
        client.ask(std::move(query), patience, [&got](sql_answer answer) { got = std::move(answer); });
        EXPECT_FALSE(got);  // never from inside
        EXPECT_TRUE(on.run_until([&got] { return got.has_value(); }, seconds{20}));
        return got.value_or(sql_answer{});
    }

    loop on;
};

TEST_F(MysqlClient, AsksAndSaysGoodbye)
{
    scripted_server server{{{greeting_of(), {ok(2), row("app")}}}};
    {
        mysql_client client{on, server.target()};
        const auto answer = ask(client);
        ASSERT_TRUE(answer.ok()) << answer.fault;
        EXPECT_EQ(answer.rows, (std::vector<sql_row>{{"app"}}));
        EXPECT_EQ(answer.server_version, 80036U);
        EXPECT_EQ(answer.version_text, "8.0.36");
    }
    const auto& seen = server.finish();
    EXPECT_EQ(seen.find("hidden"), std::string::npos);
    EXPECT_TRUE(seen.ends_with(packet(0, "\x03select name") + packet(0, "\x01")));
}

TEST_F(MysqlClient, KeepsTheConnectionAndReplacesALostOne)
{
    scripted_server server{{{greeting_of(), {ok(2), row("1"), row("2")}, false}, {greeting_of(), {ok(2), row("3")}}}};
    mysql_client client{on, server.target()};
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"1"});
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"2"});
    EXPECT_EQ(server.connections(), 1);
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"3"});
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(MysqlClient, LeavesAServerThatSaysMoreThanItWasAsked)
{
    scripted_server server{{{greeting_of(), {ok(2), row("1") + ok(1)}}, {greeting_of(), {ok(2), row("2")}}}};
    mysql_client client{on, server.target()};
    EXPECT_EQ(ask(client).rows, (std::vector<sql_row>{{"1"}}));
    EXPECT_EQ(ask(client).rows, (std::vector<sql_row>{{"2"}})) << "not what was left of the first answer";
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(MysqlClient, AsksOnceMoreWhereAKeptConnectionBreaksAtTheQuestion)
{
    scripted_server server{{{greeting_of(), {ok(2), row("1"), ""}, false}, {greeting_of(), {ok(2), row("2")}}}};
    mysql_client client{on, server.target()};
    EXPECT_TRUE(ask(client).ok());
    EXPECT_EQ(ask(client).rows.at(0), sql_row{"2"});
    EXPECT_EQ(server.connections(), 2);
}

TEST_F(MysqlClient, AnswersInTheOrderOfTheQuestions)
{
    scripted_server server{{{greeting_of(), {ok(2), row("1"), row("2")}}}};
    mysql_client client{on, server.target()};
    std::vector<std::string> order;
    const auto note = [&order](const sql_answer& answer) { order.push_back(answer.rows.at(0).at(0).value()); };
    client.ask({.text = "a"}, seconds{10}, note);
    client.ask({.text = "b"}, seconds{10}, note);
    ASSERT_TRUE(on.run_until([&order] { return order.size() == 2; }, seconds{20}));
    EXPECT_EQ(order, (std::vector<std::string>{"1", "2"}));
}

TEST_F(MysqlClient, TellsARefusedLoginByItsNumber)
{
    scripted_server full{{{packet(0, "\xff\x10\x04Too many connections"), {}, false}}};
    mysql_client first{on, full.target()};
    const auto too_many = ask(first);
    EXPECT_EQ(too_many.error_number, 1040);
    EXPECT_NE(too_many.sqlstate, "");
    EXPECT_NE(too_many.fault.find("Too many connections"), std::string::npos);

    scripted_server strict{{{greeting_of(), {refusal(2, 1045, "28000", "Access denied")}, false}}};
    mysql_client second{on, strict.target()};
    const auto denied = ask(second);
    EXPECT_EQ(denied.error_number, 1045);
    EXPECT_EQ(denied.sqlstate, "28000");
    EXPECT_EQ(denied.fault.find("hidden"), std::string::npos);
}

TEST_F(MysqlClient, SendsNothingToAServerWithoutTlsWhereItIsRequired)
{
    for (const auto mode : {tls_mode::require, tls_mode::verify_ca, tls_mode::verify_full}) {
        scripted_server server{{{greeting_of("caching_sha2_password"), {}}}};
        {
            mysql_client client{on, server.target(mode)};
            const auto answer = ask(client);
            EXPECT_NE(answer.fault.find("does not support TLS"), std::string::npos) << answer.fault;
            EXPECT_EQ(answer.error_number, 0);
        }
        EXPECT_EQ(server.finish(), "");
    }
}

TEST_F(MysqlClient, NeverSendsThePasswordInClear)
{
    for (const auto& request : {packet(2, "\x01\x04"), packet(2, "\xfemysql_clear_password\0"s)}) {
        scripted_server server{{{greeting_of("caching_sha2_password"), {request, ok(4)}}}};
        {
            mysql_client client{on, server.target()};
            EXPECT_FALSE(ask(client).ok());
        }
        EXPECT_EQ(server.finish().find("hidden"), std::string::npos);
    }
}

TEST_F(MysqlClient, TriesWithTlsWhereItWasRefusedWithout)
{
    constexpr auto with_tls = offered | capability::ssl;
    const auto greeting = greeting_of("mysql_native_password", with_tls);
    const auto alert = "\x15\x03\x03\0\x02\x02\x28"s;  // handshake_failure
    scripted_server server{{{greeting, {refusal(2, 3159, "HY000", "insecure transport")}, false}, {greeting, {alert}}}};
    {
        mysql_client client{on, server.target(tls_mode::allow)};
        const auto answer = ask(client);
        EXPECT_NE(answer.fault.find("TLS handshake"), std::string::npos) << answer.fault;
    }
    EXPECT_EQ(server.connections(), 2);
    EXPECT_NE(server.finish().find("\x16\x03\x01"), std::string::npos) << "a ClientHello";
}

TEST_F(MysqlClient, TellsThatNobodyListens)
{
    sql_target target;
    {
        scripted_server server{{}};
        target = server.target();
    }
    mysql_client client{on, target};
    const auto answer = ask(client);
    EXPECT_NE(answer.fault.find("connecting to localhost:"), std::string::npos) << answer.fault;
    EXPECT_EQ(answer.sqlstate, "");
    EXPECT_EQ(answer.error_number, 0);
}

TEST_F(MysqlClient, TriesEveryAddress)
{
    scripted_server server{{{greeting_of(), {ok(2), row("app")}}}};
    auto target = server.target();
    target.addresses = {"127.0.0.9", "127.0.0.1"};  // nobody listens at the first
    mysql_client client{on, target};
    EXPECT_TRUE(ask(client).ok());
    target.addresses.clear();
    mysql_client lost{on, target};
    EXPECT_NE(ask(lost).fault.find("no address is known"), std::string::npos);
}

TEST_F(MysqlClient, GivesUpOnASilentServerAtTheDeadline)
{
    scripted_server silent_at_login{{{""}}};
    mysql_client first{on, silent_at_login.target()};
    const auto no_login = ask(first, milliseconds{30});
    EXPECT_NE(no_login.fault.find("no connection to localhost"), std::string::npos) << no_login.fault;

    scripted_server silent_in_tls{{{greeting_of("mysql_native_password", offered | capability::ssl)}}};
    mysql_client second{on, silent_in_tls.target()};
    const auto no_handshake = ask(second, milliseconds{30});
    EXPECT_NE(no_handshake.fault.find("no connection to localhost"), std::string::npos) << no_handshake.fault;

    scripted_server silent_at_query{{{greeting_of(), {ok(2)}}}};
    mysql_client third{on, silent_at_query.target()};
    const auto no_answer = ask(third, milliseconds{100});
    EXPECT_NE(no_answer.fault.find("no answer from localhost"), std::string::npos) << no_answer.fault;
}

TEST_F(MysqlClient, AnswersNothingOnceItIsGone)
{
    scripted_server server{{{greeting_of()}}};
    bool answered = false;
    {
        mysql_client client{on, server.target()};
        client.ask({.text = "a"}, seconds{10}, [&answered](const sql_answer&) { answered = true; });
        ASSERT_TRUE(on.run_until([&server] { return server.connections() == 1; }, seconds{5}));
    }
    bool passed = false;
    on.call_after(milliseconds{5}, [&passed] { passed = true; });
    EXPECT_TRUE(on.run_until([&passed] { return passed; }, seconds{5}));
    EXPECT_FALSE(answered);
}

TEST_F(MysqlClient, MayBeDestroyedByItsOwnAnswer)
{
    scripted_server server{{{greeting_of(), {ok(2), row("1")}}}};
    auto client = std::make_unique<mysql_client>(on, server.target());
    bool answered = false;
    client->ask({.text = "a"}, seconds{10}, [&](const sql_answer&) {
        answered = true;
        client.reset();
    });
    EXPECT_TRUE(on.run_until([&answered] { return answered; }, seconds{10}));
    EXPECT_FALSE(client);
}

}  // namespace
}  // namespace penstock::control
