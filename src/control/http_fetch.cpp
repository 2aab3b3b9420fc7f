// SPDX-License-Identifier: Apache-2.0
#include "control/http_fetch.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <cstdint>
#include <tuple>
#include <utility>

namespace penstock::control {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

namespace {

using stream = beast::basic_stream<asio::generic::stream_protocol>;
using response_parser = http::response_parser<http::string_body>;

constexpr std::uint32_t longest_header = 16 * 1024;

/// The socket's error of the last address that was tried, if none could be reached. One that is silent takes its share
/// of the time and leaves the others theirs.
asio::awaitable<boost::system::error_code> connect_to_any(stream& wire,
                                                          const std::vector<net::endpoint>& at,
                                                          time_point until)
{
    boost::system::error_code fault = make_error_code(boost::system::errc::host_unreachable);
    auto left = static_cast<int>(at.size());
    for (const auto& each : at) {
        const asio::generic::stream_protocol::endpoint where{&each.address, each.size};
        wire.expires_after((until - clock::now()) / left--);
        std::tie(fault) = co_await wire.async_connect(where, asio::as_tuple(asio::use_awaitable));
        if (!fault) {
            break;
        }
        boost::system::error_code ignored;
        wire.socket().close(ignored);
    }
    co_return fault;
}

fetched failed(std::string why)
{
    fetched result;
    result.fault = std::move(why);
    return result;
}

}  // namespace

asio::awaitable<fetched> fetch(fetch_request what)
{
    stream wire{co_await asio::this_coro::executor};
    const auto until = clock::now() + what.patience;
    if (const auto fault = co_await connect_to_any(wire, what.at, until)) {
        co_return failed("cannot connect: " + fault.message());
    }
    wire.expires_after(until - clock::now());
    http::request<http::empty_body> request{http::verb::get, what.path, 11};
    request.set(http::field::host, what.host);
    request.set(http::field::accept, "application/json");
    request.set(http::field::connection, "close");
    const auto [unsent, sent] = co_await http::async_write(wire, request, asio::as_tuple(asio::use_awaitable));
    if (unsent) {
        co_return failed("cannot ask: " + unsent.message());
    }
    beast::flat_buffer input{longest_header + what.longest_answer};
    response_parser parser;
    parser.header_limit(longest_header);
    parser.body_limit(what.longest_answer);
    const auto [unread, got] = co_await http::async_read(wire, input, parser, asio::as_tuple(asio::use_awaitable));
    if (unread) {
        co_return failed("no answer that can be read: " + unread.message());
    }
    if (parser.get().result() != http::status::ok) {
        co_return failed("it answers with status " + std::to_string(parser.get().result_int()));
    }
    fetched result;
    result.body = std::move(parser.get().body());
    co_return result;
}

}  // namespace penstock::control
