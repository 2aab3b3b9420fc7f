// SPDX-License-Identifier: Apache-2.0
//
// A non-blocking connect, awaited until the socket becomes writable, fails, or the deadline passes.
#include "net/connect.hpp"

#include "net/event.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::net {

namespace {

/// A Unix socket whose listen backlog is full refuses with EAGAIN and tells nobody when there is room: we ask again.
constexpr milliseconds backlog_full_pause{10};

boost::system::error_code system_error(int number)
{
    return {number, boost::system::generic_category()};
}

/// A descriptor on its way to a stream; closes it if it never gets there.
class connecting final : public pollable {
public:
    connecting(driver& on, int descriptor) : driver_{on}, descriptor_{descriptor}, ready_{on} {}
    ~connecting() override
    {
        stop_watching();
        if (descriptor_ >= 0) {
            ::close(descriptor_);
        }
    }
    connecting(const connecting&) = delete;
    connecting& operator=(const connecting&) = delete;

    /// Becomes ready when the kernel reports, or at the deadline, which it cancels when destroyed.
    void watch(time_point deadline)
    {
        registration_ = driver_.add(descriptor_, *this);
        driver_.watch_output(descriptor_, registration_, true);
        timer_ = driver_.call_by(deadline, [this] {
            timed_out_ = true;
            ready_.fire();
        });
    }
    auto ready() { return ready_.wait(); }
    [[nodiscard]] bool timed_out() const { return timed_out_; }
    [[nodiscard]] int descriptor() const { return descriptor_; }

    int release()
    {
        stop_watching();
        return std::exchange(descriptor_, -1);
    }

    void on_ready(std::uint32_t events) override
    {
        if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
            ready_.fire();
        }
    }

private:
    void stop_watching()
    {
        if (registration_ != 0) {
            driver_.remove(descriptor_, std::exchange(registration_, 0));
            driver_.cancel(timer_);
        }
    }

    driver& driver_;
    int descriptor_;
    event ready_;
    driver::registration registration_ = 0;
    driver::timer_id timer_ = 0;
    bool timed_out_ = false;
};

void prepare(int descriptor, const endpoint& to)
{
    if (to.address.ss_family != AF_UNIX) {
        const int on = 1;
        ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    }
}

int start_connecting(int descriptor, const endpoint& to)
{
    return ::connect(descriptor, reinterpret_cast<const sockaddr*>(&to.address), to.size) == 0 ? 0 : errno;
}

int error_of(int descriptor)
{
    int number = 0;
    socklen_t size = sizeof number;
    return ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size) == 0 ? number : errno;
}

}  // namespace

task<result<std::unique_ptr<stream>>> connect(driver& on, endpoint to, time_point deadline)
{
    const int descriptor = ::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) {
        co_return system_error(errno);
    }
    connecting attempt{on, descriptor};
    prepare(descriptor, to);
    int status = start_connecting(descriptor, to);
    while (status == EAGAIN && on.now() < on.patient_until(deadline)) {
        co_await sleep_until(on, std::min(on.patient_until(deadline), on.now() + backlog_full_pause));
        status = start_connecting(descriptor, to);
    }
    if (status == EINPROGRESS) {
        attempt.watch(deadline);
        co_await attempt.ready();
        status = attempt.timed_out() ? ETIMEDOUT : error_of(descriptor);
    }
    if (status == EAGAIN) {
        status = ETIMEDOUT;
    }
    if (status != 0) {
        co_return system_error(status);
    }
    co_return std::make_unique<stream>(on, attempt.release());
}

}  // namespace penstock::net
