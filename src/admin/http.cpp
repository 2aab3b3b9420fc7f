// SPDX-License-Identifier: Apache-2.0
//
// One coroutine per connection: read a request's header, find its route, wait for the answer, write it, again.
//
// Bodies are not read: a request that announces one is answered and its connection closed, after a moment in which what
// the peer still sends is dropped, for closing at once could destroy the answer on its way.
#include "admin/http.hpp"

#include "telemetry/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/none.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <set>
#include <utility>

namespace penstock::admin {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using stream = beast::basic_stream<asio::generic::stream_protocol>;
using header_parser = http::request_parser<http::empty_body>;
using message = http::response<http::string_body>;

constexpr duration farewell_timeout = seconds{1};
constexpr std::size_t farewell_octets = 64 * 1024;

/// One connection.
struct session {
    session(asio::io_context& io, const asio::generic::stream_protocol& protocol, int descriptor) : peer{io}
    {
        peer.socket().assign(protocol, descriptor);
    }
    stream peer;
    beast::flat_buffer input{};
};

/// Where a handler's answer meets the session that waits for it.
struct appointment {
    explicit appointment(asio::io_context& io) : wake{io} {}
    asio::steady_timer wake;
    std::optional<http_response> answer{};
};

/// Which family a socket is of, as assign() wants to know it.
asio::generic::stream_protocol protocol_of(int descriptor)
{
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
    return {address.ss_family, 0};
}

http_response plain(unsigned status, std::string body)
{
    http_response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

/// What a request that cannot be read is told; nothing where the peer just went away or was too slow.
std::optional<http_response> complaint_about(const boost::system::error_code& fault)
{
    if (fault == http::error::header_limit || fault == http::error::buffer_overflow) {
        return plain(431, "the request's header is too large\n");
    }
    const bool is_parse_error = fault.category() == make_error_code(http::error::bad_method).category();
    if (is_parse_error && fault != http::error::end_of_stream && fault != http::error::partial_message) {
        return plain(400, "the request is not understood: " + fault.message() + "\n");
    }
    return std::nullopt;
}

message to_message(http_response response, unsigned version, bool keep_alive, bool head)
{
    message out{static_cast<http::status>(response.status), version};
    out.set(http::field::server, "penstock");
    out.set(http::field::content_type, response.content_type);
    out.set(http::field::cache_control, "no-store");
    if (response.status == 405) {
        out.set(http::field::allow, "GET, HEAD");
    }
    out.keep_alive(keep_alive);
    const auto size = response.body.size();
    if (!head) {
        out.body() = std::move(response.body);
    }
    out.content_length(size);
    return out;
}

}  // namespace

struct http_server::state : std::enable_shared_from_this<state> {
    state(control::loop& where, std::vector<http_route> paths, const http_options& chosen)
        : on{where}, routes{std::move(paths)}, options{chosen}
    {
    }

    static asio::awaitable<void> serve(std::shared_ptr<state> self, std::shared_ptr<session> with);
    asio::awaitable<bool> exchange(session& with);
    asio::awaitable<http_response> answer_to(const http::request<http::empty_body>& request);
    asio::awaitable<http_response> ask(const http_route& route, std::string_view target);
    static void call(const http_route& route, std::string_view target, const http_answer& answer);
    asio::awaitable<bool> write(session& with, message out, bool head);
    static asio::awaitable<void> say_farewell(session& with);
    [[nodiscard]] const http_route* route_of(std::string_view path) const;
    [[nodiscard]] http_response index() const;

    control::loop& on;
    std::vector<http_route> routes;
    http_options options;
    std::set<std::shared_ptr<session>> sessions{};
    bool stopped = false;
};

http_route immediate_route(std::string path,
                           std::string summary,
                           std::function<http_response(std::string_view target)> handler)
{
    auto late = [handler = std::move(handler)](std::string_view target, const http_answer& answer) {
        answer(handler(target));
    };
    return {std::move(path), std::move(summary), std::move(late)};
}

http_server::http_server(control::loop& on, std::vector<http_route> routes, http_options options)
    : state_{std::make_shared<state>(on, std::move(routes), options)}
{
}

http_server::~http_server()
{
    state_->stopped = true;
    for (const auto& each : state_->sessions) {
        each->peer.close();
    }
}

void http_server::serve(int descriptor)
{
    if (connections() >= 2 * state_->options.most_connections) {
        ::close(descriptor);
        return;
    }
    auto with = std::make_shared<session>(state_->on.context(), protocol_of(descriptor), descriptor);
    state_->sessions.insert(with);
    asio::co_spawn(state_->on.context(), state::serve(state_, std::move(with)), asio::detached);
}

std::size_t http_server::connections() const
{
    return state_->sessions.size();
}

asio::awaitable<void> http_server::state::serve(std::shared_ptr<state> self, std::shared_ptr<session> with)
{
    try {
        bool goes_on = true;
        while (goes_on && !self->stopped) {
            goes_on = co_await self->exchange(*with);
        }
        if (!self->stopped) {
            co_await say_farewell(*with);
        }
    } catch (const std::exception& what) {
        log::error("an admin connection failed", {{"reason", what.what()}});
    }
    self->sessions.erase(with);
}

/// One request and its response; false where the connection is to end.
asio::awaitable<bool> http_server::state::exchange(session& with)
{
    header_parser parser;
    parser.header_limit(static_cast<std::uint32_t>(options.header_limit));
    parser.body_limit(boost::none);  // bodies are never read
    with.input.max_size(2 * options.header_limit);
    with.peer.expires_after(options.request_timeout);
    const auto [fault, octets] =
        co_await http::async_read_header(with.peer, with.input, parser, asio::as_tuple(asio::use_awaitable));
    if (fault) {
        auto complaint = complaint_about(fault);
        if (complaint) {
            auto out = to_message(std::move(*complaint), 11, false, false);
            co_await write(with, std::move(out), false);
        }
        co_return false;
    }
    const auto& request = parser.get();
    const bool head = request.method() == http::verb::head;
    const bool keep_alive = request.keep_alive() && parser.is_done();
    auto response = co_await answer_to(request);
    auto out = to_message(std::move(response), request.version(), keep_alive, head);
    const bool written = co_await write(with, std::move(out), head);
    co_return written&& keep_alive;
}

asio::awaitable<http_response> http_server::state::answer_to(const http::request<http::empty_body>& request)
{
    http_response response;
    const std::string_view target{request.target().data(), request.target().size()};
    const auto path = target.substr(0, target.find('?'));
    const auto* route = route_of(path);
    if (sessions.size() > options.most_connections) {
        response = plain(503, "too many connections to the admin port\n");
    } else if (route == nullptr && path != "/") {
        response = plain(404, "no such path; / lists them\n");
    } else if (request.method() != http::verb::get && request.method() != http::verb::head) {
        response = plain(405, "only GET and HEAD are answered\n");
    } else if (route == nullptr) {
        response = index();
    } else {
        response = co_await ask(*route, target);
    }
    co_return response;
}

asio::awaitable<http_response> http_server::state::ask(const http_route& route, std::string_view target)
{
    auto meeting = std::make_shared<appointment>(on.context());
    meeting->wake.expires_after(options.answer_timeout);
    const http_answer answer = [&where = on, meeting](http_response given) {
        where.post([meeting, given = std::move(given)]() mutable {
            if (!meeting->answer) {
                meeting->answer = std::move(given);
                meeting->wake.cancel();
            }
        });
    };
    call(route, target, answer);
    co_await meeting->wake.async_wait(asio::as_tuple(asio::use_awaitable));
    auto response = plain(503, "no answer in time\n");
    if (meeting->answer) {
        response = std::move(*meeting->answer);
    }
    co_return response;
}

void http_server::state::call(const http_route& route, std::string_view target, const http_answer& answer)
{
    try {
        route.handler(target, answer);
    } catch (const std::exception& what) {
        log::error("a report of the admin port failed", {{"path", route.path}, {"reason", what.what()}});
        answer(plain(500, "the report failed; the log says why\n"));
    }
}

asio::awaitable<bool> http_server::state::write(session& with, message out, bool head)
{
    with.peer.expires_after(options.write_timeout);
    http::response_serializer<http::string_body> writer{out};
    boost::system::error_code fault;
    if (head) {
        const auto [failed, octets] =
            co_await http::async_write_header(with.peer, writer, asio::as_tuple(asio::use_awaitable));
        fault = failed;
    } else {
        const auto [failed, octets] =
            co_await http::async_write(with.peer, writer, asio::as_tuple(asio::use_awaitable));
        fault = failed;
    }
    co_return !fault;
}

asio::awaitable<void> http_server::state::say_farewell(session& with)
{
    boost::system::error_code ignored;
    with.peer.socket().shutdown(asio::socket_base::shutdown_send, ignored);
    with.peer.expires_after(farewell_timeout);
    std::array<char, 4096> dropped{};
    for (std::size_t total = 0; total < farewell_octets;) {
        const auto room = asio::buffer(dropped);
        const auto [fault, octets] = co_await with.peer.async_read_some(room, asio::as_tuple(asio::use_awaitable));
        if (fault) {
            break;
        }
        total += octets;
    }
}

const http_route* http_server::state::route_of(std::string_view path) const
{
    const auto place =
        std::find_if(routes.begin(), routes.end(), [path](const http_route& route) { return route.path == path; });
    return place == routes.end() ? nullptr : &*place;
}

http_response http_server::state::index() const
{
    auto response = plain(200, "Penstock's admin port\n\n");
    for (const auto& route : routes) {
        response.body += route.path + "  " + route.summary + "\n";
    }
    return response;
}

}  // namespace penstock::admin
