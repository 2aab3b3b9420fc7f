// SPDX-License-Identifier: Apache-2.0
//
// Asking for members over HTTP: a scripted server answers as Patroni does, and in every other way.
#include "control/patroni_watch.hpp"

#include "telemetry/log.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <map>

namespace penstock::control {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

std::string with_header(const std::string& body, const std::string& status = "200 OK")
{
    return "HTTP/1.0 " + status + "\r\nContent-Type: application/json\r\n\r\n" + body;
}

std::string members(const std::string& port)
{
    return with_header(R"({"members": [{"host": "127.0.0.1", "port": )" + port +
                       R"(, "role": "leader", "state": "running"}]})");
}

/// Answers each request with what it was given, and closes; with nothing, it keeps the connection open.
class scripted_http {
public:
    explicit scripted_http(loop& on) : acceptor_{on.context(), {asio::ip::address_v4::loopback(), 0}} { accept(); }

    [[nodiscard]] place where() const { return {.host = "127.0.0.1", .port = acceptor_.local_endpoint().port()}; }
    std::string answer{};
    std::vector<std::string> requests{};

private:
    struct guest {
        explicit guest(tcp::socket with) : socket{std::move(with)} {}
        tcp::socket socket;
        asio::streambuf input{};
        std::string output{};
    };

    void accept()
    {
        acceptor_.async_accept([this](const boost::system::error_code& fault, tcp::socket socket) {
            if (!fault) {
                guests_.push_back(std::make_shared<guest>(std::move(socket)));
                serve(guests_.back());
                accept();
            }
        });
    }
    void serve(const std::shared_ptr<guest>& who)
    {
        asio::async_read_until(
            who->socket, who->input, "\r\n\r\n", [this, who](const boost::system::error_code& fault, std::size_t) {
                if (fault) {
                    return;
                }
                const auto data = who->input.data();
                requests.emplace_back(asio::buffers_begin(data), asio::buffers_end(data));
                if (answer.empty()) {
                    return;
                }
                who->output = answer;
                asio::async_write(who->socket,
                                  asio::buffer(who->output),
                                  [who](const boost::system::error_code&, std::size_t) { who->socket.close(); });
            });
    }

    tcp::acceptor acceptor_;
    std::vector<std::shared_ptr<guest>> guests_;
};

/// Listens, and lets nobody in: its queue is full.
class full_listener {
public:
    explicit full_listener(loop& on) : acceptor_{on.context()}, first_{on.context()}, second_{on.context()}
    {
        acceptor_.open(tcp::v4());
        acceptor_.bind({asio::ip::address_v4::loopback(), 0});
        acceptor_.listen(0);
        for (auto* each : {&first_, &second_}) {
            each->async_connect(acceptor_.local_endpoint(), [](const boost::system::error_code&) {});
        }
    }
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

private:
    tcp::acceptor acceptor_;
    tcp::socket first_;
    tcp::socket second_;
};

class PatroniWatch : public testing::Test {
protected:
    void SetUp() override
    {
        log::capture([](std::string_view) {});
    }
    void TearDown() override { log::capture({}); }

    std::unique_ptr<patroni_watch> watch(std::vector<place> at, duration patience = seconds{5})
    {
        patroni_surroundings around{names, [this] { return pause; }, {}};
        around.tell = [this](member_list list) { lists.push_back(std::move(list)); };
        auto made = std::make_unique<patroni_watch>(on, std::move(at), patience, std::move(around));
        made->start();
        return made;
    }
    bool wait_for_list()
    {
        lists.clear();
        return on.run_until([this] { return !lists.empty(); }, seconds{5});
    }

    loop on;
    resolver names{on, [this](const std::string&, std::uint16_t) { return addresses{resolved}; }};
    std::vector<net::endpoint> resolved;
    duration pause = milliseconds{1};
    std::vector<member_list> lists;
};

TEST_F(PatroniWatch, AsksForTheClusterAgainAndAgain)
{
    scripted_http server{on};
    server.answer = members("5433");
    const auto watching = watch({server.where()});
    ASSERT_TRUE(wait_for_list());
    EXPECT_EQ(lists[0].members, (std::vector<member>{{.host = "127.0.0.1", .port = 5433, .leads = true}}));
    EXPECT_TRUE(server.requests[0].starts_with("GET /cluster HTTP/1.1\r\n")) << server.requests[0];
    EXPECT_NE(server.requests[0].find("Host: 127.0.0.1:" + std::to_string(server.where().port) + "\r\n"),
              std::string::npos);
    server.answer = members("5434");
    ASSERT_TRUE(on.run_until([this] { return lists.back().members.at(0).port == 5434; }, seconds{5}));
}

TEST_F(PatroniWatch, AsksTheNextUrlWhereOneDoesNotAnswerAndStaysThere)
{
    scripted_http broken{on};
    scripted_http server{on};
    broken.answer = with_header("{}", "503 Service Unavailable");
    server.answer = members("5433");
    const auto watching = watch({broken.where(), server.where()});
    ASSERT_TRUE(wait_for_list());
    EXPECT_EQ(lists[0].fault, "");
    ASSERT_TRUE(wait_for_list());
    EXPECT_EQ(broken.requests.size(), 1U);
    EXPECT_GE(server.requests.size(), 2U);
}

TEST_F(PatroniWatch, TellsWhyThereIsNoList)
{
    const std::map<std::string, std::string> answers{
        {with_header("{}", "503 Service Unavailable"), "it answers with status 503"},
        {with_header("{}"), "its answer has no members"},
        {with_header("nonsense"), "its answer is no JSON object"},
        {"SSH-2.0-OpenSSH_9.2\r\n", "no answer that can be read"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}", "no answer that can be read"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}", "no answer that can be read"},
        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", "no answer that can be read"},
        {with_header(std::string(300000, ' ')), "no answer that can be read"},
        {"HTTP/1.1 200 OK\r\nX: " + std::string(100000, 'x') + "\r\n\r\n{}", "no answer that can be read"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "no answer that can be read"},
        {"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/cluster\r\nContent-Length: 0\r\n\r\n", "status 301"},
    };
    for (const auto& [answer, why] : answers) {
        scripted_http server{on};
        server.answer = answer;
        const auto watching = watch({server.where()});
        ASSERT_TRUE(wait_for_list());
        EXPECT_TRUE(lists[0].members.empty());
        EXPECT_NE(lists[0].fault.find(why), std::string::npos) << lists[0].fault << "; " << answer.substr(0, 60);
        EXPECT_TRUE(lists[0].fault.starts_with("Patroni at 127.0.0.1:")) << lists[0].fault;
    }
}

TEST_F(PatroniWatch, GivesUpOnASilentServerAndOnOneThatIsNotThere)
{
    scripted_http silent{on};
    const auto watching = watch({silent.where()}, milliseconds{50});
    ASSERT_TRUE(wait_for_list());
    EXPECT_NE(lists[0].fault.find("no answer that can be read"), std::string::npos) << lists[0].fault;
    auto nobody = std::make_unique<scripted_http>(on);
    const auto where = nobody->where();
    nobody.reset();
    const auto another = watch({where});
    ASSERT_TRUE(
        on.run_until([this] { return lists.back().fault.find("cannot connect") != std::string::npos; }, seconds{5}));
}

TEST_F(PatroniWatch, ASilentAddressOfAServerLeavesTheOthersTheirTime)
{
    const full_listener silent{on};
    scripted_http server{on};
    server.answer = members("5433");
    resolved = {*net::numeric_endpoint("127.0.0.1", silent.port()),
                *net::numeric_endpoint("127.0.0.1", server.where().port)};
    const auto watching = watch({{.host = "patroni.internal", .port = 8008}}, milliseconds{300});
    ASSERT_TRUE(wait_for_list());
    EXPECT_EQ(lists[0].fault, "");
    EXPECT_EQ(lists[0].members.size(), 1U);
}

TEST_F(PatroniWatch, AsksAtOnceWhereItIsToldTo)
{
    scripted_http server{on};
    server.answer = members("5433");
    pause = std::chrono::hours{1};
    const auto watching = watch({server.where()});
    ASSERT_TRUE(wait_for_list());
    watching->hasten();
    EXPECT_TRUE(wait_for_list());
}

TEST_F(PatroniWatch, TellsNothingOnceItIsGone)
{
    scripted_http server{on};
    server.answer = members("5433");
    auto watching = watch({server.where()});
    ASSERT_TRUE(on.run_until([&] { return !server.requests.empty(); }, seconds{5}));
    watching.reset();
    on.run_until([] { return false; }, milliseconds{20});
    EXPECT_TRUE(lists.empty());
}

}  // namespace
}  // namespace penstock::control
