// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets. Accepted sockets inherit TCP_NODELAY and keep-alive from the listening one, which saves two calls
// for each client.
#include "net/connect.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace penstock::net {

namespace {

/// Connections taken in one turn, so that a flood of new clients does not hold up the logged-in ones.
constexpr int accepted_per_turn = 64;

bool is_shortage(int number)
{
    return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

endpoint bound_to(int descriptor)
{
    endpoint where;
    where.size = sizeof where.address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&where.address), &where.size) != 0) {
        where.address.ss_family = AF_UNSPEC;
    }
    return where;
}

/// Closes what listen_on() could not finish.
struct guarded_descriptor {
    int number;
    ~guarded_descriptor()
    {
        if (number >= 0) {
            ::close(number);
        }
    }
    int release() { return std::exchange(number, -1); }
};

boost::system::error_code last_error()
{
    return {errno, boost::system::generic_category()};
}

const sockaddr* raw(const endpoint& where)
{
    return reinterpret_cast<const sockaddr*>(&where.address);
}

/// A socket file that refuses connections has outlived its process. Anything else, also a file of another kind, is left
/// alone.
bool remove_stale_file(const endpoint& where)
{
    struct stat file {};
    const auto path = where.text();
    if (::lstat(path.c_str(), &file) != 0 || !S_ISSOCK(file.st_mode)) {
        return false;
    }
    const guarded_descriptor probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (::connect(probe.number, raw(where), where.size) == 0 || errno != ECONNREFUSED) {
        return false;
    }
    return ::unlink(path.c_str()) == 0;
}

bool bind_to(int descriptor, const endpoint& where)
{
    if (::bind(descriptor, raw(where), where.size) == 0) {
        return true;
    }
    if (errno != EADDRINUSE || where.address.ss_family != AF_UNIX) {
        return false;
    }
    if (!remove_stale_file(where)) {
        errno = EADDRINUSE;
        return false;
    }
    return ::bind(descriptor, raw(where), where.size) == 0;
}

void set_on(int descriptor, int level, int option)
{
    const int on = 1;
    ::setsockopt(descriptor, level, option, &on, sizeof on);
}

}  // namespace

acceptor::acceptor(driver& on, int listening, handler on_accept, std::function<void()> on_shortage)
    : driver_{&on}, descriptor_{listening}, on_accept_{std::move(on_accept)}, on_shortage_{std::move(on_shortage)}
{
    set_on(descriptor_, SOL_SOCKET, SO_KEEPALIVE);
    set_on(descriptor_, IPPROTO_TCP, TCP_NODELAY);  // refused by a Unix socket, which has no use for it
    listen();
}

acceptor::~acceptor()
{
    close();
}

void acceptor::on_ready(std::uint32_t)
{
    for (int taken = 0; taken < accepted_per_turn && accept_one(); ++taken) {
    }
}

bool acceptor::accept_one()
{
    if (descriptor_ < 0) {
        return false;
    }
    const int accepted = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0) {
        on_accept_(accepted);
        return true;
    }
    if (is_shortage(errno)) {
        ++times_out_of_descriptors_;
        rest();
        if (on_shortage_) {
            on_shortage_();
        }
        return false;
    }
    return errno == ECONNABORTED || errno == EINTR;
}

void acceptor::listen()
{
    resting_ = 0;
    registration_ = driver_->add_level(descriptor_, *this);
}

void acceptor::rest()
{
    driver_->remove(descriptor_, std::exchange(registration_, 0));
    resting_ = driver_->call_at(driver_->now() + pause, [this] { listen(); });
}

void acceptor::close()
{
    if (descriptor_ < 0) {
        return;
    }
    driver_->cancel(std::exchange(resting_, 0));
    if (registration_ != 0) {
        driver_->remove(descriptor_, std::exchange(registration_, 0));
    }
    const auto where = bound_to(descriptor_);
    if (where.address.ss_family == AF_UNIX) {
        ::unlink(where.text().c_str());  // before the close: afterwards the file may already be a successor's
    }
    ::close(std::exchange(descriptor_, -1));
}

result<int> listen_on(const endpoint& where, int backlog, mode_t file_mode)
{
    const auto family = where.address.ss_family;
    guarded_descriptor listening{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (listening.number < 0) {
        return last_error();
    }
    if (family != AF_UNIX) {
        set_on(listening.number, SOL_SOCKET, SO_REUSEADDR);
    }
    if (family == AF_INET6) {
        set_on(listening.number, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (!bind_to(listening.number, where)) {
        return last_error();
    }
    // Nobody can connect before listen(), so the file is never more open than it is meant to be.
    if (family == AF_UNIX && ::chmod(where.text().c_str(), file_mode) != 0) {
        return last_error();
    }
    if (::listen(listening.number, backlog) != 0) {
        return last_error();
    }
    return listening.release();
}

std::uint16_t local_port(int descriptor)
{
    const auto where = bound_to(descriptor);
    if (where.address.ss_family == AF_INET) {
        return ntohs(reinterpret_cast<const sockaddr_in&>(where.address).sin_port);
    }
    if (where.address.ss_family == AF_INET6) {
        return ntohs(reinterpret_cast<const sockaddr_in6&>(where.address).sin6_port);
    }
    return 0;
}

}  // namespace penstock::net
