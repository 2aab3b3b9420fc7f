// SPDX-License-Identifier: Apache-2.0
#include "control/members.hpp"

#include "router/freshness_board.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace penstock::control {
namespace {

constexpr std::size_t longest_host = 253;

bool is_of_a_name(char octet)
{
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') || (octet >= '0' && octet <= '9') ||
           octet == '-' || octet == '_' || octet == '.' || octet == ':';
}

}  // namespace

bool is_host(std::string_view text)
{
    return !text.empty() && text.size() <= longest_host && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), is_of_a_name);
}

std::optional<place> read_place(std::string_view text, std::uint16_t default_port)
{
    place found{.host = {}, .port = default_port};
    auto behind = std::string_view::npos;
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos) {
            return std::nullopt;
        }
        found.host = text.substr(1, end - 1);
        behind = end + 1;
    } else {
        behind = std::min(text.find(':'), text.size());
        found.host = text.substr(0, behind);
    }
    if (const auto rest = text.substr(behind); !rest.empty()) {
        const auto* const end = rest.data() + rest.size();
        const auto [stopped, fault] = std::from_chars(rest.data() + 1, end, found.port);
        if (rest.front() != ':' || fault != std::errc{} || stopped != end) {
            return std::nullopt;
        }
    }
    return is_host(found.host) && found.port != 0 ? std::optional{std::move(found)} : std::nullopt;
}

member_list checked(std::vector<member> members)
{
    const auto refused = [](const char* why) {
        member_list list;
        list.fault = why;
        return list;
    };
    if (members.empty()) {
        return refused("it lists no member");
    }
    if (members.size() > router::most_nodes) {
        return refused("it lists more than 64 members");
    }
    std::set<std::pair<std::string, std::uint16_t>> seen;
    for (const auto& each : members) {
        if (!is_host(each.host) || each.port == 0) {
            return refused("a member's host or port is none");
        }
        if (!seen.emplace(each.host, each.port).second) {
            return refused("a member is listed twice");
        }
    }
    member_list list;
    list.members = std::move(members);
    return list;
}

}  // namespace penstock::control
