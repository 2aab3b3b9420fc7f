// SPDX-License-Identifier: Apache-2.0
//
// What comments ask for: "penstock: replica no_retry", or the pairs of sqlcommenter, "penstock_route='replica'".
//
// What is not understood is left out and told, and of two routes the first counts. Values of sqlcommenter are
// percent-encoded; its other pairs are not ours to judge.
#pragma once

#include "protocols/wire/request_facts.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace penstock {

struct route_comment {
    route_hint hint = route_hint::none;
    std::string node{};  ///< for route_hint::node, as it is written
    bool no_retry = false;
    bool is_wrong = false;  ///< a part of it was not understood
};

/// `comment` begins with "penstock:", or with the first pair that is ours; see hint_in().
[[nodiscard]] route_comment read_route_comment(std::string_view comment);

/// What a session's setting says: "primary", "replica" or "auto" (route_hint::none), in any case.
[[nodiscard]] std::optional<route_hint> read_route_setting(std::string_view value);

/// Where in a comment's inside a hint begins: the rest of it, or nothing.
[[nodiscard]] std::string_view hint_in(std::string_view comment);

}  // namespace penstock
