// SPDX-License-Identifier: Apache-2.0
//
// The HTTP server by raw requests: what is answered, what is refused, what is bounded.
#include "admin/http.hpp"

#include "http_client.hpp"
#include "telemetry/log.hpp"

#include <stdexcept>
#include <thread>

namespace penstock::admin {
namespace {

class Http : public testing::Test {
protected:
    void SetUp() override
    {
        log::capture([](std::string_view) {});
    }
    void TearDown() override { log::capture({}); }

    std::vector<http_route> routes()
    {
        auto health = immediate_route("/health", "is the process alive", [](std::string_view) {
            http_response response;
            response.body = "fine\n";
            return response;
        });
        auto stats = immediate_route("/stats", "numbers", [](std::string_view target) {
            http_response response;
            response.content_type = "application/json";
            response.body = target;
            return response;
        });
        http_route late{
            "/late", "answers later", [this](std::string_view, http_answer answer) { held = std::move(answer); }};
        http_route broken{
            "/broken", "fails", [](std::string_view, const http_answer&) { throw std::runtime_error{"no"}; }};
        return {health, stats, late, broken};
    }

    /// One request on a connection of its own, which the client ends.
    std::string ask(http_server& server, const std::string& request)
    {
        const auto [ours, its] = connected_pair();
        server.serve(its);
        raw_client client{on, ours};
        client.write(request);
        client.end_writing();
        return client.read_to_end();
    }

    control::loop on;
    http_answer held;
};

const std::string get_health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

std::string status_of(const std::string& response)
{
    return response.substr(0, response.find("\r\n"));
}

std::string body_of(const std::string& response)
{
    const auto end = response.find("\r\n\r\n");
    return end == std::string::npos ? "" : response.substr(end + 4);
}

TEST_F(Http, AnswersGet)
{
    http_server server{on, routes()};
    const auto response = ask(server, get_health);
    EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
    EXPECT_EQ(body_of(response), "fine\n");
    EXPECT_NE(response.find("Content-Length: 5\r\n"), std::string::npos);
    EXPECT_NE(response.find("Content-Type: text/plain; charset=utf-8\r\n"), std::string::npos);
}

TEST_F(Http, AnswersHeadWithoutABody)
{
    http_server server{on, routes()};
    const auto response = ask(server, "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(response), "HTTP/1.1 200 OK");
    EXPECT_EQ(body_of(response), "");
    EXPECT_NE(response.find("Content-Length: 5\r\n"), std::string::npos);
}

TEST_F(Http, HandsTheQueryOn)
{
    http_server server{on, routes()};
    const auto response = ask(server, "GET /stats?pool=a HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(body_of(response), "/stats?pool=a");
    EXPECT_NE(response.find("Content-Type: application/json\r\n"), std::string::npos);
}

TEST_F(Http, ListsItsPathsAtTheRoot)
{
    http_server server{on, routes()};
    const auto body = body_of(ask(server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    EXPECT_NE(body.find("/health  is the process alive\n"), std::string::npos);
    EXPECT_NE(body.find("/late"), std::string::npos);
}

TEST_F(Http, RefusesWhatItDoesNotServe)
{
    http_server server{on, routes()};
    const std::vector<std::pair<std::string, std::string>> table = {
        {"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"GET /healthy HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"GET /../health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found"},
        {"DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
        {"PUT / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"},
        {"POST /health HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 405 Method Not Allowed"},
        {"GET /health HTTP/2.0\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"GET  /health HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"GET /health HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400 Bad Request"},
        {"GET /health HTTP/1.1\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 Bad Request"},
    };
    for (const auto& [request, status] : table) {
        EXPECT_EQ(status_of(ask(server, request)), status) << request;
    }
}

TEST_F(Http, SaysWhichMethodsThereAre)
{
    http_server server{on, routes()};
    EXPECT_NE(ask(server, "PUT /health HTTP/1.1\r\n\r\n").find("Allow: GET, HEAD\r\n"), std::string::npos);
}

TEST_F(Http, BoundsTheHeader)
{
    http_server server{on, routes()};
    const auto large = "GET /health HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n";
    EXPECT_EQ(status_of(ask(server, large)), "HTTP/1.1 431 Request Header Fields Too Large");
    const auto endless = "GET /health HTTP/1.1\r\nX: " + std::string(100'000, 'x');
    EXPECT_EQ(status_of(ask(server, endless)), "HTTP/1.1 431 Request Header Fields Too Large");
    const auto long_target = "GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n\r\n";
    EXPECT_EQ(status_of(ask(server, long_target)), "HTTP/1.1 431 Request Header Fields Too Large");
    const auto allowed = "GET /health HTTP/1.1\r\nX: " + std::string(7000, 'x') + "\r\n\r\n";
    EXPECT_EQ(status_of(ask(server, allowed)), "HTTP/1.1 200 OK");
}

TEST_F(Http, KeepsTheConnectionForMoreRequests)
{
    http_server server{on, routes()};
    const auto [ours, its] = connected_pair();
    server.serve(its);
    raw_client client{on, ours};
    for (int round = 0; round < 3; ++round) {
        client.write(get_health);
        EXPECT_EQ(body_of(client.read_until("fine\n")), "fine\n");
    }
    client.write(get_health + get_health + "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n" + get_health);
    const auto all = client.read_to_end();
    std::size_t responses = 0;
    for (auto at = all.find("fine\n"); at != std::string::npos; at = all.find("fine\n", at + 1)) {
        ++responses;
    }
    EXPECT_EQ(responses, 3U);
    EXPECT_EQ(server.connections(), 1U);  // until the client is gone as well, or a moment has passed
}

TEST_F(Http, EndsAnOldClientsConnection)
{
    http_server server{on, routes()};
    const auto [ours, its] = connected_pair();
    server.serve(its);
    raw_client client{on, ours};
    client.write("GET /health HTTP/1.0\r\n\r\n");
    EXPECT_EQ(body_of(client.read_to_end()), "fine\n");
}

TEST_F(Http, WaitsForAnAnswerFromAnotherThread)
{
    http_server server{on, routes()};
    const auto [ours, its] = connected_pair();
    server.serve(its);
    raw_client client{on, ours};
    client.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(on.run_until([this] { return static_cast<bool>(held); }, seconds{10}));
    std::thread worker{[this] {
        http_response response;
        response.body = "at last";
        held(response);
        response.body = "once more";
        held(response);  // is not listened to
    }};
    worker.join();
    EXPECT_EQ(body_of(client.read_until("at last")), "at last");
    client.write(get_health);
    EXPECT_EQ(body_of(client.read_until("fine\n")), "fine\n");
}

TEST_F(Http, SaysSoWhereNoAnswerComes)
{
    http_options options;
    options.answer_timeout = milliseconds{5};
    http_server server{on, routes(), options};
    EXPECT_EQ(status_of(ask(server, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n")), "HTTP/1.1 503 Service Unavailable");
    held({});  // too late, and harmless
}

TEST_F(Http, SurvivesAHandlerThatThrows)
{
    http_server server{on, routes()};
    const auto response = ask(server, "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(status_of(response), "HTTP/1.1 500 Internal Server Error");
}

TEST_F(Http, ClosesAConnectionThatIsTooSlow)
{
    http_options options;
    options.request_timeout = milliseconds{20};
    http_server server{on, routes(), options};
    const auto [ours, its] = connected_pair();
    server.serve(its);
    raw_client client{on, ours};
    client.write("GET /health HT");
    EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(Http, BoundsItsConnections)
{
    http_options options;
    options.most_connections = 1;
    http_server server{on, routes(), options};
    const auto [first, its_first] = connected_pair();
    const auto [second, its_second] = connected_pair();
    const auto [third, its_third] = connected_pair();
    raw_client one{on, first};
    raw_client two{on, second};
    raw_client three{on, third};
    server.serve(its_first);
    server.serve(its_second);
    server.serve(its_third);
    EXPECT_EQ(three.read_to_end(), "");
    EXPECT_EQ(server.connections(), 2U);
    two.write(get_health);
    EXPECT_EQ(status_of(two.read_until("\r\n\r\n")), "HTTP/1.1 503 Service Unavailable");
}

TEST_F(Http, ClosesItsConnectionsWhenItGoes)
{
    const auto [ours, its] = connected_pair();
    raw_client client{on, ours};
    {
        http_server server{on, routes()};
        server.serve(its);
        client.write("GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
        ASSERT_TRUE(on.run_until([this] { return static_cast<bool>(held); }, seconds{10}));
    }
    EXPECT_EQ(client.read_to_end(), "");
    held({});
}

TEST_F(Http, SurvivesEveryPrefixOfARequest)
{
    http_server server{on, routes()};
    for (std::size_t size = 0; size < get_health.size(); ++size) {
        const auto response = ask(server, get_health.substr(0, size));
        EXPECT_EQ(response.find("200 OK"), std::string::npos);
    }
}

}  // namespace
}  // namespace penstock::admin
