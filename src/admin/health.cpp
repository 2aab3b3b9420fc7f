// SPDX-License-Identifier: Apache-2.0
#include "admin/health.hpp"

#include "net/connect.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace penstock::admin {

namespace {

constexpr std::string_view request = "GET /health HTTP/1.1\r\nHost: penstock\r\nConnection: close\r\n\r\n";
constexpr std::size_t longest_answer = 16 * 1024;

/// A connected socket and the time by which everything is over.
class connection {
public:
    connection(const net::endpoint& to, time_point deadline)
        : deadline_{deadline}, socket_{::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)}
    {
        const auto* const address = reinterpret_cast<const sockaddr*>(&to.address);
        if (socket_ < 0 || (::connect(socket_, address, to.size) != 0 && errno != EINPROGRESS)) {
            failed_ = errno;
        } else if (wait(POLLOUT)) {
            socklen_t size = sizeof failed_;
            getsockopt(socket_, SOL_SOCKET, SO_ERROR, &failed_, &size);
        }
    }
    ~connection()
    {
        if (socket_ >= 0) {
            ::close(socket_);
        }
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    void write(std::string_view data)
    {
        while (failed_ == 0 && !data.empty() && wait(POLLOUT)) {
            const auto sent = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
            if (sent > 0) {
                data.remove_prefix(static_cast<std::size_t>(sent));
            } else if (errno != EAGAIN && errno != EINTR) {
                failed_ = errno;
            }
        }
    }

    std::string read_to_end()
    {
        std::string answer;
        char part[2048];
        while (failed_ == 0 && answer.size() < longest_answer && wait(POLLIN)) {
            const auto got = ::recv(socket_, part, sizeof part, 0);
            if (got == 0) {
                break;
            }
            if (got > 0) {
                answer.append(part, static_cast<std::size_t>(got));
            } else if (errno != EAGAIN && errno != EINTR) {
                failed_ = errno;
            }
        }
        return answer;
    }

    [[nodiscard]] int failed() const { return failed_; }

private:
    /// Until the socket is ready or the time is up.
    bool wait(short events)
    {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - clock::now());
        pollfd one{.fd = socket_, .events = events, .revents = 0};
        const auto ready = ::poll(&one, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (ready == 0 || (ready < 0 && errno != EINTR)) {
            failed_ = ready == 0 ? ETIMEDOUT : errno;
        }
        return failed_ == 0;
    }

    time_point deadline_;
    int socket_;
    int failed_ = 0;
};

health_answer judge(const std::string& answer)
{
    const auto status = answer.starts_with("HTTP/1.1 ") ? answer.substr(9, 3) : std::string{};
    if (status == "200") {
        return {true, "ok"};
    }
    return {false, status.empty() ? "it does not speak HTTP" : "it answers with status " + status};
}

/// Where a server listens on every address, it is asked on the loopback.
settings::address reachable(settings::address where)
{
    if (where.host.empty() || where.host == "0.0.0.0" || where.host == "*") {
        where.host = "127.0.0.1";
    } else if (where.host == "::") {
        where.host = "::1";
    }
    return where;
}

health_answer ask(const net::endpoint& to, time_point deadline)
{
    connection peer{to, deadline};
    peer.write(request);
    const auto answer = peer.read_to_end();
    if (peer.failed() != 0) {
        return {false, std::system_category().message(peer.failed())};
    }
    return judge(answer);
}

}  // namespace

health_answer ask_health(const settings::address& admin_port, milliseconds patience)
{
    const auto deadline = clock::now() + patience;
    const auto where = reachable(admin_port);
    health_answer answer{false, "no such host"};
    if (const auto known = net::numeric_endpoint(where.host, where.port)) {
        answer = ask(*known, deadline);
    } else if (const auto found = net::resolve(where.host, where.port)) {
        for (auto each = found->begin(); each != found->end() && !answer.healthy; ++each) {
            answer = ask(*each, deadline);
        }
    }
    answer.text = where.text() + ": " + answer.text;
    return answer;
}

}  // namespace penstock::admin
