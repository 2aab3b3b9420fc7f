// SPDX-License-Identifier: Apache-2.0
#include "control/patroni.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace penstock::control {
namespace json = boost::json;

namespace {

std::string_view text_at(const json::object& from, std::string_view key)
{
    const auto* const found = from.if_contains(key);
    const auto* const text = found != nullptr ? found->if_string() : nullptr;
    return text != nullptr ? std::string_view{text->data(), text->size()} : std::string_view{};
}

bool is_leader(std::string_view role)
{
    return role == "leader" || role == "primary" || role == "master";
}

/// Other states are those of a server that is being made, starts, has stopped or failed to.
bool is_running(std::string_view state)
{
    constexpr std::array<std::string_view, 3> states{"running", "streaming", "in archive recovery"};
    return std::find(states.begin(), states.end(), state) != states.end();
}

/// The tag that keeps a replica out of GET /replica.
bool is_spared(const json::object& from)
{
    const auto* const tags = from.if_contains("tags");
    const auto* const object = tags != nullptr ? tags->if_object() : nullptr;
    const auto* const tag = object != nullptr ? object->if_contains("noloadbalance") : nullptr;
    return tag != nullptr && tag->is_bool() && tag->get_bool();
}

/// Port 0 where it is none, which no list may have.
std::uint16_t port_of(const json::object& from)
{
    const auto* const found = from.if_contains("port");
    const auto* const number = found != nullptr ? found->if_int64() : nullptr;
    return number != nullptr && *number > 0 && *number <= 65535 ? static_cast<std::uint16_t>(*number)
                                                                : std::uint16_t{0};
}

}  // namespace

member_list read_patroni(std::string_view document)
{
    member_list refused;
    json::parse_options limits;
    limits.max_depth = 8;
    boost::system::error_code fault;
    const auto parsed = json::parse(json::string_view{document.data(), document.size()}, fault, {}, limits);
    if (fault || !parsed.is_object()) {
        refused.fault = "its answer is no JSON object";
        return refused;
    }
    const auto* const listed = parsed.get_object().if_contains("members");
    if (listed == nullptr || !listed->is_array()) {
        refused.fault = "its answer has no members";
        return refused;
    }
    std::vector<member> members;
    for (const auto& each : listed->get_array()) {
        if (!each.is_object()) {
            refused.fault = "a member is no JSON object";
            return refused;
        }
        const auto& one = each.get_object();
        if (!one.contains("host")) {
            continue;
        }
        members.push_back({.host = std::string{text_at(one, "host")},
                           .port = port_of(one),
                           .leads = is_leader(text_at(one, "role")),
                           .runs = is_running(text_at(one, "state")),
                           .reads = !is_spared(one)});
    }
    return checked(std::move(members));
}

std::optional<place> read_patroni_url(std::string_view url)
{
    constexpr std::string_view scheme = "http://";
    constexpr std::uint16_t usual_port = 8008;
    if (!url.starts_with(scheme)) {
        return std::nullopt;
    }
    url.remove_prefix(scheme.size());
    const auto slash = std::min(url.find('/'), url.size());
    const auto path = url.substr(slash);
    const bool is_known = path.empty() || path == "/" || path == "/cluster";
    return is_known ? read_place(url.substr(0, slash), usual_port) : std::nullopt;
}

}  // namespace penstock::control
