// SPDX-License-Identifier: Apache-2.0
//
// What a comment "penstock: ..." asks for. Whatever it does not know it ignores.
#pragma once

#include "protocols/wire/request_facts.hpp"

#include <string_view>

namespace penstock {

/// `comment` begins with "penstock:".
[[nodiscard]] constexpr route_hint read_route_comment(std::string_view comment)
{
    constexpr std::string_view blank = " \t\r\n";
    comment.remove_prefix(std::string_view{"penstock:"}.size());
    const auto from = comment.find_first_not_of(blank);
    if (from == std::string_view::npos) {
        return route_hint::none;
    }
    const auto to = comment.find_first_of(" \t\r\n,;*", from);
    const auto word = comment.substr(from, to == std::string_view::npos ? to : to - from);
    return word == "primary" ? route_hint::primary : word == "replica" ? route_hint::replica : route_hint::none;
}

}  // namespace penstock
