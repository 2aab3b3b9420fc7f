// SPDX-License-Identifier: Apache-2.0
#include "protocols/mysql/common_greeting.hpp"

#include "protocols/mysql/capabilities.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace penstock::mysql {

namespace {

bool is_mariadb(std::string_view version)
{
    return version.find("MariaDB") != std::string_view::npos;
}

std::uint32_t take_number(std::string_view& text)
{
    std::uint32_t number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (text.starts_with('.')) {
        text.remove_prefix(1);
    }
    return fault == std::errc{} ? number : 0;
}

}  // namespace

server_version version_in(std::string_view text)
{
    constexpr std::string_view for_replicas = "5.5.5-";
    if (text.starts_with(for_replicas) && is_mariadb(text)) {
        text.remove_prefix(for_replicas.size());
    }
    server_version found;
    found.major = take_number(text);
    found.minor = take_number(text);
    found.patch = take_number(text);
    return found;
}

server_greeting common_greeting(const std::vector<server_greeting>& servers)
{
    server_greeting lowest{};
    const server_greeting* met = nullptr;  // the lowest of those whose capabilities are known
    capability_flags shared = ~capability_flags{0};
    for (const auto& each : servers) {
        const auto is_lower = [&each](const server_greeting& than) {
            return version_in(each.version) < version_in(than.version);
        };
        if (lowest.version.empty() || is_lower(lowest)) {
            lowest = each;
        }
        if (each.capabilities != 0) {
            met = met == nullptr || is_lower(*met) ? &each : met;
            shared &= each.capabilities;
        }
    }
    if (met == nullptr) {
        return lowest;
    }
    auto common = *met;
    common.version = lowest.version;
    // Bit 0 says which product it is, and with it what the upper half means.
    common.capabilities = is_mariadb(common.version) ? shared & ~capability::long_password
                                                     : (shared | capability::long_password) & capability::lower_half;
    return common;
}

}  // namespace penstock::mysql
