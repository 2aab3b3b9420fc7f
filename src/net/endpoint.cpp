// SPDX-License-Identifier: Apache-2.0
//
// Addresses: from text (numeric, socket path), from the resolver, and back to text.
#include "net/connect.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace penstock::net {

namespace {

// Boost's base has a protected destructor, at which GCC 12 warns nevertheless.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"
class gai_category final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "resolver"; }
    [[nodiscard]] std::string message(int code) const override { return gai_strerror(code); }
};
#pragma GCC diagnostic pop

struct address_list_freed {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

boost::system::error_code resolver_error(int code)
{
    if (code == EAI_SYSTEM) {
        return {errno, boost::system::generic_category()};
    }
    return {code, resolver_category()};
}

endpoint to_endpoint(const sockaddr* address, socklen_t size)
{
    endpoint place;
    place.size = std::min<socklen_t>(size, sizeof place.address);
    std::memcpy(&place.address, address, place.size);
    return place;
}

result<std::vector<endpoint>> ask_resolver(const std::string& host, std::uint16_t port, int flags)
{
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int code = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); code != 0) {
        return resolver_error(code);
    }
    const std::unique_ptr<addrinfo, address_list_freed> list{found};
    std::vector<endpoint> places;
    for (const auto* entry = list.get(); entry != nullptr; entry = entry->ai_next) {
        places.push_back(to_endpoint(entry->ai_addr, entry->ai_addrlen));
    }
    return places;
}

result<endpoint> unix_endpoint(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return make_error_code(boost::system::errc::filename_too_long);
    }
    path.copy(address.sun_path, path.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
    return to_endpoint(reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace

const boost::system::error_category& resolver_category()
{
    static const gai_category category;
    return category;
}

result<endpoint> numeric_endpoint(const std::string& host, std::uint16_t port)
{
    if (host.starts_with('/')) {
        return unix_endpoint(port == 0 ? host : host + "/.s.PGSQL." + std::to_string(port));
    }
    auto places = ask_resolver(host, port, AI_NUMERICHOST);
    if (places.has_error()) {
        return places.error();
    }
    return places->front();
}

result<std::vector<endpoint>> resolve(const std::string& host, std::uint16_t port)
{
    if (host.starts_with('/')) {
        auto place = numeric_endpoint(host, port);
        if (place.has_error()) {
            return place.error();
        }
        return std::vector<endpoint>{*place};
    }
    return ask_resolver(host, port, AI_ADDRCONFIG);
}

std::string endpoint::text() const
{
    char numeric[INET6_ADDRSTRLEN] = "";
    if (address.ss_family == AF_INET) {
        const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
        inet_ntop(AF_INET, &ipv4.sin_addr, numeric, sizeof numeric);
        return std::string{numeric} + ':' + std::to_string(ntohs(ipv4.sin_port));
    }
    if (address.ss_family == AF_INET6) {
        const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
        inet_ntop(AF_INET6, &ipv6.sin6_addr, numeric, sizeof numeric);
        return '[' + std::string{numeric} + "]:" + std::to_string(ntohs(ipv6.sin6_port));
    }
    const auto& local = reinterpret_cast<const sockaddr_un&>(address);
    if (address.ss_family == AF_UNIX && size > offsetof(sockaddr_un, sun_path) && local.sun_path[0] == '/') {
        return std::string{local.sun_path, strnlen(local.sun_path, size - offsetof(sockaddr_un, sun_path))};
    }
    return "unix";
}

bool operator==(const endpoint& left, const endpoint& right)
{
    return left.size == right.size && std::memcmp(&left.address, &right.address, left.size) == 0;
}

}  // namespace penstock::net
