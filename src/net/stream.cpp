// SPDX-License-Identifier: Apache-2.0
//
// The byte path. A readiness event costs no allocation and no system call beyond the one recv() or send() it is for.
//
// Edge-triggered epoll reports each arrival once, so `readable_` remembers it. It falls when a recv() brought less than
// was asked for (the socket is drained, and a later arrival makes a new event), unless the peer has already hung up:
// the end brings no further event and must be read.
#include "net/stream.hpp"

#include "net/calls.hpp"
#include "net/connect.hpp"
#include "net/event.hpp"
#include "net/tls_session.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace penstock::net {

namespace {

constexpr std::uint32_t input_bits = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr std::uint32_t hang_up_bits = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
constexpr int send_flags = MSG_NOSIGNAL | MSG_DONTWAIT;
/// With more than this unsent, a peer under TLS that makes OpenSSL itself answer (refusals of renegotiation) is
/// attacking us.
constexpr std::size_t unread_answers_limit = 1024 * 1024;
/// So often what was received may come to nothing before others have their turn.
constexpr int most_rounds = 16;

bool means_no_room(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK;
}

bool is_unix_socket(int descriptor)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

template <class Getter>
std::string address_text(int descriptor, Getter get)
{
    endpoint place;
    place.size = sizeof place.address;
    if (get(descriptor, reinterpret_cast<sockaddr*>(&place.address), &place.size) != 0) {
        return "unknown";
    }
    return place.address.ss_family == AF_UNIX ? "unix" : place.text();
}

}  // namespace

stream::stream(driver& on, int descriptor) : driver_{&on}, descriptor_{descriptor}
{
    registration_ = driver_->add(descriptor_, *this);
}

stream::~stream()
{
    if (driver_ != nullptr) {
        driver_->remove_closing(registration_);
    }
    ::close(descriptor_);
}

received stream::receive()
{
    if (broken_off_) {
        readable_ = false;
        return {received::kind::error, {}};
    }
    return layer_ ? receive_layered() : receive_below();
}

received stream::receive_below()
{
    return tls_ ? receive_tls() : receive_plain();
}

received stream::data_in(char* buffer, std::size_t count)
{
    constexpr auto room = driver::room_in_front;
    return {received::kind::data, bytes{buffer, count}, {buffer - room, room + count}};
}

/// What comes may give nothing yet, so more is asked for; but a peer that sends much and says little lets others have
/// their turn.
received stream::receive_layered()
{
    received got;
    for (int rounds = 0; rounds < most_rounds; ++rounds) {
        if (layer_->fault() != nullptr && !std::exchange(layer_fault_told_, true)) {
            fault_ = std::make_unique<std::string>(layer_->fault()->detail);
            return {.how = received::kind::error};
        }
        bytes from_wire;
        if (!layer_->has_input()) {
            got = receive_below();
            if (got.how != received::kind::data) {
                return got;
            }
            from_wire = got.data;
        }
        char* const into = driver_->unwrapped_buffer();
        const auto count = layer_->open(from_wire, into, driver::receive_buffer_size);
        readable_ = readable_ || layer_->has_input() || layer_->fault() != nullptr;
        if (count > 0) {
            return data_in(into, count);
        }
    }
    if (subscriber_ != nullptr) {
        subscriber_->notify();
    }
    return {};
}

received stream::receive_plain()
{
    received got;
    char* const into = driver_->receive_buffer();
    const auto count = read_socket(into, driver::receive_buffer_size, got.how);
    octets_received_ += count;
    return count > 0 ? data_in(into, count) : got;
}

received stream::receive_tls()
{
    received got;
    bytes from_wire;
    if (tls_->state() == tls_state::failed) {
        readable_ = false;
        got.how = received::kind::error;
        return got;
    }
    if (!tls_->has_input()) {
        char* const into = driver_->receive_buffer();
        const auto size = driver::receive_buffer_size - tls_session::largest_record;
        from_wire = bytes{into, read_socket(into, size, got.how)};
        if (from_wire.empty()) {
            return got;
        }
    }
    auto& to_wire = driver_->sealed_buffer();
    const auto before = tls_->state();
    const auto count = tls_->open(from_wire, driver_->plain_buffer(), driver::receive_buffer_size, to_wire);
    const bool answered = !to_wire.empty();
    send_sealed();
    if (tls_->state() == tls_state::failed) {
        fail(tls_->fault());
    } else if (answered && backlog() > unread_answers_limit) {
        fail("the peer does not read our answers to its TLS messages");
    }
    if (tls_->has_input()) {
        readable_ = true;
    }
    if (tls_->state() != before && subscriber_ != nullptr) {
        subscriber_->notify();
    }
    octets_received_ += count;
    got.how = received::kind::would_block;
    if (count > 0) {
        return data_in(driver_->plain_buffer(), count);
    }
    if (tls_->state() == tls_state::failed) {
        readable_ = false;
        got.how = received::kind::error;
    } else if (tls_->peer_closed()) {
        readable_ = false;
        got.how = received::kind::end;
    }
    return got;
}

std::size_t stream::read_socket(char* into, std::size_t size, received::kind& how)
{
    ssize_t count = 0;
    do {
        count = calls::receive(descriptor_, into, size);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
        readable_ = static_cast<std::size_t>(count) == size || peer_gone_;
        how = received::kind::data;
        return static_cast<std::size_t>(count);
    }
    if (count < 0 && means_no_room(errno)) {
        readable_ = false;
        how = received::kind::would_block;
        return 0;
    }
    if (count < 0) {
        fail_with_errno("receive", errno);
    }
    readable_ = false;
    peer_gone_ = true;
    how = failed_ ? received::kind::error : received::kind::end;
    return 0;
}

bool stream::holds_part() const
{
    return (tls_ && tls_->holds_part()) || (layer_ && !layer_->is_between_frames());
}

std::size_t stream::peek(char* into, std::size_t size)
{
    const auto count = ::recv(descriptor_, into, size, MSG_PEEK | MSG_DONTWAIT);
    if (count < 0 && means_no_room(errno)) {
        readable_ = false;
    }
    return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void stream::send(bytes data)
{
    if (failed_ || sending_shut_ || data.empty()) {
        return;
    }
    layer_ ? send_layered(data) : send_below(data);
}

void stream::send_layered(bytes data)
{
    auto& wrapped = driver_->wrapped_buffer();
    while (!data.empty()) {
        layer_->seal(data, wrapped);
        send_below(wrapped);
        wrapped.clear();
    }
}

void stream::send_below(bytes data)
{
    if (!tls_) {
        octets_sent_ += data.size();
        send_raw(data);
    } else if (tls_->state() == tls_state::established) {
        octets_sent_ += data.size();
        tls_->seal(data, driver_->sealed_buffer());
        send_sealed();
        if (tls_->state() == tls_state::failed) {
            fail(tls_->fault());
        }
    }
}

void stream::send_sealed()
{
    auto& sealed = driver_->sealed_buffer();
    send_raw(sealed);
    sealed.clear();
}

void stream::send_raw(bytes data)
{
    if (failed_ || data.empty()) {
        return;
    }
    if (backlog() == 0) {
        ssize_t count = 0;
        do {
            count = calls::send(descriptor_, data.data(), data.size(), send_flags);
        } while (count < 0 && errno == EINTR);
        if (count < 0 && !means_no_room(errno)) {
            fail_with_errno("send", errno);
            if (subscriber_ != nullptr) {
                subscriber_->notify();
            }
            return;
        }
        const auto taken = count > 0 ? static_cast<std::size_t>(count) : 0;
        octets_taken_ += static_cast<std::uint32_t>(taken);
        data.remove_prefix(taken);
        if (data.empty()) {
            return;
        }
        watch_output(true);
    }
    if (backlog_sent_ > backlog()) {
        backlog_.erase(0, backlog_sent_);
        backlog_sent_ = 0;
    }
    backlog_.append(data);
}

void stream::on_arrival(std::uint32_t events)
{
    readable_ = readable_ || (events & input_bits) != 0;
    peer_gone_ = peer_gone_ || (events & hang_up_bits) != 0;
}

void stream::on_ready(std::uint32_t events)
{
    bool tell = (events & input_bits) != 0;
    on_arrival(events);
    if (backlog() > 0 && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        tell = flush() || tell;
    }
    if (tell && subscriber_ != nullptr) {
        subscriber_->fire();  // may destroy this stream
    }
}

bool stream::flush()
{
    const bool was_congested = congested();
    while (backlog() > 0) {
        const auto count = calls::send(descriptor_, backlog_.data() + backlog_sent_, backlog(), send_flags);
        if (count >= 0) {
            backlog_sent_ += static_cast<std::size_t>(count);
            octets_taken_ += static_cast<std::uint32_t>(count);
        } else if (means_no_room(errno)) {
            return was_congested && !congested();
        } else if (errno != EINTR) {
            fail_with_errno("send", errno);
            return true;
        }
    }
    std::string{}.swap(backlog_);
    backlog_sent_ = 0;
    if (is_unix_socket(descriptor_)) {  // TCP reports room only after it refused octets: there the watch may stay
        watch_output(false);
    }
    if (sending_shut_) {
        ::shutdown(descriptor_, SHUT_WR);
    }
    return true;
}

void stream::watch_output(bool wanted)
{
    if (output_watched_ != wanted && driver_ != nullptr) {
        output_watched_ = wanted;
        driver_->watch_output(descriptor_, registration_, wanted);
    }
}

void stream::start_tls(const tls_context& context, tls_role role, const std::string& host_name, bytes early)
{
    tls_ = std::make_unique<tls_session>(context, role, host_name, driver_->sealed_buffer());
    send_sealed();
    if (!early.empty() && tls_->state() == tls_state::handshaking) {
        // Gives no plain octets: the call that ends a handshake leaves what follows to the next.
        tls_->open(early, driver_->plain_buffer(), driver::receive_buffer_size, driver_->sealed_buffer());
        send_sealed();
        readable_ = readable_ || tls_->has_input();
    }
    if (tls_->state() == tls_state::failed) {
        fail(tls_->fault());
    }
}

void stream::start_layer(std::unique_ptr<stream_layer> layer, bytes early)
{
    layer_ = std::move(layer);
    if (layer_ && !early.empty()) {
        layer_->open(early, nullptr, 0);
        readable_ = true;
    }
}

tls_state stream::tls() const
{
    return tls_ ? tls_->state() : tls_state::none;
}

tls_facts stream::facts() const
{
    return tls() == tls_state::established ? tls_->facts() : tls_facts{};
}

std::string stream::fault() const
{
    return fault_ ? *fault_ : std::string{};
}

void stream::break_off(std::string why)
{
    broken_off_ = true;
    peer_gone_ = true;
    fail(std::move(why));
    ::shutdown(descriptor_, SHUT_RDWR);
    if (subscriber_ != nullptr) {
        subscriber_->notify();
    }
}

void stream::shut_down_sending()
{
    if (sending_shut_ || failed_) {
        return;
    }
    if (tls() == tls_state::established) {
        tls_->close(driver_->sealed_buffer());
        send_sealed();
    }
    sending_shut_ = true;
    if (backlog() == 0) {
        ::shutdown(descriptor_, SHUT_WR);
    }
}

void stream::detach()
{
    driver_->remove(descriptor_, std::exchange(registration_, 0));
    driver_ = nullptr;
    subscriber_ = nullptr;
    output_watched_ = false;
}

void stream::attach(driver& to)
{
    driver_ = &to;
    registration_ = driver_->add(descriptor_, *this);
    readable_ = true;
    watch_output(backlog() > 0);
}

std::string stream::peer_address() const
{
    return address_text(descriptor_, ::getpeername);
}

std::string stream::local_address() const
{
    return address_text(descriptor_, ::getsockname);
}

void stream::fail_with_errno(const char* what, int number)
{
    peer_gone_ = true;
    fail(std::string{what} + ": " + std::system_category().message(number));
}

void stream::fail(std::string why)
{
    if (!failed_) {
        failed_ = true;
        fault_ = std::make_unique<std::string>(std::move(why));
    }
    readable_ = true;
    std::string{}.swap(backlog_);
    backlog_sent_ = 0;
    watch_output(false);
}

}  // namespace penstock::net
