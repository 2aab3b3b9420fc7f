// SPDX-License-Identifier: Apache-2.0
#include "control/control_socket.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <utility>

namespace penstock::control {
namespace asio = boost::asio;

namespace {

constexpr std::size_t piece_size = 16 * 1024;
constexpr auto as_value = asio::as_tuple(asio::use_awaitable);

}  // namespace

asio::awaitable<std::string> control_socket::connect(net::endpoint to)
{
    const asio::generic::stream_protocol::endpoint place{&to.address, to.size};
    const auto [fault] = co_await socket_.async_connect(place, as_value);
    co_return fault ? fault.message() : std::string{};
}

asio::awaitable<bool> control_socket::send(std::string octets)
{
    if (tls_) {
        std::string sealed;
        tls_->seal(octets, sealed);
        octets = std::move(sealed);
        if (tls_->state() != net::tls_state::established) {
            co_return false;
        }
    }
    co_return co_await send_raw(std::move(octets));
}

asio::awaitable<bool> control_socket::send_raw(std::string octets)
{
    if (octets.empty()) {
        co_return true;
    }
    const auto [fault, count] = co_await asio::async_write(socket_, asio::buffer(octets), as_value);
    co_return !fault && count == octets.size();
}

asio::awaitable<std::optional<std::string>> control_socket::receive_raw()
{
    std::string octets(piece_size, '\0');
    const auto [fault, count] = co_await socket_.async_read_some(asio::buffer(octets), as_value);
    if (fault || count == 0) {
        co_return std::nullopt;
    }
    octets.resize(count);
    co_return octets;
}

asio::awaitable<std::optional<std::string>> control_socket::receive()
{
    if (!tls_) {
        co_return co_await receive_raw();
    }
    while (tls_->state() == net::tls_state::established && !tls_->peer_closed()) {
        std::string wire;
        if (!tls_->has_input()) {
            auto more = co_await receive_raw();
            if (!more) {
                break;
            }
            wire = std::move(*more);
        }
        std::string plain(piece_size + net::tls_session::largest_record, '\0');
        std::string answer;
        plain.resize(tls_->open(wire, plain.data(), plain.size(), answer));
        const bool sent = co_await send_raw(std::move(answer));
        if (!sent) {
            break;
        }
        if (!plain.empty()) {
            co_return plain;
        }
    }
    co_return std::nullopt;
}

asio::awaitable<std::optional<tls_facts>> control_socket::shake_hands(const net::tls_context& context, std::string host)
{
    std::string out;
    tls_ = std::make_unique<net::tls_session>(context, net::tls_role::client, host, out);
    while (co_await send_raw(std::exchange(out, {}))) {
        if (tls_->state() != net::tls_state::handshaking) {
            break;
        }
        const auto wire = co_await receive_raw();
        if (!wire) {
            fault_ = "the server closed the connection during the TLS handshake";
            break;
        }
        char unused = 0;  // the call that ends the handshake gives no plain octets
        tls_->open(*wire, &unused, 0, out);
    }
    if (tls_->state() != net::tls_state::established) {
        fault_ = tls_->fault().empty() ? fault_ : tls_->fault();
        co_return std::nullopt;
    }
    co_return tls_->facts();
}

void control_socket::cancel()
{
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void control_socket::send_at_once(bytes octets)
{
    std::string sealed;
    if (tls_ && tls_->state() == net::tls_state::established) {
        tls_->seal(octets, sealed);
        tls_->close(sealed);
        octets = sealed;
    }
    if (socket_.is_open()) {
        static_cast<void>(::send(socket_.native_handle(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    }
}

bool control_socket::is_silent()
{
    char unused = 0;
    return socket_.is_open() && !(tls_ && tls_->has_input()) &&
           ::recv(socket_.native_handle(), &unused, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace penstock::control
