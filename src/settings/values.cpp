// SPDX-License-Identifier: Apache-2.0
#include "settings/values.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace penstock::settings {

namespace {

struct unit {
    std::string_view name;
    std::uint64_t worth;
};

/// Nanoseconds, largest first.
constexpr auto time_units = std::to_array<unit>({
    {"d", 86'400'000'000'000ULL},
    {"h", 3'600'000'000'000ULL},
    {"min", 60'000'000'000ULL},
    {"s", 1'000'000'000ULL},
    {"ms", 1'000'000ULL},
    {"us", 1'000ULL},
});
constexpr auto size_units =
    std::to_array<unit>({{"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}});

template <class Units>
std::optional<std::uint64_t> parse_with_unit(std::string_view text, const Units& units)
{
    std::uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, fault] = std::from_chars(text.data(), end, number);
    if (fault != std::errc{}) {
        return std::nullopt;
    }
    std::string_view name{rest, static_cast<std::size_t>(end - rest)};
    while (name.starts_with(' ')) {
        name.remove_prefix(1);
    }
    for (const auto& [candidate, worth] : units) {
        const auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / worth;
        if (candidate == name && number <= most) {
            return number * worth;
        }
    }
    return std::nullopt;
}

template <class Units>
std::string text_with_unit(std::uint64_t value, const Units& units, std::string_view unit_of_zero)
{
    for (const auto& [name, worth] : units) {
        if (value >= worth && value % worth == 0) {
            return std::to_string(value / worth).append(name);
        }
    }
    return value == 0 ? std::string{"0"}.append(unit_of_zero)
                      : std::to_string(value / units.back().worth).append(units.back().name);
}

std::optional<address> parse_unix(std::string_view text, std::uint16_t default_port)
{
    const auto colon = text.rfind(':');
    const auto folder = text.substr(0, colon);
    const auto port = colon == std::string_view::npos ? default_port : parse_port(text.substr(colon + 1));
    if (!port || !folder.starts_with('/') || folder.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    return address{std::string{folder}, *port};
}

/// As far as telling it from a typing error needs: the octets of an address, then perhaps a zone.
bool is_ipv6(std::string_view text)
{
    const auto zone = text.find('%');
    return text.substr(0, zone).find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
           (zone == std::string_view::npos || zone + 1 < text.size());
}

bool is_host(std::string_view text)
{
    return !text.empty() && text.find_first_of(" \t\n\r/:@?#[]*,\"'") == std::string_view::npos &&
           text.find('\0') == std::string_view::npos;
}

}  // namespace

std::optional<duration> parse_duration(std::string_view text)
{
    const auto nanoseconds = parse_with_unit(text, time_units);
    if (!nanoseconds) {
        return std::nullopt;
    }
    return std::chrono::duration_cast<duration>(std::chrono::nanoseconds{static_cast<std::int64_t>(*nanoseconds)});
}

std::string duration_text(duration value)
{
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(value).count();
    return text_with_unit(static_cast<std::uint64_t>(nanoseconds), time_units, "s");
}

std::optional<std::uint64_t> parse_octets(std::string_view text)
{
    return parse_with_unit(text, size_units);
}

std::string octets_text(std::uint64_t value)
{
    return text_with_unit(value, size_units, "B");
}

std::optional<std::uint16_t> parse_port(std::string_view text)
{
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [rest, fault] = std::from_chars(text.data(), end, port);
    if (fault != std::errc{} || rest != end) {
        return std::nullopt;
    }
    return port;
}

std::optional<address> parse_address(std::string_view text, std::uint16_t default_port)
{
    if (text.starts_with("unix:")) {
        return parse_unix(text.substr(5), default_port);
    }
    std::string_view host = text;
    std::string_view behind;
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) {
            return std::nullopt;
        }
        host = text.substr(1, close - 1);
        behind = text.substr(close + 1);
        if (host.find(':') == std::string_view::npos || !is_ipv6(host)) {
            return std::nullopt;
        }
    } else {
        const auto colon = text.find(':');
        host = text.substr(0, colon);
        behind = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
        if (!is_host(host)) {
            return std::nullopt;
        }
    }
    const auto port = behind.empty()          ? default_port
                      : behind.front() == ':' ? parse_port(behind.substr(1))
                                              : std::nullopt;
    return port ? std::optional{address{std::string{host}, *port}} : std::nullopt;
}

std::string address::text() const
{
    const auto behind = ':' + std::to_string(port);
    if (is_unix()) {
        return "unix:" + host + (port == 0 ? "" : behind);
    }
    return host.find(':') == std::string::npos ? host + behind : '[' + host + ']' + behind;
}

}  // namespace penstock::settings
